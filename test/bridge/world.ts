/** One exchange, the people on it with their assistants, and strangers who say whatever they like: what the tests of the bridge play on. */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Client, openClient } from '../../src/client/client.ts';
import type { Policy } from '../../src/client/friends.ts';
import { visibleName } from '../../src/protocol/visible.ts';
import {
  type Exchange,
  eventually,
  type Json,
  seededChance,
  startExchange,
  type TestClient,
  temporaryFolder,
} from '../harness.ts';
import { KeyedUser, MANY } from '../server/keyed.ts';
import { freePort } from '../torture/victims.ts';
import { type Assistant, assistant, type Options } from './assistants.ts';

/** A message as `magi_inbox` gives it. */
export interface Shown {
  readonly id: string;
  readonly from: string;
  readonly name: string;
  readonly kind: string;
  readonly trust: string;
  readonly notice: string;
  readonly boundary: string;
  readonly text: string;
  readonly offset: number;
  readonly next?: number;
}

export class World {
  readonly home = temporaryFolder();
  readonly #env: Record<string, string>;
  readonly #assistants: Assistant[] = [];
  readonly #strangers: TestClient[] = [];
  readonly #people: Client[] = [];
  exchange: Exchange;

  private constructor(exchange: Exchange, env: Record<string, string>) {
    this.exchange = exchange;
    this.#env = env;
  }

  static async open(env: Record<string, string> = {}): Promise<World> {
    // Of no range from which the system gives ports to those who dial: whoever dials again and again while nobody listens would get it.
    const PORT = `${await freePort(seededChance('a world'))}`;
    return new World(await startExchange({ ...MANY, PORT, ...env }), env);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.exchange.port}`;
  }

  folderOf(username: string): string {
    return join(this.home, username);
  }

  async assistant(username: string, options: Partial<Options> = {}): Promise<Assistant> {
    const made = await assistant({ url: this.url, home: this.home, username, ...options });
    this.#assistants.push(made);
    return made;
  }

  /** What the owner does in a terminal. */
  async asOwner<T>(username: string, act: (client: Client) => Promise<T>): Promise<T> {
    const client = openClient({ server: this.url, username, home: this.folderOf(username) });
    try {
      return await act(client);
    } finally {
      await client.close();
    }
  }

  async setPolicy(username: string, friend: string, policy: Policy): Promise<void> {
    await this.asOwner(username, async (client) => client.setPolicy(friend, policy));
  }

  /** A code that the owner has made in a terminal. */
  async invite(username: string): Promise<string> {
    return await this.asOwner(username, async (client) => (await client.createInvite()).code);
  }

  /** Connects the two, each with the policy that they have for the other. */
  async befriend(
    [one, first]: readonly [Assistant, Policy],
    [other, second]: readonly [Assistant, Policy],
  ): Promise<void> {
    const connected = await other.call('magi_connect', { code: await this.invite(one.username) });
    assert.is(connected.data.status, 'ok', connected.text);
    await this.#becomeFriends(one, other.username, first);
    await this.setPolicy(other.username, `@${one.username}`, second);
  }

  /** Somebody with a key who speaks to the exchange without our client, as a friend of that person. */
  async stranger(username: string, friend: Assistant, policy: Policy, nickname = username): Promise<Stranger> {
    const user = new KeyedUser(username);
    const client = await user.dial(this.exchange);
    await client.next('identified');
    client.send({ type: 'identify', username, nickname });
    await client.next('identified');
    const code = await this.invite(friend.username);
    await client.request({ type: 'connect', code }, 'connected_to_friend');
    this.#strangers.push(client);
    await this.#becomeFriends(friend, username, policy);
    return new Stranger(client, friend.username);
  }

  /** Somebody with our client and no bridge, as a friend of that person. */
  async person(username: string, friend: Assistant, policy: Policy): Promise<Client> {
    const client = openClient({ server: this.url, username, home: this.folderOf(username) });
    this.#people.push(client);
    await client.connect(await this.invite(friend.username));
    await this.#becomeFriends(friend, username, policy);
    return client;
  }

  async #becomeFriends(one: Assistant, username: string, policy: Policy): Promise<void> {
    const isKnown = async () => (await namesOf(one)).includes(visibleName(username));
    await eventually(isKnown, `${one.username} to know ${username}`);
    await this.setPolicy(one.username, `@${username}`, policy);
  }

  /** Kills the exchange and starts another one on the same port and data. */
  async restart(signal: NodeJS.Signals): Promise<void> {
    const { port } = this.exchange;
    await this.exchange.stop(signal);
    this.exchange = await startExchange({ ...MANY, ...this.#env, PORT: `${port}` });
  }

  async close(): Promise<void> {
    for (const stranger of this.#strangers) stranger.terminate();
    const all = [...this.#people, ...this.#assistants];
    await Promise.all(all.map((one) => one.close())).finally(() => this.exchange.stop());
  }
}

async function namesOf(one: Assistant): Promise<string[]> {
  const { data } = await one.call('magi_friends');
  return (data.friends as { username: string }[]).map(({ username }) => username);
}

/** Acknowledges whatever it gets, and otherwise says what it is told to say. */
export class Stranger {
  readonly client: TestClient;
  readonly friend: string;
  /** Questions, answers and receipts that have reached it. */
  readonly got: Json[] = [];
  #heard = 0;

  constructor(client: TestClient, friend: string) {
    this.client = client;
    this.friend = friend;
    client.socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Json;
      if (message.deliveryId === undefined) return;
      this.got.push(message);
      client.send({ type: 'received', deliveryIds: [message.deliveryId] });
    });
  }

  /** Sends and waits until the exchange says who has it. */
  async say(message: Json): Promise<void> {
    this.client.send({ to: this.friend, ...message });
    await this.#until(({ type, id }) => (type === 'question_sent' || type === 'answer_sent') && id === message.id);
  }

  async ask(content: string, id: string): Promise<void> {
    await this.say({ type: 'ask', id, content });
  }

  /** The next question or answer that reaches it. */
  async heard(): Promise<Json> {
    return await eventually(() => {
      const [next] = this.got.filter(({ type }) => type !== 'receipt').slice(this.#heard);
      if (next !== undefined) this.#heard++;
      return next;
    }, 'a question or an answer');
  }

  /** The texts of all that has reached it. */
  async contents(): Promise<string[]> {
    this.client.send({ type: 'ping', id: 'all' });
    await this.#until(({ type }) => type === 'pong');
    return this.got.filter(({ type }) => type !== 'receipt').map(({ content }) => String(content));
  }

  async #until(isIt: (message: Json) => boolean): Promise<void> {
    for (;;) {
      const told = await this.client.next();
      if (told.type === 'error') throw new Error(JSON.stringify(told));
      if (isIt(told)) return;
    }
  }
}

/** A bridge that dials again pauses for up to 30 s. */
export const AGAIN_MS_MAX = 60_000;

/** The next messages, waited for. */
export async function nextShown(one: Assistant): Promise<Shown[]> {
  const look = async () => {
    const messages = (await one.call('magi_inbox', { wait_seconds: 20 })).data.messages as Shown[];
    return messages.length > 0 && messages;
  };
  return await eventually(look, `the next messages of ${one.username}`, AGAIN_MS_MAX);
}
