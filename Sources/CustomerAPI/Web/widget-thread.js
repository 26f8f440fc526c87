// The conversation: what was said, what is on its way, and what came before when the customer scrolls up.

import { attachmentsOf, isOnlyNames, isPicture } from './chat-attachments.js';
import { el, icon, withLinks } from './widget-dom.js';
import { addressOf } from './widget-files.js';

const GROUP_MS = 5 * 60e3; // messages of one sender within this belong together
const NEAR = 60; // pixels from the end that still count as there

export class Thread {
  element;
  #session;
  #options;
  #texts;
  #list = el('ol', { class: 'list' });
  #top = el('div', { class: 'top' });
  #scroll;
  #pill;
  #rows = new Map(); // key → {element, update}
  #last = null; // key of the last message shown

  constructor({ session, options, texts, onseen }) {
    const { t } = texts;
    this.#session = session;
    this.#options = options;
    this.#texts = texts;
    this.#scroll = el('div', {
      class: 'scroll', tabindex: 0, role: 'region', 'aria-label': t('conversation'),
      onscroll: () => {
        if (this.isAtEnd) {
          this.#pill.hidden = true;
          onseen();
        }
        this.#loadOlder();
      },
    }, this.#top, this.#list);
    this.#pill = el('button', { type: 'button', class: 'pill', hidden: true, onclick: () => this.toEnd() },
      icon('down'), t('newMessages'));
    this.element = el('div', { class: 'thread' }, this.#scroll, this.#pill);
    // The panel, or the keyboard of a phone, changes its height.
    let wasAtEnd = true;
    this.#scroll.addEventListener('scroll', () => (wasAtEnd = this.isAtEnd));
    new ResizeObserver(() => wasAtEnd && this.toEnd()).observe(this.#scroll);
  }

  get isAtEnd() {
    return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < NEAR;
  }

  toEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#pill.hidden = true;
  }

  draw() {
    const wasAtEnd = this.isAtEnd;
    const held = wasAtEnd ? null : this.#topRow();
    const rows = this.#wanted();
    const keys = new Set(rows.map((row) => row.key));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    let next = this.#list.firstChild;
    for (const { key, make, update } of rows) {
      let row = this.#rows.get(key);
      if (!row) this.#rows.set(key, (row = { element: make() }));
      update?.(row);
      if (row.element === next) next = next.nextSibling;
      else this.#list.insertBefore(row.element, next);
    }
    this.#drawTop();
    const said = rows.filter((row) => row.message);
    const last = said.at(-1);
    const isNews = last && last.key !== this.#last;
    if (wasAtEnd || (isNews && last.message.isOwn)) {
      this.toEnd();
    } else {
      // Whatever came in above, what is being read stays in place.
      if (held?.element.isConnected) this.#scroll.scrollTop += held.element.getBoundingClientRect().top - held.at;
      if (isNews) this.#pill.hidden = false;
    }
    this.#last = last?.key ?? null;
    this.#loadOlder();
  }

  #topRow() {
    const { top } = this.#scroll.getBoundingClientRect();
    for (const element of this.#list.children) {
      const at = element.getBoundingClientRect().top;
      if (at >= top) return { element, at };
    }
  }

  #loadOlder() {
    const { hasOlder, isLoadingOlder, olderFailed } = this.#session;
    const isShown = this.#scroll.clientHeight > 0;
    if (isShown && hasOlder && !isLoadingOlder && !olderFailed && this.#scroll.scrollTop < 300) this.#session.loadOlder();
  }

  /** What the list should show: {key, message?, make() → element, update(row)}. */
  #wanted() {
    const { t, dayOf, day } = this.#texts;
    const { messages, pending, conversation, isTyping } = this.#session;
    const rows = [];
    const said = [
      ...messages.map((message) => ({ ...message, isOwn: message.own, time: Date.parse(message.timestamp) })),
      ...pending.map((item) => ({ ...item, isOwn: true, isPending: true, time: item.order })),
    ];
    let latest = 0; // day of a row; what failed yesterday may come after what was said today
    said.forEach((message, index) => {
      const [before, after] = [said[index - 1], said[index + 1]];
      const date = dayOf(message.time);
      if (date > latest) {
        latest = date;
        const make = () => el('li', { class: 'day' }, el('span', { text: day(message.time) }));
        rows.push({ key: `day ${date}`, make });
      }
      message.follows = this.#belong(before, message);
      message.isFollowed = this.#belong(message, after);
      const key = (message.isOwn && message.clientMessageId) || message.id;
      rows.push({ key, message, make: () => this.#bubble(message), update: (row) => this.#update(row, message) });
    });
    if (isTyping) {
      const name = conversation.assigneeName ?? t('agent');
      const bubble = { class: 'bubble', role: 'img', 'aria-label': t('typing', { name }) };
      const make = () => el('li', { class: 'row typing' }, el('div', bubble, el('i'), el('i'), el('i')));
      rows.push({ key: 'typing', make });
    }
    if (conversation?.state === 'resolved' && !pending.length) {
      rows.push({ key: 'closed', make: () => el('li', { class: 'closed', text: t('closed') }) });
    }
    return rows;
  }

  #belong(a, b) {
    return Boolean(a && b && a.isOwn === b.isOwn && (a.isOwn || a.senderId === b.senderId) &&
      b.time - a.time < GROUP_MS && this.#texts.dayOf(a.time) === this.#texts.dayOf(b.time));
  }

  #drawTop() {
    const { t } = this.#texts;
    const { isLoadingOlder, olderFailed, hasOlder } = this.#session;
    const state = olderFailed ? 'failed' : isLoadingOlder || hasOlder ? 'loading' : 'begin';
    if (this.#top.dataset.state === state) return;
    this.#top.dataset.state = state;
    if (state === 'loading') this.#top.replaceChildren(el('p', { class: 'note', text: t('older') }));
    if (state === 'failed') {
      const again = plainButton(t('retry'), () => this.#session.loadOlder());
      this.#top.replaceChildren(el('p', { class: 'note' }, t('olderFailed'), ' ', again));
    }
    if (state === 'begin') {
      this.#top.replaceChildren(
        el('p', { class: 'greeting', text: this.#options.greeting || t('greeting') }),
        el('p', { class: 'note', text: t('greetingMore') }));
    }
  }

  // MARK: One message

  #bubble(message) {
    const files = attachmentsOf(message);
    return el('li', { class: `row ${message.isOwn ? 'own' : 'other'}` },
      el('span', { class: 'sender' }),
      el('div', { class: 'bubble' },
        ...files.map((file) => this.#attachment(file)),
        isOnlyNames(message, files) ? null : el('div', { class: 'text', dir: 'auto' }, withLinks(message.content)),
        el('div', { class: 'meta' })),
      el('div', { class: 'trouble', role: 'alert', hidden: true }));
  }

  #update(row, message) {
    const { t, time } = this.#texts;
    const { element } = row;
    element.classList.toggle('follows', message.follows);
    element.classList.toggle('followed', message.isFollowed);
    const sender = message.isOwn ? t('you') : this.#session.nameOf(message) ?? t('agent');
    const isOpen = this.#session.client.state === 'open';
    const status = message.isOwn ? this.#statusOf(message) : '';
    const shown = [sender, status, message.time, status === 'sending' && isOpen].join(' ');
    if (row.shown === shown) return;
    row.shown = shown;
    const [senderElement, bubble, trouble] = element.children;
    senderElement.textContent = sender;
    const label = status === 'sending' && !isOpen ? t('queued') : status && t(status);
    bubble.lastChild.replaceChildren(
      el('time', { text: time(message.time), datetime: new Date(message.time).toISOString() }),
      status ? icon(status, label) : '');
    element.dataset.status = status;
    trouble.hidden = status !== 'failed';
    if (status !== 'failed') return trouble.replaceChildren();
    const { client } = this.#session;
    const { code, message: reason } = message.failed;
    const text = t({ unconfirmed: 'unconfirmed', too_long: 'tooLong' }[code] ?? 'failed');
    trouble.replaceChildren(
      el('span', { text, title: reason }),
      plainButton(t('retry'), () => client.retry(message.clientMessageId)),
      plainButton(t('discard'), () => client.discard(message.clientMessageId)));
  }

  #statusOf(message) {
    if (message.failed) return 'failed';
    if (message.isPending) return message.isStored ? 'sent' : 'sending';
    return this.#session.statusOf(message);
  }

  #attachment(attachment) {
    const { t, size } = this.#texts;
    const { base } = this.#options;
    const address = (mustShow) => addressOf({ base, token: this.#session.token, id: attachment.id, mustShow });
    const { name } = attachment;
    const label = el('span', { class: 'name', text: name });
    const bytes = el('span', { class: 'size', text: Number.isFinite(attachment.size) ? size(attachment.size) : '' });
    const chip = el('button', {
      type: 'button', class: 'file', title: t('download', { name }),
      onclick: async () => {
        try {
          el('a', { href: await address(), download: name }).click();
          label.textContent = name;
        } catch {
          label.textContent = t('downloadFailed', { name });
        }
      },
    }, icon('file'), el('span', { class: 'about' }, label, bytes));
    if (!isPicture(attachment)) return chip;
    const link = el('a', { class: 'picture', target: '_blank', rel: 'noopener' });
    // What can't be shown (no picture after all, too many pixels, or the host page's policy forbids it) is a file to save.
    const save = () => link.replaceWith(chip);
    address(true).then((url) => {
      link.href = url;
      link.append(el('img', { src: url, alt: t('picture', { name }), onerror: save }));
    }).catch(save);
    return link;
  }
}

function plainButton(text, onclick) {
  return el('button', { type: 'button', class: 'plain', text, onclick });
}
