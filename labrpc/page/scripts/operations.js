// The clients' operations as boxes over true time, with the faults below them. Long silences are folded.

const OPERATIONS_MAX = 48; // more boxes than this cannot be read
const STRIP_NAME_WIDTH = 52;
const STRIP_ROW_HEIGHT = 26;
const FAULT_ROW_HEIGHT = 13;

const callTime = operation => failing.events[operation.call].t;
const retTime = operation => failing.events[operation.done ? operation.ret : eventCount - 1].t;

// The operations that are shown: all, or those nearest to the witness (without one, to the cursor).
function chosenOperations() {
  const all = [...failing.operations.values()];
  if (all.length <= OPERATIONS_MAX) return all;
  const marked = all.filter(operation => witness.has(operation.number));
  const cursor = failing.events[view.cursor].t;
  const spans = marked.length ? marked.map(operation => [callTime(operation), retTime(operation)]) : [[cursor, cursor]];
  const distance = operation => {
    if (witness.has(operation.number)) return -1;
    return Math.min(...spans.map(([from, to]) => Math.max(0, from - retTime(operation), callTime(operation) - to)));
  };
  return all.map(operation => [distance(operation), operation]).sort((a, b) => a[0] - b[0]).slice(0, OPERATIONS_MAX)
    .map(([, operation]) => operation).sort((a, b) => a.call - b.call);
}

// Maps times to places. A stretch in which no operation runs is folded to a sixth of a ninth of all.
function foldedScale(operations, left, right) {
  const times = [...new Set(operations.flatMap(operation => [callTime(operation), retTime(operation)]))].sort((a, b) => a - b);
  const fold = ((times.at(-1) - times[0]) || 1) / 54, places = [0], folds = [];
  for (let i = 1; i < times.length; i++) {
    const idle = !operations.some(operation => callTime(operation) < times[i] && retTime(operation) > times[i - 1]);
    const length = times[i] - times[i - 1];
    if (idle && length > fold) folds.push([times[i - 1], times[i]]);
    places.push(places[i - 1] + (idle ? Math.min(length, fold) : length));
  }
  const scale = (right - left) / (places.at(-1) || 1);
  const x = time => {
    let i = 1;
    while (i < times.length - 1 && times[i] < time) i++;
    const share = times.length > 1 ? clamp(0, 1, (time - times[i - 1]) / (times[i] - times[i - 1] || 1)) : 0;
    return left + (places[i - 1] + share * ((places[i] ?? places[i - 1]) - places[i - 1])) * scale;
  };
  return { x, folds, from: times[0], to: times.at(-1) };
}

const MARK_WIDTH = 17; // of the server that answered
const PART_WORDS = { wrong: 'wrong: ', missed: 'missed: ' };

const resultText = operation => (!hasResult(operation.fields.op, operation.result) ? '' : ' → ' + shownValue(operation.result));

// An operation in a sentence: what, its result, who answered, and when.
function operationSentence(operation) {
  const until = operation.done ? `–${seconds(retTime(operation))} s` : ' s, has not returned';
  return [operationText(operation.fields) + resultText(operation), answeredBy(operation), seconds(callTime(operation)) + until]
    .filter(Boolean).join(', ');
}

function operationBar(operation, next, x, y, width) {
  const from = x(callTime(operation)), to = Math.max(from + 3, operation.done ? x(retTime(operation)) : width);
  const part = witness.get(operation.number) ?? '', right = next ? x(callTime(next)) : width;
  const words = operationText(operation.fields).replace(' = ', '=') + resultText(operation);
  const text = ((PART_WORDS[part] ?? '') + words).slice(0, 32), length = measureText(text) * .9;
  const hasMark = operation.server !== undefined, mark = hasMark ? MARK_WIDTH : 0;
  const markIn = to - from >= mark + 4, markRight = !markIn && right - to >= mark;
  const fitsIn = to - from > length + mark + 8, textAt = to + 4 + (markRight ? mark : 0);
  const fitsRight = right - textAt > length + 4;
  const box = `<rect class="operation ${part}" x="${from}" y="${y + 1}" width="${to - from}" height="19" rx="3"/>`;
  const title = `<title>${escapeHtml(operationSentence(operation))}</title>`;
  const label = (place, more) => `<text ${place} y="${y + 15}"${more}>${escapeHtml(text)}</text>`;
  const isDark = part === 'wrong' || part === 'missed';
  let html = '';
  if (fitsIn) html = label(`class="operation-text${isDark ? ' inverse' : ''}" x="${(from + to - mark) / 2}"`, '');
  else if (fitsRight) html = label(`font-size="11" class="outlined" x="${textAt}"`, '');
  else if (part) html = label(`font-size="11" class="outlined" x="${from - 4}"`, ' text-anchor="end"');
  if (hasMark && (markIn || markRight || part)) html += serverMark(operation.server, markIn ? to - 9.5 : to + 9, y + 10.5);
  return `<g class="bar" data-event="${operation.call}">${title}${box}${html}</g>`;
}

// The operations that no order explains, in words.
function witnessHtml() {
  const marked = [...failing.operations.values()].filter(operation => witness.has(operation.number));
  const item = operation => `<li><button data-event="${operation.call}"><b>${witness.get(operation.number)}</b> `
    + `${escapeHtml(laneName(operation.client))}: ${escapeHtml(operationSentence(operation))}</button></li>`;
  return marked.length ? `<ul class="witness">${marked.map(item).join('')}</ul>` : '';
}

// Times in which a server was down, paused or cut off, within the strip.
function faultSpans(index, { from, to }) {
  const time = event => (event < 0 ? 0 : event >= eventCount ? Infinity : failing.events[event].t);
  const spans = failing.bands[index].filter(band => !band.up || band.paused)
    .map(band => ({ kind: band.up ? 'paused' : 'down', from: time(band.from), to: time(band.to) }));
  for (const fence of failing.fences[index]) {
    spans.push({ kind: fence.all ? 'cut off' : 'partly cut off', from: time(fence.from), to: time(fence.to) });
  }
  return spans.filter(span => span.to > from && span.from < to);
}

function faultRows(scale, y, width) {
  const html = [];
  story.servers.forEach((lane, index) => {
    const spans = faultSpans(index, scale);
    if (!spans.length) return;
    html.push(`<text font-size="11" x="0" y="${y + 10}">${escapeHtml(lane.name)}</text>`);
    for (const span of spans) {
      const x1 = scale.x(Math.max(span.from, scale.from)), x2 = Math.max(x1 + 2, scale.x(Math.min(span.to, scale.to)));
      const title = `<title>${escapeHtml(lane.name)}: ${span.kind}</title>`;
      const shape = span.kind === 'down' ? `<rect class="down" x="${x1}" y="${y + 2}" width="${x2 - x1}" height="9"/>`
        : span.kind === 'paused' ? `<line class="paused" x1="${x1}" x2="${x2}" y1="${y + 6}" y2="${y + 6}"/>`
          : `<path class="fence" d="M${x1} ${y + 4}H${x2}${span.kind === 'cut off' ? `M${x1} ${y + 9}H${x2}` : ''}"/>`;
      const hasRoom = x2 - x1 > measureText(span.kind) * .8 + 16;
      const label = hasRoom ? `<text class="outlined fault-name" x="${(x1 + x2) / 2}" y="${y + 10}">${span.kind}</text>` : '';
      html.push(`<g>${title}${shape}${label}</g>`);
    }
    y += FAULT_ROW_HEIGHT;
  });
  return { html: html.join(''), bottom: y, width };
}

function operationsHtml(width) {
  const operations = chosenOperations(), scale = foldedScale(operations, STRIP_NAME_WIDTH, width - 4);
  const clients = story.clients.filter(lane => operations.some(operation => operation.client === lane.id)), html = [];
  clients.forEach((lane, n) => {
    const y = 4 + n * STRIP_ROW_HEIGHT, row = operations.filter(operation => operation.client === lane.id);
    html.push(`<text x="0" y="${y + 15}" font-size="12">${escapeHtml(lane.name)}</text>`
      + `<line class="axis" x1="${STRIP_NAME_WIDTH}" x2="${width}" y1="${y + 11}" y2="${y + 11}"/>`);
    row.forEach((operation, k) => html.push(operationBar(operation, row[k + 1], scale.x, y, width)));
  });
  const faults = faultRows(scale, 8 + clients.length * STRIP_ROW_HEIGHT, width), height = faults.bottom + 4;
  const folds = scale.folds.map(([from, to]) => {
    const x = (scale.x(from) + scale.x(to)) / 2;
    return `<path class="axis" stroke-width="1.5" stroke-dasharray="3 3" d="M${x - 2} 0V${height}M${x + 2} 0V${height}"/>`;
  });
  const now = failing.events[Math.max(0, view.cursor)].t, isInside = now >= scale.from && now <= scale.to;
  const cursor = isInside ? `<line class="curve-jump" x1="${scale.x(now)}" x2="${scale.x(now)}" y1="0"`
    + ` y2="${height}"/>` : '';
  const isAnswered = operations.some(operation => operation.server !== undefined);
  const notes = [isAnswered ? 'in a ring: the server that answered' : '', folds.length ? 'silences folded' : '',
    operations.length < failing.operations.size && `${operations.length} of ${grouped(failing.operations.size)}`]
    .filter(Boolean).join('; ');
  return `<h2>Operations over time <span>${notes}</span></h2>`
    + `<svg viewBox="0 0 ${width} ${height}" height="${height}" role="img" aria-label="Client operations over time">`
    + `${folds.join('')}${html.join('')}${faults.html}${cursor}</svg>${witnessHtml()}`;
}

function drawOperations() {
  if (failing.operations.size) setHtml(byId('operations'), operationsHtml(sizes.panelWidth));
}
