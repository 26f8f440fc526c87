'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.name = 'Customers are found, filtered, added and edited, and their tokens ended, one or all';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee');
  const mark = ann.id.slice(0, 6);
  const names = [`张伟${mark}`, `李娜${mark}`, `Zoe ${mark}`];
  const [zhang] = await Promise.all(names.map((name) => system.customer(name)));
  const page = await open('/console');
  await desk.signIn(page, ann);
  await page.click(['nav a', 'Customers']);
  await page.fill(['input', 'Search by name'], mark.toUpperCase());
  await page.until((n) => findAll({ css: 'tbody tr' }).length === n, 3);
  // By name: Chinese ones by pinyin.
  await page.click(['button', 'Put this page in order by name']);
  assert.deepEqual(await page.texts('.name-link > span:last-child'), [`Zoe ${mark}`, `李娜${mark}`, `张伟${mark}`]
    .sort(new Intl.Collator('zh-Hans-CN', { sensitivity: 'base', numeric: true }).compare));

  await page.click(['button', 'New customer']);
  await page.fill('dialog input[name="name"]', `王芳${mark}`);
  await page.fill('dialog input[name="email"]', 'wang@example.com');
  await page.fill('dialog input[name="tags"]', `VIP，老客户, ${mark}`);
  await page.click(['dialog button', 'Create']);
  await page.see(['.customer-name', `王芳${mark}`]);
  await shot(page, 'console-customer');
  await page.fill(['input', 'Tag'], mark);
  await page.until(() => findAll({ css: 'tbody tr' }).length === 1);
  assert.deepEqual(await page.texts('tbody .tag'), ['VIP', '老客户', mark]);
  await page.fill(['input', 'Tag'], '');
  await page.fill(['input', 'Search by name'], `张伟${mark}`);
  await page.click(['.name-link', `张伟${mark}`]);
  await page.see(['.customer-name', `张伟${mark}`]);

  // Tokens.
  await system.rest('POST', `/customers/${zhang.id}/token`, { token: ann.token });
  const client = await system.connect(zhang.token);
  await page.call(() => dispatchEvent(new Event('focus'))); // as coming back to the window does
  await page.click(['summary', 'Access tokens']);
  await page.until(() => findAll({ css: '.tokens li button' }).length === 2);
  await page.click('.tokens li button');
  await page.until(() => findAll({ css: '.tokens li button' }).length === 1);
  await page.click(['button', 'End all tokens']);
  await shot(page, 'console-end-tokens');
  await page.click(['dialog button', 'End all tokens']);
  await page.read('No live tokens.');
  await system.wait(() => client.closeCode === 4004, 'the customer’s connection to be closed');

  await page.fill(['input', 'Search by name'], `nobody ${mark}`);
  await page.read('Nobody found.');
};
