/** One command's visit to the exchange: the person's folder opened, the exchange reached or not, what waited sent, and left in peace. */
import { Client } from '../client/client.ts';
import type { Database } from '../client/database.ts';
import { MagiError } from '../client/errors.ts';
import { Friends } from '../client/friends.ts';
import { openHome } from '../client/home.ts';
import type { Identity } from '../client/identity.ts';
import { Inbox } from '../client/inbox.ts';
import type { ClientEvents } from '../client/options.ts';
import { Outbox, type Outgoing, type Status } from '../client/outbox.ts';
import { isGone } from '../client/processes.ts';
import type { Settings } from '../client/settings.ts';
import type { Call } from './call.ts';
import { PROGRAM } from './exit.ts';
import { settingsOf } from './settings.ts';
import { clock, excerpt, pastOf, placeOf } from './wording.ts';

/** Nothing is heard from the exchange for so long: it cannot be reached. */
const REACH_MS_MAX = 8_000;
/** After the first failure it may be restarting. */
const RETRY_MS_MAX = 1_000;
/** What an earlier command could not send has so long to go out with this one. */
const FLUSH_MS_MAX = 2_000;
/** What the mailbox holds has so long to arrive. Nothing for a while means that all is here; a shorter one if as much came as was said. */
const ARRIVE_MS_MAX = 5_000;
const QUIET_MS = 400;
const SETTLED_MS = 30;
const TICK_MS = 10;

export class Visit {
  readonly settings: Settings;
  readonly client: Client;
  readonly identity: Identity;
  readonly database: Database;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly friends: Friends;
  readonly #call: Call;
  readonly #own = new Set<string>();
  #isClosed = false;
  #arrived = 0;
  #arrivedAt = 0;
  #reason: Error | undefined;
  #onFailure: () => void = () => {};

  /** Opens the folder; connects when it is asked to. Throws MagiError. */
  constructor(call: Call, settings: Settings = settingsOf(call), on: ClientEvents = {}) {
    this.#call = call;
    this.settings = settings;
    const { identity, database } = openHome(settings.home);
    this.identity = identity;
    this.database = database;
    this.inbox = new Inbox(database);
    this.outbox = new Outbox(database);
    this.friends = new Friends(database);
    const { server: url, username, nickname } = settings;
    this.client = new Client({
      ...{ url, username, nickname, identity, database },
      on: {
        ...on,
        arrived: (entry) => {
          // The mailbox counts messages; receipts come besides.
          if (entry.kind !== 'receipt') this.#arrived += 1;
          this.#arrivedAt = Date.now();
          on.arrived?.(entry);
        },
        settled: (message, outcome) => {
          this.#settled(message, outcome);
          on.settled?.(message, outcome);
        },
        closed: (code, willReturn, reason) => {
          this.#reason = reason ?? new Error(`the exchange closed the connection (${code})`);
          this.#onFailure();
          on.closed?.(code, willReturn, reason);
        },
        trouble: on.trouble ?? ((error) => call.out.warn(error instanceof Error ? error.message : String(error))),
      },
    });
    call.atEnd(() => this.close());
  }

  /** What the owner types themselves is no assistant's going back and forth. */
  ownerActed(username: string): void {
    this.friends.ownerActed(username).catch((error: Error) => this.#call.out.warn(error.message));
  }

  /** Fulfilled when the exchange knows this person. Rejected with MagiError: `unreachable`, `aborted`, or what it refused. */
  async reach(): Promise<{ pending: number }> {
    const late = Promise.withResolvers<never>();
    const giveUp = () => late.reject(this.#unreachable());
    let timer = setTimeout(giveUp, REACH_MS_MAX);
    this.#onFailure = () => {
      this.#onFailure = () => {};
      clearTimeout(timer);
      timer = setTimeout(giveUp, RETRY_MS_MAX);
    };
    const abort = () => late.reject(new MagiError('aborted', 'Interrupted.'));
    this.#call.signal.addEventListener('abort', abort, { once: true });
    try {
      return await Promise.race([this.client.identify(), late.promise]);
    } finally {
      clearTimeout(timer);
      this.#call.signal.removeEventListener('abort', abort);
      this.#onFailure = () => {};
    }
  }

  /** As reach, for who can do something without the exchange: returns why it is not there, which is warned of. */
  async tryReach(reached: (told: { pending: number }) => void = () => {}): Promise<MagiError | undefined> {
    try {
      reached(await this.reach());
      return undefined;
    } catch (error) {
      if (!(error instanceof MagiError) || error.code === 'aborted') throw error;
      this.#call.out.warn(error.message);
      return error;
    }
  }

  /** As tryReach; then waits until what the mailbox holds is here. */
  async fetch(): Promise<MagiError | undefined> {
    let pending = 0;
    const failed = await this.tryReach((identified) => {
      pending = identified.pending;
    });
    if (failed !== undefined) return failed;
    const since = Date.now();
    const isHere = () => {
      const quiet = Date.now() - Math.max(this.#arrivedAt, since);
      return quiet > (this.#arrived >= pending ? SETTLED_MS : QUIET_MS) || Date.now() - since > ARRIVE_MS_MAX;
    };
    while (!isHere() && !this.#call.signal.aborted) await pause();
    return undefined;
  }

  /** This message is the command's own business: it says itself what becomes of it. */
  own(id: string): void {
    this.#own.add(id);
  }

  #unreachable(): MagiError {
    const reason = reasonOf(this.#reason);
    return new MagiError(
      'unreachable',
      `The exchange at ${placeOf(this.settings)} cannot be reached: ${reason}. ${PROGRAM} doctor looks at every link.`,
    );
  }

  #settled(message: Outgoing, outcome: Status | MagiError): void {
    if (this.#own.has(message.id)) return;
    const what = `Your ${message.kind === 'question' ? 'question' : 'answer'} to ${message.to} of ${clock(message.at)}`;
    if (outcome instanceof MagiError)
      this.#call.out.warn(`${what} (“${excerpt(message.content)}”) was not taken: ${outcome.message}`);
    else this.#call.out.note(`${what} has gone out: ${pastOf(outcome)}.`);
  }

  /** What can be sent goes out; then the exchange is told all that was said. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const until = Date.now() + FLUSH_MS_MAX;
    while (this.client.isIdentified && !this.#call.signal.aborted && this.#isSending() && Date.now() < until)
      await pause();
    await this.client.close();
  }

  #isSending(): boolean {
    return this.outbox
      .waiting()
      .some(
        ({ owner, to }) => (Number.parseInt(owner, 10) === process.pid || isGone(owner)) && this.friends.isTrusted(to),
      );
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, TICK_MS));
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name could not be looked up',
  ECONNRESET: 'the connection was cut',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'this machine has no network',
};

/** What the system said, for people. */
export function reasonOf(error: Error | undefined): string {
  if (error === undefined) return 'no answer';
  const { code = '' } = error as NodeJS.ErrnoException;
  const status = /Unexpected server response: (\d+)/.exec(error.message)?.[1];
  if (status !== undefined) return `it answers ${status} instead of opening a WebSocket`;
  return REASONS[code] ?? (error.message === '' ? code : error.message.replace(/\.$/, ''));
}
