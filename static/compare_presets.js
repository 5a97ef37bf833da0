// compare_presets.js: one experiment for each question of the notebook. Each takes a few seconds on
// two CPUs, so times to sleep and steps to compute are smaller than the functions' own defaults.

import { blankForm, workerCounts } from './compare_request.js';
import { OWN_EXECUTORS as ALL } from './stages.js';

// {id, title, question, form(cpus)}; `question` is the one sentence that the experiment answers.
export const PRESETS = [
  {
    id: 'sleeping', title: 'A function that sleeps',
    question: 'Do threads help a function that only waits, even under one interpreter lock?',
    form: (cpus) => ({
      ...blankForm(cpus), kind: 'map', fn: 'long_io', args: '0, 1, 2, 3', seconds: '0.02',
      executors: ALL, workers: [...new Set([1, 2, 4, cpus])].sort((a, b) => a - b).join(', '), repeat: '3',
    }),
  },
  {
    id: 'computing', title: 'A function that computes',
    question: 'Which executors make pure computing faster, and what does the interpreter lock cost?',
    form: (cpus) => ({
      ...blankForm(cpus), kind: 'map', fn: 'long_comp', executors: ALL,
      args: Array.from({ length: Math.max(4, 2 * Math.min(cpus, 16)) }, (_, i) => i).join(', '),
      iterations: '1000000', workers: workerCounts(cpus).join(', '), repeat: '5',
    }),
  },
  {
    id: 'expression', title: 'A vectorised expression',
    question: 'How much faster are whole columns than a call for each row, and what do workers add to that?',
    form: (cpus) => ({
      ...blankForm(cpus), lets: 'res1 = (a-b)/(c+d)**2', executors: ALL,
      modes: ['row', 'tuple', 'vector'], repeat: '5',
    }),
  },
  {
    id: 'row-hash', title: 'An md5 of each row',
    question: 'Two processes make it more than twice as fast: what else changed between the two?',
    form: (cpus) => ({
      ...blankForm(cpus), rows: '50000', lets: 'hash = md5(a, b)', executors: ALL,
      modes: ['row', 'tuple', 'vector'], repeat: '5',
    }),
  },
  {
    id: 'chunks', title: 'How large a chunk',
    question: 'How many rows must a chunk have before handing it to a worker pays?',
    form: (cpus) => ({
      ...blankForm(cpus), rows: '50000', executors: ['serial', 'threads', 'processes'],
      workers: [...new Set([1, cpus])].join(', '), modes: ['tuple'],
      chunks: '10, 100, 1000, 10000, 25000', repeat: '5',
    }),
  },
  {
    id: 'rows', title: 'How many rows',
    question: 'From how many rows on do workers pay at all?',
    form: (cpus) => ({
      ...blankForm(cpus), executors: ['serial', 'threads', 'processes'],
      workers: [...new Set([1, cpus])].join(', '), modes: ['vector'],
      sweep: '10, 100, 1000, 10000, 100000', repeat: '7',
    }),
  },
];
