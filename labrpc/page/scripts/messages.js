// Messages as arrows from send to receive. A lost one ends in a cross; a second copy is a double line.

// An arrow between two points, as a line and its head.
function arrow(x1, y1, x2, y2, stroke, isCopy) {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1, ux = (x2 - x1) / length, uy = (y2 - y1) / length;
  const tipX = x2 - ux * 5, tipY = y2 - uy * 5, f = value => value.toFixed(1);
  const line = `M${f(x1 + ux * 5)} ${f(y1 + uy * 5)}L${f(tipX - ux * 5)} ${f(tipY - uy * 5)}`;
  const head = `M${f(tipX)} ${f(tipY)}l${f(-ux * 8 - uy * 3.4)} ${f(-uy * 8 + ux * 3.4)}l${f(uy * 6.8)} ${f(-ux * 6.8)}z`;
  return `<path class="message ${isCopy ? 'copy ' : ''}${stroke}" d="${line}"/>`
    + (isCopy ? `<path class="copy-core" d="${line}"/>` : '')
    + `<path class="head ${stroke.includes('granted') ? 'granted' : ''}" d="${head}"/>`;
}

// Where a message that never arrives ends.
function lostEnd(column, places, message) {
  const from = places[laneIndex.get(message.from)], to = places[laneIndex.get(message.to)];
  const reach = !message.lost ? .85 : message.lost === 'cut' ? .45 : .72;
  const fall = Math.max(6, rowHeight() * (message.lost ? .62 : 1.1));
  return [from.x + (to.x - from.x) * reach, sentY(column, message) + fall];
}

const sentY = (column, message) => (message.sent < 0 ? slotY(layout.partsSlot) - rowHeight() : eventY(column, message.sent));

function paintMessage(column, places, number, classes) {
  const message = column.run.messages[number];
  const from = places[laneIndex.get(message.from)], to = places[laneIndex.get(message.to)];
  if (!from || !to) return '';
  const y1 = sentY(column, message), stroke = strokeOf(message), html = [];
  const isClash = column.run === failing
    && (clashStep.has(message.sent) || message.received.some(event => clashStep.has(event)));
  if (message.received.length) {
    message.received.forEach((event, copy) => {
      const isCopy = copy > 0 || column.run.events[event].dup;
      html.push(arrow(from.x, y1, to.x, eventY(column, event), stroke, isCopy));
    });
  } else {
    const [x2, y2] = lostEnd(column, places, message);
    html.push(`<path class="message ${stroke}" d="M${from.x} ${y1}L${x2} ${y2}"/>`);
    if (message.lost && hasShapes()) html.push(`<path class="lost"`
      + ` d="M${x2 - 4} ${y2 - 4}l8 8M${x2 + 4} ${y2 - 4}l-8 8"/>`);
  }
  if (hasShapes() && message.sent >= 0) html.push(`<g class="tail">${GLYPHS[tailOf(message)](from.x, y1)}</g>`);
  return `<g class="${isClash ? 'in-clash ' : ''}${classes}">${html.join('')}</g>`;
}

// All messages that cross the slots `from` to `to`.
function paintMessages(column, places, from, to, isPast) {
  const { run, buckets } = column, seen = new Set(), html = [];
  for (let bucket = Math.max(0, from >> 6); bucket <= to >> 6; bucket++) {
    for (const number of buckets[bucket] ?? []) {
      if (seen.has(number)) continue;
      seen.add(number);
      const message = run.messages[number];
      if (message.firstSlot > to + 1 || message.lastSlot < from - 1) continue;
      html.push(paintMessage(column, places, number, isPast ? pastClass(message, isPast) : ''));
    }
  }
  return html.join('');
}

function pastClass(message, isPast) {
  if (!isPast(message.sent)) return 'dimmed';
  return message.received.some(isPast) || message.sent === view.cursor ? '' : 'half';
}

// A shorter arrow stands beside the row that says what it is.
const LABELLED_ARROW_MIN = 90;

// The name of the message under the cursor, near the end that the cursor is at.
function labelMessage(column, places, number, event) {
  const message = column.run.messages[number];
  const from = places[laneIndex.get(message.from)], to = places[laneIndex.get(message.to)];
  if (!from || !to || !hasShapes() || !message.received.length) return '';
  const y1 = sentY(column, message), y2 = eventY(column, message.received[0]);
  if (Math.abs(y2 - y1) < LABELLED_ARROW_MIN) return '';
  const text = escapeHtml(message.name) + (message.fields.term === undefined ? '' : ' T' + message.fields.term);
  const share = Math.min(.5, 90 / Math.abs(y2 - y1)), near = event === message.sent ? share : 1 - share;
  const x = from.x + (to.x - from.x) * near, y = y1 + (y2 - y1) * near - 6;
  return `<text class="message-label" x="${x}" y="${y}">${text}</text>`;
}
