/**
 * A world for one exchange: sockets that remember what they were told, a clock that is set by hand, chance that counts, and an
 * observer before whom nothing may fail. Every message of the exchange is held against the schemas of the protocol.
 */
import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import { Exchange } from '../../src/exchange/exchange.ts';
import { signedText } from '../../src/exchange/keyed.ts';
import { DEFAULT_LIMITS, DEFAULT_POLICY, type Limits, type Policy } from '../../src/exchange/limits.ts';
import type { Chance, ExchangeEvent, Observer, Store, Wire } from '../../src/exchange/ports.ts';
import type { Client } from '../../src/exchange/users.ts';
import { ServerMessage } from '../../src/protocol/messages.ts';
import { CODE_ALPHABET, CODE_LENGTH, usernameKey } from '../../src/protocol/names.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { Json } from '../harness.ts';

/** When every world begins. */
export const START = 1_750_000_000_000;
export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
/** A code that is never made. */
export const WRONG_CODE = 'ZZZZZZ';

/** Every limit that is counted, switched off: for tests of something else. */
export const UNLIMITED: Partial<Limits> = {
  questionsPerMinute: 0,
  commandsPerMinute: 0,
  framesPerSecond: 0,
  wrongCodesPerUser: 0,
  wrongCodesPerAddress: 0,
  wrongCodesTotal: 0,
  refusalsPerAddress: 0,
  invitesPerHour: 0,
  clientsPerAddress: 0,
};

/** The authority under which this exchange is known. */
export const HOST = 'magi.test';

/** A signature of this world, in the shape of a real one: who knows the public key can make it. */
export function sign(publicKey: string, text: string): string {
  return `${Buffer.from(createHash('sha512').update(`${publicKey}\n${text}`).digest()).toString('base64url')}`;
}

function isSigned(publicKey: string, text: string, signature: string): boolean {
  return signature === sign(publicKey, text);
}

/** A public key of this world. */
export function keyOf(name: string): string {
  return createHash('sha256').update(name).digest('base64url');
}

/** The fields with which a client proves that it holds the key. */
export function proofFor(guest: Guest, username: string, publicKey: string, host = HOST): Json {
  const text = signedText(guest.client.challenge ?? '', usernameKey(username), host);
  return { username, publicKey, host, signature: sign(publicKey, text) };
}

/** One client's end of the wire. */
export class Guest {
  readonly client: Client;
  /** What it was told and no test has taken yet, oldest first. */
  told: Json[] = [];
  /** All that it was ever told, as it stood in the frame. */
  readonly texts: string[] = [];
  pings = 0;
  /** What a keyed client was told when it identified. */
  identified: Json = {};
  /** The code with which the exchange asked to close it. */
  closedWith: number | undefined;

  constructor(client: Client) {
    this.client = client;
  }

  take(): Json[] {
    const told = this.told;
    this.told = [];
    return told;
  }

  /** Takes the only message there is, which must be of `type`. */
  takeOne(type?: string): Json {
    const [message, ...others] = this.take();
    assert.equal(others, []);
    if (message === undefined) throw new Error(`expected ${type ?? 'a message'}, was told nothing`);
    if (type !== undefined) assert.is(message.type, type, JSON.stringify(message));
    return message;
  }
}

export class World {
  now = START;
  readonly exchange: Exchange;
  readonly store: Store;
  readonly events: ExchangeEvent[] = [];
  readonly forwarded: { type: string; from: string; to: string; length: number }[] = [];
  readonly kept: { type: string; length: number }[] = [];
  readonly mailed: string[] = [];
  /** The error codes that clients were told. */
  readonly refused: string[] = [];
  /** What the exchange reported as a fault of its own. `settled` throws it, unless the test expects some. */
  failures: { where: string; error: unknown }[] = [];
  readonly expectsFailures: boolean;
  /** Every code that was drawn. */
  readonly codes: string[] = [];
  /** By topic, the ids of those who listen. */
  readonly topics = new Map<string, Set<string>>();
  readonly #guests = new Map<string, Guest>();
  #ids = 0;

  constructor(
    limits: Partial<Limits> = {},
    parts: {
      store?: Store;
      draws?: string[];
      expectsFailures?: boolean;
      policy?: Partial<Policy>;
      hosts?: readonly string[];
      /** Ids count from here: those of an earlier run are not made again. */
      ids?: number;
    } = {},
  ) {
    this.store = parts.store ?? memoryStore(1);
    this.expectsFailures = parts.expectsFailures ?? false;
    this.#ids = parts.ids ?? 0;
    const ports = { wire: this.#wire(), store: this.store, observer: this.#observer(), clock: () => this.now };
    const chance = this.#chance(parts.draws ?? []);
    const keys = { verify: isSigned, hosts: () => parts.hosts ?? [HOST, '127.0.0.1:8082'] };
    this.exchange = new Exchange({ ...DEFAULT_LIMITS, ...limits }, { ...ports, chance, keys }, '1.2.3', {
      ...DEFAULT_POLICY,
      ...parts.policy,
    });
  }

  open(address = '192.0.2.1'): Guest {
    const guest = new Guest(this.exchange.opened(address, this.now));
    this.#guests.set(guest.client.id, guest);
    this.exchange.greet(guest.client);
    const { id: clientId, challenge } = guest.client;
    assert.equal(guest.take(), [{ type: 'connected', clientId, version: '1.2.3', challenge }]);
    return guest;
  }

  /** Sends one frame and waits for nothing. */
  send(guest: Guest, message: Json | string): void {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    this.exchange.received(guest.client, text, Buffer.byteLength(text), this.now);
  }

  /** Sends and waits until all that can happen has happened. */
  async says(guest: Guest, message: Json | string): Promise<void> {
    this.send(guest, message);
    await this.settled();
  }

  /** Sends and takes the reply, which must be the only message that this client is told. */
  async request(guest: Guest, message: Json | string, type?: string): Promise<Json> {
    await this.says(guest, message);
    return guest.takeOne(type);
  }

  async identified(username: string, address?: string): Promise<Guest> {
    const guest = this.open(address);
    await this.request(guest, { type: 'identify', username }, 'identified');
    return guest;
  }

  /** A client of the keyed user with this name; its key is that of `keyOf(username)`. Whatever else it is told stays to be taken. */
  async keyed(username: string, more: Json = {}, address?: string): Promise<Guest> {
    const guest = this.open(address);
    await this.says(guest, { type: 'identify', ...proofFor(guest, username, keyOf(username)), ...more });
    const [identified, ...others] = guest.take();
    assert.is(identified?.type, 'identified', JSON.stringify(identified));
    guest.identified = identified ?? {};
    guest.told.push(...others);
    return guest;
  }

  /** Two keyed users who are connected for good. */
  async keyedPair(one: string, other: string): Promise<[Guest, Guest]> {
    const [maker, guest] = [await this.keyed(one), await this.keyed(other)];
    await this.connect(maker, guest);
    return [maker, guest];
  }

  async invite(maker: Guest): Promise<string> {
    return (await this.request(maker, { type: 'create_invite' }, 'invite_created')).code as string;
  }

  /** Connects two guests by a fresh code; returns the connectionId. */
  async connect(maker: Guest, guest: Guest): Promise<string> {
    const { connectionId } = await this.request(guest, { type: 'connect', code: await this.invite(maker) });
    assert.is(maker.takeOne('friend_connected').connectionId, connectionId);
    return connectionId as string;
  }

  /** Two identified users who are connected. */
  async pair(one: string, other: string): Promise<[Guest, Guest]> {
    const [maker, guest] = [await this.identified(one), await this.identified(other)];
    await this.connect(maker, guest);
    return [maker, guest];
  }

  /** The socket closes. */
  async close(guest: Guest): Promise<void> {
    this.hangUp(guest);
    await this.settled();
  }

  /** The same without waiting for what follows. */
  hangUp(guest: Guest): void {
    for (const [topic, listeners] of this.topics) {
      listeners.delete(guest.client.id);
      if (listeners.size === 0) this.topics.delete(topic);
    }
    this.#guests.delete(guest.client.id);
    this.exchange.closed(guest.client, this.now);
  }

  /** Sets the clock and lets the exchange know. */
  async tick(now: number): Promise<void> {
    this.now = now;
    this.exchange.ticked(now);
    await this.settled();
  }

  /** Waits until every promise that can be kept by itself has been. */
  async settled(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.expectsFailures) for (const { error } of this.failures) throw error;
  }

  eventNames(): string[] {
    return this.events.map(({ event }) => event);
  }

  /** Closes everybody, and asserts that once codes and locks are over the exchange remembers nothing of them. */
  async assertNothingLeft(): Promise<void> {
    const addresses = [...this.#guests.values()].map(({ client }) => client.address);
    for (const guest of [...this.#guests.values()]) await this.close(guest);
    await this.tick(this.now + 24 * HOUR);
    const { users, connections, probes, refusals } = this.exchange.state;
    assert.equal([...users.clients.keys()], []);
    assert.equal([...users.byKey.keys()], []);
    assert.equal([...connections.byId.keys()], []);
    assert.is(probes.size, 0);
    assert.is(refusals.size, 0);
    assert.is(users.largestAddress(), 0);
    for (const address of addresses) assert.is(users.countAt(address), 0);
    assert.is(users.claims, 0);
    assert.equal([...users.away.keys()], []);
    const { holding, receipting, stalled, retries } = this.exchange.state;
    assert.equal([holding.size, receipting.size, stalled.size, retries.length], [0, 0, 0, 0]);
    assert.equal([...this.topics.keys()], []);
    // To a clock that has not moved every code would still be live, had it not been thrown out.
    for (const code of this.codes) assert.is(await this.store.findInvite(code, START), undefined);
  }

  #wire(): Wire {
    const hear = (clientId: string, text: string) => {
      const message = JSON.parse(text) as Json;
      assert.equal(ServerMessage.parse(message), message);
      const guest = this.#guests.get(clientId);
      guest?.told.push(message);
      guest?.texts.push(text);
    };
    const listeners = (topic: string) => this.topics.get(topic) ?? new Set();
    return {
      send: hear,
      sendSoon: hear,
      publish: (topic, text) => {
        for (const clientId of listeners(topic)) hear(clientId, text);
      },
      subscribe: (clientId, topic) => {
        this.topics.set(topic, listeners(topic).add(clientId));
      },
      unsubscribe: (clientId, topic) => {
        listeners(topic).delete(clientId);
        if (listeners(topic).size === 0) this.topics.delete(topic);
      },
      ping: (clientId) => {
        const guest = this.#guests.get(clientId);
        if (guest !== undefined) guest.pings++;
      },
      close: (clientId, code) => {
        const guest = this.#guests.get(clientId);
        if (guest !== undefined) guest.closedWith = code;
      },
    };
  }

  #observer(): Observer {
    return {
      tag: (userKey) => `tag of ${userKey}`,
      received: () => {},
      forwarded: (type, from, length) => {
        this.forwarded.push({ type, from: from.user.key, to: from.other.user.key, length });
      },
      kept: (type, length) => void this.kept.push({ type, length }),
      mailed: (what, from, recipient) => void this.mailed.push(`${what} ${from?.user.key ?? '?'}>${recipient.key}`),
      refused: (_client, code) => void this.refused.push(code),
      happened: (event) => void this.events.push(event),
      failed: (where, error) => void this.failures.push({ where, error }),
    };
  }

  /** Ids count up; so do codes, after those of `draws`. */
  #chance(draws: string[]): Chance {
    return {
      id: () => `id-${++this.#ids}`,
      challenge: () => `challenge-${this.#ids}`,
      code: () => {
        let rest = this.codes.length;
        const symbols = Array.from({ length: CODE_LENGTH }, () => {
          const symbol = CODE_ALPHABET[rest % CODE_ALPHABET.length];
          rest = Math.floor(rest / CODE_ALPHABET.length);
          return symbol;
        });
        const code = draws.shift() ?? symbols.join('');
        this.codes.push(code);
        return code;
      },
    };
  }
}
