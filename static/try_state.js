// try_state.js: what the form of "Try it" holds, what it held when the tab was last loaded, and the
// built-in example. Only this tab keeps it (sessionStorage); a chosen file is kept by nobody.

const FORM_KEY = 'colonnade-try-form';
const RESULT_KEY = 'colonnade-try-result';
const RESULT_MAX = 2e6;  // characters; browsers allow about five million for a whole site

// Texts as they stand in the fields: what is empty is left to the server. `limit` and `select` have one
// value for each source, because a frame made for a demonstration is looked at and a file is downloaded.
export function exampleForm() {
  return {
    source: 'generated',
    rows: '100000',
    columns: 'a, b, c, d',
    distribution: 'normal',
    seed: '1',
    lets: [
      { name: 'res1', expression: '(a-b)/(c+d)**2' },
      { name: 'key', expression: 'md5(a,b)' },
    ],
    executor: 'auto',
    workers: '',
    mode: 'vector',
    chunk_rows: '',
    limit: { generated: '8', file: '' },
    select: { generated: 'all', file: '' },
    format: '',
    on_error: 'fail',
    delimiter: '',
    header: '',
    file_name: '',  // of the file that was chosen last: the file itself cannot be kept
  };
}

// A form that an earlier version of the page kept may lack members.
export function loadForm() {
  const kept = read(FORM_KEY);
  const form = exampleForm();
  if (!kept || !Array.isArray(kept.lets)) return form;
  for (const name of Object.keys(form)) if (typeof kept[name] === typeof form[name]) form[name] = kept[name];
  return form;
}

export function keepForm(form) {
  write(FORM_KEY, form);
}

export function loadResult() {
  const kept = read(RESULT_KEY);
  return kept && kept.run && kept.run.timing ? kept : null;
}

// The blob to download is not kept, and of a run with very many chunks the chunks are not.
export function keepResult(result) {
  const { blob, request, ...rest } = result;
  if (write(RESULT_KEY, rest)) return;
  if (rest.run) write(RESULT_KEY, { ...rest, run: { ...rest.run, chunks: [] } });
}

function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null;
  }
}

function write(key, value) {
  const text = JSON.stringify(value);
  if (text.length > RESULT_MAX) return false;
  try {
    sessionStorage.setItem(key, text);
    return true;
  } catch {
    return false;  // storage is full or forbidden: the page does without
  }
}
