// compare_fields.js: the kinds of fields of the experiment's form. Each is {name, element, error,
// controls}: `controls` get the focus and are what is filled in, `error` says what is wrong.
//
// `set(name, value)` is called when a person changes one.

import { h, newId } from './dom.js';
import { hint } from './stages.js';

// A label, its hint, the control, a line of help and the place for an error.
function labelled(name, label, control, { help, word, wide } = {}) {
  const id = newId('compare');
  control.id = id;
  control.dataset.test = 'form-' + name;
  const error = h('span', { class: 'error', id: id + '-error', dataset: { test: 'error-' + name } });
  const helpText = help ? h('span', { class: 'help', id: id + '-help' }, help) : null;
  control.setAttribute('aria-describedby', helpText ? `${id}-help ${id}-error` : `${id}-error`);
  const title = h('span', { class: 'label' }, h('label', { for: id }, label), word ? hint(word) : null);
  const element = h('div', { class: wide ? 'field wide' : 'field' }, title, control, helpText, error);
  return { name, element, error, controls: [control] };
}

export function textField(set, name, label, options = {}) {
  const input = h('input', {
    type: 'text',
    inputmode: options.numbers ? 'numeric' : null,
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: options.placeholder,
    oninput: () => set(name, input.value),
  });
  return labelled(name, label, input, options);
}

export function areaField(set, name, label, options = {}) {
  const input = h('textarea', {
    rows: 2,
    class: 'mono',
    spellcheck: 'false',
    autocapitalize: 'off',
    oninput: () => set(name, input.value),
  });
  return labelled(name, label, input, { wide: true, ...options });
}

export function choiceField(set, name, label, values, options = {}) {
  const select = h('select', { onchange: () => set(name, select.value) },
    values.map((value) => h('option', { value }, value)));
  return labelled(name, label, select, options);
}

// Boxes to tick; the value is the list of the ticked ones.
export function checksField(set, name, legend, values, shown = (value) => value) {
  const error = h('span', { class: 'error', dataset: { test: 'error-' + name } });
  const controls = values.map((value) => h('input', {
    type: 'checkbox',
    id: newId('compare'),
    value,
    dataset: { test: 'form-' + name },
    onchange: () => set(name, controls.filter((box) => box.checked).map((box) => box.value)),
  }));
  const rows = controls.map((box) => {
    const label = h('label', { class: 'check', for: box.id }, box, shown(box.value));
    return h('span', { class: 'check-row' }, label, hint(box.value));
  });
  const grid = h('div', { class: values.length > 3 ? 'check-grid' : 'check-line' }, rows);
  const element = h('fieldset', { class: 'field wide' }, h('legend', null, legend), grid, error);
  return { name, element, error, controls, list: true };
}
