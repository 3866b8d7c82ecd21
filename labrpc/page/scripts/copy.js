// Every button with a `data-copy` copies that text and says so.

const COPIED_MILLIS = 1600;

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without permission, or outside of a secure context: the old way.
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const isDone = document.execCommand('copy');
    area.remove();
    return isDone;
  }
}

document.addEventListener('click', async event => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const text = button.dataset.copy, label = (button.dataset.label ??= button.textContent);
  const isDone = await copyText(text);
  button.textContent = isDone ? 'Copied' : 'Select and copy';
  clearTimeout(announceTimer); // the news of the copy comes last
  byId('live').textContent = isDone ? `Copied: ${text}` : 'The browser does not allow copying.';
  button.focus({ preventScroll: true });
  setTimeout(() => { button.textContent = label; }, COPIED_MILLIS);
});
