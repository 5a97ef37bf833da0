// try_run.js: one run of the form as a job: upload, rows, result; cancelled in any of them.

import { Problem, cancelJob, get, resultOfJob, send, submitJob, watchJob } from './api.js';
import { elementsOf, membersOf } from './json_source.js';
import { readCsv, separatorOf } from './try_csv.js';
import { filledLets } from './try_request.js';

export const SHOWN_ROWS = 8;
const CSV_LOOK_BYTES = 1 << 18;   // enough for the first rows of any sensible table
const JSON_LOOK_BYTES = 32e6;     // a JSON result is read whole, or not at all

// What a run that was cancelled is rejected with: {phase: 'upload' | 'rows', sent, total, id}.
export class Cancelled extends Error {
  constructor(members) {
    super('cancelled');
    Object.assign(this, members);
  }
}

// Starts v1/compute with `request` ({body, headers}). onProgress({phase: 'upload', sent, total}) and
// ({phase: 'rows', done, total, id}; total is null until it is known), then ({phase: 'done'}) while the
// result is fetched. Gives {done: a promise of the reply, cancel()}.
export function startJob(path, request, onProgress) {
  const breakOff = new AbortController();
  const at = { phase: 'upload', sent: 0, total: 0, id: null, wanted: false };
  const tell = (change) => {
    Object.assign(at, change);
    onProgress({ ...at });
  };
  const run = async () => {
    const job = await submitJob(path, request.body, {
      headers: request.headers,
      signal: breakOff.signal,
      onUpload: (sent, total) => tell({ phase: 'upload', sent, total }),
    });
    tell({ phase: 'rows', id: job.id, done: 0, total: null });
    if (at.wanted) await cancelJob(job.id);
    const end = await watchJob(job.id, (progress) =>
      tell({ phase: 'rows', done: progress.done_rows, total: progress.total_rows }));
    if (end.state === 'cancelled') throw new Cancelled(at);
    if (end.state === 'failed') throw new Problem({ ...end.error, run: end.run });
    tell({ phase: 'done' });
    return resultOfJob(job.id);
  };
  return {
    done: run().catch(async (error) => {
      // A job that has ended is forgotten when it is cancelled, so its result is not found.
      const cancelled = error.name === 'AbortError' || (at.wanted && error.status === 404);
      if (cancelled) throw new Cancelled(at);
      throw error.code === 'unreachable' && await hasChanged(request.body)
        ? new Problem({ code: 'file_changed',
          detail: 'The file has changed since it was chosen: choose it again.' })
        : error;
    }),
    cancel() {
      at.wanted = true;
      if (at.id) cancelJob(at.id).catch(() => {});  // it may have ended a moment ago
      // Once all bytes are there the job exists or is about to, and is cancelled by its id.
      else if (request.body instanceof FormData && (at.total === 0 || at.sent < at.total)) breakOff.abort();
    },
  };
}

// Browsers refuse to read a file that is no longer what was chosen, and break the upload off.
async function hasChanged(body) {
  const file = body instanceof FormData && body.get('data');
  if (!file) return false;
  try {
    await file.slice(0, 1).arrayBuffer();
    return false;
  } catch {
    return true;
  }
}

// The record of a run; it is written when its work has ended, which may be a moment after the reply.
export async function recordOf(id) {
  for (let pause = 25; ; pause *= 2) {
    try {
      return await get('v1/runs/' + encodeURIComponent(id));
    } catch (problem) {
      if (problem.status !== 404 || pause > 1000) throw problem;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

// ---- the reply -------------------------------------------------------------------------------------

// What is shown of a reply: {id, kind, blob, size, head: {names, types, rows}, note}. `form` says how a
// CSV is written.
export async function readReply(reply, form, fileName = '') {
  const blob = await reply.blob();
  const id = reply.headers.get('Colonnade-Run');
  const json = (reply.headers.get('Content-Type') || '').includes('json');
  const shown = json ? await headOfJson(blob) : await headOfCsv(blob, form, fileName);
  return { id, kind: json ? 'json' : 'csv', blob, size: blob.size, ...shown };
}

async function headOfJson(blob) {
  if (blob.size > JSON_LOOK_BYTES)
    return { head: null, note: 'The result is too large to be shown. Download it, or ask for fewer rows.' };
  const body = Object.fromEntries(membersOf(await blob.text()));
  const typesOf = (source) => new Map(source ? Object.entries(JSON.parse(source)) : []);
  const [computed, given] = [typesOf(body.types), typesOf(body.input_types)];
  const columns = membersOf(body.columns);
  const names = columns.map(([name]) => name);
  const cells = columns.map(([, source]) => elementsOf(source, SHOWN_ROWS));
  const rows = (cells[0] || []).map((_, i) => cells.map((column) => column[i]));
  const types = names.map((name) => computed.get(name) || given.get(name) || '');
  return { head: { names, types, rows } };
}

async function headOfCsv(blob, form, fileName) {
  const text = await blob.slice(0, CSV_LOOK_BYTES).text();
  const separator = separatorOf(form.source === 'file' ? form.delimiter : '', fileName);
  const absent = form.source === 'file' && form.header === 'absent';
  const records = readCsv(text, separator, SHOWN_ROWS + 1, blob.size > CSV_LOOK_BYTES);
  const names = absent ? namesWithout(records[0] || [], form) : records[0] || [];
  const rows = records.slice(absent ? 0 : 1).slice(0, SHOWN_ROWS);
  return { head: { names, types: null, rows } };
}

// Without a first line of names: c0, c1, … of the file, then the computed ones that are no c0, c1, ….
function namesWithout(record, form) {
  const added = filledLets(form).map((row) => row.name);
  const own = record.length - added.filter((name) => !/^c\d+$/.test(name)).length;
  const more = added.filter((name) => !(/^c\d+$/.test(name) && Number(name.slice(1)) < own));
  const first = form.select.file === 'computed' ? 0 : record.length - more.length;
  return record.map((_, i) => (i < first ? `c${i}` : more[i - first] || ''));
}

// A plain call, without a job: for the example, which takes some milliseconds.
export function callPlain(request) {
  return send('v1/compute', { method: 'POST', headers: request.headers, body: request.body });
}
