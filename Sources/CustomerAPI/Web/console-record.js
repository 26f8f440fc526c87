// A customer's record as REST has it: read with its version, changed only if nobody else did meanwhile.

import { call } from './console-api.js';
import { showDialog } from './console-dialog.js';
import { h } from './console-dom.js';
import { channelName, t } from './console-text.js';

/** Fields in the order they are shown; `kind` is how one is written. */
export const fields = [
  { name: 'name', kind: 'line', longest: 100, required: true },
  { name: 'email', kind: 'line', longest: 254, type: 'email' },
  { name: 'phone', kind: 'line', longest: 32, type: 'tel' },
  { name: 'tags', kind: 'tags' },
  { name: 'notes', kind: 'text', longest: 4000 },
  { name: 'primaryChannel', kind: 'channel' },
  { name: 'active', kind: 'flag' },
  { name: 'wechatOpenId', kind: 'line', longest: 128, isIdentity: true },
  { name: 'whatsappPhone', kind: 'line', longest: 128, isIdentity: true },
  { name: 'lineUserId', kind: 'line', longest: 128, isIdentity: true },
  { name: 'telegramId', kind: 'line', longest: 128, isIdentity: true },
  { name: 'facebookPsid', kind: 'line', longest: 128, isIdentity: true },
  { name: 'appUserId', kind: 'line', longest: 128, isIdentity: true },
];

export const fieldName = (name) => t(`field.${name}`);

/** `{customer, etag}`; `etag` is null where the server has none. */
export async function readCustomer(id) {
  const { data, etag } = await call('GET', `/customers/${id}`, { whole: true });
  return { customer: data, etag: etag ?? (data.version === undefined ? null : `"${data.version}"`) };
}

/**
 * Saves `changes` on top of `record`. If somebody else changed the customer since it was read, the agent sees what, and
 * chooses: `{customer, etag}` as it is then, or null if the agent keeps the other's.
 *
 * @param onconflict(record) the record as the other left it, whatever the agent chooses
 */
export async function saveCustomer(record, changes, onconflict) {
  let base = record;
  for (;;) {
    try {
      const headers = base.etag ? { 'If-Match': base.etag } : {};
      await call('PUT', `/customers/${record.customer.id}`, { body: changes, headers });
      return await readCustomer(record.customer.id);
    } catch (problem) {
      if (problem.status !== 412) throw problem;
    }
    const current = await readCustomer(record.customer.id);
    onconflict(current);
    if (!(await chooseMine(base.customer, current.customer, changes))) return null;
    base = current;
  }
}

/** Shows what the other changed beside what this agent writes; true: save mine. */
async function chooseMine(before, theirs, mine) {
  const changed = fields.map(({ name }) => name).filter((name) => !isSame(before[name], theirs[name]));
  const names = [...new Set([...Object.keys(mine), ...changed])];
  const rows = names.map((name) => {
    const isMine = name in mine;
    const clash = isMine && changed.includes(name);
    return h('tr', { class: clash ? 'clash' : null },
      h('th', { scope: 'row' }, fieldName(name)),
      h('td', {}, valueText(name, before[name])),
      h('td', {},
        changed.includes(name) ? valueText(name, theirs[name]) : h('span', { class: 'hint' }, t('conflict.unchanged')),
      ),
      h('td', {}, isMine ? valueText(name, mine[name]) : h('span', { class: 'hint' }, t('conflict.unchanged'))));
  });
  const chosen = await showDialog({
    title: t('conflict.title'), wide: true,
    body: [
      h('p', {}, t(changed.some((name) => name in mine) ? 'conflict.clash' : 'conflict.beside')),
      h('div', { class: 'table-frame' }, h('table', { class: 'conflict' },
        h('thead', {},
          h('tr', {},
            [
              'conflict.field', 'conflict.before', 'conflict.theirs', 'conflict.mine',
            ].map((key) => h('th', { scope: 'col' }, t(key))),
          ),
        ),
        h('tbody', {}, rows))),
    ],
    submit: t('conflict.saveMine'), cancel: t('conflict.keepTheirs'), onsubmit: () => true,
  });
  return chosen === true;
}

const isSame = (one, other) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

/** A field's value for people. */
export function valueText(name, value) {
  if (value === undefined || value === null || value === '') return '–';
  if (name === 'tags') return value.length > 0 ? value.join(', ') : '–';
  if (name === 'active') return t(value ? 'customer.active' : 'customer.inactive');
  if (name === 'primaryChannel') return channelName(value);
  return String(value);
}
