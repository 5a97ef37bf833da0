// One run: ledger, timeline, processor time, files, Perfetto, running it again.
import test from 'node:test';
import { assert, marked, shoot, useBrowser } from './harness.mjs';
import { allIdle, dataOf, FRAME, ran, runInAddress, saved, savedJson, until } from './steps.mjs';

const used = useBrowser();
const EXACT = (ns) => `${Math.round(ns).toLocaleString('en-US')} ns`;

async function openRun(server, run) {
  const page = await used.open(server, '/#run/' + run.id);
  await marked(page, 'ledger').first().waitFor();
  return page;
}

async function viewOf(page) {
  const { viewFromNs, viewToNs } = await marked(page, 'timeline').evaluate((node) => ({ ...node.dataset }));
  return { from: Number(viewFromNs), to: Number(viewToNs) };
}

// Waits until the view differs from `before`, and gives it.
function viewAfter(page, before) {
  return until(async () => {
    const view = await viewOf(page);
    return (view.from !== before.from || view.to !== before.to) && view;
  }, 'another view');
}

// What the readout says, with one kind of blank.
async function readout(page, name = 'timeline-readout') {
  return (await marked(page, name).textContent()).replace(/\s/g, ' ');
}

// The chunk that the readout names says of itself what the document says.
function agrees(text, run) {
  const chunk = run.chunks[Number(/Chunk ([\d,]+)/.exec(text)[1].replaceAll(',', ''))];
  const takes = Object.values(chunk.stages).reduce((sum, ns) => sum + ns, 0);
  assert.ok(text.includes(`worker ${chunk.worker}, pid ${chunk.pid}`), text);
  for (const ns of [chunk.start_ns, takes, ...Object.values(chunk.stages).filter((time) => time > 0)])
    assert.ok(text.includes(EXACT(ns)), `${EXACT(ns)} is not in: ${text}`);
  return chunk;
}

test('the ledger is one bar that sums to the wall time, on every executor', async () => {
  const server = await used.serve();
  const page = await used.open(server, '/#now');
  for (const executor of ['serial', 'threads', 'processes', 'gil']) {
    const run = await ran(server, { executor, chunk_rows: 1200 });
    await page.goto(`${server.url}/#run/${run.id}`);
    await page.locator('main h1').filter({ hasText: run.id.slice(0, 8) }).waitFor();
    const ledger = marked(page, 'ledger').first();
    assert.equal(await ledger.getAttribute('data-wall-ns'), String(run.timing.wall_ns));
    assert.equal(await ledger.getAttribute('data-sum-ns'), String(run.timing.wall_ns));
    const parts = await ledger.locator('[data-test="ledger-part"]').evaluateAll((all) =>
      all.map((part) => ({ stage: part.dataset.stage, ns: Number(part.dataset.ns), width: part.getBoundingClientRect().width })));
    assert.deepEqual(Object.fromEntries(parts.map((part) => [part.stage, part.ns])), Object.fromEntries(
      [...run.timing.ledger, { stage: 'unaccounted', ns: run.timing.unaccounted_ns }]
        .filter((part) => part.ns > 0).map((part) => [part.stage, part.ns])));
    assert.ok(parts.every((part) => part.width >= 1), 'a part cannot be seen');
    assert.match(await ledger.textContent(), /unaccounted/);
    assert.match(await marked(page, 'cpu-sentence').textContent(), /processor time .* than/i);
    assert.equal(await marked(page, 'timeline').getAttribute('data-blocks'), '9');
    // Also a worker that got no chunk has a lane.
    assert.equal(await marked(page, 'timeline').getAttribute('data-lanes'), String(1 + run.execution.workers));
    const text = await page.locator('main').textContent();
    for (const { pid } of run.timing.workers) assert.ok(text.includes(`pid ${pid}`));
    if (executor === 'gil') {
      assert.match(await marked(page, 'timeline').textContent(), /gil \(emulated\)/);
      await shoot(page, 'walk-run-gil');
    }
    page.calm();
  }
});

test('zoom, moving and reset change what the timeline shows', async () => {
  const server = await used.serve();
  const run = await ran(server, { executor: 'threads', chunk_rows: 1000 });
  const page = await openRun(server, run);
  await until(() => dataOf(page, 'timeline', 'viewToNs'), 'a first drawing');
  const whole = await viewOf(page);
  assert.equal(whole.from, 0);
  assert.ok(whole.to >= run.timing.wall_ns);
  await marked(page, 'zoom-in').click();
  const near = await viewAfter(page, whole);
  assert.ok(near.from > 0 && near.to - near.from < 0.6 * whole.to);
  await marked(page, 'zoom-out').click();
  const back = await viewAfter(page, near);
  assert.ok(back.to - back.from > near.to - near.from);

  const canvas = marked(page, 'timeline-canvas');
  const box = await canvas.boundingBox();
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  await marked(page, 'zoom-in').click();
  const zoomed = await viewAfter(page, back);
  await page.mouse.move(middle.x, middle.y);
  await page.mouse.down();
  await page.mouse.move(middle.x + 100, middle.y, { steps: 5 });
  await page.mouse.up();
  const dragged = await viewAfter(page, zoomed);
  assert.ok(dragged.from < zoomed.from, 'the view follows the hand');
  assert.ok(Math.abs((dragged.to - dragged.from) - (zoomed.to - zoomed.from)) < 10);
  await canvas.focus();
  await page.mouse.wheel(0, -200);
  const wheeled = await viewAfter(page, dragged);
  assert.ok(wheeled.to - wheeled.from < dragged.to - dragged.from);
  await page.keyboard.press('Shift+ArrowRight');
  const shifted = await viewAfter(page, wheeled);
  assert.ok(shifted.from > wheeled.from);
  await page.keyboard.press('+');
  await viewAfter(page, shifted);
  await marked(page, 'zoom-reset').click();
  await until(async () => JSON.stringify(await viewOf(page)) === JSON.stringify(whole), 'all of it');
  await marked(page, 'zoom-chunks').click();
  const busy = await viewAfter(page, whole);
  const starts = run.chunks.map((chunk) => chunk.start_ns);
  const ends = run.chunks.map((chunk) => chunk.start_ns + Object.values(chunk.stages).reduce((sum, ns) => sum + ns, 0));
  assert.deepEqual(busy, { from: Math.min(...starts), to: Math.max(...ends) });
  page.calm();
});

test('keys and pointer read out the exact times of a block', async () => {
  const server = await used.serve();
  // Of a worker that had a single chunk there is none beside it.
  const run = await until(async () => {
    const one = await ran(server, { executor: 'threads', chunk_rows: 1000 });
    const count = (worker) => one.chunks.filter((chunk) => chunk.worker === worker).length;
    return one.chunks.every((chunk) => count(chunk.worker) > 1) && one;
  }, 'a run in which each worker has more than one chunk');
  const page = await openRun(server, run);
  const canvas = marked(page, 'timeline-canvas');
  await canvas.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowDown');
  await until(async () => /Chunk/.test(await readout(page)), 'a chunk that is read out');
  const first = agrees(await readout(page), run);
  const later = run.chunks.some((chunk) => chunk.worker === first.worker && chunk.start_ns > first.start_ns);
  await page.keyboard.press(later ? 'ArrowRight' : 'ArrowLeft');
  await until(async () => !(await readout(page)).includes(`Chunk ${first.chunk},`), 'the chunk beside it');
  const second = agrees(await readout(page), run);
  assert.equal(second.worker, first.worker);
  assert.equal(second.start_ns > first.start_ns, later);

  const box = await canvas.boundingBox();
  const lanes = Number(await dataOf(page, 'timeline', 'lanes'));
  const view = await viewOf(page);
  const chunk = run.chunks[5];
  const middle = chunk.start_ns + Object.values(chunk.stages).reduce((sum, ns) => sum + ns, 0) / 2;
  const number = chunk.worker + 1;
  await page.mouse.move(box.x + box.width * (middle - view.from) / (view.to - view.from),
    box.y + box.height * (number + 0.5) / lanes);
  await marked(page, 'timeline-tip').filter({ hasText: `chunk ${chunk.chunk},` }).waitFor();
  assert.ok((await readout(page, 'timeline-tip')).includes(EXACT(chunk.start_ns)));
  agrees(await readout(page), run);
  await shoot(page, 'walk-run-hover');

  await page.keyboard.press('Escape');
  const bar = marked(page, 'ledger').first().locator('[tabindex="0"]').first();
  await bar.focus();
  await page.keyboard.press('ArrowRight');
  const said = await readout(page, 'ledger-readout');
  assert.ok(said.includes(EXACT(run.timing.ledger.find((part) => part.ns > 0).ns)), said);
  page.calm();
});

test('ten thousand chunks are drawn within a second and stay smooth', async () => {
  const server = await used.serve();
  const run = await ran(server, { executor: 'threads', chunk_rows: 1 });
  assert.equal(run.chunks.length, 10000);
  await allIdle(server);
  const page = await openRun(server, run);
  assert.equal(await dataOf(page, 'timeline', 'blocks'), '10000');
  const drawn = Number(await until(() => dataOf(page, 'timeline', 'firstDrawMs'), 'a first drawing'));
  console.log(`measured first drawing of 10,000 chunks: ${drawn} ms`);
  assert.ok(drawn > 0 && drawn < 1000, `${drawn} ms`);
  const frames = await page.evaluate(async () => {
    const canvas = document.querySelector('[data-test="timeline-canvas"]');
    const box = canvas.getBoundingClientRect();
    canvas.focus();
    const times = [];
    let last = await new Promise(requestAnimationFrame);
    for (let i = 0; i < 90; i++) {
      const zooming = i % 30 < 20;
      canvas.dispatchEvent(new WheelEvent('wheel', { bubbles: true, cancelable: true,
        clientX: box.left + box.width * (0.3 + i / 300), clientY: box.top + box.height / 2,
        deltaY: zooming ? (i < 45 ? -60 : 60) : 0, deltaX: zooming ? 0 : 80 }));
      const now = await new Promise(requestAnimationFrame);
      times.push(now - last);
      last = now;
    }
    return times.sort((a, b) => a - b);
  });
  const median = frames[frames.length >> 1];
  console.log(`measured frames while zooming and moving 10,000 chunks: median ${median.toFixed(1)} ms, ` +
    `worst ${frames.at(-1).toFixed(1)} ms`);
  assert.ok(median <= 100, `${median} ms`);
  await shoot(page, 'walk-run-10000');
  page.calm();
});

test('trace, JSON, CSV and export agree with the document', async () => {
  const server = await used.serve();
  const run = await ran(server, { executor: 'processes', chunk_rows: 1000 });
  const page = await openRun(server, run);
  const { traceEvents } = await savedJson(page, marked(page, 'download-trace'));
  const chunks = traceEvents.filter((event) => event.cat === 'chunk');
  assert.equal(chunks.length, run.chunks.length);
  assert.deepEqual(await savedJson(page, marked(page, 'download-json')), run);
  const [head, ...lines] = (await saved(page, marked(page, 'download-csv'))).toString('utf8').trimEnd().split('\n');
  const names = head.split(',');
  const rows = lines.map((line) => Object.fromEntries(line.split(',').map((cell, i) => [names[i], cell])));
  assert.equal(rows.length, run.chunks.length);
  for (const [i, chunk] of run.chunks.entries()) {
    const { stages, ...facts } = chunk;
    for (const [name, value] of Object.entries(facts)) assert.equal(rows[i][name], String(value), name);
    for (const [stage, ns] of Object.entries(stages)) assert.equal(rows[i][stage + '_ns'], String(ns), stage);
  }
  const file = await savedJson(page, marked(page, 'export'));
  assert.equal(file.colonnade_run, 1);
  assert.deepEqual(file.run, run);
  assert.deepEqual(file.trace.traceEvents.length, traceEvents.length);
  page.calm();
});

test('the trace arrives in Perfetto', async () => {
  const server = await used.serve();
  const run = await ran(server, { executor: 'threads', chunk_rows: 1000 });
  const page = await openRun(server, run);
  // As ui.perfetto.dev does: it answers once it has loaded, not at once.
  await page.context().route('https://ui.perfetto.dev/**', (route) => route.fulfill({ contentType: 'text/html', body: `
    <!doctype html><title>stand-in</title><script>
    let pings = 0;
    addEventListener('message', ({ data, source, origin }) => {
      if (data === 'PING' && ++pings > 3) source.postMessage('PONG', origin);
      if (data.perfetto) window.got = { title: data.perfetto.title, text: new TextDecoder().decode(data.perfetto.buffer) };
    });
    </script>` }));
  const [popup] = await Promise.all([page.context().waitForEvent('page'), marked(page, 'open-perfetto').click()]);
  await popup.waitForFunction(() => window.got);
  const got = await popup.evaluate(() => window.got);
  assert.match(got.title, new RegExp(run.id.slice(0, 8)));
  assert.equal(JSON.parse(got.text).traceEvents.filter((event) => event.cat === 'chunk').length, run.chunks.length);
  await marked(page, 'perfetto-state').filter({ hasText: /is open/ }).waitFor();
  page.calm();
});

test('a run is run again as it was', async () => {
  const server = await used.serve();
  const run = await ran(server, { executor: 'gil', chunk_rows: 1000, mode: 'tuple', workers: 2 });
  const page = await openRun(server, run);
  await marked(page, 'run-again').click();
  const id = await until(() => runInAddress(page) !== run.id && runInAddress(page), 'the new run');
  await marked(page, 'timeline').waitFor();
  const again = await server.get('/v1/runs/' + id);
  assert.deepEqual(again.recipe, run.recipe);
  assert.deepEqual(again.input, run.input);
  assert.deepEqual(again.request, run.request);
  assert.deepEqual(again.execution, run.execution);
  assert.equal(again.input.generate.rows, FRAME.rows);
  await page.goBack();
  await until(() => runInAddress(page) === run.id, 'the first run');
  page.calm();
});

test('a failed run and a sleeping one can be read', async () => {
  const server = await used.serve();
  const failed = await fetch(`${server.url}/v1/compute`, { method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ generate: FRAME, let: { x: 'int(a) // 0' } }) });
  assert.equal(failed.status, 422);
  const { runs } = await server.get('/v1/runs?limit=1');
  const page = await used.open(server, '/#run/' + runs[0].id);
  await marked(page, 'run-error').filter({ hasText: 'division' }).waitFor();
  const { run } = await server.post('/v1/map', { function: 'long_io', args: [1, 2, 3], seconds: 0.02, executor: 'gil', workers: 2 });
  await page.goto(`${server.url}/#run/${run}`);
  await marked(page, 'timeline').waitFor();
  assert.equal(await dataOf(page, 'timeline', 'blocks'), '3');
  assert.match(await marked(page, 'timeline').textContent(), /wait/);
  await page.goto(`${server.url}/#run`);  // the newest
  await marked(page, 'timeline').waitFor();
  assert.equal(await dataOf(page, 'timeline', 'blocks'), '3');
  page.calm(/status of 422/);
});
