// What the widget remembers on this site: in localStorage, shared by all tabs, or in memory where that is forbidden.

export class Storage {
  #prefix;
  #memory = new Map();

  constructor(prefix) {
    this.#prefix = prefix;
  }

  get(key) {
    if (this.#memory.has(key)) return this.#memory.get(key);
    try {
      return JSON.parse(localStorage.getItem(`${this.#prefix}.${key}`));
    } catch {
      return null;
    }
  }

  set(key, value) {
    try {
      localStorage.setItem(`${this.#prefix}.${key}`, JSON.stringify(value));
      this.#memory.delete(key);
    } catch {
      this.#memory.set(key, value);
    }
  }

  /** Calls `action` when another tab has set this. */
  onset(key, action) {
    addEventListener('storage', (event) => {
      if (event.key === `${this.#prefix}.${key}` && event.newValue !== null) action();
    });
  }
}
