'use strict';
const assert = require('assert');
const { widget, desk, showSame } = require('../screens');

exports.name = 'Both pages are reloaded while messages are on their way: each arrives once, in order';
exports.run = async ({ system, open }) => {
  const ann = await system.agent('Ann Lee');
  const name = `Hasty ${ann.id.slice(0, 6)}`;
  const [customer, agent] = await Promise.all([open('/'), open('/console')]);
  await widget.start(customer, name);
  await widget.say(customer, 'first');
  await desk.signIn(agent, ann);
  await desk.take(agent, 'Waiting', name);
  await desk.act(agent, 'Claim');
  await agent.read('Yours');
  const said = ['first'];

  /** Writes without waiting for anything, and loads the page again at once. */
  const rush = async (page, field, word) => {
    await page.click(field);
    for (let number = 1; number <= 5; number += 1) {
      said.push(`${word} ${number}`);
      await page.insertText(said.at(-1));
      await page.press('Enter');
    }
    await page.reload();
  };
  await rush(customer, ['textarea', 'Message'], 'question');
  await showSame(customer, agent, said);
  await rush(agent, ['textarea', /^Write a reply/], 'answer');
  await agent.read('Yours'); // the same conversation is open again
  await showSame(customer, agent, said);
  await Promise.all([widget.settled(customer), desk.settled(agent)]);

  // What was not sent when the network went is kept over a reload, too.
  await customer.emulate({ offline: true });
  await widget.say(customer, 'from the tunnel');
  await customer.see(['.row.own [role="img"]', /Sending|Waits for the connection/]);
  await customer.emulate({ offline: false });
  await customer.reload();
  await showSame(customer, agent, [...said, 'from the tunnel']);
  assert.equal(await desk.texts(agent, '.theirs').then((texts) => texts.length), 7);
};
