// charts.js: Chart.js (window.Chart, 3.9.1) with the page's colours, units and a table beside each
// chart. A chart is drawn when its box first has a width, so one in a hidden part is never empty.
//
// data-test: chart-as-table (the <details>).

import { h, put, table } from './dom.js';
import { colour } from './stages.js';
import { onThemeChange } from './theme.js';
import { themedOptions } from './chart_scales.js';

export { axis } from './chart_scales.js';

// A hatched fill in the colour of `variable`, for what is emulated or not measured.
export function pattern(variable) {
  return { pattern: variable };
}

const HATCH_PX = 8;

function hatched(variable) {
  const ratio = devicePixelRatio || 1;
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = Math.round(HATCH_PX * ratio);
  const pen = canvas.getContext('2d');
  const size = canvas.width;
  pen.fillStyle = withAlpha(colour(variable), 0.3);
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = colour(variable);
  pen.lineWidth = 2.4 * ratio;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {  // three strokes, so that tiles meet
    pen.moveTo(shift - 1, size + 1);
    pen.lineTo(shift + size + 1, -1);
  }
  pen.stroke();
  const fill = pen.createPattern(canvas, 'repeat');
  fill.setTransform(new DOMMatrix().scale(1 / ratio));  // the canvas is scaled by the ratio already
  return fill;
}

// '#rrggbb' with an opacity.
function withAlpha(hex, alpha) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

// '--stage-execute', '--stage-execute/0.3', pattern(...), arrays and functions of these.
function resolved(value) {
  if (typeof value === 'string' && value.startsWith('--')) {
    const [variable, alpha] = value.split('/');
    return alpha ? withAlpha(colour(variable), Number(alpha)) : colour(variable);
  }
  if (Array.isArray(value)) return value.map(resolved);
  if (typeof value === 'function') return (context, options) => resolved(value(context, options));
  if (value && value.pattern) return hatched(value.pattern);
  return value;
}

// What the legend shows: a line's line, a bar's fill.
function legendMark(dataset, type) {
  if (type === 'bar') return { pointStyle: 'rectRounded' };
  if (type !== 'line') return {};
  const mark = { backgroundColor: dataset.borderColor };
  return dataset.pointRadius === 0 ? { ...mark, pointStyle: 'line' } : mark;
}

export function themedData({ type, data }) {
  return { ...data, datasets: data.datasets.map((dataset) => {
    const copy = { ...legendMark(dataset, dataset.type || type), ...dataset };
    for (const key of Object.keys(copy)) if (/color$/i.test(key)) copy[key] = resolved(copy[key]);
    return copy;
  }) };
}

function tableOf(config) {
  const { columns, rows } = config.table;
  return table(config.title, columns, rows);
}

// chart({title, label, height, type, data, options, plugins, table}) -> {element, update(config), destroy()}
//
// title: shown above; label: what the chart says, read aloud; height: of the chart's box, in px;
// type, data, options, plugins: Chart.js's, with '--variable', '--variable/0.3' (an opacity) or
// pattern('--variable') wherever a dataset takes a colour, and axis() for scales (chart_scales.js);
// table: {columns, rows} as for dom.table(). update() takes the members that changed.
export function chart(config) {
  let now = config;
  let drawn = null;
  const title = h('figcaption', null, config.title);
  const canvas = h('canvas', { role: 'img', 'aria-label': config.label || config.title });
  const box = h('div', { class: 'chart-box', style: { height: `${config.height || 260}px` } }, canvas);
  const shown = h('div');
  const details = h('details', { class: 'chart-table', dataset: { test: 'chart-as-table' },
    ontoggle: () => fillTable() }, h('summary', null, 'Show as table'), shown);
  const element = h('figure', { class: 'chart' }, title, box, config.table ? details : null);

  // Only the parts of a table that is there are replaced: focus and scrolling are the table's.
  function fillTable() {
    if (!now.table || !details.open) return;
    const fresh = tableOf(now);
    if (!shown.firstChild) put(shown, fresh);
    else
      for (const part of ['caption', 'thead', 'tbody'])
        shown.querySelector(part).replaceChildren(...fresh.querySelector(part).childNodes);
  }

  function draw() {
    const data = themedData(now);
    const options = themedOptions(now);
    if (!drawn) {
      drawn = new window.Chart(canvas, { type: now.type, data, options, plugins: now.plugins });
      return;
    }
    drawn.config.type = now.type;
    const known = drawn.data.datasets;
    // What the reader hid in the legend stays hidden: that belongs to the dataset's object.
    const same = known.length === data.datasets.length &&
      known.every((dataset, i) => dataset.label === data.datasets[i].label);
    if (same) {
      drawn.data.labels = data.labels;
      known.forEach((dataset, i) => Object.assign(dataset, data.datasets[i]));
    } else {
      drawn.data = data;
    }
    drawn.options = options;
    drawn.update('none');
  }

  const watcher = new ResizeObserver(() => {
    if (box.clientWidth === 0) return;
    watcher.disconnect();
    if (window.Chart) draw();
    else put(box, h('p', { class: 'quiet' }, 'The chart library was not loaded; the table has the figures.'));
  });
  watcher.observe(box);
  const offTheme = onThemeChange(() => drawn && draw());

  return {
    element,
    update(next) {
      now = { ...now, ...next };
      title.textContent = now.title;
      canvas.setAttribute('aria-label', now.label || now.title);
      if (now.height) box.style.setProperty('height', `${now.height}px`);
      if (now.table && !details.isConnected) element.append(details);
      fillTable();
      if (drawn) draw();
    },
    destroy() {
      watcher.disconnect();
      offTheme();
      if (drawn) drawn.destroy();
      drawn = null;
    },
  };
}
