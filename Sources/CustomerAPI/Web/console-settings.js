// What an agent prefers on this device, and the keys of the console.

import { askForNotifications, chime, notificationsAre } from './console-alerts.js';
import { field, notice, showDialog } from './console-dialog.js';
import { fill, h } from './console-dom.js';
import { prefer, preferences } from './console-session.js';
import { language, t } from './console-text.js';

/** Another language is another page: everything on it is written anew. */
function chooseLanguage(chosen) {
  if (chosen === language) return;
  prefer({ language: chosen });
  location.reload();
}

export function languageButton() {
  const other = language === 'zh' ? 'en' : 'zh';
  return h('button', {
    type: 'button', class: 'quiet language', lang: other === 'zh' ? 'zh-Hans-CN' : 'en',
    onclick: () => chooseLanguage(other),
  },
    other === 'zh' ? '中文' : 'English');
}

export function showSettings() {
  const option = (value, label, chosen) => h('option', { value, selected: value === chosen }, label);
  const tick = (label, checked, onchange, hint) => h('label', { class: 'switch' },
    h('input', { type: 'checkbox', checked, onchange: (event) => onchange(event.target) }),
    h('span', {}, label, hint && h('span', { class: 'hint' }, hint)));
  const notifications = h('div', {});
  const drawNotifications = () => fill(notifications, notificationsAre() === 'unsupported'
    ? h('p', { class: 'hint' }, t('settings.noNotifications'))
    : tick(t('settings.notifications'), preferences.notifications && notificationsAre() === 'granted', async (box) => {
      if (box.checked && !(await askForNotifications())) notice(t('settings.denied'), { problem: true });
      prefer({ notifications: box.checked && notificationsAre() === 'granted' });
      drawNotifications();
    }, t('settings.notificationsHint')));
  drawNotifications();
  return showDialog({
    title: t('settings.title'),
    body: [
      field(
        t('settings.language'),
        h('select', {
          onchange: (event) => chooseLanguage(event.target.value),
        }, option('zh', '中文', language), option('en', 'English', language)),
      ),
      field(t('settings.theme'), h('select', { onchange: (event) => prefer({ theme: event.target.value }) },
        ['system', 'light', 'dark'].map((theme) => option(theme, t(`theme.${theme}`), preferences.theme)))),
      tick(
        t('settings.enterSends'), preferences.enterSends, (box) => prefer({ enterSends: box.checked }),
        t('settings.enterSendsHint'),
      ),
      tick(
        t('settings.sound'), preferences.sound, (box) => { prefer({ sound: box.checked }); if (box.checked) chime(); },
      ),
      notifications,
    ],
  });
}

const keys = [
  [
    'help.moving',
    [
      ['j k', 'help.next'], ['1 2 3', 'help.tabs'], ['/', 'help.search'], ['w', 'help.takeNext'], ['g i', 'help.inbox'],
      ['g c', 'help.customers'], ['g s', 'help.status'], ['Esc', 'help.escape'],
    ],
  ],
  [
    'help.conversation',
    [
      ['c', 'action.claim'], ['r', 'action.release'], ['t', 'action.transfer'], ['e', 'action.resolve'],
      ['d', 'help.details'],
    ],
  ],
  [
    'help.writing',
    [
      ['Enter', 'help.write'], ['n', 'help.note'], ['/', 'help.canned'], ['Ctrl Enter', 'help.send'],
      ['Shift Enter', 'help.newLine'],
    ],
  ],
  ['help.everywhere', [['?', 'help.help'], [',', 'settings.title'], ['m', 'help.mute']]],
];

export function showHelp() {
  return showDialog({
    title: t('help.title'), wide: true,
    body: h('div', { class: 'key-groups' }, keys.map(([heading, list]) => h('section', {}, h('h3', {}, t(heading)),
      h('dl', { class: 'keys' }, list.map(([names, meaning]) => [
        h('dt', {}, names.split(' ').map((name) => h('kbd', {}, name))), h('dd', {}, t(meaning)),
      ]))))),
  });
}
