// The map: the whole run in one column. Terms as colours, leaders as lines, the clash as wedges, the curve at the left.

let mapImage = null, mapInk = '';

// Canvas needs colours, not names of colours.
const probe = document.createElement('i');
probe.hidden = true;
document.body.append(probe);
const colour = name => {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
};

const curveWidth = () => (story.curve?.points.length && !phone.matches ? Math.min(30, sizes.mapWidth * .38) : 0);

function drawMap() {
  const canvas = byId('map'), ratio = devicePixelRatio || 1, width = sizes.mapWidth, height = sizes.mapHeight;
  if (!width || !height) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  mapImage = document.createElement('canvas');
  mapImage.width = canvas.width;
  mapImage.height = canvas.height;
  const context = mapImage.getContext('2d'), scale = height / layout.height;
  context.scale(ratio, ratio);
  const y = event => (event < 0 ? 0 : event >= eventCount ? height : eventY(columns.failing, event) * scale);
  drawMapBands(context, width, y);
  context.fillStyle = colour('--focus');
  for (const event of view.hits) context.fillRect(0, y(event) - .5, 5, 1.5);
  drawMapCurve(context, height, y);
  context.fillStyle = colour('--clash');
  for (const { e } of clash) {
    context.fillRect(curveWidth(), y(e) - 1, width - curveWidth(), 2);
    context.beginPath();
    context.moveTo(width, y(e) - 5);
    context.lineTo(width - 7, y(e));
    context.lineTo(width, y(e) + 5);
    context.fill();
  }
  drawMapView();
}

function drawMapBands(context, width, y) {
  const tints = [0, 1, 2, 3, 4, 5].map(term => colour('--term-' + term)), ink = (mapInk = colour('--ink'));
  const blank = colour('--line');
  const left = curveWidth() + 3, each = (width - left - 3) / (serverCount || 1);
  for (let lane = 0; lane < serverCount; lane++) {
    const x = left + lane * each;
    for (const band of failing.bands[lane]) {
      if (!band.up) continue;
      const top = y(band.from), height = Math.max(y(band.to), top + .5) - top;
      context.fillStyle = hasStates ? tints[band.term % 6] : blank;
      context.fillRect(x, top, each - 1, height);
      if (band.role !== 'l') continue;
      context.fillStyle = ink;
      context.fillRect(x + each / 2 - 1.2, top, 2.4, height);
    }
  }
}

function drawMapCurve(context, height, y) {
  const width = curveWidth();
  if (!width) return;
  const { points, runs } = story.curve, x = point => 3 + point.broken / (runs || 1) * (width - 6);
  const at = point => y(failing.lastAt(point.t));
  context.beginPath();
  context.moveTo(3, at(points[0]));
  for (const point of points) context.lineTo(x(point), at(point));
  context.strokeStyle = colour('--ink');
  context.lineWidth = 1.5;
  context.stroke();
  context.lineTo(3, at(points.at(-1)));
  context.fillStyle = colour('--line');
  context.globalAlpha = .7;
  context.fill();
  context.globalAlpha = 1;
  context.fillRect(width - 1, 0, 1, height);
  if (!curveJump) return;
  context.fillStyle = colour('--clash');
  context.fillRect(x(curveJump.after) - 3.5, at(curveJump.after) - 3.5, 7, 7);
}

// What is in sight, and the cursor, on top of the map.
function drawMapView() {
  if (!mapImage || !eventCount) return;
  const canvas = byId('map'), context = canvas.getContext('2d'), ratio = devicePixelRatio || 1;
  const height = sizes.mapHeight, width = sizes.mapWidth, scale = height / layout.height;
  const top = Math.max(0, scroller.scrollTop - sizes.stageTop) * scale, tall = sizes.viewHeight * scale;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(mapImage, 0, 0);
  context.scale(ratio, ratio);
  context.strokeStyle = context.fillStyle = mapInk;
  context.lineWidth = 1.5;
  context.strokeRect(1, clamp(1, height - 7, top), width - 2, clamp(6, height - 2, tall));
  context.fillRect(0, eventY(columns.failing, view.cursor) * scale - .75, width, 1.5);
}

function listenToMap() {
  const canvas = byId('map');
  let isDown = false;
  const move = event => {
    const box = canvas.getBoundingClientRect(), y = (event.clientY - box.top) / box.height * layout.height;
    scroller.scrollTop = y + sizes.stageTop - sizes.viewHeight / 2;
  };
  canvas.addEventListener('pointerdown', event => {
    isDown = true;
    canvas.setPointerCapture(event.pointerId);
    move(event);
  });
  canvas.addEventListener('pointermove', event => { if (isDown) move(event); });
  canvas.addEventListener('pointerup', () => { isDown = false; });
  canvas.addEventListener('pointercancel', () => { isDown = false; });
}
