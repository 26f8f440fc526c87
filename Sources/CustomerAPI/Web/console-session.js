// Who works in this window: the agent's token, where it is kept, and what this agent prefers.

// The token is kept for this window alone, and ends with it; only who asks to stay signed in has it kept on the device.
const tokenKey = 'console.token';
const preferencesKey = 'console.preferences';

/** The agent who is signed in, as `GET /agents/me` has it; null before that. */
export const session = { token: null, agent: null };

/** `onended(reason)` is called when the session is over; the reason is a key of the texts, or null after a logout. */
let onended = () => {};
export function whenSessionEnds(listener) {
  onended = listener;
}

/** Takes up the token of an earlier page of this window or device, if there is one. */
export function restoreToken() {
  session.token = sessionStorage.getItem(tokenKey) ?? localStorage.getItem(tokenKey);
  return session.token !== null;
}

export function keepToken(token, onDevice) {
  session.token = token;
  forgetToken();
  (onDevice ? localStorage : sessionStorage).setItem(tokenKey, token);
}

function forgetToken() {
  sessionStorage.removeItem(tokenKey);
  localStorage.removeItem(tokenKey);
}

/**
 * Ends the session in this window. After a logout (`reason` null) drafts and unsent messages go too: the next one at this
 * device may be somebody else. They stay when a token merely ran out, as the same agent comes back to them.
 */
export function endSession(reason) {
  if (session.token === null) return;
  if (reason === null) forgetUnsent();
  session.token = null;
  session.agent = null;
  forgetToken();
  onended(reason);
}

// A logout in one window of this device is one in all that share its token.
addEventListener('storage', (event) => {
  if (
    event.key === tokenKey && event.newValue === null && event.oldValue === session.token
  ) endSession('session.elsewhere');
});

// Preferences ----------------------------------------------------------------------------------------------------------

const defaults = { language: null, theme: 'system', enterSends: true, sound: true, notifications: false };

/** What this device's people prefer; not the token's, so that it is there before the login. */
export const preferences = { ...defaults, ...readJSON(preferencesKey) };

export function prefer(changes) {
  Object.assign(preferences, changes);
  write(preferencesKey, JSON.stringify(preferences));
  applyTheme();
}

export function applyTheme() {
  document.documentElement.dataset.theme = preferences.theme;
}

// Drafts ---------------------------------------------------------------------------------------------------------------

const draftPrefix = 'console.draft.';
const outboxPrefix = 'console.outbox.';

/** What is written but not sent, `{text, note}` of a conversation; each agent's own. */
export function draft(conversationId) {
  return readJSON(draftKey(conversationId));
}

export function keepDraft(conversationId, value) {
  if (value?.text) write(draftKey(conversationId), JSON.stringify(value));
  else localStorage.removeItem(draftKey(conversationId));
}

function draftKey(conversationId) {
  return `${draftPrefix}${session.agent?.id}.${conversationId}`;
}

/** Where messages wait that the server has not acknowledged. */
export const outboxKey = (agentId) => `${outboxPrefix}${agentId}`;

function forgetUnsent() {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(draftPrefix) || key.startsWith(outboxPrefix)) localStorage.removeItem(key);
  }
}

function readJSON(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null; // written by another version, or by hand
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // The device's store is full: what was to be kept lives as long as this page.
  }
}
