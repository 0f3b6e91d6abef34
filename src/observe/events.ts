/** What the log can say (protocol part 7): the events with their icons and sentences, and the fields that an entry may have. */

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof LEVELS)[number];

interface EventKind {
  readonly level: Level;
  readonly icon: string;
  readonly message: string;
}

export const EVENTS = {
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
  queued: { level: 'info', icon: '📬', message: 'Message kept in a mailbox' },
  delivered: { level: 'info', icon: '✅', message: 'Message delivered' },
  expired: { level: 'info', icon: '⌛', message: 'Messages expired' },
  forgotten: { level: 'info', icon: '🫥', message: 'User forgotten' },
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
  messages?: number;
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

export const FIELDS: readonly (keyof Fields)[] = [
  ...([
    'client',
    'user',
    'conn',
    'user1',
    'user2',
    'from',
    'to',
    'length',
    'messages',
    'invite',
    'code',
    'reason',
    'locked',
    'address',
  ] as const),
  ...(['host', 'port', 'tlsPort', 'url', 'login', 'version', 'clients', 'where', 'error', 'at', 'hint'] as const),
];
