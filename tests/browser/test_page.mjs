// The page as a whole: it needs nothing from elsewhere, fits, is open to everybody, finds its way.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { accessible, assert, DESKTOP, fitsWidth, marked, PHONE, shoot, useBrowser } from './harness.mjs';

const used = useBrowser();
const MD5 = { generate: { rows: 2000, columns: ['a', 'b'], distribution: 'normal', seed: 7 }, let: { key: 'md5(a, b)' } };

// The view is there and nothing of it is still on its way.
async function settled(page) {
  await page.locator('main h1').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('main [aria-busy="true"]'));
}

// Runs and two comparisons, so that every view has something to show.
async function filled(...flags) {
  const server = await used.serve(...flags);
  for (const executor of ['serial', 'threads', 'processes', 'gil'])
    await server.post('/v1/compute', { ...MD5, executor, chunk_rows: 100 });
  const experiment = { workload: { compute: MD5 }, executors: ['serial', 'gil', 'threads', 'processes'],
    workers: [1, 2], modes: ['row', 'tuple', 'vector'], repeat: 2 };
  const first = await server.post('/v1/compare', experiment);
  const second = await server.post('/v1/compare', { ...experiment, modes: ['vector'] });
  const { runs } = await server.get('/v1/runs?limit=10');
  const computed = runs.filter((run) => run.operation === 'compute');
  return { server, views: {
    try: '#try', now: '#now', history: '#history', run: `#run/${computed[0].id}`,
    pair: `#pair/${computed[0].id}/${computed[1].id}`, compare: '#compare',
    comparison: `#compare/${first.run}`, comparisons: `#pair/${first.run}/${second.run}` } };
}

test('the first opening asks only this server', async () => {
  const server = await used.serve();
  const page = await used.open(server);
  const outside = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url) && !/^(data|blob):/.test(request.url())) outside.push(request.url());
  });
  await page.reload();
  await settled(page);
  await marked(page, 'live-state').filter({ hasText: 'Live' }).waitFor();
  assert.deepEqual(outside, []);
  page.calm();
});

test('no view has an accessibility fault or sticks out, in both themes, wide and narrow', async () => {
  const { server, views } = await filled();
  for (const [theme, size, name] of [['light', DESKTOP, 'desktop-light'], ['dark', DESKTOP, 'desktop-dark'],
    ['light', PHONE, 'phone-light'], ['dark', PHONE, 'phone-dark']]) {
    const page = await used.open(server, '/', { theme, size });
    for (const [view, hash] of Object.entries(views)) {
      await page.goto(`${server.url}/${hash}`);
      await page.reload();
      await settled(page);
      if (view === 'try') await marked(page, 'result-table').waitFor();
      await page.waitForTimeout(500);  // charts move for a moment
      await fitsWidth(page);
      await accessible(page);
      await shoot(page, `${view}-${name}`);
      assert.equal(await page.locator('h1:visible').count(), 1, view);
    }
    page.calm();
    await page.context().close();
  }
});

test('the theme button changes charts and page, and is remembered', async () => {
  const { server, views } = await filled();
  const page = await used.open(server, `/${views.comparison}`);
  await settled(page);
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  for (let i = 0; i < 3 && await background() === light; i++) await marked(page, 'theme').click();
  const dark = await background();
  assert.notEqual(dark, light);
  await page.reload();
  await settled(page);
  assert.equal(await background(), dark);
  page.calm();
});

test('the address names the view; back, forward and unknown ones work', async () => {
  const { server, views } = await filled();
  const page = await used.open(server, `/${views.run}`);
  await settled(page);
  const title = await page.title();
  await page.locator('nav a[href="#now"]').click();
  await marked(page, 'pools').waitFor();
  assert.notEqual(await page.title(), title);
  assert.equal(await page.locator('nav [aria-current="page"]').textContent(), 'Now');
  await page.goBack();
  await marked(page, 'timeline').waitFor();
  assert.equal(await page.title(), title);
  for (const unknown of ['#nowhere', '#run/00000000000000000000000000000000', '#compare/0', '#pair/1/2']) {
    await page.goto(`${server.url}/${unknown}`);
    await page.locator('main h1').waitFor();
    await page.locator('main').getByText(/no such|not |nothing/i).first().waitFor();
  }
  page.calm(/status of 404/);
});

test('all of it works with the keyboard alone', async () => {
  const server = await used.serve();
  const page = await used.open(server);
  await settled(page);
  await page.keyboard.press('Tab');
  assert.match(await page.evaluate(() => document.activeElement.textContent), /skip/i);
  await page.keyboard.press('Enter');
  const seen = new Set();
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    seen.add(await page.evaluate(() => document.activeElement.dataset.test || ''));
    const ring = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return document.activeElement === document.body || style.outlineStyle !== 'none' || style.boxShadow !== 'none';
    });
    assert.ok(ring, 'the focus cannot be seen');
  }
  for (const name of ['gen-rows', 'let-expression', 'executor', 'run-button']) assert.ok(seen.has(name), name);
  page.calm();
});

test('it works behind a proxy with a path prefix', async () => {
  const server = await used.serve();
  const proxy = http.createServer((request, reply) => {
    if (!request.url.startsWith('/tools/colonnade/')) {
      reply.writeHead(404).end();
      return;
    }
    const target = new URL(request.url.slice('/tools/colonnade'.length), server.url);
    const headers = { ...request.headers };
    const onward = http.request(target, { method: request.method, headers }, (answer) => {
      reply.writeHead(answer.statusCode, answer.headers);
      answer.pipe(reply);
    });
    onward.on('error', () => reply.destroy());
    reply.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', resolve); });
  try {
    const page = await used.open({ url: `http://127.0.0.1:${proxy.address().port}` }, '/tools/colonnade/');
    await marked(page, 'result-table').waitFor();
    await marked(page, 'live-state').filter({ hasText: 'Live' }).waitFor();
    await marked(page, 'run-button').click();
    await marked(page, 'timeline').waitFor();
    assert.match(await marked(page, 'curl').textContent(), /\/tools\/colonnade\/v1\/compute/);
    page.calm();
    await page.context().close();
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});

test('a token is asked for once; streams and downloads work with it', async () => {
  const folder = used.folder();
  const file = path.join(folder, 'token');
  fs.writeFileSync(file, 'a-secret-of-some-length\n', { mode: 0o600 });
  const server = await used.serve('--token-file', file);
  const page = await used.open(server);
  await marked(page, 'token').fill('wrong');
  await page.keyboard.press('Enter');
  await marked(page, 'login-error').filter({ hasText: /\S/ }).waitFor();
  await marked(page, 'token').fill('a-secret-of-some-length');
  await page.keyboard.press('Enter');
  await marked(page, 'result-table').waitFor();
  await marked(page, 'live-state').filter({ hasText: 'Live' }).waitFor();
  const [cookie] = await page.context().cookies(server.url + '/v1/runs');
  assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict');
  const runs = await page.evaluate(async () => (await fetch('v1/runs?operation=compute')).json());
  await page.goto(`${server.url}/#run/${runs.runs[0].id}`);
  const [download] = await Promise.all([page.waitForEvent('download'), marked(page, 'download-trace').click()]);
  assert.ok(JSON.parse(fs.readFileSync(await download.path(), 'utf8')).traceEvents.length > 0);
  const text = await page.evaluate(() => document.body.innerHTML + JSON.stringify(localStorage) + JSON.stringify(sessionStorage));
  assert.ok(!text.includes('a-secret-of-some-length'));
  await page.reload();
  await marked(page, 'timeline').waitFor();  // the session lasts
  page.calm(/status of 401/);
});
