'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.name = 'An answer that was stored, but whose confirmation a reload cut off, is shown once';
exports.run = async ({ system, open }) => {
  const ann = await system.agent('Ann Lee');
  const { name, conversation } = await system.conversation(`Cut ${ann.id.slice(0, 6)}`, 'hello');
  const agent = await system.connect(ann.token);
  const clientMessageId = `cut-off-${ann.id}`;
  const { seq, generation } = await agent.say('stored', { conversationId: conversation, clientMessageId });
  agent.send({ type: 'ack', conversationId: conversation, seq, generation }); // so that it is not delivered again
  const page = await open('/console');
  await desk.signIn(page, ann);
  // As a reload leaves it, but so old that the page does not send it again by itself, and get its confirmation.
  await page.call((agentId, conversationId, clientMessageId) => {
    const order = Date.now() - 25 * 3600e3;
    const item = { clientMessageId, conversationId, content: 'stored', order, sentAt: order };
    localStorage.setItem(`console.outbox.${agentId}.${clientMessageId}`, JSON.stringify(item));
  }, ann.id, conversation, clientMessageId);
  await page.reload();
  await desk.take(page, 'Mine', name);
  await page.read('stored');
  await page.gone('.message.pending');
  assert.deepEqual(await desk.texts(page), ['hello', 'stored']);
  assert.equal(await page.call((id) => Object.keys(localStorage).some((key) => key.endsWith(id)), clientMessageId), false);
};
