// verdict_text.js: the server's sentences on a comparison with their figures as the page writes them
// everywhere, and the case that they recommend.

import { counted, duration, factor, grouped } from './format.js';
import { executorName } from './stages.js';

const UNITS = { ns: 1, 'µs': 1e3, ms: 1e6, s: 1e9 };
// The work's own text, which may hold anything: it leads the first sentence.
const WORK = /^For .* over [\d,]+ (?:row|call)s? (?=choose |the fastest )/s;

// "x2" as "×2.00", "20 ms" as "20.0 ms": a figure has the same digits in a sentence, a chart and a table.
export function shownSentence(text) {
  const work = WORK.exec(text)?.[0] ?? '';
  return work + grouped(text.slice(work.length))
    .replace(/(^|[\s(])x(\d+(?:\.\d+)?)(?![\w.]*\w)/g, (whole, before, x) => before + factor(Number(x)))
    .replace(/(^|[\s(])(\d+(?:\.\d+)?) (ns|µs|ms|s)\b/g, (whole, before, x, unit) =>
      before + duration(Number(x) * UNITS[unit]));
}

// The case to choose, or null: the server recommends none, or is too old to say which.
export function chosenOf({ cases, choice }) {
  return cases.find((a) => a.case === choice) ?? null;
}

// "threads with 2 workers"; serial has one always.
export function placeWords(a) {
  const name = executorName(a.executor);
  return a.executor === 'serial' ? name : `${name} with ${counted(a.workers, 'worker')}`;
}
