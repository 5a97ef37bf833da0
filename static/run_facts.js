// run_facts.js: what a run was: its recipe, where it ran, its input, its machine, and why it failed.
//
// For tests: "status", "recipe", "run-error", "run-error-code" (the expression that is wrong),
// "copy-digest".

import { h } from './dom.js';
import { caretUnder, indexOfByte } from './code_caret.js';
import { bytes, count, counted, duration, grouped } from './format.js';
import { executorName, explained, hint } from './stages.js';
import { copyButton } from './dom_copy.js';
import { hostsOf } from './timeline_model.js';

// That somebody ended it is no fault.
function wasCancelled(run) {
  return (run.error?.code || run.error_code) === 'cancelled';
}

export function statusPill(run) {
  if (wasCancelled(run)) return h('span', { class: 'pill', dataset: { test: 'status' } }, 'cancelled');
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

// "9 chunks of up to 12,288 rows": the last one may have fewer. null where nothing was cut into chunks.
export function chunksText(run) {
  const { chunks, chunk_rows: most } = run.execution || {};
  if (!chunks) return null;
  const piece = run.operation === 'map' ? 'call' : 'row';
  const even = chunks * most === run.rows;
  const size = most > 0 ? `${even || chunks === 1 ? '' : 'up to '}${counted(most, piece)}` : `all ${piece}s`;
  return `${counted(chunks, 'chunk')} of ${size}`;
}

// What was asked for by a request whose expressions were not planned, from the request itself:
// [{name, expression}].
function letsAsked(request) {
  if (request?.json?.let) {
    return Object.entries(request.json.let).filter(([, expression]) => typeof expression === 'string')
      .map(([name, expression]) => ({ name, expression }));
  }
  return (request?.options || []).filter(([name]) => name === 'let').map(([, text]) => {
    const at = text.indexOf('=');
    return { name: text.slice(0, at).trim(), expression: text.slice(at + 1).trim() };
  });
}

function recipeOf(run) {
  if (run.recipe?.length > 0) return run.recipe;
  return letsAsked(run.request).map(({ name, expression }) => `${name} = ${expression}`);
}

export function whatRan(run) {
  const execution = run.execution || {};
  const recipe = recipeOf(run);
  const chunks = chunksText(run);
  const title = run.error && !run.executor ? 'What was asked' : 'What ran';
  return h('section', { class: 'panel', 'aria-label': title },
    h('h2', null, title),
    recipe.length > 0
      ? h('pre', { class: 'recipe', tabindex: '0', dataset: { test: 'recipe' } }, recipe.join('\n'))
      : h('p', { class: 'quiet' }, 'The request held no expression that could be read.'),
    facts([
      ['executor', word(run.executor, executorName(run.executor))],
      [run.executor === 'dask' ? 'chunks under way' : 'workers', run.executor ? count(run.workers) : null],
      ['mode', word(run.mode)],
      [run.operation === 'map' ? 'calls' : 'rows', run.rows > 0 ? count(run.rows) : null],
      ['chunks', chunks && h('span', { class: 'explained' }, chunks, hint('chunk'))],
      ['sending took', run.send_ns
        ? h('span', { class: 'explained' }, duration(run.send_ns), hint('sending')) : null],
      ['input types', run.input_types ? run.input_types.replaceAll(',', ', ') : null, true],
      ['hosts', hostsText(run), true],
      ['why this executor', execution.reason && reasonOf(execution.reason), true],
      ['rows in error', errorsText(run.errors)],
    ]));
}

// The other machines that took part.
function hostsText({ timing }) {
  const hosts = new Set(hostsOf(timing?.workers).values());
  return hosts.size > 0 ? [...hosts].join(', ') : null;
}

function reasonOf(reason) {
  const text = grouped(reason);
  return reason.includes('break-even') ? h('span', { class: 'explained' }, text, hint('break-even')) : text;
}

function errorsText(errors) {
  const some = Object.entries(errors || {}).filter(([, n]) => n > 0);
  return some.length > 0 ? some.map(([name, n]) => `${name}: ${count(n)}`).join(', ') : null;
}

export function problemPanel(run) {
  const { error } = run;
  if (!error) return null;
  if (wasCancelled(run)) {
    return h('section', { class: 'panel', 'aria-label': 'How it ended', dataset: { test: 'run-error' } },
      h('p', null, 'It was cancelled before it was done: what it had computed by then was let go.'));
  }
  const code = faultyCode(run);
  const known = code ? ['position', 'column', 'expression'] : [];
  return h('section', { class: 'panel', 'aria-label': 'What went wrong', dataset: { test: 'run-error' } },
    h('h2', { class: 'error-text' }, error.title || 'It failed'),
    code,
    error.detail && error.detail !== error.title && h('p', null, error.detail),
    facts(['code', 'status', 'parameter', 'expression', 'position', 'line', 'row', 'column', 'value', 'limit']
      .filter((name) => !known.includes(name))
      .map((name) => [name, error[name] === undefined ? null : String(error[name])])));
}

// The expression that is wrong, as it was sent, with a caret under the character that the server
// names; null when the request does not hold it.
function faultyCode({ request, error }) {
  if (typeof error.position !== 'number') return null;
  const sent = letsAsked(request).find(({ name }) => name === error.column);
  if (!sent) return null;
  const lead = `${sent.name} = `;
  const index = indexOfByte(sent.expression, error.position);
  const character = [...sent.expression.slice(0, index)].length + 1;
  return h('div', { class: 'faulty scroll', tabindex: '0', role: 'region',
    dataset: { test: 'run-error-code' },
    'aria-label': `The expression; the error is at character ${character} of it` },
  h('pre', null, lead + sent.expression),
  h('div', { class: 'faulty-caret', 'aria-hidden': 'true' },
    caretUnder(lead + sent.expression, lead.length + index)));
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
      ['input', `generated: ${counted(rows, 'row')} of ${columns.join(', ')}`, true],
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
