// report_facts.js: what was measured, where and when, as pairs of a name and a text.

import { sizeOf } from './compare_request.js';
import { count, counted, duration } from './format.js';
import { memberSource } from './json_source.js';
import { executorName } from './stages.js';

function list(values) {
  return [...new Set(values)].map((value) => (typeof value === 'number' ? count(value) : value)).join(', ');
}

function workOf(run) {
  const request = run.request?.json;
  const { map, compute } = request?.workload || {};
  if (map) return `${map.function}, ${counted(map.args?.length ?? 0, 'call')}`;
  if (!compute) return null;
  const { generate } = compute;
  if (!generate) return 'columns that were sent with the request';
  return (
    `generated: columns ${generate.columns.join(', ')}, ${generate.distribution ?? 'normal'} values, ` +
    `seed ${memberSource(run.request_text, ['workload', 'compute', 'generate', 'seed']) ?? 0}`
  );
}

export function comparisonFacts(run, comparison, id) {
  const { cases, cpus, timing } = comparison;
  const request = run.request?.json;
  const size = request && Array.isArray(request.executors) ? sizeOf(asLists(request)) : null;
  const facts = [
    ['Work', comparison.workload.what],
    ['Table', workOf(run)],
    ['Rows or calls', list(cases.map((a) => a.rows))],
    ['Executors', list(cases.map((a) => executorName(a.executor)))],
    ['Workers', list(cases.map((a) => a.workers))],
    ['Modes', cases[0].mode === null ? null : list(cases.map((a) => a.mode))],
    ['Samples', size ? `${count(size.samples)}, and ${count(size.cases)} warm-ups` : null],
    ['Measured at', run.started_at || null],
    ['It took', timing ? duration(timing.wall_ns) : null],
    ['Processor', run.machine?.cpu || null],
    ['Usable CPUs', cpus ? String(cpus.usable) : null],
    ['Server', run.machine?.version ? `Colonnade ${run.machine.version}` : 'Colonnade'],
    ['Origin', run.imported ? 'imported from another server' : null],
    ['Run', id],
    ['Report made at', new Date().toISOString()],
  ];
  return facts.filter(([, value]) => value);
}

// Lists of a request may be single values.
function asLists(request) {
  const as = (value) => (value === undefined ? undefined : [value].flat());
  return {
    ...request,
    executors: as(request.executors),
    workers: as(request.workers),
    modes: as(request.modes),
    chunk_rows: as(request.chunk_rows),
    rows: as(request.rows),
    repeat: request.repeat ?? 5,
  };
}
