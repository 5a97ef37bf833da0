// try_result.js: the first rows of a result, and its download.
//
// data-test: result-table, result-note, download (data-kind csv | json, one each), download-note.

import { h, saveBlob, say, table } from './dom.js';
import { bytes, count, counted, shortId } from './format.js';
import { filledLets, requestOf } from './try_request.js';
import { startJob } from './try_run.js';

const FEW = 4;     // columns that would look lost across the whole width
const DIGITS = 7;  // that are shown of a float; the download has all
const MANY = 8;    // columns that are too many for any screen
const NARROW = matchMedia('(max-width: 999px)');

// The rows of `result.head` as a panel. `atHand()` gives {form, file} of the work that made the result, or
// null when its file is gone.
export function resultPanel(result, atHand) {
  const { head } = result;
  const rounded = head ? anyRounded(head) : false;
  const order = head ? orderOf(result) : [];
  const moved = order.some((from, i) => from !== i);
  const note = h('p', { class: 'quiet small', 'aria-live': 'off', dataset: { test: 'download-note' } });
  return h('section', { class: 'panel try-result', 'aria-labelledby': 'try-result-title' },
    h('div', { class: 'panel-head' },
      h('h2', { id: 'try-result-title' }, 'First rows'),
      h('p', { class: 'quiet small', dataset: { test: 'result-note' } }, rowsNote(result, rounded),
        moved ? ' The computed columns stand first.' : ''),
      downloads(result, atHand, note)),
    head && head.names.length
      ? h('div', { class: head.names.length < FEW ? 'few' : null, dataset: { test: 'result-table' } },
        headTable(head, order))
      : h('p', { class: 'empty' }, result.note || 'The result has no columns to show.'), note);
}

function rowsNote(result, rounded) {
  const shown = result.head ? result.head.rows.length : 0;
  const all = result.rows_computed;
  const digits = rounded ? ` Shown with ${DIGITS} digits.` : '';
  if (result.whole)
    return `${count(shown)} of ${counted(all, 'row')}; all came back (${bytes(result.size)}).${digits}`;
  return `${count(shown)} of ${count(all)}: all were computed, ${count(result.limit)} came back.${digits}`;
}

// ---- the table -------------------------------------------------------------------------------------

function headTable({ names, types, rows }, order) {
  const columns = order.map((i) => ({
    title: [names[i] || '(no name)', types ? h('span', { class: 'type' }, types[i]) : null],
    number: types ? ['int64', 'float64'].includes(types[i]) : rows.every((row) => looksNumeric(row[i])),
    cell: (row) => cellOf(row[i]),
  }));
  return table('The first rows of the result', columns, rows);
}

// What the user asked for must be seen: where there is no room for all columns, the computed ones come
// first.
function orderOf({ head: { names }, form }) {
  const all = names.map((_, i) => i);
  if (!NARROW.matches && names.length <= MANY) return all;
  const computed = new Set(filledLets(form).map((row) => row.name));
  const first = all.filter((i) => computed.has(names[i]));
  return first.length < all.length ? [...first, ...all.filter((i) => !computed.has(names[i]))] : all;
}

function looksNumeric(text) {
  return text === null || text === undefined || (text.trim() !== '' && !Number.isNaN(Number(text)));
}

function cellOf(value) {
  if (value === null || value === undefined) return h('span', { class: 'quiet' }, 'null');
  const text = String(value);
  const short = shortFloat(value);
  return short === text ? text : h('span', { title: text }, short);
}

// Only of what is a float beyond doubt: a text of digits in a CSV may be an identifier.
function shortFloat(value) {
  const text = String(value);
  if (!/^-?\d*\.\d+(e[+-]?\d+)?$/i.test(text) || text.replace(/\D/g, '').length <= DIGITS + 1) return text;
  return String(Number(Number(value).toPrecision(DIGITS)));
}

function anyRounded({ rows }) {
  return rows.some((row) => row.some((cell) => cell !== null && shortFloat(cell) !== String(cell)));
}

// ---- downloads -------------------------------------------------------------------------------------

function downloads(result, atHand, note) {
  const button = (kind) => h('button', { type: 'button', class: 'quiet', dataset: { test: 'download', kind },
    title: result.blob && result.kind === kind ? null : 'Computes the columns once more, with all rows.',
    onclick: (event) => download(kind, result, atHand, note, event.currentTarget) },
  `Download ${kind.toUpperCase()}`);
  return h('div', { class: 'actions' }, button('csv'), button('json'));
}

// What came back is saved as it is, if it is all and of this kind; otherwise the work is done again,
// because the server keeps no tables.
async function download(kind, result, atHand, note, pressed) {
  const name = `${baseName(result)}.${kind}`;
  if (result.blob && result.kind === kind && result.whole) {
    saveBlob(result.blob, name);
    return;
  }
  const work = atHand();
  if (!work) {
    say(note, 'The file is no longer at hand: choose it again and run it.');
    return;
  }
  if (pressed.getAttribute('aria-disabled') === 'true') return;
  pressed.setAttribute('aria-disabled', 'true');  // keeps the focus, which `disabled` would lose
  const tell = (text) => {
    note.setAttribute('aria-live', 'polite');  // but not for each step on the way
    say(note, text);
  };
  note.setAttribute('aria-live', 'off');
  try {
    const form = { ...work.form, format: kind, limit: { generated: '', file: '' } };
    const job = startJob('v1/compute', requestOf(form, work.file),
      (progress) => say(note, stateOf(progress)));
    const blob = await (await job.done).blob();
    saveBlob(blob, name);
    tell(`${bytes(blob.size)} saved.`);
  } catch (problem) {
    tell(problem.message);
  } finally {
    pressed.removeAttribute('aria-disabled');
  }
}

function stateOf(progress) {
  if (progress.phase === 'upload') return 'Sending the file\u2026';
  if (!progress.total) return 'Computing\u2026';
  return `${count(progress.done)} of ${counted(progress.total, 'row')}\u2026`;
}

function baseName(result) {
  if (!result.file) return 'colonnade-' + shortId(result.id);
  return result.file.name.replace(/\.[^.]*$/, '') + '-computed';
}

