'use strict';
const assert = require('assert');
const { desk } = require('../screens');

const hostile = [
  '<img src=x onerror="alert(1)"><script>alert(2)</script>',
  'javascript:alert(3) data:text/html,<script>alert(4)</script>',
  'https://example.com/"onmouseover="alert(5) https://example.com/\'><b>',
  `\u202e${'W'.repeat(400)}`,
];

exports.name = 'Whatever customers and colleagues are called and write is text in the console: no markup, no script';
exports.run = async ({ system, open, shot }) => {
  const evil = '<img src=x onerror=alert(6)>';
  const ann = await system.agent(`${evil} Ann`, 'admin');
  const bob = await system.agent(`<svg onload=alert(7)> Bob`);
  const name = `"><script>alert(8)</script> ${ann.id.slice(0, 6)}`;
  const customer = await system.conversation(name, ...hostile);
  await system.rest('PUT', `/customers/${customer.id}`, { token: ann.token, body: {
    email: 'a"onfocus=alert(9)@example.com', notes: hostile[0], tags: [evil, 'javascript:alert(10)'], wechatOpenId: `<b>${ann.id}</b>`,
  } });
  await system.rest('POST', `/conversations/${customer.conversation}/notes`, { token: bob.token, body: { content: hostile[0] } });
  const bot = await system.connect(customer.token);
  await bot.say('files', { conversationId: customer.conversation, metadata: { attachments: [
    { id: '../../agents/me', name: evil, contentType: 'text/html', size: '<b>' }, null, 7, { id: 1 }, 'x',
    { id: ann.id, name: { toString: 1, valueOf: 1 } }, { id: ann.id, name: 'photo\u202egpj.exe\n\0' },
  ] } });

  const page = await open('/console');
  await desk.signIn(page, ann);
  await desk.take(page, 'Waiting', name);
  await page.see(['.messages .message', 'files']);
  assert.deepEqual((await desk.texts(page)).slice(0, hostile.length), hostile);
  await page.see(['.note', hostile[0]]);
  assert.deepEqual(await page.texts('.messages .file-name'), [evil, 'photogpj.exe']);
  for (const tag of [evil, 'javascript:alert(10)']) await page.read(tag);
  const links = await page.call(() => findAll({ css: '.messages a' }).map(({ href, rel }) => `${new URL(href).protocol} ${rel}`));
  assert.deepEqual([...new Set(links)], ['https: noopener noreferrer nofollow']);
  await desk.act(page, 'Transfer');
  await page.see(['dialog label', bob.name]);
  await shot(page, 'console-transfer');
  await page.press('Escape');
  await page.click(['a', 'Customers']);
  await page.read(name);
  await page.click(['a', 'Agents']);
  await page.read(bob.name);

  // Nothing of it became an element, anywhere on the way.
  assert.equal(await page.call(() => [...everyElement()].filter((element) => element.matches('[src="x"], [onload], [onerror], [onfocus], script:not([src])')).length), 0);
  assert.deepEqual(page.dialogs, []);
  // What is no page or no id in an address counts as not there: nothing is asked for, nothing breaks.
  const addresses = ['inbox/"><script>alert(11)</script>', 'constructor', '__proto__', 'toString/x', 'inbox/%E0%A4%A',
    'inbox/..%2F..%2Fstatus%3F'];
  for (const address of addresses) {
    await page.call((hash) => { location.hash = hash; }, `#/customers`);
    await page.see(['tr', name]);
    await page.call((hash) => { location.hash = hash; }, `#/${address}`);
    await page.see(['[role="tab"]', /^Waiting/]);
  }
  assert.deepEqual(page.dialogs, []);
};
