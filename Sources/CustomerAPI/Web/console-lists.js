// The lists of conversations: in which order, how many, and which of them have been read. A list of 10,000 is read a page at
// a time, where it is looked at; rows that nobody has looked at are holes. What the WebSocket tells moves rows at once.

import { call } from './console-api.js';
import { changes, conversations, isMine, learn } from './console-conversations.js';
import { session } from './console-session.js';

const pageSize = 100;

/**
 * One order of conversations. `rows[i]` is the id at place i, undefined where it was not read. Fires `change` when rows moved
 * or came (`detail.live`: by a frame, not by reading) and `problem` when reading failed.
 */
class ConversationList extends EventTarget {
  /**
   * @param query of `GET /conversations`
   * @param belongs(conversation) whether it is in this list; left out: the server alone decides
   * @param longestWaitFirst else the newest message comes first
   */
  constructor(query, belongs, longestWaitFirst = false) {
    super();
    this.query = query;
    this.belongs = belongs;
    this.longestWaitFirst = longestWaitFirst;
    this.rows = [];
    this.isRead = false; // whether any answer has come
    this.pages = new Map(); // number → 'reading' or when it was read (ms)
    this.epoch = 0;
    this.placing = false; // an answer is taken in, whose rows get their places from it
    this.watched = (event) => this.place(event.detail);
    if (belongs) changes.addEventListener('conversation', this.watched);
  }

  /** Ends a list that is not shown any more, such as an earlier search. */
  close() {
    changes.removeEventListener('conversation', this.watched);
    this.epoch++;
  }

  /** Sees to it that the rows from place `from` to before `to` are read. */
  ensure(from, to) {
    if (!this.isRead) return this.readPage(0);
    for (let page = Math.floor(from / pageSize); page * pageSize < Math.min(to, this.rows.length); page++) {
      const read = this.pages.get(page);
      if (read === 'reading') continue;
      if (read === undefined) this.readPage(page);
      // Rows that moved left a hole in a page that was read; not more often than once a second, as it may come again.
      else if (
        Date.now() - read > 1000 && this.hasHole(Math.max(from, page * pageSize), Math.min(to, (page + 1) * pageSize))
      ) {
        this.readPage(page);
      }
    }
  }

  hasHole(from, to) {
    for (
      let place = from; place < Math.min(to, this.rows.length); place++
    ) if (this.rows[place] === undefined) return true;
    return false;
  }

  /** Reads anew what is looked at; what else was read counts as stale and is read when it is looked at. */
  refresh(from = 0, to = pageSize) {
    this.pages.clear();
    this.epoch++;
    if (!this.isRead) return this.readPage(0);
    for (let page = Math.floor(from / pageSize); page === 0 || page * pageSize < Math.min(to, this.rows.length); page++) {
      this.readPage(page);
    }
  }

  async readPage(page) {
    const epoch = this.epoch;
    this.pages.set(page, 'reading');
    let answer;
    try {
      answer = await call('GET', '/conversations', { query: { ...this.query, page, size: pageSize } });
    } catch (problem) {
      if (epoch !== this.epoch) return;
      this.pages.delete(page);
      this.dispatchEvent(new CustomEvent('problem', { detail: problem }));
      return;
    }
    if (epoch !== this.epoch) return;
    this.pages.set(page, Date.now());
    this.isRead = true;
    this.placing = true;
    const records = answer.content.map(learn);
    this.placing = false;
    this.setLength(answer.totalElements);
    const first = page * pageSize;
    const ids = records.filter((record) => !this.belongs || this.belongs(record)).map((record) => record.id);
    const taken = new Set(ids);
    for (let place = 0; place < this.rows.length; place++) {
      const inPage = place >= first && place < first + pageSize;
      if (!inPage && taken.has(this.rows[place])) this.rows[place] = undefined;
    }
    // A row of this page that the server has elsewhere now leaves a hole there, and is found when that page is read.
    for (
      let place = 0; place < Math.min(pageSize, this.rows.length - first); place++
    ) this.rows[first + place] = ids[place];
    // Frames may have told of more than the answer had: what is missing at the end of the last page is not there.
    while (
      this.rows.length > 0 && this.rows.at(-1) === undefined && this.pages.has(
        Math.floor((this.rows.length - 1) / pageSize),
      )
    ) {
      this.rows.pop();
    }
    this.changed(false);
  }

  setLength(length) {
    while (this.rows.length > length) this.rows.pop();
    while (this.rows.length < length) this.rows.push(undefined);
  }

  /** Puts a conversation that changed where it belongs now. */
  place(conversation) {
    if (!this.isRead || this.placing) return;
    const place = this.rows.indexOf(conversation.id);
    const belongs = this.belongs(conversation);
    if (!belongs) {
      if (place < 0) return;
      this.rows.splice(place, 1);
      return this.changed(true);
    }
    if (place >= 0 && this.fits(conversation, place)) return this.changed(true);
    let rest = this.rows;
    if (place >= 0) rest = this.rows.toSpliced(place, 1);
    const target = this.targetOf(conversation, rest);
    // In a part that was not read: the server will tell its place when that part is looked at.
    if (target < 0) return;
    if (place < 0) {
      // Unless it has just begun, it was in one of the holes, of a page that was not read.
      const hole = conversation.lastSeq > 1 ? rest.lastIndexOf(undefined) : -1;
      if (hole >= 0) rest.splice(hole, 1);
    }
    rest.splice(target, 0, conversation.id);
    this.rows = rest;
    this.changed(true);
  }

  fits(conversation, place) {
    const before = conversations.get(this.rows[place - 1]);
    const after = conversations.get(this.rows[place + 1]);
    return (!before || this.compare(before, conversation) <= 0) && (!after || this.compare(conversation, after) <= 0);
  }

  /** The place among the rows that are read from the top on; -1 if it comes after those. */
  targetOf(conversation, rows) {
    for (let place = 0; place < rows.length; place++) {
      const other = conversations.get(rows[place]);
      if (!other) return -1;
      const order = this.compare(conversation, other);
      // Times are whole seconds: of two in the same one, what is placed now is the newer.
      if (order < 0 || (order === 0 && !this.longestWaitFirst)) return place;
    }
    return rows.length;
  }

  compare(one, other) {
    if (this.longestWaitFirst) return order(one.waitingSince ?? never, other.waitingSince ?? never);
    return order(other.lastMessageAt, one.lastMessageAt);
  }

  changed(live) {
    this.dispatchEvent(new CustomEvent('change', { detail: { live } }));
  }
}

// The API's times are UTC in one form, so their texts are in order as they are; parsing 10,000 of them would be felt.
const order = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
const never = '9999';

/** The lists that are always there. */
export const lists = {
  mine: new ConversationList({}, isMine),
  waiting: new ConversationList(
    { state: 'waiting', sort: 'waiting' }, (conversation) => conversation.state === 'waiting', true,
  ),
  all: new ConversationList({}, () => true),
};

/** Called when an agent has signed in: what is his depends on who it is. */
export function startLists() {
  lists.mine.query = { state: 'assigned', assignee: session.agent.id };
  for (const list of Object.values(lists)) {
    list.rows = [];
    list.isRead = false;
    list.refresh();
  }
}

export function searchList(text, channel, state) {
  return new ConversationList({ q: text, channel, state }, null);
}

/** Reads all of them anew; of the one that is shown, what is on the screen. */
export function refreshLists(shown, from, to) {
  for (const list of Object.values(lists)) if (list !== shown) list.refresh();
  shown.refresh(from, to);
}
