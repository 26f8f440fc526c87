// The two screens as stories use them: what is clicked, and where what was said stands. In English.
'use strict';
const assert = require('assert');
const { pause, PATIENCE } = require('./browser');

/** The customer's widget. */
const widget = {
  /** A newcomer opens the chat and says who they are. */
  async start(page, name) {
    await page.click(['button', /^Open chat/]);
    await page.fill(['input', 'What may we call you?'], name);
    await page.click(['button', 'Start chat']);
    await page.see(['textarea', 'Message']);
  },

  async say(page, text) {
    await page.fill(['textarea', 'Message'], text);
    await page.click(['button', 'Send']);
  },

  /** The texts in the conversation, in order; with `.own` or `.other` those of the customer or the agents. */
  texts: (page, whose = '') => page.texts(`.list .row${whose} .text`),

  /** The same as `{text, isOwn}`. */
  messages: (page) => page.call(() => findAll({ css: '.list .row .text' })
    .map((text) => ({ text: visibleText(text), isOwn: text.closest('.row').matches('.own') }))),

  /** Waits until all own messages are stored: none is on its way or has failed. */
  settled: (page) => page.until(() => findAll({ css: '.row.own' }).length > 0
    && findAll({ css: '.row.own:is([data-status="sending"], [data-status="failed"])' }).length === 0),
};

/** The agents' console. */
const desk = {
  async signIn(page, agent) {
    await page.fill(['input', 'Login'], agent.login);
    await page.fill(['input', 'Password'], agent.password);
    await page.click(['button', 'Log in']);
    await page.see(['[role="tab"]', /^Waiting/]);
  },

  /** Opens a conversation of one of the lists: `Mine`, `Waiting`, `All`. */
  async take(page, list, name) {
    await page.click(['[role="tab"]', new RegExp(`^${list}`)]);
    // Who has waited longest is first, and only what is on the screen is in the page: among many one searches.
    for (let tries = 0; tries < 20 && !(await page.count(['[role="option"]', name])); tries += 1) await pause(100);
    const isFar = !(await page.count(['[role="option"]', name]));
    if (isFar) await page.fill(['input', 'Search by name or id'], name);
    // Again if the row moved away under the click, as when others claim what is above it.
    const isOpen = () => page.count(['h2', name]);
    for (const end = Date.now() + PATIENCE; !(await isOpen()) && Date.now() < end;) {
      await page.click(['[role="option"]', name]);
      for (let tries = 0; tries < 30 && !(await isOpen()); tries += 1) await pause(100);
    }
    await page.see(['h2', name]);
    // The search goes with Escape, and the next one leaves the field. On a phone it is not beside the conversation.
    if (!isFar || !(await page.count(['input', 'Search by name or id']))) return;
    await page.click(['input', 'Search by name or id']);
    await page.press('Escape');
    await page.press('Escape');
  },

  act: (page, action) => page.click(['button', new RegExp(`^${action}`)]),

  async reply(page, text) {
    await page.fill(['textarea', /^Write a reply/], text);
    await page.click(['button', 'Send']);
  },

  /** The texts in the open conversation, in order; with `.ours` or `.theirs` those of agents or the customer. */
  texts: (page, whose = '') => page.texts(`.messages .message${whose} .bubble`),

  settled: (page) => page.until(() => findAll({ css: '.message.ours' }).length > 0 && findAll({ css: '.message.pending' }).length === 0),
};

/** Waits until both screens show these texts, in this order, each once. */
async function showSame(customer, agent, texts) {
  const isShown = async () => {
    const [one, other] = [await widget.texts(customer), await desk.texts(agent)];
    return one.length >= texts.length && other.length >= texts.length;
  };
  const end = Date.now() + PATIENCE;
  while (!(await isShown()) && Date.now() < end) await pause(100);
  assert.deepEqual(await widget.texts(customer), texts);
  assert.deepEqual(await desk.texts(agent), texts);
}

module.exports = { widget, desk, showSame };
