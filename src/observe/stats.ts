/** The numbers of the dashboard and of `/api/stats` (protocol part 6), of nobody in particular: at most the first letter of a nickname. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { State } from '../exchange/state.ts';
import { Histogram } from './histogram.ts';
import { History } from './history.ts';
import type { Counts } from './metrics.ts';

const USERS_LISTED_MAX = 200;

export interface LastMessage {
  readonly time: number;
  /** UTF-16 units of the content. */
  readonly length: number;
  readonly type: 'question' | 'answer';
}

/** What is told of the store. */
export interface StoredCounts {
  readonly store: {
    counts(): { readonly messages: number; readonly bytes: number; readonly oldestAt: number | undefined };
  };
  readonly diskFree: () => number | undefined;
}

export class Stats {
  readonly #state: State;
  readonly #stored: StoredCounts;
  readonly #counts: Counts;
  readonly #startedAt: number;
  readonly #version: string;
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });
  #lastTime = 0;
  #lastLength = 0;
  #lastType: LastMessage['type'] = 'question';
  messagesPerSecond = 0;
  /** Milliseconds, in the last second. */
  eventLoopDelayP99 = 0;
  handlingP99Us = 0;
  /** Of the commits since the start. */
  get commitP99Ms(): number {
    return this.#counts.commitNs.quantile(0.99) / 1e6;
  }

  /** Handling times of the running second. */
  readonly handlingNs = new Histogram();
  readonly history: History;
  readonly #notices: () => readonly string[];
  #messagesBefore = 0;
  #refusedBefore = 0;
  #secondAt: number;

  /** `notices`: codes of what the operator should know now; everybody may read them. */
  constructor(
    state: State,
    counts: Counts,
    stored: StoredCounts,
    version: string,
    now: number,
    notices: () => readonly string[] = () => [],
  ) {
    this.#state = state;
    this.#stored = stored;
    this.#counts = counts;
    this.#version = version;
    this.#startedAt = now;
    this.#secondAt = now;
    this.#notices = notices;
    this.history = new History(now);
    this.#delay.enable();
  }

  get totalMessages(): number {
    return this.#counts.questions + this.#counts.answers;
  }

  get lastMessage(): LastMessage | null {
    return this.#lastTime === 0 ? null : { time: this.#lastTime, length: this.#lastLength, type: this.#lastType };
  }

  /** A message was forwarded. Three fields: an object for each of 100,000 messages a second would be forgotten unread. */
  last(type: LastMessage['type'], length: number, now: number): void {
    this.#lastTime = now;
    this.#lastLength = length;
    this.#lastType = type;
  }

  /** To be called once a second: closes the running second. */
  second(now: number): void {
    const seconds = Math.max(0.001, (now - this.#secondAt) / 1000);
    const messages = this.totalMessages - this.#messagesBefore;
    this.messagesPerSecond = Math.round(messages / seconds);
    this.#messagesBefore = this.totalMessages;
    this.#secondAt = now;
    this.handlingP99Us = this.handlingNs.quantile(0.99) / 1000;
    // The monitor reports how late its own 20 ms timer was, plus those 20 ms.
    this.eventLoopDelayP99 = Math.max(0, this.#delay.percentile(99) / 1e6 - 20);
    this.#delay.reset();
    const refused = this.#refusals();
    this.history.second(now, {
      messages,
      clients: this.#state.users.clients.size,
      delayMs: this.eventLoopDelayP99,
      handling: this.handlingNs,
      refused: refused - this.#refusedBefore,
    });
    this.#refusedBefore = refused;
    this.handlingNs.reset();
  }

  /** Seconds that the oldest message in a mailbox has waited; 0 without one. */
  mailboxOldest(now: number): number {
    const { oldestAt } = this.#stored.store.counts();
    return oldestAt === undefined ? 0 : Math.max(0, Math.round((now - oldestAt) / 1000));
  }

  /** The stats as JSON. `now`: milliseconds since the epoch. */
  json(now: number): string {
    const { users, connections, invites } = this.#state;
    const uptimeSeconds = Math.max(0, Math.floor((now - this.#startedAt) / 1000));
    return JSON.stringify({
      liveClients: users.clients.size,
      activeConnections: connections.byId.size,
      totalConnections: connections.total,
      totalMessages: this.totalMessages,
      messagesPerSecond: this.messagesPerSecond,
      uptime: uptime(uptimeSeconds),
      uptimeSeconds,
      startTime: this.#startedAt,
      version: this.#version,
      connectedUsers: this.#connectedUsers(),
      lastMessage: this.lastMessage,
      eventLoopDelayP99Ms: Math.round(this.eventLoopDelayP99 * 100) / 100,
      handlingP99Us: Math.round(this.handlingP99Us * 10) / 10,
      mailboxMessages: this.#stored.store.counts().messages,
      mailboxBytes: this.#stored.store.counts().bytes,
      mailboxOldestSeconds: this.mailboxOldest(now),
      diskFreeBytes: this.#stored.diskFree() ?? null,
      commitP99Ms: Math.round(this.commitP99Ms * 100) / 100,
      queued: this.#counts.queued,
      delivered: this.#counts.delivered,
      refusedCodes: invites.wrongTotal,
      wrongCodesLocked: invites.isUnderAttack(now),
      errors: Object.fromEntries(this.#counts.errors),
      users: users.byKey.size,
      guests: users.byKey.size - users.keyedHere,
      notices: this.#notices(),
      latest: this.history.latest,
    });
  }

  stop(): void {
    this.#delay.disable();
  }

  /** Commands refused since the start. */
  #refusals(): number {
    let sum = 0;
    for (const times of this.#counts.errors.values()) sum += times;
    return sum;
  }

  #connectedUsers() {
    const listed = [];
    for (const user of this.#state.users.byKey.values()) {
      if (listed.length === USERS_LISTED_MAX) break;
      listed.push({
        initial: initial(user.nickname),
        clientId: user.id.slice(0, 8),
        since: user.since,
        connections: user.sides.size,
        status: user.sides.size > 0 ? 'connected' : 'idle',
      });
    }
    return listed;
  }
}

/** The first letter of a nickname, in upper case: a letter or digit, else `•`. */
export function initial(nickname: string): string {
  const [first = ''] = nickname;
  if (!/[\p{L}\p{N}]/u.test(first)) return '•';
  const upper = first.toUpperCase();
  return [...upper].length === 1 ? upper : first;
}

/** `2h 15m`, `3d 4h 0m`, `12s`. */
export function uptime(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor(seconds / 3_600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (days > 0) return `${days}d ${hours}h ${minutes}m`;
  if (hours > 0) return `${hours}h ${minutes}m`;
  return minutes > 0 ? `${minutes}m ${seconds % 60}s` : `${seconds}s`;
}
