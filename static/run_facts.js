// run_facts.js: what a run was: its recipe, where it ran, its input and its machine.

import { h } from './dom.js';
import { bytes, count, counted, duration } from './format.js';
import { executorName, explained, hint } from './stages.js';
import { copyButton } from './dom_copy.js';

export function statusPill(run) {
  const failed = run.status >= 400 || run.error;
  const code = run.error?.code || run.error_code;
  return h('span', { class: failed ? 'pill bad' : 'pill good', dataset: { test: 'status' } },
    failed ? `failed: ${code || run.status}` : 'done');
}

const OPERATIONS = { compute: 'compute', map: 'map', compare: 'comparison', check: 'check' };

export function operationName(run) {
  return OPERATIONS[run.operation] || run.operation;
}

// A list of names and values; pairs without a value are left out, a third member makes one as wide as all.
export function facts(pairs) {
  const said = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return h('dl', { class: 'run-facts' }, said.map(([name, value, wide]) =>
    h('div', { class: wide ? 'wide' : null }, h('dt', null, name), h('dd', null, value))));
}

// The word of the executor or the mode with what it means.
function word(text, name) {
  return text ? explained(text, name || text) : null;
}

function chunksText(run) {
  const { chunks, chunk_rows: rows } = run.execution || {};
  if (!chunks) return null;
  const piece = run.operation === 'map' ? 'call' : 'row';
  return h('span', { class: 'explained' },
    `${counted(chunks, 'chunk')} of ${rows > 0 ? counted(rows, piece) : 'all rows'}`, hint('chunk'));
}

export function whatRan(run) {
  const execution = run.execution || {};
  return h('section', { class: 'panel', 'aria-label': 'What ran' },
    h('h2', null, 'What ran'),
    run.recipe?.length > 0
      ? h('pre', { class: 'recipe', tabindex: '0', dataset: { test: 'recipe' } }, run.recipe.join('\n'))
      : h('p', { class: 'quiet' }, 'The request held no expression that could be read.'),
    facts([
      ['executor', word(run.executor, executorName(run.executor))],
      ['workers', run.executor ? count(run.workers) : null],
      ['mode', word(run.mode)],
      [run.operation === 'map' ? 'calls' : 'rows', run.rows > 0 ? count(run.rows) : null],
      ['chunks', chunksText(run)],
      ['sending took', run.send_ns ? duration(run.send_ns) : null],
      ['input types', run.input_types ? run.input_types.replaceAll(',', ', ') : null, true],
      ['why this executor', execution.reason || null, true],
      ['rows in error', errorsText(run.errors)],
    ]));
}

function errorsText(errors) {
  const some = Object.entries(errors || {}).filter(([, n]) => n > 0);
  return some.length > 0 ? some.map(([name, n]) => `${name}: ${count(n)}`).join(', ') : null;
}

export function problemPanel(run) {
  const { error } = run;
  if (!error) return null;
  return h('section', { class: 'panel', 'aria-label': 'What went wrong', dataset: { test: 'run-error' } },
    h('h2', { class: 'error-text' }, error.title || 'It failed'),
    h('p', null, error.detail),
    facts(['code', 'status', 'parameter', 'expression', 'position', 'line', 'row', 'column', 'value', 'limit']
      .map((name) => [name, error[name] === undefined ? null : String(error[name])])));
}

// ---- input and machine -----------------------------------------------------------------------------

// null when the server said neither.
export function originPanel(run) {
  const pairs = [...inputFacts(run.input), ...machineFacts(run.machine)];
  if (run.imported) pairs.push(['imported', 'This run came from a file; it ran elsewhere or earlier.']);
  if (pairs.length === 0) return null;
  return h('section', { class: 'panel', 'aria-label': 'Input and machine' },
    h('h2', null, 'Input and machine'), facts(pairs));
}

function inputFacts(input) {
  if (!input) return [];
  if (input.kind === 'generated') {
    const { rows, columns, distribution, seed } = input.generate;
    return [
      ['input', `generated: ${counted(rows, 'row')} of ${columns.join(', ')}`],
      ['distribution', distribution || 'normal'],
      ['seed', seed === undefined ? null : String(seed)],
    ];
  }
  return [
    ['input', ['upload', input.media_type].filter(Boolean).join(', ')],
    ['size', bytes(input.bytes)],
    ['digest', input.digest && digestOf(input.digest), true],
  ];
}

function digestOf(digest) {
  return h('span', { class: 'digest' }, h('code', null, digest),
    copyButton(digest, 'Copy', { 'aria-label': 'Copy the digest', 'data-test': 'copy-digest' }));
}

function machineFacts(machine) {
  if (!machine) return [];
  return [
    ['processor', machine.cpu],
    ['usable CPUs', machine.usable_cpus === undefined ? null : count(machine.usable_cpus)],
    ['Colonnade', machine.version],
  ];
}
