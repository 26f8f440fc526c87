// A client of the full dialect (`chat.v2`): one connection at a time, an outbox, positions, and a way back after any
// loss. It keeps the "Rules for a client of the full dialect" of /api/v1/asyncapi.yaml; "rule N" below is one of those.
// It knows nothing of pages: the widget and the console build on it, and it runs in Node with a WebSocket handed in.
//
//   const client = new ChatClient({url, token, outbox?, WebSocket?})
//     url      `wss://host/ws/chat`
//     token    async ({renew, previous}) => TOKEN. `renew`: the one it gave before (`previous`) has ended or soon will.
//              It throws when it has none now (asked again later); null means there will be none: state `ended`.
//     outbox   where messages wait, see chat-outbox.js; by default in memory only
//   client.start()  stop()                     stop keeps outbox and positions; start goes on, also after `ended`
//   client.send({conversationId?, content, metadata?})  → its item; RangeError if it is too long to send
//   client.retry(clientMessageId)  discard(clientMessageId)   of an item that has `failed`
//   client.settle(clientMessageId)                           it is stored: its message was read by REST
//   client.typing(conversationId, isTyping)    as often as keys are pressed; it sends few
//   client.read(conversationId, seq)           a person has seen everything up to there
//   client.history(conversationId, {before?, after?, limit?})  → promise of {messages, hasMore, generation}; waits for
//                                              a connection; rejects with an Error that has the `code` of the refusal
//   client.check()                             is the connection alive? For `online` and a page that is shown again;
//                                              while waiting: try again now
//   client.state  `stopped` `connecting` `open` `waiting` (to try again, at `retryAt`, ms) `ended` (for good, `reason`)
//   client.principal, client.items             who the token stands for; what the outbox holds, oldest first
//
// Events (CustomEvent, `detail` is the frame unless said otherwise); each frame of the server's but `ack` is one:
//   state        {state, reason, retryAt}    `reason`: a close code, `unauthenticated`, `token`, `silent`, `gap`, …
//   outbox       nothing; `items` changed
//   message      each once, in the order of arrival, which need not be that of `seq`; own ones at their `ack` (`own`)
//   reset        forget the conversation's messages with `seq` >= `from`
//   typing       `isTyping: false` comes by itself when the other side falls silent
//   welcome receipt presence assignment note error going_away …

import { Sender } from './chat-sender.js';
import { memoryOutbox } from './chat-outbox.js';
import { Typing } from './chat-typing.js';

const WELCOME_TIMEOUT = 15000; // the server gives a handshake 10 s
const CHECK_TIMEOUT = 5000;
const FINAL = new Set([4003, 4004, 4012]);

export class ChatClient extends EventTarget {
  state = 'stopped';
  reason = null;
  retryAt = null;
  principal = null;
  #options;
  #sender;
  #socket = null;
  #token = null;
  #mustRenew = false;
  #renewedLate = false;
  #attempts = 0; // since the last welcome
  #connecting = 0; // the number of the attempt that counts; an older one that awaits its token is void
  #heard = 0; // when the last frame came; pings can't be seen from here
  #heartbeat = 25000;
  #timers = new Map(); // of this connection, by name
  #positions = new Map(); // conversationId → {generation, seq, ahead: Map of seq → {id, generation} past a gap, toAck}
  #history = new Map(); // conversationId → requests; the first is under way
  #reads = new Map(); // conversationId → seq
  #typing = new Typing((frame) => this.#emit('typing', frame));

  constructor(options) {
    super();
    this.#options = { WebSocket: globalThis.WebSocket, ...options };
    this.#sender = new Sender({
      outbox: options.outbox ?? memoryOutbox(),
      write: (frame) => this.#write(frame),
      changed: () => this.#emit('outbox'),
      unanswered: () => this.#wait('silent'),
    });
  }

  // MARK: What a page asks for

  start() {
    if (this.state !== 'stopped' && this.state !== 'ended') return;
    this.#attempts = 0;
    this.#connect();
  }

  stop() {
    this.#drop();
    this.#enter('stopped');
  }

  get items() { return this.#sender.items; }

  send(message) {
    this.#typing.said(message.conversationId);
    return this.#sender.send(message);
  }

  retry(clientMessageId) { this.#sender.retry(clientMessageId); }

  discard(clientMessageId) { this.#sender.discard(clientMessageId); }

  settle(clientMessageId) { this.#sender.settle(clientMessageId); }

  typing(conversationId, isTyping = true) {
    if (this.#typing.isNews(conversationId, isTyping)) this.#write({ type: 'typing', conversationId, isTyping });
  }

  read(conversationId, seq) {
    if (seq <= (this.#reads.get(conversationId) ?? 0)) return;
    this.#reads.set(conversationId, seq);
    if (this.state === 'open') this.#write({ type: 'read', conversationId, seq });
  }

  history(conversationId, options = {}) {
    return new Promise((resolve, reject) => {
      const requests = this.#history.get(conversationId) ?? [];
      this.#history.set(conversationId, requests);
      // Answers bear no number, so one at a time.
      if (requests.push({ options, resolve, reject }) === 1) this.#askHistory(conversationId);
    });
  }

  check() {
    if (this.state === 'waiting') {
      this.#attempts = 0;
      return this.#wait(this.reason);
    }
    if (this.state !== 'open' || this.#timers.has('check')) return;
    // There is no such type and the server says so. Any answer will do, and this one costs it nothing.
    this.#write({ type: 'ping' });
    this.#after('check', CHECK_TIMEOUT, () => this.#wait('silent'));
  }

  // MARK: Connecting

  async #connect() {
    this.#drop();
    const attempt = ++this.#connecting;
    this.#enter('connecting');
    let socket;
    try {
      if (!this.#token || this.#mustRenew) {
        const token = await this.#options.token({ renew: this.#mustRenew, previous: this.#token });
        if (this.#connecting !== attempt) return;
        if (!token) return this.#end('unauthenticated');
        this.#token = token;
        this.#mustRenew = false;
      }
      socket = new this.#options.WebSocket(this.#options.url, ['chat.v2', 'token.' + this.#token]);
    } catch {
      if (this.#connecting === attempt) this.#wait('token');
      return;
    }
    this.#socket = socket;
    let opened = false;
    socket.onopen = () => (opened = true);
    socket.onmessage = ({ data }) => this.#socket === socket && this.#receive(data);
    socket.onclose = ({ code }) => {
      if (this.#socket !== socket) return;
      if (FINAL.has(code)) return this.#end(code);
      // A page can't see why a handshake was refused: it may have been the token.
      if (!opened || code === 4005 || code === 4001) this.#mustRenew = true;
      if (code === 1009) this.#sender.tooLarge();
      this.#wait(code);
    };
    this.#after('welcome', WELCOME_TIMEOUT, () => this.#wait('silent'));
  }

  /** Lets go of the socket without waiting for it: the closing handshake of a dead one takes its time. */
  #drop() {
    this.#connecting += 1;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#sender.close();
    this.#typing.clear();
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {};
    socket.close(1000);
  }

  /** Rule 7, unless the server said how long. */
  #wait(reason, ms = Math.random() * Math.min(30000, 500 * 2 ** this.#attempts)) {
    this.#attempts += 1;
    this.#drop();
    this.#enter('waiting', reason, Date.now() + ms);
    this.#after('return', ms, () => this.#connect());
  }

  #end(reason) {
    this.#drop();
    this.#mustRenew = true; // for when a person asks to start again
    this.#enter('ended', reason);
  }

  #enter(state, reason = null, retryAt = null) {
    Object.assign(this, { state, reason, retryAt });
    this.#emit('state', { state, reason, retryAt });
  }

  /** A page can't see pings: after two of them without any frame it asks. */
  #watch() {
    if (Date.now() - this.#heard > 2.5 * this.#heartbeat) this.check();
    this.#after('watch', this.#heartbeat / 2, () => this.#watch());
  }

  #renewBefore(expiresAt) {
    const left = Date.parse(expiresAt) - Date.now();
    const isLate = !(left > 30e3);
    // Late again with a new token: then it is this machine's clock that is wrong, and 4005 will tell.
    if (isLate && this.#renewedLate) return;
    this.#renewedLate = isLate;
    const before = Math.min(left / 10, 300e3) * (0.5 + Math.random());
    this.#after('renew', isLate ? 1000 : Math.min(left - before, 2 ** 31 - 1), () => this.#renew());
  }

  /** The connection stays until there is another token, or until 4005 if there is none. */
  async #renew() {
    const socket = this.#socket;
    const token = await this.#options.token({ renew: true, previous: this.#token }).catch(() => null);
    if (this.#socket !== socket) return;
    if (!token) return this.#after('renew', 30000, () => this.#renew());
    this.#token = token;
    this.#connect();
  }

  // MARK: Frames

  #write(frame) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  #receive(data) {
    const frame = JSON.parse(data);
    this.#heard = Date.now();
    this.#cancel('check');
    const { type, conversationId } = frame;
    if (type === 'welcome') return this.#welcome(frame);
    if (type === 'message') return this.#message(frame);
    if (type === 'ack') return this.#stored(frame);
    if (type === 'history') return this.#page(frame);
    if (type === 'error') return this.#refused(frame);
    if (type === 'reset') return this.#reset(frame);
    if (type === 'typing') return this.#typing.heard(frame);
    // What others answer is not delivered; should it come back, it begins with what this agent then has to be shown.
    const isOthers = type === 'assignment' && frame.assigneeId && frame.assigneeId !== this.principal.id;
    if (isOthers && this.principal.type === 'agent') this.#positions.delete(conversationId);
    this.#emit(type, frame);
    // The close frame may be late or never come.
    if (type === 'going_away') this.#wait('going_away', frame.retryAfterMs);
  }

  #welcome(frame) {
    this.#cancel('welcome');
    this.#attempts = 0;
    this.principal = frame.principal;
    this.#heartbeat = frame.heartbeatSeconds * 1000 || this.#heartbeat;
    this.#renewBefore(frame.expiresAt);
    this.#watch();
    const told = new Map(frame.conversations.map((c) => [c.conversationId, c]));
    for (const [conversationId, held] of this.#positions) { // rule 4
      const { generation, seq } = told.get(conversationId) ?? {};
      if (generation === held.generation && seq === held.seq) continue;
      this.#write({ type: 'resume', conversationId, generation: held.generation, seq: held.seq });
    }
    for (const { conversationId, generation, cursor, unread } of frame.conversations) {
      if (!this.#positions.has(conversationId)) {
        this.#positions.set(conversationId, { generation, seq: cursor, ahead: new Map() });
      }
      const read = this.#reads.get(conversationId); // said while there was no connection, or lost with the last
      if (read && unread) this.#write({ type: 'read', conversationId, seq: read });
    }
    this.#enter('open');
    this.#emit('welcome', frame);
    for (const conversationId of this.#history.keys()) this.#askHistory(conversationId);
    this.#sender.open(frame.principal);
  }

  /** Takes note that a message is here (rule 3). Returns whether it was not before (rule 6). */
  #arrived({ conversationId, id, seq, generation }, isOwn) {
    let held = this.#positions.get(conversationId);
    if (!held) {
      // What has to be shown of a conversation that `welcome` did not name begins with what is delivered first; an own
      // message may overtake that.
      if (isOwn && seq > 1) return true;
      held = { generation, seq: seq - 1, ahead: new Map() };
      this.#positions.set(conversationId, held);
    }
    if (seq <= held.seq || held.ahead.get(seq)?.id === id) return false;
    // What is past the gap and of an earlier generation may be forgotten: its place is another message's then.
    for (const [at, kept] of held.ahead) if (kept.generation < generation) held.ahead.delete(at);
    held.ahead.set(seq, { id, generation });
    while (held.ahead.delete(held.seq + 1)) {
      held.seq += 1;
      held.generation = generation;
    }
    // A gap is what is on its way. If one grows all the same, dropping the connection and resuming fills it.
    if (held.ahead.size > 256) this.#wait('gap');
    return true;
  }

  #message(frame) {
    const own = frame.senderId === this.principal.id;
    if (own) this.#sender.settle(frame.clientMessageId);
    else this.#typing.ended(frame.conversationId);
    if (this.#arrived(frame, false)) this.#emit('message', { ...frame, own });
    // Every listener has it by now (rule 2). One `ack` for all that come together.
    this.#positions.get(frame.conversationId).toAck = true;
    if (!this.#timers.has('ack')) this.#after('ack', 50, () => this.#acknowledge());
  }

  #acknowledge() {
    for (const [conversationId, held] of this.#positions) {
      if (!held.toAck) continue;
      held.toAck = false;
      this.#write({ type: 'ack', conversationId, seq: held.seq, generation: held.generation });
    }
  }

  #stored(ack) {
    const item = this.#sender.settle(ack.clientMessageId);
    const held = this.#positions.get(ack.conversationId);
    const isNew = this.#arrived(ack, true);
    // Without an item, it was settled before by a message that bore its clientMessageId.
    if (!item) return;
    const { id: senderId, type, role } = this.principal;
    const { content, metadata } = item;
    const senderType = role === 'bot' ? 'bot' : type;
    const message = { ...ack, type: 'message', senderId, senderType, content, metadata, own: true };
    if (!isNew && ack.generation !== held.generation) (held.early ??= []).push(message);
    this.#emit('message', message);
  }

  /** Rule 5. An `ack` may overtake the `reset` that tells of its generation: what it names is not to be forgotten. */
  #reset(frame) {
    const { conversationId, generation, from } = frame;
    const early = this.#positions.get(conversationId)?.early ?? [];
    this.#positions.set(conversationId, { generation, seq: from - 1, ahead: new Map() });
    this.#reads.delete(conversationId);
    this.#emit('reset', frame);
    for (const message of early.filter((message) => message.generation === generation && message.seq >= from)) {
      this.#arrived(message, true);
      this.#emit('message', message);
    }
  }

  #refused(error) {
    const { requestType, conversationId, code } = error;
    if (requestType === 'message') this.#sender.refused(error);
    if (requestType === 'history') this.#historyRefused(error);
    // No longer this client's. Should it be again, it begins anew.
    if (requestType === 'resume' && code === 'not_found') this.#positions.delete(conversationId);
    if (code !== 'unknown_type') this.#emit('error', error); // which answers check()
  }

  // MARK: History

  #askHistory(conversationId) {
    const request = this.#history.get(conversationId)?.[0];
    if (request && this.state === 'open') this.#write({ ...request.options, type: 'history', conversationId });
  }

  #page(frame) {
    for (const message of frame.messages) {
      message.own = message.senderId === this.principal.id;
      if (message.own) this.#sender.settle(message.clientMessageId);
    }
    this.#answered(frame.conversationId)?.resolve(frame);
  }

  #historyRefused({ conversationId, code, message, retry }) {
    if (retry) return this.#after('history ' + conversationId, 2000, () => this.#askHistory(conversationId));
    this.#answered(conversationId)?.reject(Object.assign(new Error(message), { code }));
  }

  #answered(conversationId) {
    const requests = this.#history.get(conversationId);
    const request = requests?.shift();
    if (requests?.length) this.#askHistory(conversationId);
    else this.#history.delete(conversationId);
    return request;
  }

  // MARK: Events and timers

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #after(name, ms, action) {
    this.#cancel(name);
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      action();
    }, ms);
    this.#timers.set(name, timer);
  }

  #cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}
