// The key to the picture and the list of keys.

const keyIcon = inner => `<svg width="24" height="20" viewBox="0 0 24 20" aria-hidden="true">${inner}</svg>`;
const keyGlyph = (name, role) => keyIcon(GLYPHS[name](12, 10, role));
const keyStroke = name => keyIcon(`<line class="${name}" x1="12" x2="12" y1="0" y2="20"/>`);
const keyEntry = classes => `<span class="entry ${classes}">2</span>`;
const keyArrow = (classes, more) => keyIcon(`<path class="message ${classes}" d="M2 5L20 14"/>${more}`);

const KEY_LINES = [
  [keyStroke('follower'), 'follower'], [keyStroke('candidate'), 'candidate'],
  [keyStroke('leader'), 'leader'], [keyStroke('paused'), 'paused'],
  [keyGlyph('role', 'c'), 'role change'], [keyGlyph('save'), 'save to disk'],
  [keyGlyph('askVote'), 'asks for a vote'], [keyGlyph('granted'), 'vote granted'],
  [keyGlyph('refused'), 'refused or rejected'], [keyGlyph('heartbeat'), 'heartbeat'],
  [keyGlyph('entries'), 'entries'], [keyGlyph('stored'), 'append accepted'],
  [keyGlyph('snapshot'), 'snapshot sent'], [keyGlyph('snap'), 'log cut'],
  [keyGlyph('commit'), 'commit'], [keyGlyph('apply'), 'apply'],
  [keyGlyph('crash'), 'crash, then hatched'], [keyGlyph('restart'), 'restart'],
  [keyIcon('<path class="fence" d="M5 0V20M19 0V20"/>'), 'a link is cut'], [keyGlyph('log'), 'log line'],
  [keyArrow('', '<path class="lost" d="M14 8l8 8M22 8l-8 8"/>'), 'lost'],
  [keyArrow('copy', '<path class="copy-core" d="M2 5L20 14"/>'), 'second copy'],
  [keyEntry('term2 committed'), 'committed'], [keyEntry('term2 open'), 'not committed'],
  [keyEntry('term2 committed applied'), 'applied'], [keyEntry('term2 open unsaved'), 'not on disk'],
];

const KEYS_HELP = [
  ['j k ↓ ↑', 'next, previous event'], ['space', 'play, pause'],
  ['c C', 'next, previous step of the clash'], ['m', 'other end of the message or call'],
  ['1–9', 'select a lane'], ['n N', 'next, previous event of the selected lane'],
  ['h', 'dim all that cannot have led to this event'],
  ['f F', 'next, previous event that could have gone otherwise'],
  ['t', 'the passing run beside this one'], ['/', 'search; Enter and Shift+Enter walk the hits'],
  ['+ −', 'zoom'], ['PgUp PgDn Home End', 'move far'], ['d', 'dark or light'],
];

function fillKey() {
  byId('key').insertAdjacentHTML('beforeend', `<ul>`
    + `${KEY_LINES.map(([icon, text]) => `<li>${icon}${text}</li>`).join('')}</ul>`);
  const lines = KEYS_HELP.map(([keys, text]) => `<dt>${keys.split(' ').map(key => `<kbd>${key}</kbd>`).join(' ')}</dt>`
    + `<dd>${text}</dd>`);
  byId('help').innerHTML = `<h2>Keys</h2><dl>${lines.join('')}</dl><form method="dialog">`
    + `<button class="button">Close</button></form>`;
}
