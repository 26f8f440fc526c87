// Named to be played last: what it leaves behind would be in the others' way.
'use strict';
const assert = require('assert');
const { desk } = require('../screens');

const customers = 50;
const each = 200; // what a customer may have

exports.alone = true;
exports.name = 'With 10,000 conversations the console scrolls through all, searches, and opens one about as fast as with few';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee');
  const bob = await system.agent('Bob Ray');
  const tag = ann.id.slice(0, 6);
  const clients = [];
  const few = `Few ${tag}`;
  await system.conversation(few, 'one of few');

  /** The median of what the console itself measured: from the click until the thread is painted. */
  const opening = async (page) => {
    const times = [];
    for (let number = 0; number < 7; number += 1) {
      await page.call(() => performance.clearMeasures());
      await page.press('j');
      times.push(await page.until(() => performance.getEntriesByName('open-thread')[0]?.duration));
    }
    return times.sort((a, b) => a - b)[3];
  };
  const page = await open('/console');
  await desk.signIn(page, ann);
  await page.click(['[role="tab"]', /^All/]);
  await page.see(['[role="option"]', few]);
  const before = await opening(page);
  await page.close();

  for (let number = 0; number < customers; number += 1) {
    clients.push(await system.connect((await system.customer(`Customer ${tag} ${number}`)).token));
  }
  await Promise.all(clients.map(async (client) => {
    for (let number = 0; number < each; number += 1) await client.say(`Question ${number}`, { conversationId: `thread-${number}` });
  }));
  const many = await open('/console');
  await desk.signIn(many, bob);
  await many.click(['[role="tab"]', /^Waiting/]);
  await many.until((count) => Number(findAll({ css: '[role="tab"][aria-selected="true"] .tab-count' })[0]?.textContent.replace(/\D/g, '')) >= count,
    customers * each);
  // However many there are, only what is on the screen is in the page.
  const rows = () => many.call(() => [...everyElement()].filter((element) => element.matches('[role="option"]')).length);
  assert(await rows() < 100, 'all rows are in the page');
  await many.click('#conversations');
  await many.press('End');
  await many.see(['[role="option"]', `Customer ${tag}`]);
  await many.until(() => findAll({ css: '[role="option"]:not(.not-read)' }).length > 3 && findAll({ css: '.row.not-read' }).length === 0);
  assert(await rows() < 100, 'all rows are in the page');
  await shot(many, 'console-ten-thousand');
  await many.press('Home');
  await many.until(() => findAll({ css: '.row.not-read' }).length === 0);
  for (let number = 0; number < 15; number += 1) await many.scroll('#conversations', 5000);
  await many.until(() => findAll({ css: '.row' }).length > 3 && findAll({ css: '.row.not-read' }).length === 0);

  await many.press('Home');
  const after = await opening(many);
  assert(after < before * 5 + 200, `opening a conversation takes ${after} ms among 10,000, ${before} ms among few`);
  await many.fill(['input', 'Search by name or id'], few);
  await many.until((name) => findAll({ css: '[role="option"]' }).length === 1 && findAll({ css: '[role="option"]', name: { text: name } }).length === 1, few);
  console.log(`opened in ${before.toFixed(0)} ms among few, ${after.toFixed(0)} ms among 10,000`);
};
