// try_outcome.js: the right side of "Try it": what came out of the last run, and where its time went.
//
// data-test: outcome (the sentence), outcome-run (link to the run), cpu-sentence; ledger, timeline, verdict,
// result-table of the modules that make them.

import { h, put } from './dom.js';
import { cpuSentence } from './account.js';
import { counted, duration, shortId } from './format.js';
import { ledgerBar } from './ledger.js';
import { explained } from './stages.js';
import { timeline } from './timeline.js';
import { resultPanel } from './try_result.js';

// "100,000 rows on 2 threads in 17 ms".
export function outcomeSentence(run) {
  const { executor, workers } = run.execution;
  const on = {
    serial: 'one worker',
    threads: counted(workers, 'thread'),
    processes: counted(workers, 'process', 'processes'),
    gil: `${counted(workers, 'thread')} under the emulated lock`,
  }[executor] || counted(workers, 'worker');
  return `${counted(run.rows, 'row')} on ${on} in ${duration(run.timing.wall_ns)}`;
}

// {element, result(result, atHand), verdict(node), waiting(text), destroy()}.
export function outcomeView() {
  const times = h('section', { class: 'panel try-times', 'aria-labelledby': 'try-outcome' });
  const verdict = h('div');
  const rows = h('div');
  const element = h('div', { class: 'try-outcome' }, times, verdict, rows);
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
      const { run } = result;
      drawn = timeline(timelineOf(run));
      const { ledger, wall_ns: wallNs, unaccounted_ns: unaccounted } = run.timing;
      put(times, headOf(run), ledgerBar(ledger, wallNs, { unaccounted }), drawn.element);
      put(rows, resultPanel(result, atHand));
    },
    verdict: (node) => put(verdict, node),
    destroy: clear,
  };
}

function outcomeTitle(text) {
  return h('h2', { id: 'try-outcome', class: 'try-sentence', dataset: { test: 'outcome' } }, text);
}

function timelineOf(run) {
  const { timing, chunks, execution } = run;
  const { workers, wall_ns, ledger, unaccounted_ns } = timing;
  return {
    chunks, executor: execution.executor, workers, wall_ns, ledger, unaccounted_ns,
    total_chunks: execution.chunks,
  };
}

function headOf(run) {
  const { execution } = run;
  const cpu = cpuSentence(run);
  return [
    h('div', { class: 'panel-head' },
      outcomeTitle(outcomeSentence(run)),
      h('p', { class: 'quiet small' },
        counted(execution.chunks, 'chunk'), ' of ', counted(execution.chunk_rows, 'row'), ', ',
        explained(execution.mode), ' mode. ',
        h('a', { href: '#run/' + encodeURIComponent(run.id), dataset: { test: 'outcome-run' } },
          `Run ${shortId(run.id)}`))),
    cpu ? h('p', { dataset: { test: 'cpu-sentence' } }, cpu) : null,
  ];
}
