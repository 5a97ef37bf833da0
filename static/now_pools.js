// now_pools.js: one card for each executor: its workers as small squares, queue, restarts, processor time.
// The cluster's is in now_cluster.js.
//
// data-test: pools, pool (data-executor, data-busy), worker (data-state), pool-cpu, pool-queue, cpus.

import { h, say } from './dom.js';
import { count, counted, digits, duration, percent } from './format.js';
import { executorName, hint } from './stages.js';
import { clusterCard } from './now_cluster.js';
import { fact, keyedList } from './now_parts.js';

const SPAN_MS = 1000;  // processor use is that of the last second

const sumOf = (items, of) => items.reduce((sum, item) => sum + of(item), 0);

// How much processor time went by in the last second, of totals that are told when they change.
export function useMeter() {
  let samples = [];
  return {
    add(at, cpuNs) {
      // Another server process begins at zero again.
      if (samples.length && cpuNs < samples[samples.length - 1].cpuNs) samples = [];
      samples.push({ at, cpuNs });
    },
    // A share of one CPU: 2 is two CPUs kept busy.
    share(now) {
      while (samples.length > 1 && samples[1].at <= now - SPAN_MS) samples.shift();
      if (samples.length < 2) return 0;
      return (samples[samples.length - 1].cpuNs - samples[0].cpuNs) / (SPAN_MS * 1e6);
    },
  };
}

function describe(worker) {
  return `Worker ${worker.worker}: ${worker.state}, process ${worker.pid}, ` +
    `${counted(worker.tasks, 'task')}, ${counted(worker.restarts, 'restart')}, ` +
    `${duration(worker.cpu_ns)} of processor time`;
}

function square(first) {
  const text = h('span', { class: 'unseen' });
  const element = h('li', { class: 'now-worker', dataset: { test: 'worker', worker: first.worker } }, text);
  return { element, update(worker) {
    if (element.dataset.state !== worker.state) element.dataset.state = worker.state;
    const said = describe(worker);
    say(text, said);
    if (element.title !== said) element.title = said;
  } };
}

function workerRow() {
  const cells = Array.from({ length: 6 }, (_, i) => h('td', { class: i === 2 ? null : 'number' }));
  return { element: h('tr', null, cells), update(worker) {
    [count(worker.worker), String(worker.pid), worker.state, count(worker.tasks), count(worker.restarts),
      duration(worker.cpu_ns)].forEach((text, i) => say(cells[i], text));
  } };
}

function workersTable(executor) {
  const body = h('tbody');
  const head = [['No.', true], ['pid', true], ['State'], ['Tasks', true], ['Restarts', true],
    ['CPU', true]];
  const name = `Workers of ${executorName(executor)}`;
  const element = h('details', null, h('summary', null, 'Each worker'),
    h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': name },
      h('table', null, h('caption', { class: 'unseen' }, name),
        h('thead', null, h('tr', null, head.map(([title, number]) =>
          h('th', { scope: 'col', class: number ? 'number' : null }, title)))),
        body)));
  return { element, update: keyedList(body, (worker) => worker.worker, workerRow) };
}

function poolCard(first) {
  const { executor } = first;
  const squares = h('ul', { class: 'now-workers' });
  const drawSquares = keyedList(squares, (worker) => worker.worker, square);
  const state = h('span', { class: 'pill' });
  const facts = h('dl', { class: 'now-facts' });
  const sayQueue = fact(facts, 'In the queue', 'pool-queue');
  const sayUse = fact(facts, ['CPU use', hint('CPU use')], 'pool-cpu');
  const sayCpu = fact(facts, 'CPU time since start');
  const sayTasks = fact(facts, 'Tasks done');
  const sayRestarts = fact(facts, 'Workers restarted');
  const meter = h('span', { class: 'now-meter', 'aria-hidden': 'true' }, h('span'));
  const each = workersTable(executor);
  const use = useMeter();
  const element = h('section', { class: 'panel now-pool', 'aria-label': `Pool ${executorName(executor)}`,
    dataset: { test: 'pool', executor },
    style: { '--pool': `var(--executor-${executor})` } },
  h('div', { class: 'panel-head' }, h('h3', null, executorName(executor), hint(executor)), state),
  squares, meter, facts, each.element);

  function tick(now, cpus) {
    const share = Math.min(use.share(now), cpus);  // a long task is counted when it ends
    sayUse(`${percent(share / cpus)} of ${counted(cpus, 'CPU')}`);
    meter.firstElementChild.style.setProperty('width', `${Math.min(100, 100 * share / cpus)}%`);
  }

  return { element, tick, update(pool) {
    const busy = pool.workers.filter((worker) => worker.state === 'busy').length;
    drawSquares(pool.workers);
    each.update(pool.workers);
    const cpuNs = sumOf(pool.workers, (worker) => worker.cpu_ns);
    use.add(performance.now(), cpuNs);
    say(state, `${busy} of ${pool.workers.length} busy`);
    state.className = busy ? 'pill good' : 'pill';
    element.dataset.busy = busy;
    sayQueue(counted(pool.queued, 'task'));
    sayCpu(duration(cpuNs));
    sayTasks(count(sumOf(pool.workers, (worker) => worker.tasks)));
    sayRestarts(count(sumOf(pool.workers, (worker) => worker.restarts)));
  } };
}

// {element, update(document of /v1/pools), tick(), busy() -> {busy, workers} of this machine}
export function poolsPart() {
  const cards = new Map();
  const grid = h('div', { class: 'now-pools', dataset: { test: 'pools' } });
  const draw = keyedList(grid, (pool) => pool.executor, (pool) => {
    const card = pool.executor === 'dask' ? clusterCard(pool) : poolCard(pool);
    cards.set(pool.executor, card);
    return card;
  });
  const cpus = h('p', { class: 'quiet', dataset: { test: 'cpus' } });
  let now = null;
  const tick = () => {
    if (now) for (const card of cards.values()) card.tick(performance.now(), now.cpus.usable);
  };
  return {
    element: h('section', { 'aria-labelledby': 'pools-title', class: 'now-part' },
      h('div', { class: 'panel-head' }, h('h2', { id: 'pools-title' }, 'Pools of workers'), cpus), grid),
    tick,
    update(document) {
      now = document;
      draw(document.pools);
      say(cpus, describeCpus(document.cpus));
      tick();
    },
    busy() {
      const own = now ? now.pools.filter((pool) => pool.executor !== 'dask') : [];
      const workers = own.flatMap((pool) => pool.workers);
      return { busy: workers.filter((worker) => worker.state === 'busy').length, workers: workers.length };
    },
  };
}

function describeCpus(cpus) {
  const quota = cpus.quota === null ? 'no quota' : `quota of ${digits(cpus.quota)} CPUs`;
  return `${count(cpus.usable)} of ${counted(cpus.online, 'CPU')} usable, ${quota}`;
}
