// try_functions.js: the list of functions that expressions may use, from v1/functions. A click writes
// the call where the caret was.
//
// data-test: functions (the list), function-filter, function (each; data-name).

import { h, newId, put } from './dom.js';
import { get } from './api.js';

let loading = null;

function load() {
  if (!loading) {
    loading = get('v1/functions').then((document) => document.functions);
    loading.catch(() => { loading = null; });  // asked again when the list is opened again
  }
  return loading;
}

// `insert(text, caretBack)` writes `text` into the expression and steps `caretBack` characters back.
export function functionList(insert) {
  const list = h('div', { class: 'function-list', tabindex: '0', role: 'group', 'aria-label': 'Functions',
    dataset: { test: 'functions' } }, h('p', { class: 'quiet' }, 'Loading\u2026'));
  const id = newId('filter');
  const filter = h('input', { id, type: 'search', placeholder: 'Filter: hash, round, string\u2026',
    autocomplete: 'off', spellcheck: 'false', dataset: { test: 'function-filter' } });
  let functions = [];
  const draw = () => {
    const text = filter.value.trim().toLowerCase();
    const shown = functions.filter((fn) =>
      `${fn.name} ${fn.group} ${fn.summary}`.toLowerCase().includes(text));
    put(list, shown.length ? groups(shown, insert) : h('p', { class: 'quiet' }, 'No function fits.'));
  };
  filter.addEventListener('input', draw);
  const fetchAll = async () => {
    if (functions.length) return;
    try {
      functions = await load();
      draw();
    } catch (problem) {
      put(list, h('p', { class: 'error-text' }, problem.message));
    }
  };
  return h('details', { class: 'functions', ontoggle: fetchAll }, h('summary', null, 'Functions'),
    h('div', { class: 'field' }, h('label', { for: id, class: 'unseen' }, 'Filter functions'), filter), list);
}

function groups(functions, insert) {
  return [...new Set(functions.map((fn) => fn.group))].map((group) => h('section', null,
    h('h3', null, group),
    h('ul', null, functions.filter((fn) => fn.group === group)
      .map((fn) => h('li', null, entry(fn, insert))))));
}

function entry(fn, insert) {
  return h('button', { type: 'button', class: 'function', dataset: { test: 'function', name: fn.name },
    title: fn.signature, onclick: () => insert(`${fn.name}()`, 1) },
  h('code', null, shortSignature(fn.signature)), h('span', null, fn.summary));
}

// Row hashes share a row of keywords that would fill the list; the title has all of it.
function shortSignature(signature) {
  return signature.replace(/sep='_'.*as='hex'\)/, '\u2026)')
    .replace(' -> ', ' \u2192 ');
}
