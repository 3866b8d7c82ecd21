// On paper: the whole story if it is short, else the neighbourhood of the clash, then the servers at each of its steps.

const PAPER_WIDTH = 680;
const PAPER_ROWS_MAX = 400;
const PAPER_SLICE_ROWS = 4; // the page may break after each slice
const PAPER_ZOOM = 5;

// The slots that are printed.
function paperRange() {
  const slots = columns.failing.slotOf;
  if (layout.slots <= PAPER_ROWS_MAX) return [0, layout.slots];
  if (!clash.length) return [layout.slots - PAPER_ROWS_MAX, layout.slots];
  const first = Math.max(0, slots[clashEvents[0]] - 30), last = Math.min(layout.slots, slots[clashEvents.at(-1)] + 10);
  return [first, Math.min(last, first + PAPER_ROWS_MAX)];
}

function paperSlices(from, to) {
  const html = [];
  for (let slot = from; slot < to; slot += PAPER_SLICE_ROWS) {
    const next = Math.min(to, slot + PAPER_SLICE_ROWS), top = layout.y[slot];
    const height = (next < layout.slots ? layout.y[next] : layout.y[layout.slots] + 8) - top, rows = [];
    for (let k = slot; k < next; k++) rows.push(rowHtml(k, null));
    const first = Math.max(0, slot - 1), last = Math.min(layout.slots, next + 1);
    const drawing = paintColumn(columns.failing, geometry.failing.lanes, first, last, null);
    html.push(`<div class="slice" style="height:${height}px">`
      + `<svg width="${PAPER_WIDTH}" height="${height}" viewBox="0 ${top} ${PAPER_WIDTH} ${height}"`
      + ` style="position:absolute;left:0;top:0">${drawing}</svg>`
      + `<div style="position:absolute;left:0;right:0;top:${-top}px">${rows.join('')}</div></div>`);
  }
  return html.join('');
}

function layOutPaper() {
  if (!eventCount) return;
  byId('app').prepend(byId('head')); // on a phone it is within the diagram, which is not printed
  const before = { ...view };
  Object.assign(view, { zoom: PAPER_ZOOM, onlyCause: false, showPassing: false, hover: -1 });
  geometry = measure(PAPER_WIDTH);
  layout.split = geometry.split;
  fillSlots();
  placeSlots();
  fillBuckets(columns.failing);
  const [from, to] = paperRange(), names = lanes.map((lane, index) => {
    const { x, w } = geometry.failing.lanes[index];
    return `<span style="left:${x - w / 2}px;width:${w}px">${escapeHtml(w > 76 ? lane.name : lane.id)}</span>`;
  });
  const moments = clash.map(({ e }, k) => `<div class="moment"><p>${badge(k)}<b>`
    + `${seconds(failing.events[e].t)} s</b> ${escapeHtml(plainWords(failing.events[e]))}</p><div class="servers">`
    + `${serversHtml(failing.worldAfter(e), failing.events[e])}</div></div>`);
  byId('print').innerHTML = `<div class="lane-names">${names.join('')}</div>${paperSlices(from, to)}`
    + (moments.length ? `<h2>The servers at each step of the clash</h2>${moments.join('')}` : '')
    + (failing.operations.size ? operationsHtml(PAPER_WIDTH) : '');
  Object.assign(view, before);
  updateLayout();
}

addEventListener('beforeprint', layOutPaper);
addEventListener('afterprint', () => {
  byId('print').innerHTML = '';
  fitWindow();
});
