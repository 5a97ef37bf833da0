// pair.js: two runs, or two comparisons, side by side (#pair/A/B).
//
// For tests: "pair-verdict", "pair-cautions", "pair-settings", "pair-bars", "pair-table" (difference by
// stage), "pair-worker-table", "pair-cases", "pair-swap".

import { h, put, table } from './dom.js';
import { count, duration, exactNs, factor, shortId, when } from './format.js';
import { LEDGER, executorName, explained } from './stages.js';
import { axis, chart, pattern } from './charts.js';
import { inWords, stageBar, sumOf, swatch } from './ledger.js';
import { inOrder } from './timeline_model.js';
import { workerParts } from './run_cpu.js';
import { loadRun } from './run_files.js';
import { operationName, statusPill } from './run_facts.js';
import {
  byStage, cautions, caseSentence, cpuOf, matchCases, partsOf, sentence, settings, workerStages,
} from './pair_model.js';

export async function show(root, [idA, idB], page) {
  page.title('Side by side');
  if (!idA || !idB) {
    put(root, h('h1', null, 'Side by side'), h('div', { class: 'panel empty' },
      h('p', null, 'Two runs are needed; tick them in the history.'),
      h('div', { class: 'actions' }, h('a', { class: 'button primary', href: '#history' }, 'History'))));
    return () => {};
  }
  put(root, h('h1', null, 'Side by side'), h('p', { class: 'quiet', role: 'status' }, 'Loading.'));
  const [a, b] = await Promise.all([loadRun(idA), loadRun(idB)]);
  page.title(`Runs ${shortId(a.id)} and ${shortId(b.id)}`);
  const charts = [];
  const draw = (config) => {
    const made = chart(config);
    charts.push(made);
    return made.element;
  };
  put(root, head(a, b, page),
    a.comparison && b.comparison ? comparisonPanels(a, b, draw) : runPanels(a, b, draw));
  return () => charts.forEach((one) => one.destroy());
}

// ---- head and settings -----------------------------------------------------------------------------

function head(a, b, page) {
  return [
    h('header', { class: 'run-head' }, h('h1', null, 'Side by side'),
      h('div', { class: 'actions' },
        h('button', { type: 'button', class: 'quiet', dataset: { test: 'pair-swap' },
          onclick: () => page.go(`pair/${b.id}/${a.id}`) }, 'Swap A and B'),
        h('a', { class: 'button quiet', href: '#history' }, 'History'))),
    h('div', { class: 'grid two pair-heads' }, card('A', a), card('B', b)),
  ];
}

function card(letter, run) {
  const href = run.comparison ? `#compare/${run.id}` : `#run/${run.id}`;
  return h('section', { class: 'panel pair-card', 'aria-label': `Run ${letter}` },
    h('b', { class: 'pair-letter', 'aria-hidden': 'true' }, letter),
    h('div', null,
      h('h2', null, h('span', { class: 'unseen' }, `${letter}: `),
        h('a', { href, class: 'mono' }, shortId(run.id)), ' ', operationName(run)),
      h('p', { class: 'run-sub' }, statusPill(run),
        h('time', { datetime: run.started_at, title: run.started_at }, when(run.started_at)),
        h('b', { title: exactNs(run.timing.wall_ns) }, duration(run.timing.wall_ns)),
        run.imported && h('span', { class: 'tag' }, 'imported'))));
}

function verdictPanel(text, a, b) {
  const careful = cautions(a, b);
  return h('section', { class: 'panel', 'aria-label': 'The difference' },
    h('h2', null, 'The difference'),
    h('p', { class: 'pair-verdict', dataset: { test: 'pair-verdict' } }, text),
    careful.length > 0 && h('ul', { class: 'pair-cautions', dataset: { test: 'pair-cautions' } },
      careful.map((one) => h('li', null, one))));
}

function settingsPanel(a, b) {
  const rows = settings(a, b);
  const value = (side) => (row) => h('span', { class: 'pair-value' }, row[side] || '\u2013');
  return h('section', { class: 'panel', 'aria-label': 'What was asked', dataset: { test: 'pair-settings' } },
    h('h2', null, 'What was asked'),
    table('What was asked of A and B', [
      { title: h('span', { class: 'unseen' }, 'What'), cell: (row) => h('span', { class: 'pair-name' },
        h('span', { class: 'quiet' }, row.name), row.differs && h('span', { class: 'tag' }, 'differs')) },
      { title: 'A', cell: value('a') },
      { title: 'B', cell: value('b') },
    ], rows, { row: (row) => ({ class: row.differs ? 'pair-differs' : null }) }));
}

// ---- two runs --------------------------------------------------------------------------------------

function runPanels(a, b, draw) {
  const stages = byStage(partsOf(a), partsOf(b), LEDGER);
  const work = byStage(workerParts(workerStages(a)), workerParts(workerStages(b)),
    inOrder([...Object.keys(workerStages(a)), ...Object.keys(workerStages(b))]));
  return [
    h('div', { class: 'grid two' },
      h('div', { class: 'stack' }, verdictPanel(sentence(a, b, stages), a, b), barsPanel(a, b)),
      settingsPanel(a, b)),
    stagePanel({ title: 'The request, stage by stage', test: 'pair-table', stages, a, b, draw }),
    work.length > 0 && stagePanel({
      title: 'The workers, stage by stage', test: 'pair-worker-table', stages: work, a, b, draw,
      note: 'Sums over all workers of a run: together they may be longer than the wall time.',
    }),
  ];
}

// Ledgers and processor times of both on one scale.
function barsPanel(a, b) {
  const whole = Math.max(1, ...[a, b].flatMap((run) => [run.timing.wall_ns, cpuOf(run)]));
  const rows = [['A', a], ['B', b]].map(([letter, run], i) => {
    const parts = partsOf(run);
    const place = i > 0 ? ' cpu-first' : '';
    const bar = stageBar(parts, { share: sumOf(parts) / whole,
      label: `${letter}, ${duration(run.timing.wall_ns)}: ${inWords(parts, run.timing.wall_ns || 1)}` });
    return [
      line(`${letter}, wall time`, bar, run.timing.wall_ns, place),
      (run.timing.workers || []).length > 0 && line(`${letter}, processor`,
        h('span', { class: 'cpu-bar', style: { width: `${100 * cpuOf(run) / whole}%` } }), cpuOf(run), ''),
    ];
  });
  const both = [...partsOf(a), ...partsOf(b)];
  const used = LEDGER.filter((stage) => both.some((part) => part.stage === stage));
  return h('section', { class: 'panel', 'aria-label': 'Both on one scale', dataset: { test: 'pair-bars' } },
    h('h2', null, 'Both on one scale'),
    h('div', { class: 'cpu-bars' }, rows),
    h('ul', { class: 'timeline-legend history-legend' },
      used.map((stage) => h('li', null, swatch(stage), explained(stage)))));
}

function line(name, bar, ns, place) {
  return [h('span', { class: 'cpu-name' + place }, name), h('span', { class: 'cpu-place' + place }, bar),
    h('span', { class: 'cpu-value' + place, title: exactNs(ns) }, duration(ns))];
}

function stagePanel({ title, test, stages, a, b, draw, note }) {
  const total = { stage: null, a: sum(stages, 'a'), b: sum(stages, 'b') };
  total.ns = total.a - total.b;
  total.factor = total.a > 0 && total.b > 0 ? total.a / total.b : null;
  const cell = (key) => (row) => h('span', { title: exactNs(row[key]) }, duration(row[key]));
  return h('section', { class: 'panel', 'aria-label': title }, h('h2', null, title),
    h('div', { class: 'grid two' },
      draw(stageChart(title, stages, a, b)),
      h('div', { dataset: { test } }, table(`${title}: A and B in figures`, [
        { title: 'Stage', cell: (row) => row.stage
          ? h('span', { class: 'stage-name' }, swatch(row.stage), explained(row.stage))
          : h('b', null, 'together') },
        { title: 'A', number: true, cell: cell('a') },
        { title: 'B', number: true, cell: cell('b') },
        { title: 'A \u2212 B', number: true, cell: (row) => signed(row.ns) },
        { title: 'Exact', number: true, cell: (row) => exactNs(row.ns) },
        { title: 'A over B', number: true, cell: (row) => factor(row.factor) },
      ], [...stages, total]), note && h('p', { class: 'quiet small pair-note' }, note))));
}

function sum(rows, key) {
  return rows.reduce((total, row) => total + row[key], 0);
}

function signed(ns) {
  return ns === 0 ? duration(0) : (ns > 0 ? '+' : '\u2212') + duration(Math.abs(ns));
}

// An emulated lock is marked in every chart.
function series(letter, run, data, plain) {
  const gil = run.executor === 'gil';
  return {
    label: run.executor ? `${letter}: ${executorName(run.executor)}` : letter, data, maxBarThickness: 16,
    backgroundColor: gil ? pattern('--executor-gil') : plain,
    borderColor: gil ? '--executor-gil' : plain, borderWidth: gil ? 1 : 0,
  };
}

function stageChart(title, stages, a, b) {
  return {
    title: 'Time of A and of B',
    label: stages.map((row) => `${row.stage}: A ${duration(row.a)}, B ${duration(row.b)}`).join('; '),
    type: 'bar', height: Math.max(160, 80 + 40 * stages.length),
    data: { labels: stages.map((row) => row.stage), datasets: [
      series('A', a, stages.map((row) => row.a), '--line-strong'),
      series('B', b, stages.map((row) => row.b), '--accent')] },
    options: { indexAxis: 'y', interaction: { axis: 'y' },
      scales: { x: axis('Time', { duration: true, min: 0 }),
        y: { type: 'category', grid: { display: false } } } },
  };
}

// ---- two comparisons -------------------------------------------------------------------------------

const RATIO_FOR_LOG = 50;

function comparisonPanels(a, b, draw) {
  const matched = matchCases(a.comparison, b.comparison);
  const { rows, perRow } = matched;
  const both = rows.filter((row) => row.ratio !== null);
  const sweep = !perRow && new Set(rows.map((row) => row.rowsA ?? row.rowsB)).size > 1;
  const figures = h('div', { dataset: { test: 'pair-table' } }, table('Medians of the cases of A and B', [
    { title: 'Case', cell: (row) => row.name },
    ...(sweep ? [{ title: 'Rows', number: true, cell: (row) => count(row.rowsA ?? row.rowsB) }] : []),
    { title: 'A, median', number: true, cell: (row) => duration(row.a) },
    { title: 'B, median', number: true, cell: (row) => duration(row.b) },
    { title: perRow ? 'A over B, per row' : 'A over B', number: true, cell: (row) => factor(row.ratio) },
  ], rows));
  return [
    verdictPanel(caseSentence(matched), a, b),
    h('section', { class: 'panel', 'aria-label': 'Case by case', dataset: { test: 'pair-cases' } },
      h('h2', null, 'Case by case'),
      both.length > 0 ? h('div', { class: 'grid two' }, draw(caseChart(both, { sweep, perRow })), figures)
        : figures),
    settingsPanel(a, b),
  ];
}

// The executor on a line of its own: there is little room beside a chart on a phone.
function linesOf(name) {
  const [executor, ...rest] = name.split(', ');
  return rest.length > 0 ? [executor, rest.join(', ')] : [executor];
}

// Where the two had unlike numbers of rows, the time of a row is what can be compared.
function caseChart(cases, { sweep, perRow }) {
  const rows = !perRow ? cases
    : cases.map((row) => ({ ...row, a: row.a / row.rowsA, b: row.b / row.rowsB }));
  const times = rows.flatMap((row) => [row.a, row.b]);
  const log = Math.max(...times) / Math.min(...times) > RATIO_FOR_LOG;
  const fills = (plain) => rows.map((row) => (row.executor === 'gil' ? pattern(plain) : plain));
  return {
    title: `Median of each case that both have${perRow ? ', per row' : ''}`,
    label: rows.map((row) => `${row.name}: A ${duration(row.a)}, B ${duration(row.b)}`).join('; '),
    type: 'bar', height: Math.max(160, 80 + 44 * rows.length),
    data: {
      labels: rows.map((row) => linesOf(sweep ? `${row.name}, ${count(row.rowsA)} rows` : row.name)),
      datasets: [['A', 'a', '--line-strong'], ['B', 'b', '--accent']].map(([label, key, fill]) =>
        ({ label, data: rows.map((row) => row[key]), backgroundColor: fills(fill), maxBarThickness: 16 })),
    },
    options: { indexAxis: 'y', interaction: { axis: 'y' },
      scales: { x: axis(`Median time${perRow ? ' per row' : ''}${log ? ' (log scale)' : ''}`,
        { duration: true, log, min: log ? undefined : 0 }),
        y: { type: 'category', grid: { display: false } } } },
  };
}
