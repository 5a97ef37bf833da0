// harness.mjs: a server of the test's own, the browser, and what every test of the page needs.
//
// The environment: COLONNADE_BIN (build/colonnade), COLONNADE_NPM (build/npm: playwright-core and
// axe-core), CHROMIUM (/usr/bin/chromium), COLONNADE_SHOTS (a folder: screenshots are kept there).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const BINARY = path.resolve(process.env.COLONNADE_BIN || path.join(ROOT, 'build/colonnade'));
const NPM = path.resolve(process.env.COLONNADE_NPM || path.join(ROOT, 'build/npm'));
const SHOTS = process.env.COLONNADE_SHOTS || '';
const require = createRequire(path.join(NPM, 'index.js'));
const { chromium } = require('playwright-core');
const AXE = fs.readFileSync(path.join(NPM, 'node_modules/axe-core/axe.min.js'), 'utf8');
// No display, and nothing that would look for the network.
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
  '--disable-background-networking', '--disable-component-update'];
export const DESKTOP = { width: 1400, height: 900 };
export const PHONE = { width: 390, height: 844 };

// ---- servers ---------------------------------------------------------------------------------------

export class Server {
  // `listen`: an address to listen at once more after a stop.
  static async start(flags = [], listen = '127.0.0.1:0') {
    const server = new Server();
    server.flags = flags;
    server.process = spawn(BINARY, ['--listen', listen, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    server.complaints = '';
    server.process.stderr.on('data', (text) => { server.complaints += text; });
    server.url = await server.#address();
    return server;
  }

  #address() {
    return new Promise((resolve, reject) => {
      let text = '';
      this.process.once('exit', (code) => reject(new Error(`exit ${code}: ${this.complaints}`)));
      this.process.stdout.on('data', (piece) => {
        text += piece;
        const found = /listening on (http:\S+)\n/.exec(text);
        if (found) resolve(found[1]);
      });
    });
  }

  async stop() {
    if (this.process.exitCode === null) {
      this.process.kill('SIGTERM');
      await once(this.process, 'exit');
    }
    return this.process.exitCode;
  }

  // Ends it and starts it again at the same address.
  async restart(pause = 0) {
    assert.equal(await this.stop(), 0, this.complaints);
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    return Server.start(this.flags, this.url.replace('http://', ''));
  }

  async get(where, headers = {}) {
    const reply = await fetch(this.url + where, { headers });
    assert.equal(reply.status, 200, where);
    return reply.json();
  }

  async post(where, json, headers = {}) {
    const reply = await fetch(this.url + where, {
      method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(json) });
    assert.equal(reply.status, 200, where);
    return reply.json();
  }
}

// ---- the browser -----------------------------------------------------------------------------------

// One browser for each file of tests, and its servers; everything is ended when the file has ended.
export function useBrowser() {
  const used = { browser: null, servers: [], folders: [] };
  before(async () => {
    used.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ARGUMENTS });
  });
  after(async () => {
    await used.browser?.close();
    for (const server of used.servers) assert.equal(await server.stop(), 0, server.complaints);
    for (const folder of used.folders) fs.rmSync(folder, { recursive: true, force: true });
  });
  used.serve = async (...flags) => {
    const server = await Server.start(flags);
    used.servers.push(server);
    return server;
  };
  used.restart = async (server, pause) => {
    const next = await server.restart(pause);
    used.servers[used.servers.indexOf(server)] = next;
    return next;
  };
  used.folder = () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'colonnade-browser-'));
    used.folders.push(folder);
    return folder;
  };
  // A page in a context of its own, at `where` of the server. What the page complains of fails the
  // test that calls page.calm(), unless `expected` matches it.
  used.open = async (server, where = '/', { size = DESKTOP, theme = 'light' } = {}) => {
    const context = await used.browser.newContext({
      viewport: size, colorScheme: theme, acceptDownloads: true, locale: 'en-GB', hasTouch: size === PHONE,
      permissions: ['clipboard-read', 'clipboard-write'] });
    const page = await context.newPage();
    const complaints = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.calm = (expected = null) => {
      const left = complaints.filter((text) => !(expected && expected.test(text)));
      assert.deepEqual(left, []);
    };
    page.setDefaultTimeout(30000);
    await page.goto(server.url + where);
    return page;
  };
  return used;
}

// The node that is marked data-test=NAME.
export function marked(page, name) {
  return page.locator(`[data-test="${name}"]`);
}

// Keeps a screenshot when they are wanted; the whole page.
export async function shoot(page, name) {
  if (!SHOTS) return;
  fs.mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SHOTS, name + '.png'), fullPage: true });
}

// No violation of the rules of WCAG 2.2 A and AA, nor of axe's best practices.
export async function accessible(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => (await window.axe.run(document)).violations.map((violation) =>
    `${violation.id}: ${violation.help}: ${violation.nodes.map((node) => node.target).join(' | ')}`));
  assert.deepEqual(found, []);
}

// Nothing sticks out of the page to the side.
export async function fitsWidth(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wide <= 0, `the page is ${wide} px wider than the window`);
}

export { assert };
