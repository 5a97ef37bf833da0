// api.js: requests to the service, by addresses relative to the page.

// A problem document (RFC 9457) as an error: code, status, detail, parameter, expression, position,
// line, row, column, limit and value are its members. code 'unreachable': no answer came.
export class Problem extends Error {
  constructor(members) {
    super(members.detail || members.title || 'The request failed.');
    Object.assign(this, members);
  }
}

// Called with no arguments when the service wants a token; resolves when one was accepted
// (session.js sets it). Requests that were refused are then sent again.
let askForToken = null;
export function setAskForToken(ask) {
  askForToken = ask;
}

export async function problemOf(status, text) {
  try {
    return new Problem({ status, ...JSON.parse(text) });
  } catch {
    return new Problem({ status, code: 'internal', detail: `The server answered with status ${status}.` });
  }
}

// The reply, of any 2xx status; else throws a Problem. options as fetch's, and `json`: a body.
export async function send(path, options = {}) {
  const { json, ...rest } = options;
  const init = { cache: 'no-store', ...rest };
  if (json !== undefined) {
    init.method = init.method || 'POST';
    init.headers = { 'Content-Type': 'application/json', ...init.headers };
    init.body = JSON.stringify(json);
  }
  let reply;
  try {
    reply = await fetch(path, init);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem({ code: 'unreachable', status: 0, detail: 'The server does not answer.' });
  }
  if (reply.ok) return reply;
  if (reply.status === 401 && askForToken && path !== 'v1/session') {
    await askForToken();
    return send(path, options);
  }
  throw await problemOf(reply.status, await reply.text());
}

// The text of the reply.
export async function getText(path, options) {
  const reply = await send(path, options);
  try {
    return await reply.text();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem({ code: 'unreachable', status: 0,
      detail: 'The connection broke before the whole answer had come.' });
  }
}

export async function get(path, options) {
  return JSON.parse(await getText(path, options));
}

export async function post(path, json, options) {
  return get(path, { ...options, json });
}

// ---- jobs ------------------------------------------------------------------------------------------

// Sends `body` (FormData, Blob or text; an object: as JSON) as a job. onUpload(sent, total) counts
// bytes. Resolves to the job's document; `signal` breaks the upload off.
export function submitJob(path, body, { headers = {}, onUpload, signal } = {}) {
  const plain = typeof body === 'object' && Object.getPrototypeOf(body) === Object.prototype;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();  // fetch does not tell how far an upload is
    request.open('POST', path);
    request.setRequestHeader('Prefer', 'respond-async');
    if (plain) request.setRequestHeader('Content-Type', 'application/json');
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onUpload && onUpload(event.loaded, event.total);
    request.onerror = () => reject(new Problem({
      code: 'unreachable', status: 0, detail: 'The connection broke while the request was sent.' }));
    request.onabort = () => reject(new DOMException('cancelled', 'AbortError'));
    request.onload = async () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else if (request.status === 401 && askForToken)
        askForToken().then(() => submitJob(path, body, { headers, onUpload, signal })).then(resolve, reject);
      else reject(await problemOf(request.status, request.responseText));
    };
    if (signal) signal.addEventListener('abort', () => request.abort());
    request.send(plain ? JSON.stringify(body) : body);
  });
}

// Waits for a job's end and resolves to its document; onProgress gets {done_rows, total_rows, state}.
// `signal` ends the waiting (AbortError), not the job: a browser has few connections to a server, and
// a stream that nobody reads keeps one of them.
export async function watchJob(id, onProgress = () => {}, signal = undefined) {
  const where = 'v1/jobs/' + encodeURIComponent(id);
  for (;;) {
    const end = await eventsOfJob(where, onProgress, signal);
    if (end) return end;
    // No stream: ask again and again.
    const job = await get(where, { headers: { Prefer: 'wait=1' }, signal });
    onProgress({ ...job.progress, state: job.state });
    if (!['pending', 'running'].includes(job.state)) return job;
  }
}

function eventsOfJob(where, onProgress, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stream = new EventSource(where + '/events');
    const stop = () => end(reject, signal.reason);
    const end = (settle, value) => {
      stream.close();
      signal?.removeEventListener('abort', stop);
      settle(value);
    };
    signal?.addEventListener('abort', stop);
    stream.addEventListener('progress', (event) => onProgress(JSON.parse(event.data)));
    stream.addEventListener('end', (event) => end(resolve, JSON.parse(event.data)));
    stream.onerror = () => end(resolve, null);
  });
}

// The job's reply: what the plain call would have replied.
export function resultOfJob(id, headers = {}) {
  return send('v1/jobs/' + encodeURIComponent(id) + '/result', { headers });
}

export function cancelJob(id) {
  return send('v1/jobs/' + encodeURIComponent(id), { method: 'DELETE' });
}

// What a program outside the browser would call: the absolute address of a path.
export function address(path) {
  return new URL(path, document.baseURI.split('#')[0]).href;
}
