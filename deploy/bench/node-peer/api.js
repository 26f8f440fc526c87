// The token API as one would write it with Express and redis. Prints its port.
//
// Environment: REDIS_SOCKET.
'use strict';
const { randomUUID } = require('crypto');
const express = require('express');
const { createClient, defineScript } = require('redis');

const lifetime = 24 * 3600; // seconds
const channels = new Set('WEB WECHAT WHATSAPP LINE TELEGRAM FACEBOOK EMAIL SMS PHONE APP'.split(' '));

// Finds or makes the customer of an identity, and keeps a token for it, as one step.
const issue = defineScript({
  SCRIPT: `
    local id = redis.call('GET', KEYS[1])
    if not id then
        id = ARGV[1]
        redis.call('SET', KEYS[1], id)
        redis.call('HSET', 'customer:' .. id, 'name', ARGV[2], 'channel', ARGV[3], 'createdAt', ARGV[6])
        redis.call('ZADD', 'customers', ARGV[6], id)
    end
    redis.call('HSET', 'token:' .. ARGV[4], 'kind', 'c', 'id', id, 'channel', ARGV[3])
    redis.call('EXPIRE', 'token:' .. ARGV[4], ARGV[5])
    return {id, redis.call('HGET', 'customer:' .. id, 'name')}`,
  NUMBER_OF_KEYS: 1,
  transformArguments: (...words) => words.map(String),
});
const redis = createClient({ socket: { path: process.env.REDIS_SOCKET }, scripts: { issue } });

const app = express();
app.use(express.json());
app.post('/api/v1/public/customer-token', async (request, response, next) => {
  const { name, channel, channelId } = request.body;
  if (typeof name !== 'string' || !name || !channels.has(channel) || typeof channelId !== 'string' || !channelId) {
    return response.status(422).json({ success: false, error: { code: 'invalid_value' } });
  }
  const token = `cust_${randomUUID()}`;
  try {
    const [customerId, stored] =
      await redis.issue(`identity:${channel}:${channelId}`, randomUUID(), name, channel, token, lifetime, Date.now());
    response.json({ success: true, data: { customerId, token, name: stored, channel } });
  } catch (error) {
    next(error);
  }
});

(async () => {
  await redis.connect();
  const server = app.listen(0, '127.0.0.1', 4096, () => console.log(server.address().port));
})();
