// Where things stand. A slot is a line of the page: it shows an event of the failing run, of the passing run, or the
// same event of both. A long silence opens a gap before its slot.

// One column for each run.
const columns = { failing: { run: failing, start: 0 }, passing: { run: passing, start: partsAt } };

const layout = {
  slots: 0,
  y: new Float64Array(1), // the top of each slot, and the bottom of the last
  height: 0,
  partsSlot: 0, // the first slot after the runs have parted
  split: 0, // where the passing run's column begins
};

const silenceMin = (() => {
  const silences = [], stride = Math.ceil(eventCount / 2000) || 1;
  for (let i = 1; i < eventCount; i += stride) silences.push(failing.events[i].t - failing.events[i - 1].t);
  silences.sort((a, b) => a - b);
  return Math.max(4000, 12 * (silences[silences.length >> 1] || 0));
})();

const clamp = (low, high, value) => Math.max(low, Math.min(high, value));

// The places of lanes and texts for a page of some width.
function measure(width) {
  const both = view.showPassing, runs = both ? 2 : 1, small = width < 620, dense = !hasText();
  const gutter = small ? 50 : 84, shown = lanes.filter(lane => !view.hiddenLanes.has(lane.id)).length || 1;
  let text = dense ? 190 : Math.max(280, width * .39);
  if (small) text = both ? 0 : 132;
  else if (both) text = Math.max(170, width * .22);
  const room = (width - gutter - (both ? 20 : 0)) / runs - text - 16 * view.hiddenLanes.size;
  const most = small ? 40 : both ? clamp(44, 96, width * .045) : dense ? 130 : 96;
  const laneWidth = clamp(small ? 18 : 24, most, room / shown);
  const place = x => lanes.map(lane => {
    const w = view.hiddenLanes.has(lane.id) ? 16 : laneWidth;
    x += w;
    return { x: x - w / 2, w, right: x };
  });
  const main = place(gutter), end = main.at(-1)?.right ?? gutter, lanesWidth = end - gutter;
  const textX = end + (small ? 8 : 14);
  if (!both) return { width, small, gutter, split: width, failing: { lanes: main, textX, textWidth: width - textX - 12 } };
  // The failing run gets more of the room for texts: where both do the same, only its row says what.
  const textWidth = Math.max(0, (width - end - lanesWidth - 34) * .56);
  const split = small ? end + 6 : textX + textWidth, other = place(split + 6), otherX = (other.at(-1)?.right ?? split) + 10;
  return {
    width, small, gutter, split,
    failing: { lanes: main, textX, textWidth: small ? 0 : textWidth },
    passing: { lanes: other, textX: otherX, textWidth: small ? 0 : width - otherX },
  };
}
let geometry;

const isShown = (run, index) => {
  if (run === failing && clashStep.has(index)) return true;
  const event = run.events[index];
  return !view.hiddenGroups.has(run.groups[index]) && !(event.at !== undefined && view.hiddenLanes.has(event.at));
};

// Fills the slots: the events of the failing run, and beside or between them those of the passing run, by time.
function fillSlots() {
  const other = view.showPassing ? passing.events : [];
  const capacity = eventCount + other.length;
  const left = new Int32Array(capacity).fill(-1), right = new Int32Array(capacity).fill(-1);
  let slot = 0, j = 0;
  layout.partsSlot = 0;
  const takeOther = () => {
    if (isShown(passing, j)) right[slot++] = j;
    j++;
  };
  for (let i = 0; i < eventCount; i++) {
    if (i === partsAt) layout.partsSlot = slot;
    const event = failing.events[i];
    while (i >= partsAt && j < other.length && other[j].t < event.t) takeOther();
    if (!isShown(failing, i)) continue;
    left[slot] = i;
    if (i >= partsAt && j < other.length && other[j].t === event.t && isShown(passing, j)
      && plainWords(other[j], passing) === plainWords(event)) right[slot] = j++;
    slot++;
  }
  if (partsAt >= eventCount) layout.partsSlot = slot;
  while (j < other.length) takeOther();
  layout.slots = slot;
  fillColumn(columns.failing, left.subarray(0, slot));
  if (passing) fillColumn(columns.passing, right.subarray(0, slot));
}

// A column knows the event of each slot, the slot of each event (of a hidden one: the next), and the first event at or
// after each slot.
function fillColumn(column, events) {
  const count = column.run.events.length;
  column.eventAt = events;
  column.slotOf = new Int32Array(count + 1);
  column.next = new Int32Array(events.length + 1);
  column.next[events.length] = count;
  for (let slot = events.length - 1; slot >= 0; slot--) {
    column.next[slot] = events[slot] >= 0 ? events[slot] : column.next[slot + 1];
  }
  let event = 0;
  for (let slot = 0; slot < events.length; slot++) {
    while (event < count && events[slot] >= 0 && event <= events[slot]) column.slotOf[event++] = slot;
  }
  while (event <= count) column.slotOf[event++] = events.length;
}

const slotTime = slot => {
  const event = columns.failing.eventAt[slot];
  return event >= 0 ? failing.events[event].t : passing.events[columns.passing.eventAt[slot]].t;
};

const measureText = (() => {
  const context = document.createElement('canvas').getContext('2d');
  let font = '';
  return text => {
    font ||= '12.5px ' + getComputedStyle(document.body).fontFamily;
    context.font = font;
    return context.measureText(text).width;
  };
})();

// How much room the note of a clash step needs below its row.
function noteHeight(event) {
  const step = clashStep.get(event);
  if (step === undefined || geometry.small) return 0;
  const note = clash[step].note;
  return note ? Math.ceil(measureText(note) * 1.12 / Math.max(80, geometry.failing.textWidth - 30)) * 16.5 + 5 : 0;
}

function placeSlots() {
  const height = rowHeight(), withNotes = hasText();
  layout.y = new Float64Array(layout.slots + 1);
  let y = height < 6 ? 6 : 14, last = null;
  for (let slot = 0; slot < layout.slots; slot++) {
    const time = slotTime(slot), silence = last === null ? 0 : time - last;
    if (silence > silenceMin) y += Math.min(1.5, .45 + .5 * Math.log10(silence / silenceMin)) * height;
    last = time;
    layout.y[slot] = y;
    y += height;
    if (withNotes && clashStep.size) y += noteHeight(columns.failing.eventAt[slot]);
  }
  layout.y[layout.slots] = y;
  layout.height = y + 60;
}

const slotY = slot => layout.y[Math.min(slot, layout.slots)] + rowHeight() / 2;
const eventY = (column, event) => slotY(column.slotOf[event]);

function slotAt(y) {
  let low = 0, high = layout.slots;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (layout.y[middle] <= y) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

// Messages by blocks of 64 slots: a picture asks only for those that cross it.
function fillBuckets(column) {
  column.buckets = [];
  const { run, slotOf, eventAt } = column;
  const visible = event => event >= 0 && eventAt[slotOf[event]] === event;
  run.messages.forEach((message, number) => {
    if (!visible(message.sent) && !message.received.some(visible)) return;
    const first = message.sent < 0 ? layout.partsSlot : slotOf[message.sent];
    const last = message.received.length ? slotOf[message.received.at(-1)] : Math.min(layout.slots, first + 2);
    message.firstSlot = first;
    message.lastSlot = last;
    for (let bucket = first >> 6; bucket <= last >> 6; bucket++) (column.buckets[bucket] ??= []).push(number);
  });
}

function updateLayout() {
  geometry = measure(stage.clientWidth || 900);
  layout.split = geometry.split;
  fillSlots();
  placeSlots();
  fillBuckets(columns.failing);
  if (view.showPassing) fillBuckets(columns.passing);
  stage.style.height = layout.height + 'px';
  let shown = 0;
  for (const event of columns.failing.eventAt) if (event >= 0) shown++;
  byId('filter-count').textContent = shown < eventCount ? ` ${grouped(shown)} of ${grouped(eventCount)}` : '';
  revision++;
  drawHeads();
  drawMap();
  draw();
}
