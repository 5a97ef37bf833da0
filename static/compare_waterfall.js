// compare_waterfall.js: the chart that takes a ratio apart: from case to case, each step a bar. A large
// ratio is drawn on a logarithmic axis, on which equal factors are equally long.

import { pattern } from './charts.js';
import { counted, duration, factor } from './format.js';
import { executorColour, executorFill, timeAxis, LINE_CHARS } from './compare_parts.js';
import { aspectsOf, caseName, detailsOf, median, placeName, stepsOf } from './compare_model.js';

// In one line if it leaves room for the bars on a phone, else one line each.
function lineBreaks(texts, between) {
  const line = texts.join(between);
  return line.length <= LINE_CHARS.step ? [line] : texts;
}

function stepLines(step) {
  const doubt = !step.measured ? ['not measured apart'] : step.noise ? ['within the spread'] : [];
  const lost = step.loss && step.shown !== factor(1) ? ' lost' : '';
  return [...lineBreaks(step.names, ' + '), step.shown + lost, ...doubt];
}

function stepFill(step) {
  const colour = step.loss ? '--bad' : '--good';
  return step.measured ? colour : pattern(colour);
}

// From case to case along a path, each step a bar from the time before it to the time after it.
export function waterfallChart(comparison, path, title) {
  const aspects = aspectsOf(comparison);
  const steps = stepsOf(comparison, path);
  const from = comparison.cases[path.from];
  const to = comparison.cases[path.to];
  const times = [median(from), ...steps.map((step) => median(step.to))];
  const end = (a) => [placeName(a), ...lineBreaks([...detailsOf(a, aspects), duration(median(a))], ' · ')];
  const x = timeAxis(Math.min(...times), Math.max(...times));
  const log = x.type === 'logarithmic';
  const labels = [end(from), ...steps.map(stepLines), end(to)];
  const names = [caseName(from, aspects), ...steps.map((step) => step.name), caseName(to, aspects)];
  return {
    title,
    note: 'Each step’s bar runs from the time before it to the time after it' +
      (log ? '; the axis is logarithmic, so equal factors are equally long.' : '.') +
      (steps.some((step) => !step.measured) ? ' Hatched: changes that were not measured apart.' : ''),
    label: `From ${caseName(from, aspects)}, ${duration(median(from))}, to ${caseName(to, aspects)}, ` +
      `${duration(median(to))}: ${factor(path.ratio)}, the product of ` +
      `${steps.map((step) => `${step.shown} ${step.name}`).join(', ')}.`,
    height: 70 + (14 + 15 * Math.max(...labels.map((lines) => lines.length))) * labels.length,
    type: 'bar',
    data: {
      labels,
      datasets: [{
        label: 'Time',
        data: [[x.min, median(from)],
          ...steps.map((step) => [median(step.from), median(step.to)].sort((a, b) => a - b)),
          [x.min, median(to)]],
        backgroundColor: [executorFill(from.executor), ...steps.map(stepFill), executorFill(to.executor)],
        borderColor: [executorColour(from.executor), ...steps.map((step) => (step.loss ? '--bad' : '--good')),
          executorColour(to.executor)],
        borderWidth: 1, borderSkipped: false, barPercentage: 0.7, categoryPercentage: 0.9,
        maxBarThickness: 30, minBarLength: 2,
      }],
    },
    options: {
      indexAxis: 'y',
      interaction: { mode: 'index', axis: 'y', intersect: false },
      scales: {
        x,
        y: { grid: { display: false }, ticks: { autoSkip: false } },
      },
      plugins: {
        legend: { display: false },
        tooltip: { callbacks: {
          title: (items) => names[items[0].dataIndex],
          label: (item) => stepText(steps[item.dataIndex - 1], item.dataIndex === 0 ? from : to),
        } },
      },
    },
    table: stepTable(steps, aspects),
  };
}

function stepText(step, end) {
  if (!step) return duration(median(end));
  return `${step.shown}: from ${duration(median(step.from))} to ${duration(median(step.to))}`;
}

function stepTable(steps, aspects) {
  return {
    columns: [
      { title: 'Step', cell: (step) => step.name },
      { title: 'Factor', number: true, cell: (step) => step.shown },
      { title: 'From', cell: (step) => `${caseName(step.from, aspects)}, ${duration(median(step.from))}` },
      { title: 'To', cell: (step) => `${caseName(step.to, aspects)}, ${duration(median(step.to))}` },
      { title: 'Note', cell: noteOf },
    ],
    rows: steps,
  };
}

function noteOf(step) {
  const notes = [step.loss && 'lost', !step.measured && `not measured apart: ${step.reason}`,
    step.noise && 'within the spread'];
  return notes.filter(Boolean).join('; ') || '–';
}

// The title of one of the reply's `paths`.
export function pathTitle(comparison, path) {
  const to = comparison.cases[path.to];
  return `Why ${factor(path.ratio)} with ${counted(to.workers, 'worker')}, from row objects to processes`;
}
