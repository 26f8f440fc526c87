// A list of any length that has as many elements as fit on the screen: rows are made, moved and used again as one scrolls.

import { h } from './console-dom.js';

const overscan = 6; // rows beyond the edge, so that a quick turn of the wheel shows no gap

/** Shows the `rows` of a list (ids; undefined where one is not read yet) in rows of one height. */
export class Scroller {
  /**
   * @param rowHeight in CSS pixels
   * @param makeRow() an element; bindRow(element, id, place, length) fills it; `id` is undefined for one that is not read
   * @param onneed(from, to) these places are on the screen
   */
  constructor({ rowHeight, makeRow, bindRow, onneed, properties }) {
    Object.assign(this, { rowHeight, makeRow, bindRow, onneed });
    this.rows = [];
    this.shown = new Map(); // key → {element, place}
    this.spare = [];
    this.space = h('div', { class: 'scroller-space', role: 'presentation' });
    this.element = h('div', { class: 'scroller', tabindex: '0', ...properties }, this.space);
    this.element.addEventListener('scroll', () => this.draw(), { passive: true });
    this.lastPointerMove = 0;
    this.element.addEventListener('pointermove', () => (this.lastPointerMove = Date.now()), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** Another list: begins at its top. */
  show(rows) {
    this.rows = rows;
    this.element.scrollTop = 0;
    this.draw();
  }

  /**
   * The same list after a change. What is on the screen stays where it is; at the top the newest comes into view. While the
   * pointer moves over the list a row that is about to be clicked is not pulled away: live changes wait for half a second.
   */
  change(rows, isLive) {
    this.rows = rows;
    clearTimeout(this.waiting);
    const busy = 500 - (Date.now() - this.lastPointerMove);
    if (isLive && busy > 0 && this.element.matches(':hover')) {
      this.waiting = setTimeout(() => this.change(rows, true), busy);
      return;
    }
    const shift = this.element.scrollTop > this.rowHeight / 2 ? this.shiftOfShown() : 0;
    this.setHeight();
    if (shift !== 0) this.element.scrollTop += shift * this.rowHeight;
    else if (isLive) this.animate();
    this.draw();
  }

  /** By how many places most of what is on the screen has moved. */
  shiftOfShown() {
    const shifts = [];
    const top = Math.floor(this.element.scrollTop / this.rowHeight);
    const bottom = top + this.element.clientHeight / this.rowHeight;
    for (const [id, { place }] of this.shown) {
      if (place < top || place > bottom) continue;
      const now = this.rows.indexOf(id);
      if (now >= 0) shifts.push(now - place);
    }
    return shifts.sort((one, other) => one - other)[shifts.length >> 1] ?? 0;
  }

  animate() {
    this.space.classList.add('moving');
    clearTimeout(this.animation);
    this.animation = setTimeout(() => this.space.classList.remove('moving'), 250);
  }

  setHeight() {
    const height = `${this.rows.length * this.rowHeight}px`;
    if (this.space.style.height !== height) this.space.style.height = height;
  }

  /** The places on the screen, `[from, to)`. */
  range() {
    const { scrollTop, clientHeight } = this.element;
    const from = Math.max(0, Math.floor(scrollTop / this.rowHeight) - overscan);
    return [from, Math.min(this.rows.length, Math.ceil((scrollTop + clientHeight) / this.rowHeight) + overscan)];
  }

  draw() {
    this.setHeight();
    const [from, to] = this.range();
    const wanted = new Map();
    for (let place = from; place < to; place++) wanted.set(this.rows[place] ?? `place ${place}`, place);
    for (const [key, row] of this.shown) {
      if (wanted.has(key)) continue;
      this.shown.delete(key);
      this.spare.push(row.element);
    }
    for (const [key, place] of wanted) {
      let row = this.shown.get(key);
      if (!row) {
        row = { element: this.spare.pop() ?? this.makeRow(), place: -1 };
        this.shown.set(key, row);
        // One that is used again would fly in from where it was.
        row.element.classList.add('placed');
      } else {
        row.element.classList.remove('placed');
      }
      if (row.place !== place) {
        row.place = place;
        row.element.style.transform = `translateY(${place * this.rowHeight}px)`;
      }
      this.bindRow(row.element, this.rows[place], place, this.rows.length);
      if (!row.element.isConnected) this.space.append(row.element);
    }
    clearTimeout(this.ordering);
    this.ordering = setTimeout(() => this.order(), 300); // after what moves has arrived
    for (const element of this.spare) element.remove();
    this.spare.length = Math.min(this.spare.length, 40);
    this.onneed(from, to);
  }

  /**
   * Puts the elements in the order of their places, for whoever reads them without seeing where they are. Not while one
   * scrolls, as elements that are moved are laid out anew.
   */
  order() {
    let next = this.space.firstChild;
    for (const { element } of [...this.shown.values()].sort((one, other) => one.place - other.place)) {
      if (element === next) next = next.nextSibling;
      else this.space.insertBefore(element, next);
    }
  }

  /** Fills the row of this id again, if it is on the screen. */
  redraw(id) {
    const row = this.shown.get(id);
    if (row) this.bindRow(row.element, id, row.place, this.rows.length);
  }

  elementOf(id) {
    return this.shown.get(id)?.element ?? null;
  }

  reveal(place) {
    const { element, rowHeight } = this;
    const top = place * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (
      top + rowHeight > element.scrollTop + element.clientHeight
    ) element.scrollTop = top + rowHeight - element.clientHeight;
    this.draw();
  }

  /** How many rows fit, for Page Up and Page Down. */
  pageLength() {
    return Math.max(1, Math.floor(this.element.clientHeight / this.rowHeight) - 1);
  }
}
