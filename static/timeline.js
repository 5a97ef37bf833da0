// timeline.js: what each worker did when, one lane a worker, with zoom and pan.
//
//   const {element, destroy} = timeline({chunks, executor, workers, wall_ns, ledger});
//   const {element, destroy} = timelineOf(run);   // a run document
//
// workers: timing.workers of the run document. Optional: worker_count (each has a lane, also who got no
// chunk), unaccounted_ns, total_chunks (of which the listed ones may be fewer), repeat (how many times
// the run was repeated; the last is shown), piece (what a chunk has many of: 'row' or 'call'), ended
// (why chunks are missing: 'was cancelled', 'failed').
//
// For tests: "timeline" (data-blocks, data-lanes, data-first-draw-ms, data-view-from-ns,
// data-view-to-ns), "timeline-canvas", "timeline-lane" (data-worker), "timeline-readout", "zoom-in",
// "zoom-out", "zoom-reset", "zoom-chunks", "timeline-tip", "timeline-hint", "timeline-table".

import { stagesShown } from './account.js';
import { say } from './dom.js';
import { duration, exactNs } from './format.js';
import { onThemeChange } from './theme.js';
import { layOut, ticksOf } from './timeline_model.js';
import { AXIS_HEIGHT, LANE_HEIGHT, drawAxis, drawLanes, fitCanvas, paletteOf } from './timeline_draw.js';
import { makeElements } from './timeline_parts.js';
import { steer } from './timeline_steer.js';
import { blockParts, blockTitle } from './timeline_text.js';

const LEAST_VIEW = 100;   // ns
const TICK_ROOM = 96;     // px a tick

export function timelineOf(run) {
  const { timing, execution = {}, error } = run;
  const shown = (one) => ({ ...one, stages: stagesShown(run, one.stages) });
  return timeline({
    chunks: run.chunks.map(shown), executor: run.executor || execution.executor,
    workers: timing.workers.map(shown), worker_count: execution.workers,
    wall_ns: timing.wall_ns, ledger: timing.ledger, unaccounted_ns: timing.unaccounted_ns,
    total_chunks: execution.chunks, repeat: timing.repeat?.runs,
    piece: run.operation === 'map' ? 'call' : 'row',
    ended: error ? (error.code === 'cancelled' ? 'was cancelled' : 'failed') : null,
  });
}

export function timeline(run) {
  const began = performance.now();
  const model = layOut(run);
  const parts = makeElements(model, run);
  const view = makeView(model, parts);
  const letGo = steer(view);
  const plot = parts.canvas.parentElement;
  const watch = new ResizeObserver(() => {
    view.state.width = Math.floor(plot.clientWidth);
    if (parts.element.dataset.firstDrawMs) return view.ask();
    // The first drawing happens at once: a frame later is a frame too late.
    view.draw();
    if (view.state.width > 0) parts.element.dataset.firstDrawMs = (performance.now() - began).toFixed(1);
    return undefined;
  });
  watch.observe(plot);
  const stopTheme = onThemeChange(() => {
    view.state.palette = null;
    view.ask();
  });
  view.read(null);
  return {
    element: parts.element,
    destroy() {
      cancelAnimationFrame(view.state.asked);
      watch.disconnect();
      stopTheme();
      letGo();
    },
  };
}

// What is shown of the model, and how that is changed.
function makeView(model, parts) {
  const state = { from: 0, to: model.end, focus: null, width: 0, palette: null, asked: 0 };
  const view = {
    model, state, parts,
    draw() {
      state.asked = 0;
      if (state.width > 0) drawAll(view);
    },
    ask() {
      state.asked ||= requestAnimationFrame(view.draw);
    },
    // Shows from…to, moved and stretched so that it lies within the run.
    look(from, to) {
      const span = Math.min(model.end, Math.max(LEAST_VIEW, to - from));
      const middle = (from + to) / 2;
      state.from = Math.min(Math.max(0, middle - span / 2), model.end - span);
      state.to = state.from + span;
      view.ask();
    },
    zoom(factor, at = (state.from + state.to) / 2) {
      const span = Math.min(model.end, Math.max(LEAST_VIEW, (state.to - state.from) * factor));
      const share = (at - state.from) / (state.to - state.from);
      view.look(at - share * span, at - share * span + span);
    },
    reset: () => view.look(0, model.end),
    // What the readout says; `spoken` when a key asked for it.
    read(lane, block, spoken) {
      parts.readout.setAttribute('aria-live', spoken ? 'polite' : 'off');
      say(parts.readout, lane === null ? parts.help : sentenceOf(model, lane, block));
    },
  };
  parts.zoomIn.addEventListener('click', () => view.zoom(1 / 2));
  parts.zoomOut.addEventListener('click', () => view.zoom(2));
  parts.reset.addEventListener('click', view.reset);
  parts.fit.addEventListener('click', () => view.look(model.busyFrom, model.busyTo));
  parts.fit.hidden = !(model.busyTo > model.busyFrom);
  return view;
}

function sentenceOf(model, lane, block) {
  const stages = blockParts(model, lane, block).map((part) => `${part.stage} ${exactNs(part.ns)}`);
  return lane.kind === 'request'
    ? blockTitle(lane, block)
    : `${blockTitle(lane, block)} ${stages.join(', ')}.`;
}

function drawAll({ model, state, parts }) {
  state.palette ||= paletteOf(model);
  const frame = { model, ...state, ...ticksOf(state.from, state.to, state.width / TICK_ROOM) };
  drawAxis(fitCanvas(parts.axis, state.width, AXIS_HEIGHT), frame);
  drawLanes(fitCanvas(parts.canvas, state.width, model.lanes.length * LANE_HEIGHT), frame);
  const span = state.to - state.from;
  Object.assign(parts.element.dataset, {
    viewFromNs: Math.round(state.from), viewToNs: Math.round(state.to) });
  say(parts.range, `${duration(span)} shown of ${duration(model.end)}`);
  parts.zoomOut.disabled = parts.reset.disabled = span >= model.end;
  parts.zoomIn.disabled = span <= LEAST_VIEW;
}
