// ledger.js: where the time of a request went, as one bar that sums to its wall time.
//
// Both forms of a ledger are taken: the list's {stage: ns} and the run document's
// [{stage, ns}] beside unaccounted_ns. What no stage claims is always shown, as "unaccounted".
//
// For tests: "ledger" (data-sum-ns, data-wall-ns), "ledger-part" (data-stage, data-ns),
// "ledger-readout" (the exact time of the part under the pointer or the keys).

import { h, table, say } from './dom.js';
import { duration, exactNs, percent } from './format.js';
import { LEDGER, hint } from './stages.js';

// [{stage, ns}] in the order of the stages, with unaccounted, without those that took no time.
// The times sum to wallNs if the ledger does; what is missing is counted as unaccounted.
export function ledgerParts(ledger, wallNs, unaccounted) {
  const times = new Map(Array.isArray(ledger)
    ? ledger.map((entry) => [entry.stage, entry.ns])
    : Object.entries(ledger || {}));
  if (!times.has('unaccounted')) {
    const claimed = [...times.values()].reduce((sum, ns) => sum + ns, 0);
    times.set('unaccounted', unaccounted ?? Math.max(0, wallNs - claimed));
  }
  const known = LEDGER.filter((stage) => times.has(stage));
  const others = [...times.keys()].filter((stage) => !LEDGER.includes(stage));
  return [...known, ...others]
    .map((stage) => ({ stage, ns: times.get(stage) }))
    .filter((part) => part.ns > 0 || part.stage === 'unaccounted');
}

// Shares of one whole have the same digits, so that they sum as they read.
function shareOf(ns, wallNs) {
  const share = wallNs > 0 ? ns / wallNs : 0;
  return percent(share, 1);
}

export function sumOf(parts) {
  return parts.reduce((sum, part) => sum + part.ns, 0);
}

function stageColour(stage) {
  return `var(--stage-${stage})`;
}

export function swatch(stage) {
  return h('i', { class: 'swatch', 'aria-hidden': 'true', style: { background: stageColour(stage) } });
}

// A bar of parts, as wide as its box times `share`, true to scale. With `slivers` a part that would be
// thinner than a hair keeps some pixels: only where the bar is long and the exact times stand below it.
export function stageBar(parts, { share = 1, whole, label, slivers = false } = {}) {
  const sum = Math.max(1, sumOf(parts));
  const segments = parts.filter((part) => part.ns > 0).map((part) => h('span', {
    class: 'ledger-part',
    dataset: { test: 'ledger-part', stage: part.stage, ns: part.ns },
    title: `${part.stage}: ${exactNs(part.ns)} (${shareOf(part.ns, whole || sum)})`,
    style: { 'flex-grow': 1000 * part.ns / sum, background: stageColour(part.stage) },
  }));
  return h('span', { class: slivers ? 'ledger-bar slivers' : 'ledger-bar', role: 'img', 'aria-label': label,
    style: { width: `${100 * Math.min(1, share)}%` } }, segments);
}

export function inWords(parts, wallNs) {
  return parts.map((part) => `${part.stage} ${duration(part.ns)} (${shareOf(part.ns, wallNs)})`).join(', ');
}

// ---- the bar with its legend -----------------------------------------------------------------------

// The bar of one request. compact: the bar alone, for rows of a list. Otherwise its legend stands
// below it, and the exact time of a part is read out when the part is pointed at or reached with
// the arrow keys.
export function ledgerBar(ledger, wallNs, { compact = false, unaccounted } = {}) {
  const parts = ledgerParts(ledger, wallNs, unaccounted);
  const sum = sumOf(parts);
  const bar = stageBar(parts, { whole: wallNs, slivers: !compact,
    label: `${duration(wallNs)} of wall time: ${inWords(parts, wallNs)}` });
  const element = h('div', { class: compact ? 'ledger compact' : 'ledger',
    dataset: { test: 'ledger', sumNs: sum, wallNs } }, bar);
  if (compact) return element;
  const readout = h('p', { class: 'ledger-readout quiet', dataset: { test: 'ledger-readout' } });
  const legend = h('ul', { class: 'ledger-legend' }, parts.map((part) => legendItem(part, wallNs)));
  element.append(legend, readout);
  readOutParts({ bar, legend, readout, parts, wallNs });
  return element;
}

function legendItem({ stage, ns }, wallNs) {
  return h('li', { dataset: { stage } }, swatch(stage),
    h('span', { class: 'explained' }, stage, hint(stage)),
    h('b', { title: exactNs(ns) }, duration(ns)),
    h('span', { class: 'quiet' }, shareOf(ns, wallNs)));
}

// Pointing at a part of the bar or at its place in the legend marks both and says the exact time;
// the bar is one stop of the Tab key, and the arrow keys go from part to part.
function readOutParts({ bar, legend, readout, parts, wallNs }) {
  const atRest = `Together ${exactNs(sumOf(parts))}, the wall time of the request.`;
  const segments = [...bar.children];
  let reached = -1;
  const show = (stage, spoken) => {
    readout.setAttribute('aria-live', spoken ? 'polite' : 'off');
    for (const node of [...segments, ...legend.children])
      node.classList.toggle('marked', node.dataset.stage === stage);
    const part = parts.find((one) => one.stage === stage);
    say(readout, part
      ? `${stage}: ${exactNs(part.ns)}, ${shareOf(part.ns, wallNs)} of the wall time.` : atRest);
  };
  for (const node of [bar, legend]) {
    node.addEventListener('pointerover', (event) => {
      const marked = event.target.closest('[data-stage]');
      show(marked ? marked.dataset.stage : null, false);
    });
    node.addEventListener('pointerleave', () => show(null, false));
  }
  bar.tabIndex = 0;
  bar.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -segments.length, End: segments.length }[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    reached = Math.max(0, Math.min(segments.length - 1, reached + step));
    show(segments[reached]?.dataset.stage, true);
  });
  bar.addEventListener('blur', () => {
    reached = -1;
    show(null, false);
  });
  show(null, false);
}

// ---- as a table ------------------------------------------------------------------------------------

// Stage, time, exact nanoseconds and share; the last row is the wall time.
export function ledgerTable(ledger, wallNs, { unaccounted, caption = 'The ledger of the request' } = {}) {
  const parts = ledgerParts(ledger, wallNs, unaccounted);
  const rows = [...parts, { stage: null, ns: sumOf(parts) }];
  return table(caption, [
    { title: 'Stage', cell: ({ stage }) => stage
      ? h('span', { class: 'stage-name' }, swatch(stage), stage, hint(stage))
      : h('b', null, 'wall time') },
    { title: 'Time', number: true, cell: ({ ns }) => duration(ns) },
    { title: 'Exact', number: true, cell: ({ ns }) => exactNs(ns) },
    { title: 'Share', number: true, cell: ({ ns }) => shareOf(ns, wallNs) },
  ], rows);
}
