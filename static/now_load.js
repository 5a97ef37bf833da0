// now_load.js: requests a second and how long they took, over the last minutes, as charts and figures.
//
// data-test: chart-rate, chart-latency, window (buttons, data-seconds), load-empty.

import { h, put, say } from './dom.js';
import { get } from './api.js';
import { axis, chart } from './charts.js';
import { count, counted, digits, duration } from './format.js';
import { combined } from './now_quantiles.js';
import { exampleButton } from './now_parts.js';

const KEPT = 300;    // seconds
const NOW = 5;       // seconds that "now" is the mean of
const WINDOWS = [[60, '1 minute'], [300, '5 minutes']];

// The points by second, in the server's time.
function loadStore() {
  const points = new Map();
  let ahead = 0;  // of the server's clock over this one's, in seconds
  const secondOf = (iso) => Math.floor(Date.parse(iso) / 1000);
  return {
    reset(reply) {
      points.clear();
      if (reply.now) ahead = Date.parse(reply.now) / 1000 - Date.now() / 1000;
      for (const point of reply.points) points.set(secondOf(point.at), point);
    },
    add(point) {
      const second = secondOf(point.at);
      ahead = Math.max(ahead, second - Date.now() / 1000);  // a point is not told before its second
      points.set(second, point);
      for (const key of points.keys()) if (key < second - KEPT) points.delete(key);
    },
    // The last `seconds` whole seconds: [{ago: -60 … -1, point or null}], oldest first.
    last(seconds) {
      const now = Math.floor(Date.now() / 1000 + ahead);
      return Array.from({ length: seconds }, (_, i) => {
        const ago = i - seconds;
        return { ago, point: points.get(now + ago) || null };
      });
    },
  };
}

function agoText(seconds) {
  if (seconds === 0) return 'now';
  return seconds % 60 === 0 ? `${seconds / 60}\u202fmin` : `${seconds}\u202fs`;
}

function timeAxis(seconds) {
  const step = seconds <= 60 ? 10 : 60;
  return {
    ...axis('Time before now', { min: -seconds, max: 0 }),
    afterBuildTicks: (scale) => {
      scale.ticks = Array.from({ length: seconds / step + 1 }, (_, i) => ({ value: -seconds + i * step }));
    },
    ticks: {
      callback: (value) => agoText(value).replace('-', '\u2212'), maxRotation: 0, autoSkipPadding: 10,
    },
  };
}

const tooltipTitle = (items) => items.length ? agoText(-items[0].parsed.x) + ' ago' : '';

function lineOf(label, colour, data, more) {
  return { label, data, borderColor: colour, borderWidth: 1.5, pointRadius: 0, pointHitRadius: 6, ...more };
}

function rateConfig(last, seconds) {
  const points = last.filter(({ point }) => point);
  const total = points.reduce((sum, { point }) => sum + point.requests, 0);
  const failed = points.reduce((sum, { point }) => sum + point.failed, 0);
  const most = Math.max(0, ...points.map(({ point }) => point.requests));
  const of = (member) => last.map(({ ago, point }) => ({ x: ago, y: point ? point[member] : 0 }));
  return {
    title: 'Requests each second',
    label: `${counted(total, 'request')} in the last ${seconds} seconds, ${count(failed)} of them failed; ` +
      `at most ${count(most)} in a second.`,
    height: 264, type: 'line',
    data: { datasets: [
      lineOf('answered', '--series-1', of('requests'), { stepped: 'middle', fill: true,
        backgroundColor: '--series-1/0.18' }),
      lineOf('of these failed', '--bad', of('failed'), { stepped: 'middle', borderDash: [4, 2] }),
    ] },
    options: {
      parsing: false, normalized: true,
      scales: { x: timeAxis(seconds), y: axis('Requests per second', { suggestedMax: 4, beginAtZero: true,
        ticks: { precision: 0 } }) },
      plugins: { tooltip: { callbacks: { title: tooltipTitle } } },
    },
    table: { columns: [
      { title: 'Seconds ago', number: true, cell: ({ ago }) => count(-ago) },
      { title: 'Requests', number: true, cell: ({ point }) => count(point.requests) },
      { title: 'Failed', number: true, cell: ({ point }) => count(point.failed) },
    ], rows: points.reverse() },
  };
}

// The last is drawn first and largest, so that all show where they are equal.
const QUANTILES = [['p50_ns', 'p50 (half are faster)', '--series-1', 'circle', 0],
  ['p90_ns', 'p90', '--series-2', 'rectRot', 1], ['p99_ns', 'p99', '--series-3', 'triangle', 3]];

function latencyConfig(last, seconds) {
  const points = last.filter(({ point }) => point);
  const all = combined(points.map(({ point }) => point));
  return {
    title: 'How long requests took, each second',
    label: `Of the last ${seconds} seconds: half of the requests took at most ${duration(all(0.5))}, ` +
      `99 of 100 at most ${duration(all(0.99))}.`,
    height: 264, type: 'line',
    data: { datasets: QUANTILES.map(([member, label, colour, pointStyle, larger]) => lineOf(label, colour,
      last.map(({ ago, point }) => ({ x: ago, y: point ? Math.max(1, point[member]) : NaN })),
      { pointStyle, pointRadius: larger + (seconds <= 60 ? 3 : 1.5), pointBackgroundColor: colour })) },
    options: {
      parsing: false, normalized: true, spanGaps: false,
      scales: { x: timeAxis(seconds), y: axis('Request time (log scale)', { log: true, duration: true }) },
      plugins: { tooltip: { callbacks: { title: tooltipTitle } } },
    },
    table: { columns: [
      { title: 'Seconds ago', number: true, cell: ({ ago }) => count(-ago) },
      ...['p50', 'p90', 'p99', 'max'].map((name) => (
        { title: name, number: true, cell: ({ point }) => duration(point[`${name}_ns`]) })),
    ], rows: points.reverse() },
  };
}

// {element, press(seconds)}
function windowButtons(choose) {
  const press = (seconds) => {
    for (const button of buttons)
      button.setAttribute('aria-pressed', String(Number(button.dataset.seconds) === seconds));
    choose(seconds);
  };
  const buttons = WINDOWS.map(([seconds, text]) => h('button', {
    type: 'button', 'aria-pressed': String(seconds === KEPT), dataset: { test: 'window', seconds },
    onclick: () => press(seconds),
  }, text));
  const element = h('div', { class: 'segments', role: 'group', 'aria-label': 'How far back' }, buttons);
  return { element, press };
}

// {element, load(), add(point), draw(), figures() -> {rate, p50, p99}, stop()}
export function loadPart(page) {
  const store = loadStore();
  const charts = {};
  let seconds = KEPT;
  let stopped = false;
  let known = null;  // whether the service tells; null: it was not asked yet, or did not answer
  const places = { rate: h('div', { class: 'panel', dataset: { test: 'chart-rate' } }),
    latency: h('div', { class: 'panel', dataset: { test: 'chart-latency' } }) };
  const grid = h('div', { class: 'grid two' }, places.rate, places.latency);
  grid.hidden = true;
  const text = h('p');
  const example = exampleButton(page);
  const empty = h('div', { class: 'panel empty', dataset: { test: 'load-empty' } }, text, example);
  empty.hidden = true;
  const buttons = windowButtons((chosen) => {
    seconds = chosen;
    draw();
  });
  const element = h('section', { class: 'now-part', 'aria-labelledby': 'load-title' },
    h('div', { class: 'panel-head' }, h('h2', { id: 'load-title' }, 'Requests'),
      buttons.element), empty, grid);

  function drawOne(name, config) {
    if (charts[name]) charts[name].update(config);
    else {
      charts[name] = chart(config);
      put(places[name], charts[name].element);
    }
  }

  function draw() {
    if (stopped) return;
    const last = store.last(seconds);
    const any = last.some(({ point }) => point);
    grid.hidden = !any;
    empty.hidden = any || known === null;
    say(text, known ? `No requests in the last ${seconds === 60 ? 'minute' : 'five minutes'}.`
      : 'This server does not tell how many requests it answers.');
    if (!any) return;
    drawOne('rate', rateConfig(last, seconds));
    drawOne('latency', latencyConfig(last, seconds));
  }

  return {
    element,
    draw,
    async load() {
      try {
        store.reset(await get('v1/load'));
        // A server that has just begun is looked at closely; later looks leave the choice alone.
        if (known === null && !store.last(KEPT).slice(0, KEPT - 60).some(({ point }) => point))
          buttons.press(60);
        known = true;
      } catch (error) {
        if (error.status !== 404) throw error;
        known = false;
      }
      draw();
    },
    add: (point) => store.add(point),
    figures() {
      const recent = store.last(NOW).reduce((sum, { point }) => sum + (point ? point.requests : 0), 0);
      const minute = combined(store.last(60).filter(({ point }) => point).map(({ point }) => point));
      return { rate: recent === 0 ? '0' : digits(recent / NOW), p50: minute(0.5), p99: minute(0.99) };
    },
    // Whether the button for an example is here; a server without any run offers it below.
    offerExample(here) {
      example.hidden = !here;
    },
    stop() {
      stopped = true;
      for (const one of Object.values(charts)) one.destroy();
    },
  };
}
