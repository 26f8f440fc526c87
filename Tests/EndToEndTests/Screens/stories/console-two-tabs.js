'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.name = 'Two tabs of an agent are in step: claims, answers and resolves show in both, and logging out ends both';
exports.run = async ({ system, open }) => {
  const ann = await system.agent('Ann Lee');
  const customer = await system.conversation(`Twice ${ann.id.slice(0, 6)}`, 'Hello?');
  const one = await open('/console');
  await one.fill(['input', 'Login'], ann.login);
  await one.fill(['input', 'Password'], ann.password);
  await one.click(['label', 'Stay logged in on this device']);
  await one.click(['button', 'Log in']);
  await desk.take(one, 'Waiting', customer.name);
  const other = await open('/console', { profile: one.profile });
  await desk.take(other, 'Waiting', customer.name);
  for (const page of [one, other]) page.expectProblem(/401|WebSocket/); // after the log-out

  await desk.act(one, 'Claim');
  await other.read('Yours');
  await Promise.all([desk.reply(one, 'from the one'), desk.reply(other, 'from the other')]);
  for (const page of [one, other]) {
    await desk.settled(page);
    await page.until(() => findAll({ css: '.message.ours .bubble' }).length === 2);
  }
  const texts = await desk.texts(one);
  assert.deepEqual([...texts].sort(), ['Hello?', 'from the one', 'from the other']);
  assert.deepEqual(await desk.texts(other), texts);
  await desk.act(other, 'Resolve');
  await one.read('Resolved');

  await one.click(['button', 'Log out']);
  await one.see(['button', 'Log in']);
  await other.see(['button', 'Log in']);
  await other.read(/You have been logged out|You logged out in another window/);
  assert(!(await one.text()).includes('another window'), 'the window that logged out says that another one did');
};
