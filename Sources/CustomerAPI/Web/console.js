// The agents' console: begins here. Login, then a bar of pages with one of them beside it; the address says which.
//
//   #/inbox[/CONVERSATION]   #/customers[/CUSTOMER]   #/admin   #/status
//
// What is known: -session (token, preferences, drafts), -api (REST), -live (the WebSocket, by chat-client.js), -conversations,
// -lists (their orders), -threads (what was said), -colleagues, -record (a customer), -alerts.
// What is shown: -login, -inbox = -list (-scroller, -row) + -thread (-message, -attachments, -composer, -canned, -uploads) +
// -customer (-fields); -customers, -admin, -status; -settings, -dialog, -dom (elements), -text (-en, -zh).
// What is shown listens to what is known and never the other way round.

import { AdminPage } from './console-admin.js';
import { call } from './console-api.js';
import { forgetPictures } from './console-attachments.js';
import { forgetColleagues } from './console-colleagues.js';
import { changes, conversations, forgetConversations, isMine, unreadOf } from './console-conversations.js';
import { CustomersPage } from './console-customers.js';
import { confirmed, notice } from './console-dialog.js';
import { avatar, fill, h, icon, setText } from './console-dom.js';
import { InboxPage } from './console-inbox.js';
import { startLists } from './console-lists.js';
import { connectionState, connectNow, live, retryAt, startLive, stopLive, unsentCount } from './console-live.js';
import { loginPage } from './console-login.js';
import {
  applyTheme, endSession, prefer, preferences, restoreToken, session, whenSessionEnds,
} from './console-session.js';
import { languageButton, showHelp, showSettings } from './console-settings.js';
import { StatusPage } from './console-status.js';
import { problemText, t } from './console-text.js';
import { forgetThreads } from './console-threads.js';

const pages = { inbox: InboxPage, customers: CustomersPage, status: StatusPage, admin: AdminPage };
const drawings = { inbox: 'inbox', customers: 'people', status: 'pulse', admin: 'shield' };

let page = null; // the page that is shown, `{name, view}`
let frame = null; // what is around it: its elements, and how the connection is
let counting = null;
const narrow = matchMedia('(max-width: 719px)'); // as in console.css

applyTheme();
document.title = t('title');
whenSessionEnds((reason) => {
  stopLive();
  closePage();
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  forgetThreads();
  forgetConversations();
  forgetColleagues();
  forgetPictures();
  frame = null;
  showLogin(reason);
});
addEventListener('hashchange', () => session.agent && showPage());
addEventListener('keydown', key);
narrow.addEventListener('change', placeNav);
live.addEventListener('state', showConnection);
changes.addEventListener('conversation', countSoon);
setInterval(showConnection, 1000);
if (restoreToken()) begin().catch(showBroken);
else showLogin(null);

function showLogin(reason) {
  document.title = t('title');
  fill(document.body, loginPage(reason, begin, languageButton()));
}

/** The token of an earlier page could not be tried: the server is away. */
function showBroken(problem) {
  if (session.token === null) return; // it was tried, and has ended
  fill(document.body, h('main', { class: 'login-page', id: 'main' }, h('div', { class: 'login-form' },
    h('h1', {}, t('title')), h('p', { class: 'problem-text', role: 'alert' }, problemText(problem)),
    h('button', { type: 'button', class: 'primary', onclick: () => location.reload() }, t('again')))));
}

async function begin() {
  const agent = await call('GET', '/agents/me');
  session.agent = agent;
  startLists();
  build();
  startLive();
  showPage();
}

function build() {
  const { agent } = session;
  const names = Object.keys(pages).filter((name) => name !== 'admin' || agent.role === 'admin');
  const links = Object.fromEntries(names.map(
    (name) => [
      name,
      h('a', {
        href: `#/${name}`, class: 'nav-link', title: t(`nav.${name}`),
      }, icon(drawings[name]), h('span', {}, t(`nav.${name}`))),
    ],
  ));
  const sound = h('button', { type: 'button', class: 'nav-button', onclick: toggleSound });
  const unread = h('span', { class: 'badge' });
  links.inbox.append(unread);
  const nav = h('nav', { class: 'nav', 'aria-label': t('nav.label') },
    h('div', { class: 'nav-pages' }, Object.values(links)),
    h('div', { class: 'nav-tools' }, sound,
      h('button', {
        type: 'button', class: 'nav-button', 'aria-label': t('help.title'), title: `${t('help.title')} (?)`,
        onclick: showHelp,
      }, icon('help')),
      h('button', {
        type: 'button', class: 'nav-button', 'aria-label': t('settings.title'), title: `${t('settings.title')} (,)`,
        onclick: showSettings,
      }, icon('settings')),
      h('button', {
        type: 'button', class: 'nav-button', 'aria-label': t('logout'), title: t('logout'), onclick: logOut,
      }, icon('logout')),
      h('span', { class: 'nav-self', title: `${agent.name} · ${t(`role.${agent.role}`)}` },
        avatar(agent.name, agent.id), h('span', { class: 'heard-only' }, agent.name),
      )));
  const banner = h('div', { class: 'banner', role: 'status', hidden: true });
  const place = h('div', { class: 'page-place' });
  const element = h('div', { class: 'frame' }, banner, place);
  frame = { element, nav, links, banner, place, sound, unread };
  placeNav();
  fill(document.body, h('a', { class: 'skip', href: '#main', onclick: skip }, t('skip')), element);
  drawSound();
  showConnection();
}

/** Beside the page the bar comes first, below it last; so it is for who goes through the page by Tab. */
function placeNav() {
  if (!frame) return;
  if (narrow.matches) frame.element.append(frame.nav);
  else frame.element.prepend(frame.nav);
}

/** To the page's content, past the bar; the address stays, as it names the page. */
function skip(event) {
  event.preventDefault();
  const target = document.querySelector('#conversations') ?? document.querySelector('#main :is(input, button, a)');
  target?.focus();
}

// Pages ------------------------------------------------------------------------------------------------------------------

function showPage() {
  // Anybody can make an address that an agent opens: what is no page and no id in it counts as not there.
  const [, asked, part] = location.hash.split('/');
  const name = Object.hasOwn(frame.links, asked) ? asked : 'inbox';
  const id = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(part) ? part : null;
  if (page?.name !== name) {
    closePage();
    page = { name, view: new pages[name]() };
    fill(frame.place, page.view.element);
    for (const [other, link] of Object.entries(frame.links)) {
      if (other === name) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }
  page.view.show(id);
  // Whoever comes back to the inbox finds it as it was.
  if (name === 'inbox') frame.links.inbox.href = id ? location.hash : '#/inbox';
}

function closePage() {
  page?.view.close();
  page = null;
}

/** What this agent has not read, in the window's title and on the bar; counted twice a second at most. */
function countSoon() {
  counting ??= setTimeout(() => {
    counting = null;
    if (!frame) return;
    let unread = 0;
    for (const conversation of conversations.values()) if (isMine(conversation)) unread += unreadOf(conversation);
    document.title = unread > 0 ? `(${unread}) ${t('title')}` : t('title');
    setText(frame.unread, unread > 99 ? '99+' : unread > 0 ? String(unread) : '');
  }, 500);
}

// Connection, sound, logout -------------------------------------------------------------------------------------------------

/** A line across the page while there is no connection; a blink of one is not worth a word. */
function showConnection() {
  if (!frame) return;
  const state = connectionState();
  const isBroken = state === 'waiting' || (state === 'connecting' && frame.wasBroken);
  frame.wasBroken = isBroken;
  if (!isBroken) {
    frame.brokenSince = null;
    frame.banner.hidden = true;
    return;
  }
  frame.brokenSince ??= Date.now();
  if (Date.now() - frame.brokenSince < 1500) return;
  const seconds = Math.ceil(((retryAt() ?? 0) - Date.now()) / 1000);
  if (!frame.bannerText) {
    frame.bannerText = h('span', {});
    fill(
      frame.banner, icon('alert'), frame.bannerText,
      h('button', { type: 'button', class: 'quiet', onclick: connectNow }, t('connection.now')),
    );
  }
  // The seconds are for the eye alone: a screen reader would read out each.
  setText(frame.bannerText, t('connection.lost') + (seconds > 0 ? ` ${t('connection.retry', { s: seconds })}` : ''));
  frame.banner.setAttribute('aria-live', frame.banner.hidden ? 'polite' : 'off');
  frame.banner.hidden = false;
}

function toggleSound() {
  prefer({ sound: !preferences.sound });
  drawSound();
  notice(t(preferences.sound ? 'sound.on' : 'sound.off'));
}

function drawSound() {
  const label = t(preferences.sound ? 'sound.mute' : 'sound.unmute');
  frame.sound.setAttribute('aria-label', label);
  frame.sound.title = `${label} (m)`;
  fill(frame.sound, icon(preferences.sound ? 'bell' : 'bellOff'));
}

async function logOut() {
  const unsent = unsentCount();
  if (unsent > 0 && !(await confirmed(t('logout'), t('logout.unsent', { n: unsent }), t('logout')))) return;
  const headers = { Authorization: `Bearer ${session.token}` };
  endSession(null);
  // Ended here whatever the server says: if it can't be reached, the token runs out by itself.
  await call('POST', '/agents/logout', { headers }).catch(() => {});
}

// Keys -------------------------------------------------------------------------------------------------------------------

let isGoing = 0; // when `g` was pressed, ms

function key(event) {
  if (
    !session.agent || event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey
  ) return;
  const inField = event.target.closest?.('input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]');
  if (inField || document.querySelector('dialog[open]')) return;
  if (Date.now() - isGoing < 1200) {
    isGoing = 0;
    const name = { i: 'inbox', c: 'customers', s: 'status', a: 'admin' }[event.key];
    if (name && frame.links[name]) {
      event.preventDefault();
      location.hash = frame.links[name].hash;
      return;
    }
  }
  const everywhere = { '?': showHelp, ',': showSettings, m: toggleSound, g: () => (isGoing = Date.now()) }[event.key];
  if (everywhere) {
    event.preventDefault();
    everywhere();
  } else if (page?.view.key(event)) {
    event.preventDefault();
  }
}
