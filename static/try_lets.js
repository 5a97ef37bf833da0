// try_lets.js: the rows of computed columns: a name, an expression, and under it what the server thinks
// of it. An error's position is shown by a caret under the very character.
//
// data-test: let-row (one a column; inside: let-name, let-expression, let-remove, let-note, let-error
// with data-position in characters), add-let, let-status.

import { h, newId, put, say } from './dom.js';
import { caretUnder } from './code_caret.js';

// {element, insert(text, caretBack), find(findings, message)}. `rows` is the form's own array
// [{name, expression}]; it is changed in place and `changed()` is called.
export function letRows(rows, changed) {
  const list = h('ul', { class: 'lets' });
  const status = h('p', { class: 'help', role: 'status', dataset: { test: 'let-status' } });
  const shown = [];  // one for each row: {element, name, expression, find}
  let last = null;   // the expression that was edited last, for insertions

  const add = (row) => {
    const one = letRow(row, {
      changed,
      touched: (input) => { last = input; },
      remove: () => remove(one),
    });
    shown.push(one);
    list.append(one.element);
    return one;
  };
  const remove = (one) => {
    const at = shown.indexOf(one);
    shown.splice(at, 1);
    rows.splice(at, 1);
    one.element.remove();
    if (last === one.expression) last = null;
    (shown[Math.min(at, shown.length - 1)]?.name || adding).focus();
    changed();
  };
  const addEmpty = () => {
    const row = { name: '', expression: '' };
    rows.push(row);
    const one = add(row);
    changed();
    return one;
  };
  const adding = h('button', { type: 'button', class: 'quiet', dataset: { test: 'add-let' },
    onclick: () => addEmpty().name.focus() }, 'Add a column');
  rows.forEach(add);

  return {
    element: h('div', { class: 'field' }, list, h('div', { class: 'actions' }, adding), status),
    insert(text, caretBack) {
      const input = last || (shown.at(-1) || addEmpty()).expression;
      const { selectionStart: from, selectionEnd: to } = input;
      input.setRangeText(text, from, to, 'end');
      input.focus();
      input.setSelectionRange(from + text.length - caretBack, from + text.length - caretBack);
      input.dispatchEvent(new Event('input'));
    },
    // What was found out about each row, in order; null, for all or for one, leaves it as it is.
    find(findings, message) {
      say(status, message);
      if (findings) shown.forEach((one, i) => findings[i] && one.find(findings[i]));
    },
  };
}

function letRow(row, { changed, touched, remove }) {
  const noteId = newId('let-note');
  const common = { type: 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' };
  const name = h('input', { ...common, class: 'let-name', 'aria-label': 'Name of the new column',
    placeholder: 'name', dataset: { test: 'let-name' } });
  const expression = h('input', { ...common, class: 'let-expression', 'aria-label': 'Its expression',
    placeholder: 'expression, like a*b', 'aria-describedby': noteId, dataset: { test: 'let-expression' } });
  name.value = row.name;
  expression.value = row.expression;
  const note = h('div', { class: 'let-note', id: noteId, 'aria-live': 'polite' });
  const caret = h('div', { class: 'let-caret', 'aria-hidden': 'true', hidden: true });
  const typed = () => {
    row.name = name.value;
    row.expression = expression.value;
    caret.hidden = true;  // it points at what is no longer there
    changed();
  };
  name.addEventListener('input', typed);
  expression.addEventListener('input', typed);
  expression.addEventListener('focus', () => touched(expression));
  const follow = () => { caret.scrollLeft = expression.scrollLeft; };
  expression.addEventListener('scroll', follow);
  const element = h('li', { class: 'let', dataset: { test: 'let-row' } },
    name, h('span', { class: 'let-is', 'aria-hidden': 'true' }, '='), expression,
    h('button', { type: 'button', class: 'quiet let-remove', dataset: { test: 'let-remove' },
      'aria-label': 'Remove this column', title: 'Remove this column', onclick: remove }, '\u00d7'),
    caret, note);
  const find = (finding) => {
    showFinding({ name, expression, note, caret }, finding);
    follow();
  };
  return { element, name, expression, find };
}

function showFinding({ name, expression, note, caret }, finding) {
  const wrong = Boolean(finding.message);
  const atName = wrong && Boolean(finding.atName);
  expression.setAttribute('aria-invalid', String(wrong && !atName));
  name.setAttribute('aria-invalid', String(atName));
  caret.hidden = finding.index === undefined;
  if (!caret.hidden) put(caret, caretUnder(expression.value, finding.index));
  const found = wrong ? faultNote(finding) : soundNote(finding);
  // It is read aloud whenever it is set; what was found in other rows is as it was.
  if (!found?.isEqualNode(note.firstChild)) put(note, found);
}

function faultNote({ message, position }) {
  const where = position === undefined ? '' : `Character ${position + 1}: `;
  const facts = { test: 'let-error', ...(where && { position }) };
  return h('p', { class: 'error', dataset: facts }, where, message);
}

function soundNote({ type, canonical, note }) {
  if (note) return h('p', { class: 'help' }, note);
  if (!type) return null;
  return h('p', { class: 'help', dataset: { test: 'let-note' } },
    h('span', { class: 'tag' }, type), ' ', h('code', null, canonical));
}
