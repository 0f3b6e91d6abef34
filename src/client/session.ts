/**
 * One user at one exchange: identifies, returns when the socket is lost, sends until somebody has taken it, and keeps what arrives.
 * With an identity it speaks parts 2 and 3 of the protocol, without one part 1.
 */
import type { ServerMessage } from '../protocol/messages.ts';
import { usernameKey } from '../protocol/names.ts';
import { Departures } from './departures.ts';
import type { Entry } from './entries.ts';
import { MagiError } from './errors.ts';
import { Friends } from './friends.ts';
import { dialledHost } from './identity.ts';
import { Inbox } from './inbox.ts';
import { type Backoff, Link, type Sendable } from './link.ts';
import type { ClientEvents, Parts } from './options.ts';
import { Outbox } from './outbox.ts';
import { type Coming, Presence } from './presence.ts';
import { enter, leave } from './processes.ts';
import { randomName } from './random.ts';
import { Reads } from './reads.ts';
import { Receiver } from './receiver.ts';
import { type Message, newIdentified, Replies } from './replies.ts';
import { Sender } from './sender.ts';

const BACKOFF: Backoff = { minMs: 250, maxMs: 30_000 };
/** When a rate limit does not say how long it lasts. */
const RATE_MS = 1_000;
/** After these the exchange may say something else a little later; any other refusal of the name is for the owner. */
const PASSING = new Set(['too_many_attempts', 'rate_limited', 'storage_failed', 'internal']);

/** Without an identity: a guest. */
export type SessionOptions = Omit<Parts, 'on'> & {
  readonly on: Required<ClientEvents>;
  /** Something has come that is here already, by whichever process of this user. */
  readonly repeated: () => void;
};

export class Session {
  readonly friends: Friends;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly sender: Sender;
  readonly reads: Reads;
  /** Names this client among those of the user. */
  readonly process = enter();
  /** The release that the exchange is of, once it has said so. */
  version: string | undefined;
  readonly #options: SessionOptions;
  readonly #link: Link;
  readonly #receiver: Receiver;
  readonly #replies = new Replies();
  readonly #presence: Presence;
  readonly #departures: Departures;
  #identified = newIdentified();
  #refusal: MagiError | undefined;
  #isClosed = false;
  /** The disk has refused what came last. */
  #isFull = false;
  #invited: Sendable | undefined;

  constructor(options: SessionOptions) {
    const { database, url, backoff = BACKOFF, identity, on } = options;
    this.#options = options;
    this.friends = new Friends(database);
    this.inbox = new Inbox(database);
    this.outbox = new Outbox(database);
    const arrived = (entry: Entry) => {
      if (!this.#isClosed) on.arrived(entry);
    };
    this.#departures = new Departures({
      inbox: this.inbox,
      isIdentified: () => this.#identified.isDone,
      arrived,
      missed: (error) => this.#missed(error),
    });
    this.#presence = new Presence({
      friends: this.friends,
      list: () => this.request({ type: 'list_connections' }, 'connections'),
      ended: (username) => this.#departures.ended(username),
      told: on.presence,
      keyChanged: on.keyChanged,
    });
    this.reads = new Reads({
      inbox: this.inbox,
      friends: this.friends,
      isIdentified: () => this.#identified.isDone,
      send: (receipt) => this.#link.send(receipt),
    });
    this.#link = new Link(url, backoff, {
      message: (message) => this.#told(message),
      closed: (code, willReturn, reason) => this.#lost(code, willReturn, reason),
    });
    this.sender = new Sender({
      database,
      outbox: this.outbox,
      process: this.process,
      send: (command) => this.#link.send(command),
      mayWriteTo: (username) => this.friends.isTrusted(username),
      hearsReceipts: (username) => this.friends.isDurable(username),
      isKeyed: identity !== undefined,
      settled: on.settled,
    });
    this.#receiver = new Receiver({
      inbox: this.inbox,
      acknowledge: (deliveryIds) => {
        this.#isFull = false;
        this.#link.settled();
        this.#link.send({ type: 'received', deliveryIds });
      },
      arrived,
      repeated: () => {
        if (!this.#isClosed) options.repeated();
      },
      missed: (error) => this.#missed(error),
    });
  }

  get isIdentified(): boolean {
    return this.#identified.isDone;
  }

  isOnline(username: string): boolean {
    return this.#presence.isOnline(username);
  }

  /** Opens the socket, now and whenever it is lost. Fulfilled when the exchange knows this user; rejected when it refuses the name. */
  identify(): Promise<Message<'identified'>> {
    if (this.#isClosed) return Promise.reject(new MagiError('closed', 'The client was closed.'));
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    const { promise } = this.#identified;
    this.#link.open();
    return promise;
  }

  /** One command and its reply. Waits out a rate limit; rejected with MagiError. */
  async request<T extends ServerMessage['type']>(
    command: Sendable,
    reply: T,
    fits?: (message: Message<T>) => boolean,
  ): Promise<Message<T>> {
    for (;;) {
      await this.identify();
      const id = randomName(12);
      this.#link.send({ ...command, id });
      try {
        return await this.#replies.wait(id, reply, fits);
      } catch (error) {
        if (!(error instanceof MagiError) || error.code !== 'rate_limited' || this.#isClosed) throw error;
        await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? RATE_MS));
      }
    }
  }

  /** Uses a friend's code; returns the friend's name. */
  async connect(code: string, from: string | undefined): Promise<string> {
    const command = { type: 'connect', code, ...(from === undefined ? {} : { from }) };
    try {
      return (await this.request(command, 'connected_to_friend')).friend.username;
    } catch (error) {
      if (!(error instanceof MagiError) || error.code !== 'registration_closed') throw error;
    }
    // New names are bound there only together with an invite: this one, on a socket of its own, before the user is known.
    await this.#link.close();
    const id = randomName(12);
    this.#invited = { ...command, id };
    this.#refusal = undefined;
    this.#identified = newIdentified();
    this.#link.open();
    const { friend } = await this.#replies.wait(id, 'connected_to_friend').finally(() => {
      this.#invited = undefined;
      this.#link.again();
    });
    await this.identify();
    return friend.username;
  }

  async disconnect(to: string): Promise<void> {
    const isFriend = ({ friend }: Coming) => usernameKey(friend.username) === usernameKey(to);
    await this.request({ type: 'disconnect', to }, 'friend_disconnected', isFriend);
    await this.friends.forget(to);
  }

  /** Leaves; what waits to be sent is sent by a later client with this file. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#departures.close();
    this.#receiver.flush();
    this.reads.tell();
    const gone = this.#link.close();
    this.#receiver.closed();
    this.sender.abandon(new MagiError('closed', 'The client was closed before anybody had taken this.'));
    this.#replies.lost();
    this.#identified.reject(new MagiError('closed', 'The client was closed.'));
    this.inbox.releaseAll(this.process);
    leave(this.process);
    await gone;
  }

  // --- what the exchange says --------------------------------------------------------------------------------------------------

  #told(message: ServerMessage): void {
    if (this.#isClosed) return;
    switch (message.type) {
      case 'connected':
        this.version = message.version;
        this.#identify(message.challenge);
        break;
      case 'identified':
        this.#settled(message);
        break;
      case 'question':
      case 'answer':
      case 'receipt':
        this.#receiver.take(message).catch((error) => this.#missed(error));
        break;
      case 'question_sent':
      case 'answer_sent':
        this.sender.told(message);
        break;
      case 'pong':
        this.sender.ponged(message.id);
        break;
      case 'handled':
        this.inbox.handled(message.from, message.id);
        break;
      case 'error':
        this.#refused(message);
        return;
      case 'connections':
        this.#presence.all(message.connections).catch((error) => this.#missed(error));
        break;
      case 'connected_to_friend':
      case 'friend_connected':
      case 'friend_disconnected':
      case 'friend_online':
      case 'friend_away':
        if (this.#invited !== undefined) break;
        // Whoever waits for the reply finds the friend in the list.
        this.#presence.one(message).then(
          () => this.#replies.told(message),
          (error) => this.#missed(error),
        );
        return;
    }
    this.#replies.told(message);
  }

  #identify(challenge: string): void {
    const { username, nickname, identity, url } = this.#options;
    const name = nickname === undefined ? {} : { nickname };
    const proof = identity?.prove(challenge, username, dialledHost(url)) ?? {};
    this.#link.send({ type: 'identify', ...this.#invited, username, ...name, ...proof });
  }

  /** Before anything is sent, what the exchange says of the friends' keys is looked at. */
  async #settled(message: Message<'identified'>): Promise<void> {
    // It would only be said once more what the disk does not take.
    if (!this.#isFull) this.#link.settled();
    this.#receiver.opened();
    const identified = this.#identified;
    try {
      await this.#presence.all(message.connections ?? []);
    } catch (error) {
      this.#missed(error);
      return;
    }
    // The socket may have gone meanwhile.
    if (this.#isClosed || identified !== this.#identified) return;
    identified.isDone = true;
    identified.resolve(message);
    this.#options.on.identified(message);
    this.sender.opened();
    this.#departures.look();
    this.reads.tell();
  }

  /** The disk does not take what the exchange says, which it says only once on each socket: another one has to be opened. */
  #missed(error: unknown): void {
    if (this.#isClosed) return;
    if (!this.#isFull) this.#options.on.trouble(error);
    this.#isFull = true;
    this.#link.again();
  }

  #refused(error: Message<'error'>): void {
    if (error.request === 'identify' && !this.#identified.isDone) this.#notLetIn(error);
    else if (!this.sender.refused(error) && !this.#replies.told(error)) this.#options.on.trouble(MagiError.by(error));
  }

  #notLetIn(error: Message<'error'>): void {
    if (PASSING.has(error.code)) {
      this.#link.again(error.retryAfterMs);
      return;
    }
    this.#refusal = MagiError.by(error);
    this.#identified.reject(this.#refusal);
    this.sender.abandon(this.#refusal);
    void this.#link.close();
  }

  #lost(code: number, willReturn: boolean, reason: Error | undefined): void {
    if (this.#isClosed) return;
    this.#receiver.closed();
    this.sender.closed();
    this.#replies.lost();
    this.#presence.clear();
    if (!willReturn) {
      this.#refusal ??= new MagiError('replaced', `The exchange closed the socket with ${code}.`);
      this.#identified.reject(this.#refusal);
      this.sender.abandon(this.#refusal);
    } else if (this.#identified.isDone) this.#identified = newIdentified();
    this.#options.on.closed(code, willReturn, reason);
  }
}
