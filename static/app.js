'use strict';

// The page of recent runs: asks for v1/runs every two seconds and draws each ledger as a bar.

const STAGES = ['receive', 'decode', 'plan', 'queue', 'execute', 'gather', 'encode', 'unaccounted'];
const PERIOD_MS = 2000;

const byId = (id) => document.getElementById(id);
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

function link(href, text) {
  const a = document.createElement('a');
  a.href = href;
  a.textContent = text;
  return a;
}

function draw(runs) {
  const body = document.createElement('tbody');
  body.id = 'runs';
  for (const run of runs) {
    const row = body.insertRow();
    cell(row, new Date(run.started_at).toLocaleTimeString()).title = run.started_at;
    cell(row, run.operation);
    cell(row, run.executor + ', ' + run.mode);
    cell(row, String(run.workers), 'number');
    cell(row, run.rows.toLocaleString(), 'number');
    cell(row, String(run.status), run.status < 400 ? 'number' : 'number bad');
    cell(row, duration(run.wall_ns), 'number');
    cell(row, '').append(bar(run));
    const where = 'v1/runs/' + encodeURIComponent(run.id);
    cell(row, '').append(link(where, run.id.slice(0, 8)), ' ', link(where + '/trace', 'trace'));
  }
  byId('runs').replaceWith(body);
  byId('empty').hidden = byId('example').hidden = runs.length > 0;
}

function say(text, bad) {
  const state = byId('state');
  state.textContent = text;
  state.className = bad ? 'bad' : '';
}

async function refresh() {
  clearTimeout(timer);
  try {
    const headers = token ? { Authorization: 'Bearer ' + token } : {};
    const reply = await fetch('v1/runs?limit=50', { headers, cache: 'no-store' });
    byId('access').hidden = reply.status !== 401;
    if (reply.status === 401) {
      say(token ? 'The token was not accepted.' : 'A token is needed to see the runs.', true);
      return;
    }
    const answer = await reply.json();
    if (!reply.ok) throw new Error(answer.detail || reply.statusText);
    draw(answer.runs);
    say('Up to date at ' + new Date().toLocaleTimeString() + '.');
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
