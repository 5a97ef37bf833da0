// compare_parts.js: colours and ranges that all charts of a comparison share.

import { pattern } from './charts.js';

// The longest label, in characters, that stands in one line beside bars.
export const LINE_CHARS = { narrow: 27, wide: 60, step: 22 };

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

// Room on a logarithmic axis for values from `low` to `high`: bars begin at its lower end.
export function logRange(low, high) {
  return { min: stepBelow(Math.max(low, 1) * 0.8), max: high * 1.12 };
}
