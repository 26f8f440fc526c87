// Fields that are edited where they stand: a click or Enter opens one, Enter or leaving it saves, Esc gives up.

import { fill, h, icon, iconButton } from './console-dom.js';
import { fieldName, valueText } from './console-record.js';
import { channelName, channels, t } from './console-text.js';

/**
 * One field of a customer.
 *
 * @param spec as in `fields` of console-record.js
 * @param value() what it is now
 * @param onsave(value) saves; rejects with a problem whose text is then shown, and the field stays open
 */
export function fieldView(spec, value, onsave) {
  const element = h('div', { class: `record-field kind-${spec.kind}`, dataset: { field: spec.name } });
  const label = h('span', { class: 'field-label' }, fieldName(spec.name));
  const body = h('div', { class: 'record-value' });
  element.append(label, body);
  let shown; // the value that is drawn
  const show = () => {
    shown = JSON.stringify(value() ?? null);
    fill(body, spec.kind === 'flag' ? flag() : spec.kind === 'tags' ? tags() : closed());
  };
  // Drawing it again would take the focus, or what is being written, from it.
  element.show = () => !element.isEditing && JSON.stringify(value() ?? null) !== shown && show();

  function closed() {
    const now = value();
    const isEmpty = now === undefined || now === null || now === '';
    return h('button', {
      type: 'button', class: `in-place${isEmpty ? ' is-empty' : ''}`, onclick: open,
      'aria-label': t('customer.edit', {
        field: fieldName(spec.name), value: isEmpty ? t('customer.empty') : valueText(spec.name, now),
      }),
    }, h('span', { class: 'in-place-text' }, isEmpty ? t('customer.add') : valueText(spec.name, now)), icon('edit'));
  }

  function open() {
    element.isEditing = true;
    const now = value() ?? '';
    const problem = h('div', { class: 'problem-text', role: 'alert' });
    const common = { 'aria-label': fieldName(spec.name), onkeydown: key };
    const control = spec.kind === 'text'
      ? h('textarea', { ...common, rows: '4', maxlength: spec.longest, value: now })
      : spec.kind === 'channel'
        ? h('select', { ...common, onchange: () => finish(true) },
          channels.map((channel) => h('option', { value: channel, selected: channel === now }, channelName(channel))),
        )
        : h('input', { ...common, type: spec.type ?? 'text', maxlength: spec.longest, value: now, autocomplete: 'off' });
    const hint = spec.kind === 'text' ? h('div', { class: 'hint' }, t('customer.textKeys')) : null;
    let finishing = false;
    control.addEventListener('blur', () => document.hasFocus() && finish(false));
    fill(body, control, hint, problem);
    control.focus();
    control.select?.();

    function key(event) {
      if (event.isComposing) return;
      const done = event.key === 'Enter' && (spec.kind !== 'text' || event.ctrlKey || event.metaKey);
      if (done) {
        event.preventDefault();
        finish(true);
      } else if (event.key === 'Escape') {
        event.stopPropagation();
        finishing = true;
        close(true);
      }
    }

    async function finish(byKey) {
      if (finishing) return;
      const text = control.value.trim();
      if (text === (value() ?? '')) {
        finishing = true;
        return close(byKey);
      }
      if (spec.required && text === '') return fill(problem, t('customer.required'));
      finishing = true;
      control.readOnly = true;
      try {
        await onsave(text === '' ? null : text);
        close(byKey);
      } catch (error) {
        finishing = false;
        control.readOnly = false;
        control.setAttribute('aria-invalid', 'true');
        fill(problem, error.text ?? error.message);
        if (byKey) control.focus();
      }
    }
  }

  function close(keepFocus) {
    element.isEditing = false;
    show();
    if (keepFocus) body.querySelector('button')?.focus();
  }

  function flag() {
    const box = h('input', { type: 'checkbox', checked: value() !== false, onchange: async () => {
      try {
        await onsave(box.checked);
      } catch {
        box.checked = !box.checked;
      }
    } });
    return h('label', { class: 'switch' }, box, h('span', {}, t('customer.active')));
  }

  function tags() {
    const now = value() ?? [];
    const problem = h('div', { class: 'problem-text', role: 'alert' });
    const save = async (list, byKey) => {
      const written = input.value;
      input.value = ''; // or leaving the field, as drawing it anew does, would add it again
      element.isEditing = false;
      try {
        await onsave(list);
        show();
        if (byKey) body.querySelector('input').focus();
      } catch (error) {
        input.value = written;
        fill(problem, error.text ?? error.message);
      }
    };
    const add = (byKey) => {
      const tag = input.value.trim();
      if (tag !== '' && !now.includes(tag)) save([...now, tag], byKey);
      else input.value = '';
    };
    const input = h('input', {
      class: 'tag-input', maxlength: '50', placeholder: t('customer.addTag'), 'aria-label': t('customer.addTag'),
      autocomplete: 'off',
      onfocus: () => (element.isEditing = true),
      onblur: () => {
        element.isEditing = false;
        add(false);
      },
      onkeydown: (event) => {
        if (event.isComposing) return;
        if (event.key === 'Enter' || event.key === ',' || event.key === '，') {
          event.preventDefault();
          add(true);
        } else if (event.key === 'Backspace' && input.value === '' && now.length > 0) {
          save(now.slice(0, -1), true);
        } else if (event.key === 'Escape') {
          event.stopPropagation();
          input.value = '';
          input.blur();
        }
      },
    });
    return [
      h('div', { class: 'tag-list' }, now.map((tag) => h('span', { class: 'tag' }, h('span', { class: 'tag-text' }, tag),
        iconButton(
          'close', t('customer.removeTag', { tag }), { onclick: () => save(now.filter((other) => other !== tag), true) },
        ))), input),
      problem,
    ];
  }

  show();
  return element;
}
