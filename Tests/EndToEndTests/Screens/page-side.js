// What the harness runs inside a page: finding elements, reading them and aiming at them, through open shadow roots.
//
// Sent as text with each call (see `Page.call` in browser.js), so it leaves nothing behind in the page. No `require` here.
// A target is {css, name?}: an element that matches `css` in any root and, with `name` ({text} or {source, flags}), is
// called or reads like that. Only what is visible counts.

function* everyElement(root = document) {
  for (const element of root.querySelectorAll('*')) {
    yield element;
    if (element.shadowRoot) yield* everyElement(element.shadowRoot);
  }
}

function isVisible(element) {
  if (!element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true })) return false;
  const box = element.getBoundingClientRect();
  return box.width > 0 && box.height > 0;
}

// The parent as it is on screen: out of shadow roots, into slots.
function parentOnScreen(node) {
  return node.assignedSlot || node.parentElement || (node.getRootNode() instanceof ShadowRoot ? node.getRootNode().host : null);
}

function isInside(node, ancestor) {
  for (let at = node; at; at = parentOnScreen(at)) if (at === ancestor) return true;
  return false;
}

function childrenOnScreen(element) {
  if (element.shadowRoot) return element.shadowRoot.childNodes;
  if (element instanceof HTMLSlotElement && element.assignedNodes().length > 0) return element.assignedNodes();
  return element.childNodes;
}

// The text a person can see in an element, blocks on lines of their own.
function visibleText(element = document.body) {
  let text = '';
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) { text += node.nodeValue.replace(/\s+/g, ' '); return; }
    if (node.nodeType !== Node.ELEMENT_NODE || ['SCRIPT', 'STYLE', 'TEMPLATE', 'NOSCRIPT'].includes(node.tagName)) return;
    const style = getComputedStyle(node);
    if (style.display === 'none' || (style.visibility !== 'visible' && node.childElementCount === 0)) return;
    const isBlock = !style.display.startsWith('inline') && style.display !== 'contents';
    if (isBlock || node.tagName === 'BR') text += '\n';
    if (node instanceof HTMLInputElement || node instanceof HTMLTextAreaElement) {
      if (!['password', 'hidden', 'file', 'checkbox', 'radio'].includes(node.type)) text += node.value;
    } else if (node instanceof HTMLSelectElement) {
      text += node.selectedOptions[0]?.text ?? '';
    } else {
      for (const child of childrenOnScreen(node)) walk(child);
    }
    if (isBlock) text += '\n';
  };
  if (element) walk(element);
  return text.split('\n').map((line) => line.trim()).filter(Boolean).join('\n');
}

// All that an element may be known by.
function namesOf(element) {
  const root = element.getRootNode();
  const labelled = (element.getAttribute('aria-labelledby') || '').split(/\s+/).filter(Boolean)
    .map((id) => root.getElementById?.(id)?.textContent ?? '').join(' ');
  const labels = [...(element.labels || [])].map((label) => label.textContent);
  return [element.getAttribute('aria-label'), labelled, ...labels, element.getAttribute('alt'), element.getAttribute('title'),
    element.getAttribute('placeholder'), visibleText(element)]
    .filter(Boolean).map((name) => name.replace(/\s+/g, ' ').trim());
}

// All visible elements of a target, in the document's order; those called exactly so before those that only contain it.
function findAll({ css, name }) {
  const found = [...everyElement()].filter((element) => element.matches(css) && isVisible(element));
  if (!name) return found;
  if (name.source !== undefined) {
    const pattern = new RegExp(name.source, name.flags);
    return found.filter((element) => namesOf(element).some((text) => pattern.test(text)));
  }
  const exact = found.filter((element) => namesOf(element).includes(name.text));
  return exact.length ? exact : found.filter((element) => namesOf(element).some((text) => text.includes(name.text)));
}

function describe(element) {
  if (!element) return 'nothing';
  const id = element.id ? `#${element.id}` : '';
  const classes = typeof element.className === 'string' && element.className ? `.${element.className.trim().split(/\s+/).join('.')}` : '';
  const text = (namesOf(element)[0] || '').slice(0, 40);
  return `<${element.tagName.toLowerCase()}${id}${classes}>${text ? ` "${text}"` : ''}`;
}

function elementAt(x, y) {
  let hit = document.elementFromPoint(x, y);
  while (hit?.shadowRoot) {
    const inner = hit.shadowRoot.elementFromPoint(x, y);
    if (!inner || inner === hit) break;
    hit = inner;
  }
  return hit;
}

// Where to click: {x, y} of an element that is on screen, enabled and not covered; else {why}.
function aim(target) {
  const element = findAll(target)[0];
  if (!element) return { why: 'there is no such element on screen' };
  if (element.matches(':disabled, [aria-disabled="true"]')) return { why: `${describe(element)} is disabled` };
  const isOut = (box) => box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth;
  if (isOut(element.getBoundingClientRect())) element.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
  const box = element.getBoundingClientRect();
  const x = (Math.max(box.left, 0) + Math.min(box.right, innerWidth)) / 2;
  const y = (Math.max(box.top, 0) + Math.min(box.bottom, innerHeight)) / 2;
  const hit = elementAt(x, y);
  const label = element.labels?.[0];
  if (!hit || !(isInside(hit, element) || (label && isInside(hit, label)))) {
    return { why: `${describe(element)} is covered by ${describe(hit)}` };
  }
  return { x, y };
}

// The element that has the focus, also inside shadow roots.
function focused() {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
}

// Visible elements that make the page wider than the window, described: empty if nobody has to scroll sideways to read.
// What is in a box that scrolls by itself, or cuts off, is that box's business; boxes that scroll sideways are named, but
// for tables, which have two dimensions.
function overflowing() {
  const found = [];
  for (const element of everyElement()) {
    if (!isVisible(element)) continue;
    const box = element.getBoundingClientRect();
    const isCut = (() => {
      for (let at = parentOnScreen(element); at && at !== document.documentElement; at = parentOnScreen(at)) {
        if (getComputedStyle(at).overflowX !== 'visible') return true;
      }
      return false;
    })();
    const name = () => `${describe(element)} is ${Math.round(box.left)} to ${Math.round(box.right)} of ${innerWidth}`;
    if (!isCut && box.right > document.documentElement.clientWidth + 1) found.push(`sticks out: ${name()}`);
    const scrolls = ['auto', 'scroll'].includes(getComputedStyle(element).overflowX) && element.scrollWidth > element.clientWidth + 1;
    if (scrolls && !element.matches('pre, textarea, input') && !element.querySelector('table')) found.push(`scrolls sideways: ${name()}`);
  }
  return found;
}
