// main.js: the page's frame. Routes by the address's hash, loads each view when it is first wanted,
// moves the focus on navigation and shows what failed in place.
//
// data-test: view-error (a view that failed), reload.

import { h, put, say } from './dom.js';
import { live } from './live.js';
import { session } from './session.js';
import { themeButton } from './theme.js';
import { watchHints } from './hints.js';

// Imported lazily, so that a view that is missing or broken does not take the page down.
const VIEWS = {
  try: () => import('./try.js'),
  run: () => import('./run.js'),
  pair: () => import('./pair.js'),
  compare: () => import('./compare.js'),
  now: () => import('./now.js'),
  history: () => import('./history.js'),
};
// Views without a place of their own in the navigation belong to this one.
const PARENT = { run: 'history', pair: 'history' };

const main = document.getElementById('main');
const announcer = document.getElementById('announcer');
const FETCH_VIEWS_MS = 500;  // after the first view is there
let visits = 0;
let leave = null;

function routeOf(hash) {
  const [name, ...params] = hash.replace(/^#/, '').split('/').map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { name: name || 'try', params: params.filter((part) => part !== '') };
}

function setTitle(text) {
  document.title = text ? `${text} · Colonnade` : 'Colonnade';
}

function announce(text) {
  announcer.textContent = '';
  // A region whose text is the same as before is not read again.
  setTimeout(() => say(announcer, text), 50);
}

function go(hash) {
  const target = '#' + String(hash).replace(/^#/, '');
  if (location.hash === target) route();
  else location.hash = target;
}

// What a view may do with the page; a view that was left can no longer do it.
function pageFor(visit) {
  const still = (fn) => (...args) => visit === visits && fn(...args);
  return { live, go: still(go), title: still(setTitle), announce: still(announce) };
}

function markNavigation(name) {
  for (const link of document.querySelectorAll('#nav a')) {
    if (link.dataset.view === name) link.setAttribute('aria-current', 'page');
    else if (link.dataset.view === PARENT[name]) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
}

function leaveView() {
  const fn = leave;
  leave = null;
  try {
    if (typeof fn === 'function') fn();
  } catch (error) {
    console.error(error);
  }
}

async function route(first = false) {
  visits += 1;
  const visit = visits;
  const { name, params } = routeOf(location.hash);
  leaveView();
  markNavigation(name);
  const root = h('div', { class: 'view', 'aria-busy': 'true', dataset: { view: name } });
  put(main, root);
  if (!first) scrollTo(0, 0);
  try {
    if (!Object.hasOwn(VIEWS, name)) showUnknown(root, name);
    else {
      const view = await VIEWS[name]();
      if (visit !== visits) return;
      const fn = await view.show(root, params, pageFor(visit));
      if (visit === visits) leave = fn;
      else if (typeof fn === 'function') fn();
    }
  } catch (error) {
    if (visit !== visits) return;
    showFailure(root, error);
  }
  root.removeAttribute('aria-busy');
  if (!first && visit === visits) focusTitle(root);
}

// Not when the user has begun to use the view meanwhile.
function focusTitle(root) {
  const title = root.querySelector('h1');
  if (!title || root.contains(document.activeElement) || document.querySelector('dialog[open]')) return;
  title.setAttribute('tabindex', '-1');
  title.focus({ preventScroll: true });
}

function showUnknown(root, name) {
  setTitle('No such view');
  put(root, h('h1', null, 'No such view'),
    h('p', null, `There is no view called \u201c${name}\u201d. `, h('a', { href: '#try' }, 'Try it'),
      ' is where the page begins.'));
}

// The modules of the other views are fetched before they are wanted: a view must open also while the
// server is away, and a browser does not ask again for a module that it could not fetch.
function fetchViews() {
  for (const load of Object.values(VIEWS)) load().catch(() => {});
}

function showFailure(root, error) {
  if (/dynamically imported module|error loading|Importing a module/i.test(String(error?.message))) {
    setTitle('No answer');
    put(root, h('h1', null, 'The server does not answer'),
      h('p', { role: 'alert', dataset: { test: 'view-error' } }, 'This view opens when it is back.'));
    const off = live.on('reconnected', () => {
      off();
      location.reload();
    });
    return;
  }
  setTitle('Something failed');
  const known = error && error.detail;  // the service's own words
  if (!known) console.error(error);
  put(root, h('h1', null, error && error.status === 404 ? 'Not found' : 'This view could not be shown'),
    h('div', { class: 'panel', role: 'alert', dataset: { test: 'view-error' } },
      h('p', { class: 'error-text' }, known || String(error && error.message || error)),
      h('p', { class: 'actions' },
        h('button', { type: 'button', dataset: { test: 'reload' }, onclick: () => location.reload() },
          'Load the page again'),
        h('a', { href: '#history' }, 'History of runs'))));
}

const STATES = {
  live: ['Live', 'pill good', 'What happens on the server is shown at once.'],
  polling: ['Polling', 'pill busy', 'No event stream came through; the page asks every two seconds.'],
  reconnecting: ['Server does not answer. Reconnecting…', 'pill bad', 'The page goes on by itself.'],
  'signed-out': ['Signed out', 'pill bad', 'This server wants a token.'],
};

function showState(state) {
  const pill = document.getElementById('live-state');
  const [text, className, title] = STATES[state];
  // Narrow screens show the last part alone; it is all read aloud.
  const [, long, short] = text.match(/^(.*\. )?(.*)$/);
  if (pill.dataset.state !== state) put(pill, long ? h('span', { class: 'wide' }, long) : null, short);
  pill.className = className;
  pill.title = title;
  pill.dataset.state = state;
}

// The address's hash is the router's, so a link to #main would be a route.
function skipLink() {
  document.getElementById('skip').addEventListener('click', (event) => {
    event.preventDefault();
    main.focus();
  });
}

skipLink();
themeButton(document.getElementById('theme'));
watchHints();
session.start(document.getElementById('sign-in'), document.getElementById('sign-out'));
live.on('state', showState);
live.start();
addEventListener('hashchange', () => route());
route(true).then(() => setTimeout(fetchViews, FETCH_VIEWS_MS));
