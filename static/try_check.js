// try_check.js: asks v1/check about the computed columns while they are typed, and turns its answer
// into one finding a row: {type, canonical} or {message, position}.

import { send } from './api.js';
import { indexOfByte } from './code_caret.js';
import { filledLets, letJson, plainName } from './try_request.js';

const PAUSE_MS = 250;  // of typing, before the server is asked

// `ask()` gives {lets, columns: Map of name to type, or null when unknown}; `answer(findings, message)`
// gets an array along `lets`, or null and why there is none. An answer that came too late is dropped.
export function checker(ask, answer) {
  let timer = 0;
  let going = null;
  const now = async () => {
    if (going) going.abort();
    going = new AbortController();
    const { signal } = going;
    const { lets, columns } = ask();
    const findings = lets.map((row, i) => ownFinding(lets, i));
    try {
      const checked = await checkOnServer(lets, findings, columns, signal);
      if (!signal.aborted) answer(checked, '');
    } catch (problem) {
      if (!signal.aborted && problem.name !== 'AbortError') answer(findings, problem.message);
    }
  };
  return {
    soon() {
      clearTimeout(timer);
      timer = setTimeout(now, PAUSE_MS);
    },
    stop() {
      clearTimeout(timer);
      if (going) going.abort();
    },
  };
}

// What is seen to be wrong without the server: {message}; {} for a row that it is asked about.
function ownFinding(lets, i) {
  const name = plainName(lets[i].name);
  const expression = lets[i].expression.trim();
  if (name === '' && expression === '') return { empty: true };
  if (name === '') return { message: 'The new column needs a name.', atName: true };
  if (expression === '') return { empty: true };
  if (lets.slice(0, i).some((row) => plainName(row.name) === name))
    return { message: `There is already a computed column called ${name}.`, atName: true };
  return {};
}

async function checkOnServer(lets, findings, columns, signal) {
  const asked = lets.map((row, i) => i).filter((i) => !findings[i].message && !findings[i].empty);
  if (asked.length === 0) return findings;
  const form = { lets: asked.map((i) => lets[i]) };
  const types = Object.fromEntries(columns || []);
  const reply = await send('v1/check', { method: 'POST', signal,
    headers: { 'Content-Type': 'application/json' },
    body: `{"columns": ${JSON.stringify(types)}, "let": ${letJson(filledLets(form))}}` });
  const checked = await reply.json();
  for (const i of asked) findings[i] = findingOf(lets[i], checked, columns !== null);
  return findings;
}

// Without the columns, only what is wrong with the text itself is known.
const ABOUT_TEXT = ['syntax_error', 'unknown_function', 'limit_exceeded', 'unknown_key'];

function findingOf(row, checked, columnsKnown) {
  const name = plainName(row.name);
  const problem = checked.errors.find((error) => error.column === name);
  if (problem && (columnsKnown || ABOUT_TEXT.includes(problem.code))) return faultOf(row, problem);
  if (!columnsKnown) return { note: 'Types are checked when it runs.' };
  return { type: checked.types[name], canonical: canonicalOf(name, checked.recipe) };
}

function canonicalOf(name, recipe) {
  const quoted = '`' + name.replaceAll('`', '``') + '`';
  const line = recipe.find((one) => one.startsWith(`${name} = `) || one.startsWith(`${quoted} = `));
  return line || '';
}

// A problem of the server's as a finding for the row: the position in characters of what was typed.
export function faultOf(row, problem) {
  const finding = { message: problem.detail || problem.title };
  if (typeof problem.position !== 'number') return finding;
  const before = row.expression.length - row.expression.trimStart().length;  // blanks are not sent
  const index = before + indexOfByte(row.expression.slice(before), problem.position);
  finding.index = index;
  finding.position = [...row.expression.slice(0, index)].length;
  return finding;
}
