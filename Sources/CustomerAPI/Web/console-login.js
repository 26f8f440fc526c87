// The first page: an agent signs in.

import { call } from './console-api.js';
import { fill, h } from './console-dom.js';
import { keepToken } from './console-session.js';
import { problemText, t } from './console-text.js';

/**
 * @param reason a key of the texts: why the last session ended, or null
 * @param ondone() the agent is signed in
 * @param language a button that changes the language
 */
export function loginPage(reason, ondone, language) {
  const problem = h('p', { class: 'problem-text', role: 'alert' }, reason && t(reason));
  const login = h('input', {
    name: 'login', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', required: true, maxlength: '64',
  });
  const password = h('input', {
    name: 'password', type: 'password', autocomplete: 'current-password', required: true, maxlength: '200',
  });
  const onDevice = h('input', { type: 'checkbox' });
  const button = h('button', { type: 'submit', class: 'primary' }, t('login.submit'));
  const form = h('form', {
    class: 'login-form',
    novalidate: true,
    onsubmit: async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      fill(problem);
      const missing = [login, password].find((input) => input.value.trim() === '');
      if (missing) {
        fill(problem, t('login.missing'));
        return missing.focus();
      }
      button.disabled = true;
      try {
        const answer = await call(
          'POST', '/agents/login', { body: { login: login.value.trim(), password: password.value } },
        );
        keepToken(answer.token, onDevice.checked);
        await ondone();
      } catch (error) {
        fill(problem, problemText(error));
        password.select();
        password.focus();
      }
      button.disabled = false;
    },
  },
  h('h1', {}, t('login.title')),
  h('label', { class: 'field' }, h('span', { class: 'field-label' }, t('login.login')), login),
  h('label', { class: 'field' }, h('span', { class: 'field-label' }, t('login.password')), password),
  h('label', { class: 'switch' }, onDevice, h('span', {}, t('login.onDevice'))),
  problem, button);
  queueMicrotask(() => login.focus());
  return h('main', { class: 'login-page', id: 'main' }, form, language);
}
