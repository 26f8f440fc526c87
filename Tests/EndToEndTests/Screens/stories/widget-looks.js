'use strict';
const assert = require('assert');
const { inspect } = require('../accessibility');

const words = {
  en: {
    open: 'Open the chat', name: 'What may we call you?', start: 'Start chat', empty: 'You may close this page', message: 'Message',
    said: ['Hello, my parcel has not come. Can you find out where it is?'],
    answers: ['Hi! Let me look.', 'It left the depot this morning: https://example.com/parcels/4711. It should be with you by noon.'],
  },
  zh: {
    open: '打开聊天', name: '请问怎么称呼您？', start: '开始聊天', empty: '您可以随时关闭页面', message: '消息',
    said: ['你好，我的包裹还没到，能帮我查一下吗？'],
    answers: ['您好，我来帮您查。', '包裹今天早上已从仓库发出：https://example.com/parcels/4711，预计中午送达。'],
  },
};

exports.name = 'The widget reads well and is accessible: in English and Chinese, light and dark, on a desk and on a small phone';
exports.run = async ({ system, open, shot }) => {
  const looks = [
    ['en', 'light', 1280, 800], ['zh', 'dark', 1280, 800], ['zh', 'light', 320, 640], ['en', 'dark', 375, 720],
  ];
  for (const [language, theme, width, height] of looks) {
    const text = words[language];
    const { id, token } = await system.agent(language === 'zh' ? '王晓明' : 'Ann Lee');
    const agent = await system.connect(token);
    const page = await open('/', { width, height, dark: theme === 'dark', language: language === 'zh' ? 'zh-CN' : 'en-US' });
    const look = async (part) => {
      await shot(page, `widget-${language}-${theme}-${width}-${part}`);
      const found = await inspect(page);
      assert(!found.length, `${part}, ${language}, ${theme}, ${width}:\n${found.join('\n')}`);
      assert(await page.call(() => document.documentElement.scrollWidth <= innerWidth), `${part} is wider than ${width}`);
    };
    await look('closed');
    await page.click(['button', text.open]);
    await page.see(['input', text.name]);
    await look('name');
    await page.fill(['input', text.name], language === 'zh' ? '张三' : 'Maximiliana Featherstonehaugh-Konstantinopoulos');
    await page.click(['button', text.start]);
    await page.read(text.empty);
    await look('empty');
    let conversationId;
    for (const said of [...text.said, `#${id.slice(0, 8)}`]) {
      await page.fill(['textarea', text.message], said);
      await page.press('Control+Enter');
      ({ conversationId } = await agent.next((frame) => frame.type === 'message' && frame.content === said));
    }
    for (const answer of text.answers) await agent.say(answer, { conversationId });
    agent.send({ type: 'read', conversationId, seq: 5 });
    agent.send({ type: 'typing', conversationId, isTyping: true });
    await page.see('.row.own[data-status=read]');
    await page.see('.typing');
    await look('talk');
    await page.press('Escape');
  }
};
