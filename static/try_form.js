// try_form.js: the form of "Try it": where the data come from, the computed columns, the options.
//
// data-test: source-generated, source-file, gen-rows, gen-columns, gen-distribution, gen-seed, executor,
// workers, mode, chunk-rows, limit, select, format, on-error, delimiter, header; and those of
// try_lets.js, try_file.js and try_functions.js.

import { h, newId, say } from './dom.js';
import { OWN_EXECUTORS, executorName, hint } from './stages.js';
import { checker, faultOf } from './try_check.js';
import { fileField, lookAt } from './try_file.js';
import { functionList } from './try_functions.js';
import { letRows } from './try_lets.js';
import { frameColumns } from './try_request.js';

const USUAL_CPUS = 2;  // until the server has said how many there are

// {element, chooseFile(file), file(), setCpus(n), blame(problem), clearBlame(), stop()}. `form` is
// changed in place as the user types; `changed()` is called after each change.
export function makeForm(form, file, changed) {
  const state = { form, file, seen: null, looks: 0, fields: new Map() };
  const check = checker(() => ({ lets: form.lets, columns: columnTypes(state) }),
    (findings, message) => lets.find(findings, message));
  const edited = () => {
    check.soon();
    changed();
  };
  const lets = letRows(form.lets, edited);
  const picker = fileField((chosen) => chooseFile(chosen));

  const look = async () => {
    state.looks += 1;
    const mine = state.looks;
    const seen = state.file ? await lookAt(state.file, form).catch(() => null) : null;
    if (mine !== state.looks) return;  // another file was chosen meanwhile
    state.seen = seen;
    picker.show(state.file, seen, form.file_name);
    check.soon();
  };
  const chooseFile = (chosen) => {
    state.file = chosen;
    form.file_name = chosen.name;
    form.source = 'file';
    sources.sync();
    look();
    changed();
  };
  const settle = (name) => {
    if (name === 'delimiter' || name === 'header') look();
    edited();
  };

  const sources = sourceFields(state, picker.element, () => {
    for (const draw of state.fields.values()) draw.read();
    edited();
  }, settle);
  const element = h('div', { class: 'try-fields' }, sources.element,
    h('fieldset', { class: 'field group' }, h('legend', null, 'Computed columns'), lets.element,
      functionList(lets.insert)),
    optionFields(state, settle));
  look();
  return {
    element,
    chooseFile,
    file: () => state.file,
    setPlaces: (there) => showPlaces(state, there),
    blame: (problem) => blame(state, lets, problem),
    clearBlame: () => state.fields.forEach((field) => say(field.error, '')),
    stop: check.stop,
  };
}

// Types of the columns that expressions may use; null when nobody knows them before the run.
function columnTypes({ form, seen }) {
  if (form.source === 'generated') return new Map(frameColumns(form).map((name) => [name, 'float64']));
  if (!seen || !seen.names) return null;
  return new Map(seen.names.map((name, i) => [name, seen.types[i]]).filter(([name]) => name !== ''));
}

// ---- fields ----------------------------------------------------------------------------------------

// A labelled control for the form's member `name`; `at` gives the object that holds it.
function field(state, name, label, control, options) {
  const { help, word, settle, at = () => state.form, key = () => name } = options;
  const id = newId('try');
  const error = h('p', { class: 'error', id: `${id}-error`, role: 'alert' });
  const described = help ? `${id}-help ${id}-error` : `${id}-error`;
  control.id = id;
  control.setAttribute('aria-describedby', described);
  const read = () => { control.value = at()[key()]; };
  read();
  control.addEventListener('input', () => {
    at()[key()] = control.value;
    say(error, '');
    settle(name);
  });
  const helpLine = help ? h('p', { class: 'help', id: `${id}-help` }, help) : null;
  state.fields.set(name, { error, control, read, help: helpLine });
  return h('div', { class: 'field' },
    h('span', { class: 'label' }, h('label', { for: id }, label), word ? hint(word) : null),
    control, helpLine, error);
}

function numberInput(test, attributes = {}) {
  return h('input', {
    type: 'number', min: '1', step: '1', inputmode: 'numeric', dataset: { test }, ...attributes });
}

function choice(test, options) {
  return h('select', { dataset: { test } }, options.map(([value, text]) => h('option', { value }, text)));
}

function sourceFields(state, filePicker, switched, settle) {
  const { form } = state;
  const name = newId('source');
  const radio = (value, text) => {
    const chosen = () => {
      form.source = value;
      sync();
      switched();
    };
    const input = h('input', {
      type: 'radio', name, value, dataset: { test: `source-${value}` }, onchange: chosen });
    return { input, element: h('label', { class: 'check' }, input, text) };
  };
  const generated = radio('generated', 'Generated frame');
  const file = radio('file', 'Your file');
  const frame = h('div', { class: 'try-pairs' },
    field(state, 'rows', 'Rows', numberInput('gen-rows', { min: '0' }), { settle }),
    field(state, 'columns', 'Columns', h('input', { type: 'text', spellcheck: 'false', autocomplete: 'off',
      dataset: { test: 'gen-columns' } }), { settle }),
    field(state, 'distribution', 'Values', choice('gen-distribution',
      [['normal', 'normal'], ['uniform', 'uniform']]), { settle }),
    field(state, 'seed', 'Seed', numberInput('gen-seed', { min: '0' }), { settle }));
  const sync = () => {
    generated.input.checked = form.source === 'generated';
    file.input.checked = form.source === 'file';
    frame.hidden = form.source !== 'generated';
    filePicker.hidden = form.source !== 'file';
    hideFileOnly(state);
  };
  sync();
  const whole = h('fieldset', { class: 'field group' }, h('legend', null, 'Data'),
    h('div', { class: 'try-sources' }, generated.element, file.element), frame, filePicker);
  return { element: whole, sync };
}

const FILE_ONLY = ['delimiter', 'header'];

function hideFileOnly({ form, fields }) {
  for (const name of FILE_ONLY) {
    const shown = fields.get(name);
    if (shown) shown.control.closest('.field').hidden = form.source !== 'file';
  }
}

function optionFields(state, settle) {
  const bySource = (member) => ({ at: () => state.form[member], key: () => state.form.source });
  const executors = ['auto', ...OWN_EXECUTORS, ...(state.form.executor === 'dask' ? ['dask'] : [])];
  const more = h('details', { class: 'try-more' }, h('summary', null, 'More options'),
    h('div', { class: 'try-pairs' },
      field(state, 'limit', 'Rows to return', numberInput('limit', { min: '0', placeholder: 'all' }),
        { help: 'All rows are computed. Empty: all come back.', settle, ...bySource('limit') }),
      field(state, 'select', 'Columns to return', choice('select',
        [['', 'as usual'], ['all', 'all'], ['computed', 'the computed ones']]),
        { help: 'Usual: all of a CSV, the computed ones of JSON.', settle, ...bySource('select') }),
      field(state, 'format', 'Result as', choice('format',
        [['', 'what came in'], ['csv', 'CSV'], ['json', 'JSON']]),
        { help: 'A generated frame counts as JSON.', settle }),
      field(state, 'on_error', 'A row that fails', choice('on-error',
        [['fail', 'stops the run'], ['null', 'becomes null']]),
        { help: 'Like an integer divided by 0.', settle }),
      field(state, 'delimiter', 'Delimiter', h('input', { type: 'text', placeholder: 'comma',
        spellcheck: 'false', autocomplete: 'off', dataset: { test: 'delimiter' } }),
      { help: 'One character, or semicolon, tab, pipe.', settle }),
      field(state, 'header', 'First line', choice('header',
        [['', 'names'], ['absent', 'data']]), { settle, help: 'Without names: c0, c1, \u2026' })));
  hideFileOnly(state);
  return h('fieldset', { class: 'field group' }, h('legend', null, 'How it runs'),
    h('div', { class: 'try-pairs' },
      field(state, 'executor', 'Executor',
        choice('executor', executors.map((one) => [one, executorName(one)])), { settle, word: 'executor' }),
      field(state, 'mode', 'Mode', choice('mode', ['vector', 'tuple', 'row'].map((one) => [one, one])),
        { settle, word: 'mode' }),
      field(state, 'workers', 'Workers', numberInput('workers', { placeholder: 'one per CPU' }),
        { settle, help: cpuHelp(USUAL_CPUS) }),
      field(state, 'chunk_rows', 'Rows per chunk',
        numberInput('chunk-rows', { placeholder: 'server\u2019s choice' }), { settle, word: 'chunk' })),
    more);
}

function cpuHelp(usable) {
  return `${usable} usable ${usable === 1 ? 'CPU' : 'CPUs'}`;
}

// A cluster is offered where there is one.
function showPlaces(state, { usable, cluster }) {
  say(state.fields.get('workers').help, cpuHelp(usable));
  const { control } = state.fields.get('executor');
  if (cluster && ![...control.options].some((option) => option.value === 'dask'))
    control.append(h('option', { value: 'dask' }, executorName('dask')));
}

// ---- blame -----------------------------------------------------------------------------------------

// Shows a run's problem where it was caused, as well as that is known. Whether a place was found.
function blame(state, lets, problem) {
  if (problem.expression !== undefined) {
    const at = indexOfLet(state.form.lets, problem);
    if (at >= 0) {
      const findings = state.form.lets.map(() => null);
      findings[at] = faultOf(state.form.lets[at], problem);
      lets.find(findings, '');
      return true;
    }
  }
  const known = { generate: 'rows', ...(problem.limit === '--max-rows' && { '': 'rows' }) };
  const target = state.fields.get(known[problem.parameter || ''] || problem.parameter);
  if (!target) return false;
  say(target.error, problem.detail || problem.title);
  const folded = target.control.closest('details');
  if (folded) folded.open = true;
  return true;
}

function indexOfLet(rows, problem) {
  const same = rows.map((row, i) => i).filter((i) => rows[i].expression.trim() === problem.expression);
  const named = same.find((i) => rows[i].name.trim() === problem.column);
  return named ?? same[0] ?? -1;
}
