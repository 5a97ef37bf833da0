// steps.mjs: what several tests of the page do alike: a slow network, a large file, files that are
// saved, what was seen in passing.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import { Transform } from 'node:stream';
import { assert, marked } from './harness.mjs';

export const FRAME = { rows: 10000, columns: ['a', 'b'], distribution: 'normal', seed: 7 };

// Waits until `happens` gives something true, and gives that.
export async function until(happens, what, patience = 30000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await happens();
    if (found) return found;
    assert.ok(Date.now() < end, `not within ${patience} ms: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

// ---- the server, from outside the page -------------------------------------------------------------

// The summaries of the runs of an operation, the newest first.
export async function runsOf(server, operation) {
  const { runs } = await server.get('/v1/runs?limit=100');
  return runs.filter((run) => run.operation === operation);
}

// A computation over FRAME; gives its run's document.
export async function ran(server, options = {}) {
  const { run } = await server.post('/v1/compute', { generate: FRAME, let: { key: 'md5(a, b)' }, limit: 0, ...options });
  return server.get('/v1/runs/' + run);
}

// No worker has anything to do and nothing waits.
export function allIdle(server) {
  return until(async () => (await server.get('/v1/pools')).pools.every((pool) =>
    pool.queued === 0 && pool.workers.every((worker) => worker.state === 'idle')), 'idle pools');
}

// A proxy before the server through which bodies of requests go at `rate` bytes a second, as over a
// slow network. It ends with the file of tests.
export async function slowProxy(used, server, rate) {
  const slow = () => new Transform({
    transform(piece, encoding, done) { setTimeout(() => done(null, piece), 1000 * piece.length / rate); } });
  const proxy = http.createServer((request, reply) => {
    const { method, headers } = request;
    const onward = http.request(new URL(request.url, server.url), { method, headers }, (answer) => {
      reply.writeHead(answer.statusCode, answer.headers);
      answer.pipe(reply);
    });
    onward.on('error', () => reply.destroy());
    reply.on('close', () => onward.destroy());
    request.pipe(slow()).pipe(onward);
  });
  await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', resolve); });
  used.servers.push({ stop: async () => {
    proxy.closeAllConnections();
    proxy.close();
    return 0;
  } });
  return { url: `http://127.0.0.1:${proxy.address().port}` };
}

// What a shell prints for `command` in `folder`.
export function shell(command, folder) {
  return new Promise((resolve, reject) => {
    const bash = spawn('bash', ['-c', command], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    let complaints = '';
    bash.stdout.on('data', (piece) => { printed += piece; });
    bash.stderr.on('data', (piece) => { complaints += piece; });
    bash.on('error', reject);
    bash.on('close', (code) => (code === 0 ? resolve(printed) : reject(new Error(`exit ${code}: ${complaints}`))));
  });
}

// ---- files -----------------------------------------------------------------------------------------

// A CSV of at least `size` bytes: numbers, and texts that need quotes, some over two lines.
export function largeCsv(size) {
  const texts = ['plain', '"a, b"', '"she said ""no"""', '"two\nlines"', '', '"größe"'];
  const lines = ['id,x,y,note'];
  let length = 0;
  for (let i = 0; length < size; i++) {
    const line = `${i},${(i * 0.37).toFixed(3)},${1 + i % 97},${texts[i % texts.length]}`;
    lines.push(line);
    length += Buffer.byteLength(line) + 1;
  }
  return lines.join('\n') + '\n';
}

// The first `count` records of a CSV, as texts; an empty field is null.
export function recordsOf(text, count) {
  const records = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    records.at(-1).push(quoted === undefined ? plain || null : quoted.replaceAll('""', '"'));
    if (end !== ',' && records.length === count) break;
    if (end !== ',') records.push([]);
  }
  return records;
}

// The bytes that a click on `button` saves.
export async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
  return fs.readFileSync(await download.path());
}

export async function savedJson(page, button) {
  return JSON.parse((await saved(page, button)).toString('utf8'));
}

// The reply's text to a form with a file, as a program would send it.
export async function sendFile(server, options, text, name, headers = {}) {
  const form = new FormData();
  for (const [option, value] of options) form.append(option, value);
  form.append('data', new Blob([text], { type: 'text/csv' }), name);
  const reply = await fetch(server.url + '/v1/compute', { method: 'POST', body: form, headers });
  assert.equal(reply.status, 200);
  return Buffer.from(await reply.arrayBuffer());
}

// ---- the page --------------------------------------------------------------------------------------

// Remembers, from now on, each state of the progress marked `name`: [{state, value, max, text}].
// Gives a function that gives them.
export async function watchProgress(page, name) {
  await page.evaluate((wanted) => {
    const seen = [];
    window.progressSeen = seen;
    const look = () => {
      const box = document.querySelector(`[data-test="${wanted}"]`);
      const bar = box && (box.matches('progress') ? box : box.querySelector('progress'));
      if (!bar || box.hidden) return;
      const state = { state: box.dataset.phase || box.dataset.state, value: bar.value, max: bar.max,
        text: box.textContent };
      if (JSON.stringify(state) !== JSON.stringify(seen.at(-1))) seen.push(state);
    };
    new MutationObserver(look).observe(document.body,
      { subtree: true, childList: true, attributes: true, characterData: true });
  }, name);
  return () => page.evaluate(() => window.progressSeen);
}

// The exact texts of a table's cells, a row each; a number that is shown shorter has all of it as title.
export async function cellsOf(table) {
  return table.locator('tbody tr').evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) =>
    cell.querySelector('[title]')?.title ?? cell.textContent)));
}

// How many colours the pixels of a canvas have, no more than `most` counted.
export async function coloursOf(canvas, most = 8) {
  return canvas.evaluate((element, enough) => {
    if (element.width === 0 || element.height === 0) return 0;
    const { data } = element.getContext('2d').getImageData(0, 0, element.width, element.height);
    const found = new Set();
    for (let i = 0; i < data.length && found.size < enough; i += 4)
      found.add(`${data[i]},${data[i + 1]},${data[i + 2]},${data[i + 3]}`);
    return found.size;
  }, most);
}

export async function dataOf(page, name, key) {
  return marked(page, name).first().evaluate((node, wanted) => node.dataset[wanted], key);
}

// The run that the page's address names.
export function runInAddress(page) {
  return /#(?:run|compare)\/([0-9a-f]{32})$/.exec(page.url())?.[1] ?? null;
}
