// session.js: signing in. A server with --token-file refuses requests without its token; the token is
// exchanged for a cookie that scripts cannot read, so it is nowhere in the page.
//
// data-test: login, token, login-error, login-cancel, sign-in, sign-out.

import { h, say } from './dom.js';
import { Problem, send, setAskForToken } from './api.js';

const OWN = 'colonnade';
const KEY = 'colonnade-signed-in';  // only that there is a session: the cookie itself is out of reach

const AGAIN_MS = 5000;

const listeners = new Set();
const askedListeners = new Set();
let acceptedAt = -Infinity;
let asking = null;  // several refused requests share one dialog
let signIn = null;
let signOut = null;

function remember(isIn) {
  try {
    if (isIn) localStorage.setItem(KEY, '1');
    else localStorage.removeItem(KEY);
  } catch {
    // Storage is forbidden: "Sign out" is then shown until the page is loaded again.
  }
  if (signOut) signOut.hidden = !isIn;
}

function remembered() {
  try {
    return localStorage.getItem(KEY) === '1';
  } catch {
    return false;
  }
}

function refused() {
  return new Problem({
    code: 'unauthorized', status: 401, detail: 'This server wants a token. Sign in to go on.' });
}

function ask() {
  if (!asking) {
    asking = new Promise((resolve, reject) => openDialog(resolve, () => reject(refused())));
    for (const fn of [...askedListeners]) fn();
    asking.then(() => signedIn(), () => wasRefused()).finally(() => { asking = null; });
  }
  return asking;
}

function signedIn() {
  acceptedAt = performance.now();
  remember(true);
  if (signIn) signIn.hidden = true;
  for (const fn of [...listeners]) fn();
}

function wasRefused() {
  remember(false);
  if (signIn) signIn.hidden = false;
}

function openDialog(accepted, given) {
  const input = h('input', {
    type: 'password', id: 'token', name: 'token', required: true, autocomplete: 'current-password',
    spellcheck: 'false', 'aria-describedby': 'token-help login-error', dataset: { test: 'token' },
  });
  const error = h('p', {
    class: 'error-text', id: 'login-error', role: 'alert', dataset: { test: 'login-error' } });
  const submit = h('button', { type: 'submit', class: 'primary' }, 'Sign in');
  const cancel = h('button', {
    type: 'button', class: 'quiet', dataset: { test: 'login-cancel' }, onclick: () => dialog.close(),
  }, 'Not now');
  let done = false;
  const again = performance.now() - acceptedAt < AGAIN_MS;
  const form = h('form', { method: 'dialog', onsubmit: async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    done = await tryToken(input, error);
    submit.disabled = false;
    if (done) dialog.close();
  } },
  h('h2', { id: 'login-title' }, 'Sign in'),
  h('p', { id: 'token-help' }, 'This server asks for a token. It is the text in the file that the server ' +
    'was started with (', h('code', null, '--token-file'), '); whoever runs the server can tell you.'),
  again ? h('p', null, 'The token was accepted, but the browser did not keep the session. ' +
    'Cookies of this site must be allowed.') : null,
  h('input', { type: 'text', autocomplete: 'username', value: 'colonnade', hidden: true, readonly: true }),
  h('div', { class: 'field' }, h('label', { for: 'token' }, 'Token'), input), error,
  h('div', { class: 'actions' }, submit, cancel));
  const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'login-title', dataset: { test: 'login' },
    onclose: () => {
      dialog.remove();
      if (done) accepted();
      else given();
    } }, form);
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}

// Whether the server accepted it; says why not.
async function tryToken(input, error) {
  say(error, '');
  try {
    await send('v1/session', { json: { token: input.value.trim() } });
    return true;
  } catch (problem) {
    say(error, problem.status === 401 ? 'The server did not accept this token.' : problem.message);
    input.select();
    input.focus();
    return false;
  }
}

// Without a session there is nothing to end.
async function endSession() {
  const reply = await fetch('v1/session', { method: 'DELETE', cache: 'no-store' })
    .catch(() => { throw new Error('The server does not answer.'); });
  if (!reply.ok && reply.status !== 401) throw new Error(`The server answered with status ${reply.status}.`);
}

async function leave() {
  try {
    await endSession();
  } catch (problem) {  // the cookie lives on: to look signed out would be untrue
    signOut.textContent = 'Sign out: no answer, try again';
    signOut.title = problem.message;
    return;
  }
  remember(false);
  try {
    // What the tab keeps for a reload; others at this address keep their own.
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(OWN)) sessionStorage.removeItem(key);
  } catch {
    // Storage is forbidden: nothing was kept.
  }
  location.reload();  // drops everything that the token showed
}

export const session = {
  // Shows the two buttons when they apply, and answers refused requests with the dialog.
  start(signInButton, signOutButton) {
    signIn = signInButton;
    signOut = signOutButton;
    signOut.hidden = !remembered();
    signIn.addEventListener('click', () => ask().then(() => location.reload(), () => {}));
    signOut.addEventListener('click', leave);
    setAskForToken(ask);
  },
  // Whether this browser has a session, as far as the page knows.
  signedIn() {
    return remembered();
  },
  // Called each time when a token was accepted; returns an unsubscribe function.
  onSignedIn(fn) {
    listeners.add(fn);
    return () => listeners.delete(fn);
  },
  // Called each time when a token is asked for.
  onAsked(fn) {
    askedListeners.add(fn);
    return () => askedListeners.delete(fn);
  },
};
