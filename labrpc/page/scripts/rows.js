// One line of text for each event.

const badge = step => `<span class="number">${step + 1}</span> `;

// The time in the gutter. Equal times are printed once.
function timeHtml(slot) {
  const time = seconds(slotTime(slot)), before = slot > 0 ? seconds(slotTime(slot - 1)) : '';
  const [whole, fraction] = time.split('.');
  const text = time === before ? ''
    : geometry.small ? `<i>${whole.slice(-2)}</i>.${fraction}` : `<i>${whole}.</i>${fraction} <i>s</i>`;
  return `<time style="width:${geometry.gutter - 14}px">${text}</time>`;
}

function rowText(event, run) {
  const [who, what, more] = eventWords(event, run);
  if (event.k === 'log') return `<b>${escapeHtml(who)}</b> <code>${escapeHtml(what)}</code>`;
  return `<b>${escapeHtml(who)}</b> ${escapeHtml(what)}${more === '' ? '' : ` <span>${escapeHtml(more)}</span>`}`;
}

function rowHtml(slot, isPast) {
  const index = columns.failing.eventAt[slot], top = layout.y[slot], height = rowHeight();
  const place = geometry.failing, right = geometry.width - geometry.split;
  const box = `top:${top}px;height:${height}px;right:${right}px`;
  if (index < 0) return `<div class="row" style="${box}" data-passing="${columns.passing.eventAt[slot]}">`
    + `${timeHtml(slot)}</div>`;
  const event = failing.events[index], step = clashStep.get(index);
  const note = step === undefined || geometry.small ? '' : clash[step].note;
  const classes = ['row', step !== undefined && 'clash', index === view.cursor && 'current',
    view.hitSet.has(index) && 'hit', isPast && !isPast(index) && 'dim'].filter(Boolean).join(' ');
  const text = place.textWidth
    ? `<p style="margin-left:${place.textX - geometry.gutter + 14}px">`
      + `${step === undefined ? '' : badge(step)}${rowText(event, failing)}</p>` : '';
  return `<div class="${classes}" role="option" id="e${index}" data-event="${index}" aria-posinset="${index + 1}"`
    + ` aria-setsize="${eventCount}" aria-selected="${index === view.cursor}" style="${box}">`
    + timeHtml(slot) + text + (index === jumpEvent ? jumpTag() : '')
    + (note ? `<em style="left:${place.textX + 23}px;top:${height - 3}px">${escapeHtml(note)}</em>` : '') + '</div>';
}

// A row of the passing run.
function passingRowHtml(slot) {
  const index = columns.passing.eventAt[slot];
  if (index < 0) return '';
  const place = geometry.passing, beside = columns.failing.eventAt[slot] >= 0;
  const current = index === view.passingCursor ? ' current' : '';
  const text = place.textWidth > 20
    ? `<p style="margin-left:${place.textX - geometry.split}px">`
      + `${beside ? '<span>the same</span>' : rowText(passing.events[index], passing)}</p>` : '';
  return `<div class="row other${beside ? ' beside' : ''}${current}" id="p${index}" data-passing="${index}"`
    + ` style="top:${layout.y[slot]}px;height:${rowHeight()}px;left:${geometry.split}px">${text}</div>`;
}

function gapHtml(slot) {
  if (!slot || geometry.small) return '';
  const silence = slotTime(slot) - slotTime(slot - 1);
  if (silence <= silenceMin || layout.y[slot] - layout.y[slot - 1] <= rowHeight() * 1.4) return '';
  return `<div class="gap" style="top:${layout.y[slot] - 15}px;width:${geometry.gutter - 14}px">+${duration(silence)}`
    + `</div>`;
}

// When rows are too low for text, only the cursor's and the clash's are written.
function sparseRowsHtml() {
  return [...new Set([...clash.map(step => step.e), view.cursor])].map(index => {
    const step = clashStep.get(index), current = index === view.cursor;
    return `<div class="row${step === undefined ? '' : ' clash'}${current ? ' current' : ''}" data-event="${index}"`
      + ` id="e${index}" role="option" aria-selected="${current}"`
      + ` style="top:${eventY(columns.failing, index) - 11}px;height:22px;right:${geometry.width - geometry.split}px">`
      + `<time style="width:${geometry.gutter - 14}px">${seconds(failing.events[index].t)}</time>`
      + (geometry.failing.textWidth ? `<p style="margin-left:${geometry.failing.textX - geometry.gutter + 14}px">`
      + `${step === undefined ? '' : badge(step)}${escapeHtml(plainWords(failing.events[index]))}</p>` : '') + '</div>';
  }).join('');
}
