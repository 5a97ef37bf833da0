// try_verdict.js: which executor suits this work: from a comparison, kept or made now. Without one, what
// this run's own figures say, and no more.
//
// data-test: verdict (data-state measuring | compared | run), verdict-cases, compare-work,
// compare-work-progress, compare-work-cancel.

import { h, put } from './dom.js';
import { get, send } from './api.js';
import { account } from './account.js';
import { counted, duration, factor, grouped, percent } from './format.js';
import { memberSource } from './json_source.js';
import { executorName } from './stages.js';
import { filledLets, generateJson, letJson } from './try_request.js';
import { Cancelled, startJob } from './try_run.js';
import { chosenOf, placeWords, shownSentence } from './verdict_text.js';

const EXECUTORS = ['serial', 'threads', 'processes'];
const REPEAT = 7;
const WIDE_SPREAD = 0.2;  // of the median: the server warns from there on too
const JSON_HEADERS = { 'Content-Type': 'application/json' };
const JSON_MAX = 4 << 20;  // a file that is sent for a comparison is held as text

// ---- comparisons -----------------------------------------------------------------------------------

function sameWork(comparison, run, mode) {
  const { workload, cases } = comparison;
  return Boolean(workload && cases) &&
    workload.rows === run.rows && workload.what === run.recipe.join('; ') &&
    EXECUTORS.every((one) => cases.some((entry) => entry.executor === one && entry.mode === mode));
}

// The newest kept comparison of the work of `run`, or null. The list tells the rows; the recipe's
// words are searched for.
export async function keptComparison(run, mode) {
  const query = new URLSearchParams({ operation: 'compare', limit: '20', q: run.recipe[0] || '' });
  let listed;
  try {
    listed = (await get(`v1/runs?${query}`)).runs;
  } catch {
    return null;  // the comparison is then made
  }
  for (const one of listed.slice(0, 5)) {
    const { comparison } = await get('v1/runs/' + encodeURIComponent(one.id)).catch(() => ({}));
    if (comparison && sameWork(comparison, run, mode))
      return { ...comparison, run: comparison.run || one.id };
  }
  return null;
}

function compareBody(input, form, usable) {
  const workers = usable > 1 ? `[1, ${usable}]` : '[1]';
  return `{"workload": {"compute": {${input}, "let": ${letJson(filledLets(form))}}}, ` +
    `"executors": ${JSON.stringify(EXECUTORS)}, "workers": ${workers}, ` +
    `"modes": [${JSON.stringify(form.mode)}], "repeat": ${REPEAT}}`;
}

// Compares the form's generated frame in a plain call: half a second for the example.
export async function compareNow(form, usable) {
  const body = compareBody(`"generate": ${generateJson(form)}`, form, usable);
  return (await send('v1/compare', { method: 'POST', headers: JSON_HEADERS, body })).json();
}

async function inputOf(form, file) {
  if (form.source === 'generated') return `"generate": ${generateJson(form)}`;
  return `"columns": ${memberSource(await file.text(), ['columns'])}`;
}

// Why the work of a run cannot be compared here, or '' if it can.
export function whyNotCompared(form, file, kind) {
  if (form.source === 'generated') return '';
  if (kind !== 'json')
    return 'Comparisons take generated or JSON columns, not CSV files. Run this again with another ' +
      'executor and put both runs side by side in the history.';
  if (!file) return 'The file is no longer at hand.';
  return file.size > JSON_MAX ? 'The file is too large to be compared from here.' : '';
}

// ---- what is shown ---------------------------------------------------------------------------------

function frame({ state, title = 'Verdict', head = null }, ...body) {
  return h('section', { class: 'panel try-verdict', 'aria-labelledby': 'try-verdict-title',
    dataset: { test: 'verdict', state } },
  h('div', { class: 'panel-head' }, h('h2', { id: 'try-verdict-title' }, title), head), body);
}

export function measuringVerdict() {
  return frame({ state: 'measuring', head: h('span', { class: 'pill busy', role: 'status' }, 'Measuring') },
    h('p', { class: 'quiet' },
      `The same work is run under each executor, ${REPEAT} times, to say which one suits it.`));
}

// Those of the cases that the verdict rests on whose samples say little.
function wideOf(rivals, chosen) {
  return rivals.filter((entry, i) => (i < 2 || entry === chosen) &&
    entry.repeat.stddev_ns > WIDE_SPREAD * entry.repeat.median_ns);
}

export function isNoisy(comparison) {
  const chosen = chosenOf(comparison);
  return wideOf(rivalsOf(comparison.cases, chosen), chosen).length > 0;
}

// `again()` makes what measures once more, when the figures say too little.
export function comparedVerdict(comparison, again = () => null) {
  const [first, ...others] = comparison.verdict.map(shownSentence);
  const chosen = chosenOf(comparison);
  const rivals = rivalsOf(comparison.cases, chosen);
  const wide = wideOf(rivals, chosen);
  return frame({
    state: 'compared',
    title: wide.length > 0 ? 'Verdict: no clear winner yet'
      : chosen ? `Verdict: choose ${placeWords(chosen)}` : 'Verdict',
    head: h('div', { class: 'actions' }, wide.length > 0 ? again() : null,
      h('a', { href: '#compare/' + encodeURIComponent(comparison.run) }, 'The comparison')),
  }, h('div', { class: 'try-why' },
    h('div', null, h('p', null, first),
      h('p', { class: 'quiet' }, howMeasured(comparison.cases[0].repeat.runs)),
      wide.length > 0 ? h('p', { class: 'caution' }, noiseOf(wide)) : null),
    casesLine(rivals),
    h('details', { hidden: others.length === 0 }, h('summary', null, 'More'),
      others.map((line) => h('p', null, line)))));
}

// Why these times are not that of the run above.
function howMeasured(runs) {
  return `Medians of ${counted(runs, 'run')} after a warm-up; the run above is a single one without.`;
}

function noiseOf(wide) {
  const spreads = wide.map((entry) => `${placeWords(entry)} by ` +
    percent(entry.repeat.stddev_ns / entry.repeat.median_ns));
  return `The samples spread widely (${spreads.join(', ')} of the median): something else was running too.`;
}

// One case of each executor, the chosen one or else its fastest; the quickest first.
function rivalsOf(cases, chosen) {
  return EXECUTORS.map((one) => bestOf(cases.filter((entry) => entry.executor === one), chosen))
    .filter(Boolean).sort((a, b) => a.repeat.median_ns - b.repeat.median_ns);
}

// Each with a bar as long as its time, in the usual order.
function casesLine(rivals) {
  const best = EXECUTORS.map((one) => rivals.find((entry) => entry.executor === one)).filter(Boolean);
  const longest = Math.max(...best.map((entry) => entry.repeat.median_ns));
  return h('ul', { class: 'try-cases', dataset: { test: 'verdict-cases' } }, best.map((entry) => h('li', null,
    h('span', null, `${executorName(entry.executor)}, ${counted(entry.workers, 'worker')}`),
    h('i', { 'aria-hidden': 'true' }, h('i', { style: {
      width: `${100 * entry.repeat.median_ns / longest}%`,
      background: `var(--executor-${entry.executor})` } })),
    h('b', { title: 'median' }, duration(entry.repeat.median_ns)),
    h('span', { class: 'quiet' }, factor(entry.speedup)))));
}

function bestOf(cases, chosen) {
  if (cases.includes(chosen)) return chosen;
  return cases.reduce((a, b) => (a && a.repeat.median_ns <= b.repeat.median_ns ? a : b), null);
}

// From one run: what its workers did at the same time, and no guess at what others would have done.
export function runVerdict(run, action) {
  const { execution } = run;
  const lines = workersInWords(account(run));
  if (execution.reason)
    lines.push(`Executor ${executorName(execution.executor)}: ${grouped(execution.reason)}.`);
  lines.push('This is one run; which executor suits the work best is known after a comparison.');
  return frame({ state: 'run', title: 'Which executor?' },
    h('p', { class: 'small' }, lines.join(' ')), action);
}

function workersInWords(of) {
  if (!of || of.wall_ns <= 0 || of.cpu_ns <= 0) return [];
  const ratio = of.cpu_ns / of.wall_ns;
  const used = `${counted(of.workers, 'worker')} used ${duration(of.cpu_ns)} of processor time ` +
    `in ${duration(of.wall_ns)}`;
  const lines = [];
  if (of.workers > 1 && ratio > 1.05)
    lines.push(`${used}: ${factor(ratio)} as fast as one worker at the same pace.`);
  else if (of.workers > 1)
    lines.push(`${used}: no faster than one worker at the same pace.`);
  else lines.push(`${used}.`);
  const busy = of.busy_ns / of.wall_ns / of.workers;
  const share = `They were at work for ${percent(Math.min(1, busy))} of the time`;
  const running = of.busy_ns > 0 ? of.cpu_ns / of.busy_ns : 1;
  if (of.workers > 1)
    lines.push(running < 0.7 ? `${share}, but had a processor for only ${percent(running)} of that: ` +
      'other workers or programs had it meanwhile.' : `${share}.`);
  return lines;
}

// ---- a comparison on request -----------------------------------------------------------------------

// A button that compares the work of `form` as a job and hands the comparison to `done`. `usable()` gives
// the number of CPUs.
export function compareButton({ form, file, kind, usable, done, label = 'Compare executors for this work' }) {
  const why = whyNotCompared(form, file, kind);
  if (why) return h('p', { class: 'quiet small' }, why);
  const box = h('div', { class: 'actions' });
  const begin = h('button', { type: 'button', dataset: { test: 'compare-work' }, onclick: run },
    label);
  const idle = (message) =>
    put(box, begin, message ? h('span', { class: 'quiet', role: 'status' }, message) : null);
  async function run() {
    const bar = h('progress', { 'aria-label': 'Comparison', dataset: { test: 'compare-work-progress' } });
    let job = null;
    put(box, bar, h('button', { type: 'button', dataset: { test: 'compare-work-cancel' },
      onclick: () => job && job.cancel() }, 'Cancel'));
    try {
      const body = compareBody(await inputOf(form, file), form, await usable());
      job = startJob('v1/compare', { body, headers: JSON_HEADERS }, (progress) => {
        if (progress.phase !== 'rows' || !progress.total) return;
        bar.max = progress.total;
        bar.value = progress.done;
      });
      done(await (await job.done).json());
    } catch (problem) {
      idle(problem instanceof Cancelled ? 'The comparison was cancelled.' : problem.message);
    }
  }
  idle('');
  return box;
}
