// Drives a headless Chromium by the DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/).
//
//   const browser = await Browser.launch();
//   const profile = await browser.newProfile();          // storage and cookies of its own: another person
//   const page = await profile.open('http://…/', { width: 320, dark: true, language: 'zh-CN' });   // a tab
//   await page.click(['button', 'Send']);                 // by real mouse events
//   await page.read('Hello');                             // waits until it can be read
//
// What a page can do is in page.js. A target is a CSS selector, or [selector, name] with name a string or a RegExp that the
// element is called or reads like. Both see through open shadow roots. What waits does so for at most PATIENCE.
// `node browser.js` launches one that others share with `Browser.connect(URL)`, prints its URL, and runs until it is killed.
'use strict';
const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const WebSocket = require('ws');
const { Page, pause, PATIENCE } = require('./page');

/** One WebSocket to Chromium; each page has a session on it. */
class Protocol {
  static async connect(url) {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 256 * 1024 * 1024 });
    await new Promise((resolve, reject) => { socket.once('open', resolve).once('error', reject); });
    return new Protocol(socket);
  }

  constructor(socket) {
    this.socket = socket;
    this.count = 0;
    this.calls = new Map();
    this.listeners = new Map();
    socket.on('message', (data) => this.receive(JSON.parse(data)));
    socket.on('close', () => { for (const call of this.calls.values()) call.reject(new Error('Chromium is gone')); });
  }

  receive({ id, result, error, sessionId, method, params }) {
    const call = this.calls.get(id);
    if (!call) return this.listeners.get(sessionId)?.(method, params);
    this.calls.delete(id);
    if (error) call.reject(new Error(`${call.method}: ${error.message}`)); else call.resolve(result);
  }

  send(method, params = {}, sessionId) {
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.calls.set(id, { method, resolve, reject });
      this.socket.send(JSON.stringify({ id, method, params, sessionId }));
    });
  }
}

class Browser {
  static async launch() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'screens-chromium-'));
    // As root and in containers Chromium has to do without its sandbox, and without /dev/shm. It dies with this process.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'chromium', '--headless=new', '--no-sandbox', '--disable-gpu',
      '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
      '--force-color-profile=srgb', '--hide-scrollbars', '--remote-debugging-port=0', `--user-data-dir=${folder}`, 'about:blank'],
    { stdio: ['ignore', 'ignore', 'pipe'] });
    process.once('exit', () => {
      child.kill('SIGKILL');
      // What it still writes at its end may be in the way.
      try { fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10 }); } catch { /* a temporary folder stays */ }
    });
    const url = await new Promise((resolve, reject) => {
      let output = '';
      child.stderr.on('data', (data) => {
        output = (output + data).slice(-10_000);
        const match = /DevTools listening on (ws:\S+)/.exec(output);
        if (match) resolve(match[1]);
      });
      child.once('error', reject).once('exit', () => reject(new Error(`Chromium ended: ${output}`)));
    });
    const browser = await Browser.connect(url);
    browser.child = child;
    return browser;
  }

  static async connect(url) {
    const browser = new Browser();
    browser.url = url;
    browser.protocol = await Protocol.connect(url);
    return browser;
  }

  async newProfile() {
    // Goes away with our WebSocket at the latest.
    const { browserContextId } = await this.protocol.send('Target.createBrowserContext', { disposeOnDetach: true });
    return new Profile(this, browserContextId);
  }

  async close() {
    if (this.child) {
      const ended = new Promise((resolve) => this.child.once('exit', resolve));
      await this.protocol.send('Browser.close').catch(() => {});
      await Promise.race([ended, pause(5000)]);
    }
    this.protocol.socket.close();
  }
}

/** A person's browser: pages in it share storage. */
class Profile {
  constructor(browser, id) {
    this.protocol = browser.protocol;
    this.id = id;
    this.pages = [];
  }

  /** Opens a tab. `options` as for `Page.emulate`. */
  async open(url, options = {}) {
    const { targetId } = await this.protocol.send('Target.createTarget', { url: 'about:blank', browserContextId: this.id });
    const { sessionId } = await this.protocol.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, targetId, sessionId);
    this.pages.push(page);
    await page.prepare({ width: 1280, height: 800, language: 'en-US', ...options });
    await page.goto(url);
    return page;
  }

  async close() {
    await this.protocol.send('Target.disposeBrowserContext', { browserContextId: this.id });
  }
}

module.exports = { Browser, pause, PATIENCE };

if (require.main === module) {
  Browser.launch().then((browser) => {
    process.once('SIGTERM', () => browser.close().then(() => process.exit()));
    console.log(browser.url);
  });
}
