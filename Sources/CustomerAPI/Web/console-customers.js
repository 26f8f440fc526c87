// The page of all customers: search, filters, pages; adding one; the chosen one beside the list, edited in place.

import { plainName } from './chat-text.js';
import { call } from './console-api.js';
import { CustomerPane } from './console-customer.js';
import { field, notice, showDialog } from './console-dialog.js';
import { avatar, fill, h, icon, setText } from './console-dom.js';
import { fields, fieldName } from './console-record.js';
import { channelName, channels, collator, count, exactTime, problemText, shortTime, t } from './console-text.js';

const pageSize = 50;

export class CustomersPage {
  constructor() {
    this.page = 0;
    this.answer = null;
    this.sort = null; // 'name' puts the page in order by name
    this.id = null;
    this.build();
    this.read();
  }

  build() {
    const soon = () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.read(0), 200); };
    this.name = h('input', {
      type: 'search', placeholder: t('customers.search'), 'aria-label': t('customers.search'), autocomplete: 'off',
      maxlength: '100', oninput: soon,
    });
    this.tag = h('input', {
      type: 'search', placeholder: t('customers.tag'), 'aria-label': t('customers.tag'), autocomplete: 'off',
      maxlength: '50', oninput: soon,
    });
    this.channel = h('select', { 'aria-label': t('customers.channel'), onchange: () => this.read(0) },
      h('option', { value: '' }, t('list.anyChannel')),
      channels.map((channel) => h('option', { value: channel }, channelName(channel))));
    this.active = h('select', { 'aria-label': t('customers.active'), onchange: () => this.read(0) },
      h('option', { value: '' }, t('customers.anyActive')), h('option', { value: 'true' }, t('customer.active')),
      h('option', { value: 'false' }, t('customer.inactive')));
    this.sortButton = h('button', {
      type: 'button', class: 'column-button', onclick: () => { this.sort = this.sort ? null : 'name'; this.draw(); },
    }, t('field.name'));
    this.nameColumn = h('th', { scope: 'col', 'aria-sort': 'none' }, this.sortButton);
    this.rows = h('tbody', {});
    this.total = h('span', { class: 'hint', role: 'status' });
    this.previous = h('button', {
      type: 'button', onclick: () => this.read(this.page - 1),
    }, icon('back'), t('customers.previous'));
    this.next = h('button', { type: 'button', onclick: () => this.read(this.page + 1) }, t('customers.next'));
    this.message = h('div', { class: 'table-message', role: 'status' });
    const table = h('div', { class: 'table-frame' }, h('table', { class: 'records' },
      h('thead', {}, h('tr', {}, this.nameColumn, h('th', { scope: 'col' },
        t('customers.channel'),
      ), h('th', { scope: 'col' }, t('customers.contact')),
        h('th', { scope: 'col' }, t('field.tags')),
        h('th', { scope: 'col' }, t('customers.last')))), this.rows), this.message);
    this.pane = new CustomerPane({
      onopen: (id) => (location.hash = `#/inbox/${id}`), onclose: () => (location.hash = '#/customers'),
      onchange: () => this.read(),
    });
    this.element = h('main', {
      class: 'page table-page customers-page', id: 'main',
    }, h('h1', { class: 'heard-only' }, t('nav.customers')),
      h('section', { class: 'pane table-pane', 'aria-label': t('nav.customers') },
        h('header', { class: 'page-head' }, h('span', {
          class: 'page-title', 'aria-hidden': 'true',
        }, t('nav.customers')), this.total,
          h('button', { type: 'button', class: 'primary', onclick: () => this.add() }, icon('plus'), t('customers.add'))),
        h('div', { class: 'filters', role: 'search' }, this.name, this.channel, this.active, this.tag),
        table,
        h('footer', { class: 'pager' }, this.previous, this.place = h('span', { class: 'hint' }), this.next)),
      this.pane.element);
  }

  close() {
    this.pane.close();
    this.closed = true;
  }

  show(id) {
    this.id = id ?? null;
    this.element.classList.toggle('with-details', Boolean(id));
    this.pane.show(this.id);
    for (const row of this.rows.children) row.classList.toggle('selected', row.dataset.id === this.id);
  }

  async read(page = this.page) {
    const asked = (this.asked = {});
    const query = {
      name: this.name.value.trim(), tag: this.tag.value.trim(), channel: this.channel.value, active: this.active.value,
      page, size: pageSize,
    };
    try {
      const answer = await call('GET', '/customers', { query });
      if (asked !== this.asked || this.closed) return; // a later question has been asked
      this.answer = answer;
      this.page = page;
      this.draw();
    } catch (problem) {
      if (asked !== this.asked) return;
      fill(
        this.message, h('p', { class: 'problem-text' }, problemText(problem)),
        h('button', { type: 'button', onclick: () => this.read(page) }, t('again')),
      );
    }
  }

  draw() {
    const { content, totalElements, totalPages } = this.answer;
    const customers = this.sort ? content.toSorted((one, other) => collator.compare(one.name, other.name)) : content;
    this.nameColumn.setAttribute('aria-sort', this.sort ? 'ascending' : 'none');
    this.sortButton.title = t(this.sort ? 'customers.sortedByName' : 'customers.sortByName');
    setText(this.total, t('customers.total', { n: totalElements, count: count(totalElements) }));
    fill(this.rows, customers.map((customer) => this.row(customer)));
    const filtered = this.name.value || this.tag.value || this.channel.value || this.active.value;
    fill(this.message, customers.length === 0 && h('p', {}, t(filtered ? 'customers.noneFound' : 'customers.none')));
    setText(this.place, totalPages > 1 ? t('customers.page', { page: this.page + 1, pages: totalPages }) : '');
    this.previous.disabled = this.page === 0;
    this.next.disabled = this.page + 1 >= totalPages;
  }

  row(customer) {
    const name = plainName(customer.name);
    const contact = customer.email ?? customer.phone ?? customer.whatsappPhone ?? '';
    const open = () => (location.hash = `#/customers/${customer.id}`);
    return h('tr', {
      class: customer.id === this.id ? 'selected' : null, dataset: { id: customer.id },
      onclick: (event) => !event.target.closest('a') && open(),
    },
      h('td', { class: 'name-cell' }, h('a', {
        href: `#/customers/${customer.id}`, class: 'name-link',
      }, avatar(name, customer.id), h('span', {}, name)),
        customer.active === false && h('span', { class: 'tag quiet-tag' }, t('customer.inactive'))),
      h('td', {},
        h('span', {
          class: 'channel', dataset: { channel: customer.primaryChannel },
        }, channelName(customer.primaryChannel)),
      ),
      h('td', { class: 'contact-cell', title: contact }, contact),
      h('td', { class: 'tags-cell' },
        customer.tags.slice(0, 4).map((tag) => h('span', { class: 'tag' }, h('span', { class: 'tag-text' }, tag))),
        customer.tags.length > 4 && h('span', { class: 'hint' }, `+${customer.tags.length - 4}`),
      ),
      h('td', {
        class: 'time-cell', title: exactTime(customer.lastInteractionAt),
      }, shortTime(customer.lastInteractionAt)));
  }

  async add() {
    const identities = fields.filter((spec) => spec.isIdentity);
    const text = (name, properties = {}) => field(
      fieldName(name), h('input', { name, autocomplete: 'off', ...properties }),
    );
    const created = await showDialog({
      title: t('customers.add'), submit: t('customers.create'),
      body: [
        text('name', { maxlength: '100', required: true, autofocus: true }),
        field(
          fieldName('primaryChannel'),
          h('select', { name: 'primaryChannel' },
            channels.map((channel) => h('option', { value: channel }, channelName(channel))),
          ),
        ),
        h('div', { class: 'field-pair' },
          text('email', { type: 'email', maxlength: '254' }), text('phone', { type: 'tel', maxlength: '32' }),
        ),
        field(fieldName('tags'), h('input', { name: 'tags', autocomplete: 'off' }), t('customers.tagsHint')),
        field(fieldName('notes'), h('textarea', { name: 'notes', rows: '3', maxlength: '4000' })),
        h('details', { class: 'section' },
          h('summary', {}, t('customer.identities')), identities.map((spec) => text(spec.name, { maxlength: '128' })),
        ),
      ],
      onsubmit: (form) => {
        const body = {};
        for (const [name, value] of new FormData(form)) {
          const trimmed = value.trim();
          if (name === 'tags') body.tags = [...new Set(trimmed.split(/[,，、]/).map((tag) => tag.trim()).filter(Boolean))];
          else if (trimmed !== '' || name === 'name') body[name] = trimmed;
        }
        return call('POST', '/customers', { body });
      },
    });
    if (!created) return;
    notice(t('customers.created', { name: plainName(created.name) }));
    await this.read(0);
    location.hash = `#/customers/${created.id}`;
  }

  key(event) {
    if (event.key === '/') this.name.focus();
    else if (event.key === 'Escape' && this.id) location.hash = '#/customers';
    else return false;
    return true;
  }
}
