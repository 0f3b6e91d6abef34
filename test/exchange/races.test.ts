/** Whatever the order in which the store answers, and whatever happens meanwhile: nothing is done twice, and nothing is left. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { StorageFailed } from '../../src/exchange/ports.ts';
import { type Json, suite } from '../harness.ts';
import { heldStore } from './held-store.ts';
import { type Guest, SECOND, UNLIMITED, World } from './world.ts';

const test = suite('races');

const CONNECTIONS_MAX = 2;
const NAMES = ['ann', 'bob', 'cy'];

/** What one client of some sends, or what becomes of something that was asked of the store. */
type Move =
  | { readonly seat: number; readonly does: 'invite' | 'list' | 'leave' | 'pong' }
  | { readonly seat: number; readonly does: 'identify' | 'ask'; readonly name: string }
  | { readonly seat: number; readonly does: 'connect'; readonly back: number; readonly name: string | undefined }
  | { readonly does: 'perform' | 'answer' | 'fail'; readonly pick: number }
  | { readonly does: 'wait' };

const seat = fc.nat({ max: 4 });
const name = fc.constantFrom(...NAMES);
const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ seat, does: fc.constantFrom('invite', 'invite', 'invite', 'list', 'leave', 'pong') }),
  },
  { weight: 5, arbitrary: fc.record({ seat, does: fc.constantFrom('identify', 'ask', 'ask'), name }) },
  {
    weight: 8,
    arbitrary: fc.record({
      ...{ seat, does: fc.constant('connect'), back: fc.nat({ max: 2 }) },
      name: fc.option(name, { nil: undefined, freq: 2 }),
    }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      does: fc.constantFrom('perform', 'answer', 'answer', 'answer', 'answer', 'fail'),
      pick: fc.nat({ max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('wait') }) },
) as fc.Arbitrary<Move>;

/** The replies that a client can only owe to a command of its own. */
const REPLIES = 'identified invite_created connected_to_friend question_sent connections error pong'.split(' ');

class Race {
  readonly store = heldStore();
  readonly world = new World(
    { ...UNLIMITED, connectionsPerUser: CONNECTIONS_MAX },
    { store: this.store, expectsFailures: true },
  );
  readonly guests: Guest[] = [];
  /** How many commands each client has sent. */
  readonly sent = new Map<Guest, number>();

  async start(): Promise<void> {
    for (const name of NAMES) this.open(name);
    await this.world.settled();
    this.store.isHolding = true;
  }

  open(username?: string): void {
    const guest = this.world.open();
    this.guests.push(guest);
    this.sent.set(guest, 0);
    if (username !== undefined) this.says(guest, { type: 'identify', username });
  }

  says(guest: Guest, message: Json): void {
    this.sent.set(guest, (this.sent.get(guest) ?? 0) + 1);
    this.world.send(guest, message);
  }

  async play(move: Move): Promise<void> {
    if (move.does === 'wait') await this.world.tick(this.world.now + 3 * SECOND);
    else if ('pick' in move) {
      const { held } = this.store;
      const call = held[move.pick % Math.max(1, held.length)];
      if (move.does === 'fail') call?.fail(new StorageFailed('no space'));
      else call?.[move.does]();
      if (call !== undefined && move.does !== 'perform') held.splice(held.indexOf(call), 1);
    } else this.act(move);
    await this.world.settled();
    this.assertSane();
  }

  act(move: Move & { readonly seat: number }): void {
    const guest = this.guests[move.seat];
    if (guest === undefined) this.open();
    else if (move.does === 'leave') this.leave(guest);
    else if (move.does === 'pong') this.world.exchange.ponged(guest.client);
    else if (move.does === 'invite') this.says(guest, { type: 'create_invite' });
    else if (move.does === 'list') this.says(guest, { type: 'list_connections' });
    else if (move.does === 'identify') this.says(guest, { type: 'identify', username: move.name });
    else if (move.does === 'ask') this.says(guest, { type: 'ask', content: 'q', to: move.name });
    else if (move.does === 'connect') {
      const code = this.world.codes.at(-1 - move.back) ?? '';
      this.says(guest, { type: 'connect', code, username: move.name });
    }
  }

  leave(guest: Guest): void {
    this.guests.splice(this.guests.indexOf(guest), 1);
    this.world.hangUp(guest);
  }

  assertSane(): void {
    const { users, connections } = this.world.exchange.state;
    for (const guest of this.guests.filter(({ closedWith }) => closedWith !== undefined)) this.leave(guest);
    for (const [key, user] of users.byKey) {
      assert.equal([user.key, user.clients.size], [key, 1]);
      assert.ok(user.sides.size <= CONNECTIONS_MAX);
      for (const { connection, other } of user.sides.values()) {
        assert.ok(users.byKey.get(other.user.key) === other.user, 'the friend is here');
        assert.ok(connections.byId.get(connection.id) === connection);
      }
    }
    assert.is(this.world.topics.size, 2 * connections.byId.size);
    const used = this.world.events.flatMap((event) => (event.event === 'invite_used' ? [event.code] : []));
    assert.is(new Set(used).size, used.length, 'a code was used twice');
  }

  /** Everything that waits is answered: then every command has had its one reply. */
  async finish(): Promise<void> {
    this.store.isHolding = false;
    for (const call of this.store.held.splice(0)) call.answer();
    // Each wait for a name takes three seconds, and what was kept meanwhile may ask for another.
    for (let n = 0; n < 100 && this.guests.some(({ client }) => client.waiting !== undefined); n++) {
      await this.world.tick(this.world.now + 3 * SECOND);
      this.assertSane();
    }
    for (const { error } of this.world.failures) if (!(error instanceof StorageFailed)) throw error;
    for (const guest of this.guests) {
      assert.is(guest.client.waiting, undefined);
      const replies = guest.take().filter(({ type }) => REPLIES.includes(type as string));
      assert.is(replies.length, this.sent.get(guest));
    }
    await this.world.assertNothingLeft();
  }
}

test('nothing is done twice, every command is answered once, and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 150, size: 'max' }), async (moves) => {
      const race = new Race();
      await race.start();
      for (const move of moves) await race.play(move);
      await race.finish();
    }),
    { numRuns: 500 },
  );
});

test.run();
