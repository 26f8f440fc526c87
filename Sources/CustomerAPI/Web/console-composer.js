// Where an agent writes: replies and internal notes, canned answers, files; what is not sent yet is kept for each conversation.

import { CannedPopup } from './console-canned.js';
import { h, icon, iconButton, setText } from './console-dom.js';
import { attempt, notice } from './console-dialog.js';
import { sendMessage, tellTyping, writeNote } from './console-live.js';
import { draft, keepDraft, preferences } from './console-session.js';
import { t } from './console-text.js';
import { UploadTray } from './console-uploads.js';

const longestNote = 4000; // signs, as the API has it

export class Composer {
  constructor() {
    this.id = null;
    this.isNote = false; // what is written now is an internal note
    this.wantsNote = false; // it was begun as one
    this.may = { reply: true, note: true };
    this.typing = h('div', { class: 'typing-line', 'aria-live': 'polite' });
    this.reply = h('button', {
      type: 'button', class: 'mode', 'aria-pressed': 'true', onclick: () => this.setMode(false, true),
    }, t('composer.reply'));
    this.note = h('button', {
      type: 'button', class: 'mode', 'aria-pressed': 'false', onclick: () => this.setMode(true, true),
    }, icon('note'), t('composer.note'));
    this.hint = h('span', { class: 'composer-hint' });
    this.text = h('textarea', {
      rows: '1', maxlength: '20000', id: 'composer-text', 'aria-describedby': 'composer-keys',
      oninput: () => this.changed(), onkeydown: (event) => this.key(event), onpaste: (event) => this.paste(event),
    });
    this.canned = new CannedPopup(this.text, (answer) => this.insert(answer));
    this.uploads = new UploadTray(() => this.showSendable());
    this.files = h('input', {
      type: 'file', multiple: true, hidden: true,
      onchange: () => { this.uploads.add(this.files.files, this.id); this.files.value = ''; },
    });
    this.send = h('button', {
      type: 'button', class: 'primary send', onclick: () => this.submit(),
    }, icon('send'), h('span', {}, t('composer.send')));
    this.keys = h('span', { class: 'composer-keys', id: 'composer-keys' });
    this.attach = iconButton('clip', t('composer.attach'), { onclick: () => this.files.click() });
    this.box = h('div', { class: 'composer-box' },
      h('div', {
        class: 'composer-modes', role: 'group', 'aria-label': t('composer.mode'),
      }, this.reply, this.note, this.hint),
      this.text, this.uploads.element,
      h('div', { class: 'composer-bar' },
        this.attach,
        iconButton('bolt', t('canned.title'), { onclick: () => { this.text.focus(); this.canned.openAll(); } }),
        this.keys, this.send, this.files));
    this.element = h('div', { class: 'composer' }, this.typing, this.canned.element, this.box);
    this.showKeys();
  }

  /** Lets files be dropped anywhere on this element, which has the composer in it. */
  takeDrops(element) {
    element.addEventListener('dragover', (event) => {
      event.preventDefault(); // else the browser would open the file in place of the console
      this.box.classList.toggle('dropping', this.may.reply && !this.isNote);
    });
    element.addEventListener('dragleave', () => this.box.classList.remove('dropping'));
    element.addEventListener('drop', (event) => this.drop(event));
  }

  // Which conversation ------------------------------------------------------------------------------------------------------

  enter(id) {
    this.id = id;
    const kept = draft(id);
    this.text.value = kept?.text ?? '';
    this.wantsNote = kept?.note ?? false;
    this.showMode();
    this.uploads.show(id);
    this.showKeys();
    this.fit();
    this.showSendable();
  }

  leave() {
    if (!this.id) return;
    this.stopTyping();
    this.canned.close();
    this.id = null;
  }

  /** What this agent may write here, and a word about what it would do. */
  allow({ reply, note, hint }) {
    this.may = { reply, note };
    this.explanation = hint;
    this.showMode();
    this.reply.disabled = !reply;
    this.note.disabled = !note;
    this.text.disabled = !reply && !note;
    this.showSendable();
  }

  setMode(isNote, focus) {
    this.wantsNote = isNote;
    this.showMode();
    this.keep();
    if (focus) this.text.focus();
  }

  /** Where a reply is not allowed (now), what is written is a note; it becomes no reply when one is allowed again. */
  showMode() {
    this.isNote = this.wantsNote || !this.may.reply;
    this.box.classList.toggle('is-note', this.isNote);
    this.reply.setAttribute('aria-pressed', String(!this.isNote));
    this.note.setAttribute('aria-pressed', String(this.isNote));
    this.attach.disabled = this.isNote;
    const label = t(this.isNote ? 'composer.notePlaceholder' : 'composer.placeholder');
    this.text.placeholder = label;
    this.text.setAttribute('aria-label', label);
    this.text.maxLength = this.isNote ? longestNote : 20_000;
    if (this.isNote) this.stopTyping();
    this.showHint();
  }

  showHint() {
    setText(
      this.hint,
      this.isNote ? (this.may.reply ? t('composer.noteHint') : this.explanation ?? '') : this.explanation ?? '',
    );
  }

  showKeys() {
    setText(this.keys, t(preferences.enterSends ? 'composer.enterSends' : 'composer.controlEnterSends'));
  }

  showTyping(text) {
    setText(this.typing, text);
  }

  focus() {
    this.showKeys();
    this.text.focus();
  }

  // Writing -----------------------------------------------------------------------------------------------------------------

  changed() {
    if (!this.may.reply) this.wantsNote = this.text.value.trim() !== '';
    this.fit();
    this.keep();
    this.showSendable();
    this.canned.follow();
    if (this.isNote) return;
    if (this.text.value.trim() === '') return this.stopTyping();
    this.isTyping = true;
    tellTyping(this.id, true);
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.stopTyping(), 6000);
  }

  stopTyping() {
    clearTimeout(this.pause);
    if (this.isTyping) tellTyping(this.id, false);
    this.isTyping = false;
  }

  keep() {
    if (this.id) keepDraft(this.id, { text: this.text.value, note: this.wantsNote });
  }

  fit() {
    this.text.style.height = 'auto';
    this.text.style.height = `${Math.min(this.text.scrollHeight + 2, 220)}px`;
  }

  showSendable() {
    const hasWords = this.text.value.trim() !== '';
    const hasFiles = !this.isNote && this.uploads.ready.length > 0;
    this.send.disabled = this.text.disabled || (!hasWords && !hasFiles) || (!this.isNote && this.uploads.isBusy);
  }

  key(event) {
    // Enter ends the choice of a Chinese sign; it must not send.
    if (event.isComposing || event.keyCode === 229) return;
    if (this.canned.key(event)) return;
    if (event.key === 'Enter') {
      const modified = event.ctrlKey || event.metaKey;
      if (modified || (preferences.enterSends && !event.shiftKey && !event.altKey)) {
        event.preventDefault();
        this.submit();
      }
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      this.text.blur();
      document.getElementById('conversations')?.focus();
    }
  }

  insert(answer) {
    const { start, end } = this.canned.range();
    this.text.setRangeText(answer.content, start, end, 'end');
    this.text.focus();
    this.changed();
  }

  /** Puts a message that could not be sent back to be written on, unless something else is being written. */
  takeBack(item) {
    if (this.text.value.trim() !== '') return;
    this.text.value = item.content;
    this.changed();
  }

  paste(event) {
    const files = [...event.clipboardData.files];
    if (files.length === 0 || this.isNote) return;
    event.preventDefault();
    this.uploads.add(files, this.id);
  }

  drop(event) {
    event.preventDefault();
    this.box.classList.remove('dropping');
    if (
      this.may.reply && !this.isNote && event.dataTransfer.files.length > 0
    ) this.uploads.add(event.dataTransfer.files, this.id);
  }

  // Sending -----------------------------------------------------------------------------------------------------------------

  async submit() {
    this.showSendable();
    if (this.send.disabled) return;
    const { id } = this;
    const content = this.text.value.trim();
    if (this.isNote) return this.submitNote(id, content);
    const attachments = this.uploads.ready;
    try {
      sendMessage(id, content || attachments[0].name, attachments);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      notice(t('composer.tooLong'), { problem: true });
      return;
    }
    this.uploads.clear();
    this.stopTyping();
    this.empty();
    this.text.focus(); // also after a click on Send, which is disabled now and would keep it
  }

  async submitNote(id, content) {
    this.send.disabled = true;
    const done = await attempt(() => writeNote(id, content));
    if (done && this.id === id) {
      this.empty();
      // Back from the button, which was disabled meanwhile; but not from where the agent has gone since.
      const { activeElement } = document;
      if (activeElement === document.body || this.element.contains(activeElement)) this.text.focus();
    } else if (done) {
      keepDraft(id, null);
    }
    this.showSendable();
  }

  empty() {
    this.text.value = '';
    if (!this.may.reply) this.wantsNote = false;
    this.keep();
    this.fit();
    this.showSendable();
  }
}
