// dom_copy.js: a button that copies a text, on pages without a secure context too.

import { h } from './dom.js';

// A button labelled `label` that copies `text` (or what it gives, if it is a function) and says so.
// `attributes` are added to the button: {'data-test': 'copy-curl'}.
export function copyButton(text, label = 'Copy', attributes = {}) {
  const shown = h('span', null, label);
  const said = h('span', { class: 'unseen', role: 'status' });
  let back = 0;
  const copy = async () => {
    const copied = await copyText(typeof text === 'function' ? text() : text);
    const answer = copied ? 'Copied' : 'Not copied: select the text and copy it by hand';
    shown.textContent = answer;
    said.textContent = answer;
    clearTimeout(back);
    back = setTimeout(() => {
      shown.textContent = label;
      said.textContent = '';
    }, copied ? 1600 : 5000);
  };
  return h('span', { class: 'copy' },
    h('button', { type: 'button', class: 'quiet', onclick: copy, ...attributes }, shown), said);
}

// Resolves to whether it worked.
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);  // no permission, or plain HTTP from another machine
  }
}

function copyBySelection(text) {
  const focused = document.activeElement;
  const field = h('textarea', { class: 'unseen', readonly: true, 'aria-hidden': 'true', tabindex: '-1' });
  field.value = text;
  (document.querySelector('dialog[open]') || document.body).append(field);
  field.select();
  let copied = false;
  try {
    copied = document.execCommand('copy');
  } finally {
    field.remove();
    if (focused) focused.focus();
  }
  return copied;
}
