// history_row.js: a run in the list of the history.

import { h } from './dom.js';
import { count, duration, nothing, shortId, when } from './format.js';
import { LEDGER, REMOTE_STAGES, executorName, explained } from './stages.js';
import { ledgerBar, swatch } from './ledger.js';
import { operationName, statusPill } from './run_facts.js';
import { runPath } from './run_files.js';

// Stages that only a cluster has are left out until extendLegend() is told of a run that had them.
export function stageLegend() {
  return h('ul', { class: 'timeline-legend history-legend', 'aria-label': 'Colours of the stages' },
    LEDGER.map((stage) => h('li', { hidden: REMOTE_STAGES.includes(stage), dataset: { stage } },
      swatch(stage), explained(stage))));
}

export function extendLegend(legend, run) {
  for (const item of legend.children) if (item.dataset.stage in (run.ledger || {})) item.hidden = false;
}

function isComparison(run) {
  return run.operation === 'compare' && !(run.status >= 400);
}

// {element, tick(whether it is)}
export function historyRow(run, { picked, onPick }) {
  const box = h('input', { type: 'checkbox', 'aria-label': `Pick run ${shortId(run.id)}`,
    dataset: { test: 'select' }, onchange: () => onPick(run.id, box.checked) });
  box.checked = picked;
  const recipe = (run.recipe || []).join('; ');
  const cell = (name, ...children) => h('td', { class: name }, children);
  const element = h('tr', { dataset: { test: 'history-row', id: run.id } },
    cell('pick', h('label', { class: 'check' }, box)),
    cell('run', h('a', { href: '#run/' + run.id, class: 'mono' }, shortId(run.id)),
      h('time', { class: 'quiet small', datetime: run.started_at, title: run.started_at },
        when(run.started_at))),
    cell('what', h('span', { class: 'what-line' },
      isComparison(run)
        ? h('a', { class: 'tag', href: '#compare/' + run.id }, 'comparison')
        : h('span', { class: 'quiet small' }, operationName(run)),
      run.imported && h('span', { class: 'tag' }, 'imported'),
      run.input_kind === 'upload' && h('span', { class: 'quiet small', dataset: { test: 'needs-file' } },
        'uploaded; needs the file to run again')),
    recipe && h('code', { class: 'what-recipe', title: recipe }, recipe)),
    cell('executor', h('span', null, executorName(run.executor)),
      h('span', { class: 'quiet small' }, run.executor ? whereOf(run) : '')),
    cell('number rows', run.rows > 0 ? count(run.rows) : nothing, h('span', { class: 'unit' }, ' rows')),
    cell('status', statusPill(run)),
    cell('number wall-time', duration(run.wall_ns)),
    cell('bar', run.ledger ? ledgerBar(run.ledger, run.wall_ns, { compact: true }) : null),
    cell('take', h('a', { class: 'button quiet', href: runPath(run.id, '/export'),
      download: `colonnade-${shortId(run.id)}-export.json`, dataset: { test: 'export' },
      'aria-label': `Export run ${shortId(run.id)}` }, 'Export')));
  return { element, tick: (ticked) => { box.checked = ticked; } };
}

function whereOf(run) {
  const workers = run.workers > 0 ? `${run.workers} ${run.workers === 1 ? 'worker' : 'workers'}` : null;
  return [workers, run.mode].filter(Boolean).join(', ');
}
