// The clash in the picture: its steps, numbered and joined.

function paintClash(places, window) {
  const points = clash.map(step => {
    const place = places[laneOfEvent(failing.events[step.e])], y = eventY(columns.failing, step.e);
    // What the test says belongs to no lane.
    if (!place) return { x: places[0].x - bandWidth(places[0]) / 2 - 10, y };
    return { x: place.x - bandWidth(place) / 2, y, lane: place.x };
  });
  const html = [];
  for (let k = 1; k < points.length; k++) {
    const a = points[k - 1], b = points[k];
    if (b.y < window.top - 50 || a.y > window.bottom + 50) continue;
    const bend = Math.min(60, (b.y - a.y) / 2);
    const path = a.x === b.x
      ? `M${a.x} ${a.y}V${b.y}`
      : `M${a.x} ${a.y}C${a.x} ${a.y + bend} ${b.x} ${b.y - bend} ${b.x} ${b.y}`;
    html.push(`<path class="clash-line" d="${path}"/>`);
  }
  points.forEach(({ x, y, lane }, k) => {
    if (y < window.top - 30 || y > window.bottom + 30) return;
    const toLane = lane === undefined ? '' : `<path class="clash-line" d="M${x} ${y}H${lane - 7}"/>`;
    html.push(`${toLane}<circle class="clash-dot" cx="${x}" cy="${y}" r="8.5"/>`
      + `<text class="clash-number" x="${x}" y="${y + 4}">${k + 1}</text>`);
  });
  return html.join('');
}

// The steps in the header.
function fillSteps() {
  const list = byId('steps');
  if (!list) return;
  list.innerHTML = clash.map((step, k) => {
    const event = failing.events[step.e], words = eventWords(event).slice(0, event.k === 'ret' ? 3 : 2).join(' ');
    return `<li><button data-event="${step.e}"><span class="number">${k + 1}</span><time>${seconds(event.t)} s</time>`
      + `<span>${escapeHtml(words)}</span></button></li>`;
  }).join('');
}

// Buttons at the edges of the diagram that say where the clash is when it is out of sight.
function drawPills(top, bottom) {
  const above = clash.filter(step => eventY(columns.failing, step.e) < top + 20);
  const below = clash.filter(step => eventY(columns.failing, step.e) > bottom - 10);
  drawPill('pill-above', phone.matches ? null : above.at(-1), '↑ clash above');
  drawPill('pill-below', phone.matches ? null : below[0], '↓ clash below');
}

function drawPill(id, step, text) {
  let pill = byId(id);
  if (!step) {
    pill?.remove();
    return;
  }
  if (!pill) {
    pill = document.createElement('button');
    Object.assign(pill, { id, className: 'pill', tabIndex: -1, textContent: text });
    scroller.parentElement.append(pill);
  }
  pill.dataset.event = step.e;
  pill.style.right = innerWidth - sizes.right + 14 + 'px';
  pill.style.top = (id === 'pill-above' ? sizes.top + 52 : sizes.bottom - 36) + 'px';
}
