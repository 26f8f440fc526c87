// The page on which an admin keeps the agents: who there is, what each may, new passwords, who may still come in.

import { call } from './console-api.js';
import { confirmed, attempt, field, notice, showDialog } from './console-dialog.js';
import { avatar, fill, h, icon, setText } from './console-dom.js';
import { session } from './console-session.js';
import { collator, contains, count, problemText, shortTime, t } from './console-text.js';

const roles = ['agent', 'admin', 'bot'];

export class AdminPage {
  constructor() {
    this.agents = null;
    this.search = h('input', {
      type: 'search', placeholder: t('admin.search'), 'aria-label': t('admin.search'), autocomplete: 'off',
      oninput: () => this.draw(),
    });
    this.rows = h('tbody', {});
    this.total = h('span', { class: 'hint', role: 'status' });
    this.message = h('div', { class: 'table-message', role: 'status' });
    this.element = h('main', { class: 'page table-page', id: 'main' },
      h('section', { class: 'pane table-pane', 'aria-label': t('nav.admin') },
        h('header', { class: 'page-head' }, h('h1', { class: 'page-title' }, t('nav.admin')), this.total,
          h('button', {
            type: 'button', class: 'primary', onclick: () => this.edit(null),
          }, icon('plus'), t('admin.add'))),
        h('div', { class: 'filters', role: 'search' }, this.search),
        h('div', { class: 'table-frame' }, h('table', { class: 'records agents' },
          h('thead', {},
            h('tr', {},
              [
                'field.name', 'admin.login', 'admin.role', 'admin.state', 'admin.since', 'admin.actions',
              ].map((key) => h('th', { scope: 'col' }, t(key))),
            ),
          ),
          this.rows), this.message)));
    this.read();
  }

  close() {}
  show() {}

  /** Reads all agents; they are few, so the whole list is searched and put in order here. */
  async read() {
    try {
      const agents = [];
      for (let page = 0; ; page++) {
        const answer = await call('GET', '/agents', { query: { page, size: 100 } });
        agents.push(...answer.content);
        if (page + 1 >= answer.totalPages) break;
      }
      this.agents = agents.sort(
        (one, other) => Number(other.active) - Number(one.active) || collator.compare(one.name, other.name),
      );
      this.draw();
    } catch (problem) {
      fill(
        this.message, h('p', { class: 'problem-text' }, problemText(problem)),
        h('button', { type: 'button', onclick: () => this.read() }, t('again')),
      );
    }
  }

  draw() {
    const words = this.search.value.trim();
    const found = (this.agents ?? []).filter((agent) => contains(agent.name, words) || contains(agent.login, words));
    setText(this.total, t('admin.total', { n: this.agents?.length ?? 0, count: count(this.agents?.length ?? 0) }));
    fill(this.rows, found.map((agent) => this.row(agent)));
    fill(this.message, found.length === 0 && h('p', {}, t('admin.noneFound')));
  }

  row(agent) {
    const isSelf = agent.id === session.agent.id;
    return h('tr', { dataset: { id: agent.id }, class: agent.active ? null : 'inactive' },
      h('td', { class: 'name-cell' },
        h('span', { class: 'name-link' }, avatar(agent.name, agent.id), h('span', {}, agent.name)),
        isSelf && h('span', { class: 'tag' }, t('you')),
      ),
      h('td', { class: 'contact-cell' }, agent.login),
      h('td', {}, h('span', { class: `tag role-${agent.role}` }, t(`role.${agent.role}`))),
      h('td', {}, t(agent.active ? 'customer.active' : 'customer.inactive')),
      h('td', { class: 'time-cell' }, shortTime(agent.createdAt)),
      h('td', { class: 'actions-cell' },
        h('button', {
          type: 'button', class: 'quiet', 'aria-label': `${t('edit')}: ${agent.name}`, onclick: () => this.edit(agent),
        }, t('edit')),
        h('button', {
          type: 'button', class: 'quiet', 'aria-label': `${t('admin.password')}: ${agent.name}`,
          onclick: () => this.password(agent),
        }, t('admin.password')),
        h('button', {
          type: 'button', class: 'quiet', 'aria-label': `${t('admin.endSessions')}: ${agent.name}`,
          onclick: () => this.endSessions(agent),
        }, t('admin.endSessions')),
        h('button', {
          type: 'button', class: agent.active ? 'quiet danger-text' : 'quiet', disabled: isSelf,
          'aria-label': `${t(agent.active ? 'admin.deactivate' : 'admin.activate')}: ${agent.name}`,
          onclick: () => this.setActive(agent, !agent.active),
        }, t(agent.active ? 'admin.deactivate' : 'admin.activate'))));
  }

  async edit(agent) {
    const role = h('select', { name: 'role' },
      roles.map((each) => h('option', { value: each, selected: each === (agent?.role ?? 'agent') }, t(`role.${each}`))),
    );
    const done = await showDialog({
      title: agent ? agent.name : t('admin.add'), submit: agent ? t('save') : t('customers.create'),
      body: [
        field(
          t('field.name'),
          h('input', {
            name: 'name', value: agent?.name ?? '', maxlength: '100', required: true, autocomplete: 'off',
            autofocus: true,
          }),
        ),
        !agent && field(
          t('admin.login'),
          h('input', {
            name: 'login', maxlength: '64', required: true, autocomplete: 'off', autocapitalize: 'none',
            spellcheck: 'false',
          }),
          t('admin.loginHint'),
        ),
        field(t('admin.role'), role, t('admin.roleHint')),
        !agent && field(
          t('admin.password'),
          h('input', {
            name: 'password', type: 'password', maxlength: '200', required: true, autocomplete: 'new-password',
          }),
          t('admin.passwordHint'),
        ),
      ],
      onsubmit: (form) => {
        const body = Object.fromEntries([...new FormData(form)].map(
          ([name, value]) => [name, name === 'password' ? value : value.trim()],
        ));
        return agent ? call('PUT', `/agents/${agent.id}`, { body }) : call('POST', '/agents', { body });
      },
    });
    if (!done) return;
    notice(t(agent ? 'admin.saved' : 'admin.added', { name: done.name }));
    this.read();
  }

  async password(agent) {
    const done = await showDialog({
      title: `${t('admin.password')}: ${agent.name}`, submit: t('save'),
      body: [h('p', { class: 'hint' }, t('admin.passwordEnds')),
        field(
          t('admin.newPassword'),
          h('input', {
            name: 'password', type: 'password', maxlength: '200', required: true, autocomplete: 'new-password',
          }),
          t('admin.passwordHint'),
        )],
      onsubmit: (form) => call('PUT', `/agents/${agent.id}`, { body: { password: form.elements.password.value } }),
    });
    if (done) notice(t('admin.saved', { name: agent.name }));
  }

  async endSessions(agent) {
    if (
      !(await confirmed(t('admin.endSessions'), t('admin.endSessionsText', { name: agent.name }), t('admin.endSessions')))
    ) return;
    await attempt(async () => {
      const { revoked } = await call('DELETE', `/agents/${agent.id}/tokens`);
      notice(t('tokens.ended', { n: revoked }));
    });
  }

  async setActive(agent, active) {
    if (
      !active && !(
        await confirmed(t('admin.deactivate'), t('admin.deactivateText', { name: agent.name }), t('admin.deactivate'))
      )
    ) return;
    if (await attempt(
      () => call('PUT', `/agents/${agent.id}`, { body: { active } }),
    )) notice(t('admin.saved', { name: agent.name }));
    this.read();
  }

  key(event) {
    if (event.key !== '/') return false;
    this.search.focus();
    return true;
  }
}
