// A tab of the browser that browser.js drives: what a person does in it, and what can be seen.
'use strict';
const fs = require('fs');
const path = require('path');

const PATIENCE = 60_000; // milliseconds; far more than anything takes: the machine may be busy
const pageSide = fs.readFileSync(path.join(__dirname, 'page-side.js'), 'utf8');
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * A tab. `problems` collects console errors, uncaught exceptions, CSP violations and failed requests, as sentences; `tokens` the
 * tokens that its WebSockets used.
 */
class Page {
  constructor(profile, targetId, sessionId) {
    this.profile = profile;
    this.protocol = profile.protocol;
    this.targetId = targetId;
    this.sessionId = sessionId;
    this.problems = [];
    this.tokens = new Set();
    this.dialogs = []; // what alert() and confirm() said; both are answered with OK
    this.expected = [];
    this.isLoaded = null;
    this.fileChooser = null;
    this.protocol.listeners.set(sessionId, (method, params) => this.notice(method, params));
  }

  send(method, params) { return this.protocol.send(method, params, this.sessionId); }

  async prepare(options) {
    await Promise.all([
      this.send('Page.enable'), this.send('Runtime.enable'), this.send('Log.enable'), this.send('Network.enable'),
      this.send('DOM.enable'), this.send('Audits.enable'), this.send('Emulation.setFocusEmulationEnabled', { enabled: true }),
    ]);
    await this.emulate(options);
  }

  /** From now on problems that match are no failure: `page.expectProblem(/401/)`. */
  expectProblem(pattern) { this.expected.push(pattern); }

  get unexpectedProblems() { return this.problems.filter((text) => !this.expected.some((pattern) => pattern.test(text))); }

  notice(method, params) {
    if (method === 'Runtime.exceptionThrown') {
      const { exception, text, url, lineNumber } = params.exceptionDetails;
      this.problems.push(`exception: ${exception?.description ?? text} (${url ?? ''}:${lineNumber + 1})`);
    } else if (method === 'Runtime.consoleAPICalled' && ['error', 'assert'].includes(params.type)) {
      this.problems.push(`console.${params.type}: ${params.args.map((part) => part.value ?? part.description).join(' ')}`);
    } else if (method === 'Log.entryAdded' && params.entry.level === 'error') {
      this.problems.push(`${params.entry.source}: ${params.entry.text} ${params.entry.url ?? ''}`);
    } else if (method === 'Audits.issueAdded' && params.issue.code === 'ContentSecurityPolicyIssue') {
      const issue = params.issue.details.contentSecurityPolicyIssueDetails;
      this.problems.push(`CSP: ${issue.violatedDirective} forbids ${issue.blockedURL ?? issue.contentSecurityPolicyViolationType}`
        + ` (${issue.sourceCodeLocation?.url ?? ''}:${(issue.sourceCodeLocation?.lineNumber ?? 0) + 1})`);
    } else if (method === 'Network.webSocketWillSendHandshakeRequest') {
      const token = /token\.([\w-]+)/.exec(params.request.headers['Sec-WebSocket-Protocol'])?.[1];
      if (token) this.tokens.add(token);
    } else if (method === 'Page.javascriptDialogOpening') {
      this.dialogs.push(params.message);
      this.send('Page.handleJavaScriptDialog', { accept: true }).catch(() => {});
    } else if (method === 'Page.loadEventFired') {
      this.isLoaded?.();
    } else if (method === 'Page.fileChooserOpened') {
      this.fileChooser?.(params);
    } else if (method === 'Inspector.targetCrashed') {
      this.problems.push('the page crashed');
    }
  }

  async goto(url) {
    const loaded = new Promise((resolve) => { this.isLoaded = resolve; });
    const { errorText } = await this.send('Page.navigate', { url });
    if (errorText) throw new Error(`${url} did not open: ${errorText}`);
    await inTime(loaded, () => `${url} to load`);
  }

  async reload() {
    const loaded = new Promise((resolve) => { this.isLoaded = resolve; });
    await this.send('Page.reload', {});
    await inTime(loaded, () => 'the page to load again');
  }

  async close() { await this.protocol.send('Target.closeTarget', { targetId: this.targetId }); }

  /** The value (as JSON has it) of an expression of the page, or of a function called in it, which may use page-side.js. */
  async call(code, ...args) {
    const body = typeof code === 'function' ? `(${code})(...${JSON.stringify(args)})` : `(${code})`;
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression: `(() => { ${pageSide}\nreturn ${body}; })()`, returnByValue: true, awaitPromise: true, userGesture: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until `code` (as for `call`) is true, and returns what it is. */
  async until(code, ...args) {
    const end = Date.now() + PATIENCE;
    for (let wait = 20; ;) {
      // A call that a navigation cuts off is made again.
      const value = await this.call(code, ...args).catch((error) => {
        if (/context was destroyed|navigated|Cannot find context/i.test(error.message)) return null;
        throw error;
      });
      if (value) return value;
      if (Date.now() > end) throw new Error(`Waited in vain until ${code} with ${JSON.stringify(args)}`);
      await pause(wait);
      wait = Math.min(wait * 1.4, 300); // looking takes time that the page needs, too
    }
  }

  /** What can be seen, for the message of a failure. */
  async state() {
    const text = await this.text().catch((error) => String(error));
    return [`On the page: ${text.slice(0, 1000).replaceAll('\n', ' | ')}`, ...this.unexpectedProblems].join('\n! ');
  }

  /** Waits for an element, and returns how many there are. */
  see(target) { return this.until((wanted) => findAll(wanted).length, asTarget(target)); }

  /** Waits until there is none. */
  gone(target) { return this.until((wanted) => findAll(wanted).length === 0, asTarget(target)); }

  /** How many there are now. */
  count(target) { return this.call((wanted) => findAll(wanted).length, asTarget(target)); }

  /** The visible text of the page, or of the first element of a target. */
  text(target) {
    if (!target) return this.call(() => visibleText());
    return this.call((wanted) => { const [element] = findAll(wanted); return element ? visibleText(element) : null; }, asTarget(target));
  }

  /** The visible texts of all elements of a target. */
  texts(target) { return this.call((wanted) => findAll(wanted).map((element) => visibleText(element)), asTarget(target)); }

  /** Waits until the visible text contains a string or matches a RegExp. */
  read(wanted) {
    const { name } = asTarget(['*', wanted]);
    return this.until((name) => {
      const text = visibleText();
      return name.source === undefined ? text.includes(name.text) : new RegExp(name.source, name.flags).test(text);
    }, name);
  }

  /** Waits until the element stands still where the mouse can reach it: its point. */
  async reach(target) {
    const end = Date.now() + PATIENCE;
    let last = {};
    for (;;) {
      const spot = await this.call((wanted) => aim(wanted), asTarget(target));
      if (spot.x !== undefined && spot.x === last.x && spot.y === last.y) return spot;
      if (Date.now() > end) throw new Error(`Cannot reach ${target}: ${spot.why ?? 'it moves'}`);
      last = spot;
      await pause(30);
    }
  }

  async click(target, { clicks = 1 } = {}) {
    const { x, y } = await this.reach(target);
    await this.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y });
    await this.send('Input.dispatchMouseEvent', { type: 'mousePressed', x, y, button: 'left', clickCount: clicks });
    await this.send('Input.dispatchMouseEvent', { type: 'mouseReleased', x, y, button: 'left', clickCount: clicks });
  }

  async scroll(target, pixels) {
    const { x, y } = await this.reach(target);
    await this.send('Input.dispatchMouseEvent', { type: 'mouseWheel', x, y, deltaX: 0, deltaY: pixels });
  }

  /** Clicks into a field and adds text at its end. */
  async type(target, text) {
    await this.click(target);
    await this.press('End');
    await this.send('Input.insertText', { text });
  }

  /** Clicks into a field and replaces what is in it. */
  async fill(target, text) {
    await this.click(target);
    await this.press('Control+a');
    if (text) await this.send('Input.insertText', { text }); else await this.press('Delete');
  }

  /** As an input method does on the way: the text is not yet taken. `insertText` takes it. */
  compose(text) { return this.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length }); }
  insertText(text) { return this.send('Input.insertText', { text }); }

  /** A key with its modifiers: `Enter`, `Shift+Tab`, `Control+k`. */
  async press(keys) {
    const parts = keys.split('+');
    const key = parts.pop();
    const modifiers = parts.reduce((sum, part) => sum | { Alt: 1, Control: 2, Meta: 4, Shift: 8 }[part], 0);
    const letter = key.length === 1 ? key : '';
    const [code, number, text] = KEYS[key] ?? [`Key${key.toUpperCase()}`, key.toUpperCase().charCodeAt(0), letter];
    const event = { key, code, modifiers, windowsVirtualKeyCode: number };
    const typed = modifiers & 7 ? undefined : text;
    const commands = keys === 'Control+a' ? ['selectAll'] : [];
    await this.send('Input.dispatchKeyEvent', { ...event, type: typed ? 'keyDown' : 'rawKeyDown', text: typed, commands });
    await this.send('Input.dispatchKeyEvent', { ...event, type: 'keyUp' });
  }

  /** Chooses files in the dialog that a click on `target` opens. */
  async choose(target, files) {
    await this.send('Page.setInterceptFileChooserDialog', { enabled: true });
    const opened = new Promise((resolve) => { this.fileChooser = resolve; });
    await this.click(target);
    const { backendNodeId } = await inTime(opened, () => `a click on ${target} to open a file dialog`);
    await this.send('DOM.setFileInputFiles', { files, backendNodeId });
    await this.send('Page.setInterceptFileChooserDialog', { enabled: false });
  }

  /** Saves the file that a click on `target` downloads into a new folder in `folder`: its text. */
  async save(target, folder) {
    const downloadPath = fs.mkdtempSync(path.join(folder, 'download-'));
    await this.protocol.send('Browser.setDownloadBehavior', { behavior: 'allow', browserContextId: this.profile.id, downloadPath });
    await this.click(target);
    for (const end = Date.now() + PATIENCE; Date.now() < end; await pause(50)) {
      const [name] = fs.readdirSync(downloadPath);
      if (name && !name.endsWith('.crdownload')) return fs.readFileSync(path.join(downloadPath, name), 'utf8');
    }
    throw new Error(`A click on ${target} downloaded nothing`);
  }

  /** Any of: width, height (CSS pixels), dark, reducedMotion, offline (true or false), language (BCP 47). */
  async emulate(options) {
    this.emulated = { ...this.emulated, ...options };
    const { width, height, dark, reducedMotion, language, offline } = this.emulated;
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    await this.send('Emulation.setEmulatedMedia', {
      features: [
        { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' },
        { name: 'prefers-reduced-motion', value: reducedMotion ? 'reduce' : 'no-preference' },
      ],
    });
    if ('language' in options) {
      const userAgent = await this.call('navigator.userAgent');
      await this.send('Emulation.setUserAgentOverride', { userAgent, acceptLanguage: language });
      // One for each process: tabs of a profile may share theirs, and have it already.
      await this.send('Emulation.setLocaleOverride', { locale: language.replace('-', '_') }).catch(() => {});
    }
    if ('offline' in options) {
      await this.send('Network.emulateNetworkConditions', { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    }
  }

  /** What sticks out of the window to the right, if one can scroll there. */
  overflow() { return this.call(() => overflowing()); }

  /** The nodes of the accessibility tree, as assistive technology gets them. */
  async accessibilityTree() {
    const { nodes } = await this.send('Accessibility.getFullAXTree');
    return nodes.filter((node) => !node.ignored);
  }

  /** Waits until animations that end have ended, so that things are as they will stay. */
  rest() {
    return this.until(() => [document, ...[...everyElement()].map((element) => element.shadowRoot).filter(Boolean)]
      .flatMap((root) => root.getAnimations())
      .every((animation) => animation.playState !== 'running' || animation.effect.getComputedTiming().endTime === Infinity));
  }

  /** Writes a PNG of what is in the window. */
  async screenshot(file) {
    await this.rest();
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, Buffer.from(data, 'base64'));
  }
}

const KEYS = {
  Enter: ['Enter', 13, '\r'], Tab: ['Tab', 9], Escape: ['Escape', 27], Backspace: ['Backspace', 8], Delete: ['Delete', 46],
  End: ['End', 35], Home: ['Home', 36], PageUp: ['PageUp', 33], PageDown: ['PageDown', 34], ArrowLeft: ['ArrowLeft', 37],
  ArrowUp: ['ArrowUp', 38], ArrowRight: ['ArrowRight', 39], ArrowDown: ['ArrowDown', 40], ' ': ['Space', 32, ' '],
  '/': ['Slash', 191, '/'], '?': ['Slash', 191, '?'],
};

function asTarget(target) {
  const [css, name] = [target].flat();
  if (name === undefined) return { css };
  return { css, name: name instanceof RegExp ? { source: name.source, flags: name.flags } : { text: name } };
}

async function inTime(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited in vain for ${what()}`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

module.exports = { Page, pause, PATIENCE };
