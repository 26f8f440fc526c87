// The console's texts in Chinese; the keys are those of console-text-en.js.

export default {
  title: '客服工作台', skip: '跳到主要内容', loading: '加载中…', again: '重试', cancel: '取消', close: '关闭', save: '保存',
  edit: '编辑', delete: '删除', open: '打开', undo: '撤销', back: '返回', you: '我', logout: '退出登录',
  'logout.unsent': '还有 {n} 条消息未发送，退出后将丢失。',

  'nav.label': '页面', 'nav.inbox': '会话', 'nav.customers': '客户', 'nav.status': '运行状态', 'nav.admin': '客服管理',

  'login.title': '客服工作台', 'login.login': '账号', 'login.password': '密码', 'login.submit': '登录',
  'login.onDevice': '在此设备上保持登录', 'login.missing': '请输入账号和密码。',
  'session.expired': '登录已失效，请重新登录。', 'session.ended': '您已被退出登录。', 'session.elsewhere': '您已在另一个窗口退出登录。',

  'connection.lost': '连接已断开，您写的内容会保留并稍后发送。', 'connection.retry': '{s} 秒后重试。', 'connection.now': '立即重试',

  'list.label': '会话列表', 'list.search': '按姓名或编号搜索', 'list.mine': '我的', 'list.waiting': '等待中', 'list.all': '全部',
  'list.anyChannel': '全部渠道', 'list.anyState': '全部状态', 'list.state': '状态',
  'list.none.mine': '您还没有会话，等待中的客户在“等待中”里。', 'list.none.waiting': '没有客户在等待，干得漂亮。',
  'list.none.all': '还没有会话。', 'list.noneFound': '没有找到。',
  'state.waiting': '等待中', 'state.assigned': '处理中', 'state.resolved': '已结束',
  'row.draft': '草稿：{text}', 'row.answered': '↩ {text}', 'row.waits': '自 {time} 起等待',
  'typing.short': '正在输入…', 'typing.name': '{name} 正在输入…',

  'thread.label': '会话', 'thread.actions': '会话操作', 'thread.none': '没有打开的会话', 'thread.noneHint': '从列表中选择，或按 j 键。',
  'thread.mine': '由我负责', 'thread.assignee': '由 {name} 负责', 'thread.waits': '已等待 {time}', 'thread.unread': '新消息',
  'thread.older': '更早的消息', 'thread.began': '会话开始于 {time}', 'thread.toNewest': '新消息', 'thread.unknownAgent': '其他客服',
  'thread.showAll': '显示全部', 'thread.retry': '重新发送', 'thread.discard': '撤回编辑', 'thread.failed': '未发送：{reason}',
  'thread.failedConflict': '未发送：该会话由其他客服负责。',
  'delivery.sending': '发送中', 'delivery.sent': '已发送', 'delivery.delivered': '已送达', 'delivery.read': '已读',
  'note.internal': '内部备注',

  'action.claim': '认领', 'action.release': '释放', 'action.transfer': '转接', 'action.resolve': '结束',
  'done.released': '{name} 已回到等待中。', 'done.resolved': '{name} 的会话已结束。', 'done.transferred': '{name} 已转接给 {agent}。',
  'done.takenOver': '{name} 现由 {agent} 负责。', 'done.given': '{name} 已转接给您。',
  'transfer.title': '转接给', 'transfer.hint': '由谁来接待 {name}？', 'transfer.search': '搜索客服', 'transfer.none': '没有这位客服。',

  'composer.reply': '回复', 'composer.note': '备注', 'composer.mode': '写什么', 'composer.placeholder': '输入回复，按 / 选择常用语',
  'composer.notePlaceholder': '输入仅客服可见的备注', 'composer.noteHint': '客户看不到备注。',
  'composer.claims': '回复后由您负责。', 'composer.reopens': '回复将重新打开会话。',
  'composer.others': '由 {name} 负责，您可以留下备注。', 'composer.adminWrites': '由 {name} 负责，管理员也可以回复。',
  'composer.enterSends': 'Enter 发送 · Shift Enter 换行', 'composer.controlEnterSends': 'Ctrl Enter 发送',
  'composer.send': '发送', 'composer.attach': '添加文件', 'composer.tooLong': '内容太长，请分成多条发送。',
  'upload.label': '待发送的文件', 'upload.picture': '图片', 'upload.progress': '正在上传 {name}', 'upload.remove': '移除 {name}',
  'upload.tooLarge': '{name} 超过 {size}。', 'upload.tooMany': '一条消息最多 {n} 个文件。', 'upload.empty': '{name} 是空文件。',
  'attachment.show': '查看 {name}', 'attachment.download': '下载 {name}', 'attachment.gone': '文件已不存在。',

  'canned.title': '常用语', 'canned.manage': '管理常用语', 'canned.search': '搜索', 'canned.add': '新建常用语', 'canned.edit': '修改 /{name}', 'canned.delete': '删除 /{name}',
  'canned.shortcut': '快捷词', 'canned.shortcutHint': '文字、数字、- 和 _；在输入框中写在 / 之后。', 'canned.content': '内容',
  'canned.none': '还没有常用语。', 'canned.noneFound': '没有找到。', 'canned.keys': '↑ ↓ Enter',

  'customer.label': '客户', 'customer.show': '显示客户资料', 'customer.hide': '隐藏客户资料', 'customer.identities': '渠道标识', 'customer.conversations': '其他会话',
  'customer.noConversations': '没有其他会话。', 'customer.noMessages': '还没有消息', 'customer.since': '{time} 成为客户',
  'customer.edit': '{field}：{value}，编辑', 'customer.empty': '未填写', 'customer.add': '添加', 'customer.addTag': '添加标签', 'customer.removeTag': '移除 {tag}',
  'customer.required': '不能为空。', 'customer.textKeys': 'Ctrl Enter 保存，Esc 放弃。', 'customer.saved': '已保存。', 'customer.active': '启用', 'customer.inactive': '停用',
  'presence.online': '在线', 'presence.offline': '离线',
  'field.name': '姓名', 'field.email': '邮箱', 'field.phone': '电话', 'field.tags': '标签', 'field.notes': '备注', 'field.primaryChannel': '主要渠道',
  'field.active': '状态', 'field.wechatOpenId': '微信 OpenID', 'field.whatsappPhone': 'WhatsApp 号码', 'field.lineUserId': 'LINE 用户 ID',
  'field.telegramId': 'Telegram ID', 'field.facebookPsid': 'Facebook PSID', 'field.appUserId': 'App 用户 ID',
  'tokens.title': '访问令牌', 'tokens.hint': '结束令牌会断开使用它的连接。', 'tokens.none': '没有有效的令牌。', 'tokens.until': '{time} 到期',
  'tokens.end': '结束', 'tokens.endOne': '结束令牌 {id}', 'tokens.endAll': '结束全部令牌',
  'tokens.endAllText': '{name} 的所有连接将断开，客户可以重新获取令牌。', 'tokens.ended': '已结束 {n} 个令牌。',
  'conflict.title': '该客户已被他人修改', 'conflict.clash': '您编辑时，同事修改了同一个字段。保留哪一个？',
  'conflict.beside': '您编辑时，同事修改了其他字段。是否同时保存您的修改？', 'conflict.field': '字段', 'conflict.before': '原来',
  'conflict.theirs': '对方', 'conflict.mine': '您', 'conflict.unchanged': '未改', 'conflict.saveMine': '保存我的', 'conflict.keepTheirs': '保留对方的',

  'customers.search': '按姓名搜索', 'customers.tag': '标签', 'customers.channel': '渠道', 'customers.active': '是否启用', 'customers.anyActive': '启用与停用',
  'customers.contact': '联系方式', 'customers.last': '最近联系', 'customers.add': '新建客户', 'customers.create': '创建', 'customers.created': '已添加 {name}。',
  'customers.total': '{count} 位客户', 'customers.none': '还没有客户。', 'customers.noneFound': '没有找到。', 'customers.page': '第 {page} / {pages} 页',
  'customers.previous': '上一页', 'customers.next': '下一页', 'customers.tagsHint': '用逗号分隔。',
  'customers.sortByName': '本页按姓名排序', 'customers.sortedByName': '已按姓名排序，点击恢复按最近联系',

  'admin.total': '{count} 位客服', 'admin.search': '按姓名或账号搜索', 'admin.add': '新建客服', 'admin.login': '账号', 'admin.loginHint': '字母、数字和 . _ @ -',
  'admin.role': '角色', 'admin.roleHint': '管理员可管理客服并接管会话；机器人是程序。', 'admin.state': '状态', 'admin.since': '添加时间', 'admin.actions': '操作',
  'admin.password': '密码', 'admin.newPassword': '新密码', 'admin.passwordHint': '至少 8 个字符。', 'admin.passwordEnds': '设置新密码会使其在所有设备退出登录。',
  'admin.endSessions': '强制退出', 'admin.endSessionsText': '{name} 将在所有设备退出，可重新登录。', 'admin.deactivate': '停用', 'admin.activate': '启用',
  'admin.deactivateText': '{name} 将在所有设备退出，重新启用前无法登录。', 'admin.saved': '{name}：已保存。', 'admin.added': '已添加 {name}。', 'admin.noneFound': '没有找到。',
  'role.agent': '客服', 'role.admin': '管理员', 'role.bot': '机器人',

  'status.waiting': '等待中', 'status.rate': '每秒消息', 'status.connections': '连接数', 'status.memory': 'Redis 内存', 'status.gateways': '网关',
  'status.longest': '最长已等待 {time}', 'status.nobody': '没有客户在等待', 'status.total': '累计 {count} 条', 'status.gateway': '网关', 'status.customers': '客户',
  'status.agents': '客服', 'status.lag': '延迟', 'status.uptime': '已运行', 'status.state': '状态', 'status.serving': '服务中', 'status.draining': '排空中',
  'status.noGateways': '没有网关上报。', 'status.line': '最近五分钟，最高每秒 {highest} 条',

  'settings.title': '设置', 'settings.language': '语言', 'settings.theme': '配色', 'theme.system': '跟随系统', 'theme.light': '浅色', 'theme.dark': '深色',
  'settings.enterSends': 'Enter 发送', 'settings.enterSendsHint': '否则用 Ctrl Enter（始终可用）。', 'settings.sound': '客户等待或来消息时提示音',
  'settings.notifications': '桌面通知', 'settings.notificationsHint': '窗口不在前台时显示。', 'settings.noNotifications': '此浏览器不支持桌面通知。',
  'settings.denied': '浏览器不允许通知，请在网站设置中允许。', 'sound.on': '提示音已开启。', 'sound.off': '提示音已关闭。', 'sound.mute': '关闭提示音', 'sound.unmute': '开启提示音',
  'alert.waiting': '{name} 在等待',

  'help.title': '快捷键', 'help.moving': '移动', 'help.conversation': '当前会话', 'help.writing': '书写', 'help.everywhere': '随处可用',
  'help.next': '下一个、上一个会话', 'help.tabs': '我的、等待中、全部', 'help.search': '搜索', 'help.inbox': '会话', 'help.customers': '客户', 'help.status': '运行状态',
  'help.escape': '返回、关闭', 'help.details': '显示或隐藏客户资料', 'help.write': '写回复（或 i）', 'help.note': '写内部备注', 'help.canned': '在输入框中选择常用语',
  'help.send': '发送', 'help.newLine': '换行', 'help.help': '显示快捷键', 'help.mute': '提示音开关',

  'day.today': '今天', 'day.yesterday': '昨天',
  'duration.s': '{s}秒', 'duration.m': '{m}分钟', 'duration.h': '{h}小时', 'duration.hm': '{h}小时{m}分', 'duration.d': '{d}天', 'duration.dh': '{d}天{h}小时',

  'channel.WEB': '网页', 'channel.WECHAT': '微信', 'channel.EMAIL': '邮件', 'channel.SMS': '短信', 'channel.PHONE': '电话',

  'error.offline': '无法连接服务器，请稍后再试。', 'error.internal_error': '服务器出错了。', 'error.store_unavailable': '服务器暂时无法访问存储。',
  'error.service_unavailable': '服务器尚未就绪，请稍后再试。', 'error.invalid_credentials': '账号或密码错误。', 'error.rate_limited': '尝试次数过多，请 {seconds} 秒后再试。',
  'error.forbidden': '您没有权限。', 'error.not_found': '内容不存在或已移除。', 'error.body_too_large': '内容过大。',
  'error.conflict.assigned': '该会话由其他客服负责。', 'error.transfer.choose': '请选择一位客服。', 'error.invalid_value': '内容不合要求。',
  'error.missing_field': '有必填项未填写。', 'error.conflict': '与已有内容冲突。', 'error.limit_reached': '已达到数量上限。',
};
