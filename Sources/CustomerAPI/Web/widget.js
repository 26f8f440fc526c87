// The customer's chat, in any page of any site, with one line:
//
//   <script src="https://HOST/widget.js" data-title="Support" defer></script>
//
//   data-channel   the channel of the customers, `WEB` by default
//   data-title     the heading of the panel
//   data-greeting  what an empty conversation says
//   data-name      the customer's name; without it the panel asks
//   data-visitor   a long random text that only this customer's account has: the same conversation on all their devices.
//                  Whoever knows it is that customer. Without it each device has an identity of its own
//   data-expires, data-signature
//                  the proof that the visitor is who data-visitor says, where the channel has a secret: README.md,
//                  "Identity proof". One for each page: no other address can use it then. data-visitor may be any id of an
//                  account
//   data-lang      `en` or `zh`; else the page's <html lang>, else the browser's
//   data-theme     `light` or `dark`; else as the device
//   data-color     the accent, `#rrggbb`
//   data-side      `left`; else right
//
// A page's own scripts have `CustomerChat.open()`, `.close()`, `.toggle()`, `.setName(name)`, `.isOpen` and `.unread`,
// `.setProof(expires, signature)` for one that stays open for longer than its proof holds,
// and the events `customer-chat:open`, `customer-chat:close` and `customer-chat:unread` (`detail`: the count) of
// `document`.
//
// This file draws the button. All else is loaded when the customer wants it, or has used it before. Whatever the host
// page's styles and content security policy are, it lives in a shadow root with sheets of its own; the policy has to
// allow HOST as `script-src` and `connect-src` (also as wss:), and `img-src blob:` for pictures.

(() => {
  const script = document.currentScript ?? document.querySelector('script[src*="/widget.js"]');
  if (!script || window.CustomerChat) return;
  const base = new URL('.', script.src);
  const options = { channel: 'WEB', ...script.dataset, base };
  const language = (options.lang || document.documentElement.lang || navigator.language || 'en').toLowerCase();
  options.lang = language.startsWith('zh') ? 'zh' : 'en';
  options.prefix = `customer-chat ${base.host}${base.pathname} ${options.channel}`;
  if (options.visitor) options.prefix += ` ${options.visitor}`; // people may share a device
  const text = options.lang === 'zh'
    ? { open: '打开聊天', close: '关闭聊天', unread: (n) => `，${n} 条未读消息`, failed: '聊天加载失败，请再试一次' }
    : { open: 'Open chat', close: 'Close chat', unread: (n) => `, ${n} unread`, failed: 'The chat did not load. Try again' };

  const css = `
    :host { all: initial !important; display: block !important; }
    [hidden] { display: none !important; }
    .chat {
      --accent: #2457d6; --on-accent: #fff; --accent-text: #2457d6; --paper: #fff; --surface: #f1f3f6; --line: #dfe3ea;
      --ink: #16181d; --muted: #5b6270; --bad: #b3261e; --bad-paper: #fdecea; --good: #1a7f4b; --gap: 20px;
      --shadow: 0 12px 40px rgb(16 24 40 / .18), 0 2px 8px rgb(16 24 40 / .10); color-scheme: light;
      color: var(--ink); font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Hiragino Sans GB",
        "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif; text-align: start; -webkit-text-size-adjust: 100%;
    }
    .chat.dark {
      --accent: #3566dd; --accent-text: #9db8ff; --paper: #181b21; --surface: #262a33; --line: #343944; --ink: #eceef2;
      --muted: #a3aab8; --bad: #ffb4ab; --bad-paper: #43201d; --good: #5fd49a; --shadow: 0 12px 40px rgb(0 0 0 / .55);
      color-scheme: dark;
    }
    *, *::before, *::after { box-sizing: border-box; }
    button { font: inherit; color: inherit; }
    :focus-visible { outline: 2px solid var(--accent-text); outline-offset: 2px; }
    .launcher {
      position: fixed; z-index: 2147483000; inset-block-end: calc(var(--gap) + env(safe-area-inset-bottom, 0px));
      right: calc(var(--gap) + env(safe-area-inset-right, 0px)); width: 56px; height: 56px; padding: 0; border: 0;
      border-radius: 50%; background: var(--accent); color: var(--on-accent); box-shadow: var(--shadow); cursor: pointer;
      display: grid; place-items: center; transition: transform .15s ease-out;
    }
    .left .launcher { right: auto; left: calc(var(--gap) + env(safe-area-inset-left, 0px)); }
    .launcher:hover { transform: scale(1.05); }
    .launcher:active { transform: scale(.97); }
    .launcher:focus-visible { outline-offset: 3px; }
    .launcher[aria-busy=true] svg { opacity: .5; }
    .launcher svg { width: 26px; height: 26px; }
    .badge {
      position: absolute; inset-block-start: -2px; inset-inline-end: -2px; min-width: 22px; height: 22px; padding: 0 6px;
      border-radius: 11px; background: #d3261b; color: #fff; border: 2px solid var(--paper);
      font-size: 12px; font-weight: 600; line-height: 18px; text-align: center;
    }
    .live { position: fixed; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    @media (prefers-reduced-motion: reduce) {
      *, *::before, *::after { animation: none !important; transition: none !important; }
    }
    @media (forced-colors: active) { .launcher { border: 2px solid ButtonText; } }
    @media print { .chat { display: none; } }
  `;
  const bubble = 'M12 3.5c-5 0-9 3.5-9 7.9 0 2.4 1.2 4.5 3.1 6-.1 1-.5 2.1-1.3 3.1 1.8-.1 3.4-.7 4.6-1.6.8.2 1.7.3 2.6.3 ' +
    '5 0 9-3.5 9-7.8s-4-7.9-9-7.9Z';
  const cross = 'M6 9.5l6 6 6-6';

  const host = document.createElement('customer-chat');
  const root = host.attachShadow({ mode: 'open' });
  const chat = document.createElement('div');
  const launcher = document.createElement('button');
  const badge = document.createElement('span');
  const live = document.createElement('div'); // what is said to those who don't see; there before it has to speak
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  const dark = matchMedia('(prefers-color-scheme: dark)');
  let loading = null;
  let unread = 0;
  let isOpen = false;

  /** A sheet of the shadow root; a <style> where the browser is too old for those. */
  function adopt(text) {
    if ('adoptedStyleSheets' in root) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(text);
      root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    } else {
      root.append(Object.assign(document.createElement('style'), { textContent: text }));
    }
  }

  function draw() {
    launcher.setAttribute('aria-label', isOpen ? text.close : text.open + (unread ? text.unread(unread) : ''));
    launcher.setAttribute('aria-expanded', isOpen);
    path.setAttribute('d', isOpen ? cross : bubble);
    path.setAttribute('fill', isOpen ? 'none' : 'currentColor');
    badge.hidden = isOpen || !unread;
    badge.textContent = unread > 99 ? '99+' : unread;
    const isDark = options.theme ? options.theme === 'dark' : dark.matches;
    chat.className = 'chat';
    chat.classList.toggle('dark', isDark);
    chat.classList.toggle('left', options.side === 'left');
    chat.classList.toggle('open', isOpen);
  }

  function accent(color) {
    if (!/^#[0-9a-f]{6}$/i.test(color ?? '')) return;
    const [r, g, b] = [1, 3, 5].map((at) => (parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
    const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    chat.style.setProperty('--accent', color);
    chat.style.setProperty('--on-accent', light > 0.179 ? '#000' : '#fff'); // whichever has the higher contrast
    chat.style.setProperty('--accent-text', 'var(--ink)');
  }

  let titled = ''; // what this script put before the page's title
  function count(n) {
    if (n === unread) return;
    unread = n;
    const title = titled && document.title.startsWith(titled) ? document.title.slice(titled.length) : document.title;
    titled = n ? `(${n}) ` : '';
    document.title = titled + title;
    draw();
    document.dispatchEvent(new CustomEvent('customer-chat:unread', { detail: n }));
  }

  function panel() {
    loading ??= import(new URL('web/widget-panel.js', base))
      .then(({ Panel }) => new Panel({ options, chat, live, adopt, onunread: count, onclose: close }))
      .catch((error) => {
        loading = null;
        throw error;
      });
    return loading;
  }

  async function open() {
    if (isOpen) return;
    isOpen = true;
    launcher.setAttribute('aria-busy', 'true');
    try {
      const shown = await panel();
      if (isOpen) shown.open();
    } catch (error) {
      isOpen = false;
      launcher.title = live.textContent = text.failed;
      console.error('customer-chat:', error);
      return;
    } finally {
      launcher.removeAttribute('aria-busy');
      draw();
    }
    keep('open');
    document.dispatchEvent(new CustomEvent('customer-chat:open'));
  }

  async function close() {
    if (!isOpen) return;
    isOpen = false;
    draw();
    keep(null);
    const shown = await panel();
    if (!isOpen && shown.close()) launcher.focus();
    document.dispatchEvent(new CustomEvent('customer-chat:close'));
  }

  /** On this site's next page, in this tab, the panel is open again. */
  function keep(state) {
    try {
      if (state) sessionStorage.setItem(options.prefix, state);
      else sessionStorage.removeItem(options.prefix);
    } catch {} // forbidden
  }

  function kept(storage, key) {
    try {
      return window[storage].getItem(key);
    } catch {
      return null;
    }
  }

  function mount() {
    adopt(css);
    const icon = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const stroke = { stroke: 'currentColor', 'stroke-width': 2, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' };
    const attributes = { viewBox: '0 0 24 24', 'aria-hidden': 'true', ...stroke };
    for (const [name, value] of Object.entries(attributes)) icon.setAttribute(name, value);
    icon.append(path);
    Object.assign(launcher, { type: 'button', className: 'launcher', onclick: () => (isOpen ? close() : open()) });
    launcher.onpointerenter = launcher.onfocus = () => panel().catch(() => {}); // so that it opens at once
    badge.className = 'badge';
    badge.setAttribute('aria-hidden', 'true');
    launcher.append(icon, badge);
    live.className = 'live';
    live.setAttribute('aria-live', 'polite');
    chat.lang = options.lang === 'zh' ? 'zh-CN' : 'en';
    chat.append(launcher, live);
    root.append(chat);
    accent(options.color);
    draw();
    dark.addEventListener('change', draw);
    document.body.append(host);
    // Sites that change pages by script may put in another body.
    const comeBack = () => host.isConnected || document.body?.append(host);
    new MutationObserver(comeBack).observe(document.documentElement, { childList: true });
    if (kept('sessionStorage', options.prefix)) open();
    else if (kept('localStorage', `${options.prefix}.visitor`)) { // something may wait unread
      (window.requestIdleCallback ?? setTimeout)(() => panel().catch(() => {}));
    }
  }

  window.CustomerChat = {
    open,
    close,
    toggle: () => (isOpen ? close() : open()),
    setName: (name) => {
      options.name = name;
      loading?.then((shown) => shown.named());
    },
    setProof: (expires, signature) => {
      Object.assign(options, { expires, signature });
      loading?.then((shown) => shown.proved());
    },
    get isOpen() { return isOpen; },
    get unread() { return unread; },
  };
  if (document.body) mount();
  else document.addEventListener('DOMContentLoaded', mount);
})();
