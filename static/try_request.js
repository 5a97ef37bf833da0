// try_request.js: the form of "Try it" as the request that the page sends and as curl would send it:
// one list of options feeds both, so that they cannot differ.

// The computed columns that have something in them.
export function filledLets(form) {
  return form.lets.map((row) => ({ name: plainName(row.name), expression: row.expression.trim() }))
    .filter((row) => row.name !== '' || row.expression !== '');
}

// A name as it will stand in the header: backticks around it are syntax, as in expressions.
export function plainName(text) {
  const trimmed = text.trim();
  return /^`.+`$/.test(trimmed) ? trimmed.slice(1, -1).replaceAll('``', '`') : trimmed;
}

// A name as NAME=EXPRESSION wants it.
function letName(name) {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name === '' ? name : '`' + name.replaceAll('`', '``') + '`';
}

export function frameColumns(form) {
  return form.columns.split(',').map((name) => name.trim()).filter((name) => name !== '');
}

// Options that differ from the server's defaults, in a fixed order: [[name, value text], …].
export function optionsOf(form) {
  const given = [];
  const add = (name, value, usual = '') => {
    const text = String(value).trim();
    if (text !== usual && text !== '') given.push([name, text]);
  };
  add('executor', form.executor, 'auto');
  add('workers', form.workers);
  add('mode', form.mode, 'vector');
  add('chunk_rows', form.chunk_rows);
  add('select', form.select[form.source]);
  add('limit', form.limit[form.source]);
  add('on_error', form.on_error, 'fail');
  if (form.source === 'file') {
    add('delimiter', form.delimiter);
    add('header', form.header, 'present');
  }
  return given;
}

// ---- generated frames: JSON ------------------------------------------------------------------------

const NUMBERS = ['workers', 'chunk_rows', 'limit'];

// Digits go out as they were typed (a seed may be larger than a JavaScript number is exact); what is
// no number goes out as a string, so that the server says what is wrong with it.
function numberText(text) {
  const trimmed = String(text).trim();
  return /^(0|[1-9]\d*)$/.test(trimmed) ? trimmed : JSON.stringify(trimmed);
}

function members(pairs) {
  return '{' + pairs.map(([name, text]) => `${JSON.stringify(name)}: ${text}`).join(', ') + '}';
}

// Made by hand: an object of JavaScript would put a column called 7 first.
export function letJson(lets) {
  return members(lets.map((row) => [row.name, JSON.stringify(row.expression)]));
}

export function generateJson(form) {
  return members([
    ['rows', numberText(form.rows)],
    ['columns', '[' + frameColumns(form).map((name) => JSON.stringify(name)).join(', ') + ']'],
    ['distribution', JSON.stringify(form.distribution)],
    ['seed', numberText(form.seed === '' ? '0' : form.seed)],
  ]);
}

export function bodyJson(form) {
  const pairs = [['generate', generateJson(form)], ['let', letJson(filledLets(form))]];
  for (const [name, value] of optionsOf(form))
    pairs.push([name, NUMBERS.includes(name) ? numberText(value) : selectJson(name, value)]);
  return members(pairs);
}

function selectJson(name, value) {
  if (name !== 'select' || value === 'all' || value === 'computed') return JSON.stringify(value);
  return JSON.stringify(value.split(',').map((column) => column.trim()));
}

// ---- files: a form ---------------------------------------------------------------------------------

// The parts of a multipart form before its file, in order.
export function partsOf(form) {
  const lets = filledLets(form).map((row) => ['let', `${letName(row.name)}=${row.expression}`]);
  return [...lets, ...optionsOf(form)];
}

export function formData(form, file) {
  const data = new FormData();
  for (const [name, value] of partsOf(form)) data.append(name, value);
  // Without the browser's opinion of its type, which the server might not know: it looks itself.
  data.append('data', new Blob([file]), file.name);
  return data;
}

// What "Result as" asks for, as headers.
export function acceptOf(form) {
  if (form.format === 'csv') return { Accept: 'text/csv' };
  if (form.format === 'json') return { Accept: 'application/json' };
  return {};
}

// {body, headers} for v1/compute.
export function requestOf(form, file) {
  if (form.source === 'file') return { body: formData(form, file), headers: acceptOf(form) };
  return { body: bodyJson(form), headers: { 'Content-Type': 'application/json', ...acceptOf(form) } };
}
