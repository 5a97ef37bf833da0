// try_outcome.js: the right side of "Try it": what came out of the last run, and where its time went.
//
// data-test: outcome (the sentence), outcome-older (an earlier result is shown), outcome-run (link to the
// run), cpu-sentence; ledger, timeline, verdict,
// result-table of the modules that make them.

import { h, put } from './dom.js';
import { cpuSentence } from './account.js';
import { counted, duration, shortId } from './format.js';
import { ledgerBar } from './ledger.js';
import { explained } from './stages.js';
import { timelineOf } from './timeline.js';
import { resultPanel } from './try_result.js';

// "100,000 rows on 2 threads in 17 ms".
export function outcomeSentence(run) {
  const { executor, workers } = run.execution;
  const busy = (run.timing.workers || []).filter((one) => one.chunks > 0).length;
  // The others came too late to get a chunk; of a cluster it is not known who they would have been.
  const part = busy > 0 && busy < workers && executor !== 'dask' ? `${busy} of ` : '';
  const on = part + ({
    serial: 'one worker',
    threads: counted(workers, 'thread'),
    processes: counted(workers, 'process', 'processes'),
    dask: `${counted(busy, 'worker')} of the Dask cluster`,
    gil: `${counted(workers, 'thread')} under the emulated lock`,
  }[executor] || counted(workers, 'worker'));
  return `${counted(run.rows, 'row')} on ${on} in ${duration(run.timing.wall_ns)}`;
}

// {element, result(result, atHand), verdict(node), waiting(text), age(text), destroy()}. `age` says that
// what is shown is not what was asked for last.
export function outcomeView() {
  const times = h('section', { class: 'panel try-times', 'aria-labelledby': 'try-outcome' });
  const verdict = h('div');
  const rows = h('div');
  const older = h('p', { class: 'panel try-older', hidden: true, dataset: { test: 'outcome-older' } });
  const element = h('div', { class: 'try-outcome' }, older, times, verdict, rows);
  let drawn = null;
  const clear = () => {
    if (drawn) drawn.destroy();
    drawn = null;
  };
  return {
    element,
    waiting(text, failed = false) {
      clear();
      put(times, outcomeTitle(failed ? 'No result' : 'Running the example'),
        h('p', { class: failed ? 'error-text' : 'quiet' }, text));
      put(verdict);
      put(rows);
    },
    result(result, atHand) {
      clear();
      older.hidden = true;
      const { run } = result;
      drawn = timelineOf(run);
      const { ledger, wall_ns: wallNs, unaccounted_ns: unaccounted } = run.timing;
      put(times, headOf(result), ledgerBar(ledger, wallNs, { unaccounted }), drawn.element);
      put(rows, resultPanel(result, atHand));
    },
    verdict: (node) => put(verdict, node),
    age(text) {
      put(older, h('b', null, 'Earlier result'), `: ${text}`);
      older.hidden = false;
    },
    destroy: clear,
  };
}

function outcomeTitle(text) {
  return h('h2', { id: 'try-outcome', class: 'try-sentence', dataset: { test: 'outcome' } }, text);
}

// The last chunk may be smaller than the others, and a single one is as large as the table.
function chunksText({ rows, execution: { chunks, chunk_rows: most } }) {
  if (chunks <= 1) return counted(chunks, 'chunk');
  const even = chunks * most === rows;
  return `${counted(chunks, 'chunk')} of ${even ? '' : 'up to '}${counted(most, 'row')}`;
}

function headOf({ run, file }) {
  const { execution } = run;
  const cpu = cpuSentence(run);
  return [
    h('div', { class: 'panel-head' },
      outcomeTitle(outcomeSentence(run)),
      h('p', { class: 'quiet small' },
        file ? h('b', { class: 'try-source' }, `${file.name}: `) : null, chunksText(run), ', ',
        explained(execution.mode), ' mode. ',
        h('a', { href: '#run/' + encodeURIComponent(run.id), dataset: { test: 'outcome-run' } },
          `Run ${shortId(run.id)}`))),
    cpu ? h('p', { dataset: { test: 'cpu-sentence' } }, cpu) : null,
  ];
}
