// WebSockets that mean harm, by wss over HTTP/1.1 and over HTTP/2 (RFC 8441).
//
//   node hostile-websockets.js PORT CERTIFICATE TOKEN ORIGIN CONVERSATION : for both ways prints a line `WAY WHAT: OUTCOME` for each
//   attempt. ORIGIN is one that is allowed, CONVERSATION another customer's.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http2 = require('http2');
const tls = require('tls');

const [, , port, certificate, token, origin, conversation] = process.argv;
const ca = fs.readFileSync(certificate);
const offer = 'permessage-deflate; client_no_context_takeover; server_no_context_takeover; server_max_window_bits=8; '
  + 'client_max_window_bits, permessage-deflate; client_max_window_bits=15, x-webkit-deflate-frame';

// RFC 6455 §5.2; all payloads here are short.
function frame(first, payload, isMasked = true) {
  const mask = crypto.randomBytes(4);
  if (!isMasked) return Buffer.concat([Buffer.from([first, payload.length]), payload]);
  return Buffer.concat([Buffer.from([first, 0x80 | payload.length]), mask, payload.map((byte, at) => byte ^ mask[at % 4])]);
}

// A handshake: its status, the extensions that were chosen, and the stream of frames.
const ways = {
  wss: (from) => new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: 'localhost', servername: 'localhost', ca, ALPNProtocols: ['http/1.1'] }, () => socket.write(
      `GET /ws/chat HTTP/1.1\r\nHost: localhost:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: ${from}\r\n`
      + `Authorization: Bearer ${token}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`
      + `Sec-WebSocket-Protocol: chat.v2\r\nSec-WebSocket-Extensions: ${offer}\r\n\r\n`));
    let received = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('data', function read(data) {
      received = Buffer.concat([received, data]);
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return;
      socket.off('data', read);
      const head = received.subarray(0, end).toString();
      const extensions = /^sec-websocket-extensions: *(.*)$/im.exec(head)?.[1];
      const rest = received.subarray(end + 4);
      if (rest.length) socket.unshift(rest);
      resolve({ status: Number(head.split(' ')[1]), extensions, stream: socket });
    });
  }),
  http2: (from) => new Promise((resolve, reject) => {
    const session = http2.connect(`https://localhost:${port}`, { ca });
    session.on('error', reject);
    session.once('remoteSettings', () => {
      const stream = session.request({
        ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/ws/chat', 'sec-websocket-version': '13', origin: from,
        authorization: `Bearer ${token}`, 'sec-websocket-protocol': 'chat.v2', 'sec-websocket-extensions': offer,
      });
      stream.on('error', reject);
      stream.on('close', () => session.close());
      stream.on('response', (headers) =>
        resolve({ status: headers[':status'], extensions: headers['sec-websocket-extensions'], stream }));
    });
  }),
};

// The code of the server's close frame, or what the first text says that `wanted` fits.
function outcome(stream, wanted) {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    stream.on('error', () => resolve('an error'));
    stream.on('close', () => resolve('no close frame'));
    stream.on('data', (data) => {
      received = Buffer.concat([received, data]);
      while (received.length >= 2) {
        let [length, start] = [received[1], 2];
        if (length === 126) {
          if (received.length < 4) return;
          [length, start] = [received.readUInt16BE(2), 4];
        }
        if (received.length < start + length) return;
        const [kind, payload] = [received[0] & 15, received.subarray(start, start + length)];
        received = received.subarray(start + length);
        if (kind === 8) resolve(payload.readUInt16BE(0));
        if (kind === 1 && wanted) {
          const value = wanted(JSON.parse(payload));
          if (value) resolve(value);
        }
      }
    });
  });
}

(async () => {
  for (const [way, open] of Object.entries(ways)) {
    for (const from of ['https://evil.example', 'null', `${origin}.evil.example`, origin]) {
      const { status, extensions, stream } = await open(from);
      console.log(`${way} ${from}: ${status}, ${extensions || 'no extension'}`);
      stream.destroy();
    }
    const text = Buffer.from('{}');
    for (const [name, bytes] of [
      ['compressed', frame(0xC1, Buffer.from([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]))], ['RSV2', frame(0xA1, text)],
      ['unmasked', frame(0x81, text, false)], ['binary', frame(0x82, text)], ['no UTF-8', frame(0x81, Buffer.from([0x22, 0xFF]))],
      ['10 MiB', Buffer.from([0x81, 0xFF, 0, 0, 0, 0, 0, 0xA0, 0, 0, 1, 2, 3, 4])],
    ]) {
      const { stream } = await open(origin);
      stream.write(bytes);
      console.log(`${way} ${name}: ${await outcome(stream)}`);
      stream.destroy();
    }
    const { stream } = await open(origin);
    stream.write(frame(0x81, Buffer.from(JSON.stringify({ type: 'history', conversationId: conversation }))));
    console.log(`${way} another's: ${await outcome(stream, ({ type, code }) => type === 'error' && code)}`);
    stream.destroy();
  }
  process.exit(0);
})().catch((error) => { console.log(`error: ${error.message}`); process.exit(1); });
