// Numbers, times and positions for readers.

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeHtml = text => String(text).replace(/[&<>"]/g, character => ESCAPES[character]);

const seconds = micros => (micros / 1e6).toFixed(3);
const grouped = number => number.toLocaleString('en');

function duration(micros) {
  if (micros >= 1e6) return (micros / 1e6).toFixed(2) + ' s';
  if (micros >= 1e3) return (micros / 1e3).toFixed(micros < 1e4 ? 1 : 0) + ' ms';
  return micros + ' µs';
}

// A position of a log: index and term.
const position = p => (p ? (p[0] ? `${p[0]} (T${p[1]})` : 'start') : '–');

const entrySpan = (first, count) => (count === 1 ? `entry ${first}` : `entries ${first}–${first + count - 1}`);

// An empty value would be invisible.
const shownValue = value => (value === '' ? '""' : value);

function operationText(fields) {
  if (!fields) return '';
  const value = fields.val !== undefined ? ' = ' + shownValue(fields.val) : '';
  return [fields.op, fields.key].filter(part => part !== undefined).join(' ') + value;
}
