'use strict';
const assert = require('assert');
const { widget } = require('../screens');

exports.name = 'What a customer writes without a network is kept, said to wait, and sent once and in order when it is back';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee');
  const agent = await system.connect(ann.token);
  const name = `Offline ${ann.id.slice(0, 6)}`;
  const page = await open('/');
  page.expectProblem(/ERR_INTERNET_DISCONNECTED|WebSocket/);
  await widget.start(page, name);
  const before = `before ${ann.id}`;
  await widget.say(page, before);
  const { conversationId } = await agent.next((frame) => frame.type === 'message' && frame.content === before);
  await page.gone('.row.own[data-status=sending]');

  await page.emulate({ offline: true });
  await page.read('You are offline');
  for (const text of ['first', 'second', 'third']) await widget.say(page, text);
  await page.until(() => findAll({ css: '.row.own[data-status=sending]' }).length === 3);
  await shot(page, 'widget-offline');
  await agent.say('are you there?', { conversationId });

  await page.emulate({ offline: false });
  await page.read('are you there?');
  await page.gone('.row.own[data-status=sending]');
  await page.gone('.notice');
  const { messages } = await system.rest('GET', `/conversations/${conversationId}/messages`, { token: ann.token });
  assert.deepEqual(messages.map(({ content }) => content), [before, 'are you there?', 'first', 'second', 'third']);
  assert.deepEqual(await widget.texts(page), [before, 'are you there?', 'first', 'second', 'third']);
};
