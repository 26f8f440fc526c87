'use strict';
const assert = require('assert');
const net = require('net');

const SECONDS = 12;
const CUSTOMERS = 3; // each in two tabs, which share a cursor: what one has acknowledged the other has to ask for

/** A TCP proxy that cuts connections at random, and lets others fall silent without a word. */
async function flakyProxy(target) {
  const pairs = new Set();
  const counts = { cut: 0, silenced: 0 };
  const server = net.createServer((client) => {
    const upstream = net.connect(target.port, target.hostname);
    const pair = { client, upstream, isSilent: false };
    pairs.add(pair);
    client.on('data', (bytes) => pair.isSilent || upstream.write(bytes));
    upstream.on('data', (bytes) => pair.isSilent || client.write(bytes));
    for (const socket of [client, upstream]) {
      socket.on('error', () => {}).on('close', () => {
        client.destroy();
        upstream.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const cut = (pair) => pair.client.destroy();
  const timer = setInterval(() => {
    for (const pair of pairs) {
      const chance = Math.random();
      if (chance < 0.03) { cut(pair); counts.cut += 1; } else if (chance < 0.04) { pair.isSilent = true; counts.silenced += 1; }
    }
  }, 100);
  const calm = () => clearInterval(timer);
  return { port: server.address().port, counts, calm, close: () => { calm(); server.close(); pairs.forEach(cut); } };
}

/** In the page: customers' tabs and an agent write for a while, and go on until their outboxes are empty. */
async function write({ url, customers, agentToken, seconds }) {
  const { ChatClient } = await import('/web/chat-client.js');
  const join = (token) => {
    const client = new ChatClient({ url, token: async () => token });
    const told = []; // [conversationId, seq, id, content] of each `message`
    client.addEventListener('message', ({ detail: { conversationId, seq, id, content } }) => {
      client.conversationId = conversationId;
      told.push([conversationId, seq, id, content]);
    });
    client.start();
    return { client, told, said: [] };
  };
  const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  const agent = join(agentToken);
  const tabs = customers.flatMap((token) => [join(token), join(token)]);
  for (const end = Date.now() + 1000 * seconds; Date.now() < end; await pause(20)) {
    const number = Math.floor(Math.random() * tabs.length);
    const { client, said } = tabs[number];
    const { conversationId } = client;
    said.push(`tab ${number}, question ${said.length}`);
    client.send({ content: said.at(-1), conversationId: Math.random() < 0.5 ? conversationId : undefined });
    if (conversationId && Math.random() < 0.2) {
      agent.said.push(`answer ${agent.said.length} to ${conversationId}`);
      agent.client.send({ content: agent.said.at(-1), conversationId });
    }
  }
  while ([agent, ...tabs].some(({ client }) => client.items.length)) {
    for (const { client } of [agent, ...tabs]) client.check();
    await pause(200);
  }
  const count = () => [agent, ...tabs].reduce((sum, { told }) => sum + told.length, 0);
  for (let before = -1; before !== count(); await pause(3000)) before = count(); // what is still on its way to readers
  return [agent, ...tabs].map(({ client, told, said }) => ({ conversationId: client.conversationId, told, said }));
}

exports.name = 'Clients whose connections are cut and fall silent at random lose nothing and are told nothing twice';
exports.run = async ({ system, open }) => {
  const ann = await system.agent('Ann Lee');
  const customers = await Promise.all(Array.from({ length: CUSTOMERS }, () => system.customer(`Cut ${ann.id.slice(0, 6)}`)));
  const proxy = await flakyProxy(new URL(system.base));
  try {
    const page = await open('/');
    // Through a proxy, which is another host to the page's policy.
    await page.send('Page.setBypassCSP', { enabled: true });
    await page.reload();
    page.expectProblem(/WebSocket/);
    setTimeout(proxy.calm, 1000 * SECONDS);
    const url = `ws://127.0.0.1:${proxy.port}/ws/chat`;
    const tokens = customers.map(({ token }) => token);
    const [agent, ...tabs] = await page.call(write, { url, customers: tokens, agentToken: ann.token, seconds: SECONDS });
    assert(proxy.counts.cut > 5 && proxy.counts.silenced > 1, `${JSON.stringify(proxy.counts)} is not much`);
    for (const { conversationId, said, told } of tabs) {
      const stored = [];
      for (let more = true; more;) {
        const target = `/conversations/${conversationId}/messages?after=${stored.length}&limit=200`;
        const page = await system.rest('GET', target, { token: ann.token });
        stored.push(...page.messages);
        more = page.hasMore;
      }
      const texts = stored.map(({ content }) => content);
      const tab = /^tab \d+,/.exec(said[0])[0];
      assert.deepEqual(texts.filter((text) => text.startsWith(tab)), said);
      const answers = agent.said.filter((text) => text.endsWith(conversationId));
      assert.deepEqual(texts.filter((text) => text.startsWith('answer')), answers);
      const expected = stored.map(({ seq, id, content }) => [conversationId, seq, id, content]);
      const toldAgent = agent.told.filter(([conversation]) => conversation === conversationId);
      for (const list of [told, toldAgent]) list.sort((a, b) => a[1] - b[1]);
      assert.deepEqual(toldAgent, expected);
      // A tab that first saw the conversation when the other one had acknowledged some of it would ask for its history.
      assert.deepEqual(told, expected.slice(told[0][1] - 1));
    }
  } finally {
    proxy.close();
  }
};
