// timeline_parts.js: the elements of a timeline.

import { h, newId } from './dom.js';
import { count, counted, duration, percent } from './format.js';
import { executorName, explained } from './stages.js';
import { swatch } from './ledger.js';
import { LANE_HEIGHT } from './timeline_draw.js';
import { summaryTable } from './timeline_text.js';

const LANES_AT_ONCE = 11;  // that fit into the chart's box (run.css)

const button = (test, label, text) =>
  h('button', { type: 'button', class: 'quiet', dataset: { test }, 'aria-label': label, title: label }, text);

// Elements by name; `help` is what the readout says at rest.
export function makeElements(model, run) {
  const helpId = newId('timeline-help');
  const lanes = model.lanes.length;
  const axis = h('canvas', { class: 'timeline-axis', 'aria-hidden': 'true' });
  const canvas = h('canvas', { class: 'timeline-canvas', tabindex: '0', role: 'application',
    'aria-roledescription': 'timeline', 'aria-describedby': helpId, dataset: { test: 'timeline-canvas' },
    'aria-label': `${counted(model.blocks, 'chunk')} on ${counted(lanes - 1, 'worker')} ` +
      `in ${duration(model.end)}. The table below says the same.`,
    style: { height: `${lanes * LANE_HEIGHT}px` } });
  const zoomIn = button('zoom-in', 'Zoom in', '+');
  const zoomOut = button('zoom-out', 'Zoom out', '\u2212');
  const reset = button('zoom-reset', 'Show all', 'Show all');
  const fit = button('zoom-chunks', 'Show the time of the chunks', 'Chunks');
  const range = h('span', { class: 'quiet timeline-range' });
  const tip = h('div', { class: 'timeline-tip', 'aria-hidden': 'true', hidden: true,
    dataset: { test: 'timeline-tip' } });
  const wheelHint = h('div', { class: 'timeline-hint', 'aria-hidden': 'true', hidden: true,
    dataset: { test: 'timeline-hint' } }, 'Click the chart first, or hold Ctrl, to zoom with the wheel.');
  const readout = h('p', { class: 'timeline-readout', dataset: { test: 'timeline-readout' } });
  const plot = h('div', { class: 'timeline-plot' }, axis, canvas, wheelHint);
  const element = h('div', { class: 'timeline',
    dataset: { test: 'timeline', blocks: model.blocks, lanes } },
    h('div', { class: 'timeline-head' }, legend(model), range,
      h('div', { class: 'actions timeline-zoom', role: 'group', 'aria-label': 'Zoom' },
        zoomOut, zoomIn, fit, reset)),
    h('div', { class: 'timeline-box' },
      h('div', { class: 'timeline-labels' },
        h('div', { class: 'timeline-corner' }, executorName(run.executor),
          h('span', { class: 'roomy' }, `, ${counted(lanes - 1, 'worker')}`)),
        model.lanes.map((lane) => laneLabel(lane, run))), plot),
    tip, readout, notes(model, run),
    h('p', { id: helpId, class: 'unseen' }, 'Arrow keys go from block to block and from lane to lane; ' +
      'with Shift, left and right move the view. Plus and minus zoom, Home shows all.'),
    summaryTable(model, run));
  const help = 'Point at a block, or reach it with the arrow keys, for its exact times.';
  return { element, axis, canvas, tip, wheelHint, readout, range, zoomIn, zoomOut, fit, reset, help };
}

function legend(model) {
  return h('ul', { class: 'timeline-legend' },
    model.stages.map((stage) => h('li', null, swatch(stage), explained(stage))),
    h('li', null, h('i', { class: 'swatch idle', 'aria-hidden': 'true' }), explained('idle')));
}

function laneLabel(lane, run) {
  if (lane.kind === 'request') {
    return h('div', { class: 'timeline-label', dataset: { test: 'timeline-lane' } },
      h('b', null, 'request'), h('span', null, 'its ledger'));
  }
  const pids = lane.host ? `on ${lane.host}` : pidsOf(lane);
  const share = lane.idleShare === null ? '' : `idle ${percent(lane.idleShare, 1)}`;
  const idle = share && lane.n === 0 ? `no chunk, ${share}` : share;
  return h('div', { class: 'timeline-label', dataset: { test: 'timeline-lane', worker: lane.worker },
    title: [`${executorName(run.executor)} worker ${lane.worker}`, pids,
      idle && `${idle} of the time between the first chunk’s start and the last one’s end`]
      .filter(Boolean).join(', ') },
    h('span', null, h('b', null, `worker ${lane.worker}`), ' ', h('span', { class: 'pid' }, pids)),
    share && h('span', null, lane.n === 0 && h('span', { class: 'roomy' }, 'no chunk, '), share));
}

// Of a worker that got no chunk the record knows no process.
function pidsOf({ pids }) {
  if (pids.length === 0) return '';
  return pids.length > 1 ? `pids ${pids.join(', ')}` : `pid ${pids[0]}`;
}

// What the chart cannot show is said under it.
function notes(model, run) {
  const said = [];
  const total = run.total_chunks ?? model.blocks;
  const ended = Boolean(run.ended) && (run.workers || []).length > 0;
  const done = ended ? run.workers.reduce((sum, worker) => sum + worker.chunks, 0) : total;
  if (done < total)
    said.push(`${count(done)} of ${count(total)} chunks had been computed when it ${run.ended}.`);
  if (done > model.blocks)
    said.push(`The first ${count(model.blocks)} of ${count(done)} chunks are listed and shown.`);
  if (model.lanes.length > LANES_AT_ONCE)
    said.push(`Scroll the lanes to see all ${count(model.lanes.length - 1)} workers.`);
  if (run.repeat > 1)
    said.push(`The work ran ${run.repeat} times; the chunks are those of the last time.`);
  if (model.remote)
    said.push('Several chunks are under way to a worker of the cluster at once; of each the lane shows what was not ' +
      'hidden behind those before it. A fetch ends there where the next chunk begins to be computed.');
  said.push('Stages alternate in truth; here each has its sum, end to end, in a chunk as in the request’s ' +
    'ledger. So a chunk need not lie exactly under “execute”.');
  return h('p', { class: 'quiet timeline-notes' }, said.join(' '));
}
