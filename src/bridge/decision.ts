/** When the owner has to be asked before something leaves: one table (protocol part 8). A friend can approve nothing. */
import type { Policy } from '../client/friends.ts';

export type Action = 'ask' | 'answer' | 'decline' | 'connect' | 'create_invite' | 'disconnect';
export type Reason = 'policy' | 'new_friend' | 'muted' | 'read_a_stranger' | 'secret' | 'paused';

export interface Circumstances {
  readonly action: Action;
  /** Of the friend whom it goes to, if there is one. */
  readonly policy?: Policy;
  /** A friend's text has entered this session. */
  readonly isTainted: boolean;
  readonly hasSecret: boolean;
  /** Assistants have gone back and forth with this friend too long without their owners. */
  readonly isPaused: boolean;
}

/** What makes a friend's policy a reason. */
const BY_POLICY: Readonly<Record<Policy, Reason | undefined>> = {
  hold: 'new_friend',
  ask: 'policy',
  auto: undefined,
  mute: 'muted',
};

/** An answer goes back to whoever asked. These reach somebody whom the stranger's text may have chosen. */
const OPEN_TO_SUGGESTION: Readonly<Record<Action, boolean>> = {
  ask: true,
  answer: false,
  decline: false,
  connect: true,
  create_invite: true,
  disconnect: true,
};

/** Carries words to a friend. */
const CARRIES_TEXT: Readonly<Record<Action, boolean>> = {
  ask: true,
  answer: true,
  decline: true,
  connect: false,
  create_invite: false,
  disconnect: false,
};

const SENTENCES: Readonly<Record<Reason, string>> = {
  policy: 'You confirm everything that leaves for this friend (magi policy).',
  new_friend: 'This friend is new: look at their name and key first (magi friends).',
  muted: 'You have muted this friend.',
  read_a_stranger:
    'In this session your assistant has read text from a friend’s machine, which may be trying to make it send something.',
  secret: 'It looks as if it held a secret.',
  paused: 'Your assistant and your friend’s have gone back and forth many times without either of you.',
};

/** Empty: nobody needs to be asked. */
export function reasonsToAsk({ action, policy, isTainted, hasSecret, isPaused }: Circumstances): Reason[] {
  const reasons: Reason[] = [];
  const byPolicy = policy === undefined ? undefined : BY_POLICY[policy];
  if (byPolicy !== undefined && CARRIES_TEXT[action]) reasons.push(byPolicy);
  if (isTainted && OPEN_TO_SUGGESTION[action]) reasons.push('read_a_stranger');
  if (hasSecret && CARRIES_TEXT[action]) reasons.push('secret');
  if (isPaused && CARRIES_TEXT[action]) reasons.push('paused');
  return reasons;
}

/** For the owner. */
export function sentenceOf(reason: Reason): string {
  return SENTENCES[reason];
}
