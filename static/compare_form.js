// compare_form.js: the form of an experiment: the work, where it runs, its sizes; what is wrong is
// said at the field.
//
// data-test: form-kind (buttons, data-kind), form-FIELD (controls), error-FIELD, compare-size (how
// many cases and samples). FIELD: rows columns distribution seed lets fn seconds iterations args
// executors modes workers repeat chunks sweep.

import { get, Problem } from './api.js';
import { areaField, checksField, choiceField, textField } from './compare_fields.js';
import { CHOICES, columnsOf, fieldOf, jsonText, letsOf, requestOf, sizeOf } from './compare_request.js';
import { h, put } from './dom.js';
import { count, counted } from './format.js';
import { membersOf } from './json_source.js';
import { executorName } from './stages.js';

const MOST_CASES = 1000; // the default of --max-cases; a server that was set otherwise says so in its error
const CHECK_AFTER_MS = 350;
const LIST_HELP = 'A list: 100, 1000, 10000';

export class ExperimentForm {
  // `cluster`: whether there is one to offer.
  constructor(initial, cluster) {
    this.cluster = cluster;
    this.checks = 0;
    this.timer = 0;
    this.fields = {};
    this.element = h('div', { class: 'compare-fields' }, this.build());
    this.fill(initial);
  }

  // ---- parts ----

  keep(field) {
    this.fields[field.name] = field;
    return field.element;
  }

  build() {
    const set = (name, value) => this.change(name, value);
    const text = (...options) => this.keep(textField(set, ...options));
    const area = (...options) => this.keep(areaField(set, ...options));
    const choice = (...options) => this.keep(choiceField(set, ...options));
    const checks = (...options) => this.keep(checksField(set, ...options));
    this.kinds = [['compute', 'Columns of a table'], ['map', 'A function']].map(([kind, label]) =>
      h('button', { type: 'button', dataset: { test: 'form-kind', kind }, onclick: () => set('kind', kind) },
        label));
    this.given = h('p', { class: 'quiet small' });
    this.more = h('p', { class: 'quiet small' });
    this.frame = h('div', { class: 'field-grid' },
      text('rows', 'Rows', { numbers: true }), text('columns', 'Columns'),
      choice('distribution', 'Values', ['normal', 'uniform'], { word: 'distribution' }),
      text('seed', 'Seed', { numbers: true, word: 'seed' }));
    this.compute = h('div', { class: 'field-group' }, this.given, this.frame,
      area('lets', 'Computed columns', { help: 'One per line: name = expression' }), this.more);
    this.map = h('div', { class: 'field-group field-grid' },
      choice('fn', 'Function', CHOICES.fn, { word: 'function' }),
      text('seconds', 'Seconds', { help: 'One for all calls, or one for each' }),
      text('iterations', 'Iterations', { help: 'One for all calls, or one for each' }),
      area('args', 'Arguments', { help: 'One call for each; calc_hash takes arrays: [1, "x"], [2, "y"]' }));
    this.size = h('p', { class: 'compare-size small', dataset: { test: 'compare-size' } });
    return [
      h('div', { class: 'segments', role: 'group', 'aria-label': 'Kind of work' }, this.kinds),
      this.compute, this.map,
      checks('executors', 'Executors', CHOICES.executors, executorName),
      checks('modes', 'Modes', CHOICES.modes),
      h('div', { class: 'field-grid' },
        text('workers', 'Workers', { word: 'workers', help: 'A list: 1, 2, 4' }),
        text('repeat', 'Samples', { numbers: true, word: 'repeat', help: 'Of each case' }),
        text('chunks', 'Chunk sizes',
          { word: 'chunk', placeholder: 'server\u2019s choice', help: LIST_HELP, wide: true }),
        text('sweep', 'Rows (sweep)',
          { word: 'sweep', placeholder: 'those above', help: LIST_HELP, wide: true })),
      this.size,
    ];
  }

  // ---- values ----

  change(name, value) {
    this.form[name] = value;
    this.clearError(name);
    this.showKind();
    this.showSize();
    if (name === 'lets' || name === 'columns') this.checkSoon();
  }

  fill(form) {
    this.stop();  // an answer on what stood here before would be shown at this
    this.form = { ...form };
    for (const [name, field] of Object.entries(this.fields)) {
      this.clearError(name);
      for (const control of field.controls)
        if (field.list) control.checked = form[name].includes(control.value);
        else control.value = form[name];
    }
    this.showKind();
    this.showSize();
  }

  // The request, or null after what is wrong was said at its fields.
  request() {
    const { request, errors } = requestOf(this.form);
    const names = Object.keys(this.fields);
    names.forEach((name) => this.clearError(name));
    for (const [name, what] of Object.entries(errors)) this.setError(name, what);
    const first = names.find((name) => name in errors);
    if (first) this.fields[first].controls[0].focus();
    return request;
  }

  // ---- what is shown ----

  showKind() {
    const { form, fields } = this;
    const map = form.kind === 'map';
    const given = form.given !== null;
    const more = Object.keys(form.more);
    for (const button of this.kinds)
      button.setAttribute('aria-pressed', String(button.dataset.kind === form.kind));
    this.compute.hidden = map;
    this.map.hidden = !map;
    this.frame.hidden = given;
    this.given.hidden = !given;
    this.more.hidden = more.length === 0;
    put(this.given, `The table of the request: columns ${namesOf(form.given).join(', ')}.`);
    put(this.more, `Also as in the request: ${more.join(', ')}.`);
    fields.chunks.controls[0].placeholder = map ? '1 call' : 'server\u2019s choice';
    fields.modes.element.hidden = map;
    // What an earlier experiment had can be taken off, also where it cannot be had.
    for (const box of fields.executors.controls)
      box.closest('.check-row').hidden = box.value === 'dask' && !this.cluster && !form.executors.includes('dask');
    fields.sweep.element.hidden = map || given;
    fields.seconds.element.hidden = form.fn !== 'long_io';
    fields.iterations.element.hidden = form.fn !== 'long_comp';
    fields.workers.element.hidden = String(form.executors) === 'serial';
  }

  showSize() {
    const { request } = requestOf(this.form);
    const size = request && sizeOf(request);
    this.size.classList.toggle('error-text', Boolean(size) && size.cases > MOST_CASES);
    put(this.size, size
      ? `${counted(size.cases, 'case')}, ${counted(size.samples, 'sample')} and ` +
        `${counted(size.cases, 'warm-up')}. At most ${count(MOST_CASES)} cases.`
      : null);
  }

  // ---- errors ----

  clearError(name) {
    const field = this.fields[name];
    if (!field) return;
    put(field.error);
    for (const control of field.controls) control.removeAttribute('aria-invalid');
  }

  setError(name, ...what) {
    const { error, controls } = this.fields[name];
    put(error, what);
    for (const control of controls) control.setAttribute('aria-invalid', 'true');
  }

  // Shows a problem of the server at its field; false: it belongs to none that is seen.
  fail(problem, { focus = true } = {}) {
    const field = this.fields[fieldOf(problem, this.form)];
    if (!field || field.element.offsetParent === null) return false;
    this.setError(field.name, pointer(problem), problem.detail || problem.message);
    if (focus) field.controls[0].focus();
    return true;
  }

  // ---- live checking of expressions ----

  checkSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.checkNow(), CHECK_AFTER_MS);
  }

  async checkNow() {
    this.checks += 1;
    const mine = this.checks;
    const { form } = this;
    if (form.kind !== 'compute' || form.given !== null) return;
    try {
      const columns = new Map(columnsOf(form.columns).map((name) => [name, 'float64']));
      const { errors = [] } = await get('v1/check', { method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: jsonText({ columns, let: letsOf(form.lets) }) });
      if (mine !== this.checks) return;
      this.clearError('lets');
      if (errors.length > 0) this.fail(new Problem(errors[0]), { focus: false });
    } catch {
      // Half typed, or the server is away: running it says what is wrong.
    }
  }

  stop() {
    clearTimeout(this.timer);
    this.checks += 1;
  }
}

function namesOf(columns) {
  return columns === null ? [] : membersOf(columns).map(([name]) => name);
}

// The expression with a caret under the byte at which it went wrong.
function pointer({ expression, position }) {
  if (expression === undefined || position === undefined) return null;
  const before = new TextDecoder().decode(new TextEncoder().encode(expression).slice(0, position));
  const caret = ' '.repeat([...before].length) + '^';
  return h('pre', { class: 'pointer', dataset: { position } }, `${expression}\n${caret}`);
}
