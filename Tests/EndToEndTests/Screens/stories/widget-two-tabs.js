'use strict';
const assert = require('assert');
const { widget } = require('../screens');

exports.name = 'Two tabs of a customer are in step: what both send is stored once, and what one has read is read in the other';
exports.run = async ({ system, open }) => {
  const ann = await system.agent('Ann Lee');
  const agent = await system.connect(ann.token);
  const first = await open('/');
  const second = await open('/', { profile: first.profile });
  await second.click(['button', 'Open the chat']);
  await second.see(['input', 'What may we call you?']);
  // The name that is given in one is known to the other.
  await widget.start(first, `Tabs ${ann.id.slice(0, 6)}`);
  await second.see(['textarea', 'Message']);

  const said = [];
  const write = async (page, tab) => {
    for (let number = 1; number <= 6; number += 1) {
      said.push(`tab ${tab}, ${number} ${ann.id}`);
      await widget.say(page, said.at(-1));
    }
  };
  await Promise.all([write(first, 'A'), write(second, 'B')]);
  for (const page of [first, second]) {
    await page.until((count) => findAll({ css: '.list .row .text' }).length === count, said.length);
    await page.gone('.row.own[data-status=sending]');
  }
  const { conversationId } = await agent.next((frame) => frame.type === 'message' && said.includes(frame.content));
  const stored = (await system.rest('GET', `/conversations/${conversationId}/messages`, { token: ann.token }))
    .messages.map(({ content }) => content);
  assert.deepEqual([...stored].sort(), [...said].sort());
  for (const tab of ['A', 'B']) {
    const own = stored.filter((text) => text.startsWith(`tab ${tab}`));
    assert.deepEqual(own, own.map((_, index) => `tab ${tab}, ${index + 1} ${ann.id}`));
  }
  for (const page of [first, second]) assert.deepEqual(await widget.texts(page), stored);

  // A badge, where the panel is closed, goes when the message is read in the other tab.
  for (const page of [first, second]) await page.click(['button', 'Close chat']);
  await agent.say('an answer', { conversationId });
  for (const page of [first, second]) {
    await page.see(['button', 'Open chat, 1 unread']);
    assert.match(await page.call('document.title'), /^\(1\) /);
  }
  await first.click(['button', /^Open chat/]);
  await first.read('an answer');
  await second.see(['button', /^Open chat$/]);
  assert.doesNotMatch(await second.call('document.title'), /^\(/);
  await agent.next((frame) => frame.type === 'receipt' && frame.read > said.length);
};
