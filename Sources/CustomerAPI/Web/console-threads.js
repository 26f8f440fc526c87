// What was said in each conversation: read when it is opened (or soon will be), kept, and continued by the WebSocket. Opening
// a thread again shows it at once; whatever could have been missed is read behind it.

import { call } from './console-api.js';
import { conversations, isLive } from './console-conversations.js';

const pageSize = 50;
// The oldest threads go when there are more: 200 of some hundred messages are a few megabytes.
const keptThreads = 200;

/** Fires `thread` with the thread as `detail` when it has changed. */
export const threadChanges = new EventTarget();

/** Conversation id → thread, the last used last. */
const threads = new Map();

/**
 * A thread: `messages` ascending by seq without gaps, `notes` ascending by time, `generation`, `hasOlder`, `isRead` (whether
 * there is anything to show), `isFresh` (nothing was missed since), `doubts` (how often that was over), `problem` when reading
 * failed. What is on its way from here is not in it but in the client's outbox.
 */
export function threadOf(id) {
  let thread = threads.get(id);
  if (!thread) {
    thread = {
      id, messages: [], notes: [], generation: 0, hasOlder: false, isRead: false, isFresh: false, doubts: 0,
      reading: null, readingOlder: null, problem: null,
    };
  }
  threads.delete(id);
  threads.set(id, thread);
  if (threads.size > keptThreads) threads.delete(threads.keys().next().value);
  return thread;
}

export function tellThread(thread) {
  threadChanges.dispatchEvent(new CustomEvent('thread', { detail: thread }));
}

/** Reads a thread unless it is there; of one that is, what could have been missed. */
export function readThread(id) {
  const thread = threadOf(id);
  if (thread.isFresh && isLive(conversations.get(id) ?? { id })) return Promise.resolve(thread);
  thread.reading ??= readNow(thread).finally(() => (thread.reading = null));
  return thread.reading;
}

async function readNow(thread) {
  const last = thread.messages.at(-1);
  const { doubts } = thread;
  const notes = readNotes(thread);
  try {
    const query = last ? { after: last.seq, limit: 200 } : { limit: pageSize };
    const answer = await call('GET', `/conversations/${thread.id}/messages`, { query });
    if (last && (answer.generation !== thread.generation || answer.hasMore)) {
      // The store was set back, or much was missed: what is here may have a gap.
      thread.messages = [];
      thread.generation = answer.generation;
      return await readNow(thread);
    }
    thread.generation = answer.generation;
    if (!last) thread.hasOlder = answer.hasMore;
    for (const message of answer.messages) insert(thread, message);
    thread.isRead = true;
    thread.problem = null;
    // What made it doubtful meanwhile may have come after the answer.
    if (thread.doubts !== doubts) return await readNow(thread);
    thread.isFresh = true;
  } catch (problem) {
    thread.problem = problem;
  }
  tellThread(thread);
  await notes;
  return thread;
}

/** Reads the page before the first message. */
export function readOlder(thread) {
  if (!thread.hasOlder || thread.messages.length === 0) return null;
  thread.readingOlder ??= (async () => {
    try {
      const query = { before: thread.messages[0].seq, limit: pageSize };
      const answer = await call('GET', `/conversations/${thread.id}/messages`, { query });
      thread.messages = [
        ...answer.messages.filter((message) => message.seq < thread.messages[0].seq), ...thread.messages,
      ];
      thread.hasOlder = answer.hasMore;
    } catch (problem) {
      thread.problem = problem;
    }
    thread.readingOlder = null;
    tellThread(thread);
  })();
  return thread.readingOlder;
}

async function readNotes(thread) {
  try {
    const { notes } = await call('GET', `/conversations/${thread.id}/notes`);
    thread.notes = notes;
    tellThread(thread);
  } catch {
    // What was said is shown without them; they are read again with the next opening or connection.
  }
}

/** Takes in a message that came; one that leaves a gap makes the thread be read. */
export function addMessage(message) {
  const thread = threads.get(message.conversationId);
  if (!thread) return;
  if (thread.isRead) {
    const last = thread.messages.at(-1);
    if (message.seq > (last?.seq ?? 0) + 1) {
      doubt(thread);
      readThread(thread.id);
    } else {
      insert(thread, message);
    }
  }
  tellThread(thread);
}

function insert(thread, message) {
  if (thread.messages.some((other) => other.id === message.id)) return;
  const place = thread.messages.findLastIndex((other) => other.seq < message.seq) + 1;
  // After the store was set back another message can have the place of one that was lost.
  const replaced = thread.messages[place]?.seq === message.seq ? 1 : 0;
  thread.messages.splice(place, replaced, message);
}

/** The server does not have what is here from seq `from` on. */
export function resetThread({ conversationId, generation, from }) {
  const thread = threads.get(conversationId);
  if (!thread) return;
  thread.messages = thread.messages.filter((message) => message.seq < from);
  thread.generation = generation;
  tellThread(thread);
}

export function addNote(note) {
  const thread = threads.get(note.conversationId);
  if (!thread || thread.notes.some((other) => other.id === note.id)) return;
  thread.notes.push(note);
  tellThread(thread);
}

/** After a connection was lost: anything may have been said meanwhile. */
export function doubtThreads() {
  for (const thread of threads.values()) doubt(thread);
}

/** Whose a conversation is has changed: what was said while it was another agent's was not told. */
export function doubtThread(id) {
  const thread = threads.get(id);
  if (thread) doubt(thread);
}

function doubt(thread) {
  thread.isFresh = false;
  thread.doubts += 1;
}

export function forgetThreads() {
  threads.clear();
}
