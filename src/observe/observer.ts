/** The exchange's Observer: what it tells of goes to the counts, the stats and the log. */
import { createHmac } from 'node:crypto';
import type { Side } from '../exchange/connections.ts';
import type { ExchangeEvent, Observer } from '../exchange/ports.ts';
import type { Fields } from './events.ts';
import { type Log, makeWay, type Way } from './log.ts';
import type { Counts } from './metrics.ts';
import type { Stats } from './stats.ts';

/** How logs call a user: `u_` and 8 hex digits of a hash keyed with `key`, so that a log alone betrays no name. */
export function userTag(key: Uint8Array, userKey: string): string {
  return `u_${createHmac('sha256', key).update(userKey).digest('hex').slice(0, 8)}`;
}

export interface ObserverParts {
  readonly log: Log;
  readonly counts: Counts;
  readonly stats: () => Stats;
  /** What user tags are keyed with. */
  readonly tagKey: Uint8Array;
  /** localhost, private or remote. */
  readonly addressKind: (address: string) => string;
}

export function observer({ log, counts, stats, tagKey, addressKind }: ObserverParts): Observer {
  return {
    tag: (userKey) => userTag(tagKey, userKey),
    received(type, bytes) {
      counts.received[type]++;
      counts.frameBytes.add(bytes);
    },
    forwarded(type, from, length, now) {
      if (type === 'question') counts.questions++;
      else counts.answers++;
      stats().last(type, length, now);
      from.noted ??= waysFrom(from);
      log.onWay((from.noted as Ways)[type], now, length);
    },
    kept(type, length, now) {
      if (type === 'question') counts.questions++;
      else counts.answers++;
      stats().last(type, length, now);
    },
    mailed(what, from, recipient, now) {
      counts[what]++;
      if (from === undefined) {
        log.entry(what, now, { to: recipient.tag });
        return;
      }
      from.noted ??= waysFrom(from);
      log.onWay((from.noted as Ways)[what], now, undefined);
    },
    refused(_client, code) {
      counts.errors.set(code, (counts.errors.get(code) ?? 0) + 1);
    },
    happened(event, now) {
      if (event.event === 'expired') counts.expired += event.messages;
      log.entry(event.event, now, fieldsOf(event, addressKind));
    },
    failed(where, error, now) {
      log.entry('fault', now, { where, ...describe(error) });
    },
  };
}

type Ways = Readonly<Record<'question' | 'answer' | 'queued' | 'delivered', Way>>;

function waysFrom({ connection, user, other }: Side): Ways {
  const way = (event: Way['event']) => makeWay(event, connection.id.slice(0, 6), user.tag, other.user.tag);
  return {
    question: way('question_forwarded'),
    answer: way('answer_forwarded'),
    queued: way('queued'),
    delivered: way('delivered'),
  };
}

function fieldsOf(event: ExchangeEvent, addressKind: (address: string) => string): Fields {
  switch (event.event) {
    case 'client_opened':
    case 'client_closed':
    case 'identified':
    case 'limit_hit':
    case 'invite_refused': {
      const { client } = event;
      const fields: Fields = { client: client.id.slice(0, 8) };
      if (event.event !== 'client_opened' && client.user !== undefined) fields.user = client.user.tag;
      if (event.event === 'client_opened') fields.address = addressKind(client.address);
      if (event.event === 'limit_hit') fields.code = event.code;
      if (event.event === 'invite_refused') fields.locked = event.locked;
      return fields;
    }
    case 'invite_created':
    case 'invite_used':
      return { user: event.user.tag, invite: `${event.code.slice(0, 2)}····` };
    case 'expired':
      return { messages: event.messages };
    case 'forgotten':
      return { user: event.user.tag };
    case 'connected':
    case 'disconnected': {
      const [one, other] = event.connection.sides;
      const fields: Fields = { conn: event.connection.id.slice(0, 6), user1: one.user.tag, user2: other.user.tag };
      if (event.event === 'disconnected') fields.reason = event.reason;
      return fields;
    }
  }
}

/** The kind of an error and where in our code it arose; its text is left out, since it may quote what a client sent. */
export function describe(error: unknown): Fields {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = (error as NodeJS.ErrnoException).code;
  const at = placeOf(error);
  return {
    error: code === undefined ? error.name : `${error.name} ${code}`,
    ...(at === undefined ? {} : { at }),
  };
}

/** File, line and column of the first place in the stack, without the folder. */
function placeOf({ stack = '', message }: Error): string | undefined {
  // A stack repeats the error's text, which may hold anything, also what looks like a place. When the text is not where it should be,
  // it was changed after the stack was made, and nobody can tell where the places begin.
  const at = stack.indexOf(message);
  if (!/^[\w$]+( \[\w+\])?(: )?$/.test(stack.slice(0, at === 0 ? stack.indexOf('\n') : at))) return undefined;
  const places = stack.slice(Math.max(at, 0) + message.length);
  return /^ {4}at .*?((?:node:[\w/]+|[\w.-]+\.(?:ts|mjs|js)):\d+:\d+)\)?$/m.exec(places)?.[1];
}
