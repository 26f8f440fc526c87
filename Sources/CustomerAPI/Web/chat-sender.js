// What happens to a message from `send` until it is known to be stored: rule 1 of the full dialect (asyncapi.yaml).
//
// An item of the outbox is {clientMessageId, conversationId?, content, metadata?, order, sentAt?, failed?}, times in ms.
// `failed` is {code, message}: the server refused it for good, or `unconfirmed`. Failed items stay, for a person to
// retry or discard, and hold up nobody.
//
// A lane is a conversation: it has one message under way. All that a customer writes is one lane, since a message may
// name no conversation and then goes to the one last written in.

const MAX_FRAME_BYTES = 65536; // the gateway's MAX_MESSAGE_BYTES, if not set otherwise; past it, close 1009
const ACK_TIMEOUT = 10000; // Redis has 2 s to answer, then there is an `error`
const REMEMBERED = 23 * 3600e3; // the server knows a clientMessageId for 24 h

export function uuid() {
  if (globalThis.crypto.randomUUID) return crypto.randomUUID(); // missing on pages of plain http
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

export class Sender {
  #outbox;
  #write;
  #changed;
  #unanswered;
  #principal = null; // while a connection is open
  #underWay = new Map(); // lane → {item, timer, refusals}; each gets an answer, or the connection is dead
  #release = null; // gives the outbox back to the other tabs
  #isClaiming = false;
  #lastOrder = 0;

  /** `write(frame)`, `changed()`: the items; `unanswered()`: the connection is dead, as the server always answers. */
  constructor({ outbox, write, changed, unanswered }) {
    this.#outbox = outbox;
    this.#write = write;
    this.#changed = changed;
    this.#unanswered = unanswered;
    outbox.onchange = () => this.#look();
  }

  get items() {
    return this.#outbox.all().sort((a, b) => a.order - b.order);
  }

  send({ conversationId, content, metadata }) {
    // Half a character, as a cut emoji leaves it, is no text.
    const whole = content.replace(/\p{Surrogate}/gu, '\ufffd');
    const item = { clientMessageId: uuid(), conversationId, content: whole, metadata };
    const bytes = new TextEncoder().encode(JSON.stringify(frameOf(item))).length;
    if (bytes > MAX_FRAME_BYTES) throw new RangeError('too_long');
    this.#add(item);
    return item;
  }

  retry(clientMessageId) {
    const { sentAt, failed, ...item } = this.#find(clientMessageId) ?? {};
    if (failed) this.#add(item);
  }

  discard(clientMessageId) {
    if (this.#find(clientMessageId)?.failed) this.settle(clientMessageId);
  }

  open(principal) {
    this.#principal = principal;
    this.#pump();
  }

  close() {
    this.#principal = null;
    for (const sent of this.#underWay.values()) clearTimeout(sent.timer);
    this.#underWay.clear();
    this.#release?.();
  }

  /** It is stored, or not wanted any more. Returns the item, if there is one. */
  settle(clientMessageId) {
    const kept = this.#find(clientMessageId);
    const sent = this.#free(clientMessageId);
    if (kept) {
      this.#outbox.remove(clientMessageId);
      this.#changed();
    }
    this.#pump();
    return kept ?? sent?.item; // another tab may have removed it
  }

  /** An `error` that names a message. */
  refused({ clientMessageId, code, message, retry }) {
    const sent = [...this.#underWay.values()].find(({ item }) => item.clientMessageId === clientMessageId);
    if (!sent) return;
    if (!retry) return this.#fail(clientMessageId, { code, message });
    // Those behind it wait too, or order is lost.
    sent.refusals += 1;
    clearTimeout(sent.timer);
    const pause = (0.5 + Math.random() / 2) * Math.min(30000, 500 * 2 ** sent.refusals);
    sent.timer = setTimeout(() => this.#put(sent), pause);
  }

  /** The connection was closed because a message was too large: this server takes less than others. */
  tooLarge() {
    const size = (item) => JSON.stringify(frameOf(item)).length;
    const [largest] = [...this.#underWay.values()].map(({ item }) => item).sort((a, b) => size(b) - size(a));
    if (largest) this.#fail(largest.clientMessageId, { code: 'too_long', message: 'The message is too long.' });
  }

  #find(clientMessageId) {
    return this.#outbox.all().find((item) => item.clientMessageId === clientMessageId);
  }

  #add(item) {
    this.#lastOrder = Math.max(Date.now(), this.#lastOrder + 1);
    this.#outbox.put({ ...item, order: this.#lastOrder });
    this.#look();
  }

  #fail(clientMessageId, failed) {
    this.#free(clientMessageId);
    const item = this.#find(clientMessageId);
    if (item) this.#outbox.put({ ...item, failed });
    this.#look();
  }

  #look() {
    this.#changed();
    this.#pump();
  }

  #pump() {
    if (!this.#principal) return;
    const items = this.items.filter((item) => !item.failed);
    if (!items.length) return this.#release?.();
    if (this.#outbox.exclusive && !this.#release) return this.#claim();
    for (const item of items) {
      const lane = this.#principal.type === 'agent' ? item.conversationId : '';
      if (this.#underWay.has(lane)) continue;
      if (Date.now() - item.sentAt > REMEMBERED) {
        // It may be stored, and the server would take a second copy for a new message: a person has to decide.
        return this.#fail(item.clientMessageId, { code: 'unconfirmed', message: 'Nobody knows whether it was sent.' });
      }
      const sent = { item, refusals: 0 };
      this.#underWay.set(lane, sent);
      if (!item.sentAt) this.#outbox.put({ ...item, sentAt: Date.now() });
      this.#put(sent);
    }
  }

  #put(sent) {
    sent.timer = setTimeout(this.#unanswered, ACK_TIMEOUT);
    this.#write(frameOf(sent.item));
  }

  #free(clientMessageId) {
    for (const [lane, sent] of this.#underWay) {
      if (sent.item.clientMessageId !== clientMessageId) continue;
      clearTimeout(sent.timer);
      this.#underWay.delete(lane);
      return sent;
    }
  }

  /**
   * One tab at a time sends from an outbox that several share. Without this (or if two think it is theirs) nothing goes
   * wrong: each sends only the first of a lane, and the server stores a clientMessageId once. It saves the second copy.
   */
  #claim() {
    if (this.#isClaiming) return;
    this.#isClaiming = true;
    const held = () => new Promise((resolve) => {
      this.#release = resolve;
      if (this.#principal) this.#pump();
      else resolve();
    });
    const ended = () => { // also when another tab lost patience and took it
      this.#isClaiming = false;
      this.#release = null;
      this.#pump();
    };
    this.#outbox.exclusive(held).then(ended, ended);
  }
}

function frameOf({ clientMessageId, conversationId, content, metadata }) {
  return { type: 'message', clientMessageId, conversationId, content, metadata };
}
