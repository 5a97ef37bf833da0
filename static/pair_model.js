// pair_model.js: what two runs, or two comparisons, have in common and where they differ. Pure
// functions: every figure is computed from the two documents.

import { bytes, count, counted, digits, duration, factor } from './format.js';
import { executorName } from './stages.js';
import { ledgerParts } from './ledger.js';
import { stagesShown } from './account.js';
import { totalCpu } from './run_cpu.js';
import { chunksText } from './run_facts.js';

// Times this close are not told apart.
const ALIKE = 0.03;

// ---- what was asked --------------------------------------------------------------------------------

function inputText(run) {
  const { input } = run;
  if (!input) return null;
  if (input.kind === 'upload')
    return [input.media_type, bytes(input.bytes), input.digest].filter(Boolean).join(', ');
  const { rows, columns, distribution, seed } = input.generate;
  return `generated: ${[counted(rows, 'row'), columns.join(', '), distribution,
    seed === undefined ? null : `seed ${seed}`].filter(Boolean).join(', ')}`;
}

function machineText(run) {
  const { machine } = run;
  if (!machine) return null;
  return [machine.cpu, counted(machine.usable_cpus, 'usable CPU')].filter(Boolean).join(', ');
}

// [{name, a, b, differs}] of what may differ; rows that neither run has are left out.
export function settings(a, b) {
  const pairs = [
    ['recipe', (run) => (run.recipe || []).join('\n')],
    ['operation', (run) => run.operation],
    ['executor', (run) => run.executor && executorName(run.executor)],
    ['workers', (run) => run.executor && count(run.workers)],
    ['mode', (run) => run.mode],
    ['rows', (run) => run.rows > 0 ? count(run.rows) : null],
    ['chunks', chunksText],
    ['repetitions', (run) => count(run.comparison?.cases[0]?.repeat.runs || repeats(run))],
    ['input', inputText],
    ['machine', machineText],
    ['Colonnade', (run) => run.machine?.version],
    ['status', (run) => !run.error ? 'done'
      : run.error.code === 'cancelled' ? 'cancelled' : `failed: ${run.error.code}`],
  ];
  return pairs.map(([name, of]) => ({ name, a: of(a), b: of(b) }))
    .filter((row) => row.a || row.b)
    .map((row) => ({ ...row, differs: row.a !== row.b }));
}

// Sentences about why the two should be compared with care.
export function cautions(a, b) {
  const said = [];
  if (a.error || b.error) said.push('One of the two did not end well: its times are those until then.');
  if (Boolean(a.comparison) !== Boolean(b.comparison))
    said.push('One of the two is a comparison: its wall time is that of all its cases.');
  if (a.machine && b.machine && machineText(a) !== machineText(b))
    said.push('The two ran on different machines: the difference is not only that of the work.');
  if (a.input?.digest && b.input?.digest && a.input.digest !== b.input.digest)
    said.push('The two uploads differ (their digests are not the same).');
  if (JSON.stringify(a.recipe) !== JSON.stringify(b.recipe)) said.push('The two did not compute the same.');
  else if (a.rows !== b.rows) said.push('The two did not have the same number of rows.');
  if (repeats(a) !== repeats(b))
    said.push(`A ran its work ${times(repeats(a))}, B ${times(repeats(b))}; wall times hold all of it.`);
  const medians = [a, b].map((run) => run.timing.repeat?.median_ns);
  if (medians[0] && medians[1])
    said.push(`The median repetition took ${duration(medians[0])} in A and ${duration(medians[1])} in B.`);
  return said;
}

function repeats(run) {
  return run.timing.repeat?.runs || 1;
}

function times(n) {
  return n === 1 ? 'once' : `${n} times`;
}

// ---- times -----------------------------------------------------------------------------------------

// [{stage, a, b, ns: a - b, factor: a / b or null}] of two lists of parts.
export function byStage(partsA, partsB, order) {
  const a = new Map(partsA.map((part) => [part.stage, part.ns]));
  const b = new Map(partsB.map((part) => [part.stage, part.ns]));
  const names = [...new Set([...a.keys(), ...b.keys()])];
  const place = (stage) => (order.includes(stage) ? order.indexOf(stage) : order.length);
  names.sort((x, y) => place(x) - place(y));
  return names.map((stage) => {
    const [x, y] = [a.get(stage) || 0, b.get(stage) || 0];
    return { stage, a: x, b: y, ns: x - y, factor: x > 0 && y > 0 ? x / y : null };
  });
}

export function partsOf(run) {
  return ledgerParts(run.timing.ledger, run.timing.wall_ns, run.timing.unaccounted_ns);
}

// {stage: ns} over all workers of a run.
export function workerStages(run) {
  const sums = {};
  for (const worker of run.timing.workers || [])
    for (const [stage, ns] of Object.entries(stagesShown(run, worker.stages)))
      sums[stage] = (sums[stage] || 0) + ns;
  return sums;
}

export function cpuOf(run) {
  return totalCpu(run.timing);
}

// Why the times of two runs say nothing of each other; null if they do.
function whyUnlike(a, b) {
  const ended = [['A', a], ['B', b]].filter(([, run]) => run.error);
  if (ended.length > 0) {
    return ended.map(([letter, run]) => `${letter} ` +
      (run.error.code === 'cancelled' ? 'was cancelled' : 'failed')).join(' and ');
  }
  if (a.operation !== b.operation) return `A is a ${a.operation}, B a ${b.operation}`;
  if (JSON.stringify(a.recipe) !== JSON.stringify(b.recipe)) return 'they did not compute the same';
  return null;
}

// The times of the runs divided by their rows: of unlike numbers of rows only that is fair.
function sentencePerRow(a, b) {
  const [x, y] = [a, b].map((run) => run.timing.wall_ns / run.rows);
  const what = a.operation === 'map' ? 'call' : 'row';
  const how = `A took ${perRow(x)} per ${what} (${counted(a.rows, what)}), ` +
    `B ${perRow(y)} (${counted(b.rows, what)})`;
  const ratio = x / y;
  if (Math.abs(Math.log(ratio)) < Math.log(1 + ALIKE))
    return `Both took about the same time per ${what}: ${how}.`;
  return `Per ${what}, ${ratio > 1 ? 'B' : 'A'} is ${digits(Math.max(ratio, 1 / ratio))} times as fast: ${how}.`;
}

function perRow(ns) {
  return ns < 1000 ? `${digits(ns)}\u202fns` : duration(ns);
}

// "B is 1.80 times as fast as A: 5.10 ms less. Most of it (4.20 ms) is in execute."
export function sentence(a, b, stages) {
  const [x, y] = [a.timing.wall_ns, b.timing.wall_ns];
  if (!(x > 0 && y > 0)) return 'One of the two has no wall time.';
  const unlike = whyUnlike(a, b);
  if (unlike) return `These two cannot be compared by their time: ${unlike}.`;
  if (a.rows !== b.rows && a.rows > 0 && b.rows > 0) return sentencePerRow(a, b);
  const ratio = x / y;
  if (Math.abs(Math.log(ratio)) < Math.log(1 + ALIKE))
    return `Both took about the same time: A ${duration(x)}, B ${duration(y)}.`;
  const [quick, gain] = ratio > 1 ? ['B', ratio] : ['A', 1 / ratio];
  const other = quick === 'B' ? 'A' : 'B';
  const saved = Math.abs(x - y);
  const by = stages.map((row) => ({ stage: row.stage, ns: quick === 'B' ? row.ns : -row.ns }));
  by.sort((one, two) => two.ns - one.ns);
  return `${quick} is ${digits(gain)} times as fast as ${other}: ${duration(saved)} less. ` +
    whereSaved(by, saved);
}

function whereSaved(by, saved) {
  const [most, next] = by;
  const lost = by.at(-1);
  const backTo = lost.ns < -saved / 10 ? ` In ${lost.stage} it took ${duration(-lost.ns)} more.` : '';
  if (most.ns > saved) return `In ${most.stage} alone it took ${duration(most.ns)} less.${backTo}`;
  if (most.ns >= saved / 2)
    return `Most of it (${duration(most.ns)} of ${duration(saved)}) is in ${most.stage}.${backTo}`;
  if (!next || next.ns <= 0) return `The largest part (${duration(most.ns)}) is in ${most.stage}.${backTo}`;
  return `The largest parts are in ${most.stage} (${duration(most.ns)}) ` +
    `and ${next.stage} (${duration(next.ns)}).${backTo}`;
}

// ---- comparisons -----------------------------------------------------------------------------------

export function caseName(one) {
  return [executorName(one.executor), one.workers > 0 ? counted(one.workers, 'worker') : null, one.mode]
    .filter(Boolean).join(', ');
}

// {rows: [{name, rowsA, rowsB, executor, a, b: median or null, ratio}], perRow}. Cases are matched by
// executor, workers, mode and rows; those of one side only have no ratio, and where several differ
// in nothing but their chunks, they are matched in turn. Two comparisons that each have one number of
// rows, but not the same, are matched without it; their ratio is then that of the times per row.
export function matchCases(a, b) {
  const sizes = [a, b].map((one) => new Set(one.cases.map((each) => each.rows)));
  const perRow = sizes[0].size === 1 && sizes[1].size === 1 && !sizes[1].has([...sizes[0]][0]);
  const key = (one) => [one.executor, one.workers, one.mode, perRow ? '' : one.rows].join('/');
  const waiting = new Map();
  for (const one of b.cases) {
    if (!waiting.has(key(one))) waiting.set(key(one), []);
    waiting.get(key(one)).push(one);
  }
  const matched = a.cases.map((one) => caseRow(one, waiting.get(key(one))?.shift(), perRow));
  const rest = [...waiting.values()].flat().map((one) => caseRow(null, one, perRow));
  return { rows: [...matched, ...rest], perRow };
}

function caseRow(x, y, perRow) {
  const a = x?.repeat?.median_ns ?? null;
  const b = y?.repeat?.median_ns ?? null;
  const scale = perRow && x && y ? y.rows / x.rows : 1;
  return { name: caseName(x || y), executor: (x || y).executor, a, b,
    rowsA: x?.rows ?? null, rowsB: y?.rows ?? null, ratio: a > 0 && b > 0 ? a / b * scale : null };
}

export function caseSentence({ rows, perRow }) {
  const matched = rows.filter((row) => row.ratio !== null);
  if (matched.length === 0) return 'The two comparisons have no case in common.';
  const sorted = [...matched].sort((x, y) => x.ratio - y.ratio);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle].ratio
    : Math.sqrt(sorted[middle - 1].ratio * sorted[middle].ratio);
  const [least, most] = [sorted[0], sorted.at(-1)];
  const how = perRow ? ', compared by the time per row' : '';
  const head = `${counted(matched.length, 'case')} in common${how}. `;
  if (Math.abs(Math.log(median)) < Math.log(1 + ALIKE))
    return `${head}The middle one took about the same time in both; A over B goes from ` +
      `${factor(least.ratio)} (${least.name}) to ${factor(most.ratio)} (${most.name}).`;
  const [quick, gain] = median > 1 ? ['B', median] : ['A', 1 / median];
  return `${head}In the middle one ${quick} is ${digits(gain)} times as fast; A over B goes from ` +
    `${factor(least.ratio)} (${least.name}) to ${factor(most.ratio)} (${most.name}).`;
}
