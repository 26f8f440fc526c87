// The demo page: its language, the line to copy, and a button that opens the chat.

const asked = new URLSearchParams(location.search).get('lang') ?? navigator.language;
document.documentElement.lang = asked.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
const isChinese = document.documentElement.lang === 'zh-CN';
document.title = isChinese ? '客服消息系统' : 'Customer service messaging';

const here = new URL('.', location.href);
const title = isChinese ? '在线客服' : 'Chat with us';
const line = `<script src="${here}widget.js" data-title="${title}" defer></script>`;
document.getElementById('line').textContent = line;

const copy = document.getElementById('copy');
copy.addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(line);
  } catch { // a page of plain http, or not allowed: marked, to be copied by hand
    getSelection().selectAllChildren(document.getElementById('line'));
    return;
  }
  copy.classList.add('done');
  setTimeout(() => copy.classList.remove('done'), 1500);
});

document.getElementById('open').addEventListener('click', () => CustomerChat.open());
