/** Keyed users (protocol part 2) over real sockets: how they come, become friends, and take what waits for them. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import * as assert from 'uvu/assert';
import { type Exchange, type Json, type OpenOptions, TestClient, UNLIMITED } from '../harness.ts';

/** No limit but those of the mailbox. */
export const MANY = { ...UNLIMITED, KEYS_PER_ADDRESS: '0', CONNECTIONS_PER_USER: '0' };

export class KeyedUser {
  readonly username: string;
  readonly publicKey: string;
  readonly #privateKey: KeyObject;

  constructor(username: string) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.username = username;
    this.publicKey = publicKey.export({ format: 'jwk' }).x as string;
    this.#privateKey = privateKey;
  }

  /** The fields of `identify` that prove who holds the key, to who dialled 127.0.0.1. */
  proof(challenge: string, port: number): Json {
    const host = `127.0.0.1:${port}`;
    const text = `magi-exchange:identify:v1\n${challenge}\n${this.username.toLowerCase()}\n${host}`;
    const signature = sign(null, Buffer.from(text), this.#privateKey).toString('base64url');
    return { username: this.username, publicKey: this.publicKey, host, signature };
  }

  /** Opens a socket and says who it is; what is answered is left to be taken. */
  async dial(exchange: { port: number }, options: OpenOptions = {}): Promise<TestClient> {
    const client = await TestClient.open(exchange, options);
    const { challenge } = await client.next('connected');
    client.send({ type: 'identify', ...this.proof(challenge as string, exchange.port) });
    return client;
  }

  /** A client of this user, and what it was greeted with. */
  async arrive(exchange: { port: number }): Promise<{ client: TestClient; identified: Json }> {
    const client = await this.dial(exchange);
    return { client, identified: await client.next('identified') };
  }

  async come(exchange: { port: number }): Promise<TestClient> {
    return (await this.arrive(exchange)).client;
  }
}

/** Two keyed users who are here, in a durable connection, nothing left in their inboxes. */
export async function friends(exchange: Exchange, one: KeyedUser, other: KeyedUser): Promise<[TestClient, TestClient]> {
  const [first, second] = [await one.come(exchange), await other.come(exchange)];
  const { durable } = await second.connectTo(first);
  assert.is(durable, true);
  return [first, second];
}

export const contentOf = (id: string): string => `content of ${id}`;

/** A question over a durable connection. Its content is made of its id, so that whoever reads it can tell. */
export function question(to: KeyedUser, id: string, more: Json = {}): Json {
  return { type: 'ask', to: to.username, id, content: contentOf(id), ...more };
}

/** Asks, and takes what became of it: the status, or the code of the error. */
export async function ask(client: TestClient, to: KeyedUser, id: string, more: Json = {}): Promise<string> {
  const reply = await client.request(question(to, id, more));
  assert.is(reply.id, id, JSON.stringify(reply).slice(0, 300));
  assert.not('content' in reply);
  return (reply.type === 'question_sent' ? reply.status : reply.code) as string;
}

/** Asks several one after the other; each must come to `status`. */
export async function askAll(client: TestClient, to: KeyedUser, ids: readonly string[], status: string): Promise<void> {
  for (const id of ids) assert.is(await ask(client, to, id), status, id);
}

/** Takes the next so many messages, and nothing else, and acknowledges each. Returns them in their order. */
export async function takeMail(client: TestClient, count: number): Promise<Json[]> {
  const mail: Json[] = [];
  while (mail.length < count) {
    const message = await client.next();
    assert.ok(['question', 'answer'].includes(message.type as string), JSON.stringify(message).slice(0, 300));
    acknowledge(client, message);
    mail.push(message);
  }
  return mail;
}

export function acknowledge(client: TestClient, ...messages: readonly Json[]): void {
  client.send({ type: 'received', deliveryIds: messages.map(({ deliveryId }) => deliveryId) });
}

export const idsOf = (messages: readonly Json[]): unknown[] => messages.map(({ id }) => id);

/** `<prefix>1`, `<prefix>2`, … */
export const ids = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}${at + 1}`);
