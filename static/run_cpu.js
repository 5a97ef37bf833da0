// run_cpu.js: the processor time of the workers beside the time that passed, on one scale.
//
// For tests: "cpu-sentence", "cpu-row" (data-worker, data-wall-ns, data-cpu-ns), "cpu-total",
// "cpu-all" (the bars of all workers, where they are many).

import { h } from './dom.js';
import { counted, duration, exactNs } from './format.js';
import { explained } from './stages.js';
import { cpuSentence, stagesShown } from './account.js';
import { inWords, ledgerParts, stageBar, sumOf } from './ledger.js';
import { hostsOf, inOrder } from './timeline_model.js';

const MANY = 8;  // workers, above which only the extremes are shown at once

// [{stage, ns}] of {stage: ns}, in the order in which a chunk is drawn.
export function workerParts(stages) {
  return inOrder(Object.keys(stages))
    .map((stage) => ({ stage, ns: stages[stage] })).filter((part) => part.ns > 0);
}

export function totalCpu(timing) {
  return (timing.workers || []).reduce((sum, worker) => sum + worker.cpu_ns, 0);
}

// null when no worker took part.
export function cpuBars(run) {
  const { timing } = run;
  const workers = allWorkers(run);
  if (workers.length === 0) return null;
  const cpu = totalCpu(timing);
  const whole = Math.max(timing.wall_ns, cpu, ...workers.map((worker) => worker.wall_ns), 1);
  const parts = ledgerParts(timing.ledger, timing.wall_ns, timing.unaccounted_ns);
  const sentence = cpuSentence(run);
  return h('div', { class: 'cpu' },
    sentence && h('p', { class: 'cpu-sentence', dataset: { test: 'cpu-sentence' } }, sentence),
    h('div', { class: 'cpu-bars' },
      row('wall time', stageBar(parts, { share: timing.wall_ns / whole,
        label: `Wall time of the request: ${inWords(parts, timing.wall_ns)}` }), timing.wall_ns),
      row(explained('unaccounted_cpu', 'processor time, all'), cpuBar(cpu, whole), cpu,
        { test: 'cpu-total' }),
      (workers.length > MANY ? extremes(workers) : workers).map((worker) => workerRows(worker, whole, run))),
    workers.length > MANY && h('details', { class: 'cpu-all', dataset: { test: 'cpu-all' } },
      h('summary', null, `Show all ${counted(workers.length, 'worker')}`),
      h('div', { class: 'cpu-bars' }, workers.map((worker) => workerRows(worker, whole, run)))));
}

// The workers of the run in order; one that got no chunk has no times in the record.
function allWorkers(run) {
  const hosts = hostsOf(run.timing.workers);
  const listed = (run.timing.workers || []).filter((worker) => worker.pid !== 0 || worker.host);
  if (listed.length === 0) return [];
  const all = new Map(listed.map((worker) => [worker.worker, worker]));
  for (let worker = 0; worker < (hosts.size > 0 ? 0 : run.execution?.workers || 0); worker++)
    if (!all.has(worker)) all.set(worker, { worker, chunks: 0, wall_ns: 0, cpu_ns: 0, stages: {} });
  return [...all.values()].sort((a, b) => a.worker - b.worker);
}

// The one that took longest and the one that took least.
function extremes(workers) {
  const sorted = [...workers].sort((a, b) => b.wall_ns - a.wall_ns);
  return [{ ...sorted[0], note: 'longest: ' }, { ...sorted.at(-1), note: 'shortest: ' }];
}

function workerRows(worker, whole, run) {
  const parts = workerParts(stagesShown(run, worker.stages));
  const bar = stageBar(parts, { share: sumOf(parts) / whole,
    label: `Worker ${worker.worker}: ${inWords(parts, worker.wall_ns || 1)}` });
  const facts = { test: 'cpu-row', worker: worker.worker, wallNs: worker.wall_ns, cpuNs: worker.cpu_ns };
  const name = `${worker.note || ''}worker ${worker.worker}`;
  if (worker.chunks === 0)
    return row(name, h('span', { class: 'quiet cpu-none' }, 'no chunk'), 0, facts, true);
  return [
    row(`${name}, wall`, bar, worker.wall_ns, facts, true),
    row('processor', cpuBar(worker.cpu_ns, whole), worker.cpu_ns),
  ];
}

function cpuBar(ns, whole) {
  return h('span', { class: 'cpu-bar', role: 'img', 'aria-label': `Processor time ${duration(ns)}`,
    style: { width: `${100 * ns / whole}%` } });
}

function row(name, bar, ns, facts = {}, first = false) {
  const place = first ? ' cpu-first' : '';
  return [
    h('span', { class: 'cpu-name' + place, dataset: facts }, name),
    h('span', { class: 'cpu-place' + place }, bar),
    h('span', { class: 'cpu-value' + place, title: exactNs(ns) }, duration(ns)),
  ];
}
