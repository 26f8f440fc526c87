// What the widget says, in English and Chinese, and how it writes times.

const english = {
  title: 'Chat with us',
  close: 'Close chat',
  conversation: 'Conversation',
  greeting: 'How can we help?',
  greetingMore: 'Write your question below. You may close this page: the answer will wait here for you.',
  askName: 'What may we call you?',
  namePlaceholder: 'Your name',
  start: 'Start chat',
  starting: 'Starting…',
  message: 'Message',
  placeholder: 'Write a message…',
  send: 'Send',
  attach: 'Attach files',
  drop: 'Drop to attach',
  remove: 'Remove {name}',
  agent: 'Support',
  you: 'You',
  online: 'Online',
  away: 'Away. Will answer here',
  notStarted: 'We answer here',
  waiting: 'We will be with you soon',
  closed: 'This conversation is closed. Write again whenever you like.',
  typing: '{name} is typing',
  says: '{name}: {text}',
  older: 'Loading earlier messages…',
  olderFailed: 'Earlier messages did not load.',
  begin: 'Start of the conversation',
  newMessages: 'New messages',
  today: 'Today',
  yesterday: 'Yesterday',
  sending: 'Sending',
  queued: 'Waits for the connection',
  sent: 'Sent',
  delivered: 'Delivered',
  read: 'Read',
  failed: 'Not sent',
  retry: 'Try again',
  discard: 'Delete',
  offline: 'You are offline. What you write is sent when you are back.',
  reconnecting: 'Connecting again… What you write is kept.',
  tryNow: 'Try now',
  ended: 'This chat was ended on our side.',
  refused: 'The chat could not start.',
  again: 'Start again',
  tooLarge: '{name} is larger than {limit}.',
  empty: '{name} is empty.',
  uploadFailed: '{name} did not upload.',
  uploadRefused: '{name} was not accepted.',
  uploading: 'Uploading {name}: {percent}%',
  sendsAfterUpload: 'It is sent when the upload is done.',
  tooMany: 'At most {limit} files in one message.',
  tooLong: 'This message is too long. Please send it in parts.',
  download: 'Download {name}',
  downloadFailed: '{name} did not load. Try again',
  picture: 'Picture {name}',
  unconfirmed: 'May not have been sent.',
};

const chinese = {
  title: '在线客服',
  close: '关闭聊天',
  conversation: '会话',
  greeting: '您好，请问有什么可以帮您？',
  greetingMore: '请在下方留言。您可以随时关闭页面，回复会一直保留在这里。',
  askName: '请问怎么称呼您？',
  namePlaceholder: '您的称呼',
  start: '开始聊天',
  starting: '正在连接…',
  message: '消息',
  placeholder: '请输入消息…',
  send: '发送',
  attach: '添加附件',
  drop: '松开即可添加',
  remove: '移除 {name}',
  agent: '客服',
  you: '您',
  online: '在线',
  away: '暂时离开，稍后在此回复',
  notStarted: '我们会在这里回复您',
  waiting: '客服马上就来',
  closed: '本次会话已结束，如有需要请继续留言。',
  typing: '{name}正在输入',
  says: '{name}：{text}',
  older: '正在加载更早的消息…',
  olderFailed: '更早的消息加载失败。',
  begin: '会话开始',
  newMessages: '新消息',
  today: '今天',
  yesterday: '昨天',
  sending: '发送中',
  queued: '等待连接',
  sent: '已发送',
  delivered: '已送达',
  read: '已读',
  failed: '未发送',
  retry: '重试',
  discard: '删除',
  offline: '当前没有网络，您写的内容会在恢复后发送。',
  reconnecting: '正在重新连接……您写的内容不会丢失。',
  tryNow: '立即重试',
  ended: '客服方已结束本次聊天。',
  refused: '暂时无法开始聊天。',
  again: '重新开始',
  tooLarge: '{name} 超过 {limit}。',
  empty: '{name} 是空文件。',
  uploadFailed: '{name} 上传失败。',
  uploadRefused: '{name} 未被接受。',
  uploading: '正在上传 {name}：{percent}%',
  sendsAfterUpload: '上传完成后自动发送。',
  tooMany: '一条消息最多 {limit} 个文件。',
  tooLong: '消息太长，请分几条发送。',
  download: '下载 {name}',
  downloadFailed: '{name} 加载失败，请再试一次',
  picture: '图片 {name}',
  unconfirmed: '可能未发送。',
};

/** The text functions of a language: `t(key, values)` and the formats of times and sizes. */
export function textsIn(lang) {
  const texts = lang === 'zh' ? chinese : english;
  const locale = lang === 'zh' ? 'zh-CN' : 'en';
  const t = (key, values = {}) => texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
  const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const thisYear = new Intl.DateTimeFormat(locale, { weekday: 'short', month: 'long', day: 'numeric' });
  const otherYear = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'long', day: 'numeric' });
  const decimals = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const midnight = (time) => new Date(time).setHours(0, 0, 0, 0);
  return {
    t,
    time: (ms) => clock.format(ms),
    dayOf: midnight,
    day(ms) {
      const ago = Math.round((midnight(Date.now()) - midnight(ms)) / 86400e3);
      if (ago === 0) return t('today');
      if (ago === 1) return t('yesterday');
      return (new Date(ms).getFullYear() === new Date().getFullYear() ? thisYear : otherYear).format(ms);
    },
    size(bytes) {
      if (bytes < 1024) return `${bytes} B`;
      return bytes < 1024 ** 2 ? `${decimals.format(bytes / 1024)} KB` : `${decimals.format(bytes / 1024 ** 2)} MB`;
    },
  };
}
