'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.name = 'An admin adds an agent, changes role and password, logs the agent out and deactivates; agents have no such page';
exports.run = async ({ system, open, shot }) => {
  const boss = await system.agent('Boss', 'admin');
  const mark = boss.id.slice(0, 6);
  const login = `new-${mark}`;
  const page = await open('/console');
  page.expectProblem(/409|422/);
  await desk.signIn(page, boss);
  await page.click(['nav a', 'Agents']);
  await page.click(['button', 'New agent']);
  await page.fill('dialog input[name="name"]', `陈静 ${mark}`);
  await page.fill('dialog input[name="login"]', login);
  await page.fill('dialog input[name="password"]', 'short');
  await page.click(['dialog button', 'Create']);
  await page.see('dialog input[name="password"][aria-invalid="true"]');
  await page.fill('dialog input[name="password"]', 'long enough');
  await page.click(['dialog button', 'Create']);
  await page.gone('dialog');
  const row = ['tbody tr', login];
  await page.fill(['input', 'Search by name or login'], mark);
  await page.see(row);
  await shot(page, 'console-admin');

  const agent = await open('/console');
  agent.expectProblem(/401|WebSocket/);
  await desk.signIn(agent, { login, password: 'long enough' });
  assert.equal(await agent.count(['nav a', 'Agents']), 0);
  await agent.call(() => { location.hash = '#/admin'; });
  await agent.see(['[role="tab"]', /^Waiting/]); // the inbox, as there is no such page

  const act = (name) => page.click(['button', `${name}: 陈静 ${mark}`]);
  await act('Password');
  await page.fill('dialog input[name="password"]', 'another one');
  await page.click(['dialog button', 'Save']);
  await agent.read(/Your session has ended|You have been logged out/);
  await desk.signIn(agent, { login, password: 'another one' });
  await act('Edit');
  await page.call(() => { const role = document.querySelector('dialog select'); role.value = 'admin'; });
  await page.click(['dialog button', 'Save']);
  await page.see([`${row[0]} .tag`, 'Admin']);
  await act('Deactivate');
  await page.click(['dialog button', 'Deactivate']);
  await page.see(['tr.inactive', login]);
  await agent.read(/Your session has ended|You have been logged out/);
  await agent.fill(['input', 'Login'], login);
  await agent.fill(['input', 'Password'], 'another one');
  await agent.click(['button', 'Log in']);
  await agent.read('Login or password is wrong.');
  await act('Activate');
  await page.gone(['tr.inactive', login]);
};
