// The picture. A base with more than what is in sight is drawn rarely; the cursor and what hangs on it, often.

const drawn = { from: 0, to: 0, key: '', overlay: '' };

function paintColumn(column, places, from, to, isPast) {
  const all = to >= layout.slots;
  const window = {
    start: column.run === failing ? 0 : layout.y[layout.partsSlot] ?? 0,
    top: from ? layout.y[from] : 0,
    bottom: all ? layout.height : layout.y[to],
    first: (column.next[from] ?? 0) - 1, // what ends with the first event may still reach into the window
    last: all ? column.run.events.length : column.next[to],
  };
  window.top = Math.max(window.top, window.start);
  if (window.bottom < window.start) return '';
  return paintLanes(column, places, window)
    + paintMessages(column, places, from, to, isPast)
    + paintMarks(column, places, from, to, isPast)
    + (column.run === failing ? paintClash(places, window) : '');
}

// The shapes of all events but sends, whose tails belong to their messages.
function paintMarks(column, places, from, to, isPast) {
  const html = [], { run } = column;
  for (let slot = from; slot < Math.min(to, layout.slots); slot++) {
    const index = column.eventAt[slot];
    if (index < 0) continue;
    const event = run.events[index], lane = run.lanesOfEvents[index];
    if (lane < 0 || event.k === 'send') continue;
    const { x } = places[lane], y = slotY(slot), dimmed = isPast && !isPast(index) ? 'dimmed' : '';
    if (event.k === 'recv') {
      if (hasShapes()) html.push(`<g class="${dimmed}">${GLYPHS.dot(x, y)}</g>`);
      continue;
    }
    const glyph = event.k === 'role' && !event.d?.role ? GLYPHS.dot : GLYPHS[event.k];
    if (!glyph) continue;
    const isClash = run === failing && clashStep.has(index) ? 'in-clash ' : '';
    if (hasShapes()) html.push(`<g class="${isClash}${dimmed}">${glyph(x, y, event.d?.role)}</g>`);
    else if (event.k === 'crash' || event.k === 'role') {
      html.push(`<rect class="solid" x="${x - 5}" y="${y - 1}" width="10" height="2"/>`);
    }
  }
  return html.join('');
}

function draw() {
  if (!layout.slots) {
    rowList.innerHTML = `<p style="padding:30px">`
      + `${eventCount ? 'Nothing to show with these filters.' : 'This story has no events.'}</p>`;
    picture.innerHTML = '';
    return;
  }
  const top = Math.max(0, scroller.scrollTop - sizes.stageTop), bottom = top + sizes.viewHeight;
  const first = slotAt(top), last = Math.min(layout.slots, slotAt(bottom) + 1);
  const key = [view.onlyCause && view.cursor, view.zoom, view.query, revision].join();
  const isStale = key !== drawn.key || first < drawn.from || last > drawn.to;
  if (isStale) drawBase(first, last, key);
  const overlay = [view.cursor, view.passingCursor, view.hover].join();
  if (isStale || overlay !== drawn.overlay) {
    drawn.overlay = overlay;
    drawOverlay();
  }
  drawPills(top, bottom);
  drawMapView();
}

function drawBase(first, last, key) {
  const margin = Math.min(60, Math.ceil((last - first) * .7) + 4);
  const from = Math.max(0, first - margin), to = Math.min(layout.slots, last + margin);
  Object.assign(drawn, { key, from, to });
  const top = from ? layout.y[from] - 30 : 0, height = Math.min(layout.height, layout.y[to] + 60) - top;
  const isPast = view.onlyCause ? pastOf(view.cursor) : null;
  for (const svg of [picture, byId('over')]) {
    svg.setAttribute('width', geometry.width);
    svg.setAttribute('height', height);
    svg.setAttribute('viewBox', `0 ${top} ${geometry.width} ${height}`);
    svg.style.transform = `translateY(${top}px)`;
  }
  picture.innerHTML = paintColumn(columns.failing, geometry.failing.lanes, from, to, isPast)
    + (view.showPassing ? paintColumn(columns.passing, geometry.passing.lanes, from, to, null) : '');
  const html = [];
  if (view.showPassing) html.push(`<div class="parting" style="top:${layout.y[layout.partsSlot] - 2}px">`
    + `<span>the same until here</span></div>`,
      `<div class="divider" style="top:${layout.y[layout.partsSlot] - 2}px;left:${geometry.split}px"></div>`);
  if (hasText()) {
    for (let slot = from; slot < to; slot++) {
      html.push(rowHtml(slot, isPast), gapHtml(slot));
      if (view.showPassing) html.push(passingRowHtml(slot));
    }
  }
  rowList.innerHTML = html.join('');
}

// The message at the cursor, the one under the pointer, and the cursor itself.
function drawOverlay() {
  const { failing: main, passing: other } = columns, parts = [];
  const add = (column, places, index) => {
    const number = index < 0 ? -1 : column.run.messageOf(index);
    if (number >= 0) parts.push(paintMessage(column, places, number, 'on') + labelMessage(column, places, number, index));
  };
  add(main, geometry.failing.lanes, view.cursor);
  if (failing.messageOf(view.hover) !== failing.messageOf(view.cursor)) add(main, geometry.failing.lanes, view.hover);
  if (view.showPassing) add(other, geometry.passing.lanes, view.passingCursor);
  byId('over').innerHTML = parts.join('');

  const cursor = byId('cursor');
  cursor.style.transform = `translateY(${layout.y[main.slotOf[view.cursor]] ?? 0}px)`;
  cursor.style.height = rowHeight() + 'px';
  cursor.style.right = geometry.width - geometry.split + 'px';
  const otherCursor = byId('passing-cursor'), isFollowed = view.showPassing && view.passingCursor >= 0;
  const otherSlot = isFollowed ? other.slotOf[view.passingCursor] : -1;
  otherCursor.hidden = otherSlot < 0 || other.eventAt[otherSlot] !== view.passingCursor;
  if (!otherCursor.hidden) {
    otherCursor.style.transform = `translateY(${layout.y[otherSlot]}px)`;
    otherCursor.style.height = rowHeight() + 'px';
    otherCursor.style.left = geometry.split + 'px';
  }
  if (hasText()) {
    for (const row of rowList.querySelectorAll('.current')) {
      row.classList.remove('current');
      row.setAttribute('aria-selected', 'false');
    }
    byId('e' + view.cursor)?.classList.add('current');
    byId('e' + view.cursor)?.setAttribute('aria-selected', 'true');
    byId('p' + view.passingCursor)?.classList.add('current');
  } else {
    rowList.innerHTML = sparseRowsHtml();
  }
}
