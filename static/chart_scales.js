// chart_scales.js: scales, ticks and tooltips with units, and the theme's colours for Chart.js options.

import { colour } from './stages.js';
import { count, digits, duration, factor as asFactor, percent } from './format.js';

const NARROW = '\u202f';
const UNITS = [['s', 1e9], ['ms', 1e6], ['µs', 1e3], ['ns', 1]];
const ROUND = ['doughnut', 'pie', 'polarArea', 'radar'];  // types without x and y
const TICK_PX = { horizontal: 72, vertical: 24 };  // what a label needs

// Up to three significant digits without trailing zeros.
function short(x) {
  return Number(x.toPrecision(3)).toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

function tickDuration(ns) {
  if (ns === 0) return '0';
  const [unit, scale] = UNITS.find(([, size]) => Math.abs(ns) >= size * 0.9995) || UNITS[3];
  return short(ns / scale) + NARROW + unit;
}

// How a number of each kind of axis reads: short at a tick, exact enough in a tooltip.
const KINDS = {
  duration: { tick: tickDuration, full: duration },
  factor: { tick: (x) => '×' + short(x), full: asFactor },
  percent: { tick: (x) => short(100 * x) + NARROW + '%', full: percent },
  plain: { tick: (x) => Number(x.toPrecision(12)).toLocaleString('en-US'), full: (x) =>
    Number.isInteger(x) ? count(x) : digits(x) },
};

// The ticks 1-2-5 of each decade; 1 alone, or every second decade and so on, when there is little room.
export function logTicks(min, max, room) {
  if (!(min > 0) || !(max > min)) return [min, max].filter((x) => x > 0);
  const make = (steps, stride) => {
    const ticks = [];
    for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power += 1) {
      if (power % stride) continue;
      for (const step of steps) {
        const value = step * 10 ** power;
        if (value >= min * 0.999 && value <= max * 1.001) ticks.push(value);
      }
    }
    return ticks;
  };
  const fits = (ticks, steps) => {
    const tightest = steps.length === 3 ? Math.log10(2) : steps.length === 2 ? Math.log10(3) : 1;
    return ticks.length <= 2 || tightest / Math.log10(max / min) >= 1 / Math.max(room, 1);
  };
  for (const steps of [[1, 2, 5], [1, 3]]) {
    const ticks = make(steps, 1);
    if (ticks.length >= 2 && fits(ticks, steps)) return ticks;
  }
  for (let stride = 1; ; stride += 1) {
    const ticks = make([1], stride);
    if (ticks.length <= Math.max(2, room)) return ticks.length >= 2 ? ticks : [min, max];
  }
}

// Options of one scale. kind: at most one of duration (values in ns), factor, percent (a share of 1).
export function axis(title, options = {}) {
  const { log, duration: isDuration, factor, percent: isPercent, min, max, ...rest } = options;
  const kind = isDuration ? 'duration' : factor ? 'factor' : isPercent ? 'percent' : 'plain';
  const scale = {
    type: log ? 'logarithmic' : 'linear',
    kind,  // read by the tooltip
    title: { display: true, text: title },
    ticks: { callback: (value) => KINDS[kind].tick(value), maxRotation: 0, autoSkipPadding: 12 },
    ...rest,
  };
  if (min !== undefined) scale.min = min;
  if (max !== undefined) scale.max = max;
  if (!log) {
    scale.beginAtZero = rest.beginAtZero ?? min === undefined;
    return scale;
  }
  scale.afterBuildTicks = (built) => {
    const flat = built.isHorizontal();
    const room = flat ? built.maxWidth / TICK_PX.horizontal : built.maxHeight / TICK_PX.vertical;
    built.ticks = logTicks(built.min, built.max, room).map((value) => ({ value }));
  };
  scale.ticks.autoSkip = false;
  return scale;
}

function kindOf(context) {
  const flat = context.chart.options.indexAxis === 'y';
  const id = flat ? context.dataset.xAxisID || 'x' : context.dataset.yAxisID || 'y';
  const scale = context.chart.scales[id];
  return KINDS[scale && scale.options.kind] || KINDS.plain;
}

// "threads: 1.20 ms", of a bar that floats "threads: 1.10 ms to 1.30 ms".
export function tooltipLabel(context) {
  const kind = kindOf(context);
  const floating = context.parsed._custom;
  const value = context.chart.options.indexAxis === 'y' ? context.parsed.x : context.parsed.y;
  const text = floating ? `${kind.full(floating.min)} to ${kind.full(floating.max)}` : kind.full(value);
  return context.dataset.label ? `${context.dataset.label}: ${text}` : text;
}

// Objects are merged, `over` wins; everything else is replaced.
function merged(base, over) {
  const plain = (x) => x && typeof x === 'object' && Object.getPrototypeOf(x) === Object.prototype;
  const result = { ...base };
  for (const [key, value] of Object.entries(over || {}))
    result[key] = plain(value) && plain(base[key]) ? merged(base[key], value) : value;
  return result;
}

function themedScale(scale, font) {
  const text = colour('--quiet');
  return merged({
    grid: { color: colour('--line'), borderColor: colour('--line-strong'), tickColor: colour('--line') },
    ticks: { color: text, font },
    title: { color: text, font },
  }, scale);
}

// Chart.js options: the theme below, the config's own above.
export function themedOptions(config) {
  const own = config.options || {};
  const font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
  const options = merged({
    responsive: true,
    maintainAspectRatio: false,
    animation: false,  // figures that move while they are read are harder to read
    color: colour('--text'),
    font,
    interaction: { mode: 'nearest', intersect: false, axis: 'x' },
    plugins: {
      legend: {
        display: config.data.datasets.length > 1, position: 'bottom',
        labels: { color: colour('--text'), font, usePointStyle: true, boxWidth: 10, boxHeight: 8,
          padding: 14 },
      },
      tooltip: {
        backgroundColor: colour('--text'), titleColor: colour('--panel'), bodyColor: colour('--panel'),
        footerColor: colour('--panel'), titleFont: font, bodyFont: font, footerFont: font, cornerRadius: 4,
        padding: 8, usePointStyle: true, boxPadding: 4, callbacks: { label: tooltipLabel },
      },
    },
  }, own);
  const scales = ROUND.includes(config.type) ? own.scales : { x: {}, y: {}, ...own.scales };
  options.scales = {};
  for (const [id, scale] of Object.entries(scales || {})) options.scales[id] = themedScale(scale, font);
  return options;
}
