'use strict';
const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { inspect } = require('../accessibility');
const { widget } = require('../screens');

/** The bytes of a picture, as a browser makes it. */
const picture = (page, width, height) => page.call(async (width, height) => {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  const gradient = context.createLinearGradient(0, 0, width, height);
  gradient.addColorStop(0, 'teal');
  gradient.addColorStop(1, 'gold');
  context.fillStyle = gradient;
  context.fillRect(0, 0, width, height);
  return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
}, width, height);

exports.name = 'Pictures and files go both ways: chosen, dropped and pasted; what is too large or did not go up is said';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee');
  const agent = await system.connect(ann.token);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'widget-files-'));
  const put = (name, bytes) => {
    fs.writeFileSync(path.join(folder, name), bytes);
    return path.join(folder, name);
  };
  try {
    const page = await open('/');
    // A fifth upload at once is refused, and waits its turn.
    page.expectProblem(/429/);
    page.expectProblem(/ERR_INTERNET_DISCONNECTED|WebSocket/);
    await widget.start(page, `Files ${ann.id.slice(0, 6)}`);
    const done = (count) => page.until((wanted) => findAll({ css: '.tray li.done' }).length === wanted, count);

    const photo = put('photo.png', Buffer.from(await picture(page, 600, 400)));
    await page.choose(['button', 'Attach files'], [photo, put('要点.txt', '要点')]);
    await done(2);
    const asked = `Look at this, ${ann.id}`;
    await page.type(['textarea', 'Message'], asked);
    await shot(page, 'widget-tray');
    assert.deepEqual(await inspect(page), []);
    await page.click(['button', 'Send']);
    const sent = await agent.next((frame) => frame.type === 'message' && frame.content === asked);
    const { conversationId } = sent;
    assert.deepEqual(sent.metadata.attachments.map(({ name, contentType }) => [name, contentType.split(';')[0]]),
      [['photo.png', 'image/png'], ['要点.txt', 'text/plain']]);
    const isShown = () => page.until(() => findAll({ css: '.picture img' }).some((image) => image.naturalWidth === 600
      && image.src.startsWith('blob:')));
    await isShown();
    await page.see(['button.file', '要点.txt']);

    // What only says that it is a picture is a file to save; an address of it is never opened.
    const evil = await system.rest('POST', `/attachments?name=evil.png&conversation=${conversationId}`, {
      token: ann.token, body: Buffer.from('<script>alert(1)</script>'), headers: { 'Content-Type': 'image/png' },
    });
    await agent.say('evil.png', { conversationId, metadata: { attachments: [{ ...evil, contentType: 'image/png' }] } });
    await page.see(['button.file', 'evil.png']);
    assert.equal(await page.count('.other a'), 0);

    // Pasted and dropped.
    await page.call((bytes) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(bytes)], 'pasted.png', { type: 'image/png' }));
      const event = new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true });
      findAll({ css: 'textarea' })[0].dispatchEvent(event);
    }, await picture(page, 30, 20));
    await done(1);
    await page.call(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' }));
      for (const type of ['dragover', 'drop']) {
        const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true, composed: true });
        findAll({ css: '.scroll' })[0].dispatchEvent(event);
      }
    });
    await done(2);
    await page.press('Enter');
    const names = await agent.next((frame) => frame.type === 'message' && frame.content === 'pasted.png, dropped.txt');
    assert.equal(names.metadata.attachments.length, 2);

    // Too large is said at once; it holds the message up until it is taken out.
    await page.choose(['button', 'Attach files'], [put('film.bin', Buffer.alloc(10 * 1024 ** 2 + 1))]);
    await page.read('film.bin is larger than 10 MB.');
    await page.emulate({ offline: true });
    await page.choose(['button', 'Attach files'], [put('late.txt', 'late')]);
    await page.read('late.txt did not upload.');
    await shot(page, 'widget-upload-failed');
    assert.deepEqual(await inspect(page), []);
    await page.emulate({ offline: false });
    await page.click(['.tray button', 'Remove film.bin']);
    await page.click(['.tray button', 'Try again']);
    await done(1);
    await page.click(['button', 'Send']);
    await agent.next((frame) => frame.type === 'message' && frame.content === 'late.txt');

    await page.reload();
    await isShown();
    await page.see(['button.file', 'late.txt']);
    assert.deepEqual(page.dialogs, []);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
};
