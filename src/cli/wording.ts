/** How commands speak of people, times and what became of a message. */
import type { Friend } from '../client/friends.ts';
import { fingerprintOf } from '../client/friends.ts';
import type { Status } from '../client/outbox.ts';
import type { Settings } from '../client/settings.ts';

const EXCERPT_MAX = 40;

/** The local name, with the username if that is another. */
export function nameOf({ localName, username }: Pick<Friend, 'localName' | 'username'>): string {
  return localName === username ? username : `${localName} (${username})`;
}

/** The exchange's address as people write it. */
export function placeOf({ server }: Pick<Settings, 'server'>): string {
  return server.replace(/(?<!\/)\/$/, '');
}

/** A name as it can be typed in a shell. */
export function typed(name: string): string {
  const word = name.startsWith('-') ? `@${name}` : name;
  return /^[A-Za-z0-9._@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** `14:02`, or with its day if that is not today. On the clock of this machine. */
export function clock(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** The beginning of a text, on one line. */
export function excerpt(text: string, charactersMax = EXCERPT_MAX): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  const characters = [...line];
  return characters.length <= charactersMax
    ? line
    : `${characters
        .slice(0, charactersMax - 1)
        .join('')
        .trimEnd()}…`;
}

/** `2 questions`. */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** What has become of a message, as in "it was …". */
export function pastOf(status: Status): string {
  if (status === 'delivered') return 'delivered';
  return status === 'queued' ? 'kept in their mailbox' : 'handed on, unconfirmed';
}

/** The same as a sentence about a friend. */
export function sentenceOf(status: Status, name: string): string {
  if (status === 'delivered') return `Delivered to ${name}.`;
  if (status === 'queued') return `${name} is away: it is kept in their mailbox.`;
  return `Handed to ${name}, who has no key: nothing confirms that it arrived.`;
}

/** The key's fingerprint; of somebody without a key, that. */
export function keyOf(publicKey: string | undefined): string {
  return publicKey === undefined ? 'no key: a guest' : fingerprintOf(publicKey);
}

/** A friend in the documents of `--json`. `online` null: not known, since the exchange was not reached. */
export function friendDocument(friend: Friend, online: boolean | null): Readonly<Record<string, unknown>> {
  const { username, localName, nickname, policy, isDurable, publicKey, change, metAt, pausedAt } = friend;
  return {
    username,
    localName,
    nickname,
    online,
    policy,
    durable: isDurable,
    publicKey: publicKey ?? null,
    fingerprint: publicKey === undefined ? null : fingerprintOf(publicKey),
    changedKey:
      change === undefined
        ? null
        : {
            publicKey: change.offered ?? null,
            fingerprint: change.offered === undefined ? null : fingerprintOf(change.offered),
          },
    metAt,
    pausedAt: pausedAt === 0 ? null : pausedAt,
  };
}
