// Files that are to go with the next message: stored on the server as they are chosen, so that sending does not wait.

import { isPicture } from './chat-attachments.js';
import { uploadAttachment } from './console-api.js';
import { h, icon, iconButton } from './console-dom.js';
import { notice } from './console-dialog.js';
import { byteSize, problemText, t } from './console-text.js';

const largest = 10 * 1024 * 1024; // bytes, the server's MAX_ATTACHMENT_BYTES unless set otherwise
const most = 10; // of one message

export class UploadTray {
  /** @param onchange what is ready, or whether something is under way, has changed */
  constructor(onchange) {
    this.onchange = onchange;
    this.byConversation = new Map(); // id → uploads; each keeps its own while the agent looks at another
    this.uploads = [];
    this.element = h('ul', { class: 'uploads', 'aria-label': t('upload.label'), hidden: true });
  }

  show(conversationId) {
    if (!this.byConversation.has(conversationId)) this.byConversation.set(conversationId, []);
    this.uploads = this.byConversation.get(conversationId);
    this.draw();
  }

  get ready() {
    return this.uploads.filter(({ stored }) => stored).map(({ stored }) => stored);
  }

  get isBusy() {
    return this.uploads.some(({ stored, problem }) => !stored && !problem);
  }

  add(files, conversationId) {
    for (const file of files) {
      if (this.uploads.length >= most) {
        notice(t('upload.tooMany', { n: most }), { problem: true });
        break;
      }
      if (file.size > largest) {
        notice(t('upload.tooLarge', { name: file.name, size: byteSize(largest) }), { problem: true });
        continue;
      }
      if (file.size === 0) {
        notice(t('upload.empty', { name: file.name }), { problem: true });
        continue;
      }
      this.start(file, conversationId, this.uploads);
    }
    this.draw();
  }

  async start(file, conversationId, uploads) {
    const upload = { file, progress: 0, stored: null, problem: null, abort: new AbortController() };
    if (isPicture({ contentType: file.type })) upload.preview = URL.createObjectURL(file);
    uploads.push(upload);
    try {
      upload.stored = await uploadAttachment(file, conversationId, (part) => {
        upload.progress = part;
        if (upload.bar) upload.bar.value = part;
      }, upload.abort.signal);
    } catch (problem) {
      if (problem.name === 'AbortError') return;
      upload.problem = problem;
    }
    this.draw();
  }

  remove(upload) {
    upload.abort.abort();
    if (upload.preview) URL.revokeObjectURL(upload.preview);
    this.uploads.splice(this.uploads.indexOf(upload), 1);
    this.draw();
  }

  /** They have been sent. */
  clear() {
    for (const upload of [...this.uploads]) this.remove(upload);
  }

  draw() {
    this.element.hidden = this.uploads.length === 0;
    this.element.replaceChildren(...this.uploads.map((upload) => this.view(upload)));
    this.onchange();
  }

  view(upload) {
    const { file, stored, problem, preview } = upload;
    upload.bar = !stored && !problem ? h('progress', {
      max: '1', value: upload.progress, 'aria-label': t('upload.progress', { name: file.name }),
    }) : null;
    return h('li', { class: problem ? 'upload has-failed' : 'upload' },
      preview ? h('img', { src: preview, alt: '' }) : icon('file'),
      h('span', { class: 'upload-name', title: file.name }, file.name || t('upload.picture')),
      upload.bar ?? h('span', { class: 'file-size' }, problem ? problemText(problem) : byteSize(file.size)),
      iconButton('close', t('upload.remove', { name: file.name }), { onclick: () => this.remove(upload) }));
  }
}
