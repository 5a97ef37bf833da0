// compare_request.js: what is typed into the experiment's form as the body of POST /v1/compare, and
// back. No elements here: a form is a plain object of texts and lists.
//
// Numbers and tables go as they were written: through JavaScript's numbers a seed beyond 2^53 would be
// another one, and columns of 1.0 would be integers.

import { membersOf } from './json_source.js';
import { EXECUTORS, MODES, OWN_EXECUTORS } from './stages.js';

// Members of the form, in the order of the page; `kind`: 'compute' or 'map'. Lists are texts as typed.
export function blankForm(cpus) {
  return {
    kind: 'compute',
    rows: '100000',
    columns: 'a, b, c, d',
    distribution: 'normal',
    seed: '1',
    lets: 'hash = md5(a, b)',
    given: null,
    fn: 'long_io',
    args: '0, 1, 2, 3',
    seconds: '0.02',
    iterations: '1000000',
    executors: [...OWN_EXECUTORS],
    workers: workerCounts(cpus).join(', '),
    modes: ['vector'],
    chunks: '',
    sweep: '',
    repeat: '5',
    more: {},
  };
}

// 1 … CPUs; from eight CPUs on only powers of two and the last, which is enough to see a curve.
export function workerCounts(cpus) {
  const all = Array.from({ length: Math.max(cpus, 1) }, (_, i) => i + 1);
  return all.length < 8 ? all : all.filter((n) => (n & (n - 1)) === 0 || n === cpus);
}

// ---- texts to values -------------------------------------------------------------------------------

class Wrong extends Error {}

// A part of a request that is JSON already.
class Written {
  constructor(text) {
    this.text = text;
  }
}

// A request as JSON: of plain values, maps in their order, and what was written.
export function jsonText(value) {
  if (value instanceof Written) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonText).join(', ')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = value instanceof Map ? [...value] : Object.entries(value);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}: ${jsonText(member)}`).join(', ')}}`;
}

function wholeText(text, least, what) {
  const clean = text.trim().replaceAll('_', '');
  if (!/^\d+$/.test(clean) || BigInt(clean) < least)
    throw new Wrong(`${what} must be a whole number, ${least} or more.`);
  return String(BigInt(clean));
}

function written(text, least, what) {
  return new Written(wholeText(text, least, what));
}

function whole(text, least, what) {
  const number = Number(wholeText(text, least, what));
  if (!Number.isSafeInteger(number)) throw new Wrong(`${what} must be smaller than 2^53.`);
  return number;
}

function wholes(text, least, what) {
  const parts = text.split(/[,\s]+/).filter((part) => part !== '');
  const list = parts.map((part) => whole(part, least, `Each of ${what}`));
  if (new Set(list).size < list.length) throw new Wrong(`Each number may stand once in ${what}.`);
  return list;
}

function json(text, what) {
  try {
    return JSON.parse(`[${text}]`);
  } catch {
    throw new Wrong(`${what} must be values with commas between them, such as 0, 1, 2.`);
  }
}

function writtenList(text, what) {
  json(text, what);
  return new Written(`[${text.trim()}]`);
}

// One number for all calls, or a list with one for each.
function perCall(text, what) {
  const list = json(text, what);
  if (list.length === 0 || list.some((x) => typeof x !== 'number'))
    throw new Wrong(`${what} must be a number, or one number for each argument.`);
  return list.length === 1 ? new Written(text.trim()) : new Written(`[${text.trim()}]`);
}

// "name = expression" a line. The first = that is not part of ==, <=, >= or != parts the two.
export function letsOf(text) {
  const lets = new Map();
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return;
    const found = /^\s*(`(?:[^`]|``)*`|[^=<>!`]+?)\s*=(?!=)\s*(.*?)\s*$/.exec(line);
    if (!found || found[2] === '')
      throw new Wrong(`Line ${i + 1} must be a name, an equals sign and an expression: hash = md5(a, b)`);
    const name = found[1].startsWith('`') ? found[1].slice(1, -1).replaceAll('``', '`') : found[1].trim();
    if (lets.has(name)) throw new Wrong(`Line ${i + 1}: there is a column ${name} already.`);
    lets.set(name, found[2]);
  });
  if (lets.size === 0) throw new Wrong('At least one column must be computed.');
  return lets;
}

export function columnsOf(text) {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) throw new Wrong('The frame must have a column.');
  if (new Set(names).size < names.length) throw new Wrong('Two columns have the same name.');
  return names;
}

// ---- the request -----------------------------------------------------------------------------------

// {request, errors}: errors maps fields of the form to what is wrong; request is null if there are any.
export function requestOf(form) {
  const errors = {};
  const take = (field, make) => {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      errors[field] = error.message;
      return undefined;
    }
  };
  const workload = form.kind === 'map' ? { map: mapOf(form, take) } : { compute: computeOf(form, take) };
  const request = { workload };
  request.executors = take('executors', () => some(form.executors, 'executor'));
  if (form.executors.some((executor) => executor !== 'serial'))
    request.workers = take('workers', () => filled(wholes(form.workers, 1, 'workers'), 'number of workers'));
  if (form.kind === 'compute') request.modes = take('modes', () => some(form.modes, 'mode'));
  const chunks = take('chunks', () => wholes(form.chunks, 0, 'the chunk sizes'));
  if (chunks && chunks.length > 0) request.chunk_rows = chunks;
  const sweep =
    form.kind === 'compute' && !form.given
      ? take('sweep', () => wholes(form.sweep, 1, 'the numbers of rows'))
      : [];
  if (sweep && sweep.length > 0) request.rows = sweep;
  request.repeat = take('repeat', () => whole(form.repeat, 1, 'Repeat'));
  return { request: Object.keys(errors).length > 0 ? null : request, errors };
}

function some(list, what) {
  if (list.length === 0) throw new Wrong(`Choose at least one ${what}.`);
  return list;
}

function filled(list, what) {
  if (list.length === 0) throw new Wrong(`Give at least one ${what}.`);
  return list;
}

function computeOf(form, take) {
  const frame = form.given
    ? { columns: new Written(form.given) }
    : {
        generate: {
          rows: take('rows', () => written(form.rows, 0, 'Rows')),
          columns: take('columns', () => columnsOf(form.columns)),
          distribution: form.distribution,
          seed: take('seed', () => written(form.seed, 0, 'The seed')),
        },
      };
  const more = Object.entries(form.more).map(([name, text]) => [name, new Written(text)]);
  return { ...frame, let: take('lets', () => letsOf(form.lets)), ...Object.fromEntries(more) };
}

function mapOf(form, take) {
  const map = { function: form.fn, args: take('args', () => writtenList(form.args, 'Arguments')) };
  if (form.fn === 'long_io') map.seconds = take('seconds', () => perCall(form.seconds, 'Seconds'));
  if (form.fn === 'long_comp')
    map.iterations = take('iterations', () => perCall(form.iterations, 'Iterations'));
  return map;
}

// ---- and back --------------------------------------------------------------------------------------

// The form that makes this request, which is JSON as a text; what it left to the server is what that
// took for these cases. What the form has no field for goes along in `more`.
export function formOf(text, cpus, cases) {
  const form = blankForm(cpus);
  const request = Object.fromEntries(membersOf(text));
  const list = (name, otherwise) =>
    (request[name] === undefined ? otherwise : [JSON.parse(request[name])].flat());
  const ran = (name) => [...new Set(cases.map((one) => one[name]))];
  form.executors = list('executors', ran('executor'));
  form.workers = list('workers', ran('workers').sort((a, b) => a - b)).join(', ');
  form.modes = list('modes', ['vector']);
  form.chunks = list('chunk_rows', []).join(', ');
  form.sweep = list('rows', []).join(', ');
  form.repeat = request.repeat ?? '5';
  const { map, compute } = Object.fromEntries(membersOf(request.workload));
  return map ? formOfMap(form, membersOf(map)) : formOfCompute(form, membersOf(compute));
}

function formOfMap(form, members) {
  const map = Object.fromEntries(members);
  const inside = (source) => {
    const text = source[0] === '[' ? source.slice(1, -1).trim() : source;
    return text.includes('"') ? text : text.replace(/,\s*/g, ', ');
  };
  form.kind = 'map';
  form.fn = JSON.parse(map.function);
  form.args = inside(map.args ?? '[]');
  form.seconds = inside(map.seconds ?? '2');
  form.iterations = inside(map.iterations ?? '5000000');
  return form;
}

function formOfCompute(form, members) {
  const { generate, columns, let: lets = '{}', ...more } = Object.fromEntries(members);
  form.kind = 'compute';
  form.given = columns ?? null;
  form.more = more;
  if (generate) {
    const frame = Object.fromEntries(membersOf(generate));
    form.rows = frame.rows;
    form.columns = JSON.parse(frame.columns).join(', ');
    form.distribution = JSON.parse(frame.distribution ?? '"normal"');
    form.seed = frame.seed ?? '0';
  }
  form.lets = lets[0] === '['
    ? JSON.parse(lets).join('\n')
    : membersOf(lets).map(([name, source]) => `${quoted(name)} = ${JSON.parse(source)}`).join('\n');
  return form;
}

function quoted(name) {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : '`' + name.replaceAll('`', '``') + '`';
}

// ---- its size --------------------------------------------------------------------------------------

// How many cases a request makes, and how many runs: `serial` has one worker, so it is one case.
export function sizeOf(request) {
  const executors = request.executors.length;
  const serial = request.executors.includes('serial') ? 1 : 0;
  const placements = serial + (executors - serial) * (request.workers ?? [1]).length;
  const cases =
    placements *
    (request.modes ?? [null]).length *
    (request.chunk_rows ?? [0]).length *
    (request.rows ?? [0]).length;
  return { cases, samples: cases * request.repeat };
}

// Which field of the form a problem of the server belongs to; null: to none of them.
export function fieldOf(problem, form) {
  const fields = {
    executors: 'executors',
    workers: 'workers',
    modes: 'modes',
    chunk_rows: 'chunks',
    chunksize: 'chunks',
    rows: 'sweep',
    repeat: 'repeat',
    seconds: 'seconds',
    iterations: 'iterations',
    args: 'args',
    function: 'fn',
    generate: 'rows',
    columns: 'columns',
    let: 'lets',
  };
  if (problem.expression !== undefined || (problem.column !== undefined && form.kind === 'compute'))
    return 'lets';
  if (problem.limit === '--max-cases') return null;
  if (problem.parameter === 'generate' && /column/.test(problem.detail || '')) return 'columns';
  return fields[problem.parameter] ?? null;
}

export const CHOICES = {
  executors: EXECUTORS,
  modes: [...MODES].reverse(),
  fn: ['long_io', 'long_comp', 'calc_hash'],
};
