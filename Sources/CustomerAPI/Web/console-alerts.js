// How an agent who looks elsewhere learns that somebody waits: a sound and a desktop notification.

import { conversations, nameOf, reread } from './console-conversations.js';
import { preferences } from './console-session.js';
import { t } from './console-text.js';

let audio = null;

// Browsers let a page sound only after somebody has used it; so the sound is made ready with the first key or click.
for (const event of ['pointerdown', 'keydown']) {
  addEventListener(event, () => (audio ??= new AudioContext()).resume(), { once: true, capture: true });
}

/** Two soft tones, made here, so that no file is needed. */
export function chime() {
  if (!audio || audio.state !== 'running') return;
  for (const [delay, pitch] of [[0, 587.33], [0.14, 880]]) {
    const tone = new OscillatorNode(audio, { type: 'sine', frequency: pitch });
    const loudness = new GainNode(audio, { gain: 0 });
    const start = audio.currentTime + delay;
    loudness.gain.setValueAtTime(0, start);
    loudness.gain.linearRampToValueAtTime(0.12, start + 0.015);
    loudness.gain.exponentialRampToValueAtTime(0.0001, start + 0.5);
    tone.connect(loudness).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.55);
  }
}

// A crowd that comes at once (after a reconnect, a campaign) is one sound and not a hundred.
let lastSound = 0;
function soundSoon() {
  if (!preferences.sound || Date.now() - lastSound < 3000) return;
  lastSound = Date.now();
  chime();
}

export const notificationsAre = () => ('Notification' in globalThis ? Notification.permission : 'unsupported');

/** Asks whether notifications may be shown; only ever called from a click. */
export async function askForNotifications() {
  return (await Notification.requestPermission()) === 'granted';
}

// Two frames tell of a customer who waits, the assignment and the message; one alert does.
const alerted = new Map(); // conversation id → when

/** A customer waits who did not before. */
export async function alertWaiting(id) {
  if (Date.now() - (alerted.get(id) ?? 0) < 5000) return;
  alerted.set(id, Date.now());
  if (alerted.size > 500) alerted.delete(alerted.keys().next().value);
  soundSoon();
  if (!mayNotify()) return;
  const conversation = await reread(id).catch(() => conversations.get(id));
  if (conversation) notify(id, t('alert.waiting', { name: nameOf(conversation) }), conversation.lastMessage?.content ?? '');
}

/** A customer of this agent wrote while the agent looked elsewhere. */
export function alertNewMessage(conversation, message) {
  soundSoon();
  if (mayNotify()) notify(conversation.id, nameOf(conversation), message.content);
}

const mayNotify = () => preferences.notifications && notificationsAre() === 'granted' && !document.hasFocus();

function notify(id, title, body) {
  try {
    const notification = new Notification(title, { body: body.slice(0, 120), tag: id });
    notification.onclick = () => {
      focus();
      location.hash = `#/inbox/${id}`;
      notification.close();
    };
  } catch {
    // Some phones' browsers have the permission but no such notifications.
  }
}
