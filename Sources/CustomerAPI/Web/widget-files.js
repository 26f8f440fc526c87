// Attachments: files up, with progress, and pictures and files down. Both need the token, so a plain <img> won't do.

import { isShowable } from './chat-attachments.js';

export const MAX_FILE_BYTES = 10 * 1024 ** 2; // MAX_ATTACHMENT_BYTES of the server
export const MAX_FILES = 10; // in one message

const KEPT = 40;
const kept = new Map(); // attachment's id → promise of {address, isShown}, the newest last

/** Returns {done: promise of {id, name, contentType, size}, abort()}. Rejects with {status, code}; 0: no answer. */
export function upload({ base, token, file, onprogress }) {
  const request = new XMLHttpRequest(); // fetch tells no progress of what goes up
  const done = new Promise((resolve, reject) => {
    const url = new URL('api/v1/attachments', base);
    url.searchParams.set('name', file.name);
    const send = () => {
      request.open('POST', url);
      request.setRequestHeader('Authorization', `Bearer ${token}`);
      request.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
      request.responseType = 'json';
      request.send(file);
    };
    let turns = 60;
    request.upload.onprogress = ({ loaded, total }) => onprogress(total ? loaded / total : 0);
    request.onload = () => {
      const { data, error } = request.response ?? {};
      if (request.status < 300 && data) resolve(data);
      // Only so many uploads at once: the others wait their turn.
      else if (request.status === 429 && turns-- > 0) setTimeout(send, 500 + 1000 * Math.random());
      else reject({ status: request.status, code: error?.code });
    };
    request.onerror = request.onabort = () => reject({ status: 0 });
    send();
  });
  return { done, abort: () => request.abort() };
}

/** Promise of the blob: address of an attachment; with `mustShow`, fails unless it is a picture to show. */
export async function addressOf({ base, token, id, mustShow }) {
  let download = kept.get(id);
  if (!download) {
    download = get(base, token, id);
    download.catch(() => kept.delete(id));
  }
  kept.delete(id);
  kept.set(id, download);
  if (kept.size > KEPT) {
    const [[oldest, old]] = kept;
    kept.delete(oldest);
    old.then(({ address }) => URL.revokeObjectURL(address), () => {});
  }
  const { address, isShown } = await download;
  if (mustShow && !isShown) throw new TypeError('no picture to show');
  return address;
}

async function get(base, token, id) {
  const url = new URL(`api/v1/attachments/${encodeURIComponent(id)}`, base);
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(url, { headers, credentials: 'omit', referrerPolicy: 'no-referrer' });
  if (!answer.ok) throw new Error(`${answer.status}`);
  const contentType = answer.headers.get('Content-Type');
  const bytes = await answer.arrayBuffer();
  const isShown = isShowable(contentType, bytes);
  const blob = new Blob([bytes], { type: isShown ? contentType : 'application/octet-stream' });
  return { address: URL.createObjectURL(blob), isShown };
}
