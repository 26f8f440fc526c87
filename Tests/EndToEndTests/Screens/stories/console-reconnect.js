'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.name = 'An agent who was without a network sees all that happened meanwhile, and what was written is sent once';
exports.run = async ({ system, open, shot }) => {
  const [ann, bob] = [await system.agent('Ann Lee'), await system.agent('Bob Ray')];
  const mark = ann.id.slice(0, 6);
  const mine = await system.conversation(`Mine ${mark}`, 'first');
  const taken = await system.conversation(`Taken ${mark}`, 'who has time?');
  const page = await open('/console');
  page.expectProblem(/ERR_INTERNET_DISCONNECTED|WebSocket/);
  await desk.signIn(page, ann);
  await desk.take(page, 'Waiting', mine.name);
  await desk.act(page, 'Claim');
  await page.read('Yours');

  await page.emulate({ offline: true });
  await page.call(() => dispatchEvent(new Event('online'))); // makes the client ask whether the connection lives
  await page.read('No connection');
  await shot(page, 'console-offline');
  await desk.reply(page, 'written without a network');
  await page.see('.message.pending');

  const writer = await system.connect(mine.token);
  for (const text of ['second', 'third']) await writer.say(text, { conversationId: mine.conversation });
  await system.rest('POST', `/conversations/${mine.conversation}/notes`, { token: bob.token, body: { content: 'a note meanwhile' } });
  await system.rest('POST', `/conversations/${taken.conversation}/claim`, { token: bob.token });
  const newcomer = await system.conversation(`Newcomer ${mark}`, 'just came');

  await page.emulate({ offline: false });
  await page.gone('.banner');
  await page.read('a note meanwhile');
  await desk.settled(page);
  assert.deepEqual(await desk.texts(page), ['first', 'second', 'third', 'written without a network']);
  await page.click(['[role="tab"]', /^Waiting/]);
  await page.fill('.search-field input', mark);
  await page.see(['.row', newcomer.name]);
  await page.see(['.row .row-assignee', 'Bob Ray']);
  const { messages } = await system.rest('GET', `/conversations/${mine.conversation}/messages`, { token: ann.token });
  assert.deepEqual(messages.map(({ content }) => content), ['first', 'second', 'third', 'written without a network']);

  // The list by itself, too: the one that was taken is not among those that wait.
  await page.fill('.search-field input', '');
  await page.gone(['.row', taken.name]);
};
