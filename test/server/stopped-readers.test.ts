/** Protocol parts 3 and 5: keyed clients that stop reading cost little, disturb nobody, and lose nothing that was acknowledged. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { type Exchange, eventually, type Json, suite, TestClient, temporaryFolder, withExchange } from '../harness.ts';
import { acknowledge, contentOf, friends, ids, KeyedUser, MANY, takeMail } from './keyed.ts';

const test = suite('slow readers');

const SLOW = 20;
const SENDERS = 4;
const BACKPRESSURE_BYTES = 1024 * 1024;
const GROWTH_MAX = SLOW * BACKPRESSURE_BYTES + 100 * 1024 * 1024;

/** Resident memory of the exchange. */
function residentBytes({ process: { pid } }: Exchange): number {
  const status = `/proc/${pid}/status`;
  const kilobytes = existsSync(status)
    ? /VmRSS:\s+(\d+) kB/.exec(readFileSync(status, 'utf8'))?.[1]
    : spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).stdout;
  return Number(kilobytes) * 1024;
}

/** Looks at the exchange's memory from now on. What it had before is its own affair: from sources it is more than from the bundle. */
function watchMemory(exchange: Exchange): { assertSmall(): void } {
  const before = residentBytes(exchange);
  let most = before;
  const look = () => {
    most = Math.max(most, residentBytes(exchange));
  };
  const timer = setInterval(look, 20).unref();
  return {
    assertSmall() {
      look();
      clearInterval(timer);
      assert.ok(most - before < GROWTH_MAX, `from ${before} to ${most} bytes`);
    },
  };
}

interface Conversation {
  /** Waits until they have said so much more. */
  more(rounds: number): Promise<void>;
  /** Throws what first went wrong. */
  stop(): Promise<void>;
}

/** Two keyed users who go on talking. */
async function conversation(exchange: Exchange): Promise<Conversation> {
  const [one, other] = await friends(exchange, new KeyedUser('canary one'), new KeyedUser('canary other'));
  let rounds = 0;
  let stopped = false;
  const talk = async () => {
    while (!stopped) {
      const id = `round${rounds++}`;
      one.send({ type: 'ask', id, content: contentOf(id) });
      assert.is((await takeMail(other, 1))[0]?.content, contentOf(id));
      assert.is((await one.next('question_sent')).status, 'delivered');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  // Kept as a value, so that a failure in the middle is not an unhandled rejection.
  const outcome = talk().catch((error: unknown) => ({ error }));
  return {
    async more(wanted) {
      const enough = rounds + wanted;
      await Promise.race([eventually(() => rounds >= enough, `${wanted} more rounds`), outcome]);
    },
    async stop() {
      stopped = true;
      const failure = await outcome;
      if (failure !== undefined) throw failure.error;
    },
  };
}

/** A keyed user that reads, acknowledges, and writes down what each sender's messages were, in their order. */
class Reader {
  readonly user: KeyedUser;
  readonly #came = new Map<string, string[]>();
  client: TestClient;

  constructor(user: KeyedUser, client: TestClient) {
    this.user = user;
    this.client = client;
  }

  /** Reads until so many messages have come, and what else comes with them. */
  async read(count: number): Promise<void> {
    for (let taken = 0; taken < count; ) {
      const message = await this.client.next();
      if (message.type !== 'question') continue;
      // Of a guest: it promises nothing, and is not what is counted.
      if (message.deliveryId === undefined) continue;
      acknowledge(this.client, message);
      assert.ok((message.content as string).startsWith(contentOf(message.id as string)));
      const from = message.from as string;
      this.#came.set(from, [...(this.#came.get(from) ?? []), message.id as string]);
      taken++;
    }
  }

  /** Asserts that exactly these came from the sender, in this order. */
  assertHas(sender: KeyedUser, expected: readonly string[]): void {
    assert.equal(this.#came.get(sender.username), expected, `from ${sender.username} to ${this.user.username}`);
  }
}

interface Stage {
  readonly readers: readonly Reader[];
  readonly senders: readonly { readonly user: KeyedUser; readonly client: TestClient }[];
}

/** Readers and senders, each of these a friend of each of those. */
async function stage(exchange: Exchange): Promise<Stage> {
  const senders: { user: KeyedUser; client: TestClient }[] = [];
  for (const name of ids('sender', SENDERS)) {
    const user = new KeyedUser(name);
    senders.push({ user, client: await user.come(exchange) });
  }
  const readers: Reader[] = [];
  for (const name of ids('slow', SLOW)) {
    const user = new KeyedUser(name);
    const reader = new Reader(user, await user.come(exchange));
    for (const { client } of senders) await reader.client.connectTo(client);
    readers.push(reader);
  }
  return { readers, senders };
}

/** What is sent to each reader by each sender: by turns, so that all of them are behind at the same time. */
async function send({ senders, readers }: Stage, sent: readonly string[], bytes: number): Promise<void> {
  for (const id of sent) {
    await new Promise((resolve) => setImmediate(resolve));
    for (const { user } of readers)
      for (const { client } of senders) {
        const full = `${id}-${user.username}`;
        client.send({ type: 'ask', to: user.username, id: full, content: contentOf(full).padEnd(bytes, '.') });
      }
  }
}

/** Takes until each has been told of so many that they were queued or delivered; nothing else may become of them. */
async function assertAllTaken({ senders, readers }: Stage, each: number): Promise<void> {
  for (const { client } of senders) {
    let told = 0;
    while (told < each * readers.length) {
      const { type, status, code } = await client.next();
      assert.is.not(type, 'error', String(code));
      if (type !== 'question_sent') continue;
      assert.ok(status === 'queued' || status === 'delivered', String(status));
      told++;
    }
  }
}

async function assertAllCame({ senders, readers }: Stage, sent: readonly string[]): Promise<void> {
  await Promise.all(readers.map((reader) => reader.read(sent.length * senders.length)));
  for (const reader of readers)
    for (const { user } of senders)
      reader.assertHas(
        user,
        sent.map((id) => `${id}-${reader.user.username}`),
      );
}

/** The clients of every other reader are gone without a word, and come again; the rest read on. */
async function readAgain(exchange: Exchange, { readers }: Stage): Promise<void> {
  for (const [index, reader] of readers.entries()) {
    if (index % 2 === 1) {
      reader.client.terminate();
      reader.client = await reader.user.dial(exchange);
    } else reader.client.socket.resume();
  }
}

const ENV = { ...MANY, BACKPRESSURE_BYTES: String(BACKPRESSURE_BYTES) };

test('what comes for clients that do not read goes to the mailbox, and to them when they read again', () =>
  withExchange({ ...ENV, DATA_DIR: temporaryFolder() }, async (exchange) => {
    const all = await stage(exchange);
    const talk = await conversation(exchange);
    const memory = watchMemory(exchange);
    for (const { client } of all.readers) client.socket.pause();
    const sent = ids('m', 40);
    await send(all, sent, 4_000);
    await assertAllTaken(all, sent.length);
    await talk.more(20);
    memory.assertSmall();
    await readAgain(exchange, all);
    await assertAllCame(all, sent);
    await talk.stop();
    assertHealthy(exchange);
  }));

test('who lets more wait than the bound is closed: what was held goes to the mailbox', () =>
  withExchange({ ...ENV, DATA_DIR: temporaryFolder() }, async (exchange) => {
    const all = await stage(exchange);
    const talk = await conversation(exchange);
    // What a guest sends is forwarded at once, whether it is read or not: so the sockets fill up.
    const guest = await TestClient.identified(exchange, 'guest');
    for (const { client } of all.readers) await client.connectTo(guest);
    const memory = watchMemory(exchange);
    for (const { client } of all.readers) client.socket.pause();
    const sent = ids('m', 10);
    await send(all, sent.slice(0, 5), 1_000);
    await fillUp(guest, all.readers);
    await send(all, sent.slice(5), 1_000);
    await assertAllTaken(all, sent.length);
    await talk.more(20);
    memory.assertSmall();
    for (const reader of all.readers) {
      reader.client.terminate();
      reader.client = await reader.user.dial(exchange);
    }
    await assertAllCame(all, sent);
    await talk.stop();
    assertHealthy(exchange);
  }));

/** The guest sends to each until the exchange has closed each of them. */
async function fillUp(guest: TestClient, readers: readonly Reader[]): Promise<void> {
  const left = new Set(readers.map(({ user }) => user.username));
  const content = 'x'.repeat(32_000);
  for (let round = 0; left.size > 0; round++) {
    assert.ok(round < 2_000, `${[...left]} are still open`);
    const asked = [...left];
    for (const to of asked) guest.send({ type: 'ask', to, content });
    for (let answers = 0; answers < asked.length; ) {
      const told: Json = await guest.next();
      if (told.type === 'friend_disconnected') left.delete((told.friend as Json).username as string);
      else answers++;
    }
  }
}

function assertHealthy(exchange: Exchange): void {
  assert.is(exchange.process.exitCode, null);
  assert.is(exchange.stderr(), '');
  assert.equal(
    exchange.logs.filter(({ event, level }) => event === 'fault' || level === 'error'),
    [],
  );
}

test.run();
