/**
 * Whether something may leave, or the owner has to say so first: one table. What it knows are the owner's policy for the friend, whether
 * a friend's text has entered the session, whether the text looks like a secret, and how this assistant asks its owner. Nothing that
 * a friend says is among them: a friend can approve nothing.
 */

/** Set in a terminal or the owner's own dialog, never by a tool. */
export type Policy = 'hold' | 'ask' | 'auto' | 'mute';

export type FriendTool = 'magi_ask' | 'magi_answer' | 'magi_decline' | 'magi_disconnect';
type StrangerTool = 'magi_connect' | 'magi_create_invite';

/**
 * How the assistant's owner can be asked: by a dialog of ours (`elicitation`); by the client itself, which is known to ask before each
 * call of a tool marked `anthropic/requiresUserInteraction`, so that the owner has already seen this one (`interaction`); not at all.
 */
export type Asking = 'elicitation' | 'interaction' | 'nothing';

/**
 * `send`: it may leave. `ask`: only after the owner said yes in a dialog. `draft`: it is kept, and only `magi-exchange approve` in the owner's
 * terminal sends it. `refuse`: it is not even kept.
 */
export type Outcome = 'send' | 'ask' | 'draft' | 'refuse';

/** Why the owner comes into it, all that apply. A `send` with reasons is one that the owner's client has already let pass. */
export type Reason = 'secret' | 'paused' | 'tainted' | 'confirmed' | 'held' | 'muted';

export interface Leaving {
  readonly what: { readonly tool: FriendTool; readonly policy: Policy } | { readonly tool: StrangerTool };
  /** A friend's text has entered this session. Where there are no sessions: this process. */
  readonly isTainted: boolean;
  /** `findSecrets` found something. */
  readonly hasSecret: boolean;
  /** `leaving` of pace.ts said `pause` or `paused`. */
  readonly isPaused: boolean;
  readonly asking: Asking;
}

export interface Decision {
  readonly outcome: Outcome;
  readonly reasons: readonly Reason[];
}

/** Who decides: nobody has to, the owner, the owner in answer to a question about this very text, or nobody can. */
type Decider = 'free' | 'owner' | 'question' | 'never';

/** In a session that no friend's text has entered, and in one that it has. */
type Row = readonly [clean: Decider, tainted: Decider];

const FRIENDS: Readonly<Record<FriendTool, Readonly<Record<Policy, Row>>>> = {
  magi_ask: {
    hold: ['never', 'never'],
    ask: ['owner', 'owner'],
    auto: ['free', 'owner'],
    mute: ['never', 'never'],
  },
  // What is answered has been read, so every answer comes from such a session: `auto` is the owner's word that it may.
  magi_answer: {
    hold: ['never', 'never'],
    ask: ['owner', 'owner'],
    auto: ['free', 'free'],
    mute: ['never', 'never'],
  },
  magi_decline: {
    hold: ['never', 'never'],
    ask: ['owner', 'owner'],
    auto: ['free', 'free'],
    mute: ['never', 'never'],
  },
  // It says nothing, but it is for good: one can always be rid of a friend, and no friend's text can be rid of another.
  magi_disconnect: {
    hold: ['owner', 'owner'],
    ask: ['owner', 'owner'],
    auto: ['free', 'owner'],
    mute: ['owner', 'owner'],
  },
};

const STRANGERS: Readonly<Record<StrangerTool, Row>> = {
  magi_connect: ['free', 'owner'],
  magi_create_invite: ['free', 'owner'],
};

const OUTCOMES: Readonly<Record<Decider, Readonly<Record<Asking, Outcome>>>> = {
  free: { elicitation: 'send', interaction: 'send', nothing: 'send' },
  owner: { elicitation: 'ask', interaction: 'send', nothing: 'draft' },
  // Who let a call pass has not been told that it may hold a secret, or that the pair was paused.
  question: { elicitation: 'ask', interaction: 'draft', nothing: 'draft' },
  never: { elicitation: 'refuse', interaction: 'refuse', nothing: 'refuse' },
};

export function decide(leaving: Leaving): Decision {
  const { what, isTainted, hasSecret, isPaused, asking } = leaving;
  const [clean, tainted] = 'policy' in what ? FRIENDS[what.tool][what.policy] : STRANGERS[what.tool];
  const decider = isTainted ? tainted : clean;
  if (decider === 'never')
    return { outcome: 'refuse', reasons: ['policy' in what && what.policy === 'mute' ? 'muted' : 'held'] };
  const reasons: Reason[] = [];
  if (hasSecret) reasons.push('secret');
  if (isPaused) reasons.push('paused');
  if (isTainted && decider === 'owner' && !(what.tool === 'magi_answer' || what.tool === 'magi_decline'))
    reasons.push('tainted');
  if (clean === 'owner') reasons.push('confirmed');
  return { outcome: OUTCOMES[hasSecret || isPaused ? 'question' : decider][asking], reasons };
}

const WHY: Readonly<Record<Reason, string>> = {
  secret: 'It looks as if it held a secret.',
  paused: 'The two assistants went back and forth without their owners and are paused.',
  tainted: "A friend's text was read in this session, and may be what asks for this.",
  confirmed: 'The owner confirms everything that leaves for this friend.',
  held: "The owner has not yet looked at this friend's name and key, which is done in a terminal: magi-exchange friends.",
  muted: 'The owner has muted this friend, which is undone in a terminal: magi-exchange friends.',
};

/** What the tool says of a decision, and the dialog as its reason. `draft`: the id under which it was kept. Empty for a plain `send`. */
export function sentence({ outcome, reasons }: Decision, draft = ''): string {
  const why = reasons.map((reason) => WHY[reason]).join(' ');
  if (outcome === 'send') return '';
  if (outcome === 'ask') return why;
  if (outcome === 'refuse') return `Nothing was sent. ${why}`;
  return `Nothing was sent; it is kept as draft ${draft}. ${why} Only the owner can send it, in a terminal of their own: magi-exchange approve ${draft}. Do not run that yourself.`;
}
