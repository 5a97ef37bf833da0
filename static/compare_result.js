// compare_result.js: a comparison as the page shows it: verdict, charts, all cases, and what can be
// done with it.
//
// data-test: compare-verdict, identical, chart-time, chart-speedup, chart-waterfall, chart-path,
// chart-rows, chart-chunks, case-table, report, export, download-json, copy-curl, curl, open-run,
// earlier, show-pair.

import { get, getText, Problem } from './api.js';
import { chart } from './charts.js';
import { chartsOf, fractionText } from './compare_charts.js';
import {
  aspectsOf, bestOf, extentOf, fastest, fitReasons, flagsOf, median, slowest, verdictOf,
} from './compare_model.js';
import { h, put, saveBlob, table } from './dom.js';
import { copyButton } from './dom_copy.js';
import { count, counted, duration, factor, percent, shortId, when } from './format.js';
import { executorName, hint } from './stages.js';
import { memberSource } from './json_source.js';
import { curlOfJson } from './try_curl.js';
import { chosenOf } from './verdict_text.js';

// The document of a run with `text`, itself as it was written, and `request_text`, its request (null: it
// has none): in the numbers of JavaScript, large ones would be others.
export async function comparedRun(id) {
  const text = await getText('v1/runs/' + encodeURIComponent(id));
  const request = memberSource(text, ['request', 'json']);
  return { ...JSON.parse(text), text, request_text: request?.startsWith('{') ? request : null };
}

// ---- the verdict -----------------------------------------------------------------------------------

function identicalPill(comparison) {
  const { differing, identical, cases } = comparison;
  if (cases.length === 1) return null;
  const text = identical ? 'Results identical'
    : `Results differ: ${differing.length === 1 ? 'case' : 'cases'} ${differing.slice(0, 8).join(', ')}` +
      (differing.length > 8 ? ` and ${differing.length - 8} more` : '');
  return h('span', { class: identical ? 'pill good' : 'pill bad', dataset: { test: 'identical' } }, text);
}

function verdictPanel(run, comparison, actions) {
  const { headline, sentences, cautions, origin } = verdictOf(comparison);
  const about = [comparison.workload.what, extentOf(comparison), run.started_at && when(run.started_at),
    comparison.cpus && `${comparison.cpus.usable} usable ${comparison.cpus.usable === 1 ? 'CPU' : 'CPUs'}`];
  return h('section', { class: 'panel verdict', 'aria-labelledby': 'compare-verdict-title' },
    h('div', { class: 'panel-head' },
      h('h2', { id: 'compare-verdict-title', tabindex: '-1' }, 'Verdict'), identicalPill(comparison)),
    h('div', { dataset: { test: 'compare-verdict' } },
      h('p', { class: 'headline' }, headline),
      h('ul', { class: 'sentences' },
        sentences.map((text) => h('li', null, text)),
        cautions.map((text) => h('li', { class: 'caution' }, text)))),
    h('p', { class: 'quiet small' }, about.filter(Boolean).join(' · '), origin ? h('br') : null, origin),
    run.imported ? h('p', { class: 'quiet small' }, h('span', { class: 'tag' }, 'imported'),
      ' Measured by another server', run.machine?.cpu ? `: ${run.machine.cpu}` : '', '.') : null,
    actions);
}

// ---- charts ----------------------------------------------------------------------------------------

function chartPanel(part, comparison, made) {
  const after = part.test === 'chart-speedup' ? fitText(comparison) : null;
  const drawn = chart(part.config);
  made.push(drawn);
  drawn.element.dataset.test = part.test;
  return h('section', { class: 'panel chart-panel' }, drawn.element,
    part.config.note ? h('p', { class: 'quiet small' }, part.config.note) : null, after);
}

function fitText(comparison) {
  const fits = comparison.amdahl.filter((fit) => fit.serial_fraction !== null);
  const reasons = fitReasons(comparison);
  if (fits.length === 0 && reasons.length === 0) return null;
  const law = h('span', { class: 'explained' }, 'Amdahl\u2019s law', hint('amdahl'));
  return h('p', { class: 'quiet small' }, law, ': ',
    fits.length > 0
      ? fits.slice(0, 6).map((fit) => `${executorName(fit.executor)}${fit.mode ? ' ' + fit.mode : ''} ` +
        `${fractionText(fit)} serial`).join(', ') + '.'
      : `no fit: ${reasons.join('; ')}.`);
}

// The charts that answer most stand beside the verdict, the others below in two columns of about the
// same height.
const FIRST = ['chart-rows', 'chart-chunks', 'chart-waterfall', 'chart-speedup', 'chart-path'];

function rankOf(part) {
  return part.test === 'chart-time' ? FIRST.length : FIRST.indexOf(part.test);
}

function chartParts(comparison, made) {
  const parts = chartsOf(comparison, { narrow: innerWidth < 600 });
  const drawn = parts.filter((part) => part.config).sort((a, b) => rankOf(a) - rankOf(b));
  const missing = parts.filter((part) => !part.config);
  const besides = Math.min(2, Math.max(drawn.length - 1, 1));
  const below = drawn.slice(besides).sort((a, b) => (b.test === 'chart-time') - (a.test === 'chart-time'));
  const columns = [{ height: 0, panels: [] }, { height: 0, panels: [] }];
  for (const part of below) {
    const column = columns[0].height <= columns[1].height ? columns[0] : columns[1];
    column.panels.push(chartPanel(part, comparison, made));
    column.height += part.config.height + 120;
  }
  return {
    beside: [
      h('div', { class: besides > 1 ? 'compare-pair' : 'compare-pair one' },
        drawn.slice(0, besides).map((part) => chartPanel(part, comparison, made))),
      missing.length > 0 ? h('div', { class: 'panel no-charts' }, missing.map((part) =>
        h('p', { class: 'quiet small', dataset: { test: part.test } },
          `${part.title}: no chart. ${part.reason}`))) : null,
    ],
    below: h('div', { class: columns[1].panels.length > 0 ? 'compare-charts' : 'compare-charts one' },
      columns.map((column) => h('div', null, column.panels))),
  };
}

// ---- all cases -------------------------------------------------------------------------------------

function executorCell(a) {
  const name = executorName(a.executor);
  return h('span', { class: 'executor-cell' },
    h('span', { class: a.executor === 'gil' ? 'swatch hatched' : 'swatch',
      style: { background: `var(--executor-${a.executor === 'auto' ? 'serial' : a.executor})` } }),
    a.placed ? `${name}: ${a.placed}` : name);
}

// The unit once if it is that of both.
function spreadCell(a) {
  const [low, high] = [fastest(a), slowest(a)].map((ns) => duration(ns));
  const [figure, ...unit] = low.split(/(?<=\d)(?=\u202f)/);
  const alike = unit.length === 1 && high.endsWith(unit[0]) &&
    /^[\d.,]+$/.test(high.slice(0, -unit[0].length));
  return `${alike ? figure : low} to ${high}`;
}

function flagCell(a, comparison, best) {
  const flags = flagsOf(a, comparison);
  const good = (text) => h('span', { class: 'tag best' }, text);
  return h('span', { class: 'flags' },
    a === best && comparison.cases.length > 1 ? good('fastest') : null,
    a === chosenOf(comparison) && comparison.cases.length > 1 ? good('chosen') : null,
    flags.map((flag) => h('span', { class: 'tag bad' }, flag)));
}

export function caseColumns(comparison) {
  const aspects = aspectsOf(comparison);
  const best = bestOf(comparison.cases);
  const rest = comparison.cases.some((a) => a.speedup !== null);
  const alike = (name) => comparison.cases.every((a) => a[name] === comparison.cases[0][name]);
  return [
    { title: 'Case', number: true, cell: (a) => a.case },
    { title: 'Executor', cell: executorCell },
    { title: 'Workers', number: true, cell: (a) => a.workers },
    aspects.modes ? { title: 'Mode', cell: (a) => a.mode } : null,
    aspects.rows ? { title: 'Rows', number: true, cell: (a) => count(a.rows) } : null,
    { title: 'Median', number: true, cell: (a) => duration(median(a)) },
    { title: 'Range', number: true, cell: spreadCell },
    { title: 'Spread', hint: hint('spread'), number: true,
      cell: (a) => percent(median(a) > 0 ? a.repeat.stddev_ns / median(a) : 0) },
    rest ? { title: 'Speed-up', hint: hint('speed-up'), number: true, cell: (a) => factor(a.speedup) } : null,
    rest ? { title: 'Efficiency', hint: hint('efficiency'), number: true,
      cell: (a) => (a.efficiency === null ? '–' : percent(a.efficiency)) } : null,
    alike('chunk_rows') ? null : { title: aspects.map ? 'Calls per chunk' : 'Rows per chunk',
      hint: hint('chunk'), number: true, cell: (a) => count(a.chunk_rows) },
    { title: 'Result', hint: hint('digest'),
      cell: (a) => h('code', { title: a.digest }, a.digest.slice(0, 8)) },
    { title: 'Flags', cell: (a) => flagCell(a, comparison, best) },
  ].filter(Boolean);
}

function casePanel(comparison) {
  const shown = table('All cases: place, time and result', caseColumns(comparison), comparison.cases, {
    row: (a) => ({ dataset: { case: a.case },
      class: comparison.differing.includes(a.case) ? 'differs' : null }) });
  shown.dataset.test = 'case-table';
  return h('section', { class: 'panel', 'aria-labelledby': 'compare-cases-title' },
    h('h2', { id: 'compare-cases-title' }, 'All cases'), commonLine(comparison), shown);
}

// What is the same for all cases has no column.
function commonLine(comparison) {
  const { cases } = comparison;
  const { map, modes } = aspectsOf(comparison);
  const [{ mode, chunk_rows: chunk }] = cases;
  const one = cases.every((a) => a.chunk_rows === chunk);
  const said = [!map && !modes && `mode ${mode}`,
    one && `chunks of up to ${counted(chunk, map ? 'call' : 'row')}`].filter(Boolean);
  if (said.length === 0) return null;
  return h('p', { class: 'quiet small' }, `Of each case: ${said.join(', ')}`, one ? hint('chunk') : null);
}

// ---- what can be done with it ----------------------------------------------------------------------

// The report's modules are loaded when somebody wants one.
function reportButton(run, comparison, said) {
  const button = h('button', { type: 'button', class: 'primary', dataset: { test: 'report' } },
    'Save HTML report');
  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true');  // keeps the focus, which `disabled` would lose
    put(said, 'Drawing the report');
    try {
      const { saveReport } = await import('./report.js');
      put(said, `Saved ${await saveReport(run, comparison)}`);
    } catch (error) {
      put(said, `The report could not be made: ${error.message}`);
    }
    button.removeAttribute('aria-disabled');
  });
  return button;
}

function jsonButton(id, comparison) {
  const save = () => saveBlob(new Blob([JSON.stringify(comparison, null, 1)], { type: 'application/json' }),
    `colonnade-comparison-${shortId(id)}.json`);
  return h('button', { type: 'button', class: 'quiet', dataset: { test: 'download-json' }, onclick: save },
    'Download JSON');
}

function exportLink(id) {
  return h('a', { class: 'button quiet', href: `v1/runs/${encodeURIComponent(id)}/export`,
    download: `colonnade-run-${shortId(id)}.json`, dataset: { test: 'export' } }, 'Export run');
}

function actionsOf(run, comparison, page) {
  const id = run.id || comparison.run;
  const said = h('span', { class: 'small quiet', role: 'status' });
  const curl = run.request_text ? curlOfJson('v1/compare', run.request_text) : null;
  return [
    h('div', { class: 'actions' },
      reportButton(run, comparison, said), exportLink(id), jsonButton(id, comparison),
      curl ? copyButton(curl, 'Copy as curl', { 'data-test': 'copy-curl' }) : null,
      h('a', { class: 'button quiet', href: `#run/${id}`, dataset: { test: 'open-run' } },
        `Run ${shortId(id)}`),
      said),
    curl ? h('details', null, h('summary', null, 'The command'),
      curl.includes('@REQUEST.json') ? h('p', { class: 'quiet small' }, 'The request is too long for a ' +
        'command line: save what the exported run has as request.json in a file REQUEST.json.') : null,
      h('pre', { dataset: { test: 'curl' }, tabindex: '0' }, curl)) : null,
    earlierPicker(id, page),
  ];
}

// Kept comparisons, newest first; without the search of newer servers, those among the newest runs.
export async function keptComparisons(limit = 30) {
  let list;
  try {
    list = await get(`v1/runs?operation=compare&limit=${limit}`);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 400) throw error;
    list = await get('v1/runs?limit=100');
  }
  return list.runs.filter((run) => run.operation === 'compare' && run.status === 200);
}

function runName(run) {
  const [work] = run.recipe || [];
  const parts = [when(run.started_at), work, `${duration(run.wall_ns)}`, shortId(run.id)];
  return parts.filter(Boolean).join(' · ');
}

// A choice of other comparisons, to see one beside this one.
function earlierPicker(id, page) {
  const select = h('select', { 'aria-label': 'An earlier comparison', dataset: { test: 'earlier' } });
  const go = (event) => {
    event.preventDefault();
    page.go(`pair/${select.value}/${id}`);
  };
  const form = h('form', { class: 'actions earlier', hidden: true, onsubmit: go },
    h('span', { class: 'small' }, 'Compare with an earlier one'), select,
    h('button', { type: 'submit', class: 'quiet', dataset: { test: 'show-pair' } }, 'Side by side'));
  keptComparisons().then((runs) => {
    const others = runs.filter((run) => run.id !== id);
    put(select, others.map((run) => h('option', { value: run.id }, runName(run))));
    form.hidden = others.length === 0;
  }).catch(() => {});  // an extra; the view does without it
  return form;
}

// ---- all of it -------------------------------------------------------------------------------------

// {beside, below, destroy()} of a run document that has `comparison`: what stands beside the form, and
// what takes the whole width below it.
export function comparisonView(run, page) {
  const { comparison } = run;
  const made = [];
  const charts = chartParts(comparison, made);
  return {
    beside: [verdictPanel(run, comparison, actionsOf(run, comparison, page)), charts.beside],
    below: [charts.below, casePanel(comparison)],
    destroy: () => made.forEach((one) => one.destroy()),
  };
}
