/**
 * The log (protocol part 7). One event is one entry and is put into JSON once: the same line goes to standard output, to the newest
 * 500 that the admin panel shows, and to those who follow. What may appear is the table of events and the list of fields below and
 * nothing else: never content, a whole code, a nickname, a username or an address.
 */

const RECENT_MAX = 500;

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof LEVELS)[number];

interface EventKind {
  readonly level: Level;
  readonly icon: string;
  readonly message: string;
}

const EVENTS = {
  started: { level: 'info', icon: '🚀', message: 'Exchange started' },
  draining: { level: 'info', icon: '⏳', message: 'Draining: saying goodbye to everybody' },
  stopped: { level: 'info', icon: '🛑', message: 'Exchange stopped' },
  client_opened: { level: 'info', icon: '🔌', message: 'Client opened' },
  client_closed: { level: 'info', icon: '👋', message: 'Client closed' },
  identified: { level: 'info', icon: '👤', message: 'User identified' },
  invite_created: { level: 'info', icon: '🎫', message: 'Invite created' },
  invite_used: { level: 'info', icon: '🎟️', message: 'Invite used' },
  invite_refused: { level: 'warn', icon: '⛔', message: 'Invite code refused' },
  connected: { level: 'info', icon: '🤝', message: 'Users connected' },
  disconnected: { level: 'info', icon: '💔', message: 'Users disconnected' },
  question_forwarded: { level: 'info', icon: '❓', message: 'Question forwarded' },
  answer_forwarded: { level: 'info', icon: '💬', message: 'Answer forwarded' },
  limit_hit: { level: 'warn', icon: '🚦', message: 'Limit hit' },
  admin_login: { level: 'info', icon: '🔑', message: 'Admin logged in' },
  admin_refused: { level: 'warn', icon: '🔒', message: 'Admin password refused' },
  warning: { level: 'warn', icon: '⚠️', message: 'Warning' },
  fault: { level: 'error', icon: '🔥', message: 'Fault in the exchange' },
} as const satisfies Record<string, EventKind>;

export type EventName = keyof typeof EVENTS;

/** All that an entry may say beyond its event. Every value is a number or a word of ours, cut short where it stems from a client. */
export interface Fields {
  client?: string;
  user?: string;
  conn?: string;
  user1?: string;
  user2?: string;
  from?: string;
  to?: string;
  length?: number;
  /** The first two of a code's six characters. */
  invite?: string;
  code?: string;
  reason?: string;
  locked?: boolean;
  /** localhost, private or remote. */
  address?: string;
  host?: string;
  port?: number;
  tlsPort?: number;
  url?: string;
  login?: string;
  version?: string;
  clients?: number;
  /** Where in our code, and what kind of error: never its text, which may quote a client. */
  where?: string;
  error?: string;
  at?: string;
  hint?: string;
}

const FIELDS: readonly (keyof Fields)[] = [
  ...([
    'client',
    'user',
    'conn',
    'user1',
    'user2',
    'from',
    'to',
    'length',
    'invite',
    'code',
    'reason',
    'locked',
    'address',
  ] as const),
  ...(['host', 'port', 'tlsPort', 'url', 'login', 'version', 'clients', 'where', 'error', 'at', 'hint'] as const),
];

export interface LogOptions {
  readonly level: Level | 'silent';
  readonly format: 'json' | 'pretty';
  /** Takes whole lines, each with its line end. */
  readonly write: (text: string) => void;
}

interface Recent {
  readonly time: number;
  readonly rank: number;
  readonly line: string;
}

export type Follower = (line: string, level: Level) => void;

export class Log {
  readonly #rankMin: number;
  readonly #format: 'json' | 'pretty';
  readonly #write: (text: string) => void;
  readonly #recent: Recent[] = [];
  /** Where in `#recent` the next entry goes once that is full. */
  #next = 0;
  readonly #followers = new Set<Follower>();

  constructor({ level, format, write }: LogOptions) {
    this.#rankMin = level === 'silent' ? LEVELS.length : LEVELS.indexOf(level);
    this.#format = format;
    this.#write = write;
  }

  entry(event: EventName, now: number, fields: Fields = {}): void {
    const { level, icon, message } = EVENTS[event];
    const rank = LEVELS.indexOf(level);
    if (rank < this.#rankMin) return;
    let line = `{"time":${now},"level":"${level}","event":"${event}","icon":"${icon}","message":"${message}"`;
    for (const name of FIELDS) {
      const value = fields[name];
      if (value !== undefined) line += `,"${name}":${JSON.stringify(value)}`;
    }
    this.#keep(now, rank, level, `${line}}`, () => readable(event, now, fields));
  }

  /** The entry of every message, so put together by hand. All arguments are words of ours: none needs quoting. */
  forwarded(type: 'question' | 'answer', now: number, conn: string, from: string, to: string, length: number): void {
    if (this.#rankMin > 1) return;
    const event = type === 'question' ? 'question_forwarded' : 'answer_forwarded';
    const { icon, message } = EVENTS[event];
    const head = `{"time":${now},"level":"info","event":"${event}","icon":"${icon}","message":"${message}"`;
    const line = `${head},"conn":"${conn}","from":"${from}","to":"${to}","length":${length}}`;
    this.#keep(now, 1, 'info', line, () => readable(event, now, { conn, from, to, length }));
  }

  /** The newest entries later than `since` (ms) and not below `level`, oldest first, each as JSON. */
  recent(since: number, level: Level): string[] {
    const rank = LEVELS.indexOf(level);
    const inOrder = [...this.#recent.slice(this.#next), ...this.#recent.slice(0, this.#next)];
    return inOrder.filter((entry) => entry.time > since && entry.rank >= rank).map((entry) => entry.line);
  }

  /** Calls `follower` with every entry from now on, as JSON, until the returned function is called. */
  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  #keep(time: number, rank: number, level: Level, line: string, pretty: () => string): void {
    this.#write(this.#format === 'json' ? `${line}\n` : pretty());
    const entry = { time, rank, line };
    if (this.#recent.length < RECENT_MAX) this.#recent.push(entry);
    else {
      this.#recent[this.#next] = entry;
      this.#next = (this.#next + 1) % RECENT_MAX;
    }
    if (this.#followers.size > 0) for (const follower of this.#followers) follower(line, level);
  }
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
