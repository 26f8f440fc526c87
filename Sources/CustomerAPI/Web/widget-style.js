// The panel's style sheet. A module, since the host page's policy may forbid to fetch a .css; widget.js has the colours.

export const css = `
.panel {
  position: fixed; z-index: 2147483001; right: calc(var(--gap) + env(safe-area-inset-right, 0px));
  bottom: calc(var(--gap) + 72px + env(safe-area-inset-bottom, 0px));
  width: 384px; height: min(640px, calc(100vh - 112px)); max-width: calc(100vw - 2 * var(--gap));
  display: flex; flex-direction: column; overflow: hidden; background: var(--paper); color: var(--ink);
  border-radius: 18px; box-shadow: var(--shadow); outline: none; animation: appear .16s ease-out; overflow-wrap: anywhere;
}
.left .panel { right: auto; left: calc(var(--gap) + env(safe-area-inset-left, 0px)); }
.dark .panel { border: 1px solid var(--line); }
@keyframes appear { from { opacity: 0; transform: translateY(10px) scale(.985); } }
p, h2, ol, ul { margin: 0; padding: 0; font: inherit; list-style: none; }
button { cursor: pointer; touch-action: manipulation; }
.icon { width: 20px; height: 20px; flex: none; }
.about { flex: 1; min-width: 0; }
.sender { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.note { color: var(--muted); font-size: 13px; }
.plain {
  min-height: 24px; padding: 1px 4px; border: 0; border-radius: 4px; background: none; color: var(--accent-text); font-weight: 600;
  text-decoration: underline; text-underline-offset: 2px;
}

header { display: flex; align-items: center; gap: 12px; padding: 14px 10px 14px 16px; border-bottom: 1px solid var(--line); flex: none; }
.avatar {
  width: 40px; height: 40px; flex: none; border-radius: 50%; background: var(--accent); color: var(--on-accent);
  display: grid; place-items: center; font-weight: 600; font-size: 17px;
}
h2 { font-size: 16px; font-weight: 650; line-height: 1.3; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.status { color: var(--muted); font-size: 13px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.status.online::before {
  content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%; background: var(--good); margin-inline-end: 6px;
}
.close, .attach, .send, .remove { width: 40px; height: 40px; flex: none; display: grid; place-items: center; padding: 0; border: 0; border-radius: 50%; background: none; color: var(--muted); }
.close:hover, .attach:hover, .remove:hover { background: var(--surface); color: var(--ink); }
.notice { padding: 8px 16px; background: var(--surface); font-size: 13px; display: flex; flex-wrap: wrap; gap: 2px 8px; align-items: baseline; flex: none; }

.begin { flex: 1; overflow-y: auto; padding: 28px 24px; display: flex; flex-direction: column; gap: 8px; }
.greeting { font-size: 22px; font-weight: 650; line-height: 1.3; text-wrap: balance; }
.begin .greeting { margin-bottom: 16px; }
label { color: var(--muted); font-size: 14px; }
input {
  width: 100%; min-height: 46px; padding: 10px 14px; border: 1px solid var(--line); border-radius: 12px; background: var(--paper);
  color: var(--ink); font: inherit; font-size: 16px;
}
input:focus-visible { outline-offset: 0; border-color: transparent; }
.primary {
  margin-top: 8px; min-height: 46px; padding: 10px 18px; border: 0; border-radius: 12px; background: var(--accent);
  color: var(--on-accent); font-weight: 600; font-size: 16px;
}
.primary:hover { filter: brightness(1.07); }
::placeholder { color: var(--muted); opacity: 1; }

.thread { flex: 1; min-height: 0; position: relative; }
.scroll { height: 100%; overflow-y: auto; overscroll-behavior: contain; padding: 16px; overflow-anchor: none; scrollbar-width: thin; }
.scroll:focus-visible { outline-offset: -3px; }
.top { padding: 4px 0 12px; text-align: center; display: grid; gap: 6px; }
.top[data-state=begin] { padding: 20px 4px 24px; text-align: start; }
:lang(zh) .greeting { word-break: keep-all; }
.day { display: flex; justify-content: center; margin: 14px 0 10px; }
.day span { font-size: 12px; color: var(--muted); padding: 2px 10px; border-radius: 10px; background: var(--surface); }
.row { display: flex; flex-direction: column; align-items: flex-start; margin-top: 10px; position: relative; }
.row.own { align-items: flex-end; }
.row.follows { margin-top: 3px; }
.bubble { max-width: 84%; min-width: 0; padding: 8px 12px; border-radius: 16px; background: var(--surface); }
.own .bubble { background: var(--accent); color: var(--on-accent); }
.other.followed .bubble, .other.follows .bubble { border-start-start-radius: 6px; border-end-start-radius: 6px; }
.other.followed:not(.follows) .bubble { border-start-start-radius: 16px; }
.other.follows:not(.followed) .bubble { border-end-start-radius: 16px; }
.own.followed .bubble, .own.follows .bubble { border-start-end-radius: 6px; border-end-end-radius: 6px; }
.own.followed:not(.follows) .bubble { border-start-end-radius: 16px; }
.own.follows:not(.followed) .bubble { border-end-end-radius: 16px; }
.other:not(.follows) .sender { position: static; width: auto; height: auto; clip-path: none; max-width: 84%; padding: 0 12px 2px; font-size: 12px; color: var(--muted); overflow: hidden; text-overflow: ellipsis; }
.text { white-space: pre-wrap; }
.text a { color: inherit; text-decoration: underline; text-underline-offset: 2px; }
.other .text a { color: var(--accent-text); }
.own a:focus-visible, .own .file:focus-visible { outline-color: var(--on-accent); }
.meta { display: flex; justify-content: flex-end; align-items: center; gap: 3px; font-size: 11px; line-height: 14px; margin: 2px -2px 0 0; color: var(--muted); font-variant-numeric: tabular-nums; }
.own .meta { color: inherit; }
.meta .icon { width: 15px; height: 15px; }
.meta .icon-read { color: #9df0c4; }
[data-status=failed] .bubble { background: var(--bad-paper); color: var(--ink); outline: 1px solid var(--bad); }
[data-status=failed] .meta .icon { color: var(--bad); }
.trouble { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 0 6px; align-items: baseline; font-size: 13px; color: var(--bad); margin-top: 3px; }
.typing .bubble { display: flex; gap: 5px; padding: 13px 14px; }
.typing i { width: 7px; height: 7px; border-radius: 50%; background: var(--muted); animation: dot 1.2s infinite ease-in-out; }
.typing i:nth-child(2) { animation-delay: .15s; }
.typing i:nth-child(3) { animation-delay: .3s; }
@keyframes dot { 0%, 60%, 100% { opacity: .35; } 30% { opacity: 1; } }
.closed { margin: 18px auto 4px; padding: 0 24px; text-align: center; font-size: 13px; color: var(--muted); text-wrap: balance; }
.pill {
  position: absolute; bottom: 10px; left: 50%; transform: translateX(-50%); display: flex; align-items: center; gap: 6px;
  padding: 7px 14px; border: 1px solid var(--line); border-radius: 18px; background: var(--paper); box-shadow: var(--shadow); font-size: 13px; font-weight: 600;
}
.pill .icon { width: 15px; height: 15px; }
.picture { display: block; margin: -2px -6px 4px; border-radius: 11px; overflow: hidden; background: var(--line); width: 240px; max-width: calc(100% + 12px); aspect-ratio: 4 / 3; }
.picture img { width: 100%; height: 100%; object-fit: cover; display: block; font-size: 12px; }
.file {
  display: flex; align-items: center; gap: 10px; width: 100%; margin: 2px 0 4px; padding: 8px 12px 8px 8px; border: 0; border-radius: 10px;
  background: color-mix(in srgb, currentColor 10%, transparent); text-align: start;
}
.file .name { display: block; font-weight: 600; }
.size { font-size: 12px; }

.composer { flex: none; padding: 10px 12px calc(12px + env(safe-area-inset-bottom, 0px)); border-top: 1px solid var(--line); }
.box { display: flex; align-items: flex-end; gap: 2px; padding: 3px; border: 1px solid var(--line); border-radius: 24px; background: var(--paper); }
.box:focus-within { border-color: var(--accent-text); box-shadow: 0 0 0 1px var(--accent-text); }
textarea:focus-visible { outline: 0; }
textarea {
  flex: 1; min-width: 0; max-height: 132px; min-height: 40px; padding: 8px 4px; border: 0; outline: 0; resize: none; background: none;
  color: var(--ink); font: inherit; font-size: 16px; line-height: 24px; overflow-y: auto; scrollbar-width: thin;
}
.send { background: var(--accent); color: var(--on-accent); transition: opacity .12s; }
.send[aria-disabled=true] { background: var(--surface); color: var(--muted); cursor: default; }
.hint { font-size: 13px; color: var(--muted); padding: 0 8px; }
.hint:not(:empty) { padding-bottom: 8px; }
.tray { display: grid; gap: 6px; max-height: 176px; overflow-y: auto; padding-bottom: 8px; }
.tray li { display: flex; align-items: center; gap: 10px; padding: 6px 4px 6px 8px; border-radius: 12px; background: var(--surface); font-size: 13px; }
.tray img { width: 40px; height: 40px; object-fit: cover; border-radius: 8px; flex: none; }
.tray > li > .icon { width: 24px; height: 24px; margin: 8px; color: var(--muted); }
.tray .name { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.tray .failed { background: var(--bad-paper); }
.tray .failed .name { white-space: normal; color: var(--bad); }
.tray .plain, .notice .plain { margin-inline-start: -4px; }
.tray .size { color: var(--muted); }
progress { display: block; width: 100%; height: 4px; margin-top: 6px; border: 0; border-radius: 2px; overflow: hidden; appearance: none; background: var(--line); accent-color: var(--accent); }
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--accent-text); transition: width .2s; }
progress::-moz-progress-bar { background: var(--accent-text); }
.drop { position: absolute; inset: 8px; display: flex; align-items: center; justify-content: center; gap: 10px; border: 2px dashed var(--accent-text); border-radius: 14px; background: color-mix(in srgb, var(--paper) 92%, transparent); font-weight: 600; pointer-events: none; }

@media (max-width: 480px), (max-height: 420px) {
  .panel, .left .panel, .dark .panel { inset: 0; bottom: auto; width: 100%; height: 100vh; height: 100dvh; max-width: none; border: 0; border-radius: 0; animation-name: fade; }
  .open .launcher { display: none; }
  header { padding-top: calc(10px + env(safe-area-inset-top, 0px)); padding-bottom: 10px; }
  header, .scroll, .composer, .begin, .notice {
    padding-left: max(16px, env(safe-area-inset-left, 0px)); padding-right: max(12px, env(safe-area-inset-right, 0px));
  }
}
@keyframes fade { from { opacity: 0; } }
@media (max-height: 420px) { .avatar { display: none; } header { padding-block: 4px; } .composer { padding-block: 6px; } }
@media (forced-colors: active) { .panel, .bubble, .box { border: 1px solid CanvasText; } }
`;
