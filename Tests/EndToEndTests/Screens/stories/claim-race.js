'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.name = 'Two agents claim the same conversation at once: one has it, the other is told who';
exports.run = async ({ system, open, shot }) => {
  const people = [await system.agent('Ann Lee'), await system.agent('Bob Ray')];
  const customer = await system.conversation(`Wanted ${people[0].id.slice(0, 6)}`, 'Anybody there?');
  const windows = await Promise.all([open('/console'), open('/console')]);
  for (const [number, page] of windows.entries()) {
    page.expectProblem(/409/); // the refusal that one of them gets
    await desk.signIn(page, people[number]);
    await desk.take(page, 'Waiting', customer.name);
    await page.see(['button', /^Claim/]);
  }
  // By the key, as a button goes as soon as the other one has claimed.
  await Promise.all(windows.map((page) => page.press('c')));
  await Promise.all(windows.map((page) => page.read(/Yours|(Ann Lee|Bob Ray) answers/)));
  const conversation = await system.rest('GET', `/conversations/${customer.conversation}`, { token: people[0].token });
  const winner = people.findIndex(({ id }) => id === conversation.assigneeId);
  const loser = windows[1 - winner];
  await windows[winner].read('Yours');
  await loser.read(`${people[winner].name} answers`);
  await shot(loser, 'console-others');

  await desk.reply(windows[winner], 'I am here.');
  await desk.settled(windows[winner]);
  assert.equal(await loser.count(['textarea', /^Write a reply/]), 0, 'the other can still answer');
};
