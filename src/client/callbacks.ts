/** What the owner of a client is told, and how: one plain function for each kind of news. */
import type { ServerMessage } from '../protocol/messages.ts';
import type { Entry } from './inbox.ts';
import type { Outgoing } from './outbox.ts';
import type { KeyChange } from './pins.ts';
import type { Refused } from './replies.ts';
import type { Status } from './sender.ts';

export type Message<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>;
export type Answer = Message<'answer'>;
export type Presence = Message<'friend_connected' | 'friend_disconnected' | 'friend_online' | 'friend_away'>;

/**
 * What the owner is told. An entry counts as shown when its callback has returned, or the promise that it returned is fulfilled; if the
 * process is killed in between it is shown again, with the same number, by the next client with this inbox. What a guest connection
 * brings has the number 0. Callbacks must not throw.
 */
export interface Callbacks {
  readonly question?: (entry: Entry<Message<'question'>>) => void | Promise<void>;
  readonly answer?: (entry: Entry<Answer>) => void | Promise<void>;
  readonly receipt?: (entry: Entry<Message<'receipt'>>) => void | Promise<void>;
  readonly sent?: (message: Outgoing, status: Status) => void;
  readonly failed?: (message: Outgoing, refused: Refused) => void;
  readonly presence?: (message: Presence) => void;
  /** Another client of this user has answered or declined this. */
  readonly handled?: (message: Message<'handled'>) => void;
  /** Nothing is sent to this friend, and nothing of theirs is shown, until `trust`. */
  readonly keyChanged?: (change: KeyChange) => void;
  readonly identified?: (message: Message<'identified'>) => void;
  /** `willReturn` false: another client took this one's place, or the exchange refused the name. */
  readonly closed?: (code: number, willReturn: boolean) => void;
  /** An error that belongs to nothing that this client waits for, or a disk that refuses. */
  readonly trouble?: (error: unknown) => void;
}
