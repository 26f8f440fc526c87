// Words of others, for the eye: both screens show what customers, agents and other programs wrote through these.

/** What turns round or hides the letters beside it: control characters, line ends, and the marks of writing direction. */
const unseen = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** A name (of a person, a file) as it is shown and saved, without these characters; empty if it is nothing else. */
export const plainName = (name) => (name ?? '').replace(unseen, '');

const LONGEST = 2000; // signs of an address; a longer one stays text
// The time it takes must grow with the text as it does: a part that may go on for ever stands only where nothing has to
// follow it. Addresses end before space, the characters above, CJK punctuation and quotes.
const address = new RegExp(
  '\\b(?:https?:\\/\\/|www\\.)[^\\s<>"\'“”‘’，。；：！？、（）《》【】「」\\0-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]+' +
  '|[\\w.+-]{1,64}@[\\w-]{1,63}(?:\\.[\\w-]{1,63}){1,10}', 'gi');

/** The addresses in a text, in order: `{index, shown, href}`; http, https and mailto only, whatever it says. */
export function addressesIn(text) {
  const found = [];
  for (const { 0: written, index } of text.matchAll(address)) {
    if (written.length > LONGEST) continue;
    // What closes a sentence is no part of one; a bracket that was opened before the address closes after it.
    const closing = /[([]/.test(written) ? '.,;:!?*_~' : '.,;:!?*_~)]';
    let length = written.length;
    while (length > 0 && closing.includes(written[length - 1])) length -= 1;
    const shown = written.slice(0, length);
    const href = hrefOf(shown);
    if (href) found.push({ index, shown, href });
  }
  return found;
}

function hrefOf(shown) {
  const written = /^www\./i.test(shown) ? `https://${shown}` : /^https?:/i.test(shown) ? shown : `mailto:${shown}`;
  try {
    const url = new URL(written);
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
