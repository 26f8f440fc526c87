'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.alone = true;
exports.name = 'Two agents take whoever has waited longest at the same moment: each gets another customer';
exports.run = async ({ system, open }) => {
  const people = [await system.agent('Ann Lee'), await system.agent('Bob Ray')];
  const mark = people[0].id.slice(0, 6);
  for (const number of [1, 2, 3]) await system.conversation(`Queue ${number} ${mark}`, 'hello');
  const windows = await Promise.all(people.map(() => open('/console')));
  for (const [number, page] of windows.entries()) {
    page.expectProblem(/409/);
    await desk.signIn(page, people[number]);
    await page.until(() => Number(document.querySelectorAll('.tab-count')[1].textContent) >= 3);
  }
  await Promise.all([windows[0].press('w'), windows[1].click(['button', 'Take who has waited longest (w)'])]);
  const names = [];
  for (const [number, page] of windows.entries()) {
    await page.read('Yours');
    names.push(await page.text('.thread-name'));
    const mine = await system.rest('GET', `/conversations?state=assigned&assignee=${people[number].id}`, { token: people[number].token });
    assert.deepEqual(mine.content.map(({ customerName }) => customerName), [names[number]]);
    assert.equal(await page.call(() => document.activeElement.id), 'composer-text');
  }
  assert.notEqual(names[0], names[1]);
};
