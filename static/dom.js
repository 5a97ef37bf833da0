// dom.js: elements made in code. Text is always text, never markup.

// h('button', {class: 'primary', type: 'submit', onclick: run, 'aria-label': 'Run'}, 'Run', icon)
//
// Attributes: on… adds a listener, `dataset` and `style` take objects (style: CSS properties, custom
// ones too), true and false set and leave out, null is left out, everything else is an attribute.
// Children: nodes, texts, numbers, arrays of these; null, undefined and false are left out.
export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

const SVG = 'http://www.w3.org/2000/svg';
export function svg(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name === 'style') setStyle(element, value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat(Infinity).filter(isShown));
  return element;
}

function isShown(child) {
  return child !== null && child !== undefined && child !== false;
}

// Properties one by one: the page's policy forbids style attributes in markup.
export function setStyle(element, style) {
  for (const [name, value] of Object.entries(style)) element.style.setProperty(name, String(value));
}

// Replaces all children.
export function put(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(isShown));
  return element;
}

// Sets a text only when it differs: a live region is read aloud whenever it is set.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let ids = 0;
// An id for `for`, `aria-labelledby` and the like.
export function newId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}

// A column of a table: {title, hint, number: true, cell: (row) => text or node}.
// Makes <div class="scroll"><table>; `caption` is read aloud, and shown when `options.caption`.
export function table(caption, columns, rows, options = {}) {
  const head = h('tr', null, columns.map((column) =>
    h('th', { scope: 'col', class: column.number ? 'number' : null }, column.title, column.hint)));
  const body = rows.map((row) => h('tr', options.row ? options.row(row) : null, columns.map((column) =>
    h('td', { class: column.number ? 'number' : null }, column.cell(row)))));
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    h('table', null, h('caption', { class: options.caption ? null : 'unseen' }, caption),
      h('thead', null, head), h('tbody', null, body)));
}

// A button that does nothing for now. Unlike `disabled` it keeps the focus, so that the keyboard's place
// is not lost; isIdle() says whether a click is meant.
export function setBusy(button, busy) {
  if (busy) button.setAttribute('aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
}

export function isIdle(button) {
  return button.getAttribute('aria-disabled') !== 'true';
}

// Hands `blob` to the browser as a file to save.
export function saveBlob(blob, name) {
  const a = h('a', { href: URL.createObjectURL(blob), download: name });
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60000);
}
