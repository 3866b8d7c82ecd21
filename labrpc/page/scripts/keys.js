// Keys, clicks and the pointer.

const pageRows = () => Math.max(1, Math.floor(sizes.viewHeight / rowHeight()) - 4);

const ACTIONS = {
  j: () => step(1), ArrowDown: () => step(1), ArrowRight: () => step(1),
  k: () => step(-1), ArrowUp: () => step(-1), ArrowLeft: () => step(-1),
  ' ': () => play(),
  c: () => goToClash(1), C: () => goToClash(-1),
  n: () => goInLane(1), N: () => goInLane(-1),
  f: () => goAmong(flipEvents, 1), F: () => goAmong(flipEvents, -1),
  m: goToOtherEnd, h: toggleCause, t: togglePassing, d: toggleTheme,
  '/': () => byId('query').focus(),
  '+': () => setZoom(view.zoom + 1), '=': () => setZoom(view.zoom + 1), '-': () => setZoom(view.zoom - 1),
  PageDown: () => step(pageRows()), PageUp: () => step(-pageRows()), Home: goToFirst, End: goToLast,
  '?': () => byId('help').showModal(),
  Escape: () => {
    byId('filter').open = false;
    if (playTimer) play(false);
  },
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { key, target } = event;
  if (byId('help').open || target.closest('#report pre')) return;
  if (/^(INPUT|TEXTAREA)$/.test(target.tagName)) {
    if (key === 'Escape') byId('filter').open = false;
    return;
  }
  if (/^(BUTTON|SUMMARY)$/.test(target.tagName) && (key === ' ' || key === 'Enter')) return;
  const action = ACTIONS[key];
  if (action) {
    event.preventDefault();
    action();
  } else if (/^[1-9]$/.test(key) && lanes[key - 1]) {
    selectLane(lanes[key - 1].id);
  }
}

const BUTTONS = {
  first: goToFirst, prev: () => step(-1), next: () => step(1), play: () => play(),
  'to-clash': () => goToClash(1), cause: toggleCause, 'twin-toggle': togglePassing,
  'zoom-in': () => setZoom(view.zoom + 1), 'zoom-out': () => setZoom(view.zoom - 1),
  theme: toggleTheme, ask: () => byId('help').showModal(),
  'log-older': () => shiftLogs(8), 'log-newer': () => shiftLogs(-8),
  more: () => {
    const isFull = byId('dock').classList.toggle('full');
    byId('more').setAttribute('aria-expanded', isFull);
    fitWindow();
  },
};

function listen() {
  for (const [id, action] of Object.entries(BUTTONS)) byId(id)?.addEventListener('click', action);
  document.addEventListener('keydown', onKey);
  document.addEventListener('click', event => {
    const at = event.target.closest('[data-event]'), other = event.target.closest('[data-passing]');
    const lane = event.target.closest('[data-lane]');
    if (at) goTo(+at.dataset.event);
    else if (other) goToPassing(+other.dataset.passing);
    if (lane) selectLane(lane.dataset.lane);
  });
  rowList.addEventListener('pointerover', event => {
    const row = event.pointerType === 'mouse' && event.target.closest('[data-event]'), index = row ? +row.dataset.event : -1;
    if (index === view.hover) return;
    view.hover = index;
    draw();
  });
  let isQueued = false;
  scroller.addEventListener('scroll', () => {
    if (isQueued) return;
    isQueued = true;
    requestAnimationFrame(() => {
      isQueued = false;
      draw();
    });
  }, { passive: true });
  let resizeTimer;
  addEventListener('resize', () => {
    clearTimeout(resizeTimer);
    resizeTimer = setTimeout(fitWindow, 60);
  });
  byId('report')?.addEventListener('toggle', fitWindow);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawMap);
  listenToFilters();
  listenToSearch();
  listenToMap();
}
