// Events in words: who, what, and more.

const LOST_WORDS = {
  cut: () => 'the link is cut',
  down: to => `${laneName(to)} is down`,
  network: () => 'dropped by the network',
};

// Only a get has a result, which may be empty.
const hasResult = (name, value) => value !== undefined && (value !== '' || name === 'get');

// What a message says, from the sender's or the receiver's side: [what, more].
function messageWords(name, fields, received) {
  const term = fields.term === undefined ? '' : `term ${fields.term}`;
  const because = [fields.why, term].filter(Boolean).join(', ');
  switch (name) {
    case 'RequestVote':
      return [received ? 'is asked for its vote' : 'asks for a vote', `${term}, log ends at ${position(fields.last)}`];
    case 'RequestVoteReply':
      if (fields.granted) return [received ? 'gets the vote' : 'grants its vote', term];
      return [received ? 'is refused' : 'refuses its vote', because];
    case 'AppendEntries': {
      const more = `${term}, after ${position(fields.prev)}, commit ${fields.commit ?? '–'}`;
      if (!fields.n) return [received ? 'hears a heartbeat' : 'heartbeat', more];
      return [(received ? 'receives ' : 'sends ') + entrySpan((fields.prev?.[0] ?? 0) + 1, fields.n), more];
    }
    case 'AppendEntriesReply': {
      if (!fields.ok) return [received ? 'is rejected' : 'rejects', because];
      const through = fields.through === undefined ? '' : ` through ${fields.through}`;
      return [(received ? 'hears: stored' : 'has stored') + through, term];
    }
    case 'InstallSnapshot':
      return [(received ? 'receives the snapshot through ' : 'sends its snapshot through ') + fields.last?.[0], term];
    case 'Request':
      return [(received ? 'is asked: ' : 'asks: ') + operationText(fields),
        fields.client === undefined ? '' : `client ${fields.client}, number ${fields.number}`];
    case 'Reply': {
      if (!fields.ok) return [received ? 'is sent away' : 'declines', fields.why ?? ''];
      const result = hasResult(fields.op, fields.value) ? ` is ${shownValue(fields.value)}` : ' is done';
      return [(received ? 'is told: ' : 'answers: ') + operationText(fields) + result, ''];
    }
    default:
      return [name, Object.entries(fields).map(([key, value]) => `${key} ${fieldText(value)}`).join(', ')];
  }
}

const fieldText = value => (Array.isArray(value) ? position(value) : value === '' ? '""' : String(value));

function sendWords(event) {
  const [what, more] = messageWords(event.msg ?? 'message', event.f ?? {}, false);
  const lost = event.lost ? `lost: ${LOST_WORDS[event.lost]?.(event.to) ?? event.lost}` : '';
  return [`${event.at} → ${event.to}`, what, [lost, more].filter(Boolean).join('; ')];
}

// A receive row says only what its send row did not.
function receiveWords(run, event) {
  const who = `${event.at} ← ${event.from}`, message = run.messages[event.m];
  if (!message) return [who, 'receives a message', ''];
  const age = event.t - message.sentTime;
  const more = [event.dup ? 'a second copy' : '', age > 50000 ? `sent ${duration(age)} ago` : ''];
  return [who, messageWords(message.name, message.fields, true)[0], more.filter(Boolean).join(', ')];
}

function roleWords(event) {
  const change = event.d ?? {}, term = change.term === undefined ? '' : `term ${change.term}`;
  const vote = 'vote' in change ? `vote ${change.vote ?? 'none'}` : '';
  if (change.role === 'c') return [event.at, 'stands for election' + (term && ` in ${term}`), 'votes for itself'];
  if (change.role === 'l') return [event.at, 'becomes leader' + (term && ` of ${term}`), ''];
  if (change.role === 'f') return [event.at, 'is a follower' + (term && ` in ${term}`), vote];
  return term ? [event.at, `is in ${term}`, vote] : [event.at, vote || 'shows its role', ''];
}

function saveWords(event) {
  const disk = event.d?.disk;
  if (!disk) return [event.at, 'saves', ''];
  const first = (disk.base?.[0] ?? 0) + 1, last = disk.last?.[0] ?? 0;
  const log = last < first ? 'empty log' : `log ${first}–${last}`;
  const snapshot = disk.base?.[0] ? `, snapshot through ${disk.base[0]}` : '';
  return [event.at, 'saves', `term ${disk.term}, vote ${disk.vote ?? 'none'}, ${log}${snapshot}`];
}

function appendWords(event) {
  if (event.say) return [event.at, event.say, ''];
  const [keep, ...added] = event.d?.log ?? [0];
  if (!added.length) return [event.at, `drops what follows entry ${keep}`, ''];
  return [event.at, 'appends ' + entrySpan(keep + 1, added.length), added.map(entry => entry[1]).join(', ')];
}

function restartWords(event) {
  const state = event.d;
  if (!state) return [event.at, 'boots', ''];
  const known = [];
  if (state.term !== undefined) known.push(`term ${state.term}`);
  if ('vote' in state) known.push(`vote ${state.vote ?? 'none'}`);
  if (state.log) known.push(state.log.length === 2 ? '1 entry' : `${state.log.length - 1} entries`);
  return [event.at, 'boots', state.disk ? 'from its disk: ' + known.join(', ') : ''];
}

// The links of a cut: a server and those that it is cut off from, or each direction.
function linkWords(links) {
  const peers = new Map(), all = new Set(links.map(link => link.join('>')));
  for (const [from, to] of links) peers.set(from, [...(peers.get(from) ?? []), to]);
  const bothWays = links.every(([from, to]) => all.has(to + '>' + from));
  if (!bothWays) return links.map(link => link.join(' → ')).join(', ');
  const parts = [], told = new Set();
  for (const [from, to] of [...peers].sort((a, b) => b[1].length - a[1].length)) {
    const untold = to.filter(peer => !told.has(peer + '>' + from));
    if (!untold.length) continue;
    untold.forEach(peer => told.add(from + '>' + peer));
    parts.push(`${from} ⇹ ${untold.join(', ')}`);
  }
  return parts.join('; ');
}

const answeredBy = operation => (operation?.server === undefined ? '' : `answered by ${laneName(operation.server)}`);

function returnWords(run, event) {
  const value = event.f?.value, operation = run.operations.get(event.op);
  const name = operationText(operation?.fields) || 'operation';
  const result = hasResult(operation?.fields.op, value) ? shownValue(value) : 'ok';
  return [event.at, `${name} returns`, [result, answeredBy(operation)].filter(Boolean).join(', ')];
}

function eventWords(event, run = failing) {
  const change = event.d ?? {};
  switch (event.k) {
    case 'send': return sendWords(event);
    case 'recv': return receiveWords(run, event);
    case 'role': return roleWords(event);
    case 'save': return saveWords(event);
    case 'append': return appendWords(event);
    case 'commit': return [event.at, `knows committed through ${change.commit ?? '–'}`, ''];
    case 'apply': {
      const pairs = Object.entries(change.kv ?? {}).map(([key, value]) => `${key} = ${shownValue(value)}`);
      return [event.at, `applies through ${change.applied ?? '–'}`, pairs.join(', ')];
    }
    case 'snap': return [event.at, `cuts its log behind a snapshot through ${change.base?.[0] ?? '–'}`, ''];
    case 'crash': return [event.at, 'crashes', 'what was not saved is gone'];
    case 'restart': return restartWords(event);
    case 'pause': return [event.at, 'is paused', ''];
    case 'resume': return [event.at, 'runs again', ''];
    case 'cut': return ['network', 'links cut', linkWords(event.links ?? [])];
    case 'heal': return ['network', 'links heal', linkWords(event.links ?? [])];
    case 'call': return [event.at, `calls ${operationText(event.f)}`, ''];
    case 'ret': return returnWords(run, event);
    default: return [event.at ?? '', event.say ?? event.k, ''];
  }
}

const plainWords = (event, run = failing) => eventWords(event, run).filter(part => part !== '' && part !== undefined).join(' ');

// The text that search looks through, made when first asked for.
const searchTexts = [];
const searchText = index => (searchTexts[index] ??= plainWords(failing.events[index]).toLowerCase());

// The groups that filters hide, in the order of the menu.
const GROUPS = {
  votes: 'Votes', entries: 'Entries', heartbeats: 'Heartbeats', answers: 'Append answers', snapshots: 'Snapshots',
  other: 'Other messages', saves: 'Saves', roles: 'Roles and terms', commits: 'Commit and apply', faults: 'Faults',
  clients: 'Clients', lines: 'Log lines', remarks: 'Remarks',
};
const GROUP_OF_MESSAGE = {
  RequestVote: 'votes', RequestVoteReply: 'votes', AppendEntriesReply: 'answers', InstallSnapshot: 'snapshots',
  InstallSnapshotReply: 'snapshots', Request: 'clients', Reply: 'clients',
};
const GROUP_OF_KIND = {
  role: 'roles', append: 'entries', save: 'saves', commit: 'commits', apply: 'commits', snap: 'snapshots',
  crash: 'faults', restart: 'faults', pause: 'faults', resume: 'faults', cut: 'faults', heal: 'faults',
  call: 'clients', ret: 'clients', log: 'lines', say: 'remarks',
};
function groupOf(event, run) {
  if (event.k !== 'send' && event.k !== 'recv') return GROUP_OF_KIND[event.k] ?? 'remarks';
  const message = run.messages[event.m];
  if (message?.name === 'AppendEntries') return message.fields.n ? 'entries' : 'heartbeats';
  return GROUP_OF_MESSAGE[message?.name] ?? 'other';
}
for (const run of [failing, passing]) if (run) run.groups = run.events.map(event => groupOf(event, run));
