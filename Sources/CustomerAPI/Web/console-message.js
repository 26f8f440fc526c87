// What is in a thread, as elements: messages, internal notes, what is on its way, lines between days.

import { attachmentsOf, isOnlyNames } from './chat-attachments.js';
import { addressesIn, plainName } from './chat-text.js';
import { attachmentView } from './console-attachments.js';
import { nameOfAgent } from './console-colleagues.js';
import { avatar, h, icon } from './console-dom.js';
import { session } from './console-session.js';
import { dayName, exactTime, t, timeOfDay } from './console-text.js';

const foldedLength = 3000; // signs; past it a message begins folded
const sameTurn = 5 * 60_000; // ms; messages of one sender within it belong together

/**
 * Everything a thread shows, in order, as `{key, signature, make}`. An element is made anew only if its signature changed.
 *
 * @param thread as console-threads.js has it
 * @param pending what is in the outbox
 * @param reader the customer's `{delivered, read}` seqs, or undefined
 * @param unreadFrom the seq of the first message the agent had not read, or null
 */
export function itemsOf({ thread, conversation, pending, reader, unreadFrom, onretry, ondiscard }) {
  const items = [];
  let day = null;
  let turn = null; // who spoke last, and when
  const notes = [...thread.notes];
  const add = (key, signature, make) => items.push({ key, signature, make });
  const startDay = (time) => {
    const name = dayName(time);
    if (name === day) return;
    day = name;
    turn = null;
    add(`day ${name}`, name, () => h('div', { class: 'day' }, h('span', {}, name)));
  };
  const addNote = (note) => {
    startDay(note.timestamp);
    turn = null;
    add(`note ${note.id}`, '', () => noteView(note));
  };
  const first = thread.messages[0]?.seq ?? 0;
  // Notes of what is further up come with it.
  while (notes.length > 0 && thread.hasOlder && notes[0].afterSeq < first - 1) notes.shift();
  thread.messages.forEach((message, index) => {
    while (notes.length > 0 && notes[0].afterSeq < message.seq) addNote(notes.shift());
    startDay(message.timestamp);
    if (message.seq === unreadFrom) {
      turn = null;
      add('unread', '', () => h('div', { class: 'unread-line', role: 'separator' }, h('span', {}, t('thread.unread'))));
    }
    const isFirst = !turn || turn.sender !== message.senderId || Date.parse(message.timestamp) - turn.time > sameTurn;
    turn = { sender: message.senderId, time: Date.parse(message.timestamp) };
    const next = thread.messages[index + 1];
    const isLast = !next || next.senderId !== message.senderId || Date.parse(next.timestamp) - turn.time > sameTurn || notes[0]?.afterSeq === message.seq;
    const state = message.senderType === 'customer' ? '' : stateOf(message, reader);
    const nextState = next && next.senderType !== 'customer' ? stateOf(next, reader) : '';
    const showsMeta = isLast || (state !== '' && state !== nextState);
    const sender = message.senderType === 'customer' ? plainName(conversation.customerName) : nameOfAgent(message.senderId);
    add(`message ${message.id}`, [isFirst, showsMeta, state, sender, message.seq].join(), () =>
      messageView(message, { isFirst, showsMeta, state, sender, customerId: conversation.customerId }));
  });
  for (const note of notes) addNote(note);
  for (const item of pending) {
    add(`pending ${item.clientMessageId}`, item.failed?.code ?? '', () => pendingView(item, onretry, ondiscard));
  }
  return items;
}

function stateOf(message, reader) {
  if (reader && message.seq <= reader.read) return 'read';
  if (reader && message.seq <= reader.delivered) return 'delivered';
  return 'sent';
}

function messageView(message, { isFirst, showsMeta, state, sender, customerId }) {
  const isCustomer = message.senderType === 'customer';
  const who = !isCustomer && message.senderId === session.agent.id ? t('you') : sender || t('thread.unknownAgent');
  return h('div', {
    class: `message ${isCustomer ? 'theirs' : 'ours'}${isFirst ? ' first' : ''}`, dataset: { seq: message.seq },
  },
    isCustomer && (isFirst ? avatar(sender, customerId) : h('span', { class: 'no-avatar' })),
    h('div', { class: 'message-body' },
      isFirst
        ? h('div', { class: 'sender' }, who, message.senderType === 'bot' && h('span', { class: 'tag' }, t('role.bot')))
        : h('span', { class: 'heard-only' }, `${who}: `),
      bubble(message),
      showsMeta && h('div', { class: 'meta' },
        h('time', { datetime: message.timestamp, title: exactTime(message.timestamp) }, timeOfDay(message.timestamp)),
        state && deliveryState(state))));
}

function deliveryState(state) {
  const name = t(`delivery.${state}`);
  // Two ticks mean delivered or read; the word tells them apart, not the colour alone.
  return h('span', { class: `delivery ${state}`, title: name }, icon(state === 'sent' ? 'check' : 'checks'),
    h('span', { class: state === 'read' ? null : 'heard-only' }, name));
}

function bubble(message) {
  const attachments = attachmentsOf(message);
  return [
    attachments.length > 0 && h('div', { class: 'attachments' }, attachments.map(attachmentView)),
    !isOnlyNames(message, attachments) && h('div', { class: 'bubble' }, textView(message.content)),
  ];
}

function textView(text) {
  if (text.length <= foldedLength) return linked(text);
  const cut = `${text.slice(0, foldedLength / 2)}…`;
  const holder = h('span', {}, linked(cut));
  const more = h('button', {
    type: 'button', class: 'link', onclick: () => { holder.replaceChildren(...linked(text)); more.remove(); },
  }, t('thread.showAll'));
  return [holder, more];
}

/** Text with its web addresses as links; they open elsewhere and learn nothing of this page. */
function linked(text) {
  const parts = [];
  let end = 0;
  for (const { index, shown, href } of addressesIn(text)) {
    parts.push(text.slice(end, index));
    parts.push(h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, shown));
    end = index + shown.length;
  }
  parts.push(text.slice(end));
  return parts;
}

function noteView(note) {
  const author = note.senderId === session.agent.id ? t('you') : note.senderName ?? nameOfAgent(note.senderId) ?? '';
  return h('div', { class: 'note', dataset: { note: note.id } },
    h('div', { class: 'note-head' }, icon('note'), h('strong', {}, t('note.internal')), h(
      'span', { class: 'note-author' }, author,
    ),
      h('time', { datetime: note.timestamp, title: exactTime(note.timestamp) }, timeOfDay(note.timestamp))),
    h('div', { class: 'note-text' }, textView(note.content)));
}

function pendingView(item, onretry, ondiscard) {
  const attachments = attachmentsOf(item);
  const state = item.failed
    ? h('div', { class: 'meta failed', role: 'alert' }, icon('alert'), h('span', {}, failureText(item.failed)),
      h('button', { type: 'button', class: 'link', onclick: () => onretry(item) }, t('thread.retry')),
      h('button', { type: 'button', class: 'link', onclick: () => ondiscard(item) }, t('thread.discard')))
    : h('div', { class: 'meta' },
      h('span', { class: 'delivery', title: t('delivery.sending') },
        icon('clock'), h('span', { class: 'heard-only' }, t('delivery.sending')),
      ),
    );
  return h('div', { class: `message ours pending${item.failed ? ' has-failed' : ''}` },
    h('div', { class: 'message-body' },
      attachments.length > 0 && h('div', { class: 'attachments' }, attachments.map(attachmentView)),
      !isOnlyNames(item, attachments) && h('div', { class: 'bubble' }, item.content), state));
}

function failureText(failed) {
  return t(failed.code === 'conflict' ? 'thread.failedConflict' : 'thread.failed', { reason: failed.message });
}
