'use strict';
const assert = require('assert');
const { widget } = require('../screens');

const texts = [
  '<img src=x onerror="alert(1)"><script>alert(2)</script>',
  'javascript:alert(3) data:text/html,<script>alert(4)</script> vbscript:x',
  'https://example.com/"onmouseover="alert(5) https://example.com/\'onclick=\'alert(6)',
  '{{constructor.constructor("alert(7)")()}} ${alert(8)} &lt;b&gt;',
  `\u202e${'W'.repeat(400)}`,
];

exports.name = 'Whatever an agent or the customer writes is text: no markup, no script, only http, https and mailto links';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('<b onclick=alert(9)>Ann</b>');
  const agent = await system.connect(ann.token);
  const page = await open('/', { width: 320, height: 640 });
  await widget.start(page, '<i>Eve</i>"\'');
  const hostile = [...texts, ann.id];
  for (const text of hostile) await widget.say(page, text);
  const { conversationId } = await agent.next((frame) => frame.type === 'message' && frame.content === ann.id);
  for (const text of hostile) await agent.say(text, { conversationId });
  await agent.say('See https://example.com/a_(b), www.example.org. Or write to help@example.com!', { conversationId });
  // Metadata is the sender's word too.
  await agent.say('files', { conversationId, metadata: { attachments: [
    { id: '../../agents/me', name: '<img src=x onerror=alert(10)>', contentType: 'image/png', size: '<b>' }, null, 7, { id: 1 },
    { id: ann.id, name: { toString: 1, valueOf: 1 } }, { id: ann.id, name: 'photo\u202egpj.exe\n\0' },
  ] } });
  page.expectProblem(/attachments/); // there is no such attachment
  await page.see(['button.file', '<img src=x onerror=alert(10)>']);
  await page.see(['button.file', 'photogpj.exe']);
  assert.deepEqual(await page.texts('button.file .name'), ['<img src=x onerror=alert(10)>', 'photogpj.exe']);

  assert.deepEqual(await widget.texts(page, '.own'), hostile);
  assert.deepEqual((await widget.texts(page, '.other')).slice(0, hostile.length), hostile);
  const links = await page.call(() => findAll({ css: '.text a' }).map(({ href, rel, target }) => ({ href, rel, target })));
  assert.deepEqual([...new Set(links.map(({ href }) => new URL(href).protocol))].sort(), ['https:', 'mailto:']);
  for (const { rel, target } of links) assert.deepEqual([rel, target], ['noopener noreferrer', '_blank']);
  const hrefs = links.map(({ href }) => href);
  for (const href of ['https://example.com/a_(b)', 'https://www.example.org/', 'mailto:help@example.com']) {
    assert(hrefs.includes(href), `${href} is not in ${hrefs}`);
  }
  const parts = await page.call(() => [...new Set(findAll({ css: '.list *' }).map((element) => element.localName))].sort());
  assert.deepEqual(parts, ['a', 'button', 'div', 'li', 'path', 'span', 'svg', 'time']);
  await page.read('<b onclick=alert(9)>Ann</b>');
  // Nothing sticks out, however long a word is.
  assert(await page.call(() => Math.max(findAll({ css: '.scroll' })[0].scrollWidth, document.body.scrollWidth) <= innerWidth));
  await shot(page, 'widget-hostile-320');
  assert.deepEqual(page.dialogs, []);
};
