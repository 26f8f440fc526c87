'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.name = 'An agent drops and pastes files into the console, takes one back, and sends what is left without a word';
exports.run = async ({ system, open }) => {
  const ann = await system.agent('Ann Lee');
  const customer = await system.conversation(`Files ${ann.id.slice(0, 6)}`, 'a photo, please');
  const client = await system.connect(customer.token);
  const page = await open('/console');
  // A fifth upload at once is refused, and waits its turn.
  page.expectProblem(/429/);
  await desk.signIn(page, ann);
  await desk.take(page, 'Waiting', customer.name);
  await desk.act(page, 'Claim');
  await page.read('Yours');

  const give = (type, selector, names) => page.call(async (type, selector, names) => {
    const files = new DataTransfer();
    for (const name of names) {
      const canvas = new OffscreenCanvas(40, 30);
      canvas.getContext('2d').fillRect(0, 0, 20, 20);
      files.items.add(new File([await canvas.convertToBlob({ type: 'image/png' })], name, { type: 'image/png' }));
    }
    const event = type === 'paste'
      ? new ClipboardEvent('paste', { clipboardData: files, bubbles: true, cancelable: true })
      : new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true });
    document.querySelector(selector).dispatchEvent(event);
  }, type, selector, names);
  await give('drop', '.thread-space', ['one.png', '第二张.png']);
  await give('paste', '#composer-text', ['three.png']);
  await page.until(() => findAll({ css: '.upload' }).length === 3 && findAll({ css: '.upload progress' }).length === 0);
  await page.click(['button', 'Remove one.png']);
  // Each conversation keeps its own.
  const other = await system.conversation(`Other ${ann.id.slice(0, 6)}`, 'hello');
  await desk.take(page, 'Waiting', other.name);
  assert.equal(await page.count('.upload'), 0);
  await desk.take(page, 'Mine', customer.name);
  assert.equal(await page.count('.upload'), 2);
  await page.click(['button', 'Send']);
  await desk.settled(page);
  const message = await client.next((frame) => frame.type === 'message');
  assert.deepEqual(message.metadata.attachments.map(({ name, contentType }) => [name, contentType]),
    [['第二张.png', 'image/png'], ['three.png', 'image/png']]);
  assert.equal(message.content, '第二张.png');
  await page.until(() => findAll({ css: '.ours .picture img' }).filter((image) => image.naturalWidth === 40).length === 2);
  assert.equal(await page.count('.upload'), 0);
  assert.equal(await page.count('.ours .bubble'), 0, 'the name is shown as if it had been written');

  // A note goes to agents alone, and takes no files.
  await desk.act(page, 'Note');
  await give('drop', '.thread-space', ['secret.png']);
  assert.equal(await page.count('.upload'), 0);
};
