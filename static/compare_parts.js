// compare_parts.js: colours and ranges that all charts of a comparison share.

import { axis, pattern } from './charts.js';

// The longest label, in characters, that stands in one line beside bars.
export const LINE_CHARS = { narrow: 27, wide: 32, step: 22 };

export function executorColour(executor) {
  return `--executor-${executor === 'auto' ? 'serial' : executor}`;
}

export function executorFill(executor) {
  return executor === 'gil' ? pattern('--executor-gil') : executorColour(executor);
}

// The next of 1, 2, 5, 10 … at or below x.
function stepBelow(x) {
  const power = 10 ** Math.floor(Math.log10(x));
  return power * ([5, 2].find((step) => step * power <= x) ?? 1);
}

// From this ratio of longest to shortest on, short bars could not be told apart on a linear axis.
const LOG_ABOVE = 10;

// Options of the axis of bars that stand for the times from `least` to `most`, with marks from `low` to
// `high`. A linear one begins at zero, so that twice as long is twice as slow.
export function timeAxis(least, most, low = least, high = most) {
  if (most <= LOG_ABOVE * least) return axis('Time of one run', { duration: true, min: 0 });
  return axis(LOG_TIME, { duration: true, log: true, ...logRange(low, high) });
}

export const LOG_TIME = 'Time of one run (logarithmic)';

// Room on a logarithmic axis for values from `low` to `high`: bars begin at its lower end.
export function logRange(low, high) {
  return { min: stepBelow(Math.max(low, 1) * 0.8), max: high * 1.12 };
}
