// try_work.js: what this tab does for "Try it": it runs the example or the form, keeps the result, and
// finds the verdict. It goes on while another view is shown; the view, when there is one, is told.

import { get } from './api.js';
import { bytes, count, counted } from './format.js';
import { hasCluster } from './stages.js';
import { outcomeSentence } from './try_outcome.js';
import { filledLets, generateJson, letJson, requestOf } from './try_request.js';
import { Cancelled, callPlain, readReply, recordOf, startJob } from './try_run.js';
import { exampleForm, keepResult } from './try_state.js';
import { compareButton, compareNow, comparedVerdict, isNoisy, keptComparison, measuringVerdict, runVerdict }
  from './try_verdict.js';

const SETTLING_MS = 1000;  // of a page that has just been opened
const MOST_OF_VALUE = 80;  // characters of a value at fault that are shown

// What this tab is doing, whether the view is shown or not.
// `message`: how the last run ended; `there`: CPUs and a cluster, when the server has said it.
export const tab = {
  form: null, file: null, result: null, running: null, message: null, there: null, view: null,
};

function copyOf(form) {
  return JSON.parse(JSON.stringify(form));
}

// ---- running ---------------------------------------------------------------------------------------

// The result as it is shown and kept: the reply's head and the run's record.
async function resultOf(reply, form, file) {
  const shown = await readReply(reply, form, file ? file.name : '');
  const run = await recordOf(shown.id);
  const limit = form.limit[form.source];
  const given = limit === '' ? null : Number(limit);
  return {
    ...shown, run, form, limit: given, rows_computed: run.rows, whole: given === null || given >= run.rows,
    file: file ? { name: file.name, size: file.size } : null, comparison: null,
  };
}

export async function runExample() {
  const form = exampleForm();
  tab.running = { example: true };
  try {
    const result = await resultOf(await callPlain(requestOf(form, null)), form, null);
    tab.running = null;
    finish(result);
  } catch (problem) {
    tab.running = null;
    tab.message = { bad: true, text: problem.message, code: problem.code };
    if (tab.view) tab.view.failed(problem);
  }
}

export async function runForm() {
  const form = copyOf(tab.form);
  const { file } = tab;
  const job = startJob('v1/compute', requestOf(form, form.source === 'file' ? file : null), (progress) => {
    running.progress = progress;
    if (tab.view) tab.view.progress(progress);
  });
  const running = { job, progress: { phase: 'upload', sent: 0, total: 0 } };
  tab.running = running;
  tab.message = null;
  if (tab.view) tab.view.began();
  try {
    const result = await resultOf(await job.done, form, form.source === 'file' ? file : null);
    tab.running = null;
    tab.message = said(`Done: ${outcomeSentence(result.run)}.`);
    finish(result);
  } catch (problem) {
    tab.running = null;
    tab.message = problem instanceof Cancelled ? cancelledMessage(problem) : problemMessage(problem);
    if (tab.view) tab.view.ended(problem);
  }
}

function finish(result) {
  tab.result = result;
  keepResult(result);
  if (tab.view) tab.view.finished();
}

function said(text) {
  return { bad: false, text };
}

function cancelledMessage(at) {
  if (at.phase === 'upload')
    return said(`Cancelled during the upload, after ${bytes(at.sent)} of ${bytes(at.total)}. ` +
      'The server dropped what had arrived.');
  if (at.phase === 'done') return said('Cancelled when all rows were done. The result was dropped.');
  if (!at.done) return said('Cancelled before any rows were done. There is no result.');
  const rows = at.total ? `${count(at.done)} of ${counted(at.total, 'row')}` : counted(at.done, 'row');
  return said(`Cancelled after ${rows}. There is no result.`);
}

function problemMessage(problem) {
  const where = [];
  if (typeof problem.line === 'number') where.push(`line ${count(problem.line)}`);
  if (typeof problem.row === 'number') where.push(`row ${count(problem.row)} (counted from 0)`);
  if (problem.column !== undefined) where.push(`column ${problem.column}`);
  const value = problem.value === undefined ? '' : JSON.stringify(problem.value);
  if (value !== '' && value.length <= MOST_OF_VALUE) where.push(`value ${value}`);
  return { bad: true, text: problem.message, where: where.join(', '), code: problem.code };
}

// ---- the verdict -----------------------------------------------------------------------------------

function isExample(form) {
  const example = exampleForm();
  return form.source === 'generated' && form.mode === example.mode &&
    generateJson(form) === generateJson(example) &&
    letJson(filledLets(form)) === letJson(filledLets(example));
}

// The comparison that a result waits for; one even if the view is left and entered again meanwhile.
let awaited = { result: null, comparison: null };

async function comparisonOf(result) {
  if (result.form.source !== 'generated') return null;
  const kept = await keptComparison(result.run, result.form.mode);
  if (kept || !isExample(result.form)) return kept;
  await idle();  // what the page itself still does would be measured too
  const comparison = await compareNow(result.form, await usableCpus());
  if (!isNoisy(comparison)) return comparison;
  await new Promise((resolve) => { setTimeout(resolve, SETTLING_MS); });  // it did: once more
  return compareNow(result.form, await usableCpus());
}

// Shows the verdict on `result`, or what is known until there is one.
export async function judge(result) {
  const shown = (node) => tab.view && tab.result === result && tab.view.verdict(node);
  const compared = (comparison) => {
    result.comparison = comparison;
    if (tab.result === result) keepResult(result);  // not when another run has ended meanwhile
    tell(comparison);
  };
  const tell = (comparison) => shown(comparedVerdict(comparison,
    () => measureButton(result, compared, 'Measure again')));
  if (result.comparison) {
    tell(result.comparison);
    return;
  }
  shown(isExample(result.form) ? measuringVerdict() : ownVerdict(result, compared));
  if (awaited.result !== result) awaited = { result, comparison: comparisonOf(result).catch(() => null) };
  const comparison = await awaited.comparison;
  if (comparison) compared(comparison);
  else if (isExample(result.form)) shown(ownVerdict(result, compared));
}

function idle() {
  return new Promise((resolve) => {
    if (window.requestIdleCallback) requestIdleCallback(resolve, { timeout: 500 });
    else setTimeout(resolve, 200);
  });
}

function measureButton(result, done, label) {
  const file = result.form.source === 'file' && tab.file && sameFile(result.file, tab.file) ? tab.file : null;
  return compareButton({ form: result.form, file, kind: result.kind, usable: usableCpus, done, label });
}

function ownVerdict(result, done) {
  return runVerdict(result.run, measureButton(result, done));
}

export function sameFile(known, file) {
  return known && known.name === file.name && known.size === file.size;
}

export async function usableCpus() {
  return (await whatThereIs()).usable;
}

// {usable: CPUs, cluster: whether there is one}
export async function whatThereIs() {
  if (tab.there === null) {
    const pools = await get('v1/pools');
    tab.there = { usable: pools.cpus.usable, cluster: hasCluster(pools) };
  }
  return tab.there;
}
