// What led here: the causal past of an event, by vector clocks. They are made when first asked for.

let clocks = null;

// Of each event, the last event of each lane that can have influenced it.
function makeClocks() {
  const width = lanes.length, clock = new Int32Array(eventCount * width).fill(-1), last = new Int32Array(width).fill(-1);
  for (let i = 0; i < eventCount; i++) {
    const event = failing.events[i], lane = failing.lanesOfEvents[i];
    if (lane < 0) continue;
    if (last[lane] >= 0) clock.copyWithin(i * width, last[lane] * width, last[lane] * width + width);
    const message = event.k === 'recv' ? failing.messages[event.m] : undefined;
    if (message) {
      const sent = message.sent * width;
      for (let j = 0; j < width; j++) clock[i * width + j] = Math.max(clock[i * width + j], clock[sent + j]);
    }
    clock[i * width + lane] = i;
    last[lane] = i;
  }
  return clock;
}

// Tells of each event whether it can have led to `target`.
function pastOf(target) {
  clocks ??= makeClocks();
  const row = target * lanes.length;
  if (failing.lanesOfEvents[target] < 0) return index => index <= target;
  return index => {
    const lane = failing.lanesOfEvents[index];
    return lane < 0 ? index <= target : index <= clocks[row + lane];
  };
}
