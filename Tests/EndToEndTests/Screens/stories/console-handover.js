'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.name = 'A conversation goes from agent to agent: released, claimed, transferred, resolved and opened again, live on both desks';
exports.run = async ({ system, open, shot }) => {
  const people = [await system.agent('Ann Lee'), await system.agent(`王小明 ${Date.now() % 1e6}`)];
  const customer = await system.conversation(`Wandering ${people[0].id.slice(0, 6)}`, 'hello');
  const client = await system.connect(customer.token);
  const [ann, bob] = await Promise.all([open('/console'), open('/console')]);
  for (const [number, page] of [ann, bob].entries()) await desk.signIn(page, people[number]);
  await desk.take(ann, 'Waiting', customer.name);
  await desk.take(bob, 'Waiting', customer.name);
  await desk.act(ann, 'Claim');
  await bob.see(['.thread-state', 'Ann Lee answers']);
  await desk.reply(ann, 'How can I help?');
  await desk.settled(ann);

  await ann.press('Escape');
  await ann.press('r');
  await bob.see(['.thread-state', 'Waiting']);
  await ann.read('waits again');
  await ann.click(['.notice button', 'Undo']);
  await bob.see(['.thread-state', 'Ann Lee answers']);
  await ann.read('Yours');
  await bob.press('Escape');
  await bob.read('No conversation is open');

  // A note for the colleague, then the transfer.
  await desk.act(ann, 'Note');
  await ann.fill(['textarea', /^Write a note/], 'Wants a refund, be kind');
  await ann.press('Control+Enter');
  await ann.see('.note');
  await ann.click(['button', /^Transfer/]);
  await ann.fill(['dialog input', 'Search agents'], people[1].name);
  await ann.see(['dialog .agent-option', people[1].name]);
  await shot(ann, 'console-transfer');
  await ann.click(['dialog button', 'Transfer']);
  await ann.gone('dialog');
  await ann.read(`${people[1].name} answers`);
  await bob.read(`${customer.name} was transferred to you`);
  await bob.click(['.notice button', 'Open']);
  await bob.see(['h2', customer.name]);
  await bob.read('How can I help?');
  await bob.see(['.note', 'Wants a refund, be kind']);
  await bob.read('Yours');

  // It goes on at the new agent's; the former one still sees it, and adds a note that comes live.
  await client.say('are you still there?', { conversationId: customer.conversation });
  await bob.read('are you still there?');
  await desk.reply(bob, 'I am, now.');
  await client.next((frame) => frame.type === 'message' && frame.content === 'I am, now.');
  await ann.read('I am, now.');
  assert.equal(await ann.count(['textarea', /^Write a reply/]), 0, 'the former agent can answer');
  await ann.fill(['textarea', /^Write a note/], 'Thank you');
  await ann.click(['button', 'Send']);
  await bob.see(['.note', 'Thank you']);

  await bob.press('Escape');
  await bob.press('e');
  await bob.see(['.thread-state', 'Resolved']);
  await ann.see(['.thread-state', 'Resolved']);
  await client.say('one more thing', { conversationId: customer.conversation });
  await bob.see(['.thread-state', 'Waiting']);
  await bob.read('one more thing');
  await desk.act(bob, 'Claim');
  await ann.read(`${people[1].name} answers`);
  assert(!client.frames.some((frame) => frame.type === 'note'), 'a note went to the customer');
};
