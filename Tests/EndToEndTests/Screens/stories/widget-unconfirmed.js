'use strict';
const assert = require('assert');
const { inspect } = require('../accessibility');
const { widget } = require('../screens');

exports.name = 'A message that was sent yesterday and never confirmed is not sent again by itself: its writer decides';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee');
  const agent = await system.connect(ann.token);
  const page = await open('/', { width: 375, height: 700 });
  await widget.start(page, `Unsure ${ann.id.slice(0, 6)}`);
  const today = `today ${ann.id}`;
  await widget.say(page, today);
  const { conversationId } = await agent.next((frame) => frame.type === 'message' && frame.content === today);
  // As a browser leaves it that was shut while the message was on its way.
  await page.call(() => {
    const prefix = Object.keys(localStorage).find((key) => key.endsWith('.visitor')).replace(/\.visitor$/, '');
    for (const [number, content] of ['keep this', 'drop this'].entries()) {
      const clientMessageId = `yesterday-${number}-${Math.random()}`;
      const order = Date.now() - 25 * 3600e3 + number;
      const item = { clientMessageId, content, order, sentAt: order };
      localStorage.setItem(`${prefix}.outbox.${clientMessageId}`, JSON.stringify(item));
    }
  });
  await page.reload();
  await page.until(() => findAll({ css: '.row.own[data-status=failed]' }).length === 2);
  await widget.say(page, 'and this is new'); // they hold up nobody
  await agent.next((frame) => frame.type === 'message' && frame.content === 'and this is new');
  await page.read('May not have been sent.');
  await shot(page, 'widget-unconfirmed');
  assert.deepEqual(await inspect(page), []);

  await page.click(['button', 'Try again']);
  await agent.next((frame) => frame.type === 'message' && frame.content === 'keep this');
  await page.click(['button', 'Delete']);
  await page.until(() => findAll({ css: '.row.own[data-status=failed]' }).length === 0);
  const { messages } = await system.rest('GET', `/conversations/${conversationId}/messages`, { token: ann.token });
  assert.deepEqual(messages.map(({ content }) => content), [today, 'and this is new', 'keep this']);
  assert.deepEqual(await widget.texts(page), [today, 'and this is new', 'keep this']);
};
