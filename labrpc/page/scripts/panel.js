// The panel: the event at the cursor, and each server's whole state just after it. What the event changed is underlined.

const hasDisks = story.servers.some(lane => story.init[lane.id]?.disk) || failing.events.some(event => event.d?.disk);

// How the disk differs from what the server has shown of its memory.
function diskDifferences(state) {
  const disk = state.disk, differences = [];
  if (!disk || !state.up) return differences;
  if (disk.term !== state.term) differences.push('term ' + disk.term);
  if ((disk.vote ?? null) !== (state.vote ?? null)) differences.push('vote ' + (disk.vote ?? 'none'));
  if ((disk.last?.[0] ?? 0) !== lastIndex(state)) differences.push('log to ' + (disk.last?.[0] ?? 0));
  return differences;
}

function roleHtml(state) {
  if (!state.up) return '<span class="role">down</span>';
  const name = ROLE_NAMES[state.role];
  return `<span class="role">${roleIcon(state.role)}<span>${name[0]}<i>${name.slice(1)}</i>`
    + `${state.paused ? ', paused' : ''}</span></span>`;
}

function diskHtml(state) {
  if (!state.up || !state.disk) return '';
  const differences = diskDifferences(state);
  return differences.length ? `<span class="disk unequal">≠ ${differences.join(', ')}`
    + `</span>` : '<span class="disk">same</span>';
}

// One server's row. `mark` names the class of a field's cell: what changed, or what differs from the other run.
function serverRow(lane, state, classes, mark) {
  const saved = !state.up && state.disk ? state.disk : state, watch = meta.watch;
  const cell = (field, html) => {
    const name = mark(field);
    return `<td data-field="${field}"${name ? ` class="${name}"` : ''}>${html}</td>`;
  };
  const upOnly = value => (state.up ? value : '–');
  return `<tr class="${classes}${state.up ? '' : ' is-down'}">`
    + `<th scope="row" title="${escapeHtml(lane.name)}${lane.scripted ? ', scripted' : ''}">${escapeHtml(lane.id)}</th>`
    + cell('role', roleHtml(state))
    + cell('term', `<span class="term term${saved.term % 6}">${saved.term}</span>`)
    + cell('vote', escapeHtml(saved.vote ?? '–'))
    + cell('commit', upOnly(state.commit))
    + cell('applied', upOnly(state.applied))
    + (hasDisks ? cell('disk', diskHtml(state)) : '')
    + (watch ? cell('kv', upOnly(escapeHtml(shownValue(state.kv[watch] ?? '–')))) : '') + '</tr>';
}

function serversTable(rows) {
  const titles = ['server', 'role', 'term', 'vote', 'commit', 'applied'];
  if (hasDisks) titles.push('on disk');
  if (meta.watch) titles.push(`${escapeHtml(meta.watch)} is`);
  const head = titles.map(title => `<th scope="col">${title}`).join('');
  return `<table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

// The servers after an event. The cells that the event changed are marked.
function serversHtml(world, event) {
  if (!hasStates) return '<p>A script plays the servers. They have no state.</p>';
  const change = event?.d ?? {};
  return serversTable(story.servers.map((lane, index) => {
    const here = event?.at === lane.id;
    const changed = field => here && field in change && (field !== 'kv' || meta.watch in change.kv);
    return serverRow(lane, world.servers[index], here ? 'here' : '', field => (changed(field) ? 'changed' : ''));
  }));
}

const FLIP_WORDS = {
  lose: 'What if it were lost?',
  late: 'What if it came late?',
  deliver: 'What if it arrived?',
  'no-crash': 'What if the server did not crash?',
};
const flipCommand = (event, flip) => `cargo lab replay ${meta.token} --flip ${event}:${flip}`;

function flipsHtml(index) {
  const flips = failing.events[index].flips ?? [];
  if (!flips.length) return '';
  const items = flips.map(flip => {
    const command = flipCommand(index, flip);
    return `<li><span>${FLIP_WORDS[flip] ?? `What if: ${escapeHtml(flip)}?`}</span>`
      + `<button class="button" data-copy="${escapeHtml(command)}">Copy command</button><code>${escapeHtml(command)}`
      + `</code></li>`;
  });
  return `<ul class="flips">${items.join('')}</ul>`;
}

function whatHtml(index) {
  const event = failing.events[index], [who, what, more] = eventWords(event), step = clashStep.get(index);
  const message = failing.messages[failing.messageOf(index)];
  const when = [`${seconds(event.t)} s`, `event ${grouped(index)}`];
  if (message && event.k === 'recv') when.push(`sent ${duration(event.t - message.sentTime)} earlier`);
  else if (message?.received.length) when.push(`arrives ${duration(failing.events[message.received[0]].t - event.t)} later`);
  const sentence = event.k === 'log'
    ? `<div class="sentence"><b>${escapeHtml(event.at === undefined ? 'a client or the test' : laneName(event.at))}</b> logs</div><pre>${escapeHtml(what)}</pre>`
    : `<div class="sentence"><b>${escapeHtml(who)}`
      + `</b> ${escapeHtml(what)}${more !== '' && !message ? `, ${escapeHtml(more)}` : ''}</div>`;
  const lost = message?.lost ? [['lost', LOST_WORDS[message.lost]?.(message.to) ?? message.lost]] : [];
  const fields = message ? [['message', message.name], ...lost, ...Object.entries(message.fields)] : [];
  const pairs = fields.map(([key, value]) => `<div><dt>${escapeHtml(key)}</dt><dd>${escapeHtml(fieldText(value))}</dd></div>`);
  return `<div class="when">${step === undefined ? '' : badge(step)}${when.join(', ')}</div>${sentence}`
    + (pairs.length ? `<dl>${pairs.join('')}</dl>` : '')
    + (step !== undefined && clash[step].note ? `<p class="note">${escapeHtml(clash[step].note)}</p>` : '')
    + flipsHtml(index);
}

const WIRE_LINES_MAX = 6;

function wireHtml(world, now) {
  const flying = [...world.inFlight].filter(number => failing.messages[number]?.received.length);
  const lines = flying.slice(0, WIRE_LINES_MAX).map(number => {
    const message = failing.messages[number], term = message.fields.term === undefined ? '' : ' T' + message.fields.term;
    return `<li><b>${escapeHtml(message.from)} → ${escapeHtml(message.to)}</b> ${escapeHtml(message.name)}${term}`
      + `<span>for ${duration(now - message.sentTime)}</span></li>`;
  });
  if (flying.length > WIRE_LINES_MAX) lines.push(`<li><span>and ${flying.length - WIRE_LINES_MAX} more</span></li>`);
  const cut = world.cut.size ? `<h2>Cut links</h2><div>`
    + `${escapeHtml(linkWords([...world.cut].map(link => link.split('>'))))}</div>` : '';
  return `<h2>On the wire <span>${flying.length || 'nothing'}</span></h2><ul>${lines.join('')}</ul>${cut}`;
}

function drawPanel() {
  if (!eventCount) return;
  const world = failing.worldAfter(view.cursor), event = failing.events[view.cursor];
  byId('what').className = clashStep.has(view.cursor) ? 'clash' : '';
  setHtml(byId('what'), whatHtml(view.cursor));
  byId('state').className = 'servers';
  setHtml(byId('state'), serversHtml(world, event));
  drawLogs(world, event);
  setHtml(byId('wire'), wireHtml(world, event.t));
  drawOperations();
  drawCurve();
  drawTwin(world);
  byId('now').innerHTML = `<b>${grouped(view.cursor)}</b><span class="of"> of ${grouped(eventCount - 1)}`
    + `</span> &nbsp;${seconds(event.t)} s`;
  byId('steps')?.querySelectorAll('button').forEach(button => {
    button.setAttribute('aria-current', +button.dataset.event === view.cursor);
  });
  stage.setAttribute('aria-activedescendant', 'e' + view.cursor);
}
