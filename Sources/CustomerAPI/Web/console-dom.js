// Elements made by script. No text is ever parsed as HTML, so what customers write cannot become markup; and as the page's
// content security policy forbids style attributes, looks come from classes, and from `element.style` where they are computed.

const svgNamespace = 'http://www.w3.org/2000/svg';

/**
 * Makes an element: `h('button', {class: 'quiet', onclick: save, 'aria-label': 'Save'}, 'Save')`.
 * Properties: functions are listeners of the event after `on`; `null`, `undefined` and `false` are left out, `true` is an
 * empty attribute; `dataset` is an object. Children: nodes, texts, arrays of them; `null`, `undefined` and `false` are nothing.
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name === 'value') element.value = value;
    else if (name === 'class') element.className = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...flat(children));
  return element;
}

/** Puts these children in the place of the present ones. */
export function fill(element, ...children) {
  element.replaceChildren(...flat(children));
  return element;
}

/** Sets the text only if it differs, so that what did not change is not laid out anew. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(svgNamespace, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Line drawings on a grid of 24, drawn for this console.
const drawings = {
  inbox: 'M4 13v5a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-5M4 13l3-8h10l3 8M4 13h5l1.5 3h3L15 13h5',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6M16 4.4a3.5 3.5 0 0 1 0 6.2M18 14.6c2.1.8 3.5 2.7 3.5 5.4',
  shield: 'M12 3l7 3v5c0 4.6-2.9 8.2-7 10-4.1-1.8-7-5.4-7-10V6zM9 12l2.2 2.2L15.5 10',
  pulse: 'M3 12h4l2.5-7 5 14L17 12h4',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M13 7a2 2 0 1 0 4 0 2 2 0 0 0-4 0zM7 17a2 2 0 1 0 4 0 2 2 0 0 0-4 0z',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20',
  close: 'M6 6l12 12M18 6L6 18',
  back: 'M15 5l-7 7 7 7',
  down: 'M6 9l6 6 6-6',
  send: 'M4 12l16-8-5 16-3.5-6.5zM11.5 13.5L20 4',
  clip: 'M20 11.5l-8 8a5 5 0 0 1-7-7l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7L9.7 17.2a1.7 1.7 0 0 1-2.4-2.4L14.5 7.6',
  bolt: 'M13 3L5 13.5h6L10 21l9-11h-6.5z',
  note: 'M5 4h14v10l-5 6H5zM19 14h-5v6M8 9h8M8 13h3',
  check: 'M5 12.5l4.5 4.5L19 7',
  checks: 'M2.5 12.5L7 17l8-9M11 16l1.2 1.2L21.5 8',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.5 2',
  alert: 'M12 4l9 16H3zM12 10v4M12 17v.2',
  hand: 'M8 12V5.5a1.5 1.5 0 0 1 3 0V11V4.5a1.5 1.5 0 0 1 3 0V11V6a1.5 1.5 0 0 1 3 0v8c0 4-2.5 7-6.5 7-3 0-4.5-1.5-6-4.5l-1.3-2.6a1.5 1.5 0 0 1 2.6-1.5L8 15',
  undo: 'M8 5L4 9l4 4M4 9h10a6 6 0 0 1 0 12h-3',
  transfer: 'M4 8h14M14 4l4 4-4 4M20 16H6M10 12l-4 4 4 4',
  plus: 'M12 5v14M5 12h14',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c0-4 3.3-6.5 7.5-6.5s7.5 2.5 7.5 6.5',
  file: 'M6 3h8l5 5v13H6zM14 3v5h5',
  download: 'M12 4v11M7.5 11l4.5 4.5L16.5 11M5 20h14',
  bell: 'M6 16V10a6 6 0 0 1 12 0v6l2 2H4zM10 20.5h4',
  bellOff: 'M6 16V10a6 6 0 0 1 12 0v6l2 2H4zM10 20.5h4M3 3l18 18',
  help: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.5a2.5 2.5 0 1 1 3.8 2.1c-.9.6-1.3 1-1.3 2.1M12 16.8v.2',
  logout: 'M14 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8M10 12h11M17 8l4 4-4 4',
  edit: 'M4 20h4L19.5 8.5a2.1 2.1 0 0 0-4-4L4 16zM13.5 6.5l4 4',
  key: 'M8 18a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM11 11l8-8M16 6l3 3',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
};

/** A drawing for people who see; what it stands for is said by the text or label beside it. */
export function icon(name) {
  return svg('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' }, svg('path', { d: drawings[name] }));
}

/** A button that shows only a drawing, with its name for screen readers and as a tooltip. */
export function iconButton(name, label, properties) {
  return h('button', {
    type: 'button', class: 'icon-button', 'aria-label': label, title: label, ...properties,
  }, icon(name));
}

const segmenter = new Intl.Segmenter();

/** A round picture of a name: its first letter (
  Chinese: the last two signs, as people there are called
) on a colour of its own. */
export function avatar(name, id) {
  const text = (name ?? '').trim();
  const signs = [...segmenter.segment(text.slice(0, 60))].map((segment) => segment.segment);
  const chinese = signs.length >= 2 && signs.length <= 4 && /^\p{Script=Han}+$/u.test(text);
  const label = chinese ? signs.slice(-2).join('') : (signs[0] ?? '?').toUpperCase();
  let hash = 0;
  for (const letter of id ?? text) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return h('span', { class: `avatar hue-${hash % 8}`, 'aria-hidden': 'true' }, label);
}
