// A customer, beside a conversation or in the list of customers: the record edited in place, earlier conversations, tokens.

import { plainName } from './chat-text.js';
import { call } from './console-api.js';
import { changes, conversations, learn } from './console-conversations.js';
import { attempt, confirmed, notice } from './console-dialog.js';
import { avatar, fill, h, iconButton, setText } from './console-dom.js';
import { fieldView } from './console-fields.js';
import { fields, readCustomer, saveCustomer } from './console-record.js';
import { channelName, exactTime, problemText, shortTime, t } from './console-text.js';

export class CustomerPane {
  /** @param onopen(conversationId); onclose; onchange(customer) the record was saved */
  constructor({ onopen, onclose, onchange = () => {} }) {
    Object.assign(this, { onopen, onchange });
    this.customerId = null;
    this.conversationId = null;
    this.record = null;
    this.watch = new AbortController();
    const { signal } = this.watch;
    this.body = h('div', { class: 'customer-body' });
    this.element = h('aside', { class: 'pane customer-pane', 'aria-label': t('customer.label') },
      h('header', { class: 'customer-head' }, h('h2', {}, t('customer.label')),
        iconButton('close', t('customer.hide'), { class: 'icon-button customer-close', onclick: onclose })),
      this.body);
    changes.addEventListener('conversation', ({ detail }) => {
      if (detail.customerId !== this.customerId) return;
      this.drawPresence();
      this.drawEarlier();
    }, { signal });
    // Colleagues change records too, and no frame tells.
    addEventListener('focus', () => this.read(), { signal });
    const reading = setInterval(() => !document.hidden && this.read(), 20_000);
    signal.addEventListener('abort', () => clearInterval(reading));
  }

  close() {
    this.watch.abort();
    this.customerId = null;
  }

  /** Shows this customer; `conversationId` is the one that is open beside it. */
  async show(customerId, conversationId = null) {
    const isSame = customerId === this.customerId;
    this.conversationId = conversationId;
    if (isSame) return this.drawEarlier();
    this.customerId = customerId;
    this.record = null;
    this.tokens = null;
    this.earlier = [];
    fill(this.body, customerId ? h('div', { class: 'loading', role: 'status' }, t('loading')) : null);
    if (customerId) await this.read();
  }

  /** Reads the record anew, also behind a field that is being edited: what is shown of the others is current. */
  async read() {
    const id = this.customerId;
    if (!id || this.isSaving) return;
    const isFirst = !this.record;
    try {
      const record = await readCustomer(id);
      if (id !== this.customerId || this.isSaving) return;
      // What is being edited is held against the version that the agent began with, or a conflict would go unseen.
      if (!this.isEditing()) this.take(record);
      if (isFirst) this.build();
      this.readRest(id);
    } catch (problem) {
      if (id !== this.customerId || !isFirst) return;
      fill(
        this.body, h('p', { class: 'problem-text' }, problemText(problem)),
        h('button', { type: 'button', onclick: () => this.read() }, t('again')),
      );
    }
  }

  isEditing() {
    return this.views?.some((view) => view.isEditing) ?? false;
  }

  take(record) {
    this.record = record;
    for (const view of this.views ?? []) view.show();
    if (this.title) this.drawHead();
  }

  async readRest(id) {
    const [earlier, tokens] = await Promise.all([
      call('GET', '/conversations', { query: { customer: id, size: 20 } }).catch(() => null),
      call('GET', `/customers/${id}/tokens`).catch(() => null),
    ]);
    if (id !== this.customerId) return;
    if (earlier) this.earlier = earlier.content.map((each) => learn(each).id);
    if (tokens) this.tokens = tokens.tokens;
    this.drawEarlier();
    this.drawTokens();
  }

  build() {
    this.title = h('h3', { class: 'customer-name' });
    this.face = h('span', { class: 'customer-face' });
    this.presence = h('span', { class: 'presence' });
    this.since = h('p', { class: 'hint' });
    this.views = fields.map((spec) => fieldView(
      spec, () => this.record.customer[spec.name], (value) => this.save({ [spec.name]: value }),
    ));
    const [identities, others] = [true, false].map((wanted) => this.views.filter(
      (_, index) => Boolean(fields[index].isIdentity) === wanted,
    ));
    this.earlierList = h('ul', { class: 'earlier' });
    this.tokenList = h('ul', { class: 'tokens' });
    this.endAll = h('button', {
      type: 'button', class: 'quiet danger-text', onclick: () => this.revokeAll(),
    }, t('tokens.endAll'));
    fill(this.body,
      h('div', { class: 'customer-top' }, this.face, h('div', {}, this.title, this.presence)),
      h('div', { class: 'record' }, others),
      h('details', { class: 'section' },
        h('summary', {}, t('customer.identities')), h('div', { class: 'record' }, identities),
      ),
      h('details', { class: 'section', open: true }, h('summary', {}, t('customer.conversations')), this.earlierList),
      h('details', { class: 'section' },
        h('summary', {}, t('tokens.title')), h('p', { class: 'hint' }, t('tokens.hint')), this.tokenList, this.endAll,
      ),
      this.since);
    this.drawHead();
    this.drawEarlier();
    this.drawTokens();
  }

  drawHead() {
    const { customer } = this.record;
    const name = plainName(customer.name);
    setText(this.title, name);
    fill(this.face, avatar(name, customer.id));
    setText(this.since, t('customer.since', { time: exactTime(customer.createdAt) }));
    this.drawPresence();
  }

  drawPresence() {
    if (!this.presence) return;
    const known = [...conversations.values()].find(
      (each) => each.customerId === this.customerId && each.online !== undefined,
    );
    const online = known?.online ?? this.record?.customer.online;
    setText(this.presence, online === undefined ? '' : t(online ? 'presence.online' : 'presence.offline'));
    this.presence.classList.toggle('online', online === true);
  }

  drawEarlier() {
    if (!this.earlierList || !this.record) return;
    const others = this.earlier.filter(
      (id) => id !== this.conversationId,
    ).map((id) => conversations.get(id)).filter(Boolean);
    // Only if there is something new: drawing takes the focus from what is there.
    const shape = others.map((each) => [each.id, each.state, each.lastSeq].join()).join(' ') + (others.length === 0);
    if (shape === this.earlierList.shape) return;
    this.earlierList.shape = shape;
    if (others.length === 0) return fill(this.earlierList, h('li', { class: 'hint' }, t('customer.noConversations')));
    fill(this.earlierList, others.map((each) => h('li', {}, h('button', {
      type: 'button', class: 'earlier-row', onclick: () => this.onopen(each.id),
    },
      h('span', { class: 'earlier-text' }, each.lastMessage?.content?.slice(0, 120) ?? t('customer.noMessages')),
      h('span', { class: 'earlier-meta' },
        h('span', {}, t(`state.${each.state}`)), h('span', {}, shortTime(each.lastMessageAt)),
      )))));
  }

  drawTokens() {
    if (!this.tokenList) return;
    const shape = this.tokens?.map((token) => token.id).join() ?? 'unknown';
    if (shape === this.tokenList.shape) return;
    this.tokenList.shape = shape;
    this.endAll.hidden = this.tokens?.length === 0;
    if (!this.tokens) return fill(this.tokenList);
    if (this.tokens.length === 0) return fill(this.tokenList, h('li', { class: 'hint' }, t('tokens.none')));
    fill(this.tokenList, this.tokens.map((token) => h('li', {},
      h('div', {},
        h('code', {}, token.id.slice(0, 8)),
        h('span', { class: 'hint' },
          `${channelName(token.channel)} · ${t('tokens.until', { time: exactTime(token.expiresAt) })}`,
        ),
      ),
      h('button', {
        type: 'button', class: 'quiet danger-text', 'aria-label': t('tokens.endOne', { id: token.id.slice(0, 8) }),
        onclick: () => this.revoke(token),
      }, t('tokens.end')))));
  }

  // Changing --------------------------------------------------------------------------------------------------------------

  async save(changed) {
    this.isSaving = true;
    const id = this.customerId;
    try {
      const saved = await saveCustomer(this.record, changed, (current) => (this.record = current));
      if (id !== this.customerId) return;
      if (saved) {
        this.record = saved;
        for (const each of conversations.values()) if (each.customerId === id) learn(
          { ...each, customerName: saved.customer.name },
        );
        notice(t('customer.saved'));
        this.onchange(saved.customer);
      } else {
        this.onchange(this.record.customer);
      }
      this.drawHead();
      for (const view of this.views) view.show();
    } catch (problem) {
      problem.text = problemText(problem);
      if ('active' in changed) notice(problem.text, { problem: true });
      throw problem;
    } finally {
      this.isSaving = false;
    }
  }

  async revoke(token) {
    const done = await attempt(() => call('DELETE', `/customers/${this.customerId}/tokens/${token.id}`));
    if (done) notice(t('tokens.ended', { n: 1 }));
    this.readRest(this.customerId);
  }

  async revokeAll() {
    if (
      !(
        await confirmed(
          t('tokens.endAll'), t('tokens.endAllText', { name: plainName(this.record.customer.name) }), t('tokens.endAll'),
        )
      )
    ) return;
    await attempt(async () => {
      const { revoked } = await call('DELETE', `/customers/${this.customerId}/tokens`);
      notice(t('tokens.ended', { n: revoked }));
    });
    this.readRest(this.customerId);
  }
}
