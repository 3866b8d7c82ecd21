// The passing run: its state at the cursor's time, compared with the failing run's.

// The passing run's event beside the cursor, or its last one above; -1 before the runs part.
function followCursor() {
  if (!passing) return;
  const { next } = columns.passing, slot = columns.failing.slotOf?.[view.cursor];
  if (view.cursor < partsAt) view.passingCursor = -1;
  else if (view.showPassing && next) view.passingCursor = next[slot + 1] - 1;
  else view.passingCursor = passing.lastAt(failing.events[view.cursor].t);
}

const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

// The differing fields of a server in the two runs.
function differingFields(mine, other) {
  const fields = ['role', 'term', 'vote', 'commit', 'applied'].filter(field => !same(mine[field], other[field]));
  if (mine.up !== other.up) fields.push('role');
  if (meta.watch && !same(mine.kv[meta.watch], other.kv[meta.watch])) fields.push('kv');
  return new Set(fields);
}

function twinHtml(world, width) {
  const twin = story.twin, command = `cargo lab replay ${twin.token}`;
  const about = `<h2>The nearest run that passes</h2><p>It passes without: <b>${escapeHtml(twin.without)}</b></p>`
    + `<ul class="flips"><li><span>Replay it</span><button class="button"`
    + ` data-copy="${escapeHtml(command)}">Copy command</button><code>${escapeHtml(command)}</code></li></ul>`;
  if (view.cursor < partsAt) {
    return about + `<p>The two runs are the same until event ${grouped(partsAt)}. <button class="button"`
      + ` data-event="${partsAt}">Go there</button></p>`;
  }
  const other = passing.worldAfter(view.passingCursor), event = passing.events[view.passingCursor];
  const rows = story.servers.map((lane, index) => {
    const differing = differingFields(world.servers[index], other.servers[index]);
    return serverRow(lane, other.servers[index], '', field => (differing.has(field) ? 'differs' : ''));
  });
  const words = event ? `${seconds(event.t)} s: <b>${escapeHtml(event.at ?? '')}`
    + `</b> ${escapeHtml(eventWords(event, passing).slice(1).filter(Boolean).join(', '))}` : 'Nothing has happened yet.';
  const logs = logsHtml(other, event ?? {}, width);
  return `${about}<p>${words}</p><div class="servers">${serversTable(rows)}</div>`
    + `<p class="log-grid" style="grid-template-columns:${logs.columns}">${logs.html}</p>`
    + '<p class="when">Framed: differs from the failing run at this moment.</p>';
}

function drawTwin(world) {
  if (!passing) return;
  const element = byId('twin-state');
  setHtml(element, view.showPassing ? twinHtml(world, sizes.panelWidth) : '');
}

function togglePassing() {
  if (!passing) return;
  view.showPassing = !view.showPassing;
  byId('twin-toggle').setAttribute('aria-pressed', view.showPassing);
  updateLayout();
  goTo(view.cursor, { quiet: true });
}

// Shows an event of the passing run. The cursor stays at the failing run's last event at that time.
function goToPassing(index) {
  goTo(Math.max(partsAt < eventCount ? partsAt : 0, failing.lastAt(passing.events[index].t)), { scroll: false });
  view.passingCursor = index;
  draw();
  drawHeadStates();
  drawPanel();
}
