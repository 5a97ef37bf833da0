// now_cluster.js: the card of a Dask cluster: its workers with their hosts, the connection, and Dask's own pages.
//
// data-test: pool (data-executor), cluster-state, cluster-problem, cluster-pages, cluster-scheduler, cluster-bridge,
// pool-queue, cluster-worker (data-state usable | unusable | gone), cluster-gone (a details element).

import { h, put, say } from './dom.js';
import { bytes, count, counted, duration, nothing } from './format.js';
import { hint } from './stages.js';
import { fact, keyedList } from './now_parts.js';

const stateOf = (worker) => (!worker.present ? 'gone' : worker.usable ? 'usable' : 'unusable');

// What a worker is good for; why not is the cluster's text.
function stateText(worker) {
  const state = stateOf(worker);
  if (state === 'unusable') return worker.problem || 'not usable yet';
  return state;
}

// The cluster names it: only an address of the web becomes a link.
export function webAddress(text) {
  try {
    const url = new URL(text);
    return ['http:', 'https:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function workerRow() {
  const [host, name, threads, memory, tasks, cpu, state] = Array.from({ length: 7 }, (_, i) =>
    h('td', { class: i >= 2 && i <= 5 ? 'number' : null }));
  const element = h('tr', { dataset: { test: 'cluster-worker' } },
    host, name, state, threads, memory, tasks, cpu);
  return { element, update(worker) {
    element.dataset.state = stateOf(worker);
    element.title = worker.address;
    say(host, worker.host);
    say(name, worker.name);
    say(state, stateText(worker));
    say(threads, count(worker.threads));
    say(memory, worker.memory_bytes === null ? nothing : bytes(worker.memory_bytes));
    say(tasks, count(worker.tasks));
    say(cpu, duration(worker.cpu_ns));
  } };
}

function workersTable(name) {
  const body = h('tbody');
  const head = [['Host'], ['Name'], ['State'], ['Threads', true], ['Memory', true], ['Tasks', true], ['CPU', true]];
  const element = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': name },
    h('table', { class: 'now-cluster-workers' }, h('caption', { class: 'unseen' }, name),
      h('thead', null, h('tr', null, head.map(([title, number]) =>
        h('th', { scope: 'col', class: number ? 'number' : null }, title)))), body));
  return { element, update: keyedList(body, (worker) => worker.worker, workerRow) };
}

function pagesLink() {
  const element = h('p', { class: 'small', hidden: true });
  let shown = null;
  return { element, update(text) {
    const address = webAddress(text);
    if (address === shown) return;
    shown = address;
    element.hidden = !address;
    put(element, address && h('a', { href: address, rel: 'noopener noreferrer', target: '_blank',
      dataset: { test: 'cluster-pages' } }, 'Open Dask\u2019s own dashboard'));
  } };
}

// Those that left, behind a line: a cluster that is scaled up and down leaves many behind.
function goneWorkers() {
  const line = h('summary');
  const table = workersTable('Workers that left the Dask cluster');
  const element = h('details', { dataset: { test: 'cluster-gone' } }, line, table.element);
  return { element, update(workers) {
    element.hidden = workers.length === 0;
    say(line, `${counted(workers.length, 'worker')} gone`);
    table.update(workers);
  } };
}

// {element, tick(), update(pool)}, as the card of a pool of this machine.
export function clusterCard() {
  const state = h('span', { class: 'pill', dataset: { test: 'cluster-state' } });
  const problem = h('p', { class: 'error-text', dataset: { test: 'cluster-problem' } });
  const facts = h('dl', { class: 'now-facts' });
  const sayScheduler = fact(facts, 'Scheduler', 'cluster-scheduler');
  const sayThreads = fact(facts, 'Threads that can be used');
  const sayQueue = fact(facts, 'In the queue', 'pool-queue');
  const sayBridge = fact(facts, 'Bridge', 'cluster-bridge');
  const pages = pagesLink();
  const workers = workersTable('Workers of the Dask cluster');
  const gone = goneWorkers();
  const element = h('section', { class: 'panel now-pool now-cluster', 'aria-label': 'Dask cluster',
    dataset: { test: 'pool', executor: 'dask' }, style: { '--pool': 'var(--executor-dask)' } },
  h('div', { class: 'panel-head' }, h('h3', null, 'dask', hint('dask')), state), problem,
  h('div', { class: 'now-cluster-parts' }, h('div', null, facts, pages.element),
    h('div', null, workers.element, gone.element)));
  return { element, tick() {}, update(pool) {
    const present = pool.workers.filter((worker) => worker.present);
    const usable = present.filter((worker) => worker.usable);
    say(state, pool.connected ? `${usable.length} of ${counted(present.length, 'worker')} usable` : 'not connected');
    state.className = usable.length > 0 ? 'pill good' : 'pill bad';
    say(problem, pool.problem || '');
    problem.hidden = !pool.problem;
    sayScheduler(pool.scheduler);
    sayThreads(count(usable.reduce((sum, worker) => sum + worker.threads, 0)));
    sayQueue(counted(pool.queued, 'task'));
    sayBridge(pool.bridge.pid === null ? 'not running'
      : `process ${pool.bridge.pid}, started ${counted(pool.bridge.starts, 'time')}`);
    pages.update(pool.dashboard);
    workers.element.hidden = present.length === 0;
    workers.update(present);
    gone.update(pool.workers.filter((worker) => !worker.present));
  } };
}
