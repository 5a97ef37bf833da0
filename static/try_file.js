// try_file.js: choosing a file, by drop or by the input, and looking at its first 64 KiB.
//
// data-test: drop, file-input, file-name, file-preview.

import { h, newId, put, say, table } from './dom.js';
import { bytes, counted } from './format.js';
import { elementsOf, memberSource, membersOf } from './json_source.js';
import { guessType, readCsv, separatorOf } from './try_csv.js';

const LOOK_BYTES = 65536;
const JSON_LOOK_BYTES = 1 << 20;  // JSON has no beginning that can be read alone
const PREVIEW_ROWS = 3;
const ACCEPTED = '.csv,.tsv,.txt,.json,text/csv,text/tab-separated-values,application/json';

// What is known of `file` from its beginning, under the form's delimiter and header:
// {names, types, rows, kind: 'csv' | 'json', note}. names is null when they cannot be known here.
export async function lookAt(file, form) {
  const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  if ((head[0] === 0x1f && head[1] === 0x8b) || (head[0] === 0x28 && head[1] === 0xb5))
    return unknown('csv', 'A compressed file. Decompress it first: CSV and JSON are taken as they are.');
  const text = new TextDecoder().decode(await file.slice(0, LOOK_BYTES).arrayBuffer());
  if (/^\ufeff?\s*\{/.test(text)) return lookAtJson(file);
  const separator = separatorOf(form.delimiter, file.name);
  const records = readCsv(text, separator, 5000, file.size > LOOK_BYTES);
  if (records.length === 0) return unknown('csv', file.size === 0 ? 'The file is empty.' : '');
  const absent = form.header === 'absent';
  const names = records[0].map((name, i) => (absent ? `c${i}` : name || ''));
  const rows = absent ? records : records.slice(1);
  const types = names.map((_, i) => guessType(rows.map((row) => row[i])));
  const note = delimiterNote(names, form, file);
  return { kind: 'csv', names, types, rows: rows.slice(0, PREVIEW_ROWS), note };
}

function unknown(kind, note) {
  return { kind, names: null, types: null, rows: [], note };
}

function delimiterNote(names, form, file) {
  if (names.length !== 1 || form.delimiter.trim() !== '') return '';
  for (const [word, character] of [['semicolon', ';'], ['tab', '\t'], ['pipe', '|']])
    if (names[0].includes(character) && separatorOf('', file.name) !== character)
      return `Only one column was found. Perhaps the delimiter is a ${word}: see More options.`;
  return '';
}

async function lookAtJson(file) {
  if (file.size > JSON_LOOK_BYTES)
    return unknown('json', 'A large JSON file: its columns are found by the server.');
  const text = await file.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    return unknown('json', 'The file does not parse as JSON; the server will say where.');
  }
  const { columns } = body;
  if (!columns || typeof columns !== 'object' || Array.isArray(columns))
    return unknown('json', 'The file has no member "columns".');
  const sources = membersOf(memberSource(text, ['columns']));
  const names = sources.map(([name]) => name);
  const first = sources.map(([, source]) => (source[0] === '[' ? elementsOf(source, PREVIEW_ROWS) : []));
  const longest = Math.max(0, ...first.map((column) => column.length));
  const rows = Array.from({ length: longest }, (_, i) => first.map((column) => shownJson(column[i])));
  const types = names.map((name) => jsonType(Array.isArray(columns[name]) ? columns[name] : []));
  return { kind: 'json', names, types, rows, note: '' };
}

function shownJson(value) {
  if (value === null || value === undefined) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function jsonType(cells) {
  const seen = cells.filter((cell) => cell !== null);
  if (seen.length === 0) return 'null';
  if (seen.every((cell) => typeof cell === 'boolean')) return 'bool';
  if (!seen.every((cell) => typeof cell === 'number')) return 'string';
  return seen.every(Number.isInteger) ? 'int64' : 'float64';
}

// ---- the field -------------------------------------------------------------------------------------

// {element, show(file, seen, before)}; `chosen(file)` is called with the file that was picked or
// dropped. `before` names a file that was chosen before the page was loaded again, and is gone.
export function fileField(chosen) {
  const id = newId('file');
  const input = h('input', {
    type: 'file', id, class: 'unseen', accept: ACCEPTED,
    'aria-describedby': `${id}-kept`, dataset: { test: 'file-input' },
    onchange: () => {
      const [file] = input.files;
      if (!file) return;
      chosen(file);
      input.value = '';  // else the same file, when it has changed, could not be chosen again
    },
  });
  const name = h('span', { class: 'file-name', dataset: { test: 'file-name' } });
  const preview = h('div', {
    class: 'file-preview', 'aria-live': 'polite', dataset: { test: 'file-preview' } });
  const action = h('span', { class: 'button' });
  const drop = h('label', { class: 'drop', for: id, dataset: { test: 'drop' } }, input, name, action);
  listenForDrops(drop, chosen);
  const element = h('div', { class: 'field' }, drop,
    h('p', { class: 'help', id: `${id}-kept` },
      'CSV, TSV or JSON. The upload is not kept: afterwards the server has the figures of the run, ' +
      'not the file.'),
    preview);
  const show = (file, seen, before) => {
    if (file) put(name, h('b', null, file.name), ` ${bytes(file.size)}`);
    else put(name, before ? `${before} is no longer at hand: choose it again.` : 'Drop a file here, or');
    say(action, file ? 'Another file' : 'Choose a file');
    put(preview, file && seen ? previewOf(file, seen) : null);
  };
  show(null, null, '');
  return { element, show };
}

function listenForDrops(zone, chosen) {
  const over = (event) => {
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
    zone.classList.add('over');
  };
  zone.addEventListener('dragenter', over);
  zone.addEventListener('dragover', over);
  zone.addEventListener('dragleave', (event) => {
    if (!zone.contains(event.relatedTarget)) zone.classList.remove('over');
  });
  zone.addEventListener('drop', (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    if (event.dataTransfer.files.length) chosen(event.dataTransfer.files[0]);
  });
}

function previewOf(file, seen) {
  if (!seen.names) return h('p', { class: 'help' }, seen.note);
  const columns = seen.names.map((name, i) => ({
    title: [name || '(no name)', h('span', { class: 'type' }, seen.types[i])],
    number: ['int64', 'float64'].includes(seen.types[i]),
    cell: (row) => (row[i] === null || row[i] === undefined ? '' : row[i]),
  }));
  const part = file.size > LOOK_BYTES && seen.kind === 'csv';
  return [table(`The first rows of ${file.name}`, columns, seen.rows),
    h('p', { class: 'help' }, counted(seen.names.length, 'column'),
      part ? '; types as its first 64 KiB look, the server looks at all of it.' : '.'),
    seen.note ? h('p', { class: 'help' }, seen.note) : null];
}
