// live.js: what happens on the server, as it happens. One event stream for the whole page; where no
// stream comes through, polling; when the server goes away, it is asked again until it is back.
//
//   const off = live.on('run', (summary) => ...);   // off() ends it
//
// Names: 'pools', 'run', 'load' (documents of the service), 'state' ('live', 'polling', 'reconnecting',
// 'signed-out'; told at once when it is known) and 'reconnected' ({restarted}: whether it is another
// server process than before): what was missed meanwhile must be loaded again.

import { get } from './api.js';
import { session } from './session.js';

const POLL_MS = 2000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 2000;  // with PROBE_MS within five seconds
const PROBE_MS = 2500;
const HELLO_MS = 5000;          // a proxy that holds streams back never lets this event through
const STREAM_AGAIN_MS = 20000;  // while polling
const HIDDEN_MS = 30000;        // between attempts while nobody looks
const FAILURES_TO_POLL = 2;
const ENDING_MS = 10000;        // for which a server that said goodbye may still refuse streams

const listeners = new Map();
let state = null;
let stream = null;
let timer = 0;
let retryMs = FIRST_RETRY_MS;
let failures = 0;     // of the stream, one after another
let lost = false;     // something may have been missed since the last answer
let hiding = 0;       // closes the stream of a page that nobody looks at
let endsUntil = 0;    // until then the server that was there is going away
let server = {};      // which one: its instance by the stream, its process by polling
let streamAgainAt = 0;
let attempt = 0;      // only the last one may go on

function emit(name, value) {
  for (const fn of [...listeners.get(name) || []]) {
    try {
      fn(value);
    } catch (error) {
      console.error(error);  // one listener's fault is not the others'
    }
  }
}

function setState(next) {
  if (state === next) return;
  state = next;
  emit('state', next);
}

function later(fn, ms) {
  clearTimeout(timer);
  timer = setTimeout(fn, document.hidden ? Math.max(ms, HIDDEN_MS) : ms);
}

function closeStream() {
  if (stream) stream.close();
  stream = null;
}

// ---- the stream ------------------------------------------------------------------------------------

function connect() {
  closeStream();
  attempt += 1;
  const source = new EventSource('v1/events');
  stream = source;
  const giveUp = () => {
    if (stream !== source) return;
    closeStream();
    if (state === 'live') lost = true;
    if (Date.now() < endsUntil) return waitFor();
    failures += 1;
    if (state === 'live') setState('reconnecting');
    return probe();
  };
  later(giveUp, HELLO_MS);
  source.addEventListener('hello', (event) => {
    clearTimeout(timer);
    failures = 0;
    endsUntil = 0;
    answered({ instance: JSON.parse(event.data).instance });
    setState('live');
  });
  for (const name of ['pools', 'run', 'load'])
    source.addEventListener(name, (event) => emit(name, JSON.parse(event.data)));
  // The server goes away in good order: that is no stream that does not get through.
  source.addEventListener('end', () => {
    if (stream !== source) return;
    closeStream();
    endsUntil = Date.now() + ENDING_MS;
    waitFor();
  });
  source.onerror = giveUp;
}

// Asks again in a while.
function waitFor() {
  lost = true;
  setState('reconnecting');
  later(probe, retryMs);
  retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
}

// The server answered, and this is known of it. Another than before forgets what the other was.
// Whether it is another.
function answered(known) {
  const restarted = Object.keys(known).some((key) => key in server && server[key] !== known[key]);
  const back = lost || restarted;
  server = restarted ? known : { ...server, ...known };
  lost = false;
  retryMs = FIRST_RETRY_MS;
  if (back) emit('reconnected', { restarted });
  return restarted;
}

// Tells a server that is away, one that wants a token and one whose streams do not get through apart.
async function probe() {
  attempt += 1;
  const mine = attempt;
  try {
    const pools = await ask('v1/pools');
    if (mine !== attempt) return;
    if (failures >= FAILURES_TO_POLL) poll(pools);
    else connect();
  } catch (error) {
    if (mine === attempt) failed(error);
  }
}

function failed(error) {
  if (error.status === 401) {
    setState('signed-out');  // session.onSignedIn goes on
    return;
  }
  failures = 0;  // that streams did not get through may have been the end of that server
  waitFor();
}

// While the dialog waits for a token the request waits too, so only the answer has a deadline.
async function ask(path) {
  const stop = new AbortController();
  const late = setTimeout(() => !document.querySelector('dialog[open]') && stop.abort(), PROBE_MS);
  try {
    return await get(path, { signal: stop.signal });
  } finally {
    clearTimeout(late);
  }
}

// ---- polling ---------------------------------------------------------------------------------------

const seen = { pools: '', runs: null, load: '' };

// Without a stream, the server's process tells servers apart: that of all workers but those of two pools.
function processOf(pools) {
  const inside = pools.pools.find((pool) =>
    !['processes', 'dask'].includes(pool.executor) && pool.workers.length > 0);
  return inside ? inside.workers[0].pid : 0;
}

async function poll(first) {
  if (!first && Date.now() >= streamAgainAt && streamAgainAt) {
    streamAgainAt = 0;
    failures = FAILURES_TO_POLL - 1;  // one more failure comes back here
    connect();
    return;
  }
  attempt += 1;
  const mine = attempt;
  try {
    const pools = first || await ask('v1/pools');
    const [runs, load] = await Promise.all([ask('v1/runs?limit=20'), askLoad()]);
    if (mine !== attempt) return;
    if (answered({ process: processOf(pools) })) {  // its streams may well get through
      streamAgainAt = 0;
      failures = 0;
      connect();
      return;
    }
    setState('polling');
    if (!streamAgainAt) streamAgainAt = Date.now() + STREAM_AGAIN_MS;
    tellNew(pools, runs.runs, load.points);
    later(poll, POLL_MS);
  } catch (error) {
    if (mine === attempt) failed(error);
  }
}

// A server that does not know the call is there all the same.
let hasLoad = true;
async function askLoad() {
  try {
    return hasLoad ? await ask('v1/load') : { points: [] };
  } catch (error) {
    if (error.status !== 404) throw error;
    hasLoad = false;
    return { points: [] };
  }
}

function tellNew(pools, runs, points) {
  const text = JSON.stringify(pools);
  if (text !== seen.pools) emit('pools', pools);
  seen.pools = text;
  const known = seen.runs;
  seen.runs = new Set(runs.map((run) => run.id));
  // What was there before the first look is the views' own to load.
  if (known) for (const run of runs.filter((one) => !known.has(one.id)).reverse()) emit('run', run);
  for (const point of points) {
    if (point.at < seen.load) continue;
    emit('load', point);  // the last second again: it may have grown
    seen.load = point.at;
  }
}

// ---- the page comes and goes -----------------------------------------------------------------------

// A browser opens few connections to a server: a page that nobody looks at for a while gives its one back.
function visible() {
  clearTimeout(hiding);
  if (state === 'signed-out') return;
  if (document.hidden) {
    hiding = setTimeout(() => {
      clearTimeout(timer);
      attempt += 1;
      closeStream();
    }, HIDDEN_MS);
    return;
  }
  // A stream that broke while the computer slept tells nothing; asking does.
  if (stream && stream.readyState === EventSource.OPEN) {
    ask('v1/pools').then((pools) => emit('pools', pools), () => restart());
  } else {
    restart();
  }
}

function restart() {
  clearTimeout(timer);
  lost = lost || state !== null;
  retryMs = FIRST_RETRY_MS;
  if (state === 'polling') poll();
  else connect();
}

export const live = {
  on(name, fn) {
    if (!listeners.has(name)) listeners.set(name, new Set());
    listeners.get(name).add(fn);
    if (name === 'state' && state) fn(state);
    return () => listeners.get(name).delete(fn);
  },
  get state() {
    return state;
  },
  start() {
    document.addEventListener('visibilitychange', visible);
    addEventListener('online', () => state === 'reconnecting' && restart());
    session.onAsked(() => setState('signed-out'));
    session.onSignedIn(() => state === 'signed-out' && restart());
    connect();
  },
};
