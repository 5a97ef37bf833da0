// now.js: the view "Now": what the server is doing, as it happens. Pools and their workers, requests
// and their times over the last minutes, and the newest runs.
//
// data-test: now-rate, now-p50, now-p99, now-busy (figures), run-example; the parts name theirs.

import { h, put, say } from './dom.js';
import { get } from './api.js';
import { duration, nothing } from './format.js';
import { poolsPart } from './now_pools.js';
import { loadPart } from './now_load.js';
import { recentPart } from './now_recent.js';
import { onceAFrame } from './now_parts.js';

const TICK_MS = 1000;

function figure(list, label, test) {
  const value = h('b', { dataset: { test } }, nothing);
  list.append(h('div', { class: 'stat' }, value, h('span', null, label)));
  return (text) => say(value, text);
}

function figuresPart() {
  const list = h('div', { class: 'panel stats' });
  const rate = figure(list, 'requests per second (last 5 seconds)', 'now-rate');
  const p50 = figure(list, 'half of the requests were faster (p50, last minute)', 'now-p50');
  const p99 = figure(list, '99 of 100 were faster (p99, last minute)', 'now-p99');
  const busy = figure(list, 'workers busy, of all pools', 'now-busy');
  return { element: list, update(figures, workers) {
    rate(`${figures.rate}/s`);
    p50(figures.p50 === null ? nothing : duration(figures.p50));
    p99(figures.p99 === null ? nothing : duration(figures.p99));
    busy(`${workers.busy} of ${workers.workers}`);
  } };
}

export async function show(root, params, page) {
  page.title('Now');
  const figures = figuresPart();
  const pools = poolsPart();
  const load = loadPart(page);
  const error = h('p', { class: 'error-text', role: 'alert' });
  const stale = h('p', { class: 'quiet', role: 'status', hidden: true, dataset: { test: 'now-stale' } });
  const drawFigures = () => figures.update(load.figures(), pools.busy());
  const recent = recentPart(page, () => load.offerExample(recent.any()));
  put(root, h('h1', null, 'Now'),
    h('p', { class: 'quiet' }, 'What this server is doing, as it happens.'),
    error, stale, figures.element, pools.element, load.element, recent.element);

  const drawLoad = onceAFrame(() => {
    load.draw();
    drawFigures();
  });
  let latest = null;
  const drawPools = onceAFrame(() => {
    pools.update(latest);
    drawFigures();
  });
  const takePools = (document) => {
    latest = document;
    drawPools();
  };
  const reload = async () => {
    const all = [get('v1/pools').then(takePools), load.load(), recent.load()];
    const failed = (await Promise.allSettled(all)).find((one) => one.status === 'rejected');
    say(error, failed && failed.reason.code !== 'unreachable' ? failed.reason.message : '');
  };
  const offs = [
    page.live.on('pools', takePools),
    page.live.on('load', (point) => {
      load.add(point);
      drawLoad();
    }),
    page.live.on('run', (run) => recent.add(run)),
    page.live.on('reconnected', reload),
  ];
  // Time passes without events too: charts move on, processor use goes back to nothing.
  const timer = setInterval(() => {
    if (document.hidden) return;
    pools.tick();
    drawLoad();
  }, TICK_MS);
  offs.push(page.live.on('state', (state) => {
    const away = state === 'reconnecting' || state === 'signed-out';
    if (away && !root.classList.contains('now-stale'))
      say(stale, `These are the figures of ${new Date().toLocaleTimeString('en-GB')}.`);
    stale.hidden = !away;
    root.classList.toggle('now-stale', away);
  }));
  const leave = () => {
    clearInterval(timer);
    for (const off of offs) off();
    for (const one of [drawLoad, drawPools, load, recent]) one.stop();
  };
  reload();  // shows by itself what failed
  return leave;
}
