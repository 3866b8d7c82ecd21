// Fits the page to the window and opens it at the clash; a run without one opens at its end.

// On a phone the header scrolls with the events, and the panel belongs to the sheet.
function fitWindow() {
  const dock = byId('dock'), side = byId('side'), head = byId('head'), main = byId('main');
  if (phone.matches) {
    if (side.parentElement !== dock) dock.append(side);
    if (head.parentElement !== scroller) scroller.prepend(head);
    document.documentElement.style.setProperty('--sheet', dock.offsetHeight + 'px');
  } else {
    if (side.parentElement !== main) main.append(side);
    if (head.parentElement === scroller) byId('app').prepend(head);
  }
  readSizes();
  updateLayout();
  drawPanel();
}

// The event that the address names, the first step of the clash, or the last event.
function firstEvent() {
  const named = /^#e(\d+)$/.exec(location.hash);
  if (named) return Math.min(eventCount - 1, +named[1]);
  return clash.length ? clash[0].e : eventCount - 1;
}

// Shows the whole clash if it fits.
function showWholeClash() {
  if (location.hash || phone.matches || !clash.length) return;
  const { y } = layout, slots = columns.failing.slotOf, room = sizes.viewHeight - HEAD_HEIGHT;
  const top = y[slots[clash[0].e]], bottom = y[slots[clash.at(-1).e]] + 2 * rowHeight() + 30;
  if (bottom - top >= room - 20) return;
  const above = Math.min(Math.max(20, room - (bottom - top) - 10), room * .5);
  scroller.scrollTop = sizes.stageTop + top - HEAD_HEIGHT - above;
  draw();
}

function start() {
  byId('main').classList.toggle('with-curve', Boolean(story.curve?.points.length));
  byId('twin-toggle')?.setAttribute('aria-pressed', view.showPassing);
  fillSteps();
  fillFilters();
  fillKey();
  view.cursor = Math.max(0, firstEvent());
  fitWindow();
  goTo(view.cursor, { quiet: true });
  showWholeClash();
  if (phone.matches && !location.hash) scroller.scrollTop = 0;
  listen();
  stage.focus({ preventScroll: true });
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('first-picture')));
}

start();
