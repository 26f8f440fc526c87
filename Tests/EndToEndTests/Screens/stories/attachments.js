'use strict';
const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const zlib = require('zlib');
const { widget, desk } = require('../screens');

/** A picture as a browser makes it. */
const picture = (page) => page.call(async () => {
  const canvas = new OffscreenCanvas(300, 200);
  const context = canvas.getContext('2d');
  context.fillStyle = 'seagreen';
  context.fillRect(0, 0, 300, 200);
  return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
});

/** A black PNG of 6000 × 6000 pixels in 5 KB: shown, it would take 144 MB. */
function hugePicture() {
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    let crc = ~0;
    for (const byte of body) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeInt32BE(~crc);
    return Buffer.concat([length, body, check]);
  };
  const side = 6000;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1; // bit a pixel, grey
  const rows = zlib.deflateSync(Buffer.alloc(side * (1 + side / 8)));
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

exports.name = 'A picture and a file with a Chinese name reach the other side; HTML that claims to be a picture stays a file, and so does one too large to show';
exports.run = async ({ system, open, shot }) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'screens-files-'));
  const put = (name, content) => {
    fs.writeFileSync(path.join(folder, name), content);
    return path.join(folder, name);
  };
  try {
    const ann = await system.agent('Ann Lee');
    const name = `Sender ${ann.id.slice(0, 6)}`;
    const [customer, agent] = await Promise.all([open('/'), open('/console')]);
    // A fifth upload at once is refused, and waits its turn.
    for (const page of [customer, agent]) page.expectProblem(/429/);
    await widget.start(customer, name);
    const files = [put('photo.png', Buffer.from(await picture(customer))), put('报价 单（最终）.txt', '一共 42 元'),
      put('evil.png', '<html><script>parent.hacked = 1; alert(1)</script></html>'),
      put('drawing.svg', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(2)"><script>alert(3)</script></svg>'), put('huge.png', hugePicture())];
    await customer.choose(['button', 'Attach files'], files);
    await customer.until(() => findAll({ css: '.tray li.done' }).length === 5);
    await widget.say(customer, 'here they are');
    await widget.settled(customer);

    await desk.signIn(agent, ann);
    await desk.take(agent, 'Waiting', name);
    await agent.until(() => findAll({ css: '.messages img' }).filter((image) => image.naturalWidth === 300).length === 1);
    for (const file of ['报价 单（最终）.txt', 'evil.png', 'drawing.svg', 'huge.png']) await agent.see(['button.file', file]);
    await customer.see(['.own button.file', 'huge.png']);
    assert.equal(await agent.count('.messages img'), 1, 'something else is shown as a picture');
    await shot(agent, 'console-attachments');
    assert.equal(await agent.save(['button.file', '报价 单（最终）.txt'], folder), '一共 42 元');
    assert.equal(await agent.save(['button.file', 'evil.png'], folder), fs.readFileSync(files[2], 'utf8'));

    // Large: in a dialog that closes by key.
    await agent.click(['button', 'Show photo.png']);
    await agent.see('dialog img');
    await agent.press('Escape');
    await agent.gone('dialog img');

    // And back.
    await desk.act(agent, 'Claim');
    await agent.read('Yours');
    await agent.choose(['button', 'Attach files'], [put('退款单.txt', '退款 42 元'), files[0]]);
    await agent.until(() => findAll({ css: '.upload' }).length === 2 && findAll({ css: '.upload progress' }).length === 0);
    await desk.reply(agent, 'for you');
    await customer.read('for you');
    await customer.until(() => findAll({ css: '.other .picture img' }).some((image) => image.naturalWidth === 300));
    assert.equal(await customer.save(['.other button.file', '退款单.txt'], folder), '退款 42 元');

    await agent.choose(['button', 'Attach files'], [put('film.bin', Buffer.alloc(10 * 1024 ** 2 + 1))]);
    await agent.read('film.bin is larger than 10 MB.');
    assert.deepEqual([...customer.dialogs, ...agent.dialogs], []);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
};
