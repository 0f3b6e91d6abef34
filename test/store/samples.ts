/** What the tests of the stores put into them. */
import type {
  DurableConnection,
  Invite,
  KeyedUser,
  Store,
  WaitingMessage,
  WaitingReceipt,
} from '../../src/exchange/ports.ts';

export const NOW = 1_750_000_000_000;
export const EVERYTHING = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const;

export function user(key: string, more: Partial<KeyedUser> = {}): KeyedUser {
  return { key, username: key.toUpperCase(), nickname: `nick of ${key}`, publicKey: `pk-${key}`, usedAt: NOW, ...more };
}

export function invite(code: string, more: Partial<Invite> = {}): Invite {
  return { code, userKey: 'ann', userId: 'pk-ann', expiresAt: NOW + 1_000, durable: true, ...more };
}

export function connection(id: string, one: string, other: string, madeAt = NOW): DurableConnection {
  return { id, userKeys: [one, other], madeAt };
}

/** A question from `sender` to `recipient`. */
export function message(seq: number, recipient: string, sender: string, more: Partial<WaitingMessage> = {}) {
  const content = more.content ?? `content ${seq}`;
  const from = { sender, username: sender.toUpperCase(), nickname: `nick of ${sender}` };
  const bytes = Buffer.byteLength(content);
  const rest = { type: 'question', id: `m${seq}`, replyTo: undefined, bytes, takenAt: NOW } as const;
  return { seq, recipient, ...from, content, ...rest, ...more } satisfies WaitingMessage;
}

/** `delivered`, of a message that `recipient` had sent to `friend`. */
export function receipt(seq: number, recipient: string, friend: string, more: Partial<WaitingReceipt> = {}) {
  const rest = { id: `m${seq}`, status: 'delivered', reason: undefined, at: NOW } as const;
  return { seq, recipient, friend, ...rest, ...more } satisfies WaitingReceipt;
}

/** Connects two as if one had redeemed the other's code. */
export async function connect(store: Store, made: DurableConnection): Promise<void> {
  const code = `for ${made.id}`;
  void store.addInvite(invite(code), NOW);
  if (!(await store.redeemInvite(code, NOW, made))) throw new Error('the code was gone');
}

export function counter(first: number): () => number {
  let next = first;
  return () => next++;
}

/** Everything that waits for the user, oldest first. */
export function mailbox(store: Store, recipient: string): Promise<WaitingMessage[]> {
  return store.nextMessages(recipient, 0, ...EVERYTHING);
}

export async function bind(store: Store, ...keys: string[]): Promise<void> {
  await Promise.all(keys.map((key) => store.bindUser(user(key))));
}
