/**
 * The log (protocol part 7). One event is one entry: a JSON line to standard output (or a readable one on a terminal), to the newest
 * 500 that the admin panel shows, and to those who follow. What may appear is the table of events and the list of fields and nothing
 * else: never content, a whole code, a nickname, a username or an address.
 */
import { EVENTS, type EventName, FIELDS, type Fields, LEVELS, type Level } from './events.ts';
import type { Output } from './output.ts';

const RECENT_MAX = 500;

export interface LogOptions {
  readonly level: Level | 'silent';
  readonly format: 'json' | 'pretty';
  readonly output: Output;
}

/** Takes an entry as JSON, without a line end. */
export type Follower = (line: string, level: Level) => void;

/** An entry of the newest ones; its JSON is made when somebody asks. */
interface Recent {
  readonly time: number;
  readonly rank: number;
  readonly json: () => string;
}

export class Log {
  readonly #rankMin: number;
  readonly #format: 'json' | 'pretty';
  readonly #output: Output;
  readonly #recent: (Recent | OnWay)[] = [];
  /** Where in `#recent` the next entry goes once that is full. */
  #next = 0;
  readonly #followers = new Set<Follower>();
  /** The time of the last forwarded message and its 13 digits: many messages share one. */
  #time = 0;
  readonly #digits = new Uint8Array(TIME_DIGITS);

  constructor({ level, format, output }: LogOptions) {
    this.#rankMin = level === 'silent' ? LEVELS.length : LEVELS.indexOf(level);
    this.#format = format;
    this.#output = output;
  }

  entry(event: EventName, now: number, fields: Fields = {}): void {
    const { level } = EVENTS[event];
    const rank = LEVELS.indexOf(level);
    if (rank < this.#rankMin) return;
    const line = json(event, now, fields);
    this.#output.write(this.#format === 'json' ? `${line}\n` : readable(event, now, fields));
    this.#keep({ time: now, rank, json: () => line });
    for (const follower of this.#followers) follower(line, level);
  }

  /**
   * The entry of every message, so the line is not put together but copied: only the time and the length are written into it.
   * `length`: of the content, in UTF-16 units; undefined for an event that has none.
   */
  onWay(way: Way, now: number, length: number | undefined): void {
    if (this.#rankMin > INFO) return;
    if (this.#format === 'json') this.#writeTemplate(way.template, now, length);
    else this.#output.write(readable(way.event, now, fieldsOf(way, length)));
    this.#keep(new OnWay(way, now, length));
    if (this.#followers.size === 0) return;
    const line = json(way.event, now, fieldsOf(way, length));
    for (const follower of this.#followers) follower(line, 'info');
  }

  /** The newest entries later than `since` (ms) and not below `level`, oldest first, each as JSON. */
  recent(since: number, level: Level): string[] {
    const rank = LEVELS.indexOf(level);
    const inOrder = [...this.#recent.slice(this.#next), ...this.#recent.slice(0, this.#next)];
    return inOrder.filter((entry) => entry.time > since && entry.rank >= rank).map((entry) => entry.json());
  }

  /** Calls `follower` with every entry from now on until the returned function is called. */
  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  #keep(entry: Recent): void {
    if (this.#recent.length < RECENT_MAX) this.#recent.push(entry);
    else {
      this.#recent[this.#next] = entry;
      this.#next = (this.#next + 1) % RECENT_MAX;
    }
  }

  #writeTemplate(template: Uint8Array, now: number, length: number | undefined): void {
    if (now !== this.#time) {
      this.#time = now;
      writeDigits(this.#digits, 0, now, TIME_DIGITS);
    }
    const output = this.#output;
    output.reserve(template.length + LENGTH_DIGITS_MAX + 2);
    const { bytes, used } = output;
    bytes.set(template, used);
    bytes.set(this.#digits, used + TIME_AT);
    let end = used + template.length;
    if (length !== undefined) {
      const digits = countDigits(length);
      writeDigits(bytes, end, length, digits);
      end += digits;
    }
    bytes[end] = CLOSING_BRACE;
    bytes[end + 1] = LINE_FEED;
    output.used = end + 2;
  }
}

const INFO = LEVELS.indexOf('info');
const TIME_AT = '{"time":'.length;
/** Milliseconds since the epoch have this many digits until the year 2286. */
const TIME_DIGITS = 13;
const LENGTH_DIGITS_MAX = 10;
const [CLOSING_BRACE, LINE_FEED, ZERO] = [0x7d, 0x0a, 0x30];

function countDigits(value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  return digits;
}

function writeDigits(bytes: Uint8Array, at: number, value: number, digits: number): void {
  let rest = value;
  for (let index = at + digits - 1; index >= at; index--) {
    const next = Math.floor(rest / 10);
    bytes[index] = ZERO + rest - next * 10;
    rest = next;
  }
}

/** What happens to the messages from one user to another, in the words of the log. */
export interface Way {
  readonly event: 'question_forwarded' | 'answer_forwarded' | 'queued' | 'delivered';
  readonly fields: Readonly<Required<Pick<Fields, 'conn' | 'from' | 'to'>>>;
  /** The line up to the length, or up to its end, with any time of 13 digits in it. */
  readonly template: Uint8Array;
}

/** Made once for each side of a connection. */
export function makeWay(event: Way['event'], conn: string, from: string, to: string): Way {
  const fields = { conn, from, to };
  const line = json(event, 10 ** (TIME_DIGITS - 1), fields).slice(0, -1);
  const hasLength = event === 'question_forwarded' || event === 'answer_forwarded';
  return { event, fields, template: Buffer.from(hasLength ? `${line},"length":` : line) };
}

function fieldsOf({ fields }: Way, length: number | undefined): Fields {
  return length === undefined ? fields : { ...fields, length };
}

/** The kept entry of a message: as small as can be, since a busy exchange makes and forgets 100,000 a second. */
class OnWay implements Recent {
  readonly rank = INFO;
  readonly time: number;
  readonly #way: Way;
  readonly #length: number | undefined;

  constructor(way: Way, time: number, length: number | undefined) {
    this.time = time;
    this.#way = way;
    this.#length = length;
  }

  json(): string {
    return json(this.#way.event, this.time, fieldsOf(this.#way, this.#length));
  }
}

function json(event: EventName, now: number, fields: Fields): string {
  const { level, icon, message } = EVENTS[event];
  let line = `{"time":${now},"level":"${level}","event":"${event}","icon":"${icon}","message":"${message}"`;
  for (const name of FIELDS) {
    const value = fields[name];
    if (value !== undefined) line += `,"${name}":${JSON.stringify(value)}`;
  }
  return `${line}}`;
}

/** `🤝 [00:28:30.456] INFO: Users connected • Conn:def456 • User1:u_3fa9c1d2` */
function readable(event: EventName, now: number, fields: Fields): string {
  const { level, icon, message } = EVENTS[event];
  const time = new Date(now);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  let text = `${icon} [${clock}.${String(time.getMilliseconds()).padStart(3, '0')}] ${level.toUpperCase()}: ${message}`;
  for (const name of FIELDS) {
    const value = fields[name];
    if (value !== undefined) text += ` • ${name[0]?.toUpperCase()}${name.slice(1)}:${value}`;
  }
  return `${text}\n`;
}
