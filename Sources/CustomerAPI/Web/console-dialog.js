// Dialogs, and short notices that go by themselves.

import { fill, h, iconButton } from './console-dom.js';
import { problemText, t } from './console-text.js';

/**
 * Shows a dialog and resolves when it is closed: with what `onsubmit` returned, or null if it was cancelled.
 *
 * @param title what it is about
 * @param body nodes; with `onsubmit` they are in a form
 * @param submit the label of the button that does it; without it there is only "Close"
 * @param onsubmit(form) may be async; a problem it throws is shown in the dialog, at its field if it names one
 * @param dangerous the button does what cannot be undone
 */
export function showDialog(
  { title, body, submit, cancel = t('cancel'), onsubmit, dangerous = false, wide = false, extra },
) {
  return new Promise((resolve) => {
    let result = null;
    const problem = h('p', { class: 'problem-text', role: 'alert' });
    const button = submit && h('button', { type: 'submit', class: dangerous ? 'danger' : 'primary' }, submit);
    const form = h('form', {
      class: 'dialog-form',
      novalidate: true,
      onsubmit: async (event) => {
        event.preventDefault();
        if (!onsubmit || button.disabled) return;
        fill(problem);
        for (const field of form.querySelectorAll('[aria-invalid]')) field.removeAttribute('aria-invalid');
        button.disabled = true;
        try {
          result = (await onsubmit(form)) ?? true;
          dialog.close();
        } catch (error) {
          fill(problem, problemText(error));
          const field = error.field && form.elements[error.field];
          field?.setAttribute?.('aria-invalid', 'true');
          field?.focus?.();
        }
        button.disabled = false;
      },
    },
    h('div', { class: 'dialog-body' }, body), problem,
    h('div', { class: 'dialog-buttons' }, extra,
      h('button', { type: 'button', class: 'dialog-cancel', onclick: () => dialog.close() }, submit ? cancel : t('close')), button));
    const dialog = h('dialog', { class: wide ? 'wide' : null, 'aria-label': title },
      h('header', { class: 'dialog-head' },
        h('h2', {}, title), iconButton('close', t('close'), { onclick: () => dialog.close() }),
      ),
      form);
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(result);
    });
    // A press that begins inside (to mark text) and ends outside does not close it.
    let pressed = null;
    dialog.addEventListener('pointerdown', (event) => (pressed = event.target));
    dialog.addEventListener('click', (event) => event.target === dialog && pressed === dialog && dialog.close());
    document.body.append(dialog);
    dialog.showModal();
    // Where nothing is to be written, on what does no harm.
    (form.querySelector('[autofocus]') ?? form.querySelector('input, textarea, select, .dialog-cancel')).focus();
  });
}

/** Asks before something is done that cannot be undone. */
export async function confirmed(title, text, submit) {
  return (await showDialog({ title, body: h('p', {}, text), submit, dangerous: true, onsubmit: () => true })) === true;
}

/** A labelled field of a form. */
export function field(label, control, hint) {
  return h('label', { class: 'field' },
    h('span', { class: 'field-label' }, label), control, hint && h('span', { class: 'hint' }, hint),
  );
}

const notices = h('div', { class: 'notices', role: 'status', 'aria-live': 'polite', popover: 'manual' });

/** Says something for some seconds; `action` `{label, run}` is a button in it. */
export function notice(text, { problem = false, action } = {}) {
  const element = h('div', { class: problem ? 'notice problem' : 'notice' }, h('span', {}, text),
    action && h('button', {
      type: 'button', class: 'quiet', onclick: () => { element.remove(); action.run(); },
    }, action.label));
  for (const earlier of notices.children) if (earlier.firstChild.textContent === text) earlier.remove();
  if (!notices.isConnected) document.body.append(notices);
  // The top layer, above an open dialog; shown again, it is the topmost.
  if (notices.matches(':popover-open')) notices.hidePopover();
  notices.showPopover();
  notices.append(element);
  while (notices.children.length > 3) notices.firstChild.remove();
  const end = () => {
    if (element.querySelector('button:is(:hover, :focus)')) return setTimeout(end, 1000); // about to be used
    element.remove();
    if (notices.children.length === 0 && notices.matches(':popover-open')) notices.hidePopover();
  };
  setTimeout(end, action ? 20_000 : problem ? 10_000 : 5000);
}

/** Does something and says so if it failed; returns whether it did. */
export async function attempt(work) {
  try {
    await work();
    return true;
  } catch (problem) {
    notice(problemText(problem), { problem: true });
    return false;
  }
}
