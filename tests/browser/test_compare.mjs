// Compare: the questions, an experiment with its progress, what it found, and the report.
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { accessible, assert, DESKTOP, fitsWidth, marked, PHONE, shoot, useBrowser } from './harness.mjs';
import { allIdle, coloursOf, runInAddress, runsOf, saved, savedJson, shell, until, watchProgress } from './steps.mjs';

const used = useBrowser();
const EXPERIMENT = {
  workload: { compute: { generate: { rows: 3000, columns: ['a', 'b'], distribution: 'normal', seed: 1 }, let: { hash: 'md5(a, b)' } } },
  executors: ['serial', 'gil', 'threads', 'processes'], workers: [1, 2, 3, 4], modes: ['row', 'tuple', 'vector'], repeat: 3,
};
// What makes each question small, by the fields of the form that it shows.
const SMALL = { rows: '2000', seconds: '0.001', iterations: '2000', repeat: '3', chunks: '100, 500, 1000', sweep: '10, 100, 1000' };

async function openCompare(server, id = null) {
  const page = await used.open(server, id ? `/#compare/${id}` : '/#compare');
  await marked(page, id ? 'compare-verdict' : 'preset').first().waitFor();
  return page;
}

async function shrink(page) {
  for (const [field, value] of Object.entries(SMALL)) {
    const control = marked(page, 'form-' + field);
    if (await control.isVisible() && await control.inputValue() !== '') await control.fill(value);
  }
}

// Starts what the form says and waits for its verdict; gives the comparison as the server keeps it.
async function measured(page, server) {
  const before = runInAddress(page);
  await marked(page, 'compare-run').click();
  const id = await until(() => runInAddress(page) !== before && runInAddress(page), 'a verdict');
  await marked(page, 'compare-verdict').waitFor();
  return server.get('/v1/runs/' + id);
}

// Every chart is drawn and has its table; gives the names of those that are there.
async function drawnCharts(page) {
  const charts = page.locator('figure[data-test^="chart-"]');
  const names = [];
  for (const chart of await charts.all()) {
    const name = await chart.getAttribute('data-test');
    await chart.scrollIntoViewIfNeeded();
    await until(async () => await coloursOf(chart.locator('canvas')) >= 4, `something in ${name}`);
    assert.match(await chart.locator('canvas').getAttribute('aria-label'), /\S{3}/);
    const table = chart.locator('[data-test="chart-as-table"]');
    if (!await table.evaluate((node) => node.open)) await table.locator('summary').click();
    await table.locator('tbody tr').first().waitFor();
    names.push(name);
  }
  return names;
}

// What Chart.js was given for the chart.
function chartOf(page, name) {
  return marked(page, name).locator('canvas').evaluate((canvas) => {
    const chart = window.Chart.getChart(canvas);
    return { labels: chart.data.labels, scales: Object.fromEntries(Object.entries(chart.scales).map(([key, scale]) => [key, scale.type])),
      datasets: chart.data.datasets.map(({ label, data, backgroundColor }) => ({ label, data,
        hatched: [backgroundColor].flat().map((fill) => fill instanceof CanvasPattern) })) };
  });
}

test('each question fills in an experiment that runs to a verdict', async () => {
  const server = await used.serve();
  const page = await openCompare(server);
  const presets = await marked(page, 'preset').evaluateAll((all) => all.map((one) => one.dataset.preset));
  assert.deepEqual(presets, ['sleeping', 'computing', 'expression', 'row-hash', 'chunks', 'rows']);
  const works = new Set();
  for (const preset of presets) {
    await page.locator(`[data-test="preset"][data-preset="${preset}"]`).click();
    await marked(page, 'question').filter({ hasText: /\?$/ }).waitFor();
    assert.match(await marked(page, 'compare-size').textContent(), /\d+ cases/);
    await shrink(page);
    const { comparison, request } = await measured(page, server);
    works.add(JSON.stringify(request.json));
    assert.ok(comparison.cases.length > 3, preset);
    const verdict = await marked(page, 'compare-verdict').textContent();
    assert.ok(verdict.length > 60, verdict);
    assert.equal(await marked(page, 'case-table').locator('tbody tr').count(), comparison.cases.length, preset);
    assert.match(await marked(page, 'identical').textContent(), comparison.identical ? /identical/ : /differ/);
    const names = await drawnCharts(page);
    assert.ok(names.includes('chart-time'), `${preset}: ${names}`);
    if (preset === 'chunks') assert.ok(names.includes('chart-chunks'), `${names}`);
    if (preset === 'rows') assert.ok(names.includes('chart-rows'), `${names}`);
    if (['computing', 'expression', 'row-hash'].includes(preset)) assert.ok(names.includes('chart-waterfall'), `${preset}: ${names}`);
    await shoot(page, `walk-compare-${preset}`);
  }
  assert.equal(works.size, presets.length);
  page.calm();
});

test('progress is seen, and an experiment can be cancelled', async () => {
  const server = await used.serve();
  const page = await openCompare(server);
  await page.locator('[data-test="preset"][data-preset="row-hash"]').click();
  await marked(page, 'form-repeat').fill('200');
  const progress = await watchProgress(page, 'compare-progress');
  await marked(page, 'compare-run').click();
  const moved = await until(async () => {
    const values = (await progress()).map((seen) => seen.value).filter((value) => value > 0);
    return new Set(values).size > 2 && values;
  }, 'progress');
  assert.deepEqual(moved, [...moved].sort((a, b) => a - b));
  // Who goes away and comes back finds it.
  await page.locator('nav a[href="#now"]').click();
  await marked(page, 'pools').waitFor();
  await page.locator('nav a[href="#compare"]').click();
  await marked(page, 'compare-progress').waitFor();
  await shoot(page, 'walk-compare-progress');
  await marked(page, 'compare-cancel').click();
  await marked(page, 'compare-error').filter({ hasText: /cancelled/ }).waitFor();
  await marked(page, 'compare-progress').waitFor({ state: 'hidden' });
  await allIdle(server);
  assert.ok((await runsOf(server, 'compare')).every((run) => run.status !== 200));
  assert.ok(await marked(page, 'compare-run').isEnabled());
  page.calm();
});

test('what is wrong with an experiment is said at its field', async () => {
  const page = await openCompare(await used.serve());
  await page.locator('[data-test="preset"][data-preset="row-hash"]').click();
  await marked(page, 'form-lets').fill('hash = md5(a, nothere)');
  await marked(page, 'error-lets').filter({ hasText: 'nothere' }).waitFor();
  await marked(page, 'form-lets').fill('hash = md5(a, b)');
  await until(async () => await marked(page, 'error-lets').textContent() === '', 'no error any more');
  await marked(page, 'form-workers').fill('two');
  await marked(page, 'compare-run').click();
  await marked(page, 'error-workers').filter({ hasText: /whole number/ }).waitFor();
  await marked(page, 'form-workers').fill('1, 2');
  await marked(page, 'form-rows').fill('99999999999');
  await marked(page, 'compare-run').click();
  await marked(page, 'error-rows').filter({ hasText: /\S/ }).waitFor();
  page.calm(/status of 4\d\d/);
});

test('charts: the ideal ends at the processors, ratios of a thousand are logarithmic, the lock is marked', async () => {
  const server = await used.serve();
  const { run } = await server.post('/v1/compare', EXPERIMENT);
  const { comparison } = await server.get('/v1/runs/' + run);
  const page = await openCompare(server, run);
  const names = await drawnCharts(page);
  for (const name of ['chart-time', 'chart-speedup', 'chart-waterfall']) assert.ok(names.includes(name), name);
  const speedup = await chartOf(page, 'chart-speedup');
  const ideal = speedup.datasets.find((set) => set.label.startsWith('ideal'));
  assert.equal(Math.max(...ideal.data.map((point) => point.x)), comparison.cpus.usable);
  assert.equal(Math.max(...ideal.data.map((point) => point.y)), comparison.cpus.usable);
  const time = await chartOf(page, 'chart-time');
  const medians = comparison.cases.map((one) => one.repeat.median_ns);
  if (Math.max(...medians) > 100 * Math.min(...medians)) assert.ok(Object.values(time.scales).includes('logarithmic'));
  assert.ok(time.datasets.some((set) => set.hatched.includes(true)), 'nothing is hatched');
  for (const name of ['chart-time', 'chart-speedup'])
    assert.match(await marked(page, name).locator('[data-test="chart-as-table"]').textContent(), /gil \(emulated\)/, name);
  assert.match(await marked(page, 'case-table').textContent(), /gil \(emulated\)/);
  const factors = comparison.decomposition.factors.length;
  assert.ok(await marked(page, 'chart-waterfall').locator('tbody tr').count() >= factors);
  page.calm();
});

test('a comparison is there after a reload, in JSON, as a command and beside an earlier one', async () => {
  const server = await used.serve();
  const small = { ...EXPERIMENT, workers: [1, 2], modes: ['vector'] };
  const earlier = await server.post('/v1/compare', small);
  const { run } = await server.post('/v1/compare', small);
  const { comparison } = await server.get('/v1/runs/' + run);
  const page = await openCompare(server, run);
  const verdict = await marked(page, 'compare-verdict').textContent();
  await page.reload();
  await marked(page, 'compare-verdict').waitFor();
  assert.equal(await marked(page, 'compare-verdict').textContent(), verdict);
  assert.deepEqual(await savedJson(page, marked(page, 'download-json')), comparison);
  assert.deepEqual((await savedJson(page, marked(page, 'export'))).run.comparison, comparison);
  await marked(page, 'copy-curl').click();
  const command = await until(() => page.evaluate(() => navigator.clipboard.readText()), 'the command');
  assert.equal(JSON.parse(await shell(command, used.folder())).cases.length, comparison.cases.length);
  await marked(page, 'earlier').selectOption(earlier.run);
  await marked(page, 'show-pair').click();
  await marked(page, 'pair-table').waitFor();
  assert.equal(await marked(page, 'pair-table').locator('tbody tr').count(), comparison.cases.length);
  page.calm();
});

// ---- the report ------------------------------------------------------------------------------------

async function openReport(file, options) {
  const context = await used.browser.newContext({ viewport: DESKTOP, ...options });
  const page = await context.newPage();
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto('file://' + file);
  return { page, asked: () => asked.filter((url) => !url.startsWith('data:') && url !== 'file://' + file) };
}

test('the report opens from disk without scripts and the network, and holds everything', async () => {
  const server = await used.serve();
  const { run } = await server.post('/v1/compare', EXPERIMENT);
  const { comparison } = await server.get('/v1/runs/' + run);
  const page = await openCompare(server, run);
  const charts = await drawnCharts(page);
  const sentence = await page.locator('[data-test="compare-verdict"] .headline').textContent();
  const file = path.join(used.folder(), 'report.html');
  fs.writeFileSync(file, await saved(page, marked(page, 'report')));
  page.calm();

  const text = fs.readFileSync(file, 'utf8');
  const kept = JSON.parse(/<script type="application\/json" id="colonnade-run">([^]*?)<\/script>/.exec(text)[1]);
  assert.deepEqual(kept.comparison, comparison);
  assert.equal(kept.id, run);
  const plain = await openReport(file, { javaScriptEnabled: false, offline: true });
  assert.ok((await plain.page.locator('body').textContent()).includes(sentence));
  const images = plain.page.locator('img:visible');
  assert.ok(await images.count() >= charts.length, `${await images.count()} of ${charts.length} charts`);
  const cases = plain.page.locator('section', { has: plain.page.locator('h2', { hasText: 'All cases' }) });
  assert.equal(await cases.locator('tbody tr').count(), comparison.cases.length);
  assert.match(await cases.textContent(), /gil \(emulated\)/);
  assert.deepEqual(plain.asked(), []);
  await shoot(plain.page, 'walk-report');
  await plain.page.context().close();

  for (const options of [{}, { viewport: PHONE, colorScheme: 'dark' }]) {
    const report = await openReport(file, options);
    assert.ok(await report.page.evaluate(() => [...document.images].every((image) => image.complete && image.naturalWidth > 300)));
    await fitsWidth(report.page);
    await accessible(report.page);
    assert.deepEqual(report.asked(), []);
    await report.page.context().close();
  }
});
