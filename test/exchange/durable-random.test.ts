/**
 * Protocol part 3 under random use: three friends with several clients each, a store that answers when it likes and may fail, an exchange that is killed. What was said
 * to be delivered or queued is; everything arrives once at each client, whole, and in order. SEED=<number> plays one run again.
 */
import * as assert from 'uvu/assert';
import { StorageFailed } from '../../src/exchange/ports.ts';
import { type Chance, type Json, seededChance, suite } from '../harness.ts';
import type { HeldStore } from './held-store.ts';
import { acknowledge, durableWorld, restarted, stored } from './talk.ts';
import { type Guest, keyOf, proofFor, SECOND, type World } from './world.ts';

const test = suite('durable, random');

interface Sent {
  readonly id: string;
  readonly content: string;
  isSettled: boolean;
}

/** One of the friends: what it has sent to whom, and what it has seen of whom. Its clients share both, as those of one machine would. */
class Friend {
  readonly name: string;
  readonly clients: Guest[] = [];
  readonly arriving: Guest[] = [];
  readonly sent = new Map<string, Sent[]>();
  readonly seen = new Map<string, string[]>();
  readonly acknowledged = new Set<string>();
  /** By client, what it has been sent. */
  readonly had = new Map<Guest, Map<string, Json>>();
  mustRepeat = false;

  constructor(name: string) {
    this.name = name;
  }
}

class Run {
  world: World;
  readonly store: HeldStore;
  readonly friends = ['ann', 'bob', 'cy'].map((name) => new Friend(name));
  readonly chance: Chance;
  readonly mayFail: boolean;
  #ids = 0;

  constructor(chance: Chance, mayFail: boolean) {
    ({ world: this.world, store: this.store } = durableWorld({}, { expectsFailures: mayFail }));
    this.chance = chance;
    this.mayFail = mayFail;
  }

  async begin(): Promise<void> {
    for (const friend of this.friends) friend.clients.push(await this.world.keyed(friend.name));
    const [ann, bob, cy] = this.friends.map(({ clients }) => clients[0] as Guest) as [Guest, Guest, Guest];
    for (const [one, other] of [
      [ann, bob],
      [bob, cy],
      [cy, ann],
    ] as const)
      await this.world.connect(one, other);
  }

  async step(): Promise<void> {
    const { chance, world, store } = this;
    const friend = chance.pick(this.friends);
    const client = friend.clients.length === 0 ? undefined : chance.pick(friend.clients);
    const what = chance.below(100);
    if (what < 10) await this.open(friend);
    else if (what < 20) await this.close(friend, client);
    else if (what < 50 && client !== undefined) await this.ask(friend, friend.clients[0] as Guest);
    else if (what < 60 && client !== undefined) await this.repeat(friend, client);
    else if (what < 80 && client !== undefined) await this.acknowledgeSome(friend, client);
    else if (what < 85) await world.tick(world.now + (1 + chance.below(6)) * SECOND);
    else if (what < 88) store.isHolding = true;
    else await this.answer(1 + chance.below(4));
    await this.look();
  }

  async open(friend: Friend): Promise<void> {
    if (friend.clients.length + friend.arriving.length >= 3) return;
    const guest = this.world.open();
    friend.arriving.push(guest);
    await this.world.says(guest, { type: 'identify', ...proofFor(guest, friend.name, keyOf(friend.name)) });
  }

  async close(friend: Friend, client: Guest | undefined): Promise<void> {
    if (client === undefined) return;
    // What it had sent and the exchange had not yet come to is lost with it: the next one begins by sending it again.
    if (client === friend.clients[0]) friend.mustRepeat = true;
    friend.clients.splice(friend.clients.indexOf(client), 1);
    await this.world.close(client);
  }

  /** The exchange is killed: of what the store was asked some is done, nobody hears of it, and everybody has to come back. */
  kill(): void {
    for (const call of this.store.held.splice(0, this.chance.below(this.store.held.length + 1))) call.perform();
    this.store.held.length = 0;
    this.store.isHolding = false;
    this.world = restarted(this.world, this.store);
    this.#marks.clear();
    for (const friend of this.friends) {
      friend.mustRepeat = true;
      friend.clients.length = 0;
      friend.arriving.length = 0;
      friend.had.clear();
    }
  }

  async ask(friend: Friend, client: Guest): Promise<void> {
    if (friend.mustRepeat) await this.repeat(friend, client);
    friend.mustRepeat = false;
    const to = this.chance.pick(this.friends.filter((other) => other !== friend)).name;
    const [id, size] = [`m${++this.#ids}`, this.chance.pick([1, 1, 1, 100, 20_000])];
    const content = id.padEnd(size, '.');
    friend.sent.set(to, [...(friend.sent.get(to) ?? []), { id, content, isSettled: false }]);
    await this.world.says(client, { type: this.chance.pick(['ask', 'answer']), id, to, content });
  }

  /** As a client does that comes back: everything of which it does not know what became, in order. */
  async repeat(friend: Friend, client: Guest): Promise<void> {
    for (const [to, sent] of friend.sent)
      for (const { id, content, isSettled } of sent)
        if (!isSettled) this.world.send(client, { type: 'ask', id, to, content });
    await this.world.settled();
  }

  async acknowledgeSome(friend: Friend, client: Guest, all = false): Promise<void> {
    const had = [...(friend.had.get(client)?.values() ?? [])];
    const some = all ? had : had.filter(() => this.chance.below(2) === 0);
    if (some.length === 0) return;
    for (const { deliveryId } of some) friend.had.get(client)?.delete(deliveryId as string);
    for (const { type, from, id } of some) if (type !== 'receipt') friend.acknowledged.add(`${from} ${id}`);
    await acknowledge(this.world, client, some);
  }

  async answer(count: number): Promise<void> {
    for (let n = 0; n < count && this.store.held.length > 0; n++) {
      const call = this.store.held.shift();
      if (this.mayFail && this.chance.below(10) === 0) call?.fail(new StorageFailed('the disk is full'));
      else call?.answer();
      await this.world.settled();
    }
    if (this.store.held.length === 0 && this.chance.below(2) === 0) this.store.isHolding = false;
  }

  /** Everybody reads what it was told. */
  async look(): Promise<void> {
    for (const friend of this.friends) {
      for (const guest of [...friend.arriving]) {
        const [first] = guest.told;
        if (first === undefined) continue;
        friend.arriving.splice(friend.arriving.indexOf(guest), 1);
        if (first.type === 'identified') friend.clients.push(guest);
        else await this.world.close(guest);
      }
      for (const client of friend.clients)
        for (const message of client.take()) await this.read(friend, client, message);
    }
  }

  async read(friend: Friend, client: Guest, message: Json): Promise<void> {
    const { type, id, from, content, deliveryId } = message as Record<string, string>;
    if (type === 'error') {
      assert.ok(
        this.mayFail && ['storage_failed', 'internal'].includes(message.code as string),
        JSON.stringify(message),
      );
      return;
    }
    if (deliveryId !== undefined) {
      const had = friend.had.get(client) ?? new Map<string, Json>();
      friend.had.set(client, had.set(deliveryId, message));
    }
    if (type === 'question' || type === 'answer')
      this.readContent(friend, client, from as string, id as string, content as string);
    if (type === 'question_sent' || type === 'answer_sent') await this.readSent(friend, message);
  }

  readContent(friend: Friend, client: Guest, from: string, id: string, content: string): void {
    const sender = this.friends.find(({ name }) => name === from);
    const sent = sender?.sent.get(friend.name) ?? [];
    assert.is(content, sent.find((one) => one.id === id)?.content);
    const seen = friend.seen.get(from) ?? [];
    if (!seen.includes(id)) friend.seen.set(from, [...seen, id]);
    if (this.mayFail) return;
    const expected = sent.slice(0, friend.seen.get(from)?.length).map((one) => one.id);
    assert.equal(friend.seen.get(from), expected, `the order from ${from} to ${friend.name}`);
    const mark = `${client.client.id} ${from} ${id}`;
    assert.not(this.#marks.has(mark), `sent twice to one client: ${mark}`);
    this.#marks.add(mark);
  }
  readonly #marks = new Set<string>();

  async readSent(friend: Friend, { id, to, status }: Json): Promise<void> {
    const reader = this.friends.find(({ name }) => name === to);
    const isAcknowledged = reader?.acknowledged.has(`${friend.name} ${id}`);
    if (status === 'delivered') assert.ok(isAcknowledged, `${id} is said to be delivered`);
    else
      assert.ok(
        isAcknowledged || (await stored(this.store, to as string)).includes(id as string),
        `${id} is said to be queued`,
      );
    const sent = friend.sent.get(to as string)?.find((one) => one.id === id);
    if (sent !== undefined) sent.isSettled = true;
  }

  /** The store works, everybody is here, repeats and acknowledges: then nothing may be left. */
  async end(): Promise<void> {
    while (this.store.held.length > 0) {
      this.store.held.shift()?.answer();
      await this.world.settled();
    }
    this.store.isHolding = false;
    for (let round = 0; round < 40; round++) {
      await this.look();
      // A receipt whose deletion has failed comes again when its reader does.
      if (round === 20)
        for (const friend of this.friends) for (const client of [...friend.clients]) await this.close(friend, client);
      for (const friend of this.friends) {
        if (friend.clients.length === 0) await this.open(friend);
        await this.look();
        const [client] = friend.clients;
        if (client === undefined) continue;
        await this.repeat(friend, client);
        for (const one of friend.clients) await this.acknowledgeSome(friend, one, true);
      }
      await this.world.tick(this.world.now + 2 * SECOND);
    }
    for (const friend of this.friends) {
      assert.equal(await stored(this.store, friend.name), [], `what waits for ${friend.name}`);
      assert.equal(await this.store.receiptsFor(friend.name), []);
      for (const [to, sent] of friend.sent) {
        assert.equal(
          sent.filter(({ isSettled }) => !isSettled),
          [],
          `from ${friend.name} to ${to}`,
        );
        const reader = this.friends.find(({ name }) => name === to);
        for (const { id } of sent) assert.ok(reader?.acknowledged.has(`${friend.name} ${id}`), `${id} has arrived`);
      }
    }
    if (!this.mayFail) await this.world.assertNothingLeft();
  }
}

for (const mayFail of [false, true])
  test(`nothing that was promised is lost, ${mayFail ? 'also with a store that fails' : 'and the order is kept'}`, async () => {
    const seeds = seededChance('seed of seeds');
    for (let round = 0; round < Number(process.env.ROUNDS ?? 20); round++) {
      const run = new Run(seeds, mayFail);
      await run.begin();
      for (let n = 0; n < 150; n++) {
        if (n === 75 && !mayFail) run.kill();
        await run.step();
      }
      await run.end();
    }
  });

test.run();
