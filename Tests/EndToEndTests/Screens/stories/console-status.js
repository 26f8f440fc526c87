'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.name = 'The status page shows gateways, connections, who waits and how much is said, and keeps up';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee');
  const customer = await system.conversation(`Waits ${ann.id.slice(0, 6)}`, 'hello');
  const page = await open('/console');
  await desk.signIn(page, ann);
  await page.click(['nav a', 'Status']);
  const figure = (name) => page.call((name) => Number(document.querySelector(`[aria-label="${name}"] .figure`).textContent.replace(/\D/g, '')), name);
  await page.until(() => document.querySelectorAll('tbody tr .tag').length >= 1);
  assert(await figure('Waiting') >= 1);
  const before = await figure('Connections');
  const client = await system.connect(customer.token);
  await page.until((before) => Number(document.querySelector('[aria-label="Connections"] .figure').textContent) > before, before);
  const total = await page.text('[aria-label="Messages a second"] .hint');
  for (let count = 0; count < 20; count += 1) await client.say(`message ${count}`, { conversationId: customer.conversation });
  await page.until((total) => document.querySelector('[aria-label="Messages a second"] .hint').textContent !== total, total);
  await page.see('.sparkline svg');
  await shot(page, 'console-status');
};
