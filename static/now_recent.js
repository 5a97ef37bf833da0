// now_recent.js: the newest runs, searched by the server. New ones appear by themselves.
//
// data-test: recent, recent-search, recent-row (data-id), recent-empty.

import { h, newId, say } from './dom.js';
import { get } from './api.js';
import { count, counted, duration, nothing, shortId, when } from './format.js';
import { executorName } from './stages.js';
import { extendLegend, stageLegend } from './history_row.js';
import { ledgerBar } from './ledger.js';
import { operationName, statusPill } from './run_facts.js';
import { exampleButton, keyedList, onceAFrame } from './now_parts.js';

const ROWS = 15;
const TYPING_MS = 250;
const LOOKING_MS = 1000;  // between searches because of runs that ended

// A cell by the name of its column; the roles hold where the style makes blocks of the table's parts.
function cell(name, { number, ...attributes } = {}, ...children) {
  const className = number ? `c-${name} number` : `c-${name}`;
  return h('td', { role: 'cell', ...attributes, class: className }, ...children);
}

// What was computed, and unless it was the plain call, how.
function whatOf(run) {
  const recipe = (run.recipe || []).join('; ');
  if (recipe === '') return operationName(run);
  return run.operation === 'compute' ? recipe : `${operationName(run)}: ${recipe}`;
}

// A run's record does not change, so a row is made once; only its time of day may read otherwise later.
function runRow(run) {
  const started = h('span');
  const id = shortId(run.id);
  const failed = run.status >= 400;
  const what = whatOf(run);
  const element = h('tr', { role: 'row', dataset: { test: 'recent-row', id: run.id } },
    cell('run', {}, h('a', { href: `#run/${run.id}`, 'aria-label': `Run ${id}` }, id)),
    cell('started', {}, started),
    cell('what', { title: what }, what),
    cell('executor', { 'data-none': !run.executor }, executorName(run.executor)),
    cell('workers', { number: true }, count(run.workers || null)),
    cell('rows', { number: true, 'data-none': failed }, count(failed ? null : run.rows)),
    cell('status', {}, statusPill(run)),
    cell('time', { number: true }, duration(run.wall_ns)),
    cell('where', {}, run.ledger ? ledgerBar(run.ledger, run.wall_ns, { compact: true }) : nothing));
  return { element, update: () => say(started, when(run.started_at)) };
}

const HEAD = [['Run'], ['Started'], ['What'], ['Executor'], ['Workers', true],
  ['Rows', true], ['Status'], ['Wall time', true]];

function runsTable() {
  const body = h('tbody', { role: 'rowgroup' });
  const head = HEAD.map(([title, number]) =>
    h('th', { scope: 'col', role: 'columnheader', class: number ? 'number' : null }, title));
  const where = h('th', { scope: 'col', role: 'columnheader' }, 'Where the time went');
  const element = h('div', {
    class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of recent runs' },
  h('table', { class: 'recent', role: 'table', 'aria-label': 'Recent runs', dataset: { test: 'recent' } },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head, where)), body));
  return { element, draw: keyedList(body, (run) => run.id, runRow) };
}

// {element, load(), add(run), any(): whether the server knows runs, stop()}
export function recentPart(page, changed) {
  let runs = [];
  let typing = 0;
  let looking = 0;
  let asked = 0;
  const id = newId('search');
  const search = h('input', { type: 'search', id, placeholder: 'Search: md5, threads, an id',
    autocomplete: 'off', spellcheck: 'false', dataset: { test: 'recent-search' }, oninput: () => {
      clearTimeout(typing);
      typing = setTimeout(load, TYPING_MS);
    } });
  const found = h('p', { class: 'quiet', role: 'status' });
  const error = h('p', { class: 'error-text', role: 'alert' });
  const legend = stageLegend();
  const table = runsTable();
  const none = h('div', { class: 'empty', dataset: { test: 'recent-empty' } },
    h('p', null, 'Nothing has run on this server yet.'),
    h('p', null, 'An example generates 100,000 rows on the server and computes two columns from them.'),
    exampleButton(page));
  none.hidden = true;
  table.element.hidden = legend.hidden = true;
  const element = h('section', { class: 'panel', 'aria-labelledby': 'recent-title' },
    h('div', { class: 'panel-head' }, h('h2', { id: 'recent-title' }, 'Recent runs'),
      h('div', { class: 'recent-tools' }, h('label', { for: id, class: 'unseen' }, 'Search the runs'), search,
        h('a', { href: '#history' }, 'All runs'))),
    legend, found, error, table.element, none);

  function draw() {
    const query = search.value.trim();
    table.draw(runs.slice(0, ROWS));
    runs.forEach((run) => extendLegend(legend, run));
    table.element.hidden = legend.hidden = runs.length === 0;
    none.hidden = runs.length > 0 || query !== '' || error.textContent !== '';
    say(found, query === '' ? '' : runs.length === 0 ? `No run matches \u201c${query}\u201d.`
      : `${runs.length >= ROWS ? 'The newest ' : ''}${counted(Math.min(runs.length, ROWS), 'run')} ` +
        `that match${runs.length === 1 ? 'es' : ''} \u201c${query}\u201d.`);
    found.hidden = query === '' || error.textContent !== '';
    changed();
  }

  const drawSoon = onceAFrame(draw);

  async function load() {
    clearTimeout(looking);
    looking = 0;
    asked += 1;
    const mine = asked;
    const query = search.value.trim();
    try {
      const reply = await get(`v1/runs?limit=${ROWS}` + (query ? `&q=${encodeURIComponent(query)}` : ''));
      if (mine !== asked) return;
      say(error, '');
      runs = reply.runs;
    } catch (problem) {
      if (mine !== asked) return;
      say(error, problem.message);
    }
    draw();
  }

  return {
    element,
    load,
    add(run) {
      if (search.value.trim() !== '') {  // whether it matches is the server's to say
        // Events do not put the search off: under steady load it would never be made.
        looking ||= setTimeout(load, LOOKING_MS);
        return;
      }
      runs = [run, ...runs.filter((one) => one.id !== run.id)].slice(0, ROWS);
      drawSoon();
    },
    any: () => runs.length > 0 || search.value.trim() !== '',
    stop() {
      asked += 1;
      clearTimeout(typing);
      clearTimeout(looking);
      drawSoon.stop();
    },
  };
}
