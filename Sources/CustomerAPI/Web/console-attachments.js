// Files of messages: pictures shown, other files to download. They are opened with the agent's token, so an address alone
// shows nothing; the page holds them as blobs.

import { isPicture, isShowable } from './chat-attachments.js';
import { fetchAttachment } from './console-api.js';
import { h, icon, iconButton } from './console-dom.js';
import { notice } from './console-dialog.js';
import { byteSize, problemText, t } from './console-text.js';

const keptPictures = 60;
const pictures = new Map(); // id → promise of a blob: address, the last used last

function pictureAddress(id) {
  let address = pictures.get(id);
  pictures.delete(id);
  // By what the server found the bytes to be: what the message calls them is the sender's word.
  address ??= fetchAttachment(id).then(async (blob) => {
    if (!isShowable(blob.type, await blob.arrayBuffer())) throw new TypeError(blob.type);
    return URL.createObjectURL(blob);
  });
  pictures.set(id, address);
  address.catch(() => pictures.delete(id));
  if (pictures.size > keptPictures) {
    const [oldest, old] = pictures.entries().next().value;
    pictures.delete(oldest);
    old.then((url) => URL.revokeObjectURL(url), () => {});
  }
  return address;
}

export function forgetPictures() {
  for (const address of pictures.values()) address.then((url) => URL.revokeObjectURL(url), () => {});
  pictures.clear();
}

// Pictures far up in a thread are fetched when one scrolls there.
const inView = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    inView.unobserve(target);
    target.load();
  }
}, { rootMargin: '300px' });

export function attachmentView(attachment) {
  return isPicture(attachment) ? picture(attachment) : file(attachment);
}

/** In a box of fixed size, so that nothing moves when it arrives. */
function picture(attachment) {
  const button = h('button', {
    type: 'button', class: 'picture', 'aria-label': t('attachment.show', { name: attachment.name }),
    title: attachment.name,
  });
  button.load = async () => {
    try {
      button.replaceChildren(
        h('img', { src: await pictureAddress(attachment.id), alt: attachment.name, draggable: 'false' }),
      );
      button.onclick = () => showLarge(attachment);
    } catch (problem) {
      if (problem instanceof TypeError) return button.replaceWith(file(attachment));
      button.replaceChildren(icon('alert'), h('span', {}, t('attachment.gone')));
      button.onclick = button.load;
    }
  };
  inView.observe(button);
  return button;
}

function file(attachment) {
  return h('button', {
    type: 'button', class: 'file', onclick: () => download(attachment),
    'aria-label': t('attachment.download', { name: attachment.name }),
  },
    icon('file'),
    h('span', { class: 'file-name' }, attachment.name),
    h('span', { class: 'file-size' }, Number.isFinite(attachment.size) ? byteSize(attachment.size) : ''),
    icon('download'));
}

async function download(attachment) {
  try {
    const url = URL.createObjectURL(await fetchAttachment(attachment.id));
    h('a', { href: url, download: attachment.name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (problem) {
    notice(problem.status === 404 ? t('attachment.gone') : problemText(problem), { problem: true });
  }
}

async function showLarge(attachment) {
  const dialog = h('dialog', { class: 'large-picture', 'aria-label': attachment.name },
    h('img', { src: await pictureAddress(attachment.id), alt: attachment.name }),
    h('div', { class: 'large-picture-bar' },
      h('span', {}, attachment.name),
      iconButton(
        'download', t('attachment.download', { name: attachment.name }), { onclick: () => download(attachment) },
      ),
      iconButton('close', t('close'), { onclick: () => dialog.close(), autofocus: true })));
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
