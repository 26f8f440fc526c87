'use strict';
const assert = require('assert');
const { pause } = require('../browser');
const { widget, desk, showSame } = require('../screens');

exports.name = 'Gateways are killed under both open pages while both write: nothing is lost, nothing is there twice';
exports.needsGateways = true;
exports.run = async ({ system, open }) => {
  const ann = await system.agent('Ann Lee');
  const name = `Steady ${ann.id.slice(0, 6)}`;
  const [customer, agent] = await Promise.all([open('/'), open('/console')]);
  for (const page of [customer, agent]) page.expectProblem(/WebSocket|net::ERR|50[234]/);
  await widget.start(customer, name);
  await widget.say(customer, 'hello');
  await desk.signIn(agent, ann);
  await desk.take(agent, 'Waiting', name);
  await desk.act(agent, 'Claim');
  await desk.reply(agent, 'welcome');
  await showSame(customer, agent, ['hello', 'welcome']);

  // Whichever gateways the pages are on: each dies. Both pages write while they do.
  const asked = [];
  const answered = [];
  let isOver = false;
  const writing = [[customer, widget.say, asked, 'question'], [agent, desk.reply, answered, 'answer']]
    .map(async ([page, write, said, word]) => {
      while (!isOver || said.length < 8) {
        said.push(`${word} ${said.length + 1}`);
        await write(page, said.at(-1));
        await pause(200);
      }
    });
  await pause(300);
  await system.killGateway(0);
  await system.killGateway(1);
  // And both at once: then there is no other one to go to.
  await Promise.all([system.killGateway(0), system.killGateway(1)]);
  isOver = true;
  await Promise.all(writing);

  await Promise.all([widget.settled(customer), desk.settled(agent)]);
  // Of each side in the order in which it wrote; between the sides the server's order, which is the same on both screens.
  await customer.until((count) => findAll({ css: '.list .row .text' }).length >= count, 2 + asked.length + answered.length);
  const order = await widget.texts(customer);
  await showSame(customer, agent, order);
  const of = (word) => order.filter((text) => text.startsWith(word));
  assert.deepEqual([of('question'), of('answer'), order.length], [asked, answered, 2 + asked.length + answered.length]);
  await customer.gone('.notice');
};
