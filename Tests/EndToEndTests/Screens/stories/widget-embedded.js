'use strict';
const assert = require('assert');
const http = require('http');
const { widget } = require('../screens');

const styles = `
  * { color: lime !important; font: 40px serif !important; margin: 33px !important; border-radius: 0 !important; float: left; }
  button, textarea, section, div { display: none !important; background: lime !important; visibility: hidden !important; }
  customer-chat, customer-chat * { transform: scale(2) !important; opacity: .1 !important; position: fixed !important; }`;

exports.name = 'The one line works on a page of another site, under its strict policy, whatever its styles are';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee');
  const agent = await system.connect(ann.token);
  const { origin, host } = new URL(system.base);
  const policy = `default-src 'none'; style-src 'self'; script-src ${origin}; connect-src ${origin} ws://${host}; `
    + "img-src blob: data:; require-trusted-types-for 'script'; trusted-types 'none'";
  const site = http.createServer((request, response) => {
    const isPage = request.url !== '/site.css';
    const type = isPage ? 'text/html; charset=utf-8' : 'text/css';
    const sandbox = request.url === '/sandboxed' ? '; sandbox allow-scripts allow-forms' : '';
    response.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': policy + sandbox });
    response.end(isPage ? `<!doctype html><html lang="zh-Hant"><head><title>Shop</title><link rel="icon" href="data:,">
      <link rel="stylesheet" href="site.css"></head><body><p>the shop</p><script src="${origin}/widget.js" data-title="Shop help"
      data-name="李娜" data-lang="en" data-color="#8a1c1c" data-side="left" data-visitor="account-${ann.id}"
      data-greeting="Ask the shop" defer></script></body></html>` : styles);
  });
  await new Promise((resolve) => { site.listen(0, '127.0.0.1', resolve); });
  try {
    const page = await open(`http://127.0.0.1:${site.address().port}/`);
    await page.click(['button', 'Open chat']);
    await page.read('Ask the shop');
    // The page gave the name, so nobody asks.
    const asked = `from another site, for ${ann.id}`;
    await widget.say(page, asked);
    const { conversationId } = await agent.next((frame) => frame.type === 'message' && frame.content === asked);
    await agent.say('welcome', { conversationId });
    await page.read('welcome');
    const { customerId } = await system.rest('GET', `/conversations/${conversationId}`, { token: ann.token });
    assert.equal((await system.rest('GET', `/customers/${customerId}`, { token: ann.token })).name, '李娜');

    const look = await page.call(() => {
      const style = (css) => getComputedStyle(findAll({ css })[0]);
      const box = findAll({ css: '.panel' })[0].getBoundingClientRect();
      return {
        launcher: style('.launcher').backgroundColor, text: style('.text').color, size: style('.text').fontSize,
        margin: style('.launcher').margin, site: getComputedStyle(document.querySelector('p')).color,
        left: box.left, width: box.width,
      };
    });
    assert.deepEqual(look, {
      launcher: 'rgb(138, 28, 28)', text: 'rgb(255, 255, 255)', size: '15px', margin: '0px', site: 'rgb(0, 255, 0)',
      left: 20, width: 384,
    });
    await shot(page, 'widget-embedded');
    // The site knows who it is: another device of theirs goes on with the same conversation.
    const other = await open(`http://127.0.0.1:${site.address().port}/`);
    await other.click(['button', 'Open chat']);
    await other.read('welcome');
    assert.deepEqual(await page.call(() => Object.keys(window).filter((name) => /chat/i.test(name))), ['CustomerChat']);
    // Where there is neither storage nor a lock between tabs.
    const sandboxed = await open(`http://127.0.0.1:${site.address().port}/sandboxed`);
    await sandboxed.click(['button', 'Open chat']);
    await sandboxed.read('welcome');
    await widget.say(sandboxed, 'from a sandbox');
    await page.read('from a sandbox');
    await page.call(() => CustomerChat.close());
    await page.gone('.panel');
  } finally {
    site.close();
    site.closeAllConnections();
  }
};
