// run_again.js: sends a run's request again, or says why it cannot be.
//
// For tests: "run-again", "progress", "cancel", "run-error", "no-rerun", "curl", "copy-curl".

import { h, isIdle, put, say, setBusy } from './dom.js';
import { address, cancelJob, getText, submitJob, watchJob } from './api.js';
import { count, counted } from './format.js';
import { copyButton } from './dom_copy.js';
import { session } from './session.js';
import { curlFile, shellQuote, tokenWords } from './try_curl.js';
import { memberSource } from './json_source.js';
import { runPath } from './run_files.js';

// {button, panel, stop}: the button for the head of the view, the place for progress or the reason.
export function runAgain(run, page) {
  const { request } = run;
  if (request && run.input?.kind !== 'upload' && request.json) return againOf(run, page);
  const panel = run.input?.kind === 'upload' ? uploadPanel(run) : null;
  return { button: null, panel, stop: () => {} };
}

function againOf(run, page) {
  const panel = h('div', { hidden: true });
  const button = h('button', { type: 'button', class: 'primary', dataset: { test: 'run-again' } },
    'Run again');
  let job = null;
  let cancelled = false;  // also before the server has said which job it is
  const leaving = new AbortController();

  button.addEventListener('click', async () => {
    if (!isIdle(button)) return;
    setBusy(button, true);
    cancelled = false;
    panel.hidden = false;
    const bar = h('progress', { 'aria-label': 'Rows done', dataset: { test: 'progress', phase: 'rows' } });
    const text = h('p', { class: 'quiet small' }, 'Sent.');
    put(panel, h('div', { class: 'panel' }, bar, text, h('div', { class: 'actions' },
      h('button', { type: 'button', class: 'quiet', dataset: { test: 'cancel' },
        onclick: () => {
          cancelled = true;
          if (job) cancelJob(job.id).catch(() => {});
        } }, 'Cancel'))));
    page.announce('The run has begun.');
    try {
      const source = memberSource(await getText(runPath(run.id)), ['request', 'json']);
      job = await submitJob(relative(run.request.path), source,
        { headers: { 'Content-Type': 'application/json' } });
      if (cancelled) cancelJob(job.id).catch(() => {});
      const end = await watchJob(job.id, (progress) => showProgress(bar, text, progress), leaving.signal);
      if (end.state === 'finished' && end.run) return void page.go('run/' + end.run);
      const why = end.state === 'cancelled' ? 'The run was cancelled.' : end.error?.detail;
      fail(why || 'The run failed.', end.run);
    } catch (error) {
      if (!leaving.signal.aborted) fail(error.message);
    }
  });
  function fail(why, id) {
    const held = panel.contains(document.activeElement);
    job = null;
    setBusy(button, false);
    put(panel, h('div', { class: 'panel', role: 'alert', dataset: { test: 'run-error' } },
      h('p', { class: 'error-text' }, why),
      id && h('p', null, h('a', { href: '#run/' + id }, 'Open that run'))));
    if (held) button.focus();
  }
  return { button, panel, stop: () => leaving.abort() };
}

function showProgress(bar, text, { done_rows: done, total_rows: total }) {
  if (total > 0) {
    bar.max = total;
    bar.value = Math.min(done, total);
    say(text, `${count(done)} of ${counted(total, 'row')} done.`);
  } else {
    say(text, done > 0 ? `${counted(done, 'row')} done.` : 'Working.');
  }
}

// The page may lie behind a path prefix.
function relative(path) {
  return path.replace(/^\/+/, '');
}

// ---- an upload -------------------------------------------------------------------------------------

function curlOfUpload(run, file = 'FILE') {
  const words = [...tokenWords(session.signedIn()),
    ...run.request.options.map(([name, value]) => '--form-string ' + shellQuote(`${name}=${value}`))];
  words.push('-F ' + shellQuote('data=' + curlFile(file)), shellQuote(address(relative(run.request.path))));
  return 'curl ' + words.join(' \\\n  ');
}

function uploadPanel(run) {
  const gone = 'The uploaded data were not kept, so this run cannot be run again without them.';
  if (!run.request?.options) {
    return h('section', { class: 'panel', dataset: { test: 'no-rerun' }, 'aria-label': 'Run it again' },
      h('h2', null, 'Run it again'), h('p', null, gone));
  }
  const curl = curlOfUpload(run);
  return h('section', { class: 'panel', dataset: { test: 'no-rerun' }, 'aria-label': 'Run it again' },
    h('div', { class: 'panel-head' }, h('h2', null, 'Run it again'),
      h('div', { class: 'actions' }, copyButton(curl, 'Copy as curl', { 'data-test': 'copy-curl' }))),
    h('p', null, `${gone} With the file at hand this command gives the same columns; put its name in the ` +
      'place of FILE.'),
    h('pre', { dataset: { test: 'curl' }, tabindex: '0' }, curl));
}
