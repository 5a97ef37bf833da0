// account.js: a run's processor time beside the time that passed, in words. Every figure is the run's own.

import { duration, percent } from './format.js';
import { ASLEEP, REMOTE_STAGES } from './stages.js';

// Whether the calls of a run sleep. The server measures `wait` then, as of all that is not computing;
// that it is sleep is known of the function.
export function sleeps(run) {
  return run.operation === 'map' && (run.recipe || []).some((line) => line.startsWith('long_io('));
}

// {stage: ns} of a chunk or a worker, in the page's words.
export function stagesShown(run, stages) {
  if (!stages.wait || !sleeps(run)) return stages;
  const { wait, ...others } = stages;
  return { ...others, [ASLEEP]: wait };
}

const sumOf = (names, stages) => names.reduce((total, name) => total + (stages[name] || 0), 0);

// {wall_ns, cpu_ns, worker_ns, busy_ns, lock_ns, sleep_ns, workers: how many computed} of a run's timing,
// or null without workers. What is not of the request is a sum over the workers; busy_ns leaves out waiting, and
// the ways to another machine and back.
export function account(run) {
  const timing = run.timing;
  if (!timing || !timing.workers) return null;
  const workers = timing.workers.filter((worker) => worker.chunks > 0);
  if (workers.length === 0) return null;
  const sum = (of) => workers.reduce((total, worker) => total + of(worker), 0);
  const underway = (worker) => (worker.host ? sumOf(REMOTE_STAGES, worker.stages) : 0);
  const idle = (worker) => (worker.stages.wait || 0) + (worker.stages.lock || 0) + underway(worker);
  return {
    wall_ns: timing.wall_ns,
    cpu_ns: sum((worker) => worker.cpu_ns),
    worker_ns: sum((worker) => worker.wall_ns),
    busy_ns: sum((worker) => worker.wall_ns - idle(worker)),
    lock_ns: sum((worker) => worker.stages.lock || 0),
    sleep_ns: sleeps(run) ? sum((worker) => worker.stages.wait || 0) : 0,
    workers: workers.length,
  };
}

// Why processor time and wall time of a run differ: one sentence, or null when no worker computed.
export function cpuSentence(run) {
  const of = account(run);
  if (!of || of.wall_ns <= 0) return null;
  const cpu = duration(of.cpu_ns);
  const wall = duration(of.wall_ns);
  const ratio = of.cpu_ns / of.wall_ns;
  const who = of.workers === 1 ? 'one worker' : `${of.workers} workers`;
  if (ratio > 1.05)
    return of.workers > 1
      ? `Processor time ${cpu} is more than the ${wall} that passed, ` +
        `because ${who} computed ${sideBySide(of, run)}${underLock(run)}.`
      : `Processor time ${cpu} is more than the ${wall} that passed: the worker computed ` +
        'while the request still arrived, or was counted in coarse steps.';
  if (ratio >= 0.95) {
    return of.workers === 1
      ? `Processor time ${cpu} is about the ${wall} that passed, ` +
        'because one worker computed nearly all of it.'
      : `Processor time ${cpu} is about the ${wall} that passed: ${who} took part, but ` +
        (run.execution?.executor === 'gil'
          ? 'the emulated interpreter lock let only one of them compute at a time.'
          : 'added up they computed no longer than one would have.');
  }
  return `Processor time ${cpu} is less than the ${wall} that passed: ${whyLess(of, run)}.`;
}

// The emulated lock is not held while chunks are read and, in mode vector, while they are computed.
function underLock(run) {
  return run.execution && run.execution.executor === 'gil' ? ' where the emulated lock let them' : '';
}

// More workers than CPUs do not all compute at the same time.
function sideBySide(of, run) {
  const cpus = run.machine?.usable_cpus;
  return cpus > 1 && of.workers > cpus ? `side by side on ${cpus} CPUs` : 'at the same time';
}

// All that took a tenth of the time, not the largest alone; the rest is the workers'.
function whyLess(of, run) {
  const causes = besideExecute(run.timing)
    .filter(([, ns]) => ns >= of.wall_ns / 10)
    .map(([stage, ns]) => `${percent(ns / of.wall_ns)} of the wall time ${BESIDE[stage]}`);
  const execute = run.timing.ledger.find((entry) => entry.stage === 'execute')?.ns || 0;
  if (execute - of.cpu_ns / of.workers >= of.wall_ns / 10 || causes.length === 0)
    causes.push((causes.length > 0 ? 'in the rest ' : '') + whatWorkersDid(of, run));
  return causes.join('; ');
}

function whatWorkersDid(of, run) {
  if (of.sleep_ns > of.worker_ns / 4) return 'the calls slept, which uses no processor';
  if (of.lock_ns > of.worker_ns / 4)
    return 'workers waited for the emulated interpreter lock, which only one of them holds at a time';
  return 'workers waited for work or for a free processor';
}

// What passed while no worker had to compute.
const BESIDE = {
  receive: 'was the request arriving',
  decode: 'was the body being decoded',
  plan: 'went into deciding where the work runs',
  queue: 'was waiting for a free worker',
  ship: 'was work on its way to the cluster',
  schedule: 'was work waiting in Dask\u2019s scheduler or at a worker',
  fetch: 'were results on their way back',
  gather: 'went into putting results together',
  encode: 'went into writing the reply',
  unaccounted: 'is not accounted for (wake-ups, scheduling, other programs)',
};

// [[stage, ns]], the longest first.
function besideExecute(timing) {
  const stages = timing.ledger.map((entry) => [entry.stage, entry.ns]);
  stages.push(['unaccounted', timing.unaccounted_ns || 0]);
  return stages.filter(([stage]) => stage in BESIDE).sort((a, b) => b[1] - a[1]);
}
