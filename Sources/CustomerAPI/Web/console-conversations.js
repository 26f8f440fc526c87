// The conversations this page knows, as `GET /conversations` has them, kept current by what the WebSocket tells. One record
// for each id, whatever lists and panes show it; who shows one listens to `changes`.

import { plainName } from './chat-text.js';
import { call } from './console-api.js';
import { session } from './console-session.js';

/** id → conversation: the API's fields, and of this page: `readSeq` (of this agent), `isTyping` (the customer). */
export const conversations = new Map();

/** id → up to which seq the customer got and read the messages, `{delivered, read}`; as far as the WebSocket told. */
export const receipts = new Map();

/** Fires `conversation` with the record as `detail` whenever one is new or has changed. */
export const changes = new EventTarget();

export const isMine = (conversation) => conversation.state === 'assigned' && conversation.assigneeId === session.agent?.id;

/** Whether this agent is told its messages as they come; those of others' conversations are read now and then. */
export const isLive = (conversation) => conversation.state === 'waiting' || isMine(conversation);

/** What the agent has not read, where reading it is this agent's business. */
export const unreadOf = (conversation) => (isLive(conversation) ? conversation.unread ?? 0 : 0);

/** The name to show: a server or frame that did not name the customer gives the beginning of the id. */
export const nameOf = (conversation) => plainName(conversation.customerName) || (
  conversation.customerId ?? conversation.id
).slice(0, 8);

/** Changes a known conversation and tells. */
export function update(id, fields) {
  const conversation = conversations.get(id);
  if (!conversation) return;
  Object.assign(conversation, fields);
  tell(conversation);
}

function tell(conversation) {
  changes.dispatchEvent(new CustomEvent('conversation', { detail: conversation }));
}

/**
 * Takes in what REST answered. An answer may be older than frames that came meanwhile: of whose it is, the higher fence is
 * right; of what was said last, the higher seq.
 */
export function learn(answer) {
  const known = conversations.get(answer.id);
  if (!known) {
    conversations.set(answer.id, { ...answer });
    tell(conversations.get(answer.id));
    return conversations.get(answer.id);
  }
  const before = JSON.stringify(known);
  const {
    state, assigneeId, assigneeName, fence, lastSeq, lastMessage, lastMessageAt, unread, answered, waitingSince,
  } = answer;
  const { customerName, channel, online } = answer;
  const { generation } = known;
  Object.assign(
    known, { customerId: answer.customerId, channel, createdAt: answer.createdAt, generation: answer.generation },
  );
  if (customerName) known.customerName = customerName;
  if (online !== undefined) known.online = online;
  // Where the store was set back, and lost what it had, even lower numbers are news.
  const wasSetBack = answer.generation > (generation ?? 0);
  if (fence >= known.fence || wasSetBack) Object.assign(known, { state, assigneeId, assigneeName, fence, waitingSince });
  if (lastSeq >= known.lastSeq || wasSetBack) {
    Object.assign(known, { lastSeq, lastMessage, lastMessageAt, answered, waitingSince });
    known.unread = known.readSeq >= lastSeq ? 0 : unread;
  }
  if (JSON.stringify(known) !== before) tell(known);
  return known;
}

/** Reads one conversation anew. */
export async function reread(id) {
  return learn(await call('GET', `/conversations/${id}`));
}

// Frames name conversations that this page has not read yet. Many can come at once (a campaign, a reconnect), so they are
// read a few at a time, each once.
const wanted = new Set();
let readers = 0;

export function want(id) {
  wanted.add(id);
  if (readers < 4) readWanted();
}

async function readWanted() {
  readers++;
  for (const id of wanted) {
    wanted.delete(id);
    try {
      await reread(id);
    } catch {
      // Gone, or out of reach: the next frame or the next reading of the lists brings it back.
    }
  }
  readers--;
}

/** Takes in a message that came or that was sent from here. `seen`: the agent has it on the screen now. */
export function noteMessage(message, seen) {
  const conversation = conversations.get(message.conversationId);
  if (!conversation) return want(message.conversationId);
  if (message.seq <= conversation.lastSeq) return;
  const fromCustomer = message.senderType === 'customer';
  const attachments = message.metadata?.attachments?.length ?? 0;
  conversation.lastSeq = message.seq;
  conversation.lastMessageAt = message.timestamp;
  conversation.lastMessage = {
    senderType: message.senderType, content: message.content, timestamp: message.timestamp, attachments,
  };
  if (fromCustomer) {
    if (!conversation.waitingSince || conversation.answered) conversation.waitingSince = message.timestamp;
    if (seen) conversation.readSeq = message.seq;
    else conversation.unread = (conversation.unread ?? 0) + 1;
    conversation.isTyping = false;
  } else if (conversation.state !== 'waiting') {
    conversation.waitingSince = undefined;
  }
  conversation.answered = !fromCustomer;
  tell(conversation);
}

/** Takes in whose a conversation is now. */
export function noteAssignment({ conversationId, state, assigneeId, assigneeName, fence }) {
  const conversation = conversations.get(conversationId);
  if (!conversation) return want(conversationId);
  if (fence < conversation.fence) return;
  const wasResolved = conversation.state === 'resolved';
  Object.assign(conversation, { state, assigneeId, assigneeName, fence });
  if (state === 'resolved') conversation.waitingSince = undefined;
  if (state === 'waiting' && !conversation.waitingSince) {
    conversation.waitingSince = wasResolved || conversation.answered ? now() : conversation.lastMessageAt;
  }
  if (state === 'assigned' && conversation.answered) conversation.waitingSince = undefined;
  tell(conversation);
}

/** The agent has seen everything up to this seq. */
export function noteRead(id, seq) {
  const conversation = conversations.get(id);
  if (!conversation || (conversation.readSeq ?? 0) >= seq) return;
  conversation.readSeq = seq;
  if (seq >= conversation.lastSeq && conversation.unread) update(id, { unread: 0 });
}

export function forgetConversations() {
  conversations.clear();
  receipts.clear();
  wanted.clear();
}

/** This moment as the API writes times: UTC, whole seconds. */
export function now() {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
