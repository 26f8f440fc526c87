'use strict';
const { widget, desk } = require('../screens');

exports.name = 'A revoked token is said on both screens, and both can go on from there';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee');
  const name = `Guest ${ann.id.slice(0, 6)}`;
  const [customer, agent] = await Promise.all([open('/'), open('/console')]);
  for (const page of [customer, agent]) page.expectProblem(/401|WebSocket/);
  await widget.start(customer, name);
  await widget.say(customer, 'hello');
  await widget.settled(customer);
  await desk.signIn(agent, ann);
  await desk.take(agent, 'Waiting', name);

  const [{ customerId }] = (await system.rest('GET', '/conversations?state=waiting&size=100', { token: ann.token })).content
    .filter((conversation) => conversation.customerName === name);
  await system.rest('DELETE', `/customers/${customerId}/tokens`, { token: ann.token });
  await customer.read('This chat was ended on our side.');
  await shot(customer, 'widget-ended');
  await widget.say(customer, 'are you there?');
  await customer.click(['button', 'Start again']);
  await agent.read('are you there?');

  await system.rest('DELETE', `/agents/${ann.id}/tokens`, { token: await system.adminToken() });
  await agent.read(/Your session has ended|You have been logged out/);
  await shot(agent, 'console-ended');
  await desk.signIn(agent, ann);
  await desk.take(agent, 'Waiting', name);
  await desk.reply(agent, 'now I am');
  await customer.read('now I am');
};
