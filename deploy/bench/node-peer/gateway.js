// A gateway as one would write it with ws and redis: the yardstick that every reader can reproduce.
//
// The same work as ours in the guide dialect, for one connection of each customer and agent: the token is looked up in
// Redis, the route is kept there, a message is stored (XADD) and published in one script, the gateway that holds the
// recipient writes it to the socket. What it leaves out: acknowledgements, cursors, more than one connection, recovery.
//
// Environment: REDIS_SOCKET, GATEWAY (its name). Prints its port.
'use strict';
const { randomUUID } = require('crypto');
const { readFileSync } = require('fs');
const http = require('http');
const path = require('path');
const { createClient, defineScript } = require('redis');
const { WebSocketServer } = require('ws');

const append = defineScript({
  SCRIPT: readFileSync(path.join(__dirname, 'append.lua'), 'utf8'),
  NUMBER_OF_KEYS: 1,
  transformArguments: (conversation, ...words) => [conversation, ...words],
});
const socket = { path: process.env.REDIS_SOCKET };
const redis = createClient({ socket, scripts: { append } });
const subscriber = createClient({ socket });
const gateway = process.env.GATEWAY;
const connections = new Map(); // by customer or agent id

async function authenticate(request) {
  const token = new URL(request.url, 'http://localhost').searchParams.get('token');
  const found = token && (await redis.hmGet(`token:${token}`, ['kind', 'id', 'channel']));
  return found && found[0] ? { kind: found[0], id: found[1], channel: found[2] } : null;
}

async function receive(client, data) {
  let message;
  try {
    message = JSON.parse(data);
  } catch {
    return refuse(client, 'malformed_json');
  }
  const { conversationId, content, metadata } = message;
  if (typeof conversationId !== 'string' || typeof content !== 'string' || !content) return refuse(client, 'malformed');
  const timestamp = new Date().toISOString();
  const stored = JSON.stringify({
    channel: client.channel, conversationId, senderId: client.id, content, timestamp, id: randomUUID(), metadata,
  });
  try {
    if (!(await redis.append(conversationId, client.id, client.kind, stored))) refuse(client, 'forbidden');
  } catch {
    refuse(client, 'store_unavailable');
  }
}

function refuse(client, code) {
  client.socket.send(JSON.stringify({ senderId: 'system', content: code, error: { code } }));
}

const server = http.createServer((request, response) => response.end());
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
server.on('upgrade', async (request, stream, head) => {
  const client = await authenticate(request).catch(() => null);
  if (!client) return stream.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
  sockets.handleUpgrade(request, stream, head, async (socket) => {
    client.socket = socket;
    connections.set(client.id, client);
    socket.on('message', (data) => receive(client, data));
    socket.on('pong', () => { client.isAlive = true; });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (connections.get(client.id) !== client) return;
      connections.delete(client.id);
      redis.hDel('routes', client.id).catch(() => {});
    });
    client.isAlive = true;
    await redis.hSet('routes', client.id, gateway);
  });
});

setInterval(() => {
  for (const client of connections.values()) {
    if (!client.isAlive) client.socket.terminate();
    client.isAlive = false;
    client.socket.ping();
  }
}, 25000);

(async () => {
  await redis.connect();
  await subscriber.connect();
  await subscriber.subscribe(`to:${gateway}`, (text) => {
    const { recipient, seq, message } = JSON.parse(text);
    const client = connections.get(recipient);
    if (client) client.socket.send(JSON.stringify({ ...message, seq }));
  });
  server.listen(0, '127.0.0.1', 4096, () => console.log(server.address().port));
})();
