// Search marks the events whose text contains the query.

const SEARCH_AFTER_MILLIS = 90;

function search(query) {
  view.query = query;
  view.hits = [];
  if (query.length > 1 || /\d/.test(query)) {
    const wanted = query.toLowerCase();
    for (let i = 0; i < eventCount; i++) if (searchText(i).includes(wanted)) view.hits.push(i);
  }
  view.hitSet = new Set(view.hits);
  byId('hits').textContent = query ? grouped(view.hits.length) : '';
  revision++;
  drawMap();
  draw();
}

const goToHit = direction => goAmong(view.hits, direction);

function listenToSearch() {
  const input = byId('query');
  let timer;
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => search(input.value.trim()), SEARCH_AFTER_MILLIS);
  });
  input.addEventListener('keydown', event => {
    if (event.key === 'Enter') {
      event.preventDefault();
      clearTimeout(timer);
      if (view.query !== input.value.trim()) search(input.value.trim());
      goToHit(event.shiftKey ? -1 : 1);
    } else if (event.key === 'Escape') {
      clearTimeout(timer);
      input.value = '';
      search('');
      stage.focus({ preventScroll: true });
    }
  });
}
