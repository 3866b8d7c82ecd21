// How likely the failure was. The run is kept until some moment and decided anew from there on, many times.

const CURVE_HEIGHT = 74;
const CURVE_LEFT = 34;

// The first event after the moment from which on the failure was most likely.
const jumpEvent = (() => {
  if (!curveJump) return -1;
  const index = failing.events.findIndex(event => event.t >= curveJump.after.t);
  return index < 0 ? eventCount - 1 : index;
})();

const jumpText = () => `${curveJump.before.broken} → ${curveJump.after.broken} of ${story.curve.runs}`;
const JUMP_TITLE = 'How often the run failed again when all was decided anew from here on';
const jumpTag = () => `<span class="tag" title="${JUMP_TITLE}">${jumpText()} fail</span>`;

// The share of failing runs at a moment: that of the last point before it.
function shareAt(time) {
  let share = story.curve.points[0].broken;
  for (const point of story.curve.points) if (point.t <= time) share = point.broken;
  return share;
}

function curveSentence() {
  const { runs } = story.curve;
  if (!curveJump) return `The run was kept until each moment and decided anew from there, ${runs} times.`;
  const { before, after } = curveJump;
  return `Kept until ${seconds(before.t)} s and decided anew from there, the run failed again in ${before.broken} of `
    + `${runs} runs; kept until ${seconds(after.t)} s, in ${after.broken}. What made it likely happened in between.`;
}

function curveHtml(width) {
  const { points, runs } = story.curve;
  const first = Math.min(points[0].t, failing.events[0].t), last = Math.max(points.at(-1).t, failing.events.at(-1).t);
  const x = time => CURVE_LEFT + (time - first) / (last - first || 1) * (width - CURVE_LEFT - 6);
  const y = broken => 8 + (1 - broken / (runs || 1)) * (CURVE_HEIGHT - 26), base = y(0);
  const line = points.map((point, i) => `${i ? 'L' : 'M'}${x(point.t).toFixed(1)} ${y(point.broken).toFixed(1)}`).join('');
  const axis = [0, runs].map(value => `<line class="axis" x1="${CURVE_LEFT}" x2="${width}" y1="${y(value)}"`
    + ` y2="${y(value)}"/><text class="axis-text" text-anchor="end" x="${CURVE_LEFT - 5}" y="${y(value) + 4}">${value}`
    + `</text>`).join('');
  const times = [first, last].map((time, i) => `<text class="axis-text" text-anchor="${i ? 'end' : 'start'}"`
    + ` x="${i ? width - 6 : CURVE_LEFT}" y="${CURVE_HEIGHT - 3}">${seconds(time)} s</text>`).join('');
  const now = failing.events[view.cursor].t;
  const jump = curveJump ? `<rect class="clash-dot" x="${x(curveJump.after.t) - 4}"`
    + ` y="${y(curveJump.after.broken) - 4}" width="8" height="8"/>` : '';
  const sentence = curveSentence();
  return `<h2>How likely the failure was <span>at the cursor ${shareAt(now)} of ${runs}</span></h2>`
    + `<svg viewBox="0 0 ${width} ${CURVE_HEIGHT}" height="${CURVE_HEIGHT}" role="img"`
    + ` aria-label="${escapeHtml(sentence)}" data-first="${first}" data-last="${last}">${axis}`
    + `<path class="curve-area" d="${line}L${x(points.at(-1).t)} ${base}L${x(points[0].t)} ${base}z"/>`
    + `<path class="curve-line" d="${line}"/>${jump}`
    + `<line class="curve-jump" x1="${x(now)}" x2="${x(now)}" y1="0" y2="${base}"/>${times}</svg><p>${sentence}</p>`
    + (curveJump ? `<button class="button" data-event="${jumpEvent}">Go to the jump</button>` : '');
}

function drawCurve() {
  if (story.curve?.points.length) setHtml(byId('curve'), curveHtml(sizes.panelWidth));
}

// A click on the curve goes to the first event at that time.
byId('curve').addEventListener('click', event => {
  const svg = event.target.closest('svg');
  if (!svg) return;
  const box = svg.getBoundingClientRect(), first = +svg.dataset.first, last = +svg.dataset.last;
  const share = clamp(0, 1, (event.clientX - box.left - CURVE_LEFT) / (box.width - CURVE_LEFT - 6));
  goTo(Math.max(0, failing.lastAt(first + share * (last - first))));
});
