// Try it, with the generated frame: what the first opening shows, live checking, options, cancelling,
// and the command for a shell.
import test from 'node:test';
import { assert, marked, shoot, useBrowser } from './harness.mjs';
import { allIdle, cellsOf, runsOf, shell, until, watchProgress } from './steps.mjs';

const used = useBrowser();

// The page with the example done and judged.
async function opened(server) {
  const page = await used.open(server);
  await marked(page, 'result-table').waitFor();
  await judged(page);
  return page;
}

// The verdict is there and no longer that it is being measured.
async function judged(page) {
  await until(async () => {
    const text = await marked(page, 'verdict').first().textContent();
    return text.trim() !== '' && !/measuring|being compared/i.test(text);
  }, 'a verdict');
}

// Types an expression into the first row and waits for what the server thinks of it.
async function typed(page, expression, finding) {
  const row = marked(page, 'let-row').first();
  await row.locator('[data-test="let-expression"]').fill(expression);
  await row.locator(`[data-test="${finding}"]`).waitFor();
  return row.locator(`[data-test="${finding}"]`);
}

async function run(page) {
  const before = await marked(page, 'outcome-run').getAttribute('href');
  await marked(page, 'run-button').click();
  const id = await until(async () => {
    const href = await marked(page, 'outcome-run').getAttribute('href');
    return href !== before && href.slice('#run/'.length);
  }, 'a new result');
  await marked(page, 'run-message').waitFor();
  return id;
}

test('the first opening shows result, ledger, timeline and verdict without a click or a scroll', async () => {
  const server = await used.serve();
  const page = await opened(server);
  await shoot(page, 'walk-try-first');
  for (const name of ['result-table', 'ledger', 'timeline', 'verdict']) {
    const box = await marked(page, name).first().boundingBox();
    assert.ok(box && box.height > 20 && box.width > 200, `${name} is not visible`);
    assert.ok(box.y + Math.min(box.height, 60) <= 900, `${name} begins at ${box.y} px`);
  }
  assert.ok((await cellsOf(marked(page, 'result-table'))).length > 0);
  const { sumNs, wallNs } = await marked(page, 'ledger').first().evaluate((node) => ({ ...node.dataset }));
  assert.equal(sumNs, wallNs);
  assert.equal(await page.evaluate(() => window.scrollY), 0);
  assert.ok((await runsOf(server, 'compute')).length >= 1);
  page.calm();
});

test('a reload shows the same without computing it again', async () => {
  const server = await used.serve();
  const page = await opened(server);
  const shown = async () => ({ table: await cellsOf(marked(page, 'result-table')),
    run: await marked(page, 'outcome-run').getAttribute('href'),
    verdict: await marked(page, 'verdict').first().textContent(),
    wall: await marked(page, 'ledger').first().evaluate((node) => node.dataset.wallNs) });
  const first = await shown();
  const runs = (await server.get('/v1/runs?limit=100')).runs.filter((one) => one.operation !== 'check').length;
  await page.reload();
  await marked(page, 'result-table').waitFor();
  await judged(page);
  await marked(page, 'live-state').filter({ hasText: 'Live' }).waitFor();
  assert.deepEqual(await shown(), first);
  await page.locator('nav a[href="#now"]').click();
  await marked(page, 'pools').waitFor();
  await page.goBack();
  await marked(page, 'result-table').waitFor();
  assert.deepEqual(await shown(), first);
  const after = (await server.get('/v1/runs?limit=100')).runs.filter((one) => one.operation !== 'check').length;
  assert.equal(after, runs);
  page.calm();
});

test('an error stands under its expression, with its position in characters', async () => {
  const page = await opened(await used.serve());
  await marked(page, 'let-remove').last().click();
  await marked(page, 'gen-columns').fill('größe, 😀, b');
  const caret = page.locator('.let-caret:visible');
  for (const [expression, at] of [['`größe` + * 2', 10], ['`größe`*`größe` + * 2', 18], ['`😀` + * 2', 6], ['  b + * 2', 6]]) {
    const row = marked(page, 'let-row').first();
    await row.locator('[data-test="let-expression"]').fill(expression);
    await row.locator(`[data-test="let-error"][data-position="${at}"]`).waitFor();
    assert.equal([...await caret.textContent()].indexOf('^'), at);
  }
  const type = await typed(page, '`größe` + upper(b)', 'let-error');
  await until(async () => await type.getAttribute('data-position') === '16', 'the position of the type error');
  assert.match(await type.textContent(), /float64|number|string/);
  const unknown = marked(page, 'let-row').first().locator('[data-test="let-error"]').filter({ hasText: 'nothere' });
  await marked(page, 'let-expression').first().fill('b + nothere');
  await unknown.waitFor();
  assert.equal(await unknown.getAttribute('data-position'), '4');
  const note = await typed(page, '`größe` + b', 'let-note');
  assert.match(await note.textContent(), /float64/);
  assert.equal(await marked(page, 'let-row').first().locator('[data-test="let-error"]').count(), 0);
  page.calm();
});

test('functions are listed, filtered, and written where the caret was', async () => {
  const server = await used.serve();
  const page = await opened(server);
  const { functions } = await server.get('/v1/functions');
  await page.locator('details.functions summary').click();
  await marked(page, 'function').first().waitFor();
  assert.deepEqual((await marked(page, 'function').evaluateAll((all) => all.map((one) => one.dataset.name))).sort(),
    functions.map((one) => one.name).sort());
  const expression = marked(page, 'let-expression').first();
  await expression.fill('1 + + 2');
  await expression.evaluate((input) => input.setSelectionRange(4, 4));
  await marked(page, 'function-filter').fill('md5');
  await page.locator('[data-test="function"][data-name="md5"]').click();
  assert.equal(await expression.inputValue(), '1 + md5()+ 2');
  await page.keyboard.type('a');  // between the parentheses
  assert.equal(await expression.inputValue(), '1 + md5(a)+ 2');
  page.calm();
});

test('columns are added and taken away, and a run that fails loses nothing that was typed', async () => {
  const page = await opened(await used.serve());
  const rows = await marked(page, 'let-row').count();
  await marked(page, 'add-let').click();
  await page.keyboard.type('third');
  await marked(page, 'let-expression').last().fill('int(a) // 0');
  await marked(page, 'let-row').last().locator('[data-test="let-note"]').waitFor();
  await marked(page, 'run-button').click();
  await marked(page, 'run-error').waitFor();
  assert.match(await marked(page, 'run-error').textContent(), /zero/i);
  assert.equal(await marked(page, 'let-name').last().inputValue(), 'third');
  assert.equal(await marked(page, 'let-expression').last().inputValue(), 'int(a) // 0');
  await marked(page, 'let-remove').last().click();
  assert.equal(await marked(page, 'let-row').count(), rows);
  await run(page);
  assert.equal(await marked(page, 'run-error').count(), 0);
  page.calm();
});

test('executor, workers, mode, chunk size and frame reach the server', async () => {
  const server = await used.serve();
  const page = await opened(server);
  await marked(page, 'gen-rows').fill('20000');
  await marked(page, 'gen-seed').fill('9223372036854775807');
  for (const [executor, mode, workers] of [['gil', 'tuple', 2], ['processes', 'row', 1], ['threads', 'vector', 2]]) {
    await marked(page, 'executor').selectOption(executor);
    await marked(page, 'mode').selectOption(mode);
    await marked(page, 'workers').fill(String(workers));
    await marked(page, 'chunk-rows').fill('5000');
    const id = await run(page);
    const document = await server.get('/v1/runs/' + id);
    const { reason, emulation, ...execution } = document.execution;
    assert.equal(emulation === true, executor === 'gil');
    assert.deepEqual(execution, { executor, workers, chunks: 4, chunk_rows: 5000, mode });
    assert.equal(document.rows, 20000);
    assert.match(await (await fetch(`${server.url}/v1/runs/${id}`)).text(), /"seed":9223372036854775807\b/);
    assert.equal(await marked(page, 'timeline').getAttribute('data-blocks'), '4');
    if (executor === 'gil') assert.match(await marked(page, 'timeline').textContent(), /gil \(emulated\)/);
  }
  page.calm();
});

test('a run shows its rows while they are done and can be cancelled', async () => {
  const server = await used.serve();
  const page = await opened(server);
  await marked(page, 'gen-rows').fill('3000000');
  await marked(page, 'mode').selectOption('row');
  const progress = await watchProgress(page, 'progress');
  const result = await marked(page, 'outcome-run').getAttribute('href');
  await marked(page, 'run-button').click();
  await until(async () => (await progress()).filter((seen) => seen.state === 'rows' && seen.value > 0).length > 1,
    'rows that are done');
  assert.match((await progress()).at(-1).text, /of 3,000,000 rows done/);
  await marked(page, 'cancel').click();
  await marked(page, 'run-message').filter({ hasText: /^Cancelled after [\d,]+ of 3,000,000 rows/ }).waitFor();
  await allIdle(server);
  assert.equal(await marked(page, 'outcome-run').getAttribute('href'), result);
  assert.equal(await marked(page, 'gen-rows').inputValue(), '3000000');
  await marked(page, 'gen-rows').fill('1000');
  await run(page);
  page.calm();
});

test('the command for a shell gives the same columns, and is copied as it is shown', async () => {
  const page = await opened(await used.serve());
  await marked(page, 'let-expression').first().fill("concat('it''s ', a)".replace("''", "\\'"));
  await marked(page, 'executor').selectOption('threads');
  const id = await run(page);
  const command = await marked(page, 'curl').textContent();
  await marked(page, 'copy-curl').click();
  await until(async () => await page.evaluate(() => navigator.clipboard.readText()) === command, 'the text in the clipboard');
  const reply = JSON.parse(await shell(command, used.folder()));
  assert.notEqual(reply.run, id);
  const names = await marked(page, 'result-table').locator('th').evaluateAll((heads) =>
    heads.map((head) => head.firstChild.textContent));
  assert.deepEqual(names, Object.keys(reply.columns));
  const rows = Object.values(reply.columns)[0].map((_, i) => names.map((name) => String(reply.columns[name][i])));
  assert.deepEqual(await cellsOf(marked(page, 'result-table')), rows);
  page.calm();
});
