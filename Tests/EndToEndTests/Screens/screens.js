// The two screens as stories use them: what is clicked, and where what was said stands. In English; `open` sets the language.
'use strict';

/** The customer's widget, on the page where it is open. */
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

  /** The texts in the conversation, in order: `{text, isOwn}`. */
  messages: (page) => page.call(() => findAll({ css: '.list .row .text' })
    .map((text) => ({ text: visibleText(text), isOwn: text.closest('.row').matches('.own') }))),

  /** The texts alone. */
  async texts(page) { return (await widget.messages(page)).map(({ text }) => text); },

  /** Waits until all own messages are stored: none is on its way or has failed. */
  settled: (page) => page.until(() => findAll({ css: '.row.own' }).length > 0
    && findAll({ css: '.row.own .icon.sending, .row.own .icon.failed' }).length === 0),
};

module.exports = { widget };
