// Who types, both ways. `typing` is not stored and may be lost: it is said again while it lasts, and ends by itself.

const EVERY = 3000;
const LASTS = 7000;

export class Typing {
  #told = new Map(); // conversationId → when it was said last that this side types
  #typists = new Map(); // conversationId → {frame, timer}: the other side
  #emit;

  /** `emit(frame)`: the other side types, or stopped to. */
  constructor(emit) {
    this.#emit = emit;
  }

  /** Whether the other side has to be told. */
  isNews(conversationId, isTyping) {
    if (!isTyping) return this.#told.delete(conversationId);
    if (Date.now() - (this.#told.get(conversationId) ?? 0) < EVERY) return false;
    this.#told.set(conversationId, Date.now());
    return true;
  }

  /** A message says by itself that its writing is over. */
  said(conversationId) {
    this.#told.delete(conversationId);
  }

  heard(frame) {
    const { conversationId, isTyping } = frame;
    if (!isTyping) return this.ended(conversationId);
    clearTimeout(this.#typists.get(conversationId)?.timer);
    const timer = setTimeout(() => this.ended(conversationId), LASTS);
    this.#typists.set(conversationId, { frame, timer });
    this.#emit(frame);
  }

  ended(conversationId) {
    const typist = this.#typists.get(conversationId);
    if (!typist) return;
    clearTimeout(typist.timer);
    this.#typists.delete(conversationId);
    this.#emit({ ...typist.frame, isTyping: false });
  }

  clear() {
    this.#told.clear();
    for (const conversationId of [...this.#typists.keys()]) this.ended(conversationId);
  }
}
