// The pane of conversations: mine, those that wait, all; search and filters; keyboard. Reading and order are console-lists.js's.

import { changes, conversations } from './console-conversations.js';
import { h, icon, setText } from './console-dom.js';
import { lists, refreshLists, searchList } from './console-lists.js';
import { live } from './console-live.js';
import { bindRow, bindWait, makeRow, rowHeight } from './console-row.js';
import { Scroller } from './console-scroller.js';
import { channelName, channels, count, problemText, t } from './console-text.js';
import { readThread } from './console-threads.js';

let lastTab = 'mine'; // where the agent was before going to another page

/** @param onopen(id) the agent wants to see this conversation */
export class ListPane {
  constructor({ onopen }) {
    this.onopen = onopen;
    this.selectedId = null;
    this.lastPlace = -1;
    this.list = null;
    this.watch = new AbortController();
    this.scroller = new Scroller({
      rowHeight,
      makeRow,
      bindRow: (row, id, place, length) => bindRow(row, conversations.get(id), {
        place, length, selected: id !== undefined && id === this.selectedId,
        showAssignee: this.list !== lists.mine && this.list !== lists.waiting,
      }),
      onneed: (from, to) => {
        this.point();
        this.list?.ensure(from, to);
      },
      properties: { role: 'listbox', 'aria-label': t('list.label'), id: 'conversations' },
    });
    this.build();
    this.listen();
    this.show(lastTab);
  }

  build() {
    this.tabs = {};
    for (const name of ['mine', 'waiting', 'all']) {
      const number = h('span', { class: 'tab-count' });
      const tab = h('button', {
        type: 'button', role: 'tab', class: 'tab', 'aria-controls': 'conversations', 'aria-selected': 'false',
        onclick: () => this.show(name),
      }, t(`list.${name}`), number);
      this.tabs[name] = { tab, number };
    }
    const tablist = h('div', {
      class: 'tabs', role: 'tablist', 'aria-label': t('list.label'), onkeydown: (event) => this.moveTab(event),
    },
      Object.values(this.tabs).map(({ tab }) => tab));
    this.search = h('input', {
      type: 'search', placeholder: t('list.search'), 'aria-label': t('list.search'), autocomplete: 'off',
      spellcheck: 'false', maxlength: '200',
      oninput: () => this.searchSoon(), onkeydown: (event) => this.searchKey(event),
    });
    this.channel = h('select', { 'aria-label': t('customers.channel'), onchange: () => this.choose() },
      h('option', { value: '' }, t('list.anyChannel')),
      channels.map((channel) => h('option', { value: channel }, channelName(channel))));
    this.state = h('select', { 'aria-label': t('list.state'), onchange: () => this.choose() },
      h('option', { value: '' }, t('list.anyState')),
      ['waiting', 'assigned', 'resolved'].map((state) => h('option', { value: state }, t(`state.${state}`))));
    this.filters = h('div', { class: 'list-filters', hidden: true }, this.state, this.channel);
    this.notice = h('div', { class: 'list-notice', role: 'status' });
    this.element = h('section', { class: 'pane list-pane', 'aria-label': t('list.label') },
      h('header', { class: 'list-head' },
        h('div', { class: 'search-field' }, icon('search'), this.search, h('kbd', { 'aria-hidden': 'true' }, '/')),
        tablist, this.filters),
      this.scroller.element, this.notice);
    const space = this.scroller.element;
    space.addEventListener('click', (event) => {
      const id = event.target.closest('.row')?.dataset.id;
      if (id) this.open(id);
    });
    // Whoever rests the pointer on a row is likely to open it.
    let hover;
    space.addEventListener('pointerover', (event) => {
      const id = event.target.closest('.row')?.dataset.id;
      clearTimeout(hover);
      if (id && id !== this.selectedId) hover = setTimeout(() => readThread(id), 60);
    });
    space.addEventListener('pointerdown', (event) => {
      const id = event.target.closest('.row')?.dataset.id;
      if (id) readThread(id);
    });
    space.addEventListener('keydown', (event) => this.key(event));
  }

  listen() {
    const { signal } = this.watch;
    changes.addEventListener('conversation', (event) => {
      if (event.detail.id) this.scroller.redraw(event.detail.id);
    }, { signal });
    for (const [name, list] of Object.entries(lists)) {
      const tell = () => setText(this.tabs[name].number, list.isRead ? count(list.rows.length) : '');
      list.addEventListener('change', tell, { signal });
      tell();
    }
    live.addEventListener('connected', () => refreshLists(this.list, ...this.scroller.range()), { signal });
    // Others' conversations go on without a frame to this agent.
    const reading = setInterval(() => {
      if (!document.hidden) this.list.refresh(...this.scroller.range());
    }, 15_000);
    const clock = setInterval(() => this.tick(), 1000);
    signal.addEventListener('abort', () => { clearInterval(reading); clearInterval(clock); });
  }

  close() {
    this.watch.abort();
    this.leave();
  }

  tick() {
    for (const [id, { element }] of this.scroller.shown) {
      const conversation = conversations.get(id);
      if (conversation) bindWait(element, conversation);
    }
  }

  // Which list ------------------------------------------------------------------------------------------------------------

  show(name) {
    this.tabName = lastTab = name;
    for (const [other, { tab }] of Object.entries(this.tabs)) {
      tab.setAttribute('aria-selected', String(other === name));
      tab.tabIndex = other === name ? 0 : -1;
    }
    this.choose();
  }

  /** Takes up the list that tab, search and filters ask for. */
  choose() {
    const text = this.search.value.trim();
    this.filters.hidden = this.tabName !== 'all' && text === '';
    const filtered = text || (this.tabName === 'all' && (this.channel.value || this.state.value));
    const list = filtered ? searchList(text, this.channel.value, this.state.value) : lists[this.tabName];
    if (list === this.list) return;
    this.leave();
    this.list = list;
    this.listening = new AbortController();
    list.addEventListener('change', (event) => this.changed(event.detail.live), { signal: this.listening.signal });
    list.addEventListener(
      'problem', (event) => this.say(problemText(event.detail), true), { signal: this.listening.signal },
    );
    this.scroller.show(list.rows);
    this.describe();
    if (filtered) list.refresh();
    else list.refresh(...this.scroller.range());
  }

  leave() {
    this.listening?.abort();
    if (this.list && !Object.values(lists).includes(this.list)) this.list.close();
  }

  changed(isLive) {
    this.scroller.change(this.list.rows, isLive);
    this.describe();
  }

  describe() {
    if (!this.list.isRead) return this.say('');
    if (this.list.rows.length > 0) return this.say('');
    this.say(this.search.value.trim() ? t('list.noneFound') : t(`list.none.${this.tabName}`));
  }

  say(text, isProblem = false) {
    setText(this.notice, text);
    this.notice.classList.toggle('problem', isProblem);
    this.element.classList.toggle('is-empty', text !== '' && !isProblem);
    this.scroller.element.tabIndex = text !== '' && !isProblem ? -1 : 0;
  }

  searchSoon() {
    clearTimeout(this.searching);
    this.searching = setTimeout(() => this.choose(), 180);
  }

  searchKey(event) {
    if (event.isComposing) return;
    if (event.key === 'Escape') {
      if (this.search.value === '') this.scroller.element.focus();
      this.search.value = '';
      this.choose();
    } else if (event.key === 'ArrowDown' || event.key === 'Enter') {
      event.preventDefault();
      this.scroller.element.focus();
      if (this.list.rows[0]) this.open(this.list.rows[0]);
    } else {
      return;
    }
    event.stopPropagation();
  }

  focusSearch() {
    this.search.focus();
    this.search.select();
  }

  moveTab(event) {
    const names = Object.keys(this.tabs);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const name = names[(names.indexOf(this.tabName) + step + names.length) % names.length];
    this.show(name);
    this.tabs[name].tab.focus();
  }

  // Which row -------------------------------------------------------------------------------------------------------------

  key(event) {
    const page = this.scroller.pageLength();
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.move(steps[event.key]);
  }

  /** Opens the conversation that many rows further on. */
  move(step) {
    const { rows } = this.list;
    if (rows.length === 0) return;
    let place = rows.indexOf(this.selectedId);
    // What was selected may have left the list (claimed, resolved): its place is the next one's now.
    if (place < 0) place = this.lastPlace < 0 ? -1 : this.lastPlace - (step > 0 ? 1 : 0);
    place = Math.min(Math.max(place + step, 0), rows.length - 1);
    this.scroller.reveal(place);
    if (rows[place]) this.open(rows[place]);
    else this.list.ensure(place, place + 1);
  }

  open(id) {
    performance.clearMarks('open-asked');
    performance.mark('open-asked');
    this.onopen(id);
  }

  /** Says which row is the chosen one, while it is among those that there are elements for. */
  point() {
    const { element } = this.scroller;
    const id = this.selectedId && this.scroller.elementOf(this.selectedId) ? `row-${this.selectedId}` : null;
    if (id === element.getAttribute('aria-activedescendant')) return;
    if (id) element.setAttribute('aria-activedescendant', id);
    else element.removeAttribute('aria-activedescendant');
  }

  /** Marks what is open, and reads the threads beside it, which are likely to be next. */
  select(id) {
    const before = this.selectedId;
    this.selectedId = id;
    this.scroller.redraw(before);
    this.scroller.redraw(id);
    const place = this.list.rows.indexOf(id);
    if (place >= 0) this.lastPlace = place;
    if (id && place >= 0) this.scroller.reveal(place);
    this.point();
    clearTimeout(this.beside);
    if (place < 0) return;
    this.beside = setTimeout(() => {
      for (const other of [this.list.rows[place + 1], this.list.rows[place - 1]]) if (other) readThread(other);
    }, 150);
  }
}
