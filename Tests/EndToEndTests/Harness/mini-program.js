// As much of WeChat's mini program runtime as the guide's sample uses: https://developers.weixin.qq.com/miniprogram/en/dev/api/
//
// `Page` makes the page and calls `onLoad`; the sample leaves `addMessage` to the page, so that it is here. `wx.request`
// answers by a promise, as the sample awaits it.
const { WebSocket } = require('ws');

globalThis.wx = {
  async request({ url, method, data }) {
    const response = await fetch(url, {
      method,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(data),
    });
    return { statusCode: response.status, data: await response.json() };
  },
  getStorageSync: (key) => (key === 'openid' ? process.env.OPENID : ''),
  connectSocket({ url }) {
    const socket = new WebSocket(url);
    socket.on('open', () => console.log('socket open'));
    return {
      onMessage: (callback) => socket.on('message', (data) => callback({ data: data.toString() })),
      send: ({ data }) => socket.send(data),
      close: () => socket.close(),
    };
  },
};

globalThis.Page = (options) => {
  globalThis.page = Object.assign(Object.create(options), {
    data: { ...options.data },
    setData(changes) {
      Object.assign(this.data, changes);
    },
    addMessage(content, sender) {
      this.setData({ messages: [...this.data.messages, { content, sender }] });
      console.log(`${sender}: ${content}`);
    },
  });
  page.onLoad();
};
