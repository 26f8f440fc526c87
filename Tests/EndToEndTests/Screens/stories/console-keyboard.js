'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.name = 'An agent works by keyboard alone: finds, opens, claims, answers, takes a note, resolves, and learns the keys';
exports.run = async ({ system, open }) => {
  const ann = await system.agent('Ann Lee');
  const mark = ann.id.slice(0, 6);
  const names = [`One ${mark}`, `Two ${mark}`];
  for (const name of names) await system.conversation(name, `I am ${name}`);
  const page = await open('/console');
  await page.see('input');
  await page.insertText(ann.login); // the login has the focus
  await page.press('Tab');
  await page.insertText(ann.password);
  await page.press('Enter');
  await page.see(['[role="tab"]', /^Waiting/]);

  await page.press('/');
  await page.insertText(mark);
  await page.until((names) => names.every((name) => findAll({ css: '.row', name: { text: name } }).length === 1)
    && findAll({ css: '.row' }).length === 2, names);
  await page.press('Enter'); // the first
  const first = await page.until(() => document.querySelector('.thread-name')?.textContent || null);
  await page.press('j');
  const second = await page.until((first) => { const now = document.querySelector('.thread-name').textContent; return now !== first && now; }, first);
  assert.deepEqual([first, second].sort(), names);
  await page.press('k');
  await page.see(['h2', first]);
  await page.read(`I am ${first}`);

  await page.press('c');
  await page.read('Yours');
  // Claiming leads into the composer; there, letters are text.
  await page.until(() => document.activeElement.matches('textarea'));
  await page.insertText('c r e');
  await page.press('Shift+Enter');
  await page.insertText('second line');
  await page.press('Enter');
  await desk.settled(page);
  assert.deepEqual(await page.call(() => [...document.querySelectorAll('.ours .bubble')].map((bubble) => bubble.textContent)), ['c r e\nsecond line']);

  // Enter that ends the choice of a Chinese word does not send.
  await page.compose('ni');
  await page.press('Enter');
  await page.insertText('你');
  assert.equal(await page.call(() => document.querySelectorAll('.message.ours').length), 1);
  await page.press('Escape');
  await page.until(() => document.activeElement.id === 'conversations');
  await page.press('j');
  await page.see(['h2', second]);
  await page.press('k');
  await page.see(['h2', first]);
  assert.equal(await page.call(() => document.querySelector('textarea').value.trim()), '你');

  await page.press('n');
  await page.until(() => document.activeElement.matches('textarea') && document.activeElement.closest('.is-note') !== null);
  await page.press('Control+a');
  await page.insertText('called back');
  await page.press('Enter');
  await page.see(['.note', 'called back']);
  await page.press('Escape');

  await page.press('e');
  await page.see(['.thread-state', 'Resolved']);
  await page.press('?');
  await page.see(['dialog', 'Keys']);
  await page.press('Escape');
  await page.gone('dialog');
  await page.press('Escape');
  await page.read('No conversation is open');
  await page.press('2');
  await page.see(['[role="tab"][aria-selected="true"]', /^Waiting/]);
  await page.press('g');
  await page.press('c');
  await page.see(['#main', /Customers/]);
  await page.press('g');
  await page.press('i');
  await page.see(['[role="tab"][aria-selected="true"]', /^Waiting/]); // as it was left
};
