/**
 * One user at one exchange: identifies, returns when the socket is lost, sends until somebody has taken it, and shows what arrives once
 * it is safe. With an identity it speaks parts 2 and 3 of the protocol, without one part 1.
 */
import { randomBytes } from 'node:crypto';
import type { ServerMessage } from '../protocol/messages.ts';
import { usernameKey } from '../protocol/names.ts';
import type { Answer, Callbacks, Message, Presence } from './callbacks.ts';
import { dialledHost, type Identity } from './identity.ts';
import { type Entry, Inbox } from './inbox.ts';
import { type Backoff, Link, type Sendable } from './link.ts';
import { Outbox } from './outbox.ts';
import { Pins } from './pins.ts';
import { Receiver } from './receiver.ts';
import { type Refusal, Refused, Replies } from './replies.ts';
import { Sender, type Status } from './sender.ts';

const BACKOFF: Backoff = { minMs: 250, maxMs: 30_000 };
/** After these the exchange may say something else a little later; any other refusal of the name is for the owner. */
const PASSING = new Set(['too_many_attempts', 'rate_limited', 'storage_failed', 'internal']);
/** After these receipts no answer comes. */
const WITHOUT_ANSWER: ReadonlySet<string> = new Set(['declined', 'expired', 'left']);

export interface ClientOptions {
  /** `ws://` or `wss://`. */
  readonly url: string;
  readonly username: string;
  readonly nickname?: string;
  /** None: a guest. */
  readonly identity?: Identity;
  readonly inbox?: Inbox;
  readonly outbox?: Outbox;
  readonly pins?: Pins;
  readonly backoff?: Backoff;
  readonly on?: Callbacks;
}

export interface Asked {
  readonly id: string;
  /** Who has it now; rejected with Refused. */
  readonly sent: Promise<Status>;
  /** Rejected with Refused when there will be none: refused, declined, expired, left, closed. */
  readonly answer: Promise<Answer>;
}

export class Client {
  readonly #options: ClientOptions;
  readonly #on: Callbacks;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #pins: Pins;
  readonly #link: Link;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #replies = new Replies();
  /** Questions whose answer somebody here waits for. */
  readonly #asked = new Map<string, PromiseWithResolvers<Answer>>();
  #identified = newIdentified();
  #isClosed = false;
  #receipts: Sendable[] = [];

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#on = options.on ?? {};
    this.#inbox = options.inbox ?? new Inbox();
    this.#outbox = options.outbox ?? new Outbox();
    this.#pins = options.pins ?? new Pins();
    this.#link = new Link(options.url, options.backoff ?? BACKOFF, {
      message: (message) => this.#told(message),
      closed: (code, willReturn) => this.#lost(code, willReturn),
    });
    this.#sender = new Sender({
      outbox: this.#outbox,
      send: (command) => this.#link.send(command),
      mayWriteTo: (username) => this.#pins.isTrusted(username),
      sent: (message, status) => this.#on.sent?.(message, status),
      failed: (message, refused) => {
        this.#unanswered(message.id, refused);
        this.#on.failed?.(message, refused);
      },
    });
    this.#receiver = new Receiver({
      inbox: this.#inbox,
      mayShow: (username) => this.#pins.isTrusted(username),
      acknowledge: (deliveryIds) => this.#link.send({ type: 'received', deliveryIds }),
      show: (entry) => this.#show(entry),
      failed: (error) => this.#on.trouble?.(error),
      missed: () => this.#link.again(),
    });
  }

  // --- what the owner asks for -------------------------------------------------------------------------------------------------

  /** Opens the socket, now and whenever it is lost. Fulfilled when the exchange knows this user; rejected when it refuses the name. */
  identify(): Promise<Message<'identified'>> {
    const { promise } = this.#identified;
    this.#link.open();
    return promise;
  }

  createInvite(): Promise<Message<'invite_created'>> {
    return this.#request({ type: 'create_invite' }, 'invite_created');
  }

  connect(code: string): Promise<Message<'connected_to_friend'>> {
    return this.#request({ type: 'connect', code }, 'connected_to_friend');
  }

  async listConnections(): Promise<Message<'connections'>['connections']> {
    return (await this.#request({ type: 'list_connections' }, 'connections')).connections;
  }

  async disconnect(to: string): Promise<void> {
    const isFriend = ({ friend }: Presence) => usernameKey(friend.username) === usernameKey(to);
    await this.#request({ type: 'disconnect', to }, 'friend_disconnected', isFriend);
    this.#pins.forget(to);
  }

  async forgetMe(): Promise<void> {
    await this.#request({ type: 'forget_me' }, 'forgotten');
  }

  ask(to: string, content: string): Asked {
    const waiting = Promise.withResolvers<Answer>();
    waiting.promise.catch(() => {});
    const { id, sent } = this.#sender.add('ask', to, content);
    this.#asked.set(id, waiting);
    // A refusal that was known before this was noted has come too early.
    sent.catch((refused) => this.#unanswered(id, refused));
    return { id, sent, answer: waiting.promise };
  }

  /** `replyTo`: the id of the question. */
  answer(to: string, content: string, replyTo?: string): Pick<Asked, 'id' | 'sent'> {
    return this.#sender.add('answer', to, content, replyTo);
  }

  /** Tells the friend what became of their question. What is said while the exchange is away waits in memory. */
  receipt(to: string, id: string, status: 'read' | 'declined', reason?: string): void {
    const receipt = { type: 'receipt', id, to, status, ...(reason === undefined ? {} : { reason }) };
    if (this.#identified.isDone) this.#link.send(receipt);
    else this.#receipts.push(receipt);
  }

  /** The owner has made sure that the friend's new key is right: what was held back is shown and sent. */
  trust(username: string): void {
    this.#pins.trust(username);
    this.#receiver.showWaiting((friend) => usernameKey(friend) === usernameKey(username));
    if (this.#identified.isDone) this.#sender.opened();
  }

  /** Leaves. Fulfilled when what was put on disk is there. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#link.close();
    this.#receiver.stop();
    this.#sender.closed();
    const closed = new Refused('closed', 'The client was closed.');
    this.#sender.abandon();
    this.#replies.lost();
    for (const { reject } of this.#asked.values()) reject(closed);
    this.#asked.clear();
    await Promise.all([this.#inbox.close(), this.#outbox.close(), this.#pins.close()]);
  }

  async #request<T extends ServerMessage['type']>(
    command: Sendable,
    reply: T,
    fits?: (message: Message<T>) => boolean,
  ): Promise<Message<T>> {
    if (this.#isClosed) throw new Refused('closed', 'The client was closed.');
    await this.identify();
    const id = randomBytes(12).toString('base64url');
    this.#link.send({ ...command, id });
    return await this.#replies.wait(id, reply, fits);
  }

  // --- what the exchange says --------------------------------------------------------------------------------------------------

  #told(message: ServerMessage): void {
    switch (message.type) {
      case 'connected':
        this.#identify(message.challenge);
        break;
      case 'identified':
        this.#settled(message);
        break;
      case 'question':
      case 'answer':
      case 'receipt':
        void this.#receiver.arrived(message);
        break;
      case 'question_sent':
      case 'answer_sent':
        this.#sender.told(message);
        break;
      case 'error':
        this.#refused(message);
        break;
      case 'connected_to_friend':
      case 'friend_connected':
        this.#met(message);
        break;
      case 'friend_online':
        if (message.friend.publicKey !== undefined) this.#checkKey(message.friend.username, message.friend.publicKey);
        break;
      case 'handled':
        this.#on.handled?.(message);
        break;
      case 'connections':
        for (const { friend } of message.connections) this.#checkKey(friend.username, friend.publicKey);
        break;
    }
    this.#replies.told(message);
    if (message.type.startsWith('friend_')) this.#on.presence?.(message as Presence);
  }

  #identify(challenge: string): void {
    const { username, nickname, identity, url } = this.#options;
    const name = nickname === undefined ? {} : { nickname };
    const proof = identity?.prove(challenge, username, dialledHost(url)) ?? {};
    this.#link.send({ type: 'identify', username, ...name, ...proof });
  }

  #settled(message: Message<'identified'>): void {
    this.#link.settled();
    for (const { friend } of message.connections ?? []) this.#checkKey(friend.username, friend.publicKey);
    this.#identified.isDone = true;
    this.#identified.resolve(message);
    this.#on.identified?.(message);
    this.#receiver.opened();
    this.#sender.opened();
    for (const receipt of this.#receipts.splice(0)) this.#link.send(receipt);
  }

  /** A new connection, or an old one named again. A durable one joins two keys: which, the list says if this message does not. */
  #met({ friend, durable }: Message<'connected_to_friend' | 'friend_connected'>): void {
    if (friend.publicKey !== undefined || !durable) this.#checkKey(friend.username, friend.publicKey);
    else this.listConnections().catch(() => {});
  }

  #checkKey(username: string, publicKey: string | undefined): void {
    const change = this.#pins.check(username, publicKey);
    if (change !== undefined) this.#on.keyChanged?.(change);
  }

  #refused(error: Refusal): void {
    if (error.request === 'identify' && !this.#identified.isDone) this.#notLetIn(error);
    else if (!this.#sender.refused(error.id, Refused.by(error)) && !this.#replies.told(error))
      this.#on.trouble?.(error);
  }

  #notLetIn(error: Refusal): void {
    if (PASSING.has(error.code)) {
      this.#link.again(error.retryAfterMs);
      return;
    }
    this.#identified.reject(Refused.by(error));
    this.#link.close();
  }

  #lost(code: number, willReturn: boolean): void {
    this.#receiver.closed();
    this.#sender.closed();
    this.#replies.lost();
    if (!willReturn) this.#identified.reject(new Refused('closed', `The socket was closed with ${code}.`));
    if (this.#identified.isDone || !willReturn) this.#identified = newIdentified();
    if (this.#options.identity === undefined && !this.#isClosed) this.#sender.forget();
    this.#on.closed?.(code, willReturn && !this.#isClosed);
  }

  #show(entry: Entry): void | Promise<void> {
    const { message } = entry;
    if (message.type === 'question') return this.#on.question?.(entry as Entry<Message<'question'>>);
    if (message.type === 'answer') {
      this.#asked.get(message.replyTo ?? '')?.resolve(message);
      this.#asked.delete(message.replyTo ?? '');
      return this.#on.answer?.(entry as Entry<Answer>);
    }
    const { id, status, reason } = message;
    if (WITHOUT_ANSWER.has(status))
      this.#unanswered(id, new Refused(status, reason ?? `There is no answer: ${status}.`));
    return this.#on.receipt?.(entry as Entry<Message<'receipt'>>);
  }

  #unanswered(id: string, refused: Refused): void {
    this.#asked.get(id)?.reject(refused);
    this.#asked.delete(id);
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
