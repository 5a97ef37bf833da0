// now_parts.js: what the parts of the view "Now" share: lists that are updated in place, so that focus
// and selection survive, and the run of an example for a server that has done nothing yet.

import { h, say } from './dom.js';
import { post } from './api.js';
import { counted, duration } from './format.js';

// Makes `parent`'s children those of `items`, in order. keyOf(item) names one; make(item) gives
// {element, update(item)}. What is there already stays the same element and is updated.
export function keyedList(parent, keyOf, make) {
  let rows = new Map();
  return (items) => {
    const next = new Map();
    let place = parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      const row = rows.get(key) || make(item);
      row.update(item);
      next.set(key, row);
      if (row.element === place) place = place.nextElementSibling;
      else parent.insertBefore(row.element, place);  // only what is not in its place is moved
    }
    for (const [key, row] of rows) if (!next.has(key)) row.element.remove();
    rows = next;
  };
}

// A line of a list of facts; returns what says its value.
export function fact(list, term, test) {
  const value = h('dd', { dataset: test ? { test } : null });
  list.append(h('div', null, h('dt', null, term), value));
  return (text) => say(value, text);
}

// Calls fn at the next frame, once however often it was asked for; never while nobody looks.
export function onceAFrame(fn) {
  let asked = 0;
  const call = () => {
    asked = 0;
    fn();
  };
  const ask = () => {
    if (!asked) asked = requestAnimationFrame(call);
  };
  ask.stop = () => cancelAnimationFrame(asked);
  return ask;
}

const EXAMPLE = {
  generate: { rows: 100000, columns: ['a', 'b', 'c', 'd'], distribution: 'normal', seed: 42 },
  let: { res1: '(a - b) / (c + d) ** 2', key: 'md5(a, b)' },
  limit: 0,
};

// A button that runs the example and says beside it how that went.
export function exampleButton(page) {
  const said = h('span', { class: 'quiet', role: 'status' });
  const button = h('button', { type: 'button', class: 'primary', dataset: { test: 'run-example' },
    onclick: async () => {
      if (button.getAttribute('aria-disabled') === 'true') return;
      button.setAttribute('aria-disabled', 'true');  // keeps the focus, which `disabled` would lose
      say(said, 'Running…');
      try {
        const reply = await post('v1/compute', EXAMPLE);
        const text = `${counted(reply.rows, 'row')} in ${duration(reply.timing.wall_ns)}.`;
        say(said, text);
        page.announce(`The example has run: ${text}`);
      } catch (error) {
        say(said, error.message);
      }
      button.removeAttribute('aria-disabled');
    } }, 'Run an example');
  return h('span', { class: 'actions' }, button, said);
}
