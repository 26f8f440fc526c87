// The panel: heading, notices, name, conversation and composer. widget.js makes one when it is wanted.

import { Composer } from './widget-composer.js';
import { el, icon } from './widget-dom.js';
import { Session } from './widget-session.js';
import { css } from './widget-style.js';
import { textsIn } from './widget-text.js';
import { Thread } from './widget-thread.js';

const PATIENCE = 1500; // shorter breaks of the connection are not worth a word

export class Panel {
  #options;
  #chat;
  #live; // outside the panel: a message is told also while that is closed
  #texts;
  #session;
  #thread;
  #composer;
  #element;
  #parts = {};
  #isOpen = false;
  #drawing = null;
  #onunread;
  #troubleSince = 0;
  #later = null;
  #fills = matchMedia('(max-width: 480px), (max-height: 420px)'); // as in widget-style.js: there it fills the window
  #pageOverflow = null;

  constructor({ options, chat, live, adopt, onunread, onclose }) {
    this.#options = options;
    this.#chat = chat;
    this.#live = live;
    this.#texts = textsIn(options.lang);
    this.#onunread = onunread;
    const session = (this.#session = new Session(options));
    const parts = { session, options, texts: this.#texts };
    this.#thread = new Thread({ ...parts, onseen: () => this.#see() });
    this.#composer = new Composer({ ...parts, onsent: () => this.#thread.toEnd() });
    adopt(css);
    this.#build(onclose);
    session.addEventListener('change', () => this.#changed());
    session.addEventListener('heard', ({ detail }) => this.#announce(detail));
    this.#followPage();
    this.#changed();
  }

  open() {
    this.#isOpen = true;
    if (!this.#session.isKnown && this.#options.name) this.#session.begin(this.#options.name);
    this.#element.hidden = false;
    this.#fit();
    this.#draw();
    this.#composer.shown();
    this.#thread.toEnd();
    this.#see();
    // A phone's keyboard would hide the conversation: there the customer taps the box.
    if (this.#fills.matches) this.#element.focus();
    else if (this.#parts.begin.hidden) this.#composer.focus();
    else this.#parts.name.focus();
  }

  /** Returns whether the focus was within, and should go back to the button. */
  close() {
    const hadFocus = this.#element.contains(this.#chat.getRootNode().activeElement);
    this.#isOpen = false;
    this.#element.hidden = true;
    this.#session.typing(false);
    this.#fit();
    return hadFocus;
  }

  /** The page has said what the customer is called. */
  named() {
    if (this.#isOpen && !this.#session.isKnown && this.#options.name) this.#session.begin(this.#options.name);
  }

  /** The page has a new proof of who the customer is. */
  proved() {
    const { client, isKnown } = this.#session;
    if (isKnown && client.state === 'ended') client.start();
  }

  // MARK: Building

  #build(onclose) {
    const { t } = this.#texts;
    const parts = this.#parts;
    const title = this.#options.title || t('title');
    parts.avatar = el('div', { class: 'avatar', 'aria-hidden': 'true' });
    parts.status = el('p', { class: 'status' });
    parts.notice = el('div', { class: 'notice', role: 'status', hidden: true });
    parts.name = el('input', {
      id: 'name', name: 'name', maxlength: 100, autocomplete: 'name', placeholder: t('namePlaceholder'), required: true,
    });
    const drag = (event) => this.#drag(event);
    const closing = { type: 'button', class: 'close', 'aria-label': t('close'), title: t('close'), onclick: onclose };
    parts.begin = el('form', { class: 'begin', novalidate: true, onsubmit: (event) => this.#begin(event) },
      el('p', { class: 'greeting', text: this.#options.greeting || t('greeting') }),
      el('label', { for: 'name', text: t('askName') }), parts.name,
      el('button', { type: 'submit', class: 'primary', text: t('start') }));
    parts.drop = el('div', { class: 'drop', hidden: true }, icon('attach'), t('drop'));
    this.#element = el('section', {
      class: 'panel', role: 'dialog', 'aria-label': title, tabindex: -1, hidden: true,
      onkeydown: (event) => this.#key(event, onclose),
      ondragover: drag, ondragleave: drag, ondrop: drag,
    },
    el('header', {},
      parts.avatar,
      el('div', { class: 'about' }, el('h2', { text: title }), parts.status),
      el('button', closing, icon('close'))),
    parts.notice, parts.begin, this.#thread.element, this.#composer.element, parts.drop);
    this.#chat.prepend(this.#element);
  }

  #begin(event) {
    event.preventDefault();
    const name = this.#parts.name.value.trim();
    if (!name) return this.#parts.name.focus();
    this.#session.begin(name);
    this.#draw();
    this.#composer.focus();
  }

  // MARK: Drawing

  /** Much may change at once, as in a page of history; and what nobody sees can wait. */
  #changed() {
    this.#onunread(this.#isSeen() ? 0 : this.#session.unread);
    if (!this.#isOpen || this.#drawing) return;
    const draw = () => {
      this.#drawing = null;
      this.#draw();
      this.#see();
    };
    this.#drawing = document.hidden ? setTimeout(draw, 200) : requestAnimationFrame(draw);
  }

  #isSeen() {
    return this.#isOpen && !document.hidden && this.#thread.isAtEnd;
  }

  #see() {
    if (this.#isSeen()) this.#session.read();
  }

  #draw() {
    const { begin } = this.#parts;
    const isKnown = this.#session.isKnown;
    begin.hidden = isKnown;
    this.#thread.element.hidden = this.#composer.element.hidden = !isKnown;
    this.#drawStatus();
    this.#drawNotice();
    if (!isKnown) return;
    if (this.#thread.isAtEnd) this.#session.trim();
    this.#thread.draw();
  }

  #drawStatus() {
    const { t } = this.#texts;
    const { state, assigneeId, assigneeName, assigneeOnline } = this.#session.conversation ?? {};
    const { status } = this.#parts;
    const isOpen = this.#session.client.state === 'open';
    const isAssigned = state === 'assigned' && assigneeId;
    const who = isAssigned ? assigneeName : null;
    const what = isAssigned && isOpen && assigneeOnline !== undefined ? t(assigneeOnline ? 'online' : 'away') :
      state === 'waiting' ? t('waiting') : isAssigned ? null : t('notStarted');
    const text = [who, what].filter(Boolean).join(' · ') || t('notStarted');
    if (status.textContent !== text) status.textContent = text;
    const avatar = who ? [...who][0].toUpperCase() : icon('chat');
    if (this.#parts.avatar.textContent !== avatar) this.#parts.avatar.replaceChildren(avatar);
    status.classList.toggle('online', Boolean(isAssigned && isOpen && assigneeOnline));
  }

  #drawNotice() {
    const { t } = this.#texts;
    const { client, isKnown } = this.#session;
    const isTrouble = isKnown && client.state !== 'open';
    if (!isTrouble) this.#troubleSince = 0;
    else this.#troubleSince ||= Date.now();
    const isOffline = navigator.onLine === false;
    const lasts = Date.now() - this.#troubleSince >= PATIENCE;
    let text = '';
    let action = null;
    if (client.state === 'ended') {
      text = client.reason === 'unauthenticated' ? t('refused') : t('ended');
      action = [t('again'), () => this.#session.start()];
    } else if (isTrouble && isOffline) {
      text = t('offline');
    } else if (isTrouble && lasts) {
      text = t('reconnecting');
      if (client.state === 'waiting' && client.retryAt - Date.now() > 1500) action = [t('tryNow'), () => client.check()];
    } else if (isTrouble) {
      clearTimeout(this.#later);
      this.#later = setTimeout(() => this.#changed(), PATIENCE);
    }
    const { notice } = this.#parts;
    const key = text + (action?.[0] ?? '');
    if (notice.dataset.key === key) return;
    notice.dataset.key = key;
    notice.hidden = !text;
    notice.replaceChildren(el('span', { text }));
    if (action) notice.append(el('button', { type: 'button', class: 'plain', text: action[0], onclick: action[1] }));
  }

  #announce(message) {
    const { t } = this.#texts;
    const name = this.#session.nameOf(message) ?? t('agent');
    this.#live.textContent = t('says', { name, text: message.content.slice(0, 300) });
  }

  // MARK: Keys, files, the page around it

  #key(event, onclose) {
    if (event.key === 'Escape' && !event.isComposing) {
      event.stopPropagation();
      return onclose();
    }
    if (event.key !== 'Tab' || !this.#fills.matches) return;
    // It fills the window: what is behind it is not there.
    const stops = [...this.#element.querySelectorAll('button, input:not([hidden]), textarea, a[href], [tabindex="0"]')]
      .filter((stop) => stop.offsetParent);
    const active = this.#chat.getRootNode().activeElement;
    const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
    if (active !== from && active !== this.#element) return;
    if (active === this.#element && !event.shiftKey) return;
    event.preventDefault();
    to.focus();
  }

  #drag(event) {
    if (!event.dataTransfer.types.includes('Files') || !this.#session.isKnown) return;
    event.preventDefault();
    const isLeaving = event.type === 'dragleave' && !this.#element.contains(event.relatedTarget);
    if (event.type === 'dragover') this.#parts.drop.hidden = false;
    if (event.type === 'drop' || isLeaving) this.#parts.drop.hidden = true;
    if (event.type === 'drop') this.#composer.add(event.dataTransfer.files);
  }

  #followPage() {
    const { client } = this.#session;
    const check = () => {
      client.check();
      this.#changed();
    };
    addEventListener('online', check);
    addEventListener('offline', check);
    addEventListener('pageshow', ({ persisted }) => persisted && check());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) check();
    });
    for (const type of ['resize', 'scroll']) window.visualViewport?.addEventListener(type, () => this.#fit());
    this.#fills.addEventListener('change', () => this.#fit());
  }

  /** Where the panel fills the window: what a phone's keyboard leaves of it, and the page behind stays put. */
  #fit() {
    const fills = this.#isOpen && this.#fills.matches;
    const page = document.documentElement;
    if (fills && this.#pageOverflow === null) {
      this.#pageOverflow = page.style.overflow;
      page.style.overflow = 'hidden';
    } else if (!fills && this.#pageOverflow !== null) {
      page.style.overflow = this.#pageOverflow;
      this.#pageOverflow = null;
    }
    this.#element.setAttribute('aria-modal', fills);
    const view = window.visualViewport;
    const follows = fills && view && view.scale < 1.05; // else somebody zooms in to read
    this.#element.style.height = follows ? `${view.height}px` : '';
    this.#element.style.transform = follows && view.offsetTop ? `translateY(${view.offsetTop}px)` : '';
  }
}
