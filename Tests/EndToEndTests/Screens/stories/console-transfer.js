'use strict';
const { widget, desk } = require('../screens');

exports.name = 'An agent transfers a conversation to a colleague, who goes on with it; the customer sees who answers';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee');
  const bob = await system.agent(`Bob ${ann.id.slice(0, 6)}`);
  const name = `Passed ${ann.id.slice(0, 6)}`;
  const [customer, one, other] = await Promise.all([open('/'), open('/console'), open('/console')]);
  await widget.start(customer, name);
  await widget.say(customer, 'A question about invoices');
  await desk.signIn(one, ann);
  await desk.signIn(other, bob);
  await desk.take(one, 'Waiting', name);
  await desk.act(one, 'Claim');
  await one.read('Yours');
  await customer.read('Ann Lee · Online');

  await desk.act(one, 'Transfer');
  await one.fill(['dialog input', 'Search agents'], bob.name);
  await one.click(['dialog label', bob.name]);
  await shot(one, 'console-transfer-chosen');
  await one.click(['dialog button', 'Transfer']);
  await one.read(`${name} goes to ${bob.name}.`);
  await one.read(`${bob.name} answers`);
  await other.read(`${name} was transferred to you.`);
  await customer.read(`${bob.name} · Online`);
  await desk.take(other, 'Mine', name);
  await desk.reply(other, 'I do invoices.');
  await customer.read('I do invoices.');
};
