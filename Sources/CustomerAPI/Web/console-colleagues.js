// The other agents: names for what they said, and whom a conversation can go to.

import { call } from './console-api.js';
import { session } from './console-session.js';
import { collator } from './console-text.js';

const byId = new Map();
let reading = null;
let lastReading = 0;

/** Fires `change` when names came. */
export const colleagueChanges = new EventTarget();

/** Reads who they are and who is there. */
export function readColleagues() {
  lastReading = Date.now();
  reading ??= call('GET', '/colleagues').then(({ colleagues }) => {
    for (const colleague of colleagues) byId.set(colleague.id, colleague);
    colleagueChanges.dispatchEvent(new Event('change'));
  }).catch(() => {}).finally(() => (reading = null));
  return reading;
}

/** The name of an agent; undefined until it is known, which makes it be read. */
export function nameOfAgent(id) {
  if (id === session.agent?.id) return session.agent.name;
  const name = byId.get(id)?.name;
  // A new colleague; but an id that nobody has must not make every drawing read them all.
  if (!name && Date.now() - lastReading > 30_000) readColleagues();
  return name;
}

/** Active agents other than this one, who is there first, then by name. */
export function otherAgents() {
  return [...byId.values()]
    .filter((agent) => agent.active && agent.id !== session.agent.id && agent.role !== 'bot')
    .sort((one, other) => Number(other.online ?? 0) - Number(one.online ?? 0) || collator.compare(one.name, other.name));
}

export function forgetColleagues() {
  byId.clear();
}
