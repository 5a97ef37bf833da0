// try.js: the view "Try it", where the page opens: the built-in example has run, and the form beside it
// holds what ran. What is typed, and a run that goes on, survive a visit to another view; the last
// result survives a reload of the tab.
//
// data-test: try-form, try-summary (phones), reset, curl; and those of the try_… modules.

import { h, put, say } from './dom.js';
import { count, counted } from './format.js';
import { session } from './session.js';
import { curlCommand } from './try_curl.js';
import { makeForm } from './try_form.js';
import { outcomeSentence, outcomeView } from './try_outcome.js';
import { filledLets } from './try_request.js';
import { curlBlock, runRow } from './try_runner.js';
import { exampleForm, keepForm, loadForm, loadResult } from './try_state.js';
import { judge, runExample, runForm, sameFile, tab, whatThereIs } from './try_work.js';

const WIDE = matchMedia('(min-width: 1000px)');

export async function show(root, params, page) {
  page.title('Try it');
  tab.form = tab.form || loadForm();
  tab.result = tab.result || loadResult();
  const view = makeView(page);
  tab.view = view;
  put(root, view.element);
  if (tab.result && !shownAgain(view)) tab.result = null;
  if (!tab.result) view.waiting();
  if (tab.running && tab.running.job) view.began();
  else view.rest();
  if (!tab.result && !tab.running) runExample();
  const off = page.live.on('reconnected', () => serverIsBack(view));
  return () => {
    off();
    if (tab.view === view) tab.view = null;
    view.leave();
  };
}

// What failed because the server was away is no longer true.
function serverIsBack(view) {
  if (tab.message?.code === 'unreachable') view.forget();
  if (tab.result || tab.running) return;
  view.waiting();
  runExample();
}

// A result that another version of the page kept may lack something.
function shownAgain(view) {
  try {
    view.showResult();
    return true;
  } catch (error) {
    console.warn('The kept result cannot be shown:', error.message);
    return false;
  }
}

// What try_work.js tells the view: began, progress, finished, ended, failed, verdict.
function makeView(page) {
  const outcome = outcomeView();
  const work = workForm();
  const { runner, fold } = work;
  const title = h('h1', { class: 'try-title' }, 'Try it');
  const element = h('div', { class: 'try' });
  // On a phone the outcome comes first, and the form is a line above it until it is opened.
  const place = () => {
    fold.open = WIDE.matches;
    const { command } = work;
    if (WIDE.matches) put(element, h('div', { class: 'try-side' }, title, fold, command), outcome.element);
    else put(element, title, fold, outcome.element, command);
  };
  place();
  WIDE.addEventListener('change', place);
  const view = {
    element,
    verdict: outcome.verdict,
    forget: work.forget,
    waiting: () => outcome.waiting('The built-in example takes some milliseconds.'),
    rest: () => runner.rest(tab.message),
    began() {
      runner.began(tab.running, () => tab.running && tab.running.job.cancel());
      if (tab.result) outcome.age('another run is going on.');
    },
    progress: runner.progress,
    showResult() {
      const { result } = tab;
      outcome.result(result, () => workAtHand(result));
      judge(result);
    },
    finished() {
      view.rest();
      view.showResult();
      page.announce(outcomeSentence(tab.result.run));
      if (WIDE.matches || !fold.open) return;
      fold.open = false;
      scrollTo(0, 0);
    },
    ended(problem) {
      work.blame(problem);
      view.rest();
      if (tab.result) outcome.age(`the last run ${tab.message.bad ? 'failed' : 'was cancelled'}.`);
    },
    failed(problem) {
      outcome.waiting(problem.message, true);
      view.rest();
    },
    leave() {
      WIDE.removeEventListener('change', place);
      work.stop();
      outcome.destroy();
    },
  };
  return view;
}

// The form with its Run row, folded under a summary, and the command that does the same.
function workForm() {
  const curl = h('code', { dataset: { test: 'curl' } });
  const summary = h('summary', { class: 'try-summary', dataset: { test: 'try-summary' } });
  const slot = h('div');
  let form = null;
  const reset = h('button', { type: 'button', class: 'quiet', dataset: { test: 'reset' }, onclick: () => {
    tab.form = exampleForm();
    tab.file = null;
    build();
    forget();
  } }, 'Reset to the example');
  const runner = runRow(reset);
  // What was wrong with the last run may be right by now.
  const forget = () => {
    if (tab.running || !tab.message) return;
    tab.message = null;
    runner.rest(null);
  };
  const changed = () => {
    tab.file = form.file();
    keepForm(tab.form);
    say(curl, curlCommand(tab.form, { fileName: tab.form.file_name, signedIn: session.signedIn() }));
    say(summary, `Change the work: ${summaryOf(tab.form, tab.file)}`);
  };
  const build = () => {
    if (form) form.stop();
    form = makeForm(tab.form, tab.file, () => {
      forget();
      changed();
    });
    put(slot, form.element);
    changed();
    const mine = form;
    whatThereIs().then((there) => mine.setPlaces(there), () => {});
  };
  build();
  const stopSession = session.onSignedIn(changed);
  const submitted = (event) => {
    event.preventDefault();
    if (!tab.running) submit(form, runner);
  };
  const fold = h('details', { class: 'try-fold' }, summary,
    h('form', { class: 'panel', novalidate: true, 'aria-label': 'The work', dataset: { test: 'try-form' },
      onsubmit: submitted }, slot, runner.element));
  return {
    runner, fold, forget,
    command: curlBlock(curl),
    blame: (problem) => form.blame(problem),
    stop() {
      form.stop();
      stopSession();
    },
  };
}

function submit(form, runner) {
  form.clearBlame();
  if (tab.form.source === 'file' && !tab.file)
    runner.rest({ bad: true, text: 'Choose a file first, or use the generated frame.' });
  else runForm();
}

// The work of `result`, to compute it again, or null when its file is not at hand.
function workAtHand(result) {
  if (result.form.source === 'generated') return { form: result.form, file: null };
  return tab.file && sameFile(result.file, tab.file) ? { form: result.form, file: tab.file } : null;
}

function summaryOf(form, file) {
  const columns = counted(filledLets(form).length, 'computed column');
  if (form.source === 'file') return `${file ? file.name : 'a file'}, ${columns}`;
  return `${count(Number(form.rows))} generated rows, ${columns}`;
}
