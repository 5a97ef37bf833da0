// try_runner.js: the Run button of "Try it", the progress of what runs, how the last run ended, and the
// command for a shell.
//
// data-test: run-button, cancel, progress (data-phase upload | rows | done), run-error (data-code),
// run-message, copy-curl.

import { h, put, say } from './dom.js';
import { copyButton } from './dom_copy.js';
import { bytes, count, counted } from './format.js';

// The Run button, the progress of what runs, and how the last run ended.
export function runRow(...others) {
  const button = h('button', { type: 'submit', class: 'primary', dataset: { test: 'run-button' } }, 'Run');
  const cancel = h('button', { type: 'button', dataset: { test: 'cancel' }, hidden: true }, 'Cancel');
  const bar = h('progress', { 'aria-label': 'Progress of the run' });
  const words = h('p', { class: 'quiet small' });
  const progressBox = h('div', { class: 'try-progress', hidden: true,
    dataset: { test: 'progress', phase: 'idle' } }, bar, words);
  const message = h('div', { 'aria-live': 'polite' });
  let onCancel = null;
  let cancelled = false;
  cancel.addEventListener('click', () => {
    cancelled = document.activeElement === cancel;
    cancel.disabled = true;
    say(words, 'Cancelling\u2026');
    if (onCancel) onCancel();
  });
  const draw = (at) => {
    progressBox.dataset.phase = at.phase;
    const [done, total] = at.phase === 'upload' ? [at.sent, at.total] : [at.done, at.total];
    if (total) {
      bar.max = total;
      bar.value = Math.min(done, total);
    } else bar.removeAttribute('value');
    if (!at.wanted) say(words, progressWords(at));
  };
  return {
    element: h('div', { class: 'try-run' },
      h('div', { class: 'actions' }, button, cancel, others), progressBox, message),
    began(running, stop) {
      onCancel = stop;
      const focused = document.activeElement === button;
      button.disabled = true;
      cancel.hidden = cancel.disabled = false;
      if (focused) cancel.focus({ preventScroll: true });  // a button that is disabled loses it
      progressBox.hidden = false;
      put(message);
      draw(running.progress);
    },
    progress: draw,
    rest(ended) {
      const focused = document.activeElement === cancel || cancelled;
      cancelled = false;
      button.disabled = false;
      if (focused && !cancel.hidden) button.focus({ preventScroll: true });
      cancel.hidden = true;
      if (progressBox.dataset.phase !== 'idle') progressBox.dataset.phase = 'done';
      progressBox.hidden = true;
      put(message, ended ? messageOf(ended) : null);
      if (ended && ended.bad) message.scrollIntoView({ block: 'nearest' });
    },
  };
}

function progressWords({ phase, sent, done, total }) {
  if (phase === 'done') return 'All rows are done; the result is fetched\u2026';
  if (phase === 'upload') return total ? `Upload: ${bytes(sent)} of ${bytes(total)}` : 'Sending\u2026';
  if (total) return `${count(done)} of ${counted(total, 'row')} done`;
  // How many rows a CSV file has is known only when all of it was read.
  return done ? `${counted(done, 'row')} done` : 'Waiting for the first rows\u2026';
}

function messageOf({ bad, text, where, code }) {
  if (!bad) return h('p', { class: 'quiet small', dataset: { test: 'run-message' } }, text);
  return h('div', { class: 'try-error', role: 'alert', dataset: { test: 'run-error', code } },
    h('p', { class: 'error-text' }, text), where ? h('p', { class: 'quiet small' }, `In ${where}.`) : null);
}

// ---- parts -----------------------------------------------------------------------------------------

// `curl` is the <code> that shows the command.
export function curlBlock(curl) {
  return h('section', { class: 'panel try-curl', 'aria-labelledby': 'try-curl-title' },
    h('div', { class: 'panel-head' }, h('h2', { id: 'try-curl-title' }, 'The same with curl'),
      copyButton(() => curl.textContent, 'Copy', { 'data-test': 'copy-curl' })),
    h('pre', { tabindex: '0', role: 'region', 'aria-label': 'The command' }, curl));
}
