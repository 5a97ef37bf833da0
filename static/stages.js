// stages.js: the words and colours of stages, executors and modes, in one place.

import { h, newId } from './dom.js';

// A request's ledger, in order. The colour of a stage is the CSS variable --stage-NAME.
export const LEDGER = ['receive', 'decode', 'plan', 'queue', 'ship', 'schedule', 'execute', 'fetch', 'gather', 'encode',
  'unaccounted'];
// Those that only work on other machines has.
export const REMOTE_STAGES = ['ship', 'schedule', 'fetch'];
// What the page says in the place of the server's `wait` where the calls of a run sleep (account.js).
export const ASLEEP = 'asleep';
export const OWN_EXECUTORS = ['serial', 'threads', 'processes', 'gil'];
// `dask` is there only where the server has a cluster: then /v1/pools lists it.
export const EXECUTORS = [...OWN_EXECUTORS, 'dask'];
export const hasCluster = (pools) => pools.pools.some((pool) => pool.executor === 'dask');
export const MODES = ['row', 'tuple', 'vector'];

// One sentence for each word that a newcomer may not know.
export const HINTS = {
  receive: 'Reading the request until the last byte of its body.',
  decode: 'Finding the columns of the body, or taking the description of a generated frame.',
  plan: 'Parsing the expressions and deciding where the work runs.',
  queue: 'Waiting until a worker was free to begin.',
  execute: 'From the first chunk on a worker until the last one ended; on a Dask cluster, while at least one worker ' +
    'computed.',
  gather: 'Putting the results of the workers together, in order.',
  encode: 'Writing values as text: CSV or JSON.',
  unaccounted: 'Time that belongs to no stage: wake-ups, scheduling, other programs on this machine.',
  parse: 'Reading the fields of a chunk as values, or making its generated values.',
  evaluate: 'Computing the expressions.',
  hash: 'Computing row hashes.',
  ship: 'Copying inputs and results between the server and a worker process; to a Dask worker, the way there. ' +
    'Threads share memory and need none.',
  schedule: 'Waiting in Dask\u2019s scheduler, and at the worker until one of its threads was free.',
  fetch: 'The way of a result back from a Dask worker.',
  lock: 'Waiting for the interpreter lock, which only one worker at a time may hold.',
  asleep: 'The call slept, which uses no processor. The run document counts it as wait.',
  wait: 'A worker had a chunk and did not compute: it began or ended it, or no processor was free for it.',
  idle: 'The share of the time between the first chunk\u2019s start and the last one\u2019s end, over all ' +
    'workers, in which this worker had no chunk.',
  'break-even': 'auto starts more workers only where it pays: from the break-even on, a number of rows that ' +
    'was measured, they save more time than handing them the work takes.',
  sending: 'Handing the reply to the network. It comes after the wall time and is no part of it.',
  chunk: 'A piece of the table that one worker computes at a time (chunksize in Python).',
  unaccounted_cpu: 'Processor time is counted by the system for each worker; wall time is what a clock shows.',
  executor: 'Where the work runs: in one thread, in several threads, or in processes. auto lets the server choose.',
  mode: 'How rows reach the functions: whole columns (vector), plain arguments (tuple), or a record each (row).',
  'CPU use': 'Processor time of the workers in the last second, as a share of all usable CPUs. A task is counted when it ends.',
  serial: 'One worker computes all of a request, chunk after chunk. Requests can run side by side.',
  threads: 'Workers in one process that share its memory. There is no interpreter lock.',
  processes: 'Workers that are processes of their own; inputs and results are copied to them and back.',
  dask: 'Workers of a Dask cluster, on other machines; inputs and results travel over the network.',
  gil: 'An emulation of CPython\u2019s threads: one lock that only one worker holds while it computes.',
  auto: 'The fastest for this work and size, by what was measured when the server started.',
  vector: 'Whole columns at once, as NumPy does.',
  tuple: 'One call for each row with plain arguments, as map(func, df.a, df.b) does.',
  row: 'A record with named fields is made for each row first, as df.apply(axis=1) does.',
  workers: 'How many workers take part. More than there are CPUs help only work that waits.',
  repeat: 'How often each case is measured, after one run to warm up. The cases take turns.',
  sweep: 'The experiment is done with each of these numbers of rows, to see from where on workers pay.',
  seed: 'The same seed makes the same values, on every machine.',
  distribution: 'normal: around 0, most between -3 and 3; uniform: between 0 and 1.',
  function: 'long_io sleeps, long_comp computes, calc_hash makes the md5 of an array of values.',
  spread: 'The standard deviation of the repetitions, as a share of their median. Above 20 % a difference may be noise.',
  'speed-up': 'How many times as fast as serial in the same mode, with the same rows.',
  efficiency: 'The speed-up divided by the number of workers: 100 % means that no worker was wasted.',
  digest: 'A fingerprint of all results of the case. Cases with the same one computed the same, to the byte.',
  amdahl: 'The part of the work that one worker does whatever their number; it bounds what more workers can bring.',
};

// "gil" is never shown without saying that it is an emulation.
export function executorName(executor) {
  if (!executor) return '\u2013';
  return executor === 'gil' ? 'gil (emulated)' : executor;
}

// A small button that explains a word; the text is read aloud and shown on hover, focus and tap.
export function hint(word) {
  const text = HINTS[word];
  if (!text) return null;
  const id = newId('hint');
  return h('span', { class: 'hint' },
    h('button', { type: 'button', class: 'hint-mark', 'aria-label': `What is ${word}?`, 'aria-describedby': id }, '?'),
    h('span', { class: 'hint-text', role: 'tooltip', id }, text));
}

// A word with its hint behind it.
export function explained(word, shown = word) {
  return h('span', { class: 'explained' }, shown, hint(word));
}

// The colour of a stage or series as the canvas wants it, in the present theme.
export function colour(variable) {
  return getComputedStyle(document.documentElement).getPropertyValue(variable).trim();
}
