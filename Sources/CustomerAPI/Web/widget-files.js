// Attachments: files up, with progress, and pictures and files down. Both need the token, so a plain <img> won't do.

export const MAX_FILE_BYTES = 10 * 1024 ** 2; // MAX_ATTACHMENT_BYTES of the server
export const MAX_FILES = 10; // in one message

// Only these are shown, and only if the server, which looks at the bytes, calls them so. A blob: address belongs to the
// page's own origin: nothing that a browser runs may become one with its type. All else is bytes to save.
const pictures = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
export const isPicture = ({ contentType }) => pictures.includes(contentType);

const KEPT = 40;
const kept = new Map(); // attachment's id → promise of {address, isShown}, the newest last

/** Returns {done: promise of {id, name, contentType, size}, abort()}. Rejects with {status, code}; 0: no answer. */
export function upload({ base, token, file, onprogress }) {
  const request = new XMLHttpRequest(); // fetch tells no progress of what goes up
  const done = new Promise((resolve, reject) => {
    const url = new URL('api/v1/attachments', base);
    url.searchParams.set('name', file.name);
    request.open('POST', url);
    request.setRequestHeader('Authorization', `Bearer ${token}`);
    request.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
    request.responseType = 'json';
    request.upload.onprogress = ({ loaded, total }) => onprogress(total ? loaded / total : 0);
    request.onload = () => {
      const { data, error } = request.response ?? {};
      if (request.status < 300 && data) resolve(data);
      else reject({ status: request.status, code: error?.code });
    };
    request.onerror = request.onabort = () => reject({ status: 0 });
    request.send(file);
  });
  return { done, abort: () => request.abort() };
}

/** Promise of the blob: address of an attachment; with `mustShow`, fails unless the server says that it is a picture. */
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
  if (mustShow && !isShown) throw new TypeError('not a picture');
  return address;
}

async function get(base, token, id) {
  const url = new URL(`api/v1/attachments/${encodeURIComponent(id)}`, base);
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(url, { headers, credentials: 'omit', referrerPolicy: 'no-referrer' });
  if (!answer.ok) throw new Error(`${answer.status}`);
  const contentType = answer.headers.get('Content-Type');
  const isShown = isPicture({ contentType });
  const blob = new Blob([await answer.arrayBuffer()], { type: isShown ? contentType : 'application/octet-stream' });
  return { address: URL.createObjectURL(blob), isShown };
}
