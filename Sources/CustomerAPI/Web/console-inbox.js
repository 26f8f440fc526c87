// The page an agent works on all day: conversations, thread and customer side by side, and what is done with a conversation.

import { readCanned } from './console-canned.js';
import { otherAgents, readColleagues } from './console-colleagues.js';
import { changes, conversations, isMine, nameOf } from './console-conversations.js';
import { CustomerPane } from './console-customer.js';
import { attempt, notice, showDialog } from './console-dialog.js';
import { avatar, fill, h } from './console-dom.js';
import { ListPane } from './console-list.js';
import { lists } from './console-lists.js';
import { act, live } from './console-live.js';
import { session } from './console-session.js';
import { contains, problemText, t } from './console-text.js';
import { ThreadPane } from './console-thread.js';

export class InboxPage {
  constructor() {
    this.id = null;
    this.watch = new AbortController();
    const { signal } = this.watch;
    this.list = new ListPane({ onopen: (id) => go(id) });
    this.thread = new ThreadPane({
      actions: {
        claim: (conversation) => this.claim(conversation), release: (conversation) => this.release(conversation),
        resolve: (conversation) => this.resolve(conversation), transfer: (conversation) => this.transfer(conversation),
        next: () => this.takeNext(),
      },
      onback: () => go(null),
      ondetails: () => this.showDetails(!this.element.classList.contains('with-details')),
    });
    this.customer = new CustomerPane({ onopen: (id) => go(id), onclose: () => this.showDetails(false) });
    this.element = h('main', { class: 'inbox page', id: 'main' },
      h('h1', { class: 'heard-only' }, t('nav.inbox')), this.list.element, this.thread.element, this.customer.element,
    );
    changes.addEventListener('conversation', ({ detail }) => {
      if (
        detail.id === this.id && this.customer.conversationId === detail.id
      ) this.customer.show(detail.customerId, detail.id);
    }, { signal });
    live.addEventListener('connected', () => {
      readColleagues();
      readCanned();
    }, { signal });
    live.addEventListener('assignment', ({ detail }) => this.sayTaken(detail), { signal });
  }

  close() {
    this.watch.abort();
    this.list.close();
    this.thread.close();
    this.customer.close();
  }

  /** Shows what the address names: a conversation, or none. */
  show(id) {
    if (id && !this.id && !this.list.selectedId) performance.mark('open-asked');
    this.id = id ?? null;
    this.element.classList.toggle('with-thread', Boolean(id));
    if (!id) this.showDetails(false);
    this.list.select(this.id);
    const opened = this.thread.show(this.id);
    // What was said comes first; the customer's record need not hurry.
    if (!id) this.customer.show(null);
    opened.then(() => {
      if (id === this.id) this.customer.show(this.conversation?.customerId ?? null, id);
    });
  }

  showDetails(shown) {
    this.element.classList.toggle('with-details', shown);
    if (shown) this.customer.element.querySelector('button')?.focus();
  }

  get conversation() {
    return conversations.get(this.id) ?? null;
  }

  // What is done with a conversation ----------------------------------------------------------------------------------------

  async claim(conversation) {
    const done = await this.try(conversation, 'claim');
    if (done && this.id === conversation.id) this.thread.composer.focus();
  }

  /** Claims who has waited longest. A colleague may be quicker: then it is the one after. */
  async takeNext() {
    if (this.acting) return;
    this.acting = true;
    try {
      for (const id of lists.waiting.rows.filter(Boolean).slice(0, 10)) {
        try {
          await act(id, 'claim');
        } catch (problem) {
          if (problem.status === 409 || problem.status === 404) continue;
          return notice(problemText(problem), { problem: true });
        }
        go(id);
        return this.thread.composer.focus();
      }
      notice(t('list.none.waiting'));
    } finally {
      this.acting = false;
    }
  }

  async release(conversation) {
    if (await this.try(conversation, 'release')) {
      notice(
        t('done.released', { name: nameOf(conversation) }),
        { action: { label: t('undo'), run: () => this.try(conversation, 'claim') } },
      );
    }
  }

  async resolve(conversation) {
    const wasMine = isMine(conversation);
    if (!(await this.try(conversation, 'resolve'))) return;
    notice(
      t('done.resolved', { name: nameOf(conversation) }),
      wasMine ? { action: { label: t('undo'), run: () => this.try(conversation, 'claim') } } : {},
    );
  }

  async try(conversation, action, body) {
    if (this.acting) return false; // a key that is held down
    this.acting = true;
    const done = await attempt(async () => {
      try {
        await act(conversation.id, action, body);
      } catch (problem) {
        if (problem.status === 409) problem.code = 'conflict.assigned';
        throw problem;
      }
    });
    this.acting = false;
    return done;
  }

  async transfer(conversation) {
    await readColleagues();
    const filter = h('input', {
      type: 'search', placeholder: t('transfer.search'), 'aria-label': t('transfer.search'), autocomplete: 'off',
      oninput: () => draw(),
    });
    const list = h('div', { class: 'agent-choice', role: 'radiogroup', 'aria-label': t('transfer.title') });
    const draw = () => {
      const found = otherAgents().filter((agent) => agent.id !== conversation.assigneeId && contains(
        agent.name, filter.value.trim(),
      ));
      if (found.length === 0) return fill(list, h('p', { class: 'hint' }, t('transfer.none')));
      fill(list, found.map((agent, index) => h('label', { class: 'agent-option' },
        h('input', { type: 'radio', name: 'agentId', value: agent.id, checked: index === 0 }),
        avatar(agent.name, agent.id),
        h('span', { class: 'agent-name' }, agent.name),
        agent.online !== undefined && h('span', {
          class: agent.online ? 'presence online' : 'presence',
        }, t(agent.online ? 'presence.online' : 'presence.offline')))));
    };
    draw();
    const to = await showDialog({
      title: t('transfer.title'),
      body: [h('p', { class: 'hint' }, t('transfer.hint', { name: nameOf(conversation) })), filter, list],
      submit: t('action.transfer'),
      onsubmit: async (form) => {
        const agentId = new FormData(form).get('agentId');
        if (!agentId) throw { code: 'transfer.choose' };
        await act(conversation.id, 'transfer', { agentId });
        return otherAgents().find((agent) => agent.id === agentId);
      },
    });
    if (to) notice(t('done.transferred', { name: nameOf(conversation), agent: to.name }));
  }

  /** Says what a colleague did to a conversation of this agent. */
  sayTaken({ conversationId, state, assigneeId, assigneeName, wasMine }) {
    const conversation = conversations.get(conversationId);
    if (!conversation) return;
    const isMineNow = state === 'assigned' && assigneeId === session.agent.id;
    if (wasMine && state === 'assigned' && !isMineNow && !this.acting) {
      notice(t('done.takenOver', { name: nameOf(conversation), agent: assigneeName ?? '' }));
    } else if (!wasMine && isMineNow && !this.acting && conversationId !== this.id) {
      notice(
        t('done.given', { name: nameOf(conversation) }), { action: { label: t('open'), run: () => go(conversationId) } },
      );
    }
  }

  // Keys ------------------------------------------------------------------------------------------------------------------

  /** Whether the key, pressed outside of any field, was one of this page's. */
  key(event) {
    const conversation = this.conversation;
    const composer = this.thread.composer;
    const action = {
      j: () => this.list.move(1), k: () => this.list.move(-1),
      '/': () => this.list.focusSearch(),
      1: () => this.list.show('mine'), 2: () => this.list.show('waiting'), 3: () => this.list.show('all'),
      w: () => this.takeNext(),
      c: conversation && (() => this.claim(conversation)),
      r: conversation && isMine(conversation) && (() => this.release(conversation)),
      t: conversation?.state === 'assigned' && (() => this.transfer(conversation)),
      e: conversation && conversation.state !== 'resolved' && (() => this.resolve(conversation)),
      n: conversation && (() => composer.setMode(true, true)),
      Enter: conversation && event.target.closest?.('button, a, summary, label') === null && (() => composer.focus()),
      i: conversation && (() => { composer.setMode(false, false); composer.focus(); }),
      d: conversation && (() => this.showDetails(!this.element.classList.contains('with-details'))),
      Escape: () => (this.element.classList.contains('with-details') ? this.showDetails(false) : this.id && go(null)),
    }[event.key];
    if (!action) return false;
    action();
    return true;
  }
}

/** Another conversation takes the place of the one that is open, so that Back leads to the list. */
function go(id) {
  const address = id ? `#/inbox/${id}` : '#/inbox';
  if (location.hash === address) return;
  const isOpen = /^#\/inbox\/./.test(location.hash);
  if (id && isOpen) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  dispatchEvent(new HashChangeEvent('hashchange'));
}
