/** What a client is told when it is opened, and what it tells back. */
import type { Database } from './database.ts';
import type { Entry } from './entries.ts';
import type { MagiError } from './errors.ts';
import type { KeyChange, Policy } from './friends.ts';
import type { Identity } from './identity.ts';
import type { Backoff } from './link.ts';
import type { Outgoing, Status } from './outbox.ts';
import type { Coming } from './presence.ts';
import type { Message } from './replies.ts';
import type { Given } from './settings.ts';

/** What the owner of a client may want to know while it works. They must not throw. */
export interface ClientEvents {
  /** A friend came, went, connected or left. */
  readonly presence?: (message: Coming) => void;
  /** Nothing is sent to this friend, and nothing of theirs is shown, until `trust`. */
  readonly keyChanged?: (change: KeyChange) => void;
  readonly identified?: (message: Message<'identified'>) => void;
  /**
   * `willReturn` false: another client took this one's place, or the exchange refused the name. `reason`: why the socket was lost or
   * could not be opened, if the system said so.
   */
  readonly closed?: (code: number, willReturn: boolean, reason: Error | undefined) => void;
  /** An error that belongs to nothing that is waited for, or a disk that refuses. */
  readonly trouble?: (error: unknown) => void;
  /** A message or a receipt is safe and was not here before, in this process. */
  readonly arrived?: (entry: Entry) => void;
  /** What became of a message of this user, also of one that an earlier process had to leave: who has it, or why nobody will. */
  readonly settled?: (message: Outgoing, outcome: Status | MagiError) => void;
}

export interface ClientOptions extends Given {
  readonly on?: ClientEvents;
  /** Pauses before it dials again. Default: random, up to 250 ms at first, up to 30 s at last. */
  readonly backoff?: Backoff;
}

export interface AskOptions {
  /** Milliseconds; then `no_answer_yet`, and the answer comes to the inbox. Default: as long as it takes. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

export interface Answer {
  /** The id of the question. */
  readonly id: string;
  /** Its number in the inbox. */
  readonly number: number;
  /** The friend's username. */
  readonly from: string;
  readonly text: string;
  /** When it arrived, in milliseconds since the epoch. */
  readonly at: number;
}

export interface Asked {
  readonly id: string;
  /** Who has it now. Rejected with MagiError. */
  readonly sent: Promise<Status>;
  readonly answer: Promise<Answer>;
}

export interface QuestionOptions {
  readonly signal?: AbortSignal;
  /** Only those of friends with one of these policies. Default: all but `mute`. */
  readonly policies?: readonly Policy[];
}

/** What one client is made of. @internal */
export interface Parts {
  readonly url: string;
  readonly username: string;
  readonly nickname?: string | undefined;
  readonly identity?: Identity | undefined;
  readonly database: Database;
  readonly backoff?: Backoff | undefined;
  readonly on?: ClientEvents | undefined;
}
