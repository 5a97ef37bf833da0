'use strict';

// The page of recent runs: asks for v1/runs every two seconds and draws each ledger as a bar.

const STAGES = ['receive', 'decode', 'plan', 'queue', 'execute', 'gather', 'encode', 'unaccounted'];
const PERIOD_MS = 2000;

const byId = (id) => document.getElementById(id);
const rows = new Map();  // by the text of the run's record
let token = '';
let timer = 0;

function duration(ns) {
  if (ns >= 1e9) return (ns / 1e9).toFixed(2) + ' s';
  if (ns >= 1e6) return (ns / 1e6).toFixed(2) + ' ms';
  return (ns / 1e3).toFixed(1) + ' µs';
}

function cell(row, text, className) {
  const td = row.insertCell();
  td.textContent = text;
  if (className) td.className = className;
  return td;
}

function bar(run) {
  const box = document.createElement('div');
  const parts = [];
  box.className = 'bar';
  for (const stage of STAGES) {
    const ns = run.ledger[stage] || 0;
    if (ns <= 0) continue;
    const part = document.createElement('span');
    part.className = stage;
    part.style.width = (100 * ns / Math.max(run.wall_ns, 1)) + '%';
    box.append(part);
    parts.push(stage + ' ' + duration(ns));
  }
  box.title = parts.join(', ');
  box.setAttribute('role', 'img');
  box.setAttribute('aria-label', box.title);
  return box;
}

function headers() {
  return token ? { Authorization: 'Bearer ' + token } : {};
}

// A link sends no token, so with one the page fetches what the link names and saves it.
async function save(event) {
  if (!token) return;
  const a = event.currentTarget;
  event.preventDefault();
  try {
    const reply = await fetch(a.href, { headers: headers(), cache: 'no-store' });
    if (!reply.ok) throw new Error((await reply.json()).detail);
    const file = document.createElement('a');
    file.href = URL.createObjectURL(await reply.blob());
    file.download = a.dataset.file;
    file.click();
    setTimeout(() => URL.revokeObjectURL(file.href), 60000);
  } catch (error) {
    say('That could not be fetched: ' + error.message, true);
  }
}

function link(href, text, label, file) {
  const a = document.createElement('a');
  a.href = href;
  a.textContent = text;
  a.setAttribute('aria-label', label);
  a.dataset.file = file;
  a.addEventListener('click', save);
  return a;
}

function makeRow(run) {
  const row = document.createElement('tr');
  const where = 'v1/runs/' + encodeURIComponent(run.id);
  const short = run.id.slice(0, 8);
  const trace = link(where + '/trace', 'trace', 'trace of run ' + short, 'trace-' + short + '.json');
  trace.download = trace.dataset.file;
  cell(row, new Date(run.started_at).toLocaleTimeString(), 'started').title = run.started_at;
  cell(row, run.operation, 'operation');
  cell(row, run.executor ? run.executor + (run.emulation ? ' (emulated)' : '') : '\u2013', 'executor');
  cell(row, String(run.workers), 'workers number');
  cell(row, run.rows.toLocaleString(), 'rows number');
  cell(row, String(run.status), run.status < 400 ? 'status number' : 'status number bad');
  cell(row, duration(run.wall_ns), 'time number');
  cell(row, '', 'where').append(bar(run));
  cell(row, '', 'run').append(link(where, short, 'run ' + short, 'run-' + short + '.json'), ' ', trace);
  return row;
}

// Rows that are there already stay as they are, so that the focus, a selection and a tooltip stay too.
function draw(runs) {
  const body = byId('runs');
  const keys = runs.map((run) => JSON.stringify(run));
  const wanted = new Set(keys);
  for (const [key, row] of rows) {
    if (wanted.has(key)) continue;
    row.remove();
    rows.delete(key);
  }
  runs.forEach((run, i) => {
    if (!rows.has(keys[i])) rows.set(keys[i], makeRow(run));
    const row = rows.get(keys[i]);
    if (body.rows[i] !== row) body.insertBefore(row, body.rows[i] || null);
  });
  byId('empty').hidden = byId('example').hidden = runs.length > 0;
}

function say(text, bad) {
  const state = byId('state');
  if (state.textContent !== text) state.textContent = text;  // it is read aloud whenever it is set
  state.className = bad ? 'bad' : '';
  byId('when').textContent = bad ? '' : 'at ' + new Date().toLocaleTimeString();
}

async function refresh() {
  clearTimeout(timer);
  try {
    const reply = await fetch('v1/runs?limit=50', { headers: headers(), cache: 'no-store' });
    byId('access').hidden = reply.status !== 401;
    if (reply.status === 401) {
      say(token ? 'The token was not accepted.' : 'A token is needed to see the runs.', true);
      return;
    }
    const answer = await reply.json();
    if (!reply.ok) throw new Error(answer.detail || reply.statusText);
    draw(answer.runs);
    say('Up to date');
  } catch (error) {
    say('The server does not answer: ' + error.message, true);
  }
  timer = setTimeout(refresh, PERIOD_MS);
}

for (const stage of STAGES) {
  const item = document.createElement('li');
  const colour = document.createElement('i');
  colour.className = stage;
  item.append(colour, stage);
  byId('legend').append(item);
}
byId('example').textContent =
  "printf 'a,b\\n1,2\\n3,4\\n' | curl --data-binary @- --url-query 'let=sum=a+b' " +
  new URL('v1/compute', location.href);
byId('access').addEventListener('submit', (event) => {
  event.preventDefault();
  token = byId('token').value;
  refresh();
});
refresh();
