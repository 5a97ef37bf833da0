// timeline_text.js: the blocks of a timeline in words: tooltip, readout, and a table for each worker.

import { h, put, table } from './dom.js';
import { count, duration, exactNs, nothing, percent } from './format.js';
import { explained } from './stages.js';
import { swatch } from './ledger.js';
import { busyNs, stagesOfBlock } from './timeline_model.js';

// [{stage, ns}] of a block of any lane.
export function blockParts(model, lane, block) {
  return lane.kind === 'request' ? [lane.parts[block]] : stagesOfBlock(model, lane, block);
}

export function blockTitle(lane, block) {
  const start = exactNs(lane.start[block]);
  const ns = exactNs(lane.end[block] - lane.start[block]);
  if (lane.kind === 'request') return `Request, ${lane.parts[block].stage}: ${ns}.`;
  const chunk = lane.chunks[block];
  return `Chunk ${count(chunk.chunk)}, ${rowsOf(chunk, lane.piece)}, worker ${placeOf(lane, chunk)}: ` +
    `starts at ${start}, takes ${ns}:`;
}

function placeOf(lane, chunk) {
  return lane.host ? `${chunk.worker} on ${lane.host}` : `${chunk.worker}, pid ${chunk.pid}`;
}

function rowsOf(chunk, piece) {
  return chunk.rows === 1
    ? `${piece} ${count(chunk.first_row)}`
    : `${piece}s ${count(chunk.first_row)}\u2013${count(chunk.first_row + chunk.rows - 1)}`;
}

export function fillTip(tip, model, lane, block) {
  const facts = [];
  if (lane.kind === 'request') facts.push(['stage', lane.parts[block].stage]);
  else {
    const chunk = lane.chunks[block];
    facts.push(['worker', placeOf(lane, chunk)], ['starts', exactNs(chunk.start_ns)]);
  }
  const total = lane.end[block] - lane.start[block];
  put(tip,
    h('b', null, lane.kind === 'request' ? 'request' : `chunk ${count(lane.chunks[block].chunk)}, ` +
      rowsOf(lane.chunks[block], lane.piece)),
    h('dl', null, facts.map(([name, value]) => [h('dt', null, name), h('dd', null, value)]),
      lane.kind === 'worker' && blockParts(model, lane, block).map((part) => [
        h('dt', null, swatch(part.stage), part.stage), h('dd', null, exactNs(part.ns))]),
      h('dt', null, 'takes'), h('dd', null, h('b', null, exactNs(total)))));
}

// ---- a table for who does not see the chart --------------------------------------------------------

export function summaryTable(model, run) {
  const lanes = model.lanes.filter((lane) => lane.kind === 'worker');
  const span = Math.max(0, model.busyTo - model.busyFrom);
  const repeated = run.repeat > 1 ? `, all ${run.repeat} times` : '';
  const columns = [
    { title: 'Worker', number: true, cell: (lane) => String(lane.worker) },
    model.remote
      ? { title: 'Host', cell: (lane) => lane.host || nothing }
      : { title: 'pid', number: true, cell: (lane) => lane.pids.join(', ') || nothing },
    { title: 'Chunks', number: true, cell: (lane) => count(lane.n) },
    { title: 'With a chunk', number: true, cell: (lane) => duration(busyNs(lane)) },
    { title: 'Idle', number: true, cell: (lane) => lane.idleShare === null ? duration(null)
      : `${duration(lane.idleShare * span)} (${percent(lane.idleShare, 1)})` },
    { title: 'Processor time' + repeated, number: true,
      cell: (lane) => duration(lane.timing ? lane.timing.cpu_ns : null) },
    ...model.stages.map((stage, s) => ({ title: explained(stage), number: true,
      cell: (lane) => h('span', { title: exactNs(lane.sums[s][lane.n]) }, duration(lane.sums[s][lane.n])) })),
  ];
  return h('details', { class: 'timeline-table', dataset: { test: 'timeline-table' } },
    h('summary', null, 'Show as table'), table('What each worker did with the chunks shown', columns, lanes));
}
