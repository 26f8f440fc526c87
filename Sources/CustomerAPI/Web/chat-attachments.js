// Attachments as both screens see them: which a message has, and which of them may be shown as pictures.

import { plainName } from './chat-text.js';

const MOST = 20; // shown of one message
// A picture takes 4 bytes a pixel when it is shown, however small its file is: 100 MB. Larger ones are files to save.
const MOST_PIXELS = 25e6;

/**
 * The attachments that a message's metadata names, or none: `{id, name, contentType, size}`. All of it is the sender's word,
 * who may be any program; what has no id and name is left away, and so is what is past the first 20.
 */
export function attachmentsOf({ metadata }) {
  const list = metadata?.attachments;
  if (!Array.isArray(list)) return [];
  return list
    .filter((each) => typeof each?.id === 'string' && typeof each.name === 'string')
    .slice(0, MOST)
    .map(({ id, name, contentType, size }) => ({ id, name: plainName(name) || 'file', contentType, size }));
}

/** Whether the message says only what its files are called, which they show themselves. */
export const isOnlyNames = ({ content }, attachments) => attachments.length > 0 &&
  [attachments[0].name, attachments.map(({ name }) => name).join(', ')].includes(plainName(content));

// Only these are shown, and only if the server, which looks at the bytes, calls them so. A blob: address belongs to the
// page's own origin: nothing that a browser runs may become one with its type. All else is bytes to save.
const types = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
export const isPicture = ({ contentType }) => types.includes(contentType);

/** Whether bytes (an ArrayBuffer) that the server calls `contentType` are a picture, and of a size to show. */
export function isShowable(contentType, buffer) {
  if (!isPicture({ contentType })) return false;
  try {
    const [width, height] = sizes[contentType](new DataView(buffer));
    return width * height <= MOST_PIXELS;
  } catch {
    return false; // it ends within its header, or has none
  }
}

// Width and height as the headers have them, where decoders look for them. RangeError past the end.
const sizes = {
  'image/png': (bytes) => [bytes.getUint32(16), bytes.getUint32(20)],

  'image/jpeg'(bytes) {
    for (let at = 2; ;) {
      const marker = bytes.getUint8(at + 1);
      if (bytes.getUint8(at) !== 0xff || marker === 0xff) at += 1; // what stands between segments is skipped
      else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
        return [bytes.getUint16(at + 7), bytes.getUint16(at + 5)]; // SOFn
      } else at += marker <= 1 || (marker >= 0xd0 && marker <= 0xd8) ? 2 : 2 + bytes.getUint16(at + 2);
    }
  },

  // Of its screen, or its first frame where that is larger, as browsers do.
  'image/gif'(bytes) {
    const flags = bytes.getUint8(10);
    let at = 13 + (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
    while (bytes.getUint8(at) === 0x21) { // extensions
      at += 2;
      while (bytes.getUint8(at)) at += 1 + bytes.getUint8(at);
      at += 1;
    }
    const [width, height] = [0, 2].map((of) => {
      const frame = bytes.getUint8(at) === 0x2c ? bytes.getUint16(at + 1 + of, true) + bytes.getUint16(at + 5 + of, true) : NaN;
      return Math.max(bytes.getUint16(6 + of, true), frame);
    });
    return [width, height];
  },

  'image/webp'(bytes) {
    const kind = String.fromCharCode(...[12, 13, 14, 15].map((at) => bytes.getUint8(at)));
    if (kind === 'VP8X') return [24, 27].map((at) => 1 + (bytes.getUint32(at - 1, true) >>> 8));
    if (kind === 'VP8L') return [0, 14].map((bit) => 1 + ((bytes.getUint32(21, true) >>> bit) & 0x3fff));
    if (kind === 'VP8 ') return [26, 28].map((at) => bytes.getUint16(at, true) & 0x3fff);
    return [NaN, NaN];
  },
};
