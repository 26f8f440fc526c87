// The pane in the middle: what was said in one conversation, whose it is, and what can be done with it.

import { colleagueChanges } from './console-colleagues.js';
import { Composer } from './console-composer.js';
import { changes, conversations, isMine, nameOf, receipts, reread, unreadOf } from './console-conversations.js';
import { avatar, fill, h, icon, iconButton, setText } from './console-dom.js';
import { discardMessage, pendingOf, retryMessage, setOpen } from './console-live.js';
import { itemsOf } from './console-message.js';
import { session } from './console-session.js';
import { channelName, duration, exactTime, problemText, t } from './console-text.js';
import { readOlder, readThread, threadChanges, threadOf } from './console-threads.js';

export class ThreadPane {
  /** @param actions {claim, release, transfer, resolve}(conversation), next(); onback, ondetails */
  constructor({ actions, onback, ondetails }) {
    this.actions = actions;
    this.id = null;
    this.unreadFrom = null; // undefined until what is open was read
    this.seenSeq = 0; // the last message that was on the screen, for the button that leads down
    this.watch = new AbortController();
    const { signal } = this.watch;
    this.composer = new Composer();
    this.build(onback, ondetails);
    threadChanges.addEventListener('thread', ({ detail }) => detail.id === this.id && this.drawSoon(), { signal });
    changes.addEventListener('conversation', ({ detail }) => detail.id === this.id && this.drawHead(), { signal });
    colleagueChanges.addEventListener('change', () => this.drawSoon(), { signal });
    const clock = setInterval(() => this.tick(), 1000);
    signal.addEventListener('abort', () => clearInterval(clock));
  }

  build(onback, ondetails) {
    this.face = h('span', { class: 'thread-face' });
    this.title = h('h2', { class: 'thread-name', id: 'thread-name', tabindex: '-1' });
    this.subtitle = h('div', { class: 'thread-subtitle' });
    this.buttons = h('div', { class: 'thread-actions', role: 'group', 'aria-label': t('thread.actions') });
    this.head = h('header', { class: 'thread-head' },
      iconButton('back', t('back'), { class: 'icon-button back-button', onclick: onback }),
      this.face, h('div', { class: 'thread-titles' }, this.title, this.subtitle),
      iconButton('person', t('customer.show'), { class: 'icon-button details-button', onclick: ondetails }),
      this.buttons);
    this.older = h('div', { class: 'older' });
    this.list = h('div', { class: 'messages' });
    this.space = h('div', {
      class: 'thread-space', role: 'log', 'aria-live': 'off', 'aria-labelledby': 'thread-name', tabindex: '0',
      onscroll: () => this.scrolled(),
    }, this.older, this.list);
    this.down = h('button', {
      type: 'button', class: 'to-newest', hidden: true, onclick: () => this.toNewest(true),
    }, icon('down'), h('span', {}, t('thread.toNewest')));
    // The thread itself is not announced, or opening one would read out all of it; what comes while it is open is.
    this.announcement = h('div', { class: 'heard-only', 'aria-live': 'polite' });
    this.content = h('div', { class: 'thread-content', hidden: true },
      this.head, h('div', { class: 'thread-frame' }, this.space, this.down), this.composer.element, this.announcement);
    this.composer.takeDrops(this.content);
    this.empty = h('div', { class: 'empty-pane' },
      icon('inbox'), h('p', {}, t('thread.none')), h('p', { class: 'hint' }, t('thread.noneHint')),
      h('button', { type: 'button', class: 'primary', onclick: () => this.actions.next() }, icon('hand'), t('thread.next')),
    );
    this.element = h('section', { class: 'pane thread-pane', 'aria-label': t('thread.label') }, this.content, this.empty);
    // New content or a smaller window keeps the end in view if it was.
    new ResizeObserver(() => this.isAtEnd && this.toNewest()).observe(this.space);
  }

  close() {
    this.watch.abort();
    this.composer.leave();
    setOpen(null);
  }

  get conversation() {
    return conversations.get(this.id) ?? null;
  }

  async show(id) {
    if (id === this.id) return;
    this.composer.leave();
    this.id = id;
    this.content.hidden = !id;
    this.empty.hidden = Boolean(id);
    setText(this.announcement, '');
    if (!id) return setOpen(null);
    this.isAtEnd = true;
    this.list.replaceChildren();
    this.unread = unreadOf(this.conversation ?? {});
    this.unreadFrom = undefined;
    this.drawHead();
    this.draw();
    setOpen(id);
    this.composer.enter(id);
    const known = this.conversation ? null : reread(id).catch((problem) => (threadOf(id).problem = problem));
    await Promise.all([known, readThread(id)]);
    if (this.id !== id) return;
    this.drawHead();
    this.draw();
    setOpen(id);
  }

  /** How long opening took, for whoever measures: from the key or click until what is shown has been painted. */
  shown() {
    // A task after the next frame's, when that has been painted.
    requestAnimationFrame(() => setTimeout(() => {
      if (performance.getEntriesByName('open-asked').length === 0) return;
      performance.measure('open-thread', 'open-asked');
      performance.clearMarks('open-asked');
    }));
  }

  // Head ------------------------------------------------------------------------------------------------------------------

  drawHead() {
    const conversation = this.conversation;
    if (!conversation) {
      setText(this.title, this.id?.slice(0, 8) ?? '');
      fill(this.subtitle);
      fill(this.buttons);
      this.composer.allow({ reply: false, note: false, hint: '' });
      return;
    }
    const name = nameOf(conversation);
    const shape = [
      conversation.id, name, conversation.state, conversation.assigneeId, conversation.assigneeName, conversation.online,
    ].join();
    if (shape !== this.headShape) {
      this.headShape = shape;
      fill(this.face, avatar(name, conversation.customerId));
      this.face.classList.toggle('online', conversation.online === true);
      setText(this.title, name);
      this.title.title = name;
      this.wait = h('span', { class: 'wait' });
      fill(this.subtitle, h('span', {
        class: 'channel', dataset: { channel: conversation.channel },
      }, channelName(conversation.channel)),
        h('span', { class: 'thread-state' }, stateText(conversation)), this.wait);
      // A button that goes (Claim, once claimed) would take the focus with it.
      const hadFocus = this.buttons.contains(document.activeElement);
      fill(this.buttons, this.buttonsFor(conversation));
      if (hadFocus) this.space.focus();
      this.allowWriting(conversation);
    }
    this.composer.showTyping(conversation.isTyping ? t('typing.name', { name }) : '');
    this.tick();
  }

  buttonsFor(conversation) {
    const button = (action, drawing, isPrimary) => h('button', {
      type: 'button', class: isPrimary ? 'primary action' : 'action',
      title: `${t(`action.${action}`)} (${t(`key.${action}`)})`,
      onclick: () => this.actions[action](conversation),
    }, icon(drawing), h('span', {}, t(`action.${action}`)));
    const isAdmin = session.agent.role === 'admin';
    if (conversation.state === 'waiting') return [
      button('claim', 'hand', true), isAdmin && button('transfer', 'transfer'), button('resolve', 'check'),
    ];
    if (conversation.state === 'resolved') return [button('claim', 'hand')];
    if (isMine(conversation)) return [
      button('release', 'undo'), button('transfer', 'transfer'), button('resolve', 'check', true),
    ];
    return isAdmin ? [button('claim', 'hand'), button('transfer', 'transfer'), button('resolve', 'check')] : [];
  }

  allowWriting(conversation) {
    const isOthers = conversation.state === 'assigned' && !isMine(conversation);
    const name = conversation.assigneeName ?? t('thread.unknownAgent');
    const hints = {
      waiting: t('composer.claims'),
      resolved: t('composer.reopens'),
      assigned: isOthers ? t(session.agent.role === 'admin' ? 'composer.adminWrites' : 'composer.others', { name }) : '',
    };
    this.composer.allow(
      { reply: !isOthers || session.agent.role === 'admin', note: true, hint: hints[conversation.state] },
    );
  }

  tick() {
    const conversation = this.conversation;
    if (!conversation || !this.wait) return;
    const since = conversation.state === 'resolved' ? undefined : conversation.waitingSince;
    setText(this.wait, since ? t('thread.waits', { time: duration(Date.now() - Date.parse(since)) }) : '');
    if (since) this.wait.title = exactTime(since);
  }

  // Messages --------------------------------------------------------------------------------------------------------------

  drawSoon() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.drawing);
    this.drawing = null;
    if (!this.id) return;
    const thread = threadOf(this.id);
    const conversation = this.conversation ?? { customerName: '', customerId: this.id };
    this.drawTop(thread);
    if (thread.isRead && this.unreadFrom === undefined) {
      this.unreadFrom = firstUnread(thread, this.unread);
      this.shown();
    }
    const items = itemsOf({
      thread, conversation, pending: pendingOf(this.id), reader: receipts.get(this.id), unreadFrom: this.unreadFrom,
      onretry: (item) => retryMessage(item.clientMessageId),
      ondiscard: (item) => {
        this.composer.takeBack(item);
        discardMessage(item.clientMessageId);
      },
    });
    const wasAtEnd = this.isAtEnd;
    const anchor = wasAtEnd ? null : this.firstInView();
    this.reconcile(items);
    if (anchor) this.space.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
    this.announceNew(thread);
    const last = thread.messages.at(-1)?.seq ?? 0;
    const ownPending = items.at(-1)?.key.startsWith('pending') && items.at(-1).key !== this.lastKey;
    this.lastKey = items.at(-1)?.key;
    if (wasAtEnd || ownPending) this.toNewest();
    else if (last > this.seenSeq) this.down.hidden = false;
  }

  drawTop(thread) {
    if (!thread.isRead && thread.problem) {
      fill(this.older, h('p', { class: 'problem-text' }, problemText(thread.problem)),
        h('button', { type: 'button', onclick: () => readThread(this.id) }, t('again')));
    } else if (!thread.isRead) {
      fill(this.older, h('div', { class: 'loading', role: 'status' }, t('loading')));
    } else if (thread.hasOlder) {
      fill(
        this.older, h('button', { type: 'button', class: 'quiet', onclick: () => readOlder(thread) }, t('thread.older')),
      );
    } else {
      const started = this.conversation?.createdAt;
      fill(this.older, h('p', { class: 'beginning' }, started ? t('thread.began', { time: exactTime(started) }) : ''));
    }
  }

  /** Makes the elements those of the items, with as little change as there is. */
  reconcile(items) {
    const present = new Map();
    for (const element of this.list.children) present.set(element.key, element);
    let next = this.list.firstChild;
    for (const { key, signature, make } of items) {
      let element = present.get(key);
      if (element && element.signature === signature) {
        present.delete(key);
      } else {
        element = make();
        Object.assign(element, { key, signature });
      }
      if (element === next) next = next.nextSibling;
      else this.list.insertBefore(element, next);
    }
    for (const element of present.values()) element.remove();
  }

  firstInView() {
    const edge = this.space.getBoundingClientRect().top;
    for (const element of this.list.children) {
      if (element.key.startsWith('day')) continue; // goes up when older messages of the day come
      const { top, bottom } = element.getBoundingClientRect();
      if (bottom > edge) return { element, top };
    }
    return null;
  }

  announceNew(thread) {
    const last = thread.messages.at(-1);
    if (!last || last.id === this.announced?.id) return;
    const isSame = this.announced?.conversationId === last.conversationId;
    this.announced = last;
    if (!isSame || last.senderType !== 'customer') return;
    setText(this.announcement, `${this.title.textContent}: ${last.content.slice(0, 300)}`);
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.space;
    this.isAtEnd = scrollHeight - scrollTop - clientHeight < 48;
    if (this.isAtEnd) {
      this.down.hidden = true;
      this.seenSeq = threadOf(this.id).messages.at(-1)?.seq ?? 0;
    }
    if (scrollTop < 300 && this.id) readOlder(threadOf(this.id));
  }

  toNewest(smoothly = false) {
    this.isAtEnd = true;
    this.down.hidden = true;
    this.seenSeq = this.id ? threadOf(this.id).messages.at(-1)?.seq ?? 0 : 0;
    const behavior = smoothly && !matchMedia('(prefers-reduced-motion: reduce)').matches ? 'smooth' : 'instant';
    this.space.scrollTo({ top: this.space.scrollHeight, behavior });
  }
}

/** The seq of the customer's message that many from the end. */
function firstUnread(thread, unread) {
  if (!unread) return null;
  const theirs = thread.messages.filter((message) => message.senderType === 'customer');
  return theirs.at(-Math.min(unread, theirs.length))?.seq ?? null;
}

function stateText(conversation) {
  if (conversation.state !== 'assigned') return t(`state.${conversation.state}`);
  return isMine(conversation) ? t('thread.mine') : t('thread.assignee', {
    name: conversation.assigneeName ?? t('thread.unknownAgent'),
  });
}
