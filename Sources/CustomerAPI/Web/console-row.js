// One row of the list of conversations: who, by which channel, what was said last, what is unread, how long they wait.

import { isLive, nameOf, unreadOf } from './console-conversations.js';
import { avatar, h, icon, setText } from './console-dom.js';
import { draft, session } from './console-session.js';
import { channelName, duration, exactTime, shortTime, t } from './console-text.js';

export const rowHeight = 68; // as in console-inbox.css

export function makeRow() {
  const row = h('div', { class: 'row', role: 'option' });
  const part = (name) => h('span', { class: `row-${name}` });
  row.parts = {
    face: part('face'), name: part('name'), channel: h('span', { class: 'channel' }), time: part('time'),
    wait: h('span', { class: 'wait' }), text: part('text'), unread: h('span', { class: 'badge' }),
    assignee: part('assignee'),
  };
  const { face, name, channel, time, wait, text, unread, assignee } = row.parts;
  row.append(
    face, h('span', { class: 'row-top' }, name, channel, time, wait),
    h('span', { class: 'row-bottom' }, text, assignee, unread),
  );
  return row;
}

/** Fills a row; `conversation` undefined: one that is not read yet, drawn as a grey shape. */
export function bindRow(row, conversation, { place, length, selected, showAssignee }) {
  const parts = row.parts;
  row.classList.toggle('not-read', !conversation);
  row.setAttribute('aria-setsize', length);
  row.setAttribute('aria-posinset', place + 1);
  if (!conversation) {
    row.removeAttribute('id');
    row.setAttribute('aria-selected', 'false');
    row.dataset.id = '';
    row.drawnFace = null;
    parts.face.replaceChildren();
    for (const part of Object.values(parts)) if (part !== parts.face) setText(part, '');
    return;
  }
  row.id = `row-${conversation.id}`;
  row.dataset.id = conversation.id;
  row.setAttribute('aria-selected', String(selected));
  row.classList.toggle('selected', selected);
  const name = nameOf(conversation);
  if (row.drawnFace !== conversation.customerId + name) {
    row.drawnFace = conversation.customerId + name;
    parts.face.replaceChildren(avatar(name, conversation.customerId));
  }
  parts.face.classList.toggle('online', conversation.online === true);
  const unread = unreadOf(conversation);
  row.classList.toggle('unread', unread > 0);
  row.classList.toggle('resolved', conversation.state === 'resolved');
  setText(parts.name, name);
  setText(parts.channel, channelName(conversation.channel));
  parts.channel.dataset.channel = conversation.channel;
  setText(parts.unread, unread > 99 ? '99+' : unread > 0 ? String(unread) : '');
  bindText(parts.text, conversation, selected);
  setText(parts.assignee, showAssignee ? assigneeText(conversation) : '');
  bindWait(row, conversation);
}

function assigneeText(conversation) {
  if (conversation.state === 'resolved') return t('state.resolved');
  if (conversation.state === 'waiting') return ''; // how long says it
  return conversation.assigneeId === session.agent.id ? t('you') : conversation.assigneeName ?? '';
}

function bindText(element, conversation, selected) {
  // Of what is open the draft stands in the composer.
  const kept = selected ? null : draft(conversation.id);
  const last = conversation.lastMessage;
  element.classList.toggle('typing', conversation.isTyping === true);
  element.classList.toggle('draft', Boolean(kept) && !conversation.isTyping);
  let text = '';
  if (conversation.isTyping) text = t('typing.short');
  else if (kept) text = t('row.draft', { text: kept.text });
  else if (last) text = last.senderType === 'customer' ? last.content : t('row.answered', { text: last.content });
  // A preview is one line, and 4,000 signs would be laid out for it.
  setText(element, text.slice(0, 160).replace(/\s+/g, ' '));
}

/** How long the customer waits, or when something was said last; called every second for what is on the screen. */
export function bindWait(row, conversation) {
  const { wait, time } = row.parts;
  const since = isLive(conversation) || conversation.state === 'assigned' ? conversation.waitingSince : undefined;
  if (!since) {
    if (wait.firstChild) wait.replaceChildren();
    setText(time, shortTime(conversation.lastMessageAt));
    return;
  }
  setText(time, '');
  const ms = Date.now() - Date.parse(since);
  const text = duration(ms);
  if (wait.lastChild?.nodeValue !== text) {
    wait.replaceChildren(icon('clock'), text);
    wait.title = t('row.waits', { time: exactTime(since) });
  }
  wait.classList.toggle('long', ms >= 5 * 60_000 && ms < 15 * 60_000);
  wait.classList.toggle('too-long', ms >= 15 * 60_000);
}
