// Makes elements. Nothing here parses HTML: what customers and agents write only ever becomes text nodes.

import { addressesIn } from './chat-text.js';

/** `attributes` are attributes, but `text`, and handlers such as `onclick`; null and false leave one out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') element.textContent = value;
    else if (typeof value === 'function') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const paths = {
  chat: 'M12 4c-4.7 0-8.5 3.2-8.5 7.2 0 2.2 1.1 4.1 2.9 5.5-.1 1-.5 1.9-1.2 2.8 1.7-.1 3.1-.7 4.2-1.5.8.2 1.7.3 2.6.3 ' +
    '4.7 0 8.5-3.2 8.5-7.1S16.7 4 12 4Z',
  close: 'M6 6l12 12M18 6L6 18',
  send: 'M12 19V5M5.5 11.5L12 5l6.5 6.5',
  attach: 'M20 11.5l-8.2 8.2a5.2 5.2 0 0 1-7.4-7.4l8.5-8.4a3.5 3.5 0 0 1 5 4.9l-8.5 8.5a1.7 1.7 0 0 1-2.5-2.5l7.8-7.7',
  down: 'M12 5v14M5.5 12.5L12 19l6.5-6.5',
  file: 'M7 3h7l5 5v13H7zM14 3v5h5',
  sending: 'M12 7.5V12l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z',
  sent: 'M5 12.5l4.5 4.5L19 7.5',
  delivered: 'M2.5 12.5L7 17l9-9.5M11 16.5l.5.5 9.5-9.5',
  failed: 'M12 7v6M12 16.8v.2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z',
};
paths.read = paths.delivered;

export function icon(name, label) {
  const make = (tag, attributes) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const svg = make('svg', {
    class: `icon icon-${name}`, viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor', 'stroke-width': 2,
    'stroke-linecap': 'round', 'stroke-linejoin': 'round',
    ...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': 'true' }),
  });
  svg.append(make('path', { d: paths[name] }));
  return svg;
}

/** The text with its addresses as links. */
export function withLinks(text) {
  const fragment = document.createDocumentFragment();
  let end = 0;
  for (const { index, shown, href } of addressesIn(text)) {
    fragment.append(text.slice(end, index));
    fragment.append(el('a', { href, target: '_blank', rel: 'noopener noreferrer', text: shown }));
    end = index + shown.length;
  }
  fragment.append(text.slice(end));
  return fragment;
}
