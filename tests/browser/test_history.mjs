// History: what is kept over a restart and what is not, search, older pages, two runs side by side,
// runs as files from one server to another.
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { assert, marked, shoot, useBrowser } from './harness.mjs';
import { dataOf, FRAME, ran, saved, until } from './steps.mjs';

const used = useBrowser();
const EXPERIMENT = { workload: { compute: { generate: FRAME, let: { hash: 'md5(a, b)' } } },
  executors: ['serial', 'gil', 'threads'], workers: [1, 2], repeat: 3 };

async function openHistory(server) {
  const page = await used.open(server, '/#history');
  await marked(page, 'search').waitFor();
  return page;
}

function rowOf(page, run) {
  return page.locator(`[data-test="history-row"][data-id="${run}"]`);
}

function shownIds(page) {
  return marked(page, 'history-row').evaluateAll((rows) => rows.map((row) => row.dataset.id));
}

// The verdict, the ledger and the like of a run's page, to be compared with another server's.
async function factsOf(page, server, run) {
  await page.goto(`${server.url}/#run/${run}`);
  await page.reload();
  await marked(page, 'timeline').waitFor();
  const ledger = marked(page, 'ledger').first();
  return {
    parts: await ledger.locator('[data-test="ledger-part"]').evaluateAll((all) => all.map((part) => [part.dataset.stage, part.dataset.ns])),
    wall: await dataOf(page, 'ledger', 'wallNs'), sum: await dataOf(page, 'ledger', 'sumNs'),
    blocks: await dataOf(page, 'timeline', 'blocks'), lanes: await dataOf(page, 'timeline', 'lanes'),
    recipe: await marked(page, 'recipe').textContent(), cpu: await marked(page, 'cpu-sentence').textContent(),
  };
}

test('runs and comparisons survive a restart, and the page finds them', async () => {
  let server = await used.serve('--data-dir', used.folder());
  const run = await ran(server, { executor: 'processes', chunk_rows: 1000 });
  const comparison = await server.post('/v1/compare', EXPERIMENT);
  const page = await openHistory(server);
  const facts = await factsOf(page, server, run.id);
  await page.goto(`${server.url}/#compare/${comparison.run}`);
  const verdict = await marked(page, 'compare-verdict').textContent();
  server = await used.restart(server);
  assert.deepEqual(await server.get('/v1/runs/' + run.id), run);
  await page.goto(`${server.url}/#history`);
  await page.reload();
  await rowOf(page, run.id).waitFor();
  await rowOf(page, comparison.run).locator(`a[href="#compare/${comparison.run}"]`).click();
  await marked(page, 'compare-verdict').waitFor();
  assert.equal(await marked(page, 'compare-verdict').textContent(), verdict);
  assert.deepEqual(await factsOf(page, server, run.id), facts);
  page.calm(/ERR_|Failed to load|EventSource/);
});

test('the page says where history lives', async () => {
  for (const [flags, text] of [[['--data-dir', used.folder()], /are kept in the server.s data directory; they survive a restart/],
    [[], /are kept in memory until the server restarts/]]) {
    const page = await openHistory(await used.serve(...flags));
    await marked(page, 'kept').filter({ hasText: text }).waitFor({ timeout: 5000 });
    page.calm();
  }
});

test('without a data directory a restart forgets', async () => {
  let server = await used.serve();
  const run = await ran(server);
  const page = await openHistory(server);
  await rowOf(page, run.id).waitFor();
  server = await used.restart(server);
  await marked(page, 'history-empty').filter({ hasText: /Nothing has run yet/ }).waitFor();
  assert.deepEqual(await shownIds(page), []);
  await shoot(page, 'walk-history-empty');
  page.calm(/ERR_|Failed to load|EventSource/);
});

test('the search finds expressions, executors and ids', async () => {
  const server = await used.serve();
  const needle = await ran(server, { let: { needle: 'a+17' }, executor: 'serial' });
  const hash = await ran(server, { let: { hash: 'sha256(a)' }, executor: 'gil' });
  const { run: map } = await server.post('/v1/map', { function: 'long_io', args: [1], seconds: 0.001, executor: 'threads' });
  const page = await openHistory(server);
  await rowOf(page, map).waitFor();
  for (const [text, ids] of [['needle', [needle.id]], ['sha256(', [hash.id]], ['gil', [hash.id]],
    [needle.id.slice(0, 8), [needle.id]], ['%', []], ['', [map, hash.id, needle.id]]]) {
    await marked(page, 'search').fill(text);
    await until(async () => JSON.stringify(await shownIds(page)) === JSON.stringify(ids), `what ${text} finds`);
    if (ids.length === 0) await marked(page, 'history-empty').filter({ hasText: /No run matches/ }).waitFor();
  }
  await marked(page, 'operation').selectOption('map');
  await until(async () => JSON.stringify(await shownIds(page)) === JSON.stringify([map]), 'calls only');
  page.calm();
});

test('older runs are shown page by page, none twice, while new ones arrive', async () => {
  const server = await used.serve('--data-dir', used.folder());
  const ids = [];
  for (let i = 0; i < 75; i++) {
    const { run } = await server.post('/v1/compute', { generate: { ...FRAME, rows: 10 }, let: { x: 'a+1' } });
    ids.unshift(run);
  }
  const page = await openHistory(server);
  await rowOf(page, ids[0]).waitFor();
  const first = await shownIds(page);
  assert.ok(first.length < ids.length, 'all at once');
  assert.deepEqual(first, ids.slice(0, first.length));
  await marked(page, 'live-state').filter({ hasText: 'Live' }).waitFor();
  ids.unshift((await ran(server)).id);
  await rowOf(page, ids[0]).waitFor();
  for (let shown = first.length + 1; shown < ids.length;) {
    await marked(page, 'older').click();
    const before = shown;
    await until(async () => await marked(page, 'history-row').count() > before, 'older runs');
    shown = await marked(page, 'history-row').count();
  }
  assert.deepEqual(await shownIds(page), ids);
  await marked(page, 'older').waitFor({ state: 'hidden' });
  page.calm();
});

test('two runs side by side: the difference of each stage', async () => {
  const server = await used.serve();
  const a = await ran(server, { executor: 'serial', mode: 'tuple' });
  const b = await ran(server, { executor: 'gil', chunk_rows: 500, workers: 2 });
  const page = await openHistory(server);
  for (const run of [a, b]) await rowOf(page, run.id).locator('[data-test="select"]').check();
  await marked(page, 'show-pair').click();
  await marked(page, 'pair-table').waitFor();
  assert.ok(page.url().endsWith(`#pair/${a.id}/${b.id}`));
  const stagesOf = (run) => new Map([...run.timing.ledger.map((part) => [part.stage, part.ns]), ['unaccounted', run.timing.unaccounted_ns]]);
  const [ofA, ofB] = [stagesOf(a), stagesOf(b)];
  const exact = (text) => Number(text.replace(/[^\d-]/g, '').replace(/^-?/, (sign) => sign));
  const rows = await marked(page, 'pair-table').locator('tbody tr').evaluateAll((all) => all.map((row) =>
    ({ stage: row.querySelector('.stage-name')?.textContent, a: row.cells[1].firstElementChild.title,
      b: row.cells[2].firstElementChild.title, difference: row.cells[4].textContent })));
  const seen = new Set();
  for (const row of rows.slice(0, -1)) {
    const stage = [...ofA.keys()].find((name) => row.stage.startsWith(name));
    seen.add(stage);
    const [x, y] = [ofA.get(stage) ?? 0, ofB.get(stage) ?? 0];
    assert.deepEqual([exact(row.a), exact(row.b), exact(row.difference)], [x, y, x - y], stage);
  }
  for (const [stage, ns] of [...ofA, ...ofB]) assert.ok(ns === 0 || seen.has(stage), `${stage} is left out`);
  const together = rows.at(-1);
  assert.deepEqual([exact(together.a), exact(together.b), exact(together.difference)],
    [a.timing.wall_ns, b.timing.wall_ns, a.timing.wall_ns - b.timing.wall_ns]);
  assert.match(await marked(page, 'pair-settings').textContent(), /gil \(emulated\)/);
  assert.match(await marked(page, 'pair-verdict').textContent(), /\S{3}/);
  await shoot(page, 'walk-pair');
  await marked(page, 'pair-swap').click();
  await until(() => page.url().endsWith(`#pair/${b.id}/${a.id}`), 'the other way round');
  page.calm();
});

test('a run goes to another server as one file, and is the same there', async () => {
  const server = await used.serve();
  const other = await used.serve('--data-dir', used.folder());
  const run = await ran(server, { executor: 'threads', chunk_rows: 300 });
  const page = await openHistory(server);
  const file = path.join(used.folder(), 'run.json');
  fs.writeFileSync(file, await saved(page, rowOf(page, run.id).locator('[data-test="export"]')));
  const facts = await factsOf(page, server, run.id);
  page.calm();

  const there = await openHistory(other);
  await marked(there, 'import').click();
  await marked(there, 'import-input').setInputFiles(file);
  await marked(there, 'import-result').filter({ hasText: 'imported' }).waitFor();
  await rowOf(there, run.id).filter({ hasText: 'imported' }).waitFor();
  await marked(there, 'import-input').setInputFiles(file);
  await marked(there, 'import-result').filter({ hasText: 'here already' }).waitFor();
  assert.deepEqual(await shownIds(there), [run.id]);
  const { imported, ...kept } = await other.get('/v1/runs/' + run.id);
  assert.equal(imported, true);
  assert.deepEqual(kept, run);
  await marked(there, 'import-result').locator('a').click();
  await marked(there, 'timeline').waitFor();
  assert.match(await there.locator('main').textContent(), /imported/);
  assert.deepEqual(await factsOf(there, other, run.id), facts);
  await shoot(there, 'walk-imported');

  const broken = JSON.parse(fs.readFileSync(file, 'utf8'));
  broken.run.timing.wall_ns = 'long';
  fs.writeFileSync(file, JSON.stringify(broken));
  await there.goto(`${other.url}/#history`);
  await marked(there, 'import').click();
  for (const text of [JSON.stringify({ ...broken, run: { ...broken.run, id: 'f'.repeat(32) } }), '{"colonnade_run": 1', '[]']) {
    fs.writeFileSync(file, text);
    await marked(there, 'import-input').setInputFiles(file);
    await marked(there, 'import-error').filter({ hasText: /run\.json: \S.{10}/ }).waitFor();
    await marked(there, 'import-input').evaluate((input) => { input.value = ''; });
  }
  assert.deepEqual(await shownIds(there), [run.id]);
  there.calm(/status of 4\d\d/);
});

test('a comparison goes to another server as one file', async () => {
  const server = await used.serve();
  const other = await used.serve();
  const { run } = await server.post('/v1/compare', EXPERIMENT);
  const page = await used.open(server, `/#compare/${run}`);
  const verdict = await marked(page, 'compare-verdict').textContent();
  const file = path.join(used.folder(), 'comparison.json');
  fs.writeFileSync(file, await saved(page, marked(page, 'export')));
  const there = await openHistory(other);
  await marked(there, 'import').click();
  await marked(there, 'import-input').setInputFiles(file);
  await marked(there, 'import-result').filter({ hasText: 'imported' }).waitFor();
  await rowOf(there, run).locator(`a[href="#compare/${run}"]`).click();
  await marked(there, 'compare-verdict').waitFor();
  assert.equal(await marked(there, 'compare-verdict').textContent(), verdict);
  assert.match(await there.locator('main').textContent(), /imported/);
  page.calm();
  there.calm();
});
