// account.js: a run's processor time beside the time that passed, in words. Every figure is the run's own.

import { duration, percent } from './format.js';
import { LEDGER } from './stages.js';

// {cpu_ns, wall_ns, busy_ns, workers: how many computed} of a run's timing, or null without workers.
export function account(run) {
  const timing = run.timing;
  if (!timing || !timing.workers) return null;
  const workers = timing.workers.filter((worker) => worker.chunks > 0);
  if (workers.length === 0) return null;
  const sum = (of) => workers.reduce((total, worker) => total + of(worker), 0);
  const idle = (worker) => ['wait', 'sleep', 'lock'].reduce((t, stage) => t + (worker.stages[stage] || 0), 0);
  return {
    wall_ns: timing.wall_ns,
    cpu_ns: sum((worker) => worker.cpu_ns),
    worker_ns: sum((worker) => worker.wall_ns),
    busy_ns: sum((worker) => worker.wall_ns - idle(worker)),
    lock_ns: sum((worker) => worker.stages.lock || 0),
    sleep_ns: sum((worker) => worker.stages.sleep || 0),
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
        `because ${who} computed at the same time${underLock(run)}.`
      : `Processor time ${cpu} is more than the ${wall} that passed: the worker computed ` +
        'while the request still arrived, or was counted in coarse steps.';
  if (ratio >= 0.95) {
    return of.workers === 1
      ? `Processor time ${cpu} is about the ${wall} that passed, ` +
        'because one worker computed nearly all of it.'
      : `Processor time ${cpu} is about the ${wall} that passed: ${who} took part, but added up they ` +
        'computed no longer than one would have.';
  }
  return `Processor time ${cpu} is less than the ${wall} that passed: ${whyLess(of, run)}.`;
}

// The emulated lock is not held while chunks are read and, in mode vector, while they are computed.
function underLock(run) {
  return run.execution && run.execution.executor === 'gil' ? ' where the emulated lock let them' : '';
}

function whyLess(of, run) {
  if (of.sleep_ns > of.worker_ns / 4) return 'workers slept, which uses no processor';
  if (of.lock_ns > of.worker_ns / 4)
    return 'workers waited for the emulated interpreter lock, which only one of them holds at a time';
  const [stage, ns] = longestBesideExecute(run.timing);
  if (ns > of.wall_ns / 4) return `${percent(ns / of.wall_ns)} of it ${BESIDE[stage]}`;
  return 'for the rest workers waited for work or for a free processor';
}

// What passed while no worker had to compute.
const BESIDE = {
  receive: 'was the request arriving',
  decode: 'was the body being decoded',
  plan: 'went into deciding where the work runs',
  queue: 'was waiting for a free worker',
  gather: 'went into putting results together',
  encode: 'went into writing the reply',
  unaccounted: 'is not accounted for (wake-ups, scheduling, other programs)',
};

function longestBesideExecute(timing) {
  const stages = timing.ledger.map((entry) => [entry.stage, entry.ns]);
  stages.push(['unaccounted', timing.unaccounted_ns || 0]);
  return stages.filter(([stage]) => LEDGER.includes(stage) && stage in BESIDE)
    .reduce((most, entry) => (entry[1] > most[1] ? entry : most), ['unaccounted', 0]);
}
