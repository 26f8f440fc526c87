// Gives Node 20 the browser's global WebSocket, and remembers each that is made.
const { WebSocket } = require('ws');

globalThis.sockets = [];
globalThis.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args);
    sockets.push(this);
  }
};
