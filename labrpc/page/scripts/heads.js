// The heads of the lanes, with each server's role and term at the cursor.

function headHtml(lane, index, { x, w }) {
  const key = index < 9 ? index + 1 : '', name = w > 70 ? lane.name : lane.id;
  const script = lane.scripted ? ', scripted' : '';
  return `<button data-lane="${escapeHtml(lane.id)}" aria-pressed="${view.lane === lane.id}"`
    + ` class="${view.hiddenLanes.has(lane.id) ? 'off' : ''}" style="left:${x - w / 2}px;width:${w}px"`
    + ` title="${escapeHtml(lane.name)}${script}: select (${key}), then n for its next event">${escapeHtml(name)}`
    + `<small></small></button>`;
}

function passingHeadHtml(lane, { x, w }) {
  return `<div style="left:${x - w / 2}px;width:${w}px" title="${escapeHtml(lane.name)} in the passing run">`
    + `${escapeHtml(lane.id)}<small></small></div>`;
}

function drawHeads() {
  const html = lanes.map((lane, index) => headHtml(lane, index, geometry.failing.lanes[index]));
  if (view.showPassing) {
    const { textX, textWidth } = geometry.failing, other = geometry.passing;
    html.push(...lanes.map((lane, index) => passingHeadHtml(lane, other.lanes[index])));
    if (textWidth > 60) html.push(`<div class="about" style="left:${textX}px;width:${textWidth - 8}px">`
      + `<b>This run fails.</b></div>`);
    if (other.textWidth > 60) html.push(`<div class="about"`
      + ` style="left:${other.textX}px;width:${other.textWidth - 8}px" title="${escapeHtml(story.twin.without)}">`
      + `<b>Passes without:</b> ${escapeHtml(story.twin.without)}</div>`);
  }
  byId('lane-heads').innerHTML = html.join('');
  drawHeadStates();
}

function headState(state, scripted, width) {
  if (!state || width <= 22) return '';
  if (!state.up) return 'down';
  if (!hasStates) return scripted ? 'script' : '';
  const isMarked = scripted && width > 64;
  const role = width > 84 && !isMarked ? ROLE_NAMES[state.role] : state.role.toUpperCase();
  return `${isMarked ? 'script, ' : ''}${role} ${state.term}`;
}

function drawHeadStates() {
  const world = failing.worldAfter(view.cursor);
  byId('lane-heads').querySelectorAll('button').forEach((button, index) => {
    button.lastChild.textContent = headState(world.servers[index], lanes[index].scripted, geometry.failing.lanes[index].w);
  });
  if (!view.showPassing) return;
  const other = view.cursor < partsAt ? null : passing.worldAfter(view.passingCursor);
  byId('lane-heads').querySelectorAll('div:not(.about)').forEach((head, index) => {
    head.lastChild.textContent = headState(other?.servers[index], false, geometry.passing.lanes[index].w);
  });
}
