// The part of accessibility.js that runs in the page, together with page-side.js: what the DOM and its computed styles say.

const ROLES = new Set(('alert alertdialog application article banner blockquote button caption cell checkbox code columnheader combobox '
  + 'complementary contentinfo definition deletion dialog directory document emphasis feed figure form generic grid gridcell group '
  + 'heading img image insertion link list listbox listitem log main mark marquee math menu menubar menuitem menuitemcheckbox '
  + 'menuitemradio meter navigation none note option paragraph presentation progressbar radio radiogroup region row rowgroup rowheader '
  + 'scrollbar search searchbox separator slider spinbutton status strong subscript superscript switch tab table tablist tabpanel term '
  + 'textbox time timer toolbar tooltip tree treegrid treeitem').split(' '));
const INTERACTIVE = 'a[href], button, input, select, textarea, summary, label, option, [contenteditable=""], [contenteditable="true"], '
  + '[role="button"], [role="link"], [role="option"], [role="tab"], [role="menuitem"], [role="treeitem"], [role="checkbox"], [role="switch"], '
  + '[role="radio"], [role="row"], [role="gridcell"]';
const LABELLED = 'input:not([type="hidden"], [type="submit"], [type="button"], [type="reset"], [type="image"]), select, textarea';

const WRITTEN = 'input:not([type="checkbox"], [type="radio"], [type="range"], [type="file"], [type="color"]), textarea';

function inspectPage() {
  focused()?.blur(); // the looks of what has the focus are checked in the walk

  const found = [];
  const report = (rule, element, detail = '') => found.push(`${rule}: ${element ? describe(element) : 'the page'}${detail && ` ${detail}`}`);
  const elements = [...everyElement()];
  const visible = elements.filter(isVisible);
  checkPage(report, elements);
  for (const element of elements) checkMarkup(report, element);
  for (const element of visible) checkControl(report, element);
  checkHeadings(report, visible);
  for (const element of visible) {
    checkContrast(report, element);
    checkEdge(report, element);
  }
  return found;
}

function checkPage(report, elements) {
  if (!document.documentElement.lang.trim()) report('no page language', null);
  if (!document.title.trim()) report('no page title', null);
  if (/user-scalable\s*=\s*(no|0)|maximum-scale\s*=\s*1(\.0)?\b/.test(document.querySelector('meta[name="viewport"]')?.content ?? '')) {
    report('zoom is forbidden', null);
  }
  const live = elements.filter((element) => element.matches(
    '[aria-live="polite"], [aria-live="assertive"], [role="log"], [role="status"], [role="alert"], output'));
  if (!live.length) report('no live region', null);
}

function checkMarkup(report, element) {
  const role = element.getAttribute('role');
  if (role !== null && !role.trim().split(/\s+/).some((word) => ROLES.has(word))) report('unknown role', element, role);
  if (element.localName === 'img' && !element.hasAttribute('alt')) report('image without alt', element);
  if (element.tabIndex > 0) report('positive tabindex', element);
  const root = element.getRootNode();
  for (const name of ['aria-labelledby', 'aria-describedby', 'aria-activedescendant', 'for']) {
    for (const id of (element.getAttribute(name) ?? '').split(/\s+/).filter(Boolean)) {
      if (!root.getElementById(id)) report('reference to nothing', element, `${name}="${id}"`);
    }
  }
  if (element.id && root.querySelectorAll(`[id="${CSS.escape(element.id)}"]`).length > 1) report('id twice', element);
  if (element.matches('[aria-hidden="true"]')) {
    for (const inner of [element, ...everyElement(element)]) {
      if (inner.tabIndex >= 0 && isVisible(inner) && !inner.closest('[inert]')) report('focusable, but hidden from assistive technology', inner);
    }
  }
}

function checkControl(report, element) {
  if (element.matches(LABELLED)) {
    const isLabelled = element.labels?.length || ['aria-label', 'aria-labelledby', 'title'].some((name) => element.getAttribute(name)?.trim());
    if (!isLabelled) report('field without label', element, element.placeholder ? 'a placeholder goes away' : '');
  }
  if (element.localName === 'svg' && !element.closest('[aria-hidden="true"]') && element.getAttribute('role') !== 'img'
    && !element.closest('button, a, [role]')) report('picture neither named nor hidden', element);
  if (element.matches('button, a[href], [role="button"]') && parentOnScreen(element)?.closest?.('button, a[href], [role="button"]')) {
    report('control inside a control', element);
  }
  // A row may be clicked as a whole if what is clicked is in it.
  const parent = parentOnScreen(element);
  if (getComputedStyle(element).cursor === 'pointer' && !(parent && getComputedStyle(parent).cursor === 'pointer')
    && !element.matches(INTERACTIVE) && !element.querySelector(INTERACTIVE)) report('looks clickable and is no control', element);
  // WCAG 2.2, 2.5.8; links in running text are exempt.
  const box = element.getBoundingClientRect();
  if (element.matches('button, input:not([type="checkbox"], [type="radio"], [type="file"]), select, textarea, [role="button"], [role="tab"]')
    && (box.width < 23.5 || box.height < 23.5)) report('smaller than 24 by 24 pixels', element, `${box.width} by ${box.height}`);
}

function checkHeadings(report, visible) {
  let last = 0;
  for (const element of visible) {
    const level = /^h([1-6])$/.test(element.localName) ? Number(element.localName[1])
      : element.getAttribute('role') === 'heading' ? Number(element.getAttribute('aria-level') ?? 2) : 0;
    if (!level) continue;
    if (level > last + 1) report('heading level skipped', element, `${last || 'the beginning'} to ${level}`);
    last = level;
  }
  if (!last) report('no heading', null);
}

const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
const colours = new Map();

// Any CSS colour as [red, green, blue, alpha], 0 to 255 and 0 to 1.
function parseColour(text) {
  if (!colours.has(text)) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    colours.set(text, [red, green, blue, alpha / 255]);
  }
  return colours.get(text);
}

const over = (top, bottom) => [0, 1, 2].map((at) => top[at] * top[3] + bottom[at] * (1 - top[3])).concat(1);

// What can be behind an element's text: one colour, or the stops of a gradient. Assumes that ancestors are what is behind.
function backgrounds(element) {
  const layers = [];
  for (let at = element; at; at = parentOnScreen(at)) {
    const style = getComputedStyle(at);
    const stops = style.backgroundImage.match(/(rgba?|color|oklch|oklab|hsla?|lab|lch)\([^()]*\)/g);
    if (style.backgroundImage !== 'none') layers.push(stops ? stops.map(parseColour) : null);
    layers.push([parseColour(style.backgroundColor)]);
    if (layers.at(-1)[0][3] === 1) break;
  }
  // The page's own canvas.
  let behind = [matchMedia('(prefers-color-scheme: dark)').matches && /dark/.test(getComputedStyle(document.documentElement).colorScheme)
    ? [18, 18, 18, 1] : [255, 255, 255, 1]];
  for (const layer of layers.reverse()) {
    if (!layer) return null;
    behind = layer.flatMap((top) => behind.map((bottom) => over(top, bottom)));
  }
  return behind;
}

function luminance(colour) {
  const [red, green, blue] = colour.slice(0, 3).map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function ratio(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

// How much of itself an element shows, with its ancestors' opacity.
function opacity(element) {
  let all = 1;
  for (let at = element; at; at = parentOnScreen(at)) all *= Number(getComputedStyle(at).opacity);
  return all;
}

function checkContrast(report, element) {
  if (element.matches(':disabled, [aria-disabled="true"]') || element.closest(':disabled, [aria-disabled="true"]')) return;
  const style = getComputedStyle(element);
  const ownText = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.nodeValue).join('').trim();
  const texts = ownText ? [[ownText, style.color]] : [];
  if (element.matches(WRITTEN)) {
    if (element.value) texts.push([element.value, style.color]);
    else if (element.placeholder) texts.push([element.placeholder, getComputedStyle(element, '::placeholder').color]);
  }
  if (element.localName === 'select') texts.push([element.selectedOptions[0]?.text, style.color]);
  if (!texts.length || ['script', 'style', 'option', 'title'].includes(element.localName)) return;
  // Text for screen readers only: clipped to nothing.
  const box = element.getBoundingClientRect();
  if (box.width <= 1 || box.height <= 1 || opacity(element) === 0) return;
  const size = parseFloat(style.fontSize);
  const wanted = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
  const behind = backgrounds(element);
  for (const [text, colour] of texts) {
    if (!behind) { report('text on a picture', element); continue; }
    const [red, green, blue, alpha] = parseColour(colour);
    const worst = Math.min(...behind.map((background) => ratio(over([red, green, blue, alpha * opacity(element)], background), background)));
    if (worst < wanted) report('low contrast', element, `${worst.toFixed(2)} instead of ${wanted} for "${text.slice(0, 30)}" (${colour})`);
  }
}

// WCAG 2.2, 1.4.11: one sees where to write, by an edge (which may be that of a box around it) unless by words in the field.
function checkEdge(report, element) {
  if (!element.matches(WRITTEN) || element.matches(':disabled') || element.value || element.placeholder) return;
  let best = 1;
  for (let at = element, depth = 0; at && depth < 4; at = parentOnScreen(at), depth += 1) {
    const outside = parentOnScreen(at) && backgrounds(parentOnScreen(at))?.[0];
    if (!outside) break;
    const style = getComputedStyle(at);
    const edges = [over(parseColour(style.backgroundColor), outside)];
    if (style.borderBottomStyle !== 'none' && parseFloat(style.borderBottomWidth) > 0) edges.push(over(parseColour(style.borderBottomColor), outside));
    best = Math.max(best, ...edges.map((edge) => ratio(edge, outside)));
  }
  if (best < 3) report('field without a visible edge', element, `${best.toFixed(2)} instead of 3`);
}

// --- focus -------------------------------------------------------------------------------------------------------------------

const modalDialog = () => [...everyElement()].filter((element) => element.matches('dialog:modal, [aria-modal="true"]')
  && isVisible(element)).at(-1);

// What has had the focus is where Tab begins: the page, or the dialog that is all of it.
function startWalk() {
  focused()?.blur();
  delete globalThis.focusWalk;
  const start = modalDialog() ?? document.body;
  const before = start.getAttribute('tabindex');
  start.tabIndex = -1;
  start.focus({ preventScroll: true });
  if (before === null) start.removeAttribute('tabindex'); else start.setAttribute('tabindex', before);
}

// What Tab should reach: of a radio group one, and with an open modal dialog only what is in it.
function tabbable() {
  const modal = modalDialog();
  return [...everyElement()].filter((element) => element.tabIndex >= 0 && isVisible(element)
    && !element.matches(':disabled, [type="radio"]') && !isInert(element) && (!modal || isInside(element, modal))
    && !(element.shadowRoot && element.shadowRoot.delegatesFocus)
    && element.localName !== 'iframe');
}

function isInert(element) {
  for (let at = element; at; at = parentOnScreen(at)) if (at.inert) return true;
  return false;
}

// What shows that an element has the focus: its own looks, those of what is around it, and of its pseudo-elements.
function looks(element) {
  const parts = [];
  for (let at = element, depth = 0; at && depth < 4; at = parentOnScreen(at), depth += 1) {
    for (const pseudo of [null, '::before', '::after']) {
      const style = getComputedStyle(at, pseudo);
      parts.push(style.outlineStyle === 'none' ? 'none' : `${style.outlineStyle} ${style.outlineWidth} ${style.outlineColor}`,
        style.boxShadow, style.borderColor, style.borderWidth, style.backgroundColor, style.textDecorationLine);
    }
  }
  return parts.join('|');
}

// One step of the walk with Tab. Elements are kept in a list of the page's own, found again by their number.
function focusStep() {
  const walk = (globalThis.focusWalk ??= []);
  const element = focused();
  if (!element || element === document.body || element === document.documentElement) return { at: -1 };
  const known = walk.findIndex((step) => step.element === element);
  if (known >= 0) return { at: known };
  const box = element.getBoundingClientRect();
  const isSeen = isVisible(element) && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
  walk.push({ element, looks: looks(element), isSeen });
  return { at: walk.length - 1 };
}

// Where an element is, or the edge of the box at which it has been scrolled out of sight.
function placeOf(element) {
  let { left, right, top, bottom } = element.getBoundingClientRect();
  for (let at = parentOnScreen(element); at; at = parentOnScreen(at)) {
    if (getComputedStyle(at).overflowY === 'visible' || at === document.documentElement) continue;
    const box = at.getBoundingClientRect();
    const within = (y) => Math.min(Math.max(y, box.top), box.bottom);
    [top, bottom] = [within(top), within(bottom)];
  }
  return { left, right, top, bottom };
}

function judgeFocus() {
  const walk = globalThis.focusWalk ?? [];
  delete globalThis.focusWalk;
  focused()?.blur();
  const found = [];
  const inOrder = [...everyElement()];
  // What sticks while the rest scrolls is in its place at the beginning.
  for (const element of inOrder) if (element.scrollTop > 0) element.scrollTop = 0;
  let last = null;
  for (const step of walk) {
    if (!step.isSeen) found.push(`focus on something invisible: ${describe(step.element)}`);
    else if (looks(step.element) === step.looks) found.push(`focus cannot be seen: ${describe(step.element)}`);
    if (last) {
      const [from, to] = [placeOf(last.element), placeOf(step.element)];
      const isBehind = inOrder.indexOf(step.element) < inOrder.indexOf(last.element);
      const isLeft = to.right <= from.left && to.top < from.bottom && to.bottom > from.top;
      const isAbove = to.bottom < from.top && to.left < from.right;
      // The bar of pages may be below them, as on a phone.
      const isAnotherPart = last.element.closest('nav') !== step.element.closest('nav');
      if (isBehind || (!isAnotherPart && (isLeft || isAbove))) found.push(`focus goes back: from ${describe(last.element)} to ${describe(step.element)}`);
    }
    last = step;
  }
  for (const element of tabbable()) {
    if (!walk.some((step) => step.element === element)) found.push(`Tab does not reach: ${describe(element)}`);
  }
  return found;
}
