// The page that shows how the system is: gateways, who waits, how much is said. Read every two seconds while it is shown.

import { call } from './console-api.js';
import { fill, h, setText, svg } from './console-dom.js';
import { byteSize, count, duration, perSecond, problemText, t } from './console-text.js';

const every = 2000; // ms
const kept = 150; // samples of the line: five minutes

// The line goes on where it was when one comes back to the page.
const samples = [];

export class StatusPage {
  constructor() {
    this.cards = {};
    const card = (name, ...more) => {
      this.cards[name] = h('div', { class: 'figure' }, '–');
      return h('section', {
        class: 'card', 'aria-label': t(`status.${name}`),
      }, h('h2', {}, t(`status.${name}`)), this.cards[name], ...more);
    };
    this.longest = h('div', { class: 'hint' });
    this.total = h('div', { class: 'hint' });
    this.line = h('div', { class: 'sparkline' });
    this.rows = h('tbody', {});
    this.problem = h('div', { class: 'problem-text', role: 'status' });
    this.element = h('main', { class: 'page status-page', id: 'main' },
      h('header', { class: 'page-head' }, h('h1', { class: 'page-title' }, t('nav.status')), this.problem),
      h('div', { class: 'cards' },
        card('waiting', this.longest), card('rate', this.line, this.total), card('connections'), card('memory')),
      h('section', { class: 'card gateways' }, h('h2', {}, t('status.gateways')),
        h('div', { class: 'table-frame' }, h('table', { class: 'records' },
          h('thead', {},
            h('tr', {},
              [
                'gateway', 'customers', 'agents', 'rate', 'lag', 'uptime', 'state',
              ].map((key) => h('th', { scope: 'col' }, t(`status.${key}`))),
            ),
          ),
          this.rows))));
    this.reading = setInterval(() => !document.hidden && this.read(), every);
    this.read();
  }

  close() {
    clearInterval(this.reading);
  }

  show() {}
  key() {
    return false;
  }

  async read() {
    if (this.isReading) return;
    this.isReading = true;
    try {
      const status = await call('GET', '/status');
      fill(this.problem);
      this.draw(status);
    } catch (problem) {
      fill(this.problem, problemText(problem));
    }
    this.isReading = false;
  }

  draw(status) {
    const gateways = status.gateways ?? [];
    const sum = (name) => gateways.reduce((total, gateway) => total + (gateway[name] ?? 0), 0);
    samples.push(status.messagesPerSecond ?? 0);
    if (samples.length > kept) samples.shift();
    setText(this.cards.waiting, count(status.waiting?.count ?? 0));
    const since = status.waiting?.longestSince;
    setText(
      this.longest, since ? t('status.longest', { time: duration(Date.now() - Date.parse(since)) }) : t('status.nobody'),
    );
    setText(this.cards.rate, perSecond(status.messagesPerSecond ?? 0));
    setText(this.total, t('status.total', { count: count(status.messagesTotal ?? 0) }));
    setText(this.cards.connections, count(sum('connections')));
    setText(this.cards.memory, byteSize(status.redis?.usedMemoryBytes ?? 0));
    fill(this.line, sparkline(samples));
    fill(
      this.rows,
      gateways.length > 0 ? gateways.map(gatewayRow) : h('tr', {},
        h('td', { colspan: '7', class: 'hint' }, t('status.noGateways')),
      ),
    );
  }
}

function gatewayRow(gateway) {
  const lag = gateway.lagMs ?? 0;
  return h('tr', {},
    h('td', { class: 'contact-cell' }, h('code', {}, gateway.id)),
    h('td', { class: 'number' }, count(gateway.customers ?? 0)),
    h('td', { class: 'number' }, count(gateway.agents ?? 0)),
    h('td', { class: 'number' }, perSecond(gateway.messagesPerSecond ?? 0)),
    h('td', { class: lag > 100 ? 'number danger-text' : 'number' }, `${count(Math.round(lag * 10) / 10)} ms`),
    h('td', { class: 'number' }, gateway.startedAt ? duration(Date.now() - Date.parse(gateway.startedAt)) : '–'),
    h('td', {},
      h('span', {
        class: gateway.draining ? 'tag warning-tag' : 'tag good-tag',
      }, t(gateway.draining ? 'status.draining' : 'status.serving')),
    ));
}

/** The last minutes as a line over its own ground; the newest is at the right. */
function sparkline(values) {
  const width = 300;
  const height = 48;
  const highest = Math.max(1, ...values);
  const x = (index) => width - (values.length - 1 - index) * (width / (kept - 1));
  const y = (value) => height - 2 - (value / highest) * (height - 6);
  const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  return svg('svg', {
    viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img',
    'aria-label': t('status.line', { highest: perSecond(highest) }),
  },
    svg('polygon', { class: 'ground', points: `${x(0).toFixed(1)},${height} ${points} ${width},${height}` }),
    svg('polyline', { class: 'line', points }));
}
