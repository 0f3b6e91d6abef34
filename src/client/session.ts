/**
 * One user at one exchange: identifies, returns when the socket is lost, sends until somebody has taken it, and keeps what arrives.
 * With an identity it speaks parts 2 and 3 of the protocol, without one part 1.
 */
import { randomBytes } from 'node:crypto';
import type { ServerMessage } from '../protocol/messages.ts';
import { usernameKey } from '../protocol/names.ts';
import type { Database } from './database.ts';
import type { Entry } from './entries.ts';
import { MagiError } from './errors.ts';
import { Friends, type Known } from './friends.ts';
import { dialledHost, type Identity } from './identity.ts';
import { Inbox } from './inbox.ts';
import { type Backoff, Link, type Sendable } from './link.ts';
import type { ClientEvents } from './options.ts';
import { Outbox } from './outbox.ts';
import { enter, leave } from './processes.ts';
import { Receiver } from './receiver.ts';
import { type Message, Replies } from './replies.ts';
import { Sender } from './sender.ts';

const BACKOFF: Backoff = { minMs: 250, maxMs: 30_000 };
/** After these the exchange may say something else a little later; any other refusal of the name is for the owner. */
const PASSING = new Set(['too_many_attempts', 'rate_limited', 'storage_failed', 'internal']);

type Presence = Message<'friend_connected' | 'friend_disconnected' | 'friend_online' | 'friend_away'>;

export interface SessionOptions {
  /** `ws://` or `wss://`. */
  readonly url: string;
  readonly username: string;
  readonly nickname?: string | undefined;
  /** None: a guest. */
  readonly identity?: Identity | undefined;
  readonly database: Database;
  readonly backoff?: Backoff | undefined;
  readonly on: SessionEvents;
}

/** One plain function for each kind of news. They must not throw. */
type SessionEvents = Required<ClientEvents>;

export class Session {
  readonly friends: Friends;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly sender: Sender;
  /** Names this client among those of the user. */
  readonly process = enter();
  /** The release that the exchange is of, once it has said so. */
  version: string | undefined;
  readonly #options: SessionOptions;
  readonly #link: Link;
  readonly #receiver: Receiver;
  readonly #replies = new Replies();
  readonly #online = new Set<string>();
  #identified = newIdentified();
  #refusal: MagiError | undefined;
  #isClosed = false;
  #reads: Sendable[] = [];

  constructor(options: SessionOptions) {
    const { database, url, backoff = BACKOFF, identity, on } = options;
    this.#options = options;
    this.friends = new Friends(database);
    this.inbox = new Inbox(database);
    this.outbox = new Outbox(database);
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
      isKeyed: identity !== undefined,
      settled: on.settled,
    });
    this.#receiver = new Receiver({
      inbox: this.inbox,
      acknowledge: (deliveryIds) => this.#link.send({ type: 'received', deliveryIds }),
      arrived: (entry) => {
        if (!this.#isClosed) on.arrived(entry);
      },
      missed: (error) => {
        if (this.#isClosed) return;
        on.trouble(error);
        this.#link.again();
      },
    });
  }

  get isIdentified(): boolean {
    return this.#identified.isDone;
  }

  isOnline(username: string): boolean {
    return this.#online.has(usernameKey(username));
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
      const id = randomBytes(12).toString('base64url');
      this.#link.send({ ...command, id });
      try {
        return await this.#replies.wait(id, reply, fits);
      } catch (error) {
        if (!(error instanceof MagiError) || error.code !== 'rate_limited' || this.#isClosed) throw error;
        await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs));
      }
    }
  }

  async disconnect(to: string): Promise<void> {
    const isFriend = ({ friend }: Presence) => usernameKey(friend.username) === usernameKey(to);
    await this.request({ type: 'disconnect', to }, 'friend_disconnected', isFriend);
    await this.friends.forget(to);
  }

  /** Tells the friend that their question was seen. What is said while the exchange is away waits in memory. */
  read({ from, id }: Entry): void {
    const receipt = { type: 'receipt', id, to: from, status: 'read' };
    if (this.#identified.isDone) this.#link.send(receipt);
    else this.#reads.push(receipt);
  }

  /** Leaves; what waits to be sent is sent by a later client with this file. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#receiver.flush();
    const gone = this.#link.close();
    this.#receiver.closed();
    this.sender.abandon();
    this.#replies.lost();
    this.#identified.reject(new MagiError('closed', 'The client was closed.'));
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
        void this.#receiver.take(message);
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
        void this.#metAll(message.connections);
        break;
      case 'connected_to_friend':
      case 'friend_connected':
      case 'friend_disconnected':
      case 'friend_online':
      case 'friend_away':
        // Whoever waits for the reply finds the friend in the list.
        void this.#met(message).then(() => this.#replies.told(message));
        return;
    }
    this.#replies.told(message);
  }

  #identify(challenge: string): void {
    const { username, nickname, identity, url } = this.#options;
    const name = nickname === undefined ? {} : { nickname };
    const proof = identity?.prove(challenge, username, dialledHost(url)) ?? {};
    this.#link.send({ type: 'identify', username, ...name, ...proof });
  }

  /** Before anything is sent, what the exchange says of the friends' keys is looked at. */
  async #settled(message: Message<'identified'>): Promise<void> {
    this.#link.settled();
    this.#receiver.opened();
    const identified = this.#identified;
    await this.#metAll(message.connections ?? []);
    // The socket may have gone meanwhile.
    if (this.#isClosed || identified !== this.#identified) return;
    identified.isDone = true;
    identified.resolve(message);
    this.#options.on.identified(message);
    this.sender.opened();
    for (const receipt of this.#reads.splice(0)) this.#link.send(receipt);
  }

  async #metAll(connections: NonNullable<Message<'identified'>['connections']>): Promise<void> {
    this.#online.clear();
    for (const { friend, online } of connections) if (online) this.#online.add(usernameKey(friend.username));
    const seen = connections.map(({ friend, connectionId, durable }) =>
      this.#see(friend, { connectionId, isDurable: durable }),
    );
    await Promise.all([
      ...seen,
      this.friends.only(connections.map(({ connectionId }) => connectionId)).catch(() => {}),
    ]);
  }

  async #met(message: Presence | Message<'connected_to_friend'>): Promise<void> {
    const { type, friend, connectionId } = message;
    const key = usernameKey(friend.username);
    if (type === 'friend_away' || type === 'friend_disconnected') this.#online.delete(key);
    else this.#online.add(key);
    if (type === 'friend_disconnected') await this.friends.ended(key).catch(this.#options.on.trouble);
    else if (type === 'connected_to_friend' || type === 'friend_connected') {
      const isDurable = message.durable;
      // A durable connection joins two keys: which, the list says if this message does not.
      if (isDurable && friend.publicKey === undefined)
        await this.request({ type: 'list_connections' }, 'connections').catch(() => {});
      else await this.#see(friend, { connectionId, isDurable });
    } else if (friend.publicKey !== undefined) await this.#see(friend);
    if (type !== 'connected_to_friend') this.#options.on.presence(message);
  }

  async #see(friend: Known, connection?: { connectionId: string; isDurable: boolean }): Promise<void> {
    try {
      const change = await this.friends.see(friend, connection);
      if (change !== undefined) this.#options.on.keyChanged(change);
    } catch (error) {
      if (!this.#isClosed) this.#options.on.trouble(error);
    }
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
    void this.#link.close();
  }

  #lost(code: number, willReturn: boolean, reason: Error | undefined): void {
    if (this.#isClosed) return;
    this.#receiver.closed();
    this.sender.closed();
    this.#replies.lost();
    this.#online.clear();
    if (!willReturn) {
      this.#refusal ??= new MagiError('replaced', `The exchange closed the socket with ${code}.`);
      this.#identified.reject(this.#refusal);
    } else if (this.#identified.isDone) this.#identified = newIdentified();
    this.#options.on.closed(code, willReturn, reason);
  }
}

interface Identified extends PromiseWithResolvers<Message<'identified'>> {
  isDone: boolean;
}

function newIdentified(): Identified {
  const identified = { ...Promise.withResolvers<Message<'identified'>>(), isDone: false };
  // Who does not wait for it is told by the callback `closed`.
  identified.promise.catch(() => {});
  return identified;
}
