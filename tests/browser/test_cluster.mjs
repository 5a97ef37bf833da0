// A Dask cluster: its card, where it is offered, and the lanes of workers on other machines. Its bridge is a stand-in
// that tells of workers and takes no work; the run was made for the test.
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { ROOT, PHONE, accessible, assert, fitsWidth, marked, shoot, useBrowser } from './harness.mjs';

const used = useBrowser();
const BRIDGE = path.join(ROOT, 'tests/browser/fake_bridge.py');
const serveCluster = (port) =>
  used.serve('--dask-scheduler', `tcp://127.0.0.1:${port}`, '--dask-python', BRIDGE);
const card = (page) => page.locator('[data-test="pool"][data-executor="dask"]');
const MS = 1e6;

test('the cluster has a card with its workers, and a link to Dask\u2019s own pages', async () => {
  const server = await serveCluster(1);
  for (const [theme, size] of [['light', undefined], ['dark', undefined], ['light', PHONE]]) {
    const page = await used.open(server, '/#now', { theme, ...(size && { size }) });
    await marked(card(page), 'cluster-state').filter({ hasText: '2 of 3 workers usable' }).waitFor();
    const rows = marked(card(page), 'cluster-worker');
    const { pools } = await server.get('/v1/pools');
    const pool = pools.find((one) => one.executor === 'dask');
    assert.equal(await rows.count(), pool.workers.length);
    for (const worker of pool.workers) {
      const text = await rows.nth(worker.worker).innerText();
      assert.ok(text.includes(worker.host) && text.includes(worker.name), text);
      assert.ok(text.includes(worker.usable ? 'usable' : worker.problem), text);
    }
    assert.equal(await marked(card(page), 'cluster-scheduler').innerText(), pool.scheduler);
    assert.ok((await marked(card(page), 'cluster-bridge').innerText()).includes(`process ${pool.bridge.pid}`));
    // Why a worker is not usable is read without scrolling, where there is room.
    const hidden = await rows.first().evaluate((row) => {
      const box = row.closest('.scroll');
      return box.scrollWidth - box.clientWidth;
    });
    if (!size) assert.equal(hidden, 0);
    assert.equal(await marked(card(page), 'cluster-gone').isVisible(), false);
    const link = marked(card(page), 'cluster-pages');
    assert.equal(await link.getAttribute('href'), 'http://127.0.0.1:1/status');
    assert.match(await link.getAttribute('rel'), /\bnoopener\b/);
    assert.match(await marked(page, 'now-busy').innerText(), /^0 of \d+$/);  // no worker of the cluster counts
    await accessible(page);
    await fitsWidth(page);
    await shoot(page, `cluster-${theme}${size ? '-phone' : ''}`);
    page.calm();
    await page.context().close();
  }
});

test('workers that left stand behind a line', async () => {
  const page = await used.open(await serveCluster(3), '/#now');
  const gone = marked(card(page), 'cluster-gone');
  await gone.locator('summary', { hasText: '1 worker gone' }).waitFor();
  const left = marked(gone, 'cluster-worker');
  assert.equal(await left.isVisible(), false);
  await gone.locator('summary').click();
  assert.match(await left.innerText(), /far-2\s+two\s+gone/);
  assert.equal(await marked(card(page), 'cluster-worker').count(), 3);
  assert.equal(await marked(card(page), 'cluster-state').innerText(), '1 of 2 workers usable');
  await accessible(page);
  await shoot(page, 'cluster-gone');
  page.calm();
});

test('a cluster that is away is said to be, and only an address of the web is a link', async () => {
  const server = await serveCluster(2);
  const page = await used.open(server, '/#now');
  await marked(card(page), 'cluster-problem').filter({ hasText: 'no answer from the scheduler' }).waitFor();
  assert.equal(await marked(card(page), 'cluster-state').innerText(), 'not connected');
  assert.equal(await marked(card(page), 'cluster-pages').count(), 0);
  const pool = (await server.get('/v1/pools')).pools.find((one) => one.executor === 'dask');
  assert.equal(pool.dashboard, 'javascript:alert(1)');
  assert.equal((await fetch(server.url + '/readyz')).status, 200);
  page.calm();
});

test('dask is offered where there is a cluster', async () => {
  const choices = (page) => marked(page, 'executor').locator('option').evaluateAll((all) => all.map((one) => one.value));
  const box = (page) => page.locator('[data-test="form-executors"][value="dask"]');
  for (const server of [await serveCluster(1), await used.serve()]) {
    const cluster = (await server.get('/v1/pools')).pools.some((pool) => pool.executor === 'dask');
    const page = await used.open(server, '/#try');
    await marked(page, 'executor').waitFor();
    if (cluster) await page.locator('[data-test="executor"] option[value="dask"]').waitFor({ state: 'attached' });
    await marked(page, 'outcome').waitFor();  // by then the pools have been read
    assert.equal((await choices(page)).includes('dask'), cluster);
    await page.goto(server.url + '/#compare');
    await marked(page, 'compare-run').waitFor();
    assert.equal(await box(page).isVisible(), cluster);
    assert.equal(await box(page).isChecked(), false);
    page.calm();
  }
});

test('the form of an experiment that named no executors has those that the server took', async () => {
  const server = await used.serve();
  const { run: id } = await server.post('/v1/compare', { repeat: 1,
    workload: { compute: { generate: { rows: 100, columns: ['a'], distribution: 'normal' }, let: { r: 'a+1' } } } });
  const file = await server.get(`/v1/runs/${id}/export`);
  const { run } = file;
  run.id = 'd'.repeat(32);
  for (const one of run.comparison.cases) if (one.executor === 'processes') one.executor = 'dask';
  const reply = await fetch(server.url + '/v1/runs/import', { method: 'POST', body: JSON.stringify(file),
    headers: { 'Content-Type': 'application/json' } });
  assert.ok(reply.ok, await reply.text());
  for (const [shown, last] of [[id, 'processes'], [run.id, 'dask']]) {
    const page = await used.open(server, `/#compare/${shown}`);
    await page.locator('.verdict').first().waitFor();
    const ticked = await page.locator('[data-test="form-executors"]:checked').evaluateAll((all) => all.map((one) => one.value));
    assert.deepEqual(ticked.sort(), [last, 'serial', 'threads'].sort());
    page.calm();
  }
});

// A run of two workers: on the second one two chunks were under way at once.
async function remoteRun(server) {
  const { run: id } = await server.post('/v1/compute', {
    generate: { rows: 3, columns: ['a'], distribution: 'normal', seed: 1 }, let: { r: 'a+1' }, chunk_rows: 1 });
  const file = await server.get(`/v1/runs/${id}/export`);
  const { run } = file;
  const stages = (ship, schedule, evaluate, fetch) => ({ ship: ship * MS, schedule: schedule * MS,
    evaluate: evaluate * MS, fetch: fetch * MS });
  const chunk = (number, worker, start, its) => ({ chunk: number, worker, pid: 0, first_row: number, rows: 1,
    start_ns: start * MS, stages: its });
  const worker = (number, host, chunks, wall, its) => ({ worker: number, pid: 0, host, chunks, wall_ns: wall * MS,
    cpu_ns: 4 * MS, stages: its });
  run.id = 'f'.repeat(32);
  run.executor = run.execution.executor = 'dask';
  run.workers = run.execution.workers = 8;
  run.execution.chunks = 3;
  run.chunks = [chunk(0, 0, 10, stages(10, 5, 20, 5)), chunk(1, 1, 10, stages(12, 3, 10, 5)),
    chunk(2, 1, 40, { evaluate: 15 * MS, fetch: 5 * MS })];
  run.timing.workers = [worker(0, 'far-1', 1, 40, stages(10, 5, 20, 5)), worker(1, 'far-2', 2, 50, stages(12, 3, 25, 10))];
  run.timing.ledger = [['queue', 10], ['ship', 10], ['schedule', 5], ['execute', 30], ['fetch', 5]]
    .map(([stage, ms]) => ({ stage, ns: ms * MS }));
  run.timing.unaccounted_ns = 0;
  run.timing.wall_ns = run.wall_ns = 60 * MS;
  delete run.timing.repeat;
  const reply = await fetch(server.url + '/v1/runs/import', { method: 'POST', body: JSON.stringify(file),
    headers: { 'Content-Type': 'application/json' } });
  assert.ok(reply.ok, await reply.text());
  return run;
}

test('workers on other machines are lanes that name their host', async () => {
  const server = await used.serve();
  const run = await remoteRun(server);
  for (const theme of ['light', 'dark']) {
    const page = await used.open(server, '/#run/' + run.id, { theme });
    const lanes = marked(page, 'timeline-lane');
    await lanes.nth(2).waitFor();
    assert.equal(await lanes.count(), 1 + 2);  // not one for each of the 8 that may be under way
    for (const worker of run.timing.workers)
      assert.ok((await lanes.nth(1 + worker.worker).innerText()).includes(`on ${worker.host}`));
    await marked(page, 'timeline').and(page.locator('[data-blocks="3"]')).waitFor();
    const parts = await marked(page, 'ledger').first().locator('[data-test="ledger-part"]')
      .evaluateAll((all) => all.map((one) => one.dataset.stage));
    assert.deepEqual(parts.filter((stage) => stage !== 'unaccounted'),
      ['queue', 'ship', 'schedule', 'execute', 'fetch']);
    const table = marked(page, 'timeline-table');
    await table.locator('summary').click();
    const heads = await table.locator('th').allInnerTexts();
    const order = ['ship', 'schedule', 'evaluate', 'fetch'].map((stage) => heads.findIndex((head) => head.includes(stage)));
    assert.deepEqual(order, [...order].sort((a, b) => a - b));
    assert.ok(order[0] > 0 && heads.includes('Host') && !heads.includes('pid'), String(heads));
    // The keys reach a chunk, and its readout says where it was.
    await marked(page, 'timeline-canvas').focus();
    for (const key of ['ArrowDown', 'ArrowRight']) await page.keyboard.press(key);
    await marked(page, 'timeline-readout').filter({ hasText: /worker \d on far-\d/ }).waitFor();
    await marked(page, 'cpu-row').nth(1).waitFor();
    assert.equal(await marked(page, 'cpu-row').count(), 2);
    await accessible(page);
    await shoot(page, `remote-run-${theme}`);
    page.calm();
    await page.context().close();
  }
});

test('the stages of a cluster stand in the legend of the runs once there is one', async () => {
  const server = await used.serve();
  await server.post('/v1/compute', { generate: { rows: 3, columns: ['a'], distribution: 'normal', seed: 1 }, let: { r: 'a' } });
  const page = await used.open(server, '/#history');
  await marked(page, 'history-row').first().waitFor();
  const entry = page.locator('.history-legend [data-stage="fetch"]');
  assert.equal(await entry.isVisible(), false);
  const run = await remoteRun(server);
  await page.reload();
  await page.locator(`[data-test="history-row"][data-id="${run.id}"]`).waitFor();
  await entry.waitFor();
  page.calm();
});

test('what the stand-in says is what the protocol has', () => {
  // The same sizes as in the header, so that a change there is noticed here.
  const header = fs.readFileSync(path.join(ROOT, 'pool/bridge_protocol.h'), 'utf8');
  for (const field of ['char session[32]', 'char scheduler[256]', 'char address[128]', 'char host[64]', 'char name[64]',
    'char problem[192]', 'CN_BRIDGE_STATE = 11']) assert.ok(header.includes(field), field);
});
