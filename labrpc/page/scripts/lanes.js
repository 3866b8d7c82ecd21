// The lanes of the picture: terms as bands, roles as strokes, crashes hatched, cuts as fences, operations as boxes.

// The first span of a sorted list that ends after an event.
function firstSpan(spans, event, end) {
  let low = 0, high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle][end] <= event) low = middle + 1;
    else high = middle;
  }
  return low;
}

const bandWidth = place => Math.max(8, Math.min(place.w - 6, 58));

// What a picture shows of a column: events `first` to `last`, heights `top` to `bottom`.
function paintLanes(column, places, window) {
  return lanes.map((lane, index) => {
    const place = places[index];
    if (!lane.server) return paintClient(column, index, place, window);
    return paintBands(column, index, place, window) + paintFences(column, index, place, window);
  }).join('');
}

function paintBands(column, index, { x, w }, window) {
  const bands = column.run.bands[index], width = bandWidth({ w }), html = [];
  const hidden = view.hiddenLanes.has(lanes[index].id);
  for (let k = firstSpan(bands, window.first, 'to'); k < bands.length && bands[k].from <= window.last; k++) {
    const band = bands[k];
    const from = band.from < 0 ? window.start : eventY(column, band.from);
    const to = band.to >= column.run.events.length ? window.bottom : eventY(column, band.to);
    const top = Math.max(from, window.top - 40), height = Math.min(to, window.bottom + 40) - top;
    if (height < 0) continue;
    const box = `x="${x - width / 2}" y="${top}" width="${width}" height="${height}"`;
    if (!band.up) {
      html.push(`<rect class="down" ${box}/>`);
      continue;
    }
    const stroke = band.paused ? 'paused' : ROLE_NAMES[band.role];
    html.push(`<rect class="${hasStates ? `band${band.term % 6}` : 'no-band'}" ${box}/>`
      + `<line class="${stroke}" x1="${x}" x2="${x}" y1="${top}" y2="${top + height}"/>`);
    const isNews = k === 0 || bands[k - 1].term !== band.term || !bands[k - 1].up;
    if (isNews && hasStates && !hidden && to - from > 14) {
      const text = w > 48 ? 'T' + band.term : band.term;
      // In a narrow lane the label stands below the shape of the event that began the band.
      const y = Math.max(from, 0) + (w > 48 || to - from < 30 ? 13 : 21);
      html.push(`<text class="term-label" x="${x + width / 2 - 2}" y="${y}" text-anchor="end">${text}</text>`);
    }
  }
  return html.join('');
}

function paintFences(column, index, { x, w }, window) {
  const fences = column.run.fences[index], half = bandWidth({ w }) / 2 + 3, html = [];
  for (let k = firstSpan(fences, window.first, 'to'); k < fences.length && fences[k].from <= window.last; k++) {
    const { from, to, all } = fences[k];
    const top = Math.max(from < 0 ? window.start : eventY(column, from), window.top - 40);
    const bottom = to >= column.run.events.length ? window.bottom : Math.min(eventY(column, to), window.bottom + 40);
    if (bottom < top) continue;
    const side = left => `<rect class="fence-fill" x="${left}" y="${top}" width="9" height="${bottom - top}"/>`;
    if (all && w > 30) html.push(side(x - half) + side(x + half - 9));
    html.push(`<path class="fence" d="M${x - half} ${top}V${bottom}M${x + half} ${top}V${bottom}"/>`);
  }
  return html.join('');
}

function paintClient(column, index, place, window) {
  const { x } = place, width = bandWidth(place), pad = rowHeight() * .38;
  const html = [`<line class="client" x1="${x}" x2="${x}" y1="${window.top}" y2="${window.bottom}"/>`];
  const operations = column.run.operationsOfLane[index];
  for (let k = firstSpan(operations, window.first, 'ret'); k < operations.length && operations[k].call <= window.last; k++) {
    const operation = operations[k], part = column.run === failing ? witness.get(operation.number) ?? '' : '';
    const top = eventY(column, operation.call) - pad;
    const bottom = operation.done ? eventY(column, operation.ret) + pad : window.bottom;
    html.push(`<rect class="operation ${part}" x="${x - width / 2}" y="${top}" width="${width}"`
      + ` height="${Math.max(2, bottom - top)}" rx="4"/>`);
    if (!hasShapes()) continue;
    if (operation.server !== undefined) html.push(serverMark(operation.server, x + width / 2, bottom - 2));
    if (width < 44) continue;
    const text = `class="operation-text${part === 'wrong' || part === 'missed' ? ' inverse' : ''}" x="${x}"`;
    // The number of a step of the clash takes the box's first line.
    html.push(`<text ${text} y="${top + (clashStep.has(operation.call) ? 30 : 14)}">`
      + `${escapeHtml(shortOperation(operation.fields, width))}</text>`);
    if (hasResult(operation.fields.op, operation.result) && bottom - top > 34) {
      html.push(`<text ${text} y="${bottom - 6}">→ ${escapeHtml(String(shownValue(operation.result)).slice(0, 9))}</text>`);
    }
  }
  return html.join('');
}

// The server that answered an operation, as its number in a ring.
const serverMark = (server, x, y) => `<g class="server-mark"><title>answered by ${escapeHtml(laneName(server))}</title>`
  + `<circle cx="${x}" cy="${y}" r="7"/><text x="${x}" y="${y + 3.5}">${escapeHtml(server)}</text></g>`;

function shortOperation(fields, width) {
  const whole = operationText(fields).replace(' = ', '=');
  if (whole.length * 6.1 < width) return whole;
  const name = String(fields.op ?? ''), key = String(fields.key ?? '');
  return name.length + key.length < 9 ? `${name} ${key}` : name;
}
