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

/** Both the owner and the assistant read these: "you" would be the wrong one for one of them. */
const SENTENCES: Readonly<Record<Reason, string>> = {
  policy: 'Everything that leaves for this friend needs the owner’s yes (magi policy).',
  new_friend: 'This friend is new: the owner has not said yet that name and key are right (magi friends).',
  muted: 'The owner has muted this friend.',
  read_a_stranger:
    'In this session the assistant has read text from a friend’s machine, which may be trying to make it do this.',
  secret: 'It looks as if it held a secret.',
  paused: 'The assistants of the two have gone back and forth many times without their owners.',
};

/** What the owner must have read before their yes means anything. */
const TO_BE_TOLD: ReadonlySet<Reason> = new Set(['secret', 'paused']);

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

/** Whether an owner who only sees friend and text does not know what matters. */
export function hasToBeTold(reasons: readonly Reason[]): boolean {
  return reasons.some((reason) => TO_BE_TOLD.has(reason));
}

export function sentenceOf(reason: Reason): string {
  return SENTENCES[reason];
}
