// run.js: the view of one run (#run/ID; #run: the newest): what ran, where its time went, what each
// worker did when, and the run as files.
//
// For tests: "ledger", "timeline", "cpu-sentence", "samples", "compare-link", "pair-link", and what is
// named at the heads of ledger.js, timeline.js, run_cpu.js, run_files.js, run_again.js, run_facts.js.

import { h, put } from './dom.js';
import { get } from './api.js';
import { count, counted, duration, percent, shortId, when } from './format.js';
import { chart, axis } from './charts.js';
import { hint } from './stages.js';
import { ledgerBar, ledgerTable } from './ledger.js';
import { timelineOf } from './timeline.js';
import { cpuBars } from './run_cpu.js';
import { filesPanel, loadRun } from './run_files.js';
import { runAgain } from './run_again.js';
import { operationName, originPanel, problemPanel, statusPill, whatRan } from './run_facts.js';

export async function show(root, [id], page) {
  page.title('Run');
  put(root, h('h1', null, 'Run'), h('p', { class: 'quiet', role: 'status' }, 'Loading.'));
  const run = await load(id);
  if (!run) return showNothing(root);
  page.title(`Run ${shortId(run.id)}`);
  const again = runAgain(run, page);
  const made = [];  // what must be let go
  const keep = (thing) => {
    made.push(thing);
    return thing.element;
  };
  put(root,
    head(run, again),
    again.button && again.panel,
    problemPanel(run),
    h('div', { class: 'grid run-top' }, ledgerPanel(run), whatRan(run)),
    timelinePanel(run, keep),
    bottom(run, again, keep));
  return () => {
    again.stop();
    for (const thing of made) thing.destroy();
  };
}

// Two stacks beside each other, about as high; one alone is as wide as the page.
function bottom(run, again, keep) {
  const left = [cpuPanel(run), samplesPanel(run, keep)].filter(Boolean);
  const right = [originPanel(run), again.button ? null : again.panel].filter(Boolean);
  (left.length < right.length ? left : right).push(filesPanel(run));
  const filled = [left, right].filter((stack) => stack.length > 0);
  return h('div', { class: filled.length > 1 ? 'grid two' : 'grid' },
    filled.map((stack) => h('div', { class: 'stack' }, stack)));
}

async function load(id) {
  if (id) return loadRun(id);
  const { runs } = await get('v1/runs?limit=100');
  const newest = runs.find((run) => run.operation !== 'check');
  return newest ? loadRun(newest.id) : null;
}

function showNothing(root) {
  put(root, h('h1', null, 'Run'), h('div', { class: 'panel empty' },
    h('p', null, 'Nothing has run yet.'),
    h('div', { class: 'actions' }, h('a', { class: 'button primary', href: '#try' }, 'Try it'))));
  return () => {};
}

function head(run, again) {
  return h('header', { class: 'run-head' },
    h('div', null,
      h('h1', null, run.operation === 'compare' ? 'Comparison ' : 'Run ',
        h('span', { class: 'mono', title: run.id }, shortId(run.id))),
      h('p', { class: 'run-sub' }, statusPill(run), h('span', null, operationName(run)),
        h('time', { datetime: run.started_at, title: run.started_at }, when(run.started_at)),
        run.imported && h('span', { class: 'tag' }, 'imported'))),
    h('div', { class: 'actions' },
      run.operation === 'compare' && !run.error &&
        h('a', { class: 'button', href: '#compare/' + run.id, dataset: { test: 'compare-link' } },
          'See the comparison'),
      again.button,
      h('a', { class: 'button quiet', href: '#history' }, 'History')));
}

function ledgerPanel(run) {
  const { wall_ns: wall, ledger, unaccounted_ns: unaccounted } = run.timing;
  return h('section', { class: 'panel', 'aria-label': 'Where the time went' },
    h('div', { class: 'panel-head' }, h('h2', null, 'Where the time went'),
      h('p', null, h('b', { class: 'wall' }, duration(wall)), h('span', { class: 'quiet' }, ' wall time'))),
    ledgerBar(ledger, wall, { unaccounted }),
    h('details', null, h('summary', null, 'Show as table'), ledgerTable(ledger, wall, { unaccounted })));
}

function cpuPanel(run) {
  const bars = cpuBars(run);
  return bars && h('section', { class: 'panel', 'aria-label': 'Processor time beside wall time' },
    h('h2', null, 'Processor time beside wall time'), bars);
}

// ---- the timeline ----------------------------------------------------------------------------------

function timelinePanel(run, keep) {
  if (!run.chunks || run.chunks.length === 0) {
    const why = run.operation === 'compare'
      ? 'A comparison runs its work many times: the cases are kept, their chunks are not.'
      : run.error ? 'No chunk ran.' : null;
    return why && h('section', { class: 'panel', 'aria-label': 'Timeline' }, h('h2', null, 'Timeline'),
      h('p', { class: 'quiet' }, why));
  }
  return h('section', { class: 'panel', 'aria-label': 'Timeline' },
    h('h2', null, `Timeline: each chunk${run.operation === 'map' ? ' of calls' : ''} on its worker`),
    keep(timelineOf(run)));
}

// ---- repetitions -----------------------------------------------------------------------------------

function samplesPanel(run, keep) {
  const { repeat } = run.timing;
  if (!repeat || repeat.samples_ns.length < 2) return null;
  const samples = repeat.samples_ns;
  const columns = [
    { title: 'Repetition', number: true, cell: (row) => count(row.at) },
    { title: 'Time', number: true, cell: (row) => duration(row.ns) },
  ];
  const figure = chart({
    title: `${counted(repeat.runs, 'repetition')}: median ${duration(repeat.median_ns)}, ` +
      `spread ${percent(repeat.stddev_ns / Math.max(1, repeat.median_ns))}`,
    label: `${counted(repeat.runs, 'repetition')}, from ${duration(repeat.min_ns)} to ` +
      `${duration(Math.max(...samples))}, median ${duration(repeat.median_ns)}.`,
    type: 'bar', height: 200,
    data: {
      labels: samples.map((ns, i) => String(i + 1)),
      datasets: [{ label: 'time of execute and gather', data: samples, backgroundColor: '--stage-execute',
        maxBarThickness: 40 }],
    },
    options: { scales: { x: axis('Repetition', { type: 'category', ticks: {} }),
      y: axis('Time', { duration: true, min: 0 }) } },
    table: { columns, rows: samples.map((ns, i) => ({ at: i + 1, ns })) },
  });
  return h('section', { class: 'panel', 'aria-label': 'Repetitions', dataset: { test: 'samples' } },
    h('h2', null, 'Repetitions', hint('spread')), keep(figure));
}
