// Who the customer is on this site, the connection, and the one conversation that the panel shows.
//
// A visitor gets an identity nobody can guess, kept on this device, or that of the site (data-visitor): whoever names it
// gets a token (access guide). The conversation shown is the one written in last. Fires `change` whenever anything below
// may be different, and `heard` with a message that somebody else has just written.

import { ChatClient } from './chat-client.js';
import { localOutbox } from './chat-outbox.js';
import { uuid } from './chat-sender.js';
import { plainName } from './chat-text.js';
import { Storage } from './widget-storage.js';

const PAGE = 30;
const KEPT = 150; // messages, when there are more than twice as many

export class Session extends EventTarget {
  client;
  conversation = null; // {conversationId, state, assigneeId, assigneeName, assigneeOnline, delivered, read, fence}
  hasOlder = false;
  olderFailed = false;
  isLoadingOlder = false;
  isTyping = false;
  unread = 0;
  #options;
  #storage;
  #messages = new Map(); // seq → message, of `conversation`
  #pending = new Map(); // clientMessageId → item of the outbox, until its message is here
  #names; // {agent's id: name}, also of those who answered earlier
  #upTo = 0; // messages up to this seq are counted in `welcome.unread`
  #readUpTo = 0;

  constructor(options) {
    super();
    this.#options = options;
    this.#storage = new Storage(options.prefix);
    this.#names = this.#storage.get('names') ?? {};
    const url = new URL('ws/chat', options.base);
    url.protocol = url.protocol.replace('http', 'ws');
    this.client = new ChatClient({
      url: url.href,
      token: (wish) => this.#token(wish),
      outbox: localOutbox(`${options.prefix}.outbox`),
    });
    this.#listen();
    this.#outboxChanged();
    if (this.isKnown) this.client.start();
    // Other tabs: one began, one has read, one started again after the token was revoked.
    this.#storage.onset('visitor', () => this.isKnown && this.client.state === 'stopped' && this.client.start());
    this.#storage.onset('token', () => this.client.state === 'ended' && this.client.start());
    this.#storage.onset('read', () => this.#readElsewhere());
  }

  // MARK: The visitor

  get #visitor() {
    return this.#storage.get('visitor');
  }

  get isKnown() {
    return Boolean(this.#visitor?.name);
  }

  /** First use: from now on this device has a customer of this name. */
  begin(name) {
    this.#storage.set('visitor', { id: this.#options.visitor || `web_${uuid()}`, ...this.#visitor, name });
    this.start();
  }

  start() {
    this.client.start();
    this.#changed();
  }

  get token() {
    return this.#storage.get('token')?.token ?? null;
  }

  async #token({ renew, previous }) {
    const kept = this.#storage.get('token');
    const isOther = kept && kept.token !== previous; // another tab may have renewed it
    if (isOther && (renew ? previous : Date.parse(kept.expiresAt) > Date.now())) return kept.token;
    if (!this.isKnown) return null; // the site's storage was cleared
    const { id, name } = this.#visitor;
    const { channel, expires, signature } = this.#options;
    const proof = signature ? { expires: Number(expires), signature } : {};
    const answer = await fetch(new URL('api/v1/public/customer-token', this.#options.base), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name, channel, channelId: id, ...proof }),
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
    });
    const { data, error } = await answer.json();
    if (answer.ok) {
      this.#storage.set('token', { token: data.token, expiresAt: data.expiresAt });
      if (data.name !== name) this.#storage.set('visitor', { id, name: data.name });
      return data.token;
    }
    if (answer.status >= 500 || answer.status === 429 || answer.status === 408) throw new Error(error?.code);
    console.error('customer-chat:', error?.message ?? answer.status); // for the site's developers, as it may be a setting
    if (error?.field === 'name') this.#storage.set('visitor', { id, name: '' }); // asks again
    return null;
  }

  // MARK: What the customer does

  send(content, attachments = []) {
    const message = { content, conversationId: this.conversation?.conversationId };
    if (attachments.length) message.metadata = { attachments };
    this.client.send(message);
  }

  typing(isTyping) {
    if (this.conversation) this.client.typing(this.conversation.conversationId, isTyping);
  }

  /** A person sees the newest message. */
  read() {
    const last = this.messages.findLast((message) => !message.own);
    if (last?.seq > this.#readUpTo) {
      this.#readUpTo = last.seq;
      const { conversationId } = this.conversation;
      this.client.read(conversationId, last.seq);
      this.#storage.set('read', { conversationId, seq: last.seq });
    }
    if (!this.unread) return;
    this.unread = 0;
    this.#changed();
  }

  async loadOlder() {
    if (!this.conversation || this.isLoadingOlder) return;
    const { conversationId } = this.conversation;
    const before = this.messages[0]?.seq;
    this.isLoadingOlder = true;
    this.olderFailed = false;
    this.#changed();
    try {
      const page = await this.client.history(conversationId, { before, limit: PAGE });
      if (this.conversation?.conversationId !== conversationId) return;
      this.hasOlder = page.hasMore;
      for (const message of page.messages) this.#keep(message);
    } catch {
      this.olderFailed = true;
    } finally {
      if (this.conversation?.conversationId === conversationId) this.isLoadingOlder = false;
      this.#changed();
    }
  }

  /** Lets go of what is far above, for as long as the newest is shown. It is loaded again on the way up. */
  trim() {
    if (this.#messages.size <= 2 * KEPT || this.isLoadingOlder) return;
    for (const { seq } of this.messages.slice(0, -KEPT)) this.#messages.delete(seq);
    this.hasOlder = true;
  }

  // MARK: What the panel shows

  /** Ascending by seq. */
  get messages() {
    return [...this.#messages.values()].sort((a, b) => a.seq - b.seq);
  }

  /** Items of the outbox of all tabs, oldest first; with `isStored`, one whose message is about to arrive here too. */
  get pending() {
    return [...this.#pending.values()].sort((a, b) => a.order - b.order);
  }

  /** `read`, `delivered` or `sent`. */
  statusOf({ seq }) {
    const { read = 0, delivered = 0 } = this.conversation ?? {};
    return seq <= read ? 'read' : seq <= delivered ? 'delivered' : 'sent';
  }

  /** The name of an agent, if it is known. */
  nameOf({ senderId, senderName }) {
    return plainName(senderName ?? this.#names[senderId]) || null;
  }

  // MARK: What the server says

  #listen() {
    const on = (type, action) => this.client.addEventListener(type, ({ detail }) => {
      action(detail);
      this.#changed();
    });
    on('state', () => {});
    on('outbox', () => this.#outboxChanged());
    on('welcome', (frame) => this.#welcome(frame));
    on('message', (message) => this.#message(message));
    on('reset', ({ conversationId, from }) => {
      if (conversationId !== this.conversation?.conversationId) return;
      for (const seq of this.#messages.keys()) if (seq >= from) this.#messages.delete(seq);
      this.#readUpTo = Math.min(this.#readUpTo, from - 1);
    });
    on('typing', ({ conversationId, isTyping }) => {
      if (conversationId === this.conversation?.conversationId) this.isTyping = isTyping;
    });
    on('receipt', ({ conversationId, readerType, delivered, read }) => {
      const shown = this.conversation;
      if (conversationId !== shown?.conversationId || readerType !== 'agent') return;
      shown.delivered = Math.max(shown.delivered ?? 0, delivered);
      shown.read = Math.max(shown.read ?? 0, read ?? 0);
    });
    on('presence', ({ id, online }) => {
      if (id === this.conversation?.assigneeId) this.conversation.assigneeOnline = online;
    });
    on('assignment', ({ conversationId, state, assigneeId, assigneeName, fence }) => {
      this.#learn(assigneeId, assigneeName);
      const shown = this.conversation;
      if (conversationId !== shown?.conversationId || fence < (shown.fence ?? 0)) return;
      // Who takes a conversation is there.
      const assigneeOnline = assigneeId === shown.assigneeId ? shown.assigneeOnline : assigneeId ? true : undefined;
      Object.assign(shown, { state, assigneeId, assigneeName, assigneeOnline, fence });
    });
  }

  #welcome({ conversations }) {
    for (const { assigneeId, assigneeName } of conversations) this.#learn(assigneeId, assigneeName);
    // The newest is last, but the one written in last may be another.
    const kept = this.#storage.get('conversation');
    const told = conversations.find((c) => c.conversationId === kept) ?? conversations.at(-1);
    if (!told) return;
    if (told.conversationId !== this.conversation?.conversationId) {
      this.#show(told);
      this.loadOlder();
    } else {
      this.conversation = { ...told, fence: this.conversation.fence };
    }
    this.#upTo = told.seq;
    this.unread = told.unread;
  }

  #learn(id, name) {
    if (!name || this.#names[id] === name) return;
    this.#names = Object.fromEntries([...Object.entries(this.#names), [id, name]].slice(-KEPT));
    this.#storage.set('names', this.#names);
  }

  #show(conversation) {
    this.conversation = { ...conversation };
    this.#storage.set('conversation', conversation.conversationId);
    this.#messages.clear();
    this.#upTo = 0;
    this.#readUpTo = 0;
    this.isTyping = false;
    this.hasOlder = false;
    this.isLoadingOlder = false;
  }

  #message(message) {
    const { conversationId, timestamp, seq, own } = message;
    if (conversationId !== this.conversation?.conversationId) {
      const last = this.messages.at(-1);
      if (last && Date.parse(timestamp) < Date.parse(last.timestamp)) return; // of an older conversation
      this.#show({ conversationId, state: 'waiting' });
      if (seq > 1) this.loadOlder();
    }
    if (this.conversation.state === 'resolved' && own) this.conversation.state = 'waiting';
    const isNew = !this.#messages.has(seq);
    this.#keep(message);
    if (own || !isNew || seq <= this.#upTo) return;
    this.unread += 1;
    this.dispatchEvent(new CustomEvent('heard', { detail: message }));
  }

  #keep(message) {
    this.#messages.set(message.seq, message);
    if (message.clientMessageId) this.#pending.delete(message.clientMessageId);
  }

  #outboxChanged() {
    const items = new Map(this.client.items.map((item) => [item.clientMessageId, item]));
    for (const [id, item] of this.#pending) {
      if (items.has(id)) continue;
      // Out of the outbox: discarded, or stored by another tab, and then it comes here as a message at once.
      if (item.failed) this.#pending.delete(id);
      else this.#pending.set(id, { ...item, isStored: true });
    }
    const arrived = new Set([...this.#messages.values()].map((message) => message.clientMessageId));
    for (const [id, item] of items) if (!arrived.has(id)) this.#pending.set(id, item);
  }

  #readElsewhere() {
    const { conversationId, seq } = this.#storage.get('read');
    if (conversationId !== this.conversation?.conversationId) return;
    this.#readUpTo = Math.max(this.#readUpTo, seq);
    this.unread = this.messages.filter((message) => !message.own && message.seq > seq).length;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new CustomEvent('change'));
  }
}
