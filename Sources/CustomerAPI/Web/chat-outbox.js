// Where messages wait until they are known to be stored (rule 1 of the full dialect). An outbox is
//   all()                    its items, in any order
//   put(item)                adds or replaces, by clientMessageId; done when it returns
//   remove(clientMessageId)
//   onchange                 set by its user; called when somebody else (another tab) changed it
//   exclusive(held)          optional: calls `held` once no other tab has the outbox; it is given back when the promise
//                            that `held` returned settles. Rejects when another tab took it.

/** An outbox that a reload empties. */
export function memoryOutbox() {
  const items = new Map();
  return {
    all: () => [...items.values()],
    put: (item) => items.set(item.clientMessageId, item),
    remove: (clientMessageId) => items.delete(clientMessageId),
    onchange: null,
  };
}

const PATIENCE = 10000; // then a page that a person looks at takes the outbox from one that may be asleep

/**
 * An outbox in localStorage that survives reloads and that all tabs share. One entry for each item, `PREFIX.ID`, so that
 * two tabs never overwrite each other's. What storage does not take (it is full, or forbidden) is kept in memory.
 */
export function localOutbox(prefix) {
  const unsaved = memoryOutbox();
  const outbox = {
    all() {
      const items = memoryOutbox();
      for (const key of keys()) {
        if (!key.startsWith(prefix + '.')) continue;
        try {
          const item = JSON.parse(localStorage[key]);
          if (key === `${prefix}.${item.clientMessageId}`) items.put(item);
        } catch {} // no item, or gone meanwhile: the others are none the worse for it
      }
      unsaved.all().forEach(items.put); // newer than what storage has of the same message
      return items.all();
    },
    put(item) {
      try {
        localStorage.setItem(`${prefix}.${item.clientMessageId}`, JSON.stringify(item));
        unsaved.remove(item.clientMessageId);
      } catch {
        unsaved.put(item);
      }
    },
    remove(clientMessageId) {
      unsaved.remove(clientMessageId);
      try {
        localStorage.removeItem(`${prefix}.${clientMessageId}`);
      } catch {}
    },
    onchange: null,
  };
  addEventListener('storage', ({ key }) => {
    if (key === null || key.startsWith(prefix + '.')) outbox.onchange?.();
  });
  if (navigator.locks) outbox.exclusive = (held) => exclusively(prefix, held); // missing on pages of plain http
  return outbox;
}

function keys() {
  try {
    return Object.keys(localStorage);
  } catch {
    return []; // forbidden
  }
}

async function exclusively(name, held) {
  const patience = new AbortController();
  const timer = setInterval(() => {
    if (document.visibilityState === 'visible') patience.abort();
  }, PATIENCE);
  let hasBegun = false;
  const began = () => {
    hasBegun = true;
    clearInterval(timer);
    return held();
  };
  try {
    return await navigator.locks.request(name, { signal: patience.signal }, began);
  } catch (error) {
    clearInterval(timer);
    if (hasBegun) throw error; // another tab took it
    if (patience.signal.aborted) return navigator.locks.request(name, { steal: true }, held);
    return held(); // no locks in sandboxed frames
  }
}
