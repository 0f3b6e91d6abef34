/** How the bridge speaks of friends and of what became of a message. */
import { type Friend, fingerprintOf } from '../client/friends.ts';
import { visibleName } from '../protocol/visible.ts';
import type { Said } from './said.ts';

/** As data, with everything hidden made visible. */
export function described(friend: Friend, isHere: boolean) {
  const state =
    friend.change !== undefined
      ? 'KEY CHANGED: nothing is sent or shown until the owner decides'
      : friend.pausedAt > 0
        ? 'paused: nothing is sent or shown until the owner says how it goes on'
        : '';
  return {
    username: visibleName(friend.username),
    name: visibleName(friend.localName),
    isHere,
    policy: friend.policy,
    key: friend.publicKey === undefined ? '' : fingerprintOf(friend.publicKey),
    state,
  };
}

export function sentAnswer(name: string, status: string): Said {
  const where =
    status === 'queued'
      ? `is kept for ${name}, who is away`
      : status === 'delivered'
        ? `has reached ${name}`
        : `was handed to ${name}`;
  return { text: `The answer ${where}.`, data: { status: 'sent', delivery: status } };
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
