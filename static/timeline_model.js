// timeline_model.js: the chunks of a run, laid out in lanes. Nothing here draws.
//
// Each lane keeps its blocks sorted by start, in typed arrays, with running sums of each stage:
// where blocks are thinner than a pixel, the time of a stage within a pixel is the difference of
// two sums, so that drawing costs as much as there are pixels, not blocks.

import { ledgerParts } from './ledger.js';
import { ASLEEP } from './stages.js';

// The stages of a chunk alternate from block to block of rows; their sums are laid end to end in
// this order, which is that of the Chrome trace. On another machine they lie between the ways there and back.
const LOCAL_ORDER = ['parse', 'evaluate', 'hash', 'encode', 'ship', 'lock', ASLEEP, 'wait'];
const REMOTE_ORDER = ['ship', 'schedule', 'parse', 'evaluate', 'hash', 'encode', 'lock', ASLEEP, 'wait', 'fetch'];

// The names of stages, in the order of drawing.
export function inOrder(names) {
  const found = [...new Set(names)];
  const order = found.some((stage) => stage === 'schedule' || stage === 'fetch') ? REMOTE_ORDER : LOCAL_ORDER;
  return [...order.filter((stage) => found.includes(stage)), ...found.filter((stage) => !order.includes(stage))];
}

// The workers of a run that are on other machines: {number: host}. They have no process here, and the run's
// number of workers is that of chunks under way, so only those that had one are known.
export function hostsOf(workers) {
  const all = Array.isArray(workers) ? workers : [];
  return new Map(all.filter((one) => one.host).map((one) => [one.worker, one.host]));
}

// {lanes, stages, blocks, end, busyFrom, busyTo}: lanes[0] is the request's own ledger. Each of the
// run's workers has a lane, also one that got no chunk: that it was idle is what there is to see.
export function layOut(run) {
  const { executor, workers, worker_count, wall_ns, ledger, unaccounted_ns, piece = 'row' } = run;
  // A run that was cancelled may list chunks that no worker got to.
  const hosts = hostsOf(workers);
  const chunks = run.chunks.filter((chunk) => chunk.pid !== 0 || hosts.has(chunk.worker));
  const stages = inOrder(chunks.flatMap((chunk) => Object.keys(chunk.stages)));
  const byWorker = new Map();
  for (let worker = 0; worker < (hosts.size > 0 ? 0 : worker_count || 0); worker++)
    byWorker.set(worker, { chunks: [], timing: null });
  for (const worker of (Array.isArray(workers) ? workers : []).filter((one) => one.pid !== 0 || one.host))
    byWorker.set(worker.worker, { chunks: [], timing: worker });
  for (const chunk of chunks) {
    if (!byWorker.has(chunk.worker)) byWorker.set(chunk.worker, { chunks: [], timing: null });
    byWorker.get(chunk.worker).chunks.push(chunk);
  }
  const numbers = [...byWorker.keys()].sort((a, b) => a - b);
  const lanes = numbers.map((worker) =>
    workerLane(worker, { ...byWorker.get(worker), executor, stages, piece, host: hosts.get(worker) || null }));
  const starts = lanes.filter((lane) => lane.n > 0).map((lane) => lane.start[0]);
  const ends = lanes.filter((lane) => lane.n > 0).map((lane) => lane.end[lane.n - 1]);
  const busyFrom = Math.min(...starts, Infinity);
  const busyTo = Math.max(...ends, -Infinity);
  for (const lane of lanes) lane.idleShare = idleShare(lane, busyFrom, busyTo);
  return {
    lanes: [requestLane(ledger, wall_ns, unaccounted_ns), ...lanes],
    stages, remote: hosts.size > 0, blocks: chunks.length, busyFrom, busyTo, end: Math.max(1, wall_ns, busyTo),
  };
}

function workerLane(worker, { chunks, timing, executor, stages, piece, host }) {
  const sorted = [...chunks].sort((a, b) => a.start_ns - b.start_ns);
  const n = sorted.length;
  const lane = {
    kind: 'worker', worker, host, executor, piece, timing, n, chunks: sorted,
    start: new Float64Array(n), end: new Float64Array(n),
    sums: stages.map(() => new Float64Array(n + 1)),
    pids: host ? [] : [...new Set(sorted.map((chunk) => chunk.pid))],
  };
  if (n === 0 && timing && !host) lane.pids = [timing.pid];
  for (let i = 0; i < n; i++) {
    let ns = 0;
    for (let s = 0; s < stages.length; s++) {
      const time = sorted[i].stages[stages[s]] || 0;
      lane.sums[s][i + 1] = lane.sums[s][i] + time;
      ns += time;
    }
    lane.start[i] = sorted[i].start_ns;
    lane.end[i] = sorted[i].start_ns + ns;
  }
  return lane;
}

// The stages of the request laid end to end, as in the trace: a block each.
function requestLane(ledger, wallNs, unaccounted) {
  const parts = ledgerParts(ledger, wallNs, unaccounted).filter((part) => part.ns > 0);
  const lane = { kind: 'request', n: parts.length, parts,
    start: new Float64Array(parts.length), end: new Float64Array(parts.length) };
  let at = 0;
  parts.forEach((part, i) => {
    lane.start[i] = at;
    at += part.ns;
    lane.end[i] = at;
  });
  return lane;
}

export function busyNs(lane) {
  return lane.sums.reduce((sum, running) => sum + running[lane.n], 0);
}

// The share of the time between the first chunk's start and the last one's end, over all workers,
// in which this worker had no chunk.
function idleShare(lane, from, to) {
  if (!(to > from)) return null;
  return Math.max(0, 1 - busyNs(lane) / (to - from));
}

// ---- finding ---------------------------------------------------------------------------------------

// The first block that ends after `ns`; lane.n if there is none.
export function firstEndingAfter(lane, ns) {
  let low = 0;
  let high = lane.n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lane.end[middle] > ns) high = middle;
    else low = middle + 1;
  }
  return low;
}

// The first block, not before `low`, that starts at `ns` or later.
export function firstStartingAt(lane, ns, low = 0) {
  let high = lane.n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lane.start[middle] >= ns) high = middle;
    else low = middle + 1;
  }
  return low;
}

// The block at `ns`, or the nearest one within `reach`; -1 if there is none.
export function blockAt(lane, ns, reach) {
  const i = firstEndingAfter(lane, ns);
  const before = i > 0 ? ns - lane.end[i - 1] : Infinity;
  const after = i < lane.n ? Math.max(0, lane.start[i] - ns) : Infinity;
  if (after === 0) return i;
  if (Math.min(before, after) > reach) return -1;
  return after <= before ? i : i - 1;
}

// [{stage, ns}] of a block of a worker's lane, in the order of drawing.
export function stagesOfBlock(model, lane, i) {
  return model.stages
    .map((stage, s) => ({ stage, ns: lane.sums[s][i + 1] - lane.sums[s][i] }))
    .filter((part) => part.ns > 0);
}

// ---- the axis --------------------------------------------------------------------------------------

const UNITS = [['s', 1e9], ['ms', 1e6], ['µs', 1e3], ['ns', 1]];

// At most `most` ticks at 1, 2 or 5 times a power of ten: {unit, ticks: [{ns, text}]}.
export function ticksOf(from, to, most) {
  const raw = (to - from) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(1, [1, 2, 5, 10].find((factor) => factor * power >= raw) * power);
  const [unit, scale] = UNITS.find(([, size]) => to >= size) || UNITS[3];
  const places = Math.max(0, -Math.floor(Math.log10(step / scale) + 1e-9));
  const ticks = [];
  for (let i = Math.ceil(from / step); i * step <= to; i++)
    ticks.push({ ns: i * step, text: `${(i * step / scale).toFixed(places)}\u202f${unit}` });
  return { unit, ticks };
}
