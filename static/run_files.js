// run_files.js: a run's document, a run as files, and its trace in Perfetto.
//
// For tests: "download-trace", "download-json", "download-csv", "export", "open-perfetto",
// "perfetto-state".

import { h, say, saveBlob } from './dom.js';
import { getText, send } from './api.js';
import { shortId } from './format.js';
import { memberSource } from './json_source.js';
import { inOrder } from './timeline_model.js';

const PERFETTO = 'https://ui.perfetto.dev';
const BY_HAND = 'Download the Chrome trace and open it at ui.perfetto.dev.';
const PING_MS = 100;
const PATIENCE_MS = 30000;

function fileName(run, what) {
  return `colonnade-${shortId(run.id)}${what}`;
}

export function runPath(id, rest = '') {
  return `v1/runs/${encodeURIComponent(id)}${rest}`;
}

// The document of a run; a seed beyond 2^53 is kept as it was sent.
export async function loadRun(id) {
  const text = await getText(runPath(id));
  const run = JSON.parse(text);
  const generate = run.input?.generate;
  if (typeof generate?.seed === 'number' && !Number.isSafeInteger(generate.seed))
    generate.seed = memberSource(text, ['input', 'generate', 'seed']);
  return run;
}

export function filesPanel(run) {
  const state = h('p', { class: 'quiet small', role: 'status', dataset: { test: 'perfetto-state' } },
    'Opening in Perfetto loads the page ui.perfetto.dev in a new window and hands the trace to it in this ' +
    'browser. The trace goes nowhere else.');
  const link = (test, text, href, name) =>
    h('a', { class: 'button quiet', href, download: name, dataset: { test } }, text);
  const hasChunks = run.chunks && run.chunks.length > 0;
  return h('section', { class: 'panel', 'aria-label': 'Files' },
    h('h2', null, 'Take it with you'),
    h('div', { class: 'actions' },
      run.operation !== 'compare' &&
        link('download-trace', 'Chrome trace', runPath(run.id, '/trace'), fileName(run, '-trace.json')),
      link('download-json', 'JSON', runPath(run.id), fileName(run, '.json')),
      hasChunks && h('button', { type: 'button', class: 'quiet', dataset: { test: 'download-csv' },
        onclick: () => saveCsv(run) },
      'CSV of the chunks'),
      link('export', 'Export file', runPath(run.id, '/export'), fileName(run, '-export.json')),
      run.operation !== 'compare' && h('button', { type: 'button', class: 'quiet',
        dataset: { test: 'open-perfetto' }, onclick: () => openPerfetto(run, state) }, 'Open in Perfetto')),
    h('p', { class: 'quiet small' },
      'The export file holds the whole run with its trace; any Colonnade imports it, under History.'),
    run.operation !== 'compare' && state);
}

function saveCsv(run) {
  saveBlob(new Blob([chunksCsv(run)], { type: 'text/csv' }), fileName(run, '-chunks.csv'));
}

// A line for each chunk that is listed; a stage that did not happen is an empty field.
function chunksCsv(run) {
  const stages = inOrder(run.chunks.flatMap((chunk) => Object.keys(chunk.stages)));
  const head = ['chunk', 'worker', 'pid', 'first_row', 'rows', 'start_ns',
    ...stages.map((stage) => stage + '_ns')];
  const lines = run.chunks.map((chunk) => [chunk.chunk, chunk.worker, chunk.pid, chunk.first_row, chunk.rows,
    chunk.start_ns, ...stages.map((stage) => chunk.stages[stage] ?? '')].join(','));
  return [head.join(','), ...lines].join('\n') + '\n';
}

// ---- Perfetto --------------------------------------------------------------------------------------

// Perfetto's page answers PING with PONG as soon as it can take a trace.
async function openPerfetto(run, state) {
  const target = window.open(PERFETTO);  // now, while the click allows it
  if (!target) {
    say(state, 'The browser did not allow a new window. ' + BY_HAND);
    return;
  }
  say(state, 'Waiting for ui.perfetto.dev to load.');
  try {
    const buffer = await (await send(runPath(run.id, '/trace'))).arrayBuffer();
    await untilPong(target);
    target.postMessage({ perfetto: { buffer, title: `Colonnade run ${shortId(run.id)}`,
      fileName: fileName(run, '-trace.json') } }, PERFETTO);
    say(state, 'The trace is open in the window of ui.perfetto.dev.');
  } catch (error) {
    say(state, `${error.message} ${BY_HAND}`);
  }
}

function untilPong(target) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const end = (settle, value) => {
      clearInterval(timer);
      removeEventListener('message', hear);
      settle(value);
    };
    const hear = (event) => {
      if (event.source === target && event.origin === PERFETTO && event.data === 'PONG') end(resolve);
    };
    const timer = setInterval(() => {
      if (target.closed) end(reject, new Error('The window was closed.'));
      else if (performance.now() - began > PATIENCE_MS)
        end(reject, new Error('ui.perfetto.dev did not answer.'));
      else target.postMessage('PING', PERFETTO);
    }, PING_MS);
    addEventListener('message', hear);
  });
}
