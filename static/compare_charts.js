// compare_charts.js: the charts of a comparison, as configurations for charts.js. The page and the
// report draw the same ones. Colours are names of CSS variables; the emulated lock is hatched.

import { axis } from './charts.js';
import { count, counted, digits, duration, factor } from './format.js';
import { executorName } from './stages.js';
import {
  amdahlAt, aspectsOf, caseName, detailsOf, fastest, fitOf, flagsOf, grouped, median, placeName, slowest,
  sweepLines, workerLines,
} from './compare_model.js';
import { executorColour, executorFill, LINE_CHARS, LOG_TIME, logRange, timeAxis } from './compare_parts.js';
import { pathTitle, waterfallChart } from './compare_waterfall.js';

// More bars than this are no chart; the table has all cases.
const MOST_BARS = 60;
const POINTS = { row: 'triangle', tuple: 'rect', vector: 'circle' };

// ---- time of each case -----------------------------------------------------------------------------

// Of too many, those with the most rows: others are faster only because they do less.
function shownBars({ cases }) {
  if (cases.length <= MOST_BARS) return { bars: grouped(cases), title: 'Time of each case' };
  const most = Math.max(...cases.map((a) => a.rows));
  const rivals = cases.filter((a) => a.rows === most);
  const kept = [...rivals].sort((a, b) => median(a) - median(b)).slice(0, MOST_BARS);
  const which = kept.length < rivals.length ? `the ${kept.length} fastest of ${rivals.length} cases`
    : 'each case';
  const size = rivals.length < cases.length ? `, ${count(most)} rows` : '';
  return { bars: grouped(kept), title: `Time of ${which}${size}` };
}

// One line where it leaves room for the bars, else two.
function barLabels(bars, comparison, aspects, narrow) {
  const flagged = (a) => (flagsOf(a, comparison).length > 0 ? ' *' : '');
  const one = bars.map((a) => caseName(a, aspects) + flagged(a));
  const room = narrow ? LINE_CHARS.narrow : LINE_CHARS.wide;
  if (one.every((label) => label.length <= room)) return one;
  return bars.map((a) => [placeName(a) + flagged(a), detailsOf(a, aspects).join(' · ')]);
}

function spreadText(a) {
  return `median ${duration(median(a))}, from ${duration(fastest(a))} to ${duration(slowest(a))} ` +
    `in ${counted(a.repeat.runs, 'sample')}`;
}

export function timeChart(comparison, { narrow = false } = {}) {
  const aspects = aspectsOf(comparison);
  const { bars, title } = shownBars(comparison);
  const least = Math.min(...bars.map(median));
  const most = Math.max(...bars.map(median));
  const best = bars.find((a) => median(a) === least);
  const worst = bars.find((a) => median(a) === most);
  const labels = barLabels(bars, comparison, aspects, narrow);
  return {
    title,
    note: 'Bar: median. Line: from the fastest to the slowest sample.' +
      (bars.some((a) => flagsOf(a, comparison).length > 0) ? ' *: see the flags in the table of cases.' : ''),
    label: bars.length === 1 ? `${caseName(best, aspects)}: ${spreadText(best)}.`
      : `Bars of median times. Fastest: ${caseName(best, aspects)}, ${duration(least)}. ` +
        `Slowest: ${caseName(worst, aspects)}, ${duration(most)}.`,
    height: 64 + bars.length * (Array.isArray(labels[0]) ? 34 : 26),
    type: 'bar',
    data: {
      labels,
      datasets: [{
        label: 'Median', data: bars.map(median), backgroundColor: bars.map((a) => executorFill(a.executor)),
        borderColor: bars.map((a) => executorColour(a.executor)), borderWidth: 1, borderSkipped: 'start',
        grouped: false, order: 2, barPercentage: 0.8, categoryPercentage: 0.9, maxBarThickness: 24,
      }, {
        label: 'Fastest to slowest sample', data: bars.map((a) => [fastest(a), slowest(a)]),
        backgroundColor: '--text', grouped: false, order: 1, barThickness: 3, minBarLength: 2,
      }],
    },
    options: {
      indexAxis: 'y',
      interaction: { mode: 'index', axis: 'y', intersect: false },
      scales: {
        x: timeAxis(least, most, Math.min(...bars.map(fastest)), Math.max(...bars.map(slowest))),
        y: { grid: { display: false }, ticks: { autoSkip: false } },
      },
      plugins: {
        legend: { display: false },
        tooltip: {
          callbacks: {
            title: (items) => caseName(bars[items[0].dataIndex], aspects),
            label: (item) => (item.datasetIndex === 0 ? spreadText(bars[item.dataIndex]) : null),
          },
          filter: (item) => item.datasetIndex === 0,
        },
      },
    },
    table: {
      columns: [
        { title: 'Case', cell: (a) => caseName(a, aspects) },
        { title: 'Median', number: true, cell: (a) => duration(median(a)) },
        { title: 'Fastest', number: true, cell: (a) => duration(fastest(a)) },
        { title: 'Slowest', number: true, cell: (a) => duration(slowest(a)) },
      ],
      rows: bars,
    },
  };
}

// ---- lines -----------------------------------------------------------------------------------------

function lineName(line, { workers = false } = {}) {
  const place = workers && line.executor !== 'serial' ? ` × ${line.workers}` : '';
  return [executorName(line.executor) + place, line.mode].filter(Boolean).join(' · ');
}

// Lines may coincide; each is narrower than the one below it, points too, so that all of them are seen.
const LAYERS = {
  serial: { order: 5, borderWidth: 7, pointRadius: 7 }, threads: { order: 4, borderWidth: 5, pointRadius: 6 },
  dask: { order: 2, borderWidth: 2, pointRadius: 4 }, processes: { order: 3, borderWidth: 2.5, pointRadius: 4.5 },
  gil: { order: 2, borderWidth: 1.5, pointRadius: 3 }, auto: { order: 1, borderWidth: 1, pointRadius: 2 },
};

function lineSet(line, label, points) {
  const colour = executorColour(line.executor);
  return {
    label, data: points, borderColor: colour, backgroundColor: colour, ...LAYERS[line.executor],
    borderDash: line.executor === 'gil' ? [6, 4] : [],
    pointStyle: POINTS[line.mode] || 'circle', pointHoverRadius: 7, pointBorderWidth: 1,
    tension: 0, clip: false,
  };
}

function guide(label, points, colour, dash) {
  return {
    label, data: points, borderColor: colour, backgroundColor: colour, borderWidth: 1.5, borderDash: dash,
    pointRadius: 0, pointHitRadius: 0, pointStyle: 'line', tension: 0, order: 0,
  };
}

// Beside points, Chart.js forgets the dashes of a line that has none.
function dashOf({ pointStyle, borderDash }) {
  return pointStyle === 'line' ? { lineDash: borderDash } : {};
}

const legend = {
  display: true, position: 'bottom',
  labels: { usePointStyle: true, boxWidth: 8, boxHeight: 8, padding: 10,
    sort: (a, b) => a.datasetIndex - b.datasetIndex,
    filter: (item, data) => !data.datasets[item.datasetIndex].unlisted,
    generateLabels: (drawn) => window.Chart.defaults.plugins.legend.labels.generateLabels(drawn)
      .map((item) => ({ ...item, ...dashOf(drawn.data.datasets[item.datasetIndex]) })) },
};

// Null where there is nothing to draw; `reasonOfNone` says why.
export function speedupChart(comparison) {
  const lines = workerLines(comparison).filter((line) => line.points.every((a) => a.speedup !== null));
  const points = lines.flatMap((line) => line.points);
  const counts = [...new Set(points.map((a) => a.workers))].sort((a, b) => a - b);
  if (counts.length < 2) return null;
  const cpus = comparison.cpus?.usable ?? counts.at(-1);
  const most = counts.at(-1);
  const end = Math.min(cpus, most);  // beyond the CPUs there is no ideal to reach
  const sets = lines.map((line) =>
    lineSet(line, lineName(line), line.points.map((a) => ({ x: a.workers, y: a.speedup }))));
  for (const line of lines) {
    const curve = amdahlCurve(comparison, line, end);
    if (curve) sets.push(curve);
  }
  const ideal = cpus <= most ? `ideal, up to ${cpus} CPUs` : 'ideal';
  if (end > 1) sets.push(guide(ideal, [1, end].map((n) => ({ x: n, y: n })), '--quiet', [3, 3]));
  const best = points.reduce((a, b) => (b.speedup > a.speedup ? b : a));
  return {
    title: speedupTitle(comparison, lines),
    note: noteOfFit(sets.some((set) => set.unlisted)),
    label: `Speed-up over serial in the same mode. Highest: ${placeName(best)}` +
      `${best.mode ? `, mode ${best.mode}` : ''}, ${factor(best.speedup)}. ` +
      `Ideal ends at ${counted(cpus, 'CPU')}.`,
    height: 300 + 24 * Math.ceil((lines.length + 1) / 3),
    type: 'line',
    data: { datasets: sets },
    options: {
      scales: {
        x: { ...axis('Workers', { min: 1, max: most }), afterBuildTicks: onlyCounts(counts) },
        y: axis('Speed-up over serial',
          { factor: true, min: 0, suggestedMax: 1.08 * Math.max(end, best.speedup) }),
      },
      plugins: { legend, tooltip: { callbacks: {
        title: (items) => counted(Math.round(items[0].parsed.x), 'worker'),
        label: (item) => `${item.dataset.label}: ${factor(item.parsed.y)}`,
      } } },
    },
    table: {
      columns: [
        { title: 'Executor and mode', cell: lineName },
        ...counts.map((n) => ({ title: counted(n, 'worker'), number: true,
          cell: (line) => factor(line.points.find((a) => a.workers === n)?.speedup) })),
        { title: 'Serial fraction (Amdahl)', number: true,
          cell: (line) => fractionText(fitOf(comparison, line)) },
      ],
      rows: lines,
    },
  };
}

function speedupTitle(comparison, [line]) {
  const { rows, chunks } = aspectsOf(comparison);
  const [a] = line.points;
  const sizes = [rows && `${count(a.rows)} rows`, chunks && `chunks of ${count(a.chunk_rows)}`];
  return ['Speed-up against workers', ...sizes].filter(Boolean).join(', ');
}

function noteOfFit(fitted) {
  return fitted ? 'Finely dotted: Amdahl’s law, as it fits the line of the same colour.' : null;
}

// There are no halves of workers, and counts may lie far apart.
function onlyCounts(counts) {
  return (scale) => {
    scale.ticks = counts.map((value) => ({ value }));
  };
}

function amdahlCurve(comparison, line, most) {
  const fit = fitOf(comparison, line);
  const withOne = line.points.find((a) => a.workers === 1);
  if (!fit || fit.serial_fraction === null || !withOne) return null;
  const points = Array.from({ length: 41 }, (_, i) => 1 + (most - 1) * i / 40)
    .map((n) => ({ x: n, y: amdahlAt(n, fit.serial_fraction, withOne.speedup) }));
  const curve = guide(`Amdahl: ${lineName(line)}`, points, executorColour(line.executor), [1, 4]);
  return { ...curve, unlisted: true };
}

export function fractionText(fit) {
  if (!fit || fit.serial_fraction === null || fit.serial_fraction === undefined) return '–';
  return `${digits(100 * fit.serial_fraction)}\u202f%`;
}

export function reasonOfNoSpeedup(comparison) {
  const { cases } = comparison;
  if (cases.length === 1) return 'A speed-up compares cases, and there is only one.';
  if (!cases.some((a) => a.executor === 'serial'))
    return 'A speed-up is measured against serial, which was not among the executors.';
  if (cases.every((a) => a.executor === 'serial'))
    return 'Only serial was measured, and it has one worker always.';
  return 'A curve wants at least two numbers of workers; the table of cases has the speed-up of each.';
}

// More lines than this cannot be told apart. Of many, those in the mode of the fastest case: of each
// executor the best with one worker and the best with several, which have marks of their own.
const MOST_LINES = 8;

function shownLines(all) {
  if (all.length <= MOST_LINES) return all;
  const last = (line) => median(line.points.at(-1));
  const ranked = [...all].sort((a, b) => last(a) - last(b));
  const rivals = ranked.filter((line) => line.mode === ranked[0].mode);
  const alike = (a, b) => a.executor === b.executor && (a.workers > 1) === (b.workers > 1);
  const best = rivals.filter((line, i) => rivals.findIndex((one) => alike(one, line)) === i);
  return all.filter((line) => best.includes(line));
}

function linesNote(shown, all) {
  if (shown.length === all.length) return null;
  const mode = shown[0].mode ? ` in mode ${shown[0].mode}` : '';
  return `${shown.length} of ${all.length} lines are drawn: of each executor${mode} the fastest with one ` +
    'worker and with several. The table has all.';
}

// Time against rows or chunk_rows, on two logarithmic axes.
export function sweepChart(comparison, along) {
  const all = sweepLines(comparison, along);
  const lines = shownLines(all);
  const points = lines.flatMap((line) => line.points);
  const sizes = points.map((a) => a[along]);
  const aspects = aspectsOf(comparison);
  const what = along === 'rows' ? 'rows' : aspects.map ? 'calls of a chunk' : 'rows of a chunk';
  const best = points.reduce((a, b) => (median(b) < median(a) ? b : a));
  const name = (line) => lineName(line, { workers: true });
  const numbers = [...new Set(sizes)].sort((a, b) => a - b);
  return {
    title: along === 'rows' ? 'Time against rows' : 'Time against the size of a chunk',
    note: linesNote(lines, all),
    label: along === 'rows'
      ? `Median time for ${numbers.map((n) => count(n)).join(', ')} rows; a line for each executor.`
      : `Median time by ${what}. Fastest: ${caseName(best, aspects)}, ${duration(median(best))}.`,
    height: 300 + 24 * Math.ceil(lines.length / 3),
    type: 'line',
    data: { datasets: lines.map((line) => ({
      ...lineSet(line, name(line), line.points.map((a) => ({ x: a[along], y: median(a) }))),
      // One worker is hollow, several are full.
      ...(line.workers > 1 ? {} : { borderWidth: 1.5, backgroundColor: '--panel', pointBorderWidth: 1.5 }),
    })) },
    options: {
      scales: {
        x: axis(`Number of ${what} (logarithmic)`, { log: true, min: numbers[0], max: numbers.at(-1) }),
        y: axis(LOG_TIME, { log: true, duration: true,
          ...logRange(Math.min(...points.map(median)), Math.max(...points.map(median))) }),
      },
      plugins: { legend, tooltip: { callbacks: {
        title: (items) => `${count(items[0].parsed.x)} ${what}`,
        label: (item) => `${item.dataset.label}: ${duration(item.parsed.y)}`,
      } } },
    },
    table: {
      columns: [
        { title: 'Executor and mode', cell: name },
        ...numbers.map((n) => ({ title: count(n), number: true, cell: (line) => {
          const found = line.points.find((a) => a[along] === n);
          return found ? duration(median(found)) : '–';
        } })),
      ],
      rows: all,
    },
  };
}

// ---- all that a comparison has ---------------------------------------------------------------------

// [{test, config, title, reason}]: either a chart, or the reason why there is none. `narrow`: for a
// place as wide as a phone.
export function chartsOf(comparison, { narrow = false } = {}) {
  const aspects = aspectsOf(comparison);
  const charts = [];
  if (aspects.rows) charts.push({ test: 'chart-rows', config: sweepChart(comparison, 'rows') });
  if (aspects.chunks) charts.push({ test: 'chart-chunks', config: sweepChart(comparison, 'chunk_rows') });
  charts.push({ test: 'chart-time', config: timeChart(comparison, { narrow }) });
  const speedup = speedupChart(comparison);
  charts.push({ test: 'chart-speedup', config: speedup, title: 'Speed-up against workers',
    reason: speedup ? null : reasonOfNoSpeedup(comparison) });
  charts.push(...waterfalls(comparison));
  return charts;
}

function waterfalls(comparison) {
  const { decomposition: path, cases, paths = [] } = comparison;
  const title = 'From the slowest to the fastest';
  const first = path && path.factors.length > 0
    ? { config: waterfallChart(comparison, path, `${title}: ${factor(path.ratio)}`) }
    : { title, reason: cases.length === 1 ? 'There is one case, so there is no way from one to another.'
      : 'All cases took the same time, so there is nothing to take apart.' };
  // Where the slowest and the fastest are the ends of such a path too, it is the same one.
  const others = paths.filter((other) => other.factors.length > 0 &&
    (other.from !== path?.from || other.to !== path?.to));
  return [{ test: 'chart-waterfall', ...first }, ...others.map((other) =>
    ({ test: 'chart-path', config: waterfallChart(comparison, other, pathTitle(comparison, other)) }))];
}
