// Times in the reader's own words. `now()` follows the server's clock, because windows are counted by it.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let skew = 0;

/** Learn how far the server's clock is from this one. */
export function setServerTime(instant) {
  const difference = Date.parse(instant) - Date.now();
  // Less than two seconds is the way of the message, not the clocks.
  skew = Math.abs(difference) > 2_000 ? difference : 0;
}

export const now = () => Date.now() + skew;

const locale = navigator.languages ?? "en";
const clockFormat = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const dayYearFormat = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
const weekdayFormat = new Intl.DateTimeFormat(locale, { weekday: "long" });
const shortWeekdayFormat = new Intl.DateTimeFormat(locale, { weekday: "short" });
const longDayFormat = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const exactFormat = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
const near = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

const midnight = (time) => new Date(time).setHours(0, 0, 0, 0);
/** Calendar days from today: -1 is yesterday. Rounded, since some days have 23 hours. */
const daysFromToday = (time) => Math.round((midnight(time) - midnight(now())) / DAY);
const named = (days) => near.format(days, "day");
const capital = (text) => text.charAt(0).toLocaleUpperCase() + text.slice(1);

export const clock = (instant) => clockFormat.format(Date.parse(instant));
/** "10:00 to 11:05", with its days where they are not one and the same. */
export function period(from, to) {
  const oneDay = midnight(Date.parse(from)) === midnight(Date.parse(to));
  const end = oneDay ? clock(to) : `${date(Date.parse(to))}, ${clock(to)}`;
  return `${oneDay ? clock(from) : `${date(Date.parse(from))}, ${clock(from)}`} to ${end}`;
}
export const exact = (instant) => exactFormat.format(Date.parse(instant));
export const dayKey = (instant) => String(midnight(Date.parse(instant)));

function date(time) {
  const sameYear = new Date(time).getFullYear() === new Date(now()).getFullYear();
  return (sameYear ? dayFormat : dayYearFormat).format(time);
}

/** For lists: "now", "2 m", "3 h", "Yesterday", "Tue", "21 Nov". */
export function brief(instant) {
  const time = Date.parse(instant);
  const age = now() - time;
  if (age < MINUTE) return "now";
  if (age < HOUR) return `${Math.floor(age / MINUTE)} m`;
  const days = daysFromToday(time);
  if (days === 0 || age < 12 * HOUR) return `${Math.floor(age / HOUR)} h`;
  if (days === -1) return capital(named(-1));
  if (days > -7) return shortWeekdayFormat.format(time);
  return date(time);
}

/** How long, in the largest unit that matters: "45 s", "12 m", "3 h", "2 d". */
export function span(milliseconds) {
  if (milliseconds < MINUTE) return `${Math.max(0, Math.ceil(milliseconds / 1000))} s`;
  if (milliseconds < HOUR) return `${Math.floor(milliseconds / MINUTE)} m`;
  if (milliseconds < 2 * DAY) return `${Math.floor(milliseconds / HOUR)} h`;
  return `${Math.floor(milliseconds / DAY)} d`;
}

/** Within a sentence: "10:02", "tomorrow 10:02", "yesterday 10:02", "Tue 10:02" to come, "21 Nov, 10:02". */
export function moment(instant) {
  const time = Date.parse(instant);
  const days = daysFromToday(time);
  if (days === 0) return clockFormat.format(time);
  if (Math.abs(days) === 1) return `${named(days)} ${clockFormat.format(time)}`;
  if (days > 1 && days < 7) return `${shortWeekdayFormat.format(time)} ${clockFormat.format(time)}`;
  return `${date(time)}, ${clockFormat.format(time)}`;
}

/** Within a sentence, of something past: "today at 10:02", "yesterday", "on 21 Nov". */
export function onDay(instant) {
  const time = Date.parse(instant);
  const days = daysFromToday(time);
  if (days === 0) return `today at ${clockFormat.format(time)}`;
  return days === -1 ? named(days) : `on ${date(time)}`;
}

/** Between the days of a thread: "Today", "Yesterday", "Tuesday", "Saturday, 21 November". */
export function dayName(instant) {
  const time = Date.parse(instant);
  const days = daysFromToday(time);
  if (days === 0 || days === -1) return capital(named(days));
  if (days > -7 && days < 0) return capital(weekdayFormat.format(time));
  const sameYear = new Date(time).getFullYear() === new Date(now()).getFullYear();
  return sameYear ? longDayFormat.format(time) : dayYearFormat.format(time);
}
