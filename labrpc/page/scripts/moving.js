// Moving the cursor.

const HEAD_HEIGHT = 44;
const ANNOUNCE_AFTER_MILLIS = 120; // the screen reader and the address follow when the reader rests

// The nearest event that is shown, in both directions; -1 if none is.
function nearestShown(index) {
  const { eventAt, slotOf } = columns.failing, start = slotOf[index];
  for (let slot = start; slot < layout.slots; slot++) if (eventAt[slot] >= 0) return eventAt[slot];
  for (let slot = start - 1; slot >= 0; slot--) if (eventAt[slot] >= 0) return eventAt[slot];
  return -1;
}

function scrollToCursor() {
  const y = layout.y[columns.failing.slotOf[view.cursor]] + sizes.stageTop, height = sizes.viewHeight;
  const margin = Math.min(110, height * .22);
  if (y < scroller.scrollTop + HEAD_HEIGHT + margin) {
    scroller.scrollTop = y - HEAD_HEIGHT - margin;
  } else if (y + rowHeight() > scroller.scrollTop + height - margin) {
    const isFar = y > scroller.scrollTop + 2 * height;
    scroller.scrollTop = isFar ? y - height / 2 : y + rowHeight() + margin - height;
  }
}

function announce() {
  const event = failing.events[view.cursor], step = clashStep.get(view.cursor);
  const note = step === undefined ? '' : ' Clash: ' + clash[step].note;
  byId('live').textContent = `${seconds(event.t)} seconds. ${plainWords(event)}.${note}`;
  try {
    history.replaceState(null, '', '#e' + view.cursor);
  } catch {
    // Some viewers do not let a local file change its address.
  }
}

let announceTimer;
function goTo(index, { quiet = false, scroll = true } = {}) {
  if (index === undefined || !(index >= 0) || index >= eventCount) return;
  const shown = nearestShown(index);
  if (shown < 0) return;
  view.cursor = shown;
  view.logShift = 0;
  followCursor();
  if (scroll) scrollToCursor();
  draw();
  drawPanel();
  drawHeadStates();
  clearTimeout(announceTimer);
  if (!quiet) announceTimer = setTimeout(announce, ANNOUNCE_AFTER_MILLIS);
}

// Moves by `count` shown events.
function step(count) {
  const { eventAt, slotOf } = columns.failing, direction = Math.sign(count);
  let slot = slotOf[view.cursor], left = Math.abs(count), target = view.cursor;
  while (left > 0) {
    slot += direction;
    if (slot < 0 || slot >= layout.slots) break;
    if (eventAt[slot] < 0) continue;
    target = eventAt[slot];
    left--;
  }
  goTo(target);
}

const goToFirst = () => goTo(0);
const goToLast = () => goTo(eventCount - 1);

// The next or previous of some sorted events; from the last to the first and back.
function goAmong(events, direction) {
  if (!events.length) return;
  if (direction > 0) goTo(events.find(event => event > view.cursor) ?? events[0]);
  else goTo(events.findLast(event => event < view.cursor) ?? events.at(-1));
}

const clashEvents = clash.map(({ e }) => e).sort((a, b) => a - b);
const goToClash = direction => goAmong(clashEvents, direction);

const flipEvents = failing.events.flatMap((event, index) => (event.flips?.length ? [index] : []));

function goInLane(direction) {
  view.lane ??= failing.events[view.cursor].at ?? lanes[0]?.id;
  const { eventAt, slotOf } = columns.failing;
  for (let slot = slotOf[view.cursor] + direction; slot >= 0 && slot < layout.slots; slot += direction) {
    if (eventAt[slot] >= 0 && failing.events[eventAt[slot]].at === view.lane) {
      goTo(eventAt[slot]);
      break;
    }
  }
  drawHeads();
}

function selectLane(id) {
  view.lane = view.lane === id ? null : id;
  drawHeads();
}

// The other end of a message or of an operation.
function goToOtherEnd() {
  const event = failing.events[view.cursor];
  if (event.k === 'send') goTo(failing.messages[event.m]?.received[0]);
  else if (event.k === 'recv') goTo(failing.messages[event.m]?.sent);
  else if (event.k === 'call') goTo(failing.operations.get(event.op)?.ret);
  else if (event.k === 'ret') goTo(failing.operations.get(event.op)?.call);
}

let playTimer = null;
function play(isOn = !playTimer) {
  clearTimeout(playTimer);
  playTimer = null;
  const button = byId('play');
  button.textContent = isOn ? '❚❚' : '▶';
  button.setAttribute('aria-label', isOn ? 'Pause' : 'Play');
  button.setAttribute('aria-pressed', isOn);
  if (!isOn) return;
  if (view.cursor >= nearestShown(eventCount - 1)) goToFirst();
  const tick = () => {
    const before = view.cursor;
    step(1);
    if (view.cursor === before) return play(false);
    const silence = failing.events[view.cursor].t - failing.events[before].t;
    playTimer = setTimeout(tick, (clashStep.has(view.cursor) ? 1600 : 260) + Math.min(700, silence / 250));
  };
  playTimer = setTimeout(tick, 260);
}

function setZoom(level) {
  const zoom = clamp(0, ROW_HEIGHTS.length - 1, level);
  if (zoom === view.zoom || !eventCount) return;
  const cursorY = () => layout.y[columns.failing.slotOf[view.cursor]] + sizes.stageTop;
  const offset = cursorY() - scroller.scrollTop;
  view.zoom = zoom;
  updateLayout();
  scroller.scrollTop = cursorY() - offset;
  draw();
}

function toggleCause() {
  view.onlyCause = !view.onlyCause;
  byId('cause').setAttribute('aria-pressed', view.onlyCause);
  draw();
}

function toggleTheme() {
  const root = document.documentElement, chosen = root.dataset.theme;
  const isDark = chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = isDark ? 'light' : 'dark';
  drawMap();
}
