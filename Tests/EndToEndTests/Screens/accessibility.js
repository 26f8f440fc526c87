// Checks a page as it is now for what keeps people with assistive technology, with a keyboard only or with weak eyes out:
//
//   const found = await inspect(page);      // sentences `RULE: ELEMENT DETAIL`, none if all is well
//
// Rules, after WCAG 2.2 AA: language and title; a live region; controls, dialogs and pictures with names; labels; valid roles and
// references; heading order; contrast of text (4.5:1, large 3:1) and of the edges of empty fields (3:1), as computed styles
// have it; targets of 24 pixels; and, by walking through the page with Tab: all is reached, in reading order, and one sees where
// the focus is. Sees through open shadow roots. The walk takes the focus from where it was, and puts it nowhere.
'use strict';
const fs = require('fs');
const path = require('path');

const source = fs.readFileSync(path.join(__dirname, 'accessibility-page.js'), 'utf8');
const inPage = (expression) => `(() => { ${source}\nreturn ${expression}; })()`;

const NAMED = new Set(['button', 'link', 'textbox', 'searchbox', 'combobox', 'checkbox', 'radio', 'switch', 'tab', 'menuitem',
  'menuitemcheckbox', 'menuitemradio', 'option', 'listbox', 'slider', 'spinbutton', 'treeitem', 'dialog', 'alertdialog', 'image',
  'progressbar', 'meter', 'radiogroup', 'tablist', 'menu', 'toolbar', 'grid', 'tree', 'Iframe']);

/** What assistive technology is told: roles that need a name and have none. */
async function unnamed(page) {
  const found = [];
  for (const node of await page.accessibilityTree()) {
    const role = node.role?.value;
    if (!NAMED.has(role) || node.name?.value?.trim()) continue;
    const { node: element } = await page.send('DOM.describeNode', { backendNodeId: node.backendDOMNodeId });
    found.push(`no name: ${role} <${element.localName} ${(element.attributes ?? []).join(' ').slice(0, 100)}>`);
  }
  return found;
}

/** Walks through the page with Tab, from its beginning until it comes round. */
async function walk(page) {
  await page.call(inPage('startWalk()'));
  let stuck = 0;
  let last = -2;
  for (let count = 0; count < 300; count += 1) {
    await page.press('Tab');
    const { at } = await page.call(inPage('focusStep()'));
    stuck = at === last ? stuck + 1 : 0;
    // Past the end the focus leaves the page, and comes in again at the first element.
    if (stuck > 1 || (at === 0 && count > 1 && last !== -1) || (at === -1 && count > 0)) break;
    last = at;
  }
  // Transitions of colours come to rest before looks are compared.
  await page.call('focused()?.blur()');
  await page.rest();
  return page.call(inPage('judgeFocus()'));
}

async function inspect(page, { focus = true } = {}) {
  await page.rest();
  const found = [...await page.call(inPage('inspectPage()')), ...await unnamed(page)];
  return focus ? [...found, ...await walk(page)] : found;
}

module.exports = { inspect };
