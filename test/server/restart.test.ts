/** Protocol parts 2 and 3: what keyed users have outlives the process, whether it was asked to end or killed. */
import * as assert from 'uvu/assert';
import {
  assertError,
  type Exchange,
  type Json,
  runMain,
  startExchange,
  suite,
  TestClient,
  temporaryFolder,
} from '../harness.ts';
import {
  acknowledge,
  ask,
  askAll,
  contentOf,
  friends,
  ids,
  idsOf,
  KeyedUser,
  MANY,
  question,
  takeMail,
} from './keyed.ts';

const test = suite('restart');

/** One line on stderr, which is what an operator sees of a start that failed. */
const ONE_LINE = /^[^\n]+\n$/;

/** Exchanges one after the other on one folder. */
class Lives {
  readonly folder = temporaryFolder();
  #now: Exchange | undefined;

  async start(env: Record<string, string> = {}): Promise<Exchange> {
    this.#now = await startExchange({ ...MANY, DATA_DIR: this.folder, ...env });
    return this.#now;
  }

  async again(signal: NodeJS.Signals): Promise<Exchange> {
    const before = this.#now as Exchange;
    await before.stop(signal);
    assert.is(before.process.exitCode, signal === 'SIGKILL' ? null : 0, before.stderr());
    return await this.start();
  }

  get stderr(): string {
    return this.#now?.stderr() ?? '';
  }

  async end(): Promise<void> {
    await this.#now?.stop('SIGKILL');
  }
}

async function withLives(run: (lives: Lives) => Promise<void>): Promise<void> {
  const lives = new Lives();
  try {
    await run(lives);
    assert.is(lives.stderr, '');
  } finally {
    await lives.end();
  }
}

/** Runs it twice: once the exchange is asked to end, once it is killed. */
function afterEach(title: string, run: (lives: Lives, signal: NodeJS.Signals) => Promise<void>): void {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const)
    test(`${signal}: ${title}`, () => withLives((lives) => run(lives, signal)));
}

afterEach('friends stay friends and names stay bound', async (lives, signal) => {
  const [ann, bob] = [new KeyedUser('Ann'), new KeyedUser('bob')];
  const [a] = await friends(await lives.start(), ann, bob);
  a.send({ type: 'identify', username: 'Ann', nickname: 'Ann of the hill' });
  await a.next('identified');
  const [before] = await a.connections();

  const exchange = await lives.again(signal);
  const guest = await TestClient.unidentified(exchange);
  assertError(await guest.request({ type: 'identify', username: 'ANN' }), 'username_reserved', { request: 'identify' });
  const thief = await new KeyedUser('ann').dial(exchange);
  assertError(await thief.next(), 'bad_signature', { request: 'identify' });

  const { client, identified } = await ann.arrive(exchange);
  const { clientId: _, ...greeting } = identified;
  const friend = { username: 'bob', nickname: 'bob', publicKey: bob.publicKey };
  const connection = { connectionId: before?.connectionId, friend, online: false, durable: true };
  const { username, nickname } = { username: 'Ann', nickname: 'Ann of the hill' };
  assert.equal(greeting, {
    type: 'identified',
    username,
    nickname,
    keyed: true,
    connections: [connection],
    pending: 0,
  });
  const back = await bob.come(exchange);
  await client.next('friend_online');
  client.send(question(bob, 'q1'));
  assert.is((await takeMail(back, 1))[0]?.fromNickname, 'Ann of the hill');
  assert.is((await client.next('question_sent')).status, 'delivered');
});

afterEach('what waits is there, in its order, once, with the receipts', async (lives, signal) => {
  const [ann, bob, cleo] = [new KeyedUser('ann'), new KeyedUser('bob'), new KeyedUser('cleo')];
  const first = await lives.start();
  const [a, b] = await friends(first, ann, bob);
  const c = await cleo.come(first);
  await c.connectTo(b);
  const used = new Set<unknown>();
  const note = (messages: readonly Json[]) => {
    for (const { deliveryId } of messages) {
      assert.match(deliveryId as string, /^\S+$/);
      assert.not(used.has(deliveryId), `${deliveryId} was used before`);
      used.add(deliveryId);
    }
  };
  for (const id of ['m1', 'm2']) {
    a.send(question(bob, id));
    note(await takeMail(b, 1));
    assert.is((await a.next('question_sent')).status, 'delivered');
  }
  await Promise.all([a.close(), c.close()]);
  for (let n = 0; n < 2; n++) await b.next('friend_away');
  b.send({ type: 'receipt', id: 'm1', to: 'ann', status: 'read' });
  b.send({ type: 'receipt', id: 'm2', to: 'ann', status: 'declined', reason: 'No time — später' });
  const said: Json = { type: 'answer', to: 'ann', id: 'w1', replyTo: 'm1', content: 'Ja.\n\u0000 "😀"' };
  assert.is((await b.request(said, 'answer_sent')).status, 'queued');
  // Between two users the order is the exchange's: the two mailboxes are filled by turns.
  for (const n of [2, 3, 4, 5]) {
    assert.is(await ask(b, ann, `w${n}`), 'queued');
    assert.is(await ask(b, cleo, `c${n}`, { content: `${'x'.repeat(30_000)}${n}` }), 'queued');
  }

  const second = await lives.again(signal);
  const { client, identified } = await ann.arrive(second);
  assert.is(identified.pending, 5);
  const told = [];
  for (let n = 0; n < 7; n++) told.push(await client.next());
  const receipts = told.filter(({ type }) => type === 'receipt');
  const mail = told.filter(({ type }) => type !== 'receipt');
  note(told);
  assert.equal(idsOf(mail), ['w1', 'w2', 'w3', 'w4', 'w5']);
  assert.equal([mail[0]?.type, mail[0]?.content, mail[0]?.replyTo], ['answer', said.content, 'm1']);
  for (const { id, content } of mail.slice(1)) assert.is(content, contentOf(id as string));
  assert.equal(
    receipts.map(({ id, from, status, reason }) => [id, from, status, reason]),
    [
      ['m1', 'bob', 'read', undefined],
      ['m2', 'bob', 'declined', 'No time — später'],
    ],
  );
  acknowledge(client, ...told);
  await client.quiet();

  // Bob does not know what became of one: he says it again, and it is there once.
  const back = await bob.come(second);
  await client.next('friend_online');
  assert.equal(await takeReceipts(back, 4 + 1, note), [...mail.map(({ id }) => `delivered ${id}`)]);
  assert.is(await ask(back, cleo, 'c4'), 'queued');
  await back.quiet();

  const third = await lives.again(signal);
  const { client: late, identified: greeting } = await cleo.arrive(third);
  assert.is(greeting.pending, 4);
  const parcels = await takeMail(late, 4);
  note(parcels);
  assert.equal(idsOf(parcels), ['c2', 'c3', 'c4', 'c5']);
  for (const { id, content } of parcels) assert.is(content, `${'x'.repeat(30_000)}${(id as string).slice(1)}`);
  await late.quiet();
  const { client: annAgain, identified: nothing } = await ann.arrive(third);
  assert.is(nothing.pending, 0, 'what she acknowledged does not come again');
  await annAgain.quiet();
});

/** Takes and acknowledges receipts: the status and the id of each. */
async function takeReceipts(client: TestClient, count: number, note: (messages: Json[]) => void): Promise<string[]> {
  const told: string[] = [];
  for (let n = 0; n < count; n++) {
    const receipt = await client.next('receipt');
    note([receipt]);
    acknowledge(client, receipt);
    told.push(`${receipt.status} ${receipt.id}`);
  }
  return told;
}

afterEach('what was held and not acknowledged comes once, when the sender says it again', async (lives, signal) => {
  const [ann, bob] = [new KeyedUser('ann'), new KeyedUser('bob')];
  const [a, b] = await friends(await lives.start(), ann, bob);
  const held = ids('h', 5);
  for (const id of held) a.send(question(bob, id));
  for (const _ of held) await b.next('question');
  await b.quiet();
  assert.equal(a.inbox, [], 'nobody has taken responsibility yet');

  const exchange = await lives.again(signal);
  const back = await ann.come(exchange);
  await askAll(back, bob, held, 'queued');
  await askAll(back, bob, held, 'queued');
  const { client, identified } = await bob.arrive(exchange);
  assert.is(identified.pending, held.length);
  assert.equal(idsOf(await takeMail(client, held.length)), held);
  await client.quiet();
});

afterEach('the invite of a keyed user works once more, also while its maker is away', async (lives, signal) => {
  const [ann, bob, eve] = [new KeyedUser('ann'), new KeyedUser('bob'), new KeyedUser('eve')];
  const code = await (await ann.come(await lives.start())).invite();
  const exchange = await lives.again(signal);
  const b = await bob.come(exchange);
  const { connectionId, durable } = await b.request({ type: 'connect', code }, 'connected_to_friend');
  assert.is(durable, true);
  const e = await eve.come(exchange);
  assertError(await e.request({ type: 'connect', code }), 'invalid_code', { request: 'connect' });
  const next = await lives.again(signal);
  const late = await eve.come(next);
  assertError(await late.request({ type: 'connect', code }), 'invalid_code', { request: 'connect' });
  const { identified } = await ann.arrive(next);
  assert.equal(
    (identified.connections as Json[]).map((each) => each.connectionId),
    [connectionId],
  );
});

test('a second exchange on the same folder is refused in one line; the first is not disturbed', () =>
  withLives(async (lives) => {
    const [ann, bob] = [new KeyedUser('ann'), new KeyedUser('bob')];
    const [a, b] = await friends(await lives.start(), ann, bob);
    const { code, stderr } = await runMain([], { PORT: '0', DATA_DIR: lives.folder });
    assert.ok(code !== 0 && code !== null, `ended with ${code}`);
    assert.match(stderr, ONE_LINE);
    assert.match(stderr, /DATA_DIR.*an exchange serves from it/);
    assert.ok(stderr.includes(JSON.stringify(lives.folder)), stderr);
    await b.close();
    await a.next('friend_away');
    assert.is(await ask(a, bob, 'q1'), 'queued');
  }));

test.run();
