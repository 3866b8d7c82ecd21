// What the reader has chosen. Everything that is drawn follows from this and the data.

const ROW_HEIGHTS = [1.5, 3, 5, 8, 12, 17, 24, 32]; // by zoom level, in pixels
const TEXT_ROW_MIN = 14; // below this height, rows show no text
const SHAPE_ROW_MIN = 12; // below this height, events are strokes instead of shapes

const phone = matchMedia('(max-width: 860px)');

const view = {
  cursor: 0, // an event of the failing run
  passingCursor: -1, // the last event of the passing run at that time, or the one that was clicked
  hover: -1,
  zoom: 6,
  lane: null, // the selected lane's id
  hiddenLanes: new Set(),
  hiddenGroups: new Set(),
  query: '',
  hits: [],
  hitSet: new Set(),
  onlyCause: false,
  showPassing: passing !== null && innerWidth >= Math.max(1180, 640 + 90 * lanes.length), // both need room for texts
  logShift: 0, // how many entries before the last ones the logs are shown
};
// Counts changes that need a new picture.
let revision = 0;

const rowHeight = () => ROW_HEIGHTS[view.zoom];
const hasText = () => rowHeight() >= TEXT_ROW_MIN;
const hasShapes = () => rowHeight() >= SHAPE_ROW_MIN;

const scroller = byId('scroller'), stage = byId('stage'), picture = byId('picture'), rowList = byId('rows');

// Sizes that change only with the window. Asking the document while stepping would make it lay itself out anew.
const sizes = { stageTop: 0, viewHeight: 0, panelWidth: 0, mapWidth: 0, mapHeight: 0, right: 0, top: 0, bottom: 0 };

function readSizes() {
  const map = byId('map'), box = scroller.getBoundingClientRect();
  Object.assign(sizes, {
    stageTop: stage.offsetTop, viewHeight: scroller.clientHeight, panelWidth: byId('side').clientWidth - 36,
    mapWidth: map.clientWidth, mapHeight: map.clientHeight, right: box.right, top: box.top, bottom: box.bottom,
  });
}

// Replaces the content of an element unless it is already there.
function setHtml(element, html) {
  if (element.lastHtml === html) return;
  element.lastHtml = html;
  element.innerHTML = html;
}
