// What a story gets to play with. A story is a file of `stories/`:
//
//   exports.name = 'An agent answers a newcomer';         // a sentence that holds when the story ends well
//   exports.run = async ({ system, open, shot }) => {
//     const agent = await system.agent('Ann');
//     const console = await open('/console', { dark: true });          // a person of their own: see `open`
//     await console.fill(['input', 'Login'], agent.login);             // pages: see browser.js
//     …
//     assert.deepEqual(await console.texts('.message'), ['Hello']);
//     await shot(console, 'console-dark');                              // console-dark.png in the screenshot folder
//   };
//
// A story fails when it throws, and when a page of it had an error, an exception or a CSP violation that it did not announce
// (`page.expectProblem(/401/)`). `exports.needsGateways = true`: it kills gateways, and needs somebody who restarts them;
// `exports.alone = true`: it is in the way of others. Both are played alone.
// Stories share a system, a few at a time: make customers and agents of your own, count only what is theirs.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const WebSocket = require('ws');
const { pause, PATIENCE } = require('./browser');

/** The running system, without a browser: REST, people, raw WebSockets, and gateways to kill. */
class System {
  /**
   * @param base `http://HOST:PORT` of the edge, or of what serves the pages in front of it
   * @param admin login and password of an administrator
   * @param gatewaysFile JSON `{"pids": […]}`, written anew after each restart, or undefined
   */
  constructor(base, admin, gatewaysFile) {
    this.base = base;
    this.admin = admin;
    this.gatewaysFile = gatewaysFile;
    this.sockets = [];
    this.tokens = new Set();
  }

  /** `data` of an answer. `body`: becomes JSON; a Buffer is sent as it is. Throws an Error with `status` and `code`. */
  async rest(method, target, { token, body, headers = {} } = {}) {
    const isJSON = body !== undefined && !Buffer.isBuffer(body);
    const answer = await fetch(`${this.base}/api/v1${target}`, {
      method,
      headers: {
        ...(token && { Authorization: `Bearer ${token}` }), ...(isJSON && { 'Content-Type': 'application/json' }), ...headers,
      },
      body: isJSON ? JSON.stringify(body) : body,
    });
    const text = await answer.text();
    let json = {};
    try { json = JSON.parse(text); } catch { /* said below */ }
    if (answer.ok && json.success) {
      if (json.data?.token) this.tokens.add(json.data.token);
      return json.data;
    }
    throw Object.assign(new Error(`${method} ${target} answered ${answer.status} ${text.slice(0, 500)}`),
      { status: answer.status, code: json.error?.code });
  }

  /** A token of the administrator. */
  async adminToken() {
    this.signedIn ??= this.rest('POST', '/agents/login', { body: this.admin });
    return (await this.signedIn).token;
  }

  /** A new customer: `{id, token, name, channel, channelId}`. */
  async customer(name = '张三', { channel = 'WEB', channelId = `web_${crypto.randomUUID()}` } = {}) {
    const data = await this.rest('POST', '/public/customer-token', { body: { name, channel, channelId } });
    return { id: data.customerId, token: data.token, name, channel, channelId };
  }

  /** A new agent: `{id, token, name, login, password}`. */
  async agent(name = 'Ann', role = 'agent') {
    const login = `${role}-${crypto.randomBytes(6).toString('hex')}`;
    const password = `password of ${login}`;
    const { id } = await this.rest('POST', '/agents', { token: await this.adminToken(), body: { login, name, role, password } });
    const { token } = await this.rest('POST', '/agents/login', { body: { login, password } });
    return { id, token, name, login, password };
  }

  /** A WebSocket of the full dialect. */
  async connect(token) {
    const client = new Client(`${this.base.replace('http', 'ws')}/ws/chat`, token);
    this.sockets.push(client.socket);
    await client.next((frame) => frame.type === 'welcome');
    return client;
  }

  /** A customer who has written `texts`, in order: the customer and its `conversation`. */
  async conversation(name, ...texts) {
    const customer = await this.customer(name);
    const client = await this.connect(customer.token);
    for (const text of texts) customer.conversation = (await client.say(text)).conversationId;
    client.socket.close();
    return customer;
  }

  get pids() { return JSON.parse(fs.readFileSync(this.gatewaysFile, 'utf8')).pids; }

  /** SIGKILL for a gateway (from 0), and waits until another process has its place and is ready. */
  async killGateway(number) {
    const pid = this.pids[number];
    process.kill(pid, 'SIGKILL');
    await this.wait(() => this.pids[number] !== pid, `gateway ${number} to be restarted`);
  }

  /** Waits until `condition` is true, and returns what it is. */
  async wait(condition, what) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const value = await condition();
      if (value) return value;
      if (Date.now() > end) throw new Error(`Waited in vain for ${what}`);
      await pause(100);
    }
  }

  end() { for (const socket of this.sockets) socket.terminate(); }
}

/** A raw client of the full dialect: acknowledges nothing by itself, keeps what it got in `frames`. */
class Client {
  constructor(url, token) {
    this.frames = [];
    this.waiting = [];
    this.socket = new WebSocket(url, ['chat.v2', `token.${token}`]);
    this.socket.on('error', (error) => { this.fail(error); });
    this.socket.on('close', (code) => { this.closeCode = code; this.fail(new Error(`the WebSocket was closed with ${code}`)); });
    this.socket.on('message', (data) => {
      this.frames.push(JSON.parse(data));
      for (const attempt of [...this.waiting]) attempt();
    });
  }

  fail(error) { for (const attempt of [...this.waiting]) attempt(error); }

  send(frame) { this.socket.send(JSON.stringify(frame)); }

  /** Takes the first frame that `matches` out of `frames`, or waits for it. */
  next(matches) {
    return new Promise((resolve, reject) => {
      const settle = (act) => {
        clearTimeout(timer);
        this.waiting = this.waiting.filter((other) => other !== attempt);
        act();
      };
      const attempt = (error) => {
        const index = this.frames.findIndex(matches);
        if (index >= 0) settle(() => resolve(this.frames.splice(index, 1)[0])); else if (error) settle(() => reject(error));
      };
      const timer = setTimeout(() => attempt(new Error(`Waited in vain for a frame: ${matches}`)), PATIENCE);
      this.waiting.push(attempt);
      attempt(this.closeCode === undefined ? undefined : new Error(`the WebSocket was closed with ${this.closeCode}`));
    });
  }

  /** Sends a message and returns its `ack`. */
  say(content, { conversationId, metadata, clientMessageId = crypto.randomUUID() } = {}) {
    this.send({ type: 'message', clientMessageId, content, conversationId, metadata });
    return this.next((frame) => ['ack', 'error'].includes(frame.type) && frame.clientMessageId === clientMessageId);
  }
}

/** Plays a story. Returns the failure as text, or null. */
async function play(story, { system, browser, shots, limit }) {
  const profiles = [];
  const pages = [];
  const open = async (target, { profile, ...options } = {}) => {
    if (!profile) { profile = await browser.newProfile(); profiles.push(profile); }
    const url = new URL(target, system.base).href;
    try {
      return await profile.open(url, options);
    } finally {
      pages.push(...profile.pages.filter((page) => !pages.includes(page)));
    }
  };
  const stage = {
    system,
    browser,
    /** Opens a path of the system (or a URL) as a new person; with `profile: otherPage.profile` in another tab of that one. */
    open,
    shot: (page, name) => page.screenshot(path.join(shots, `${name}.png`)),
  };
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${limit / 1000} s`)), limit);
  });
  let failure = null;
  try {
    await Promise.race([story.run(stage), late]);
    const problems = pages.flatMap((page) => page.unexpectedProblems);
    if (problems.length) failure = `Its pages had problems:\n${[...new Set(problems)].join('\n')}`;
  } catch (error) {
    failure = error.stack;
    for (const [number, page] of pages.entries()) {
      const name = `failed-${story.file}-${number + 1}`;
      await Promise.race([page.screenshot(path.join(shots, `${name}.png`)), pause(5000)]).catch(() => {});
      failure += `\n--- page ${number + 1} of the story, ${name}.png. ${await Promise.race([page.state(), pause(5000)])}`;
    }
  }
  clearTimeout(timer);
  for (const page of pages) for (const token of page.tokens) system.tokens.add(token);
  for (const profile of profiles) await profile.close().catch(() => {});
  return failure;
}

module.exports = { System, play };
