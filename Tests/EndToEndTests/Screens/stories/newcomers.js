'use strict';
const assert = require('assert');
const { widget, desk, showSame } = require('../screens');

exports.name = 'A newcomer asks, an agent claims, answers, takes a note and resolves, and the newcomer comes back';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee');
  const name = `Newcomer ${ann.id.slice(0, 6)}`;
  const customer = await open('/');
  await customer.click(['button', 'Open the chat']);
  await customer.fill(['input', 'What may we call you?'], name);
  await customer.click(['button', 'Start chat']);
  await widget.say(customer, 'Where is my order?');
  await widget.settled(customer);
  await customer.read('We will be with you soon');

  const agent = await open('/console');
  await shot(agent, 'console-login');
  await desk.signIn(agent, ann);
  await desk.take(agent, 'Waiting', name);
  await agent.read('Where is my order?');
  await desk.act(agent, 'Claim');
  await agent.read('Yours');
  await customer.read('Ann Lee · Online');

  // Each sees that the other types, and that what was said was read.
  await agent.type(['textarea', /^Write a reply/], 'It is on ');
  await customer.see(['.typing [role="img"]', 'Ann Lee is typing']);
  await agent.type(['textarea', /^Write a reply/], 'its way.');
  await agent.press('Enter');
  await customer.read('It is on its way.');
  await customer.gone('.typing');
  await customer.see(['.row.own [role="img"]', 'Read']);
  await agent.see('.message.ours .delivery.read');
  await customer.type(['textarea', 'Message'], 'Than');
  await agent.read(`${name} is typing`);

  // A note is for agents only.
  await desk.act(agent, 'Note');
  await agent.fill(['textarea', /^Write a note/], 'Delivered twice before');
  await agent.click(['button', 'Send']);
  await agent.see(['.note', 'Delivered twice before']);
  await shot(agent, 'console-talk');
  await desk.act(agent, 'Reply');

  await desk.act(agent, 'Resolve');
  await customer.read('This conversation is closed.');
  await shot(customer, 'widget-talk');
  // What was half written is still there.
  await customer.type(['textarea', 'Message'], 'k you, one more thing');
  await customer.press('Enter');
  await desk.take(agent, 'Waiting', name);
  await showSame(customer, agent, ['Where is my order?', 'It is on its way.', 'Thank you, one more thing']);
  assert(!(await customer.text()).includes('Delivered twice before'), 'the customer sees the note');
};
