'use strict';
const assert = require('assert');
const { widget } = require('../screens');

const focusName = (page) => page.call(() => { const element = focused(); return element && namesOf(element)[0]; });

exports.name = 'The chat works by keyboard alone, takes Enter only when no word is being chosen, and gives the focus back';
exports.run = async ({ system, open }) => {
  const page = await open('/?lang=zh', { width: 360, height: 700, language: 'zh-CN' });
  await page.call(() => findAll({ css: 'button.launcher' })[0].focus());
  await page.press('Enter');
  await page.see(['input', '请问怎么称呼您？']);
  for (let count = 0; count < 9 && await focusName(page) !== '请问怎么称呼您？'; count += 1) await page.press('Tab');
  await page.insertText('张三');
  await page.press('Enter');
  await page.see(['textarea', '消息']);
  assert.equal(await focusName(page), '消息');

  // Enter that takes a word from the input method sends nothing; Shift+Enter begins a line.
  await page.compose('nihao');
  await page.press('Enter');
  await page.insertText('你好');
  await page.press('Shift+Enter');
  await page.insertText('在吗');
  assert.deepEqual(await widget.texts(page), []);
  await page.press('Enter');
  await page.until(() => findAll({ css: '.list .row .text' }).length === 1);
  assert.equal(await page.call(() => findAll({ css: '.list .row .text' })[0].textContent), '你好\n在吗');

  // It fills a phone's window: Tab stays inside.
  const names = [];
  for (let count = 0; count < 12; count += 1) {
    await page.press('Tab');
    names.push(await focusName(page));
    assert(await page.call(() => focused()?.closest('.panel') !== null), `the focus left the panel: ${names}`);
  }
  assert(names.includes('关闭聊天') && names.includes('发送') && names.includes('添加附件'), `${names}`);
  await page.press('Escape');
  await page.gone('.panel');
  assert.equal(await focusName(page), '打开聊天');
};
