// compare_model.js: what the reply of POST /v1/compare holds, in the order and words in which the
// page and the report show it. Pure functions over the reply.

import { count, factor } from './format.js';
import { executorName, EXECUTORS, MODES } from './stages.js';
import { shownSentence } from './verdict_text.js';

const SPACE = '\u202f';

export function median(a) {
  return a.repeat.median_ns;
}

export function fastest(a) {
  return a.repeat.min_ns ?? Math.min(...a.repeat.samples_ns);
}

export function slowest(a) {
  return a.repeat.max_ns ?? Math.max(...a.repeat.samples_ns);
}

// Which of the settings differ among the cases; names of cases tell only those.
export function aspectsOf(comparison) {
  const { cases } = comparison;
  const differ = (get) => new Set(cases.map(get)).size > 1;
  const alike = new Map();
  for (const a of cases) {
    const key = [a.executor, a.workers, a.mode, a.rows].join(' ');
    alike.set(key, (alike.get(key) || 0) + 1);
  }
  return {
    modes: differ((a) => a.mode),
    rows: differ((a) => a.rows),
    chunks: [...alike.values()].some((n) => n > 1),
    workers: differ((a) => a.workers),
    map: cases.every((a) => a.mode === null),
  };
}

// "threads × 2": executor and workers; serial has one always.
export function placeName(a) {
  const name = executorName(a.executor) + (a.placed ? ` (${a.placed})` : '');
  return a.executor === 'serial' ? name : `${name} ×${SPACE}${a.workers}`;
}

// What sets a case apart beside its place, such as "vector" and "1,000 rows".
export function detailsOf(a, aspects) {
  return [
    aspects.modes && a.mode,
    aspects.rows && `${count(a.rows)}${SPACE}rows`,
    aspects.chunks && `chunks of ${count(a.chunk_rows)}`,
  ].filter(Boolean);
}

export function caseName(a, aspects) {
  return [placeName(a), ...detailsOf(a, aspects)].join(' · ');
}

// Groups of what lies next to each other: mode, then sizes, then executor, then workers.
export function grouped(cases) {
  const rank = (list, value) => (list.indexOf(value) + list.length + 1) % (list.length + 1);
  const keys = (a) => [rank(MODES, a.mode), a.rows, a.chunk_rows, rank(EXECUTORS, a.executor), a.workers];
  return [...cases].sort((a, b) => {
    const x = keys(a);
    const y = keys(b);
    const at = x.findIndex((value, i) => value !== y[i]);
    return at < 0 ? a.case - b.case : x[at] - y[at];
  });
}

// ---- flags -----------------------------------------------------------------------------------------

export function flagsOf(a, comparison) {
  return [comparison.differing.includes(a.case) && 'another result', a.disturbed && 'disturbed'].filter(
    Boolean,
  );
}

// The server's rule: a difference that lies within the spread of the two may be noise.
export function withinSpread(a, b) {
  const [quick, slow] = median(a) <= median(b) ? [a, b] : [b, a];
  const apart = median(slow) - median(quick);
  if (apart <= 0.005 * median(slow)) return true;
  return apart <= a.repeat.stddev_ns + b.repeat.stddev_ns && fastest(slow) <= median(quick);
}

// ---- speed-up --------------------------------------------------------------------------------------

// The fastest case of those with the most rows.
export function bestOf(cases) {
  const most = Math.max(...cases.map((a) => a.rows));
  return cases.filter((a) => a.rows === most).reduce((a, b) => (median(b) < median(a) ? b : a));
}

// Of several sizes one: the most rows, and of those the chunks of the fastest case.
export function oneSize(cases) {
  const best = bestOf(cases);
  const seen = new Set();
  return cases.filter((a) => {
    const key = [a.executor, a.workers, a.mode].join(' ');
    if (a.rows !== best.rows || a.chunk_rows !== best.chunk_rows || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

// [{executor, mode, points: [case…]}], a line for each executor and mode, serial left out.
export function workerLines(comparison) {
  return lines(
    oneSize(comparison.cases).filter((a) => a.executor !== 'serial'),
    (a) => [a.executor, a.mode],
    (a) => a.workers,
  );
}

// Cases that are alike in `same`, as lines in the order of `along`.
export function lines(cases, same, along) {
  const found = new Map();
  for (const a of cases) {
    const key = same(a).join(' ');
    if (!found.has(key))
      found.set(key, { executor: a.executor, mode: a.mode, workers: a.workers, points: [] });
    found.get(key).points.push(a);
  }
  const all = [...found.values()];
  all.forEach((line) => line.points.sort((a, b) => along(a) - along(b)));
  return all;
}

// The fit that belongs to a line of workerLines; undefined: there is none.
export function fitOf(comparison, line) {
  const { rows, chunk_rows: chunk } = line.points[0];
  const fits = comparison.amdahl.filter(
    (fit) =>
      fit.executor === line.executor &&
      fit.mode === line.mode &&
      (fit.rows === undefined || fit.rows === rows),
  );
  // A fit names the chunk setting, a case the chunk that came of it; 0 is "chosen".
  return (
    fits.find((fit) => fit.chunk_rows === undefined || fit.chunk_rows === chunk) ||
    fits.find((fit) => fit.chunk_rows === 0)
  );
}

// The speed-up that Amdahl's law gives n workers, over what the line's is measured against.
export function amdahlAt(n, fraction, withOne) {
  return withOne / (fraction + (1 - fraction) / n);
}

// Why there is no fit, each reason once.
export function fitReasons(comparison) {
  return [
    ...new Set(comparison.amdahl.filter((fit) => fit.serial_fraction === null).map((fit) => fit.reason)),
  ];
}

// ---- steps -----------------------------------------------------------------------------------------

const GAINS = {
  'row object': ['no row object', 'row object'],
  vectorisation: ['vectorisation', 'no vectorisation'],
  shipping: ['shipping', 'no shipping'],
  lock: ['lock (emulated)', 'no lock (emulated)'],
  crossing: ['pool thread', 'serial\u2019s thread'],
  'chunk size': ['chunk size', 'chunk size'],
};

// What changes from case to case, in the direction that is gone.
function changeOf(name, from, to) {
  if (name === 'parallel workers') return `${from.workers} → ${to.workers} workers`;
  if (name === 'chunk size') return `chunks of ${count(from.chunk_rows)} → ${count(to.chunk_rows)}`;
  const places = { shipping: ['processes', 'dask'], lock: ['gil'], crossing: ['threads'] };
  const back = places[name]
    ? !places[name].includes(to.executor)
    : MODES.indexOf(from.mode) > MODES.indexOf(to.mode);
  return GAINS[name] ? GAINS[name][back ? 1 : 0] : name;
}

// The steps of a path (the decomposition, or one of `paths`), ready to be drawn:
// {name, from, to, factor, loss, measured, reason, noise}.
export function stepsOf(comparison, path) {
  return path.factors.map((step) => {
    const from = comparison.cases[step.from];
    const to = comparison.cases[step.to];
    const names = step.step.split(/, | and /).map((name) => changeOf(name, from, to));
    return {
      name: names.join(' + '),
      names,
      from,
      to,
      factor: step.factor,
      shown: factor(step.factor),
      loss: step.factor < 1,
      measured: step.measured,
      reason: step.reason || null,
      noise: withinSpread(from, to),
    };
  });
}

// ---- sizes -----------------------------------------------------------------------------------------

// Lines of time against rows, or chunk rows: {title parts, points}; fixed is what they do not vary.
export function sweepLines(comparison, along) {
  const { cases } = comparison;
  const most = Math.max(...cases.map((a) => a.rows));
  if (along === 'chunk_rows')
    return lines(
      cases.filter((a) => a.rows === most),
      (a) => [a.executor, a.workers, a.mode],
      (a) => a.chunk_rows,
    );
  const seen = new Set();
  const first = cases.filter((a) => {
    const key = [a.executor, a.workers, a.mode, a.rows].join(' ');
    return !seen.has(key) && seen.add(key);
  });
  return lines(
    first,
    (a) => [a.executor, a.workers, a.mode],
    (a) => a.rows,
  );
}

// ---- the verdict -----------------------------------------------------------------------------------

export function isCaution(sentence) {
  return /^Caution: |^The results are not identical|^Of the \d+ calls/.test(sentence);
}

// {headline, sentences, cautions, origin}: the server's first sentence leads; the last says whose
// figures these are.
export function verdictOf(comparison) {
  const [headline, ...others] = comparison.verdict.map(shownSentence);
  const origin = others.find((text) => /^These are figures of this service/.test(text)) ?? null;
  const rest = others.filter((text) => text !== origin);
  return {
    headline,
    sentences: rest.filter((text) => !isCaution(text)),
    cautions: rest.filter(isCaution),
    origin,
  };
}

// In one line what was measured: "21 cases, 5 samples each, 100,000 rows".
export function extentOf(comparison) {
  const { cases, workload } = comparison;
  const runs = cases[0]?.repeat.runs ?? 0;
  const what = aspectsOf(comparison).map ? 'calls' : 'rows';
  return (
    `${count(cases.length)} ${cases.length === 1 ? 'case' : 'cases'}, ` +
    `${count(runs)} ${runs === 1 ? 'sample' : 'samples'} each, ${count(workload.rows)} ${what}`
  );
}
