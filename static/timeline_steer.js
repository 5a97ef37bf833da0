// timeline_steer.js: pointer, wheel, touch and keys of a timeline.
//
// The page's own scrolling is never taken: a plain wheel zooms only once the chart has the focus, a
// finger moves the view sideways and the page up and down, two fingers zoom.

import { LANE_HEIGHT, nsAt, xOf } from './timeline_draw.js';
import { blockAt } from './timeline_model.js';
import { fillTip } from './timeline_text.js';

const REACH = 3;       // px beside a block that still mean it
const DRAG_FROM = 4;   // px that make a press a drag
const HINT_MS = 1600;
const LINE_PX = 16;    // a line of a wheel that counts in lines
const WHEEL_PX = 300;  // that zoom by e

// Returns a function that ends what may still go on.
export function steer(view) {
  const { canvas } = view.parts;
  const hovering = hover(view);
  const dragging = drag(view, hovering);
  const wheeling = wheel(view);
  const listeners = {
    pointerdown: dragging.press,
    pointermove: (event) => dragging.move(event) || hovering.over(event),
    pointerup: dragging.release,
    pointercancel: dragging.release,
    pointerleave: hovering.leave,
    keydown: (event) => keyPressed(view, event),
    blur: () => {
      view.state.focus = null;
      view.ask();
      view.read(null);
    },
  };
  for (const [name, fn] of Object.entries(listeners)) canvas.addEventListener(name, fn);
  canvas.addEventListener('wheel', wheeling.turn, { passive: false });
  return wheeling.stop;
}

function placeOf(view, event) {
  const box = view.parts.canvas.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

// {lane, block} under the pointer, or null.
function found(view, event) {
  const { x, y } = placeOf(view, event);
  const number = Math.floor(y / LANE_HEIGHT);
  const lane = view.model.lanes[number];
  if (!lane) return null;
  const reach = REACH * (view.state.to - view.state.from) / view.state.width;
  const block = blockAt(lane, nsAt(view.state, x), reach);
  return block < 0 ? null : { lane: number, block };
}

// ---- hovering --------------------------------------------------------------------------------------

function hover(view) {
  function leave() {
    const { focus } = view.state;
    view.parts.tip.hidden = true;
    if (focus) view.read(view.model.lanes[focus.lane], focus.block, false);
    else view.read(null);
  }
  function over(event) {
    const at = found(view, event);
    if (!at) return leave();
    const lane = view.model.lanes[at.lane];
    fillTip(view.parts.tip, view.model, lane, at.block);
    placeTip(view.parts, event);
    return view.read(lane, at.block, false);
  }
  return { over, leave };
}

// Beside the pointer. It lies outside the lanes' own scrolling box, so that it is never cut.
function placeTip({ tip, element }, event) {
  tip.hidden = false;
  const box = element.getBoundingClientRect();
  const x = event.clientX - box.left;
  const room = element.clientWidth - tip.offsetWidth;
  const left = x + 14 > room ? x - 14 - tip.offsetWidth : x + 14;
  tip.style.setProperty('left', `${Math.max(0, Math.min(left, room))}px`);
  tip.style.setProperty('top', `${event.clientY - box.top + 16}px`);
}

// ---- dragging and pinching -------------------------------------------------------------------------

function drag(view, hovering) {
  const { canvas, tip } = view.parts;
  const pointers = new Map();
  let held = null;  // the view and the pointers when they went down

  const hold = (moved) => {
    const { from, to } = view.state;
    held = { moved, from, to, start: middleOf(pointers), spread: spreadOf(pointers) };
  };
  function press(event) {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, placeOf(view, event));
    hold(false);
  }
  // Whether the pointer is down.
  function move(event) {
    if (!pointers.has(event.pointerId)) return event.pointerType === 'touch';
    pointers.set(event.pointerId, placeOf(view, event));
    const middle = middleOf(pointers);
    if (!held.moved && pointers.size < 2 && Math.abs(middle - held.start) < DRAG_FROM) return true;
    held.moved = true;
    tip.hidden = true;
    canvas.classList.add('dragged');
    const { width } = view.state;
    const span = held.to - held.from;
    const next = pointers.size > 1 ? span * held.spread / spreadOf(pointers) : span;
    const grabbed = held.from + held.start / width * span;  // stays under the fingers
    view.look(grabbed - middle / width * next, grabbed - middle / width * next + next);
    return true;
  }
  function release(event) {
    if (!pointers.delete(event.pointerId)) return;
    if (pointers.size > 0) return void hold(true);  // one finger of two is left
    canvas.classList.remove('dragged');
    if (held.moved || event.type !== 'pointerup') return;
    view.state.focus = found(view, event);
    view.ask();
    hovering.over(event);
  }
  return { press, move, release };
}

function middleOf(pointers) {
  const xs = [...pointers.values()].map((place) => place.x);
  return xs.reduce((sum, x) => sum + x, 0) / Math.max(1, xs.length);
}

function spreadOf(pointers) {
  const xs = [...pointers.values()].map((place) => place.x);
  return Math.max(8, Math.max(...xs) - Math.min(...xs));
}

// ---- the wheel -------------------------------------------------------------------------------------

function wheel(view) {
  const { canvas, wheelHint } = view.parts;
  let timer = 0;
  function showHint() {
    wheelHint.hidden = false;
    clearTimeout(timer);
    timer = setTimeout(() => { wheelHint.hidden = true; }, HINT_MS);
  }
  function turn(event) {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) {
      if (!sideways) showHint();
      return;
    }
    event.preventDefault();
    const lines = event.deltaMode === 1 ? LINE_PX : 1;
    const { from, to, width } = view.state;
    if (event.shiftKey || sideways) {
      const by = (event.deltaX || event.deltaY) * lines / width * (to - from);
      view.look(from + by, to + by);
    } else {
      const by = Math.max(-1, Math.min(1, event.deltaY * lines / WHEEL_PX));
      view.zoom(Math.exp(by), nsAt(view.state, placeOf(view, event).x));
    }
  }
  return { turn, stop: () => clearTimeout(timer) };
}

// ---- keys ------------------------------------------------------------------------------------------

function keyPressed(view, event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const span = view.state.to - view.state.from;
  const sideways = (by) => {
    if (event.shiftKey) view.look(view.state.from + by * span / 8, view.state.to + by * span / 8);
    else step(view, by);
  };
  const actions = {
    ArrowRight: () => sideways(1),
    ArrowLeft: () => sideways(-1),
    ArrowDown: () => changeLane(view, 1),
    ArrowUp: () => changeLane(view, -1),
    '+': () => view.zoom(1 / 2, middleOfFocus(view)),
    '=': () => view.zoom(1 / 2, middleOfFocus(view)),
    '-': () => view.zoom(2, middleOfFocus(view)),
    Home: () => view.reset(),
    Escape: () => {
      view.state.focus = null;
      view.parts.tip.hidden = true;
      view.read(null);
      view.ask();
    },
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function middleOfFocus(view) {
  const { focus } = view.state;
  if (!focus) return undefined;
  const lane = view.model.lanes[focus.lane];
  return (lane.start[focus.block] + lane.end[focus.block]) / 2;
}

// The first block of the first worker's lane, unless one is focused.
function step(view, by) {
  const { focus } = view.state;
  if (!focus) {
    const lane = view.model.lanes.findIndex((one) => one.kind === 'worker' && one.n > 0);
    return focusBlock(view, Math.max(0, lane), 0);
  }
  const { n } = view.model.lanes[focus.lane];
  return focusBlock(view, focus.lane, Math.max(0, Math.min(n - 1, focus.block + by)));
}

// The block of the next lane that lies at the same time.
function changeLane(view, by) {
  const { focus } = view.state;
  if (!focus) return step(view, 1);
  const { lanes } = view.model;
  let number = focus.lane + by;
  while (lanes[number] && lanes[number].n === 0) number += by;
  if (!lanes[number]) return undefined;
  return focusBlock(view, number, blockAt(lanes[number], middleOfFocus(view), Infinity));
}

function focusBlock(view, number, block) {
  const lane = view.model.lanes[number];
  if (!lane || lane.n === 0) return;
  view.state.focus = { lane: number, block };
  const { from, to } = view.state;
  const x = xOf(view.state, lane.start[block]);
  if (x < 0 || x > view.state.width - 1) {  // bring it into view
    const middle = (lane.start[block] + lane.end[block]) / 2;
    view.look(middle - (to - from) / 2, middle + (to - from) / 2);
  }
  view.read(lane, block, true);
  view.ask();
}
