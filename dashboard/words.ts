/** Numbers and times as a person reads them. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const hundredths = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** 12,345 and 1.23 M: never wider than nine characters, so that a number keeps to its place. */
export function count(n: number): string {
  if (n >= 1e9) return `${hundredths.format(n / 1e9)} G`;
  if (n >= 1e6) return `${hundredths.format(n / 1e6)} M`;
  return whole.format(n);
}

/** With one decimal below ten: "0.4" messages a second says more than "0". */
export function rate(n: number): string {
  return n < 10 ? tenths.format(n) : count(n);
}

/** 120k: for the axis of a chart, where five characters fit. */
export function rough(n: number): string {
  if (n >= 1e6) return `${tenths.format(n / 1e6)} M`;
  return n >= 1e4 ? `${tenths.format(n / 1e3)}k` : tenths.format(n);
}

export function exact(n: number): string {
  return whole.format(n);
}

/** 38 µs, 1.2 ms, 3.4 s */
export function duration(microseconds: number): string {
  if (microseconds < 1_000) return `${whole.format(microseconds)} µs`;
  if (microseconds < 1_000_000) return `${short(microseconds / 1_000)} ms`;
  return `${short(microseconds / 1_000_000)} s`;
}

function short(n: number): string {
  return n < 10 ? tenths.format(n) : whole.format(n);
}

/** 512 KB, 1.2 GB */
export function bytes(n: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let [rest, unit] = [n, 0];
  while (rest >= 1_000 && unit < units.length - 1) {
    rest /= 1_000;
    unit++;
  }
  return `${short(rest)} ${units[unit]}`;
}

export function plural(n: number, one: string, many: string): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** A length of time in its largest unit: 3 s, 5 min, 2 h, 4 d. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** 23 Nov, 07:42, in the reader's own time zone */
export function moment(ms: number): string {
  return day.format(ms);
}

/** 07:42:31 */
export function timeOfDaySeconds(ms: number): string {
  return clock.format(ms);
}

/** 07:42 */
export function timeOfDay(ms: number): string {
  return clock.format(ms).slice(0, 5);
}

/** 07:42:31.456 */
export function timeOfDayMs(ms: number): string {
  return `${clock.format(ms)}.${String(Math.floor(ms) % 1_000).padStart(3, '0')}`;
}
