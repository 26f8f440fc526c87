// The WebSocket: hands what it tells to the records, the threads and the alerts, and what the agent does to the server. After
// each connection everything that is shown is read anew, so that nothing missed stays unseen.

import { call } from './console-api.js';
import { alertNewMessage, alertWaiting } from './console-alerts.js';
import { ChatClient } from './chat-client.js';
import { localOutbox } from './chat-outbox.js';
import {
  conversations, isLive, isMine, learn, noteAssignment, noteMessage, noteRead, receipts, update, want,
} from './console-conversations.js';
import { endSession, outboxKey, session } from './console-session.js';
import {
  addMessage, addNote, doubtThread, doubtThreads, readThread, resetThread, tellThread, threadChanges, threadOf,
} from './console-threads.js';

/** Fires `state` (the connection's has changed), `connected` (welcome came: read anew what is shown) and `assignment`. */
export const live = new EventTarget();

let client = null;
let openId = null; // the conversation that is on the screen

export function startLive() {
  const url = new URL('/ws/chat', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  client = new ChatClient({ url: url.href, token, outbox: localOutbox(outboxKey(session.agent.id)) });
  client.addEventListener('state', () => {
    if (client.state !== 'open') doubtThreads();
    if (client.state === 'ended') endSession('session.ended');
    live.dispatchEvent(new Event('state'));
  });
  client.addEventListener('welcome', (event) => welcomed(event.detail));
  client.addEventListener('message', (event) => heard(event.detail));
  client.addEventListener('reset', ({ detail }) => {
    resetThread(detail);
    want(detail.conversationId);
  });
  client.addEventListener('note', (event) => addNote(event.detail));
  client.addEventListener('assignment', (event) => assigned(event.detail));
  client.addEventListener('outbox', () => openId && tellThread(threadOf(openId)));
  client.addEventListener('typing', ({ detail: { conversationId, senderType, isTyping } }) => {
    if (senderType === 'customer') update(conversationId, { isTyping });
  });
  client.addEventListener('receipt', ({ detail }) => {
    if (detail.readerType !== 'customer') return;
    receipts.set(detail.conversationId, { delivered: detail.delivered, read: detail.read ?? 0 });
    if (detail.conversationId === openId) tellThread(threadOf(openId));
  });
  client.addEventListener('presence', ({ detail: { id, principalType, online } }) => {
    if (principalType !== 'customer') return;
    for (const conversation of conversations.values()) {
      if (conversation.customerId === id && conversation.online !== online) update(conversation.id, { online });
    }
  });
  client.start();
}

export function stopLive() {
  client?.stop();
  client = null;
  openId = null;
}

/** Whether the token still holds is all that can be found out: a new one needs the password. */
async function token({ renew }) {
  if (renew) await call('GET', '/agents/me'); // a 401 ends the session; anything else is tried again
  return session.token;
}

addEventListener('online', () => client?.check());
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  client?.check();
  readOpen();
});
addEventListener('focus', readOpen);

export const connectionState = () => client?.state ?? 'stopped';
export const retryAt = () => client?.retryAt;
export const connectNow = () => client?.check();

function welcomed({ conversations: told }) {
  for (const entry of told) {
    receipts.set(entry.conversationId, { delivered: entry.delivered ?? 0, read: entry.read ?? 0 });
    if (conversations.has(entry.conversationId)) {
      update(entry.conversationId, { isTyping: false, ...(entry.online !== undefined && { online: entry.online }) });
    }
  }
  if (openId) readThread(openId).then(readOpen);
  live.dispatchEvent(new Event('connected'));
}

function heard(message) {
  const seen = message.conversationId === openId && isWatched();
  const known = conversations.get(message.conversationId);
  const wasUnheard = !known || message.seq > known.lastSeq;
  noteMessage(message, seen);
  addMessage(message);
  if (message.conversationId === openId) readOpen();
  if (message.senderType !== 'customer' || !wasUnheard || seen) return;
  // A newcomer is known only after it was read; its first message is what the alert is about.
  if (known && isMine(known)) alertNewMessage(known, message);
  else if (
    message.seq === 1 || (known && known.state !== 'waiting')
  ) alertWaiting(message.conversationId);
}

function assigned(frame) {
  const known = conversations.get(frame.conversationId);
  const wasMine = known && isMine(known);
  noteAssignment(frame);
  doubtThread(frame.conversationId);
  if (frame.conversationId === openId) readThread(openId).then(readOpen);
  if (frame.state === 'waiting' && !wasMine) alertWaiting(frame.conversationId);
  live.dispatchEvent(new CustomEvent('assignment', { detail: { ...frame, wasMine } }));
}

// What is open ---------------------------------------------------------------------------------------------------------

/** Whether a person can be looking: the page is shown and has the focus. */
const isWatched = () => !document.hidden && document.hasFocus();

export function setOpen(id) {
  openId = id;
  readOpen();
}

/** Tells the server that the agent has seen what is open, where that is this agent's business. */
function readOpen() {
  if (!openId || !isWatched()) return;
  const conversation = conversations.get(openId);
  const last = threadOf(openId).messages.at(-1);
  if (!conversation || !last || !isLive(conversation) || (conversation.readSeq ?? 0) >= last.seq) return;
  client?.read(openId, last.seq);
  noteRead(openId, last.seq);
}

// Others' conversations are not told as they go on: while one is on the screen it is read every few seconds.
setInterval(() => {
  if (!openId || !client || document.hidden) return;
  const conversation = conversations.get(openId);
  if (conversation && !isLive(conversation)) {
    readThread(openId);
    want(openId);
  }
}, 4000);

// After a reload a message may be read before its answer is here: it would be shown twice, as stored and as on its way.
threadChanges.addEventListener('thread', ({ detail: { id, messages } }) => {
  const waiting = new Set(pendingOf(id).map((item) => item.clientMessageId));
  if (waiting.size === 0) return;
  for (const { clientMessageId, senderId } of messages) {
    if (senderId === session.agent.id && waiting.has(clientMessageId)) client.settle(clientMessageId);
  }
});

// What the agent does ----------------------------------------------------------------------------------------------------

/** Sends a message; throws RangeError if it is too long. */
export function sendMessage(conversationId, content, attachments) {
  client.send({ conversationId, content, metadata: attachments.length > 0 ? { attachments } : undefined });
}

export const unsentCount = () => client?.items.length ?? 0;
export const pendingOf = (id) => client?.items.filter((item) => item.conversationId === id) ?? [];
export const retryMessage = (clientMessageId) => client?.retry(clientMessageId);
export const discardMessage = (clientMessageId) => client?.discard(clientMessageId);
export const tellTyping = (id, isTyping) => client?.typing(id, isTyping);

/** `claim`, `release`, `resolve`, or `transfer` with `{agentId}`. Throws APIProblem; 409 if somebody else has it. */
export async function act(id, action, body) {
  try {
    return learn(await call('POST', `/conversations/${id}/${action}`, { body }));
  } catch (problem) {
    if (problem.status === 409 || problem.status === 404) want(id);
    throw problem;
  }
}

export async function writeNote(id, content) {
  addNote(await call('POST', `/conversations/${id}/notes`, { body: { content } }));
}
