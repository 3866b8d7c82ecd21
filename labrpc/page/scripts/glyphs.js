// Shapes of events and of messages' tails, around a point.

const GLYPHS = {
  askVote: (x, y) => `<circle class="shape" cx="${x}" cy="${y}" r="4.5"/>`,
  granted: (x, y) => `<circle class="solid" cx="${x}" cy="${y}" r="6.5"/>`
    + `<path class="tick" d="M${x - 3} ${y}l2.2 2.4 4-4.6"/>`,
  refused: (x, y) => `<circle class="shape" cx="${x}" cy="${y}" r="5"/>`
    + `<path class="stroke" d="M${x - 3.4} ${y + 3.4}l6.8-6.8"/>`,
  heartbeat: (x, y) => `<rect class="shape" x="${x - 2.5}" y="${y - 2.5}" width="5" height="5"/>`,
  entries: (x, y) => `<rect class="solid" x="${x - 4}" y="${y - 4}" width="8" height="8"/>`,
  stored: (x, y) => `<circle class="solid" cx="${x}" cy="${y}" r="3"/>`,
  snapshot: (x, y) => `<path class="solid" d="M${x} ${y - 6}l6 6-6 6-6-6z"/>`,
  dot: (x, y) => `<circle class="solid" cx="${x}" cy="${y}" r="2"/>`,

  save: (x, y) => `<rect class="shape" x="${x - 9}" y="${y - 4.5}" width="18" height="9" rx="2"/>`
    + `<path class="stroke" d="M${x - 5} ${y}h10"/>`,
  role: (x, y, role = 'f') => `<circle class="${role === 'l' ? 'solid' : 'shape'}" cx="${x}" cy="${y}" r="9"/>`
    + `<text class="letter${role === 'l' ? ' inverse' : ''}" x="${x}" y="${y + 4}">${role.toUpperCase()}</text>`,
  append: (x, y) => `<rect class="shape" x="${x - 5}" y="${y - 5}" width="10" height="10"/>`
    + `<path class="stroke" d="M${x} ${y - 3}v6M${x - 3} ${y}h6"/>`,
  commit: (x, y) => `<circle class="halo" cx="${x}" cy="${y}" r="9.5"/>`
    + `<path class="stroke" d="M${x - 7} ${y + 4}h14M${x - 5} ${y - 1}l4 4 7-8"/>`,
  apply: (x, y) => `<circle class="halo" cx="${x}" cy="${y}" r="8.5"/>`
    + `<path class="solid" d="M${x - 4} ${y - 5}l9 5-9 5z"/>`,
  snap: (x, y) => `<path class="shape" d="M${x} ${y - 7}l7 7-7 7-7-7z"/>`,
  crash: (x, y) => `<path class="thick" d="M${x - 7} ${y - 7}l14 14M${x + 7} ${y - 7}l-14 14"/>`,
  restart: (x, y) => `<circle class="shape" cx="${x}" cy="${y}" r="7.5"/>`
    + `<path class="solid" d="M${x - 2.5} ${y - 4}l6 4-6 4z"/>`,
  pause: (x, y) => `<path class="thick" d="M${x - 3} ${y - 5}v10M${x + 3} ${y - 5}v10"/>`,
  resume: (x, y) => `<path class="solid" d="M${x - 4} ${y - 6}l9 6-9 6z"/>`,
  log: (x, y) => `<path class="stroke" d="M${x - 6} ${y - 3}h12M${x - 6} ${y}h12M${x - 6} ${y + 3}h7"/>`,
  say: (x, y) => `<circle class="shape" cx="${x}" cy="${y}" r="3"/>`,
};

// The shape of a message's tail.
function tailOf(message) {
  switch (message.name) {
    case 'RequestVote': return 'askVote';
    case 'RequestVoteReply': return message.fields.granted ? 'granted' : 'refused';
    case 'AppendEntries': return message.fields.n ? 'entries' : 'heartbeat';
    case 'AppendEntriesReply': return message.fields.ok ? 'stored' : 'refused';
    case 'InstallSnapshot': return 'snapshot';
    default: return 'dot';
  }
}

// The stroke of a message's line.
function strokeOf(message) {
  switch (message.name) {
    case 'RequestVoteReply': return message.fields.granted ? 'answer granted' : 'answer';
    case 'AppendEntries': return message.fields.n ? '' : 'faint';
    case 'AppendEntriesReply':
    case 'InstallSnapshotReply': return 'answer faint';
    case 'Request':
    case 'Reply': return 'of-client';
    default: return '';
  }
}

const roleIcon = role => `<svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">`
  + `<line class="${ROLE_NAMES[role]}" x1="7" x2="7" y1="0" y2="14"/></svg>`;
