// timeline_draw.js: paints the lanes of timeline_model.js on canvases.
//
// A block of a pixel or more shows its stages side by side. Where blocks are thinner, each column of
// a pixel is a small stack: as high as the share of its time that was worked, in the stages' colours.

import { duration } from './format.js';
import { firstEndingAfter, firstStartingAt } from './timeline_model.js';
import { colour } from './stages.js';

export const AXIS_HEIGHT = 26;
export const LANE_HEIGHT = 46;
const STRIP = 15;         // above the blocks of a lane: their names, where there is room
const PAD = 4;            // below them
const LEAST_TEXT = 46;    // px, a block that has a name

// The colours of the present theme, asked for once.
export function paletteOf(model) {
  const names = [...model.stages, ...model.lanes[0].parts.map((part) => part.stage)];
  const stage = Object.fromEntries(names.map((name) =>
    [name, colour(`--stage-${name}`) || colour('--quiet')]));
  return {
    stage,
    text: colour('--text'), quiet: colour('--quiet'), line: colour('--line'),
    idle: colour('--idle'), panel: colour('--panel'),
    font: getComputedStyle(document.body).fontFamily,
  };
}

// Sizes a canvas for the screen's pixels; returns its context in CSS pixels.
export function fitCanvas(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, hgt] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== hgt) canvas.height = hgt;
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// frame: {model, palette, width, from, to, focus: {lane, block} | null, ticks}.
export function drawAxis(context, frame) {
  const { palette, width, ticks } = frame;
  context.font = `12px ${palette.font}`;
  context.textBaseline = 'middle';
  context.fillStyle = palette.quiet;
  let free = -Infinity;
  for (const tick of ticks) {
    const x = xOf(frame, tick.ns);
    const half = context.measureText(tick.text).width / 2;
    const at = Math.min(Math.max(x, half), width - half);
    if (at - half < free) continue;
    context.fillText(tick.text, at - half, AXIS_HEIGHT / 2 - 2);
    context.fillRect(Math.round(x), AXIS_HEIGHT - 5, 1, 5);
    free = at + half + 8;
  }
}

export function drawLanes(context, frame) {
  const { model, palette, width, ticks, focus } = frame;
  context.textBaseline = 'middle';
  model.lanes.forEach((lane, number) => {
    const top = number * LANE_HEIGHT;
    drawGround(context, frame, lane, top);
    context.fillStyle = palette.line;
    for (const tick of ticks)
      context.fillRect(Math.round(xOf(frame, tick.ns)), top + STRIP, 1, LANE_HEIGHT - STRIP);
    context.fillRect(0, top + LANE_HEIGHT - 1, width, 1);
    drawLane(context, frame, lane, top);
  });
  if (focus) outline(context, frame, focus);
}

// Where a worker could have had a chunk: from the start of the first to the end of the last of any
// worker. Before and after, the lane is blank, so that what is seen as idle is what is counted as idle.
function drawGround(context, frame, lane, top) {
  const { model, palette, width } = frame;
  if (lane.kind !== 'worker' || !(model.busyTo > model.busyFrom)) return;
  context.fillStyle = palette.idle;
  fillBetween(context, frame, xOf(frame, model.busyFrom), xOf(frame, model.busyTo), top + STRIP,
    LANE_HEIGHT - STRIP - PAD);
  if (lane.n > 0 || frame.to <= model.busyFrom || frame.from >= model.busyTo) return;
  context.font = `12px ${palette.font}`;
  context.fillStyle = palette.quiet;
  const text = 'no chunk';
  const [left, right] = [model.busyFrom, model.busyTo]
    .map((ns) => Math.min(width, Math.max(0, xOf(frame, ns))));
  if (context.measureText(text).width + 16 < right - left)
    context.fillText(text, left + 8, top + STRIP + (LANE_HEIGHT - STRIP - PAD) / 2);
}

export function xOf(frame, ns) {
  return (ns - frame.from) / (frame.to - frame.from) * frame.width;
}

export function nsAt(frame, x) {
  return frame.from + x / frame.width * (frame.to - frame.from);
}

function drawLane(context, frame, lane, top) {
  const perPixel = (frame.to - frame.from) / frame.width;
  let i = firstEndingAfter(lane, frame.from);
  while (i < lane.n && lane.start[i] < frame.to) {
    if (lane.end[i] - lane.start[i] >= perPixel || lane.kind === 'request') {
      drawBlock(context, frame, lane, i, top);
      i += 1;
    } else {
      i = drawColumn(context, frame, lane, i, top, perPixel);
    }
  }
}

// ---- a block ---------------------------------------------------------------------------------------

function drawBlock(context, frame, lane, i, top) {
  const { palette, model } = frame;
  const y = top + STRIP;
  const height = LANE_HEIGHT - STRIP - PAD;
  const left = xOf(frame, lane.start[i]);
  const right = xOf(frame, lane.end[i]);
  if (lane.kind === 'request') {
    context.fillStyle = palette.stage[lane.parts[i].stage];
    fillBetween(context, frame, left, Math.max(right, left + 1), y, height);
  } else {
    let x = left;
    for (let s = 0; s < model.stages.length; s++) {
      const ns = lane.sums[s][i + 1] - lane.sums[s][i];
      if (ns === 0) continue;
      const next = x + ns / (frame.to - frame.from) * frame.width;
      context.fillStyle = palette.stage[model.stages[s]];
      fillBetween(context, frame, x, next, y, height);
      x = next;
    }
  }
  if (right - left >= 4) {  // neighbours stay apart
    context.fillStyle = palette.panel;
    fillBetween(context, frame, right - 1, right, y, height);
  }
  nameBlock(context, frame, lane, i, { left, right, top });
}

function fillBetween(context, frame, left, right, y, height) {
  const from = Math.max(left, 0);
  const to = Math.min(right, frame.width);
  if (to > from) context.fillRect(from, y, to - from, height);
}

// The longest of its names that fits above a block; none if none does.
function nameBlock(context, frame, lane, i, { left, right, top }) {
  const from = Math.max(left, 0);
  const room = Math.min(right, frame.width) - from - 4;
  if (room < LEAST_TEXT) return;
  const ns = lane.end[i] - lane.start[i];
  const name = lane.kind === 'request' ? lane.parts[i].stage : `chunk ${lane.chunks[i].chunk}`;
  context.font = `11px ${frame.palette.font}`;
  const text = [`${name} · ${duration(ns)}`, name].find((one) => context.measureText(one).width <= room);
  if (!text) return;
  context.fillStyle = frame.palette.quiet;
  context.fillText(text, from + 1, top + STRIP / 2 + 0.5);
}

// ---- blocks thinner than a pixel -------------------------------------------------------------------

// Draws the column of pixels in which block i begins; returns the first block that it leaves out.
function drawColumn(context, frame, lane, i, top, perPixel) {
  const { palette, model } = frame;
  const column = Math.floor(Math.max(0, xOf(frame, lane.start[i])));
  const edge = nsAt(frame, column + 1);
  let next = firstStartingAt(lane, edge, i + 1);
  // A block of a pixel or more at the end of the column is drawn as such.
  if (next > i + 1 && lane.end[next - 1] - lane.start[next - 1] >= perPixel) next -= 1;
  const height = LANE_HEIGHT - STRIP - PAD;
  let y = top + STRIP + height;
  for (let s = 0; s < model.stages.length; s++) {
    const ns = lane.sums[s][next] - lane.sums[s][i];
    if (ns === 0) continue;
    const part = Math.min(y - top - STRIP, ns / perPixel * height);
    y -= part;
    context.fillStyle = palette.stage[model.stages[s]];
    context.fillRect(column, y, 1, part);
  }
  return next;
}

// ---- the block that is reached ---------------------------------------------------------------------

function outline(context, frame, { lane: number, block }) {
  const lane = frame.model.lanes[number];
  const left = Math.max(-4, xOf(frame, lane.start[block]));
  const right = Math.min(frame.width + 4, Math.max(xOf(frame, lane.end[block]), left + 3));
  if (right < 0 || left > frame.width) return;
  context.strokeStyle = frame.palette.text;
  context.lineWidth = 2;
  context.strokeRect(left, number * LANE_HEIGHT + STRIP - 1, right - left, LANE_HEIGHT - STRIP - PAD + 2);
}
