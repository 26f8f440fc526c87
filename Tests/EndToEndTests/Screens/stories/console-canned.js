'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.name = 'Canned answers are kept in a dialog, found by / and put into what is being written';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee');
  const mark = ann.id.slice(0, 6);
  const customer = await system.conversation(`Canned ${mark}`, 'hello');
  const page = await open('/console');
  page.expectProblem(/409|422/);
  await desk.signIn(page, ann);
  await desk.take(page, 'Waiting', customer.name);
  const text = ['textarea', /^Write a reply/];
  const written = () => page.call(() => document.querySelector('#composer-text').value);

  await page.click(['button', 'Canned answers']);
  await page.click(['button', 'Manage canned answers']);
  for (const [shortcut, content] of [[`hello-${mark}`, 'Hello, how can I help?'], [`退款-${mark}`, '您好，退款将在三个工作日内到账。']]) {
    await page.click(['dialog button', 'New answer']);
    await page.fill('dialog:last-of-type input[name="shortcut"]', shortcut);
    await page.fill('dialog:last-of-type textarea', content);
    await page.click(['dialog:last-of-type button', 'Save']);
    await page.see(['.canned-manage li', `/${shortcut}`]);
  }
  // One that is there already is refused where it is written.
  await page.click(['dialog button', 'New answer']);
  await page.fill('dialog:last-of-type input[name="shortcut"]', `hello-${mark}`);
  await page.fill('dialog:last-of-type textarea', 'again');
  await page.click(['dialog:last-of-type button', 'Save']);
  await page.see('dialog:last-of-type .dialog-form > .problem-text');
  await page.press('Escape');
  await shot(page, 'console-canned-dialog');
  await page.press('Escape');
  await page.gone('dialog');

  await page.fill(text, `Dear customer, /退款-${mark}`);
  await page.see(['.canned-option', `/退款-${mark}`]);
  await shot(page, 'console-canned');
  await page.press('Enter');
  await page.gone('.canned-popup');
  assert.equal(await written(), 'Dear customer, 您好，退款将在三个工作日内到账。');
  // By its text, with the arrows, and away again.
  await page.fill(text, '/how');
  await page.see('.canned-option');
  await page.press('Escape');
  await page.gone('.canned-popup');
  assert.equal(await written(), '/how');
  await page.fill(text, `/hello-${mark}`);
  await page.see('.canned-option');
  await page.press('Tab');
  await page.press('Enter');
  await desk.settled(page);
  assert.deepEqual(await desk.texts(page, '.ours'), ['Hello, how can I help?']);
  // A path is not a canned answer.
  await page.fill(text, 'see a/b');
  assert.equal(await page.count('.canned-popup'), 0);

  await page.click(['button', 'Canned answers']);
  await page.click(['button', 'Manage canned answers']);
  for (const shortcut of [`hello-${mark}`, `退款-${mark}`]) {
    await page.click(['button', `Delete /${shortcut}`]);
    await page.click(['dialog:last-of-type button', 'Delete']);
    await page.gone(['.canned-manage li', `/${shortcut}`]);
  }
};
