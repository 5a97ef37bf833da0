// history_import.js: takes in runs that another server, or this one, exported as files.
//
// For tests: "import" (opens the place), "import-input" (input type=file), "import-drop",
// "import-result" (one line a file), "import-error".

import { h, put } from './dom.js';
import { send } from './api.js';
import { shortId } from './format.js';

// {button, element, onImported(fn)}
export function importPanel() {
  let imported = () => {};
  const results = h('ul', { class: 'import-results', role: 'status' });
  const input = h('input', { type: 'file', id: 'import-file', multiple: true,
    accept: '.json,application/json', dataset: { test: 'import-input' } });
  const drop = h('div', { class: 'import-drop', dataset: { test: 'import-drop' } },
    h('label', { for: 'import-file' }, 'Export files of runs (JSON); drop them here or choose them'), input);
  const element = h('section', { class: 'panel', 'aria-label': 'Import', hidden: true },
    h('h2', null, 'Import'), drop, results);
  const button = h('button', { type: 'button', 'aria-expanded': 'false', dataset: { test: 'import' },
    onclick: () => open(element.hidden) }, 'Import a run');

  function open(whether) {
    element.hidden = !whether;
    button.setAttribute('aria-expanded', String(whether));
    if (whether) input.focus();
  }
  async function take(files) {
    put(results);
    for (const file of files) results.append(await importFile(file));
    if (files.length > 0) imported();
    input.value = '';
  }
  input.addEventListener('change', () => take([...input.files]));
  drop.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    take([...event.dataTransfer.files]);
  });
  return { button, element, onImported: (fn) => { imported = fn; } };
}

// A line that says what became of the file.
async function importFile(file) {
  try {
    const reply = await send('v1/runs/import', { method: 'POST', body: await file.text(),
      headers: { 'Content-Type': 'application/json' } });
    const { id, imported } = await reply.json();
    return h('li', { dataset: { test: 'import-result' } }, `${file.name}: `,
      imported ? 'imported as run ' : 'was here already as run ',
      h('a', { href: '#run/' + id, class: 'mono' }, shortId(id)));
  } catch (error) {
    return h('li', { class: 'error-text', dataset: { test: 'import-error' } },
      `${file.name}: ${error.message}`);
  }
}
