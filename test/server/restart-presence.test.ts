/** Protocol parts 2 and 3 after a restart: who is told of whom, and what becomes of messages where nothing is kept. */
import * as assert from 'uvu/assert';
import {
  assertError,
  type Exchange,
  type Json,
  startExchange,
  suite,
  TestClient,
  temporaryFolder,
  withExchange,
} from '../harness.ts';
import { ask, friends, KeyedUser, MANY, question, takeMail } from './keyed.ts';

const test = suite('presence after a restart');

/** Friends who met before the exchange was killed, and the exchange that was started then. */
async function afterKill(
  run: (
    exchange: Exchange,
    ann: KeyedUser,
    bob: KeyedUser,
    restart: (signal?: NodeJS.Signals) => Promise<Exchange>,
  ) => Promise<void>,
) {
  const env = { ...MANY, DATA_DIR: temporaryFolder() };
  const [ann, bob] = [new KeyedUser('ann'), new KeyedUser('bob')];
  let exchange = await startExchange(env);
  const restart = async (signal: NodeJS.Signals = 'SIGKILL') => {
    await exchange.stop(signal);
    exchange = await startExchange(env);
    return exchange;
  };
  try {
    await friends(exchange, ann, bob);
    await run(await restart(), ann, bob, restart);
  } finally {
    await exchange.stop('SIGKILL');
  }
}

const friendOf = ({ type, friend }: Json) => [type, (friend as Json).username];

test('each client is told when the friend comes, and when the last of his clients goes', () =>
  afterKill(async (exchange, ann, bob) => {
    const here = [await ann.come(exchange), await ann.come(exchange)];
    const { client: first, identified } = await bob.arrive(exchange);
    assert.equal(
      (identified.connections as Json[]).map(({ online }) => online),
      [true],
    );
    for (const client of here) assert.equal(friendOf(await client.next()), ['friend_online', 'bob']);
    const second = await bob.come(exchange);
    await first.close();
    for (const client of here) await client.quiet();
    second.terminate();
    for (const client of here) assert.equal(friendOf(await client.next()), ['friend_away', 'bob']);
    for (const client of here) await client.quiet();
  }));

test('each client of both is told of the end of a connection that is older than the process', () =>
  afterKill(async (exchange, ann, bob) => {
    const two = [await ann.come(exchange), await ann.come(exchange)] as const;
    const other = await bob.come(exchange);
    for (const client of two) await client.next('friend_online');
    two[0].send({ type: 'disconnect', to: 'bob' });
    for (const client of two)
      assert.equal(friendOf(await client.next('friend_disconnected')), ['friend_disconnected', 'bob']);
    const { reason, ...told } = await other.next('friend_disconnected');
    assert.is(reason, 'left');
    assert.equal(friendOf(told), ['friend_disconnected', 'ann']);
    assertError(await other.request(question(ann, 'q1')), 'no_connection', { request: 'ask', id: 'q1' });
  }));

test('a connection that was ended while the friend was away is not there after another restart', () =>
  afterKill(async (exchange, ann, bob, restart) => {
    const client = await ann.come(exchange);
    await client.request({ type: 'disconnect', to: 'bob' }, 'friend_disconnected');
    const { identified } = await bob.arrive(await restart());
    assert.equal(identified.connections, []);
  }));

test('a guest connection ends with the process, and nothing of it is found afterwards', () =>
  afterKill(async (exchange, ann, _bob, restart) => {
    const client = await ann.come(exchange);
    const guest = await TestClient.identified(exchange, 'guest');
    assert.is((await guest.connectTo(client)).durable, false);
    const { identified } = await ann.arrive(await restart());
    assert.equal(
      (identified.connections as Json[]).map((each) => (each.friend as Json).username),
      ['bob'],
    );
  }));

test('a receipt that nobody has acknowledged is put away when the exchange is asked to end', () =>
  afterKill(async (exchange, ann, bob, restart) => {
    const client = await ann.come(exchange);
    const other = await bob.come(exchange);
    await client.next('friend_online');
    client.send(question(bob, 'q1'));
    await takeMail(other, 1);
    await client.next('question_sent');
    other.send({ type: 'receipt', id: 'q1', to: 'ann', status: 'declined', reason: 'not today' });
    const { deliveryId, ...told } = await client.next('receipt');
    const again = await ann.come(await restart('SIGTERM'));
    assert.equal(await again.next(), { ...told, deliveryId });
    again.send({ type: 'received', deliveryIds: [deliveryId] });
    await again.quiet();
    await (await ann.come(await restart('SIGTERM'))).quiet();
  }));

for (const [title, env] of [
  ['DATA_DIR=memory', () => ({})],
  ['OFFLINE_DELIVERY=off', () => ({ DATA_DIR: temporaryFolder(), OFFLINE_DELIVERY: 'off' })],
] as const)
  test(`${title}: a message for somebody who is away, or goes, is answered friend_offline with its id`, () =>
    withExchange({ ...MANY, ...env() }, async (exchange) => {
      const [ann, bob] = [new KeyedUser('ann'), new KeyedUser('bob')];
      const [a, b] = await friends(exchange, ann, bob);
      a.send(question(bob, 'q1'));
      await takeMail(b, 1);
      assert.is((await a.next('question_sent')).status, 'delivered');
      a.send(question(bob, 'q2'));
      await b.next('question');
      await b.close();
      const told = [await a.next(), await a.next()];
      const [error] = told.filter(({ type }) => type === 'error');
      assertError(error ?? {}, 'friend_offline', { request: 'ask', id: 'q2' });
      assert.equal(told.filter(({ type }) => type !== 'error').map(friendOf), [['friend_away', 'bob']]);
      assert.is(await ask(a, bob, 'q3'), 'friend_offline');
      // The same id is free again: nobody has it.
      const { client: back, identified } = await bob.arrive(exchange);
      assert.is(identified.pending, 0);
      await a.next('friend_online');
      a.send(question(bob, 'q2'));
      assert.is((await takeMail(back, 1))[0]?.id, 'q2');
      assert.is((await a.next('question_sent')).status, 'delivered');
    }));

test.run();
