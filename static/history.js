// history.js: all runs and comparisons that the server keeps (#history), with search, paging, import
// and export, and two of them to be shown side by side.
//
// For tests: "history-table", "history-row" (data-id), "search", "operation", "select", "show-pair",
// "picked", "older", "newer" (shows what has run meanwhile), "export", "kept", "history-empty", and what
// is named at the head of history_import.js.

import { h, isIdle, put, say, setBusy } from './dom.js';
import { get } from './api.js';
import { count, counted } from './format.js';
import { extendLegend, historyRow, stageLegend } from './history_row.js';
import { importPanel } from './history_import.js';

const PAGE = 30;
const MOST = 200;  // rows to which runs that end are added; above it the oldest are let go
const TYPING_MS = 250;
const PICKED = ['Tick two runs, or two comparisons, to see them side by side.',
  'One is ticked; tick another.', 'Two are ticked; a third takes the place of the first.'];

export async function show(root, params, page) {
  page.title('History');
  const view = makeView(page);
  put(root, view.element);
  const stops = [  // before the first look, so that no run falls between the two
    page.live.on('run', (run) => view.arrived(run)),
    page.live.on('reconnected', () => view.load()),
  ];
  await view.load();
  return () => {
    view.leave();
    for (const stop of stops) stop();
  };
}

function makeView(page) {
  const state = { rows: new Map(), picked: [], asked: 0, timer: 0, last: null, waiting: new Map() };
  const parts = makeElements();
  const list = makeList(state, parts);
  parts.search.addEventListener('input', () => {
    clearTimeout(state.timer);
    state.timer = setTimeout(() => list.load(), TYPING_MS);
  });
  parts.operation.addEventListener('change', () => list.load());
  parts.older.addEventListener('click', async () => {
    if (!isIdle(parts.older)) return;
    setBusy(parts.older, true);
    const known = new Set(state.rows.keys());
    await list.load(state.last);
    setBusy(parts.older, false);
    const added = [...state.rows].filter(([id]) => !known.has(id));
    page.announce(`${count(added.length)} older runs shown.`);
    // The button goes with the last page: the keyboard goes on at the first of its rows.
    if (parts.older.hidden && added.length > 0) added[0][1].element.querySelector('a').focus();
  });
  parts.newer.addEventListener('click', () => {
    list.showWaiting();
    parts.list.querySelector('a')?.focus();
  });
  parts.pair.addEventListener('click', () => page.go('pair/' + state.picked.join('/')));
  parts.importer.onImported(() => list.load());
  return {
    element: parts.element,
    load: list.load,
    // A run ended: it is shown, unless a search is on, whose matches only the server knows. Rows do not
    // move under a pointer or away from the keyboard: then a button says that there is more.
    arrived(run) {
      const { value } = parts.operation;
      if (parts.search.value.trim() !== '' || (value && value !== run.operation)) return;
      list.wait(run);
      if (!parts.table.matches(':hover, :focus-within')) list.showWaiting();
    },
    leave: () => clearTimeout(state.timer),
  };
}

// ---- the list --------------------------------------------------------------------------------------

function queryOf(parts, before) {
  const search = new URLSearchParams({ limit: PAGE });
  if (parts.search.value.trim()) search.set('q', parts.search.value.trim());
  if (parts.operation.value) search.set('operation', parts.operation.value);
  if (before) search.set('before', before);
  return search;
}

function makeList(state, parts) {
  // The first page, or the one after `before`.
  async function load(before = null) {
    const asked = state.asked += 1;
    try {
      const reply = await get('v1/runs?' + queryOf(parts, before));
      if (asked !== state.asked) return;
      const place = before ? null : placeOfFocus(parts.list);
      if (!before) clear();
      for (const run of reply.runs) add(run, false);
      state.last = reply.next;
      showWaiting();
      if (place) focusAgain(parts.list, place);
      showKept(parts.kept, reply.history);
      say(parts.failure, reply.history.error || '');
    } catch (error) {
      if (asked === state.asked) say(parts.failure, error.message);
    }
    refresh();
  }
  function clear() {
    state.rows.clear();
    put(parts.list);
  }
  // Whether it is shown now and was not before.
  function add(run, first) {
    if (state.rows.has(run.id)) return false;
    const row = historyRow(run, { picked: state.picked.includes(run.id), onPick: pick });
    state.rows.set(run.id, row);
    extendLegend(parts.legend, run);
    if (first) parts.list.prepend(row.element);
    else parts.list.append(row.element);
    return true;
  }
  // Ticked ones stay ticked while the list is searched, also where they are not shown; so a third
  // takes the place of the first.
  function pick(id, ticked) {
    const others = state.picked.filter((one) => one !== id);
    state.picked = ticked ? [...others, id].slice(-2) : others;
    refresh();
  }
  function wait(run) {
    if (!state.rows.has(run.id)) state.waiting.set(run.id, run);
    while (state.waiting.size > MOST) state.waiting.delete(state.waiting.keys().next().value);
    refresh();
  }
  // A list that nobody looks at grows all the same: its end is let go, and can be asked for again.
  function showWaiting() {
    const most = Math.max(MOST, state.rows.size);  // not what was paged to
    for (const run of state.waiting.values()) add(run, true);
    state.waiting.clear();
    const over = [...parts.list.children].slice(most).map((row) => row.dataset.id);
    for (const id of over) {
      state.rows.get(id).element.remove();
      state.rows.delete(id);
    }
    if (over.length > 0) state.last = parts.list.lastElementChild.dataset.id;
    refresh();
  }
  const refresh = () => refreshList(state, parts);
  return { load, wait, showWaiting };
}

// Which control of which row has the focus: {id, at: the how many-th of the row}, or null.
function placeOfFocus(list) {
  const control = document.activeElement;
  const row = list.contains(control) ? control.closest('tr') : null;
  return row && { id: row.dataset.id, at: [...row.querySelectorAll('a, input')].indexOf(control) };
}

function focusAgain(list, { id, at }) {
  const row = [...list.children].find((one) => one.dataset.id === id) || list.firstElementChild;
  row?.querySelectorAll('a, input')[at]?.focus();
}

// What is shown around the rows.
function refreshList({ picked, rows, last, waiting }, parts) {
  const searching = parts.search.value.trim() !== '' || parts.operation.value !== '';
  const failed = parts.failure.textContent !== '';
  parts.pair.disabled = picked.length !== 2;
  say(parts.pickedText, PICKED[picked.length]);
  for (const [id, row] of rows) row.tick(picked.includes(id));
  parts.newer.hidden = waiting.size === 0;
  if (waiting.size > 0) say(parts.newer, `Show ${counted(waiting.size, 'new run')}`);
  parts.older.hidden = !last;
  parts.table.hidden = rows.size === 0;
  say(parts.count, rows.size === 0 ? '' : counted(rows.size, 'run') +
    (last ? ' shown; there are older ones.' : ' shown.'));
  put(parts.empty, rows.size > 0 || failed ? null : searching ? noMatch() : nothingYet());
}

// ---- elements --------------------------------------------------------------------------------------

function makeElements() {
  const search = h('input', { type: 'search', id: 'history-search', autocomplete: 'off', spellcheck: 'false',
    placeholder: 'an expression, an id, an executor', dataset: { test: 'search' } });
  const operation = h('select', { id: 'history-operation', dataset: { test: 'operation' } },
    h('option', { value: '' }, 'Everything'), h('option', { value: 'compute' }, 'Computations'),
    h('option', { value: 'map' }, 'Calls (map)'), h('option', { value: 'compare' }, 'Comparisons'));
  const pair = h('button', { type: 'button', class: 'primary', disabled: true,
    dataset: { test: 'show-pair' } }, 'Side by side');
  const pickedText = h('span', { class: 'quiet small', role: 'status',
    dataset: { test: 'picked' } }, PICKED[0]);
  const failure = h('p', { class: 'error-text', role: 'alert' });
  const list = h('tbody');
  const table = h('div', { class: 'scroll history-scroll', hidden: true, tabindex: '0', role: 'region',
    'aria-label': 'Runs' },
    h('table', { class: 'history-table', dataset: { test: 'history-table' } },
      h('caption', { class: 'unseen' }, 'Runs, the newest first'),
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'Pick')),
        [['Run'], ['What'], ['Executor'], ['Rows', 'number'], ['Status'], ['Wall time', 'number'],
          ['Where the time went'], ['']].map(([name, kind]) =>
          h('th', { scope: 'col', class: kind }, name || h('span', { class: 'unseen' }, 'Export'))))), list));
  const newer = h('button', { type: 'button', class: 'history-newer', hidden: true,
    dataset: { test: 'newer' } });
  const older = h('button', { type: 'button', hidden: true, dataset: { test: 'older' } }, 'Show older');
  const shown = h('span', { class: 'quiet small', role: 'status' });
  const empty = h('div', { dataset: { test: 'history-empty' } });
  const kept = h('p', { class: 'quiet', dataset: { test: 'kept' } });
  const importer = importPanel();
  const legend = stageLegend();
  const element = [
    h('header', { class: 'run-head' }, h('div', null, h('h1', null, 'History'), kept), importer.button),
    importer.element,
    h('section', { class: 'panel', 'aria-label': 'Runs and comparisons' },
      h('div', { class: 'history-tools' },
        h('div', { class: 'field grow' }, h('label', { for: 'history-search' }, 'Search'), search),
        h('div', { class: 'field' }, h('label', { for: 'history-operation' }, 'Show'), operation),
        h('div', { class: 'history-pair' }, pickedText, pair)),
      legend, failure, newer, table, empty, h('div', { class: 'actions' }, older, shown)),
  ];
  return { element, search, operation, pair, pickedText, failure, list, table, newer, older, count: shown, empty,
    legend, kept, importer };
}

function noMatch() {
  return h('div', { class: 'empty' }, h('p', null, 'No run matches. The search looks at ids, expressions, ' +
    'executors and errors.'));
}

function nothingYet() {
  return h('div', { class: 'empty' }, h('p', null, 'Nothing has run yet.'),
    h('div', { class: 'actions' }, h('a', { class: 'button primary', href: '#try' }, 'Try it'),
      h('a', { class: 'button', href: '#compare' }, 'Compare')));
}

// `history` is what the server says of where runs live.
function showKept(element, history) {
  say(element, history.durable
    ? 'Runs and comparisons are kept in the server’s data directory; they survive a restart.'
    : 'Runs and comparisons are kept in memory until the server restarts. With --data-dir they survive it.');
}
