// Filters hide lanes and groups of events. They never hide the clash.

function fillFilters() {
  const counts = {};
  for (const group of failing.groups) counts[group] = (counts[group] ?? 0) + 1;
  const laneBoxes = lanes.map(lane => `<label><input type="checkbox" data-of-lane="${escapeHtml(lane.id)}"`
    + ` checked> ${escapeHtml(lane.name)}</label>`);
  const groupBoxes = Object.entries(GROUPS).filter(([group]) => counts[group])
    .map(([group, name]) => `<label><input type="checkbox" data-of-group="${group}" checked> ${name} <span>`
      + `${grouped(counts[group])}</span></label>`);
  byId('filter').lastElementChild.innerHTML = `<fieldset><legend>Lanes</legend>${laneBoxes.join('')}</fieldset>`
    + `<fieldset><legend>Events</legend>${groupBoxes.join('')}</fieldset>`;
}

function listenToFilters() {
  const filter = byId('filter');
  filter.addEventListener('change', event => {
    const { ofLane, ofGroup } = event.target.dataset, hidden = ofLane === undefined ? view.hiddenGroups : view.hiddenLanes;
    if (event.target.checked) hidden.delete(ofLane ?? ofGroup);
    else hidden.add(ofLane ?? ofGroup);
    updateLayout();
    goTo(view.cursor, { quiet: true });
  });
  document.addEventListener('pointerdown', event => {
    if (!filter.contains(event.target)) filter.open = false;
  });
}
