// Canned answers: texts that are written often. `/` in the composer finds one; any agent may add, change and delete them.

import { call } from './console-api.js';
import { field, showDialog } from './console-dialog.js';
import { fill, h, iconButton } from './console-dom.js';
import { collator, contains, t } from './console-text.js';

let answers = [];

/** Reads them; after each connection, as others change them too. */
export async function readCanned() {
  try {
    ({ answers } = await call('GET', '/canned-answers'));
    answers.sort((one, other) => collator.compare(one.shortcut, other.shortcut));
  } catch {
    // What was read before stays; it is read again with the next connection.
  }
}

/** Those whose shortcut begins so, then those that have the words in it or in their text. */
function matching(words) {
  if (words === '') return answers;
  const starts = [];
  const has = [];
  for (const answer of answers) {
    if (contains(answer.shortcut.slice(0, words.length), words)) starts.push(answer);
    else if (contains(answer.shortcut, words) || contains(answer.content, words)) has.push(answer);
  }
  return [...starts, ...has];
}

/** The list above the composer while a word that begins with `/` is written. */
export class CannedPopup {
  constructor(text, onchoose) {
    this.text = text;
    this.onchoose = onchoose;
    this.found = [];
    this.at = 0;
    this.element = h('div', { class: 'canned-popup', hidden: true });
    this.list = h('ul', { role: 'listbox', id: 'canned-list', 'aria-label': t('canned.title') });
    this.element.append(this.list, h('div', { class: 'canned-foot' }, h('span', { class: 'hint' }, t('canned.keys')),
      h('button', {
        type: 'button', class: 'link', onclick: () => { this.close(); manageCanned(); },
      }, t('canned.manage'))));
    // A press would take the focus from the text before the click chooses.
    this.element.addEventListener('pointerdown', (event) => event.preventDefault());
    text.addEventListener('blur', () => this.close());
  }

  /** The part of the text that the answer replaces: the `/word` before the cursor,
  or nothing where it was opened by the button. */
  range() {
    const end = this.text.selectionStart;
    const word = /(?:^|\s)(\/[^\s/]*)$/.exec(this.text.value.slice(0, end));
    return word ? {
      start: end - word[1].length, end, word: word[1].slice(1),
    } : { start: end, end: this.text.selectionEnd, word: null };
  }

  follow() {
    const { word } = this.range();
    if (word === null) return this.close();
    this.open(matching(word));
  }

  openAll() {
    this.open(answers);
  }

  open(found) {
    this.found = found.slice(0, 50);
    this.at = 0;
    this.element.hidden = false;
    this.text.setAttribute('aria-controls', 'canned-list');
    this.draw();
  }

  close() {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.text.removeAttribute('aria-activedescendant');
    this.text.removeAttribute('aria-controls');
  }

  draw() {
    if (this.found.length === 0) {
      fill(this.list, h('li', { class: 'canned-none' }, t(answers.length === 0 ? 'canned.none' : 'canned.noneFound')));
      this.text.removeAttribute('aria-activedescendant');
      return;
    }
    fill(this.list, this.found.map((answer, index) => h('li', {
      role: 'option', id: `canned-${index}`, class: 'canned-option', 'aria-selected': String(index === this.at),
      onclick: () => this.choose(index),
    }, h('span', { class: 'canned-shortcut' }, `/${answer.shortcut}`), h('span', { class: 'canned-text' },
    answer.content.slice(0, 200)))));
    this.text.setAttribute('aria-activedescendant', `canned-${this.at}`);
    this.list.children[this.at].scrollIntoView({ block: 'nearest' });
  }

  choose(index) {
    const answer = this.found[index];
    if (!answer) return;
    this.onchoose(answer);
    this.close();
  }

  /** Whether the key was for the popup. */
  key(event) {
    if (this.element.hidden) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.found.length > 0) {
      this.at = (this.at + step + this.found.length) % this.found.length;
      this.draw();
    } else if ((event.key === 'Enter' || event.key === 'Tab') && this.found.length > 0) {
      this.choose(this.at);
    } else if (event.key === 'Escape') {
      this.close();
    } else {
      return false;
    }
    event.preventDefault();
    event.stopPropagation();
    return true;
  }
}

/** The dialog in which they are added, changed and deleted. */
async function manageCanned() {
  await readCanned();
  const filter = h('input', {
    type: 'search', placeholder: t('canned.search'), 'aria-label': t('canned.search'), oninput: () => draw(),
  });
  const list = h('ul', { class: 'canned-manage' });
  const draw = () => {
    const found = matching(filter.value.trim());
    if (found.length === 0) return fill(
      list, h('li', { class: 'hint' }, t(answers.length === 0 ? 'canned.none' : 'canned.noneFound')),
    );
    fill(list, found.map((answer) => h('li', {},
      h('div', { class: 'canned-entry' },
        h('span', { class: 'canned-shortcut' }, `/${answer.shortcut}`),
        h('span', { class: 'canned-text' }, answer.content),
      ),
      iconButton(
        'edit', t('canned.edit', { name: answer.shortcut }), { onclick: async () => { if (await edit(answer)) draw(); } },
      ),
      iconButton(
        'trash', t('canned.delete', { name: answer.shortcut }),
        { onclick: async () => { if (await remove(answer)) draw(); } },
      ))));
  };
  const add = h('button', {
    type: 'button', class: 'primary', onclick: async () => { if (await edit(null)) draw(); },
  }, t('canned.add'));
  draw();
  await showDialog(
    { title: t('canned.title'), wide: true, body: [h('div', { class: 'dialog-search' }, filter, add), list] },
  );
}

function edit(answer) {
  const shortcut = h('input', {
    name: 'shortcut', value: answer?.shortcut ?? '', maxlength: '32', required: true, autocomplete: 'off',
    spellcheck: 'false',
  });
  const content = h('textarea', {
    name: 'content', rows: '6', maxlength: '4000', required: true, value: answer?.content ?? '',
  });
  return showDialog({
    title: answer ? t('canned.edit', { name: answer.shortcut }) : t('canned.add'),
    body: [field(t('canned.shortcut'), shortcut, t('canned.shortcutHint')), field(t('canned.content'), content)],
    submit: t('save'),
    onsubmit: async () => {
      const body = { shortcut: shortcut.value.trim().replace(/^\//, ''), content: content.value.trim() };
      await call(answer ? 'PUT' : 'POST', answer ? `/canned-answers/${answer.id}` : '/canned-answers', { body });
      await readCanned();
    },
  });
}

async function remove(answer) {
  const title = t('canned.delete', { name: answer.shortcut });
  return showDialog({
    title, body: h('p', { class: 'quote' }, answer.content), submit: t('delete'), dangerous: true,
    onsubmit: async () => {
      await call('DELETE', `/canned-answers/${answer.id}`);
      await readCanned();
    },
  });
}
