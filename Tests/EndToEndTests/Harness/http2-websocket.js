// A WebSocket over HTTP/2 (RFC 8441), as browsers open them where they have such a connection already.
//
//   node http2-websocket.js ORIGIN CERTIFICATE TOKEN… : for each token, on one connection, prints the status, and what comes first
//   on the WebSocket or, where there is none, in the body. Sends the text of standard input on each.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http2 = require('http2');

const [, , origin, certificate, ...tokens] = process.argv;
const text = fs.readFileSync(0);
const session = http2.connect(origin, { ca: fs.readFileSync(certificate) });
session.once('error', (error) => { console.log(`error: ${error.message}`); process.exit(1); });

function frame(payload) { // RFC 6455 §5.2: a short masked text
  const mask = crypto.randomBytes(4);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, payload.map((byte, at) => byte ^ mask[at % 4])]);
}

session.once('remoteSettings', async ({ enableConnectProtocol }) => {
  console.log(`extended CONNECT: ${enableConnectProtocol}`);
  for (const token of tokens) {
    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': `/ws/chat?token=${token}`, 'sec-websocket-version': '13',
      'sec-websocket-protocol': 'chat.v2',
    });
    await new Promise((resolve) => {
      let received = Buffer.alloc(0);
      stream.on('response', (headers) => {
        console.log(`status: ${headers[':status']}`);
        if (headers[':status'] === 200) stream.write(frame(text));
      });
      stream.on('data', (data) => {
        received = Buffer.concat([received, data]);
        if (/"type":"ack"|"success":false/.test(received)) resolve();
      });
      stream.on('error', (error) => { console.log(`error: ${error.message}`); resolve(); });
      stream.on('close', resolve);
    });
    stream.close();
  }
  session.close();
  process.exit(0);
});
