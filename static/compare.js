// compare.js: the view "compare": questions to begin with, the form of an experiment, its progress,
// and what it found.
//
// data-test: preset (data-preset), compare-run, compare-progress (data-state), compare-cancel,
// compare-error, compare-empty, compare-age (an earlier result is shown), question; those of the form and
// the result are listed in their modules.

import { cancelJob, get, Problem, resultOfJob, submitJob, watchJob } from './api.js';
import { ExperimentForm } from './compare_form.js';
import { PRESETS } from './compare_presets.js';
import { blankForm, formOf, jsonText, sizeOf } from './compare_request.js';
import { comparedRun, comparisonView, keptComparisons } from './compare_result.js';
import { h, put, say } from './dom.js';
import { count, shortId, when } from './format.js';
import { hasCluster } from './stages.js';
import { shownSentence } from './verdict_text.js';

// An experiment goes on when the view is left; who comes back finds it here.
let underway = null;  // {id, form, text, size}

export async function show(root, params, page) {
  const view = new CompareView(root, page, await whatThereIs());
  await view.open(params[0]);
  return () => view.leave();
}

async function whatThereIs() {
  try {
    const pools = await get('v1/pools');
    return { cpus: pools.cpus.usable, cluster: hasCluster(pools) };
  } catch {
    return { cpus: 2, cluster: false };
  }
}

class CompareView {
  constructor(root, page, { cpus, cluster }) {
    this.page = page;
    this.cpus = cpus;
    this.left = false;
    this.result = null;
    this.shown = null;  // the run that `result` shows
    this.leaving = new AbortController();
    this.form = new ExperimentForm(blankForm(cpus), cluster);
    this.presets = PRESETS.map((preset) => this.presetCard(preset));
    this.question = h('p', { class: 'question', dataset: { test: 'question' }, hidden: true });
    this.run = h('button', { type: 'submit', class: 'primary', dataset: { test: 'compare-run' } },
      'Run the experiment');
    this.error = h('div', { class: 'error-text', role: 'alert', dataset: { test: 'compare-error' } });
    this.progress = this.progressPart();
    this.space = h('div', { class: 'compare-space' });
    this.age = h('p', { class: 'panel compare-age', hidden: true, dataset: { test: 'compare-age' } });
    this.below = h('div', { class: 'compare-below' });
    this.fold = h('details', { class: 'panel compare-form', open: true },
      h('summary', null, h('h2', null, 'Experiment')), this.question,
      h('form', { novalidate: true, onsubmit: (event) => { event.preventDefault(); this.start(); } },
        this.form.element, this.error, h('div', { class: 'actions' }, this.run)), this.progress.element);
    this.title = h('h1', null, 'Compare');
    put(root, this.title,
      h('p', { class: 'quiet' }, 'One piece of work under many executors, numbers of workers and modes: ' +
        'which is fastest, by how much, and what the difference is made of.'),
      h('section', { 'aria-label': 'Questions to begin with' }, h('ul', { class: 'presets' },
        this.presets.map((card) => h('li', null, card)))),
      h('div', { class: 'compare-columns' }, this.fold,
        h('div', { class: 'compare-main' }, this.space)), this.below);
    this.name('Compare');
    this.offBack = page.live.on('reconnected', () => this.unreachable && this.showError(null));
  }

  // The heading and the window's title are the same.
  name(text) {
    say(this.title, text);
    this.page.title(text);
  }

  // ---- beginning ----

  async open(id) {
    if (underway && !id) this.watchAgain();
    else if (id) await this.openKept(id);
    else await this.openNewest();
  }

  watchAgain() {
    this.form.fill(underway.form);
    this.markPreset(this.presetOf(underway.form));
    this.showMessage('Measuring', 'What the experiment finds appears here.');
    this.watch(underway);
  }

  async openKept(id) {
    const run = await comparedRun(id);
    if (run.comparison) this.showRun(run);
    else if (run.operation === 'compare')
      this.showMessage('There is nothing to show',
        run.error ? `This comparison failed: ${run.error.detail || run.error.title}`
          : 'Of this comparison only the record is kept, not what it found.');
    else
      this.showMessage('That is no comparison', `Run ${shortId(id)} is of another kind (${run.operation}). `,
        h('a', { href: `#run/${id}` }, 'Open the run'));
  }

  async openNewest() {
    this.usePreset(PRESETS.find((preset) => preset.id === 'row-hash'), false);
    try {
      const [newest] = await keptComparisons(1);
      const run = newest && await comparedRun(newest.id);
      if (this.left || underway) return;
      if (run?.comparison) this.showRun(run, { named: false });
      else this.showInvitation();
    } catch {
      this.showInvitation();
    }
  }

  showInvitation() {
    put(this.space, h('div', { class: 'panel empty', dataset: { test: 'compare-empty' } },
      h('h2', null, 'Nothing was compared yet'),
      h('p', null, 'Pick a question above: it fills in the experiment. Then run it; each takes a few ' +
        'seconds. The verdict, the charts and all measured cases appear here.'),
      h('p', { class: 'actions' },
        h('button', { type: 'button', class: 'primary', onclick: () => this.start() },
          'Run the experiment as it stands'))));
  }

  showMessage(title, ...text) {
    put(this.space, h('div', { class: 'panel empty', dataset: { test: 'compare-message' } },
      h('h2', null, title), h('p', null, text)));
  }

  // ---- presets ----

  presetCard(preset) {
    return h('button', { type: 'button', class: 'preset', 'aria-pressed': 'false',
      dataset: { test: 'preset', preset: preset.id }, onclick: () => this.usePreset(preset, true) },
    h('span', { class: 'preset-title' }, preset.title),
    h('span', { class: 'preset-question' }, preset.question));
  }

  usePreset(preset, byHand) {
    this.form.fill(preset.form(this.cpus));
    this.markPreset(preset);
    this.showError(null);
    if (!byHand) return;
    this.fold.open = true;
    this.page.announce(`Filled in: ${preset.title}. ${preset.question}`);
    if (isNarrow()) this.fold.scrollIntoView({ block: 'start' });
  }

  markPreset(preset) {
    for (const card of this.presets)
      card.setAttribute('aria-pressed', String(card.dataset.preset === preset?.id));
    this.question.hidden = !preset;
    put(this.question, preset ? preset.question : '');
  }

  // ---- running ----

  progressPart() {
    const bar = h('progress', { max: 1, 'aria-label': 'Progress of the experiment' });
    const text = h('p', { class: 'small' });
    const cancel = h('button', { type: 'button', class: 'danger', dataset: { test: 'compare-cancel' },
      onclick: () => this.cancel() }, 'Cancel');
    const attributes = { class: 'compare-progress', hidden: true, dataset: { test: 'compare-progress' } };
    const element = h('div', attributes, bar, h('div', { class: 'panel-head' }, text, cancel));
    return { element, bar, text, cancel };
  }

  async start() {
    if (this.run.disabled) return;
    this.showError(null);
    if (underway) {
      put(this.error, 'An experiment is still running. ', h('a', { href: '#compare' }, 'Show it'));
      return;
    }
    const request = this.form.request();
    if (!request) return;
    this.run.disabled = true;
    this.wanted = false;
    this.progress.cancel.disabled = false;
    this.showProgress({ state: 'pending', done_rows: 0, total_rows: null }, sizeOf(request));
    this.page.announce('The experiment has begun.');
    this.progress.element.scrollIntoView({ block: 'nearest' });
    if (document.activeElement === document.body || document.activeElement === this.run)
      this.progress.cancel.focus({ preventScroll: true });
    try {
      const text = jsonText(request);
      const headers = { 'Content-Type': 'application/json' };
      const form = { ...this.form.form };
      const job = await submitJob('v1/compare', text, { headers });
      underway = { id: job.id, form, text, size: sizeOf(request) };
      if (this.wanted) await cancelJob(job.id).catch(() => {});
      await this.watch(underway);
    } catch (error) {
      this.fail(error);
    }
  }

  async watch(experiment) {
    if (this.left) return;
    this.run.disabled = true;
    this.progress.cancel.disabled = Boolean(this.wanted);
    this.ageResult('it does not answer the experiment that is running.');
    try {
      const job = await watchJob(experiment.id, (progress) => this.showProgress(progress, experiment.size),
        this.leaving.signal);
      if (this.left) return;
      if (underway === experiment) underway = null;
      if (job.state === 'finished') await this.finish(experiment);
      else if (job.state === 'cancelled') this.end('The experiment was cancelled.');
      else this.fail(new Problem(job.error || { detail: 'The experiment failed.' }));
    } catch (error) {
      if (this.left) return;  // it goes on, and is watched again when the view is back
      if (underway === experiment) underway = null;
      this.fail(error);
    }
  }

  // What an earlier experiment found must not pass for the answer to the present one.
  ageResult(why) {
    if (!this.shown) return;
    const at = this.shown.started_at ? `, of ${when(this.shown.started_at)}` : '';
    put(this.age, h('b', null, `Earlier result${at}`), `: ${why}`);
    this.age.hidden = false;
  }

  async finish(experiment) {
    const comparison = await (await resultOfJob(experiment.id)).json();
    let run = { id: comparison.run, started_at: null, comparison, request_text: experiment.text };
    try {
      run = await comparedRun(comparison.run);
    } catch {
      // The record was dropped already; the reply itself is enough.
    }
    if (this.left) return;
    this.end('');
    this.showRun(run, { fresh: true });
    // The address names what is shown; the router need not hear, for it is shown already.
    history.replaceState(null, '', `#compare/${comparison.run}`);
    this.page.announce(`Done. ${shownSentence(comparison.verdict[0])}`);
  }

  showProgress({ state, done_rows: done, total_rows: total }, size) {
    if (this.left) return;
    const { element, bar, text } = this.progress;
    element.hidden = false;
    element.dataset.state = state;
    const known = total > 0;
    if (known) bar.value = done / total;
    else bar.removeAttribute('value');
    const runs = size.cases + size.samples;
    // Rows, not runs, are what is counted; with a sweep over rows they are no measure of runs.
    say(text, known
      ? `${count(done)} of ${count(total)} ${this.form.form.kind === 'map' ? 'calls' : 'rows'}, ` +
        `in ${count(runs)} runs (${count(size.samples)} samples and ${count(size.cases)} warm-ups)`
      : state === 'pending' ? 'Waiting: experiments run one after another' : 'Making the table');
  }

  async cancel() {
    this.wanted = true;
    this.progress.cancel.disabled = true;
    say(this.progress.text, 'Cancelling');
    if (!underway) return;  // start() does it when it knows which
    try {
      await cancelJob(underway.id);
    } catch {
      // It has ended meanwhile; watch() hears of it.
    }
  }

  end(message) {
    if (this.left) return;
    const focused = this.progress.element.contains(document.activeElement);
    if (!this.age.hidden) this.ageResult('the experiment after it was not finished.');
    this.run.disabled = false;
    this.progress.element.hidden = true;
    if (focused) this.run.focus({ preventScroll: true });
    if (!message) return;
    this.showError(message);
    this.page.announce(message);
  }

  fail(error) {
    if (this.left) return;
    this.end('');
    if (!(error instanceof Problem)) console.error(error);
    this.fold.open = true;
    if (error instanceof Problem && this.form.fail(error)) return;
    this.showError(error.detail || error.message);
    this.unreachable = error.code === 'unreachable';
  }

  showError(text) {
    this.unreachable = false;
    put(this.error, text);
  }

  // ---- the result ----

  showRun(run, { fresh = false, named = true } = {}) {
    if (this.left) return;
    if (this.result) this.result.destroy();
    this.result = comparisonView(run, this.page);
    this.shown = run;
    this.age.hidden = true;
    put(this.space, this.age, this.result.beside);
    put(this.below, this.result.below);
    const id = run.id || run.comparison.run;
    this.space.dataset.run = id;
    if (named) this.name(`Comparison ${shortId(id)}`);
    if (!fresh && run.request_text) {
      const form = formOf(run.request_text, this.cpus, run.comparison.cases);
      this.form.fill(form);
      this.markPreset(this.presetOf(form));
    }
    // Who ran it with the keyboard goes on reading there.
    if (fresh && this.fold.contains(document.activeElement))
      this.space.querySelector('h2').focus({ preventScroll: true });
    if (isNarrow()) this.fold.open = false;
    const first = this.space.querySelector('.verdict');
    const { top } = first.getBoundingClientRect();
    if (fresh && (top < 0 || top > innerHeight / 2)) first.scrollIntoView({ block: 'start' });
  }

  // The question that a form asks, if it is that of a preset.
  presetOf(made) {
    return PRESETS.find((preset) => {
      const form = preset.form(this.cpus);
      const same = form.kind === 'map' ? ['fn', 'args'] : ['lets', 'modes', 'chunks', 'sweep'];
      return form.kind === made.kind && same.every((field) => plain(form[field]) === plain(made[field]));
    });
  }

  leave() {
    this.left = true;
    this.leaving.abort();
    this.offBack();
    this.form.stop();
    if (this.result) this.result.destroy();
  }
}

function plain(value) {
  return String(value).replace(/\s+/g, '');
}

function isNarrow() {
  return matchMedia('(max-width: 899px)').matches;
}
