'use strict';
const assert = require('assert');
const { widget } = require('../screens');

exports.name = 'A returning customer sees the newest messages, older ones on the way up, and is told of new ones down there';
exports.run = async ({ system, open }) => {
  const ann = await system.agent('Ann Lee');
  const agent = await system.connect(ann.token);
  const page = await open('/');
  await widget.start(page, `History ${ann.id.slice(0, 6)}`);
  const lines = [`line 1 of ${ann.id}`, ...Array.from({ length: 99 }, (_, index) => `line ${index + 2}`)];
  await widget.say(page, lines[0]);
  const { conversationId } = await agent.next((frame) => frame.type === 'message' && frame.content === lines[0]);
  for (const line of lines.slice(1)) await agent.say(line, { conversationId });
  await page.read('line 100');
  await page.reload();
  // The panel was open, so it is again.
  await page.read('line 100');
  const shown = await widget.texts(page);
  assert(shown.length < 100, 'all of it was loaded at once');
  assert.deepEqual(shown, lines.slice(-shown.length));
  await page.until(() => findAll({ css: '.panel' })[0].getAnimations().length === 0);

  // A page that comes in above leaves what is read where it was.
  const place = await page.call(() => {
    const scroll = findAll({ css: '.scroll' })[0];
    scroll.scrollTop = 320;
    const top = (element) => element.getBoundingClientRect().top;
    const row = findAll({ css: '.list .row' }).find((row) => top(row) > top(scroll));
    return { text: visibleText(row), top: top(row) };
  });
  await page.call(() => { findAll({ css: '.scroll' })[0].scrollTop -= 30; });
  await page.until((count) => findAll({ css: '.list .row .text' }).length > count, shown.length);
  const topOf = (text) => findAll({ css: '.list .row' }).find((row) => visibleText(row) === text).getBoundingClientRect().top;
  const now = await page.call(topOf, place.text);
  assert(Math.abs(now - place.top - 30) < 2, `${place.text} was at ${place.top} and is at ${now}`);

  // Up here, a new message is not forced on the reader.
  await agent.say('news', { conversationId });
  await page.see(['button', 'New messages']);
  await page.until(() => document.title.startsWith('(1) '));
  await page.click(['button', 'New messages']);
  await page.until(() => !document.title.startsWith('('));
  await agent.next((frame) => frame.type === 'receipt' && frame.read === 101);

  await page.until(() => {
    findAll({ css: '.scroll' })[0].scrollTop = 0;
    return visibleText().includes('How can we help?');
  });
  assert.deepEqual(await widget.texts(page), [...lines, 'news']);
};
