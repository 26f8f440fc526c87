'use strict';
const assert = require('assert');
const { desk } = require('../screens');
const { inspect } = require('../accessibility');

exports.name = 'The console is accessible and fits, in light and dark, in English and Chinese, on a desk and on a phone';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee', 'admin');
  const long = `Maximiliane-Konstantinopolitanowskaja ${'X'.repeat(40)} ${ann.id.slice(0, 6)}`;
  const names = [`李小龙${ann.id.slice(0, 4)}`, long, `Newcomer ${ann.id.slice(0, 6)}`];
  for (const name of names) await system.conversation(name, 'Where is my order?', '我的订单到哪里了？'.repeat(20), `https://example.com/${'path/'.repeat(40)}`);
  const found = [];
  const look = async (page, name) => {
    await shot(page, `console-${name}`);
    found.push(...(await inspect(page, { focus: !name.startsWith('dark') })).map((line) => `${name}: ${line}`), ...(await page.overflow()).map((line) => `${name}: ${line}`));
  };

  const lookAtDialog = async (page, name) => {
    await page.see('dialog[open]');
    await look(page, name);
    await page.press('Escape');
    await page.gone('dialog[open]');
  };
  for (const [mode, options] of [['light', {}], ['dark', { dark: true }], ['phone', { width: 320, height: 640 }]]) {
    const page = await open('/console', options);
    await look(page, `${mode}-login`);
    await desk.signIn(page, ann);
    await look(page, `${mode}-inbox`);
    for (const [opener, part] of [['Settings', 'settings'], ['Keys', 'help']]) {
      await page.click(['button', opener]);
      await lookAtDialog(page, `${mode}-${part}`);
    }
    await desk.take(page, 'Waiting', long);
    await page.read('Where is my order?');
    await look(page, `${mode}-thread`);
    if (mode === 'phone') {
      await page.click(['button', 'Show the customer']);
      await look(page, `${mode}-customer`);
      await page.press('Escape');
    }
    await page.click(['button', 'Transfer']);
    await lookAtDialog(page, `${mode}-transfer`);
    for (const [place, opener] of [['customers', 'New customer'], ['status'], ['admin', 'New agent']]) {
      await page.call((place) => { location.hash = `#/${place}`; }, place);
      await page.see('#main');
      await look(page, `${mode}-${place}`);
      if (!opener) continue;
      await page.click(['button', opener]);
      await lookAtDialog(page, `${mode}-${place}-new`);
    }
  }
  const chinese = await open('/console', { language: 'zh-CN' });
  await look(chinese, 'zh-login');
  await chinese.fill('input[name="login"]', ann.login);
  await chinese.fill('input[type="password"]', ann.password);
  await chinese.press('Enter');
  await chinese.click(['[role="tab"]', /^全部/]);
  await chinese.click(['[role="option"]', names[0]]);
  await chinese.read('我的订单到哪里了？');
  await look(chinese, 'zh-thread');
  assert(found.length === 0, `\n${found.join('\n')}`);
};
