// Where the customer writes: text that grows, and a tray of files that upload while it is written.

import { isPicture } from './chat-attachments.js';
import { el, icon } from './widget-dom.js';
import { MAX_FILES, MAX_FILE_BYTES, upload } from './widget-files.js';

export class Composer {
  element;
  #session;
  #options;
  #texts;
  #box;
  #tray = el('ul', { class: 'tray', hidden: true });
  #hint = el('p', { class: 'hint', role: 'status' });
  #send;
  #files = []; // {file, progress, attachment, problem, upload, element}
  #isSending = false; // as soon as the uploads are done
  #onsent;

  constructor({ session, options, texts, onsent }) {
    const { t } = texts;
    this.#session = session;
    this.#options = options;
    this.#texts = texts;
    this.#onsent = onsent;
    this.#box = el('textarea', {
      rows: 1, placeholder: t('placeholder'), 'aria-label': t('message'), enterkeyhint: 'enter', dir: 'auto',
      oninput: () => this.#wrote(), onkeydown: (event) => this.#key(event), onpaste: (event) => this.#paste(event),
      onblur: () => session.typing(false),
    });
    this.#send = el('button', { type: 'submit', class: 'send', 'aria-label': t('send'), title: t('send') }, icon('send'));
    const choose = el('input', {
      type: 'file', multiple: true, hidden: true, tabindex: -1,
      onchange: () => {
        this.add(choose.files);
        choose.value = '';
      },
    });
    const attach = el('button', {
      type: 'button', class: 'attach', 'aria-label': t('attach'), title: t('attach'), onclick: () => choose.click(),
    }, icon('attach'));
    this.element = el('form', { class: 'composer', onsubmit: (event) => this.#submit(event) },
      this.#tray, this.#hint, el('div', { class: 'box' }, attach, choose, this.#box, this.#send));
    this.#box.value = this.#draft();
    this.#draw();
  }

  focus() {
    this.#box.focus({ preventScroll: true });
  }

  /** The box has no height to measure until it is shown. */
  shown() {
    this.#grow();
  }

  /** Takes files to send: chosen, dropped or pasted. */
  add(files) {
    this.#hint.textContent = '';
    for (const file of files) {
      if (this.#files.length === MAX_FILES) {
        this.#hint.textContent = this.#texts.t('tooMany', { limit: MAX_FILES });
        break;
      }
      const entry = { file, progress: 0 };
      this.#files.push(entry);
      this.#upload(entry);
    }
    this.#draw();
    this.focus();
  }

  #upload(entry) {
    const { t, size } = this.#texts;
    const { file } = entry;
    const name = file.name;
    entry.problem = null;
    if (file.size > MAX_FILE_BYTES) entry.problem = { text: t('tooLarge', { name, limit: size(MAX_FILE_BYTES) }) };
    if (file.size === 0) entry.problem = { text: t('empty', { name }) };
    if (entry.problem) return;
    const { base } = this.#options;
    entry.upload = upload({
      base, file, token: this.#session.token,
      onprogress: (progress) => {
        entry.progress = progress;
        this.#draw();
      },
    });
    entry.upload.done.then(
      (attachment) => (entry.attachment = attachment),
      ({ status }) => {
        const isRefused = status >= 400 && status < 500 && status !== 401;
        const key = status === 413 ? 'tooLarge' : isRefused ? 'uploadRefused' : 'uploadFailed';
        entry.problem = { text: t(key, { name, limit: size(MAX_FILE_BYTES) }), mayRetry: key === 'uploadFailed' };
        this.#isSending = false;
      },
    ).then(() => {
      this.#draw();
      if (this.#isSending) this.#submit();
    });
  }

  #remove(entry) {
    this.#files = this.#files.filter((other) => other !== entry);
    entry.upload?.abort();
    entry.element.remove();
    if (entry.preview) URL.revokeObjectURL(entry.preview);
    this.#hint.textContent = '';
    this.#draw();
    this.focus();
  }

  #submit(event) {
    event?.preventDefault();
    const text = this.#box.value.trim();
    this.#hint.textContent = '';
    if (!text && !this.#files.length) return;
    if (this.#files.some((entry) => entry.problem)) return this.#draw();
    this.#isSending = this.#files.some((entry) => !entry.attachment);
    if (this.#isSending) {
      this.#hint.textContent = this.#texts.t('sendsAfterUpload');
      return this.#draw();
    }
    const attachments = this.#files.map((entry) => entry.attachment);
    try {
      this.#session.send(text || attachments.map(({ name }) => name).join(', '), attachments);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#hint.textContent = this.#texts.t('tooLong');
      return;
    }
    for (const entry of [...this.#files]) this.#remove(entry);
    this.#box.value = '';
    this.#keepDraft();
    this.#grow();
    this.#draw();
    this.focus(); // a phone's keyboard stays
    this.#onsent();
  }

  #key(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.altKey) return;
    if (event.isComposing || event.keyCode === 229) return; // that Enter chooses a word (pinyin)
    // On a phone's keyboard Enter is the only way to a new line, and the button is near.
    if (matchMedia('(pointer: coarse)').matches && !event.ctrlKey && !event.metaKey) return;
    this.#submit(event);
  }

  #paste(event) {
    const files = [...event.clipboardData.files];
    // A copied piece of a document comes as a picture of it too: there the text is meant.
    if (!files.length || event.clipboardData.getData('text/plain')) return;
    event.preventDefault();
    this.add(files);
  }

  #wrote() {
    this.#hint.textContent = '';
    this.#session.typing(this.#box.value !== '');
    this.#keepDraft();
    this.#grow();
    this.#draw();
  }

  #grow() {
    this.#box.style.height = 'auto';
    if (this.#box.scrollHeight) this.#box.style.height = `${this.#box.scrollHeight}px`;
  }

  #draw() {
    this.#box.readOnly = this.#isSending;
    const isEmpty = !this.#box.value.trim() && !this.#files.length;
    this.#send.setAttribute('aria-disabled', isEmpty || this.#isSending || this.#files.some((entry) => entry.problem));
    this.#tray.hidden = !this.#files.length;
    for (const entry of this.#files) {
      entry.element ??= this.#tray.appendChild(el('li'));
      this.#drawFile(entry);
    }
  }

  #drawFile(entry) {
    const { t, size } = this.#texts;
    const { file, problem, attachment, progress } = entry;
    const state = problem ? 'failed' : attachment ? 'done' : 'uploading';
    const bar = entry.element.querySelector('progress');
    if (entry.state === state) {
      if (bar) {
        bar.value = progress;
        bar.setAttribute('aria-label', t('uploading', { name: file.name, percent: Math.round(progress * 100) }));
      }
      return;
    }
    entry.state = state;
    if (isPicture({ contentType: file.type })) entry.preview ??= URL.createObjectURL(file);
    const remove = el('button', {
      type: 'button', class: 'remove', 'aria-label': t('remove', { name: file.name }), onclick: () => this.#remove(entry),
    }, icon('close'));
    const retry = problem?.mayRetry && el('button', {
      type: 'button', class: 'plain', text: t('retry'),
      onclick: () => {
        this.#upload(entry);
        this.#draw();
      },
    });
    entry.element.className = state;
    entry.element.replaceChildren(
      entry.preview ? el('img', { src: entry.preview, alt: '' }) : icon('file'),
      el('div', { class: 'about', role: problem ? 'alert' : null },
        el('span', { class: 'name', text: problem?.text ?? file.name, title: file.name }),
        state === 'uploading' ? el('progress', { max: 1, value: progress }) : null,
        state === 'done' ? el('span', { class: 'size', text: size(file.size) }) : null,
        retry || null),
      remove);
  }

  // What is half written stays, in this tab, when the customer goes to another page of the site.
  #draft() {
    try {
      return sessionStorage.getItem(`${this.#options.prefix}.draft`) ?? '';
    } catch {
      return '';
    }
  }

  #keepDraft() {
    try {
      sessionStorage.setItem(`${this.#options.prefix}.draft`, this.#box.value);
    } catch {} // forbidden
  }
}
