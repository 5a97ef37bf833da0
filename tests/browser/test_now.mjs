// Now: what the server does at the moment, and what the page says when it does not answer.
import test from 'node:test';
import { assert, marked, useBrowser } from './harness.mjs';

const used = useBrowser();
const SLEEP = { function: 'long_io', args: [0, 1, 2, 3], seconds: 1, workers: 4 };

test('busy workers, rates and new runs appear by themselves', async () => {
  const server = await used.serve();
  const page = await used.open(server, '/#now');
  await marked(page, 'pools').waitFor();
  assert.equal(await marked(page, 'pool').count(), 4);
  const busy = page.locator('[data-test="pool"][data-executor="threads"] [data-test="worker"][data-state="busy"]');
  assert.equal(await busy.count(), 0);
  const answer = server.post('/v1/map', { ...SLEEP, executor: 'threads' });
  await busy.first().waitFor();
  const { run } = await answer;
  await marked(page, 'recent').locator(`a[href="#run/${run}"]`).waitFor();
  await busy.first().waitFor({ state: 'detached' });
  await page.locator('[data-test="pool"][data-executor="gil"]').getByText('emulated').first().waitFor();
  for (const chart of ['chart-rate', 'chart-latency']) await marked(page, chart).locator('canvas').waitFor();
  page.calm();
});

test('recent runs can be searched', async () => {
  const server = await used.serve();
  const frame = { generate: { rows: 10, columns: ['a'], distribution: 'normal', seed: 1 } };
  const wanted = await server.post('/v1/compute', { ...frame, let: { needle: 'a+1' } });
  const other = await server.post('/v1/compute', { ...frame, let: { straw: 'a+2' } });
  const page = await used.open(server, '/#now');
  const link = (run) => marked(page, 'recent').locator(`a[href="#run/${run}"]`);
  await link(other.run).waitFor();
  await marked(page, 'recent-search').fill('needle');
  await link(other.run).waitFor({ state: 'detached' });
  await link(wanted.run).waitFor();
  page.calm();
});

test('a restart of the server is survived, and said meanwhile', async () => {
  const folder = used.folder();
  let server = await used.serve('--data-dir', folder);
  const frame = { generate: { rows: 10, columns: ['a'], distribution: 'normal', seed: 1 }, let: { x: 'a+1' } };
  const before = await server.post('/v1/compute', frame);
  const page = await used.open(server, '/#now');
  const state = marked(page, 'live-state');
  await state.filter({ hasText: 'Live' }).waitFor();
  const stopped = state.filter({ hasText: /reconnecting/i }).waitFor();
  server = await used.restart(server, 1500);
  await stopped;
  await state.filter({ hasText: 'Live' }).waitFor();
  const link = (run) => marked(page, 'recent').locator(`a[href="#run/${run}"]`);
  await link(before.run).waitFor();
  const after = await server.post('/v1/compute', frame);
  await link(after.run).waitFor();
  page.calm(/ERR_|Failed to load|EventSource/);
});

test('without an event stream the page asks again and again', async () => {
  const server = await used.serve();
  const page = await used.open(server, '/#try');
  await page.context().route('**/v1/events', (route) => route.abort());
  await page.goto(`${server.url}/#now`);
  await page.reload();
  await marked(page, 'live-state').filter({ hasText: 'Polling' }).waitFor();
  const { run } = await server.post('/v1/map', { function: 'long_io', args: [1], seconds: 0.01 });
  await marked(page, 'recent').locator(`a[href="#run/${run}"]`).waitFor();
  page.calm(/ERR_FAILED/);
});
