'use strict';
const assert = require('assert');
const { inspect } = require('../accessibility');

const bad = `<!doctype html><html><head><meta name="viewport" content="width=device-width, user-scalable=no"></head><body>
<h1>Well</h1><h3>Skipped</h3>
<p style="color:#aaa">pale</p><p style="background:#333;color:#777">dull</p><p style="opacity:.5;color:#555">half</p>
<p style="background-image:linear-gradient(rgb(0, 0, 0), rgb(255, 255, 255));color:#000">shaded</p>
<button></button><a href="#x"></a><input placeholder="Name"><img src="data:,"><span role="buton">odd</span>
<span aria-labelledby="nowhere">x</span><i id="twice"></i><i id="twice"></i>
<div style="cursor:pointer">Open</div><button style="width:12px;height:12px;padding:0">i</button>
<button tabindex="3">first</button><div aria-hidden="true"><button>hidden</button></div>
<button id="blind" style="outline:none">no ring</button>
<div style="display:flex;flex-direction:row-reverse"><button>one</button><button>two</button></div>
<input aria-label="pale edge" style="border:1px solid #ddd"><textarea aria-label="trap" id="trap"></textarea><button>behind the trap</button>
<script>document.getElementById('trap').onkeydown = (event) => { if (event.key === 'Tab') event.preventDefault(); };</script>
<x-shadow></x-shadow><script>document.querySelector('x-shadow').attachShadow({ mode: 'open' }).innerHTML =
  '<p style="color:#bbb">in the shadow</p><input>';</script></body></html>`;

const good = `<!doctype html><html lang="en"><head><title>Good</title></head><body>
<h1>Well</h1><h2>In order</h2><p style="color:#555">readable</p><div role="status"></div>
<p style="color:#fff;background:#222">light on dark</p><h2 style="color:#888">large may be paler</h2>
<label>Name <input style="min-height:24px"></label><button style="min-height:24px;min-width:24px">Send</button><img alt="" src="data:,">
<button style="min-height:24px" disabled>later</button><a href="#x">a link</a></body></html>`;

exports.name = 'The accessibility check finds what is wrong with a bad page, and nothing wrong with a good one';
exports.run = async ({ open }) => {
  const page = await open(`data:text/html,${encodeURIComponent(bad)}`);
  const found = await inspect(page);
  for (const rule of ['no page language', 'no page title', 'zoom is forbidden', 'no live region', 'heading level skipped',
    /low contrast: .*pale/, /low contrast: .*dull/, /low contrast: .*half/, /low contrast: .*shaded/, /low contrast: .*in the shadow/,
    'no name: button', 'no name: link', 'no name: textbox', 'field without label', 'image without alt', 'unknown role',
    'reference to nothing', 'id twice', 'looks clickable', 'smaller than 24', 'positive tabindex', /visible edge: .*pale edge/, 'focusable, but hidden',
    /focus cannot be seen: .*no ring/, /focus goes back: .*one.*two/, /Tab does not reach: .*behind the trap/]) {
    assert(found.some((line) => (rule instanceof RegExp ? rule.test(line) : line.startsWith(rule))), `${rule} is not in\n${found.join('\n')}`);
  }
  assert.deepEqual(await inspect(await open(`data:text/html,${encodeURIComponent(good)}`)), []);
};
