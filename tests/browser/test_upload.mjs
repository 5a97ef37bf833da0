// Try it, with a file: choosing, uploading over a slow network, cancelling, what is saved, what fails.
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { assert, marked, shoot, useBrowser } from './harness.mjs';
import { allIdle, cellsOf, largeCsv, recordsOf, runsOf, saved, sendFile, shell, slowProxy, until, watchProgress } from './steps.mjs';

const used = useBrowser();
const SIZE = 8e6;
// Long enough, row by row, for its progress to be looked at.
const SLOW = [['hash', 'md5(sha512(id, note), sha512(x, y), sha512(y, note), sha512(x, id))'], ['twice', 'x*2+y']];
const LETS = [['hash', 'md5(id, x, note)'], ['twice', 'x*2+y']];

// The form with the file `text` of that name, and two computed columns.
async function withFile(server, text, name, lets = LETS) {
  const folder = used.folder();
  fs.writeFileSync(path.join(folder, name), text);
  const page = await used.open(server);
  await marked(page, 'result-table').waitFor();
  await marked(page, 'source-file').check();
  await marked(page, 'file-input').setInputFiles(path.join(folder, name));
  await marked(page, 'file-name').filter({ hasText: name }).waitFor();
  await fillLets(page, lets);
  return { page, folder };
}

async function fillLets(page, lets) {
  for (let i = 0; i < lets.length; i++) {
    const row = marked(page, 'let-row').nth(i);
    await row.locator('[data-test="let-name"]').fill(lets[i][0]);
    await row.locator('[data-test="let-expression"]').fill(lets[i][1]);
  }
}

function optionsOf(lets, ...others) {
  return [...lets.map(([name, expression]) => ['let', `${name}=${expression}`]), ...others];
}

// How many rows a progress says are done.
function rowsDone(text) {
  const found = /([\d,]+)(?: of [\d,]+)? rows done/.exec(text);
  return found ? Number(found[1].replaceAll(',', '')) : 0;
}

async function done(page) {
  await marked(page, 'run-message').filter({ hasText: /^Done/ }).waitFor();
  return (await marked(page, 'outcome-run').getAttribute('href')).slice('#run/'.length);
}

test('a large file: upload and rows are seen to move, the result is what a program gets', async () => {
  const server = await used.serve();
  const text = largeCsv(SIZE);
  const rows = text.match(/^\d+,/gm).length;
  const { page } = await withFile(await slowProxy(used, server, SIZE / 2), text, 'large.csv', SLOW);
  await marked(page, 'file-preview').locator('table').waitFor();
  await marked(page, 'executor').selectOption('serial');
  await marked(page, 'mode').selectOption('row');
  await marked(page, 'chunk-rows').fill('2000');
  const progress = await watchProgress(page, 'progress');
  await marked(page, 'run-button').click();
  await until(async () => (await progress()).some((seen) => seen.state === 'upload' && seen.value > 0), 'an upload');
  await shoot(page, 'walk-upload');
  const id = await done(page);
  const seen = await progress();
  const values = (state) => seen.filter((one) => one.state === state).map((one) =>
    (state === 'rows' ? rowsDone(one.text) : one.value));
  const sent = new Set(values('upload').filter((value) => value > 0 && value < text.length));
  assert.ok(sent.size >= 2, `the upload was seen at ${[...sent]}`);
  const computed = new Set(values('rows').filter((value) => value > 0 && value < rows));
  assert.ok(computed.size >= 2, `rows were seen at ${[...computed]}`);
  assert.ok(seen.findLastIndex((one) => one.state === 'upload') < seen.findIndex((one) => one.state === 'rows'));
  for (const state of ['upload', 'rows'])
    assert.deepEqual(values(state), [...values(state)].sort((a, b) => a - b), `${state} went backwards`);

  const options = optionsOf(SLOW, ['executor', 'serial'], ['mode', 'row'], ['chunk_rows', '2000']);
  const direct = await sendFile(server, options, text, 'large.csv');
  const shown = await cellsOf(marked(page, 'result-table'));
  const [names, ...records] = recordsOf(direct.toString('utf8'), 1 + shown.length);
  assert.deepEqual(names, ['id', 'x', 'y', 'note', 'hash', 'twice']);
  assert.ok(shown.length >= 5);
  assert.deepEqual(shown, records.map((record) => record.map((cell) => cell ?? 'null')));
  const file = await saved(page, page.locator('[data-test="download"][data-kind="csv"]'));
  assert.ok(direct.equals(file), 'the saved file is not what a program gets');
  const { input, request } = await server.get('/v1/runs/' + id);
  assert.equal(input.kind, 'upload');
  assert.equal(input.bytes, Buffer.byteLength(text));
  assert.deepEqual(request.options.filter(([name]) => name !== 'select'), options);
  await page.locator('nav a[href="#history"]').click();
  await page.locator(`[data-test="history-row"][data-id="${id}"] [data-test="needs-file"]`)
    .filter({ hasText: 'needs the file' }).waitFor();
  page.calm();
});

test('a file can be dropped', async () => {
  const server = await used.serve();
  const page = await used.open(server);
  await marked(page, 'source-file').check();
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(['n,t\n1,"x, y"\n2,z\n'], 'dropped.csv', { type: 'text/csv' }));
    return data;
  });
  await marked(page, 'drop').dispatchEvent('drop', { dataTransfer: transfer });
  await marked(page, 'file-name').filter({ hasText: 'dropped.csv' }).waitFor();
  await fillLets(page, [['three', 'n*3'], ['both', 'concat(t, "!")']]);
  await marked(page, 'run-button').click();
  await done(page);
  assert.deepEqual(await cellsOf(marked(page, 'result-table')), [['1', 'x, y', '3', 'x, y!'], ['2', 'z', '6', 'z!']]);
  page.calm();
});

test('an upload can be cancelled, and leaves nothing behind', async () => {
  const server = await used.serve();
  const { page } = await withFile(await slowProxy(used, server, SIZE / 8), largeCsv(SIZE), 'large.csv');
  const runs = (await runsOf(server, 'compute')).length;
  const progress = await watchProgress(page, 'progress');
  await marked(page, 'run-button').click();
  await until(async () => (await progress()).filter((seen) => seen.state === 'upload' && seen.value > 0).length > 1, 'an upload');
  await marked(page, 'cancel').click();
  await marked(page, 'run-message').filter({ hasText: /^Cancelled during the upload/ }).waitFor();
  assert.ok((await progress()).every((seen) => seen.state === 'upload'));
  await allIdle(server);
  assert.equal((await runsOf(server, 'compute')).filter((run) => run.status === 200).length, runs);
  assert.equal(await marked(page, 'let-expression').first().inputValue(), LETS[0][1]);
  assert.ok(await marked(page, 'run-button').isEnabled());
  page.calm();
});

test('the rows of an upload can be cancelled', async () => {
  const server = await used.serve();
  const { page } = await withFile(server, largeCsv(3 * SIZE), 'large.csv');
  await marked(page, 'mode').selectOption('row');
  await marked(page, 'executor').selectOption('serial');
  await marked(page, 'chunk-rows').fill('5000');
  const progress = await watchProgress(page, 'progress');
  await marked(page, 'run-button').click();
  await until(async () => (await progress()).some((seen) => seen.state === 'rows' && rowsDone(seen.text) > 0), 'rows that are done');
  await marked(page, 'cancel').click();
  await marked(page, 'run-message').filter({ hasText: /^Cancelled after [\d,]+( of [\d,]+)? rows/ }).waitFor();
  await allIdle(server);
  page.calm();
});

test('a file with a ragged row says its line, and nothing that was typed is lost', async () => {
  const server = await used.serve();
  const lines = ['id,x,y', ...Array.from({ length: 1000 }, (_, i) => `${i},${i}.5,2`)];
  lines[500 - 1] += ',one too many';
  const { page, folder } = await withFile(server, lines.join('\n'), 'ragged.csv', [['sum', 'x+y'], ['hash', 'md5(id)']]);
  await marked(page, 'chunk-rows').fill('100');
  await marked(page, 'run-button').click();
  const error = marked(page, 'run-error');
  await error.waitFor();
  assert.match(await error.textContent(), /\bline 500\b/);
  await shoot(page, 'walk-ragged');
  assert.match(await marked(page, 'file-name').textContent(), /ragged\.csv/);
  assert.equal(await marked(page, 'let-expression').first().inputValue(), 'x+y');
  assert.equal(await marked(page, 'chunk-rows').inputValue(), '100');
  fs.writeFileSync(path.join(folder, 'mended.csv'), lines.join('\n').replace(',one too many', ''));
  await marked(page, 'file-input').setInputFiles(path.join(folder, 'mended.csv'));
  await marked(page, 'run-button').click();
  await done(page);
  assert.equal(await error.count(), 0);
  page.calm();
});

test('the command for a file whose name has blanks and quotes gives the same file', async () => {
  const server = await used.serve();
  const name = `it's a "table"; of 2.csv`;
  const lets = [['größe 2', 'x*2'], ['t', "concat(note, ' it\\'s = \"&\" @ ;')"]];
  const { page, folder } = await withFile(server, largeCsv(5000), name, lets);
  await marked(page, 'run-button').click();
  const id = await done(page);
  const command = await marked(page, 'curl').textContent();
  assert.match(command, /--form-string/);
  const printed = await shell(command, folder);
  const file = await saved(page, page.locator('[data-test="download"][data-kind="csv"]'));
  assert.equal(printed, file.toString('utf8'));
  assert.match(printed.split('\n', 1)[0], /größe 2/);

  // The run's page has no file either; its command works with the file's name put in.
  await page.goto(`${server.url}/#run/${id}`);
  await marked(page, 'no-rerun').filter({ hasText: /not kept.*cannot be run again/ }).waitFor();
  assert.equal(await marked(page, 'run-again').count(), 0);
  const again = (await marked(page, 'curl').textContent()).replace('FILE', 'copy.csv');
  fs.copyFileSync(path.join(folder, name), path.join(folder, 'copy.csv'));
  assert.equal(await shell(again, folder), printed);
  page.calm();
});

test('after a reload the form is as it was, and says that the file must be chosen again', async () => {
  const server = await used.serve();
  const { page } = await withFile(server, 'n\n1\n', 'small.csv', [['m', 'n+1'], ['k', 'n+2']]);
  await marked(page, 'run-button').click();
  await done(page);
  const shown = await cellsOf(marked(page, 'result-table'));
  await page.reload();
  await marked(page, 'file-name').filter({ hasText: /small\.csv.*choose it again/ }).waitFor();
  assert.deepEqual(await cellsOf(marked(page, 'result-table')), shown);
  await marked(page, 'run-button').click();
  await marked(page, 'run-error').filter({ hasText: /file/ }).waitFor();
  page.calm();
});
