// report.js: a comparison as one HTML file that opens from disk, needs no script and no network, and
// holds all its data. It is built as a document and then written out, so texts cannot become markup.

import { comparisonFacts } from './report_facts.js';
import { REPORT_CSS } from './report_style.js';
import { picturesOf } from './report_charts.js';
import { fractionText } from './compare_charts.js';
import {
  aspectsOf, extentOf, fastest, fitReasons, flagsOf, median, slowest, verdictOf,
} from './compare_model.js';
import { h, saveBlob } from './dom.js';
import { count, duration, factor, percent, shortId } from './format.js';
import { executorName } from './stages.js';
import { curlOfJson } from './try_curl.js';

// ---- parts -----------------------------------------------------------------------------------------

function plainTable(caption, columns, rows) {
  // It scrolls on a narrow screen, so the keyboard must reach it.
  const around = { class: 'wide-table', tabindex: '0', role: 'region', 'aria-label': caption };
  return h('div', around, h('table', null, h('caption', null, caption),
    h('thead', null, h('tr', null, columns.map((column) =>
      h('th', { scope: 'col', class: column.number ? 'number' : null }, column.title)))),
    h('tbody', null, rows.map((row) => h('tr', null, columns.map((column) =>
      h('td', { class: column.number ? 'number' : null }, column.cell(row))))))));
}

function verdictSection(comparison) {
  const { headline, sentences, cautions, origin } = verdictOf(comparison);
  return h('section', null, h('h2', null, 'Verdict'),
    h('p', { class: 'headline' }, headline),
    h('ul', null, sentences.map((text) => h('li', null, text)),
      cautions.map((text) => h('li', { class: 'caution' }, text))),
    origin ? h('p', { class: 'note' }, origin) : null);
}

function chartFigure(part) {
  const { config, wide, narrow } = part;
  return h('figure', null, h('figcaption', null, config.title),
    h('picture', null,
      h('source', { media: '(max-width: 600px)', srcset: narrow.data,
        width: narrow.width, height: narrow.height }),
      h('img', { src: wide.data, width: wide.width, height: wide.height,
        alt: `${config.title}. ${config.label}` })),
    config.note ? h('p', { class: 'note' }, config.note) : null);
}

function chartSection(comparison, parts) {
  return h('section', null, h('h2', null, 'Charts'), parts.map((part) => (part.config ? chartFigure(part)
    : h('p', { class: 'note' }, `${part.title}: ${part.reason}`))), fitNote(comparison),
  comparison.cases.some((a) => a.executor === 'gil')
    ? h('p', { class: 'note' }, 'gil is an emulation of CPython\u2019s interpreter lock; it is hatched, or ' +
      'dashed, in all charts.') : null);
}

function fitNote(comparison) {
  const fits = comparison.amdahl.filter((fit) => fit.serial_fraction !== null);
  const reasons = fitReasons(comparison);
  if (fits.length > 0)
    return plainTable('Amdahl\u2019s law: the share of the work that more workers do not make faster', [
      { title: 'Executor', cell: (fit) => executorName(fit.executor) },
      { title: 'Mode', cell: (fit) => fit.mode ?? '–' },
      { title: 'Serial fraction', number: true, cell: fractionText },
    ], fits);
  if (reasons.length === 0) return null;
  return h('p', { class: 'note' }, `Amdahl\u2019s law, no fit: ${reasons.join('; ')}.`);
}

function caseSection(comparison) {
  const aspects = aspectsOf(comparison);
  const columns = [
    { title: 'Case', number: true, cell: (a) => a.case },
    { title: 'Executor', cell: (a) => executorName(a.executor) + (a.placed ? `: ${a.placed}` : '') },
    { title: 'Workers', number: true, cell: (a) => a.workers },
    aspects.map ? null : { title: 'Mode', cell: (a) => a.mode },
    aspects.rows ? { title: 'Rows', number: true, cell: (a) => count(a.rows) } : null,
    { title: aspects.map ? 'Calls per chunk' : 'Rows per chunk', number: true,
      cell: (a) => count(a.chunk_rows) },
    { title: 'Median', number: true, cell: (a) => duration(median(a)) },
    { title: 'Fastest', number: true, cell: (a) => duration(fastest(a)) },
    { title: 'Slowest', number: true, cell: (a) => duration(slowest(a)) },
    { title: 'Std. dev.', number: true,
      cell: (a) => percent(median(a) > 0 ? a.repeat.stddev_ns / median(a) : 0) },
    { title: 'Speed-up', number: true, cell: (a) => factor(a.speedup) },
    { title: 'Efficiency', number: true, cell: (a) => (a.efficiency === null ? '–' : percent(a.efficiency)) },
    { title: 'Result', cell: (a) => h('code', null, a.digest.slice(0, 8)) },
    { title: 'Flags', cell: (a) => flagsOf(a, comparison).join(', ') || '–' },
  ].filter(Boolean);
  return h('section', null, h('h2', null, 'All cases'),
    plainTable('Times are of one run, from the start of the first chunk to the gathered result. ' +
      'Speed-up is over serial.', columns, comparison.cases));
}

// The tables of the waterfalls: names, factors and times of each step.
function factorSection(parts) {
  const falls = parts.filter((part) => part.config && ['chart-waterfall', 'chart-path'].includes(part.test));
  if (falls.length === 0) return null;
  return h('section', null, h('h2', null, 'Factors'), falls.map((part) =>
    plainTable(part.config.title, part.config.table.columns, part.config.table.rows)));
}

function repeatSection(run) {
  const request = run.request_text;
  return h('section', null, h('h2', null, 'How to repeat it'),
    request ? [h('p', null, 'With the server’s address as it was:'),
      h('pre', null, curlOfJson('v1/compare', request))]
      : h('p', null, 'The request was not kept with this run.'));
}

function dataSection(run, comparison) {
  const data = run.text ?? JSON.stringify({ ...run, comparison });
  // Inside <script> only "</" could end the element; as \u003c it is the same JSON.
  const script = h('script', { type: 'application/json', id: 'colonnade-run' });
  script.textContent = data.replaceAll('<', '\\u003c');
  return h('section', null, h('h2', null, 'Data'),
    h('p', null, 'This file holds the whole run as JSON, in the element ',
      h('code', null, '<script id="colonnade-run">'), '.'),
    script);
}

// ---- the document ----------------------------------------------------------------------------------

// The page's policy forbids a <style> even in a document that is never shown, so it is put in when the
// document is text already. No text of a user can look like this element: its "<" would be escaped.
const STYLE_HERE = 'style-here';

// The report as the text of an HTML document.
export function reportText(run, comparison) {
  const { what } = comparison.workload;
  const parts = picturesOf(comparison);
  const facts = comparisonFacts(run, comparison, run.id || comparison.run);
  const report = document.implementation.createHTMLDocument(`Colonnade: ${what}`.slice(0, 200));
  report.documentElement.lang = 'en';
  report.head.prepend(h('meta', { charset: 'utf-8' }));
  report.head.append(h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    h('meta', { 'http-equiv': 'Content-Security-Policy',
      content: "default-src 'none'; img-src data:; style-src 'unsafe-inline'" }),
    h('meta', { name: 'generator', content: `Colonnade ${run.machine?.version || ''}`.trim() }),
    h('meta', { name: STYLE_HERE }));
  const sections = [
    verdictSection(comparison), chartSection(comparison, parts), factorSection(parts),
    caseSection(comparison),
    h('section', null, h('h2', null, 'What was measured, and where'),
      h('dl', null, facts.map(([name, value]) => [h('dt', null, name), h('dd', null, value)]))),
    repeatSection(run), dataSection(run, comparison),
  ];
  report.body.append(
    h('header', null, h('p', { class: 'kind' }, 'Colonnade · report of a comparison'), h('h1', null, what),
      h('p', { class: 'quiet' }, extentOf(comparison))),
    h('main', null, sections));
  const style = `<style>${REPORT_CSS}</style>`;
  const markup = report.documentElement.outerHTML.replace(`<meta name="${STYLE_HERE}">`, () => style);
  return `<!doctype html>\n${markup}\n`;
}

// Saves it as a file; resolves to the file's name.
export async function saveReport(run, comparison) {
  const name = `colonnade-report-${shortId(run.id || comparison.run)}.html`;
  saveBlob(new Blob([reportText(run, comparison)], { type: 'text/html;charset=utf-8' }), name);
  return name;
}
