// What the console says, in English and Chinese, and how it writes times, numbers and names.

import { preferences } from './console-session.js';
import english from './console-text-en.js';
import chinese from './console-text-zh.js';

export const language = preferences.language ?? (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');
const locale = language === 'zh' ? 'zh-Hans-CN' : 'en';
const texts = language === 'zh' ? chinese : english;
document.documentElement.lang = locale;

const plural = new Intl.PluralRules(locale);

/** The text of this key, with `{name}` replaced by the values; one that counts (`n`) may have a form for one. */
export function t(key, values = {}) {
  let text = texts[key] ?? english[key] ?? key;
  if (typeof text === 'object') text = text[plural.select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

/** What went wrong, for people: by the code where there are words for it, else as the server says it. */
export function problemText(problem) {
  if (problem.code === 'rate_limited') return t('error.rate_limited', { seconds: problem.retryAfter ?? 1 });
  const key = `error.${problem.code}`;
  return key in texts || key in english ? t(key) : problem.message || t('error.internal_error');
}

/** Puts names in order: Chinese ones by pinyin, whatever language the console speaks. */
export const collator = new Intl.Collator('zh-Hans-CN', { sensitivity: 'base', numeric: true });

/** Whether `text` has `part` in it, in any case; full-width letters count as the usual ones. */
export function contains(text, part) {
  return fold(text).includes(fold(part));
}

function fold(text) {
  return text.normalize('NFKC').toLocaleLowerCase();
}

const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const dayThisYear = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric' });
const dayOtherYear = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'short', day: 'numeric' });
const weekday = new Intl.DateTimeFormat(locale, { weekday: 'long', month: 'long', day: 'numeric' });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' });
const number = new Intl.NumberFormat(locale);
const rate = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const size = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });

export const timeOfDay = (time) => clock.format(new Date(time));
export const exactTime = (time) => exact.format(new Date(time));
export const count = (value) => number.format(value);
export const perSecond = (value) => rate.format(value);

/** The day that a line in a thread names. */
export function dayName(time) {
  const date = new Date(time);
  const days = daysAgo(date);
  if (days === 0) return t('day.today');
  if (days === 1) return t('day.yesterday');
  return date.getFullYear() === new Date().getFullYear() ? weekday.format(date) : dayOtherYear.format(date);
}

/** A time at the edge of a row: the clock's today, else the day. */
export function shortTime(time) {
  const date = new Date(time);
  const days = daysAgo(date);
  if (days === 0) return clock.format(date);
  if (days === 1) return t('day.yesterday');
  return (date.getFullYear() === new Date().getFullYear() ? dayThisYear : dayOtherYear).format(date);
}

function daysAgo(date) {
  const midnight = (day) => new Date(day).setHours(0, 0, 0, 0);
  return Math.round((midnight(Date.now()) - midnight(date)) / 86_400_000);
}

/** How long something takes, in its two largest units at most: 42s, 7m, 3h 5m, 2d 4h. */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (minutes === 0) return t('duration.s', { s: seconds });
  if (hours === 0) return t('duration.m', { m: minutes });
  if (days === 0) return minutes % 60 ? t('duration.hm', { h: hours, m: minutes % 60 }) : t('duration.h', { h: hours });
  return hours % 24 && days < 10 ? t('duration.dh', { d: days, h: hours % 24 }) : t('duration.d', { d: days });
}

export function byteSize(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${size.format(bytes / 1024)} KB`;
  if (bytes < 1024 ** 3) return `${size.format(bytes / 1024 ** 2)} MB`;
  return `${size.format(bytes / 1024 ** 3)} GB`;
}

export const channels = ['WEB', 'WECHAT', 'WHATSAPP', 'LINE', 'TELEGRAM', 'FACEBOOK', 'EMAIL', 'SMS', 'PHONE', 'APP'];
export const channelName = (channel) => t(`channel.${channel}`);
