'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.alone = true; // it counts sounds, and any customer makes one
exports.name = 'A new customer who waits is heard and, if the agent wants it and looks elsewhere, notified; both can be turned off';
exports.run = async ({ system, open, browser }) => {
  const ann = await system.agent('Ann Lee');
  const mark = ann.id.slice(0, 6);
  const page = await open('/console');
  await desk.signIn(page, ann); // by clicks, after which a page may sound
  await page.call(() => {
    globalThis.tones = 0;
    globalThis.shown = [];
    const { start } = AudioScheduledSourceNode.prototype;
    AudioScheduledSourceNode.prototype.start = function (...when) { tones += 1; return start.apply(this, when); };
    globalThis.Notification = class extends Notification {
      constructor(title, options) { super(title, options); shown.push([title, options.body]); }
    };
  });
  const seen = async (name) => {
    await page.click(['[role="tab"]', /^Waiting/]);
    await page.see(['.row', name]);
  };
  const pause = () => new Promise((done) => setTimeout(done, 3200)); // a crowd makes one sound in three seconds

  await system.conversation(`First ${mark}`, 'is anybody there?');
  await page.until(() => tones === 2);
  await seen(`First ${mark}`);
  await pause();
  await page.press('m');
  await page.read('Sound is off.');
  await system.conversation(`Muted ${mark}`, 'shh');
  await seen(`Muted ${mark}`);
  assert.equal(await page.call(() => tones), 2);
  await page.press('m');
  await pause();

  // Never asked for but by a click; a refusal is said.
  assert.equal(await page.call(() => Notification.permission === 'granted'), false);
  const permission = (setting) => browser.protocol.send('Browser.setPermission', {
    permission: { name: 'notifications' }, setting, origin: system.base, browserContextId: page.profile.id,
  });
  await permission('denied');
  await page.press(',');
  await page.click(['label', /^Desktop notifications/]);
  await page.read('does not allow notifications');
  await permission('granted');
  await page.click(['label', /^Desktop notifications/]);
  await page.until(() => JSON.parse(localStorage.getItem('console.preferences')).notifications === true);
  await page.press('Escape');
  await page.gone('dialog');

  // Only while the agent looks elsewhere.
  await system.conversation(`Watched ${mark}`, 'you see me');
  await seen(`Watched ${mark}`);
  assert.deepEqual(await page.call(() => shown), []);
  await page.send('Emulation.setFocusEmulationEnabled', { enabled: false });
  const elsewhere = await open('/console', { profile: page.profile });
  await elsewhere.send('Page.bringToFront');
  await page.until(() => !document.hasFocus());
  await system.conversation(`<b>Behind</b> ${mark}`, 'you do not see me');
  await page.until(() => shown.length === 1);
  assert.deepEqual(await page.call(() => shown), [[`<b>Behind</b> ${mark} waits`, 'you do not see me']]);
};
