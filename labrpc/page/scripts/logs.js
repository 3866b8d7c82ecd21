// The servers' logs on one index axis, so that Log Matching shows.

const ENTRY_WIDTH = 37;
const NAME_WIDTH = 26;

// A command in the few letters that an entry has room for: x=1, x+=1, x?.
function shortCommand(command) {
  const found = /^(put|append|get) (\S*) ?(.*)$/i.exec(command);
  if (!found) return command;
  const [, operation, key, value] = found;
  return key + { put: '=', append: '+=', get: '?' }[operation.toLowerCase()] + value;
}

// The range of indexes that fits; `logShift` moves it to older entries.
function logRange(world, width) {
  const fits = clamp(4, 16, Math.floor((width - NAME_WIDTH) / ENTRY_WIDTH));
  const last = Math.max(1, ...world.servers.map(lastIndex));
  const high = Math.max(Math.min(fits, last), last - view.logShift);
  return { low: Math.max(1, high - fits + 1), high, last, fits };
}

function entryHtml(state, lane, event, index) {
  const entry = state.log[index - state.base[0] - 1];
  if (!entry) return '<span class="entry none"></span>';
  const [term, command] = entry, change = event.d?.log;
  const isCommitted = index <= state.commit, isApplied = index <= state.applied;
  const isUnsaved = state.disk && index > (state.disk.last?.[0] ?? 0);
  const isFresh = event.at === lane.id && change && index > change[0] && event.k !== 'restart';
  const classes = ['entry', `term${term % 6}`, state.up && isCommitted ? 'committed' : 'open', state.up && isApplied && 'applied',
    isUnsaved && 'unsaved', isFresh && 'fresh', !state.up && 'is-down'].filter(Boolean).join(' ');
  const facts = [`index ${index}, term ${term}: ${command}`, isCommitted && 'committed', isApplied && 'applied',
    isUnsaved && 'not on disk'];
  return `<span class="${classes}" title="${escapeHtml(facts.filter(Boolean).join(', '))}">${term}<small>`
    + `${escapeHtml(shortCommand(String(command)))}</small></span>`;
}

function logRow(lane, state, event, low, high) {
  let html = `<span class="owner" title="${escapeHtml(lane.name)}">${escapeHtml(lane.id)}</span>`, index = low;
  const [baseIndex, baseTerm] = state.base;
  if (index <= baseIndex) {
    const to = Math.min(baseIndex, high), count = to - index + 1;
    html += `<span class="entry snapshot" style="grid-column:span ${count}"`
      + ` title="Snapshot through ${baseIndex} (term ${baseTerm})">${count > 1 ? 'snapshot ≤ ' : '≤'}${baseIndex}</span>`;
    index = to + 1;
  }
  for (; index <= high; index++) html += entryHtml(state, lane, event, index);
  return html;
}

function logsHtml(world, event, width) {
  const range = logRange(world, width), { low, high } = range;
  let html = '<span></span>';
  for (let index = low; index <= high; index++) html += `<span class="index">${index}</span>`;
  story.servers.forEach((lane, n) => {
    html += logRow(lane, world.servers[n], event, low, high);
  });
  return { ...range, html, columns: `20px repeat(${high - low + 1},minmax(0,38px))` };
}

function drawLogs(world, event) {
  const element = byId('logs'), logs = logsHtml(world, event, sizes.panelWidth);
  element.className = 'log-grid';
  element.style.gridTemplateColumns = logs.columns;
  for (const part of [byId('logs-head'), element]) part.style.display = hasStates ? '' : 'none';
  if (!hasStates) return;
  const isEmpty = world.servers.every(state => lastIndex(state) === 0);
  if (!isEmpty) setHtml(element, logs.html);
  else setHtml(element, '<span style="grid-column:1/-1;white-space:nowrap">All logs are empty.</span>');
  const isPart = logs.last > logs.fits;
  byId('log-range').textContent = isPart ? `${grouped(logs.low)}–${grouped(logs.high)} of ${grouped(logs.last)}` : '';
  byId('log-older').parentElement.style.display = isPart ? '' : 'none';
}

function shiftLogs(by) {
  view.logShift = Math.max(0, view.logShift + by);
  drawPanel();
}
