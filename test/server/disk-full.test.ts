/** Protocol part 3 on a disk that is full: nothing is acknowledged falsely, who is here talks on, and it goes on when there is room. */
import * as assert from 'uvu/assert';
import { assertError, type Exchange, eventually, httpRequest, type Json, suite, type TestClient } from '../harness.ts';
import { type SmallDisk, smallDisk } from './disk.ts';
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

const test = suite('a full disk');

const ENV = { ...MANY, MAILBOX_BYTES: '0', MAILBOX_MESSAGES: '0' };
const PADDING = 'x'.repeat(9_000);
const large = (id: string): Json => ({ content: contentOf(id) + PADDING });

/** A disk and an exchange on it, both gone afterwards. */
function onSmallDisk(title: string, run: (disk: SmallDisk, exchange: Exchange) => Promise<void>): void {
  test(title, async () => {
    const disk = await smallDisk(4);
    try {
      const exchange = await disk.start(ENV);
      try {
        await run(disk, exchange);
      } finally {
        await exchange.stop('SIGKILL');
      }
    } finally {
      await disk.remove();
    }
  });
}

/** Asks until nothing more goes in. Returns what was acknowledged, and what was refused, in order. */
async function askUntilFull(
  client: TestClient,
  to: KeyedUser,
  prefix: string,
): Promise<{ queued: string[]; refused: string[] }> {
  const [queued, refused]: [string[], string[]] = [[], []];
  for (let n = 1; refused.length < 12; n++) {
    assert.ok(n < 1_000, 'the disk never fills up');
    const id = `${prefix}${n}`;
    const reply = await client.request(question(to, id, large(id)));
    if (reply.type === 'question_sent') {
      assert.is(reply.status, 'queued');
      queued.push(id);
    } else {
      assertError(reply, 'storage_failed', { request: 'ask', id });
      refused.push(id);
    }
  }
  return { queued, refused };
}

/** So many questions and answers over a durable connection, each delivered before the next. */
async function talk(one: TestClient, other: TestClient, rounds: number, prefix: string): Promise<void> {
  for (const id of ids(prefix, rounds)) {
    one.send({ type: 'ask', id, content: contentOf(id) });
    assert.equal(idsOf(await takeMail(other, 1)), [id]);
    assert.is((await one.next('question_sent')).status, 'delivered');
    other.send({ type: 'answer', id: `${id}-a`, replyTo: id, content: contentOf(id) });
    assert.equal(idsOf(await takeMail(one, 1)), [`${id}-a`]);
    assert.is((await other.next('answer_sent')).status, 'delivered');
  }
}

function assertWhole(mail: readonly Json[], expected: readonly string[]): void {
  assert.equal(idsOf(mail), expected);
  for (const { id, content } of mail) assert.ok((content as string).startsWith(contentOf(id as string)), id as string);
}

onSmallDisk('refuses what it cannot keep, and takes it when there is room', async (disk, exchange) => {
  const [ann, bob, eve] = [new KeyedUser('ann'), new KeyedUser('bob'), new KeyedUser('eve')];
  const [a, b] = await friends(exchange, ann, bob);
  const e = await eve.come(exchange);
  await e.connectTo(a);
  await Promise.all([b.close(), e.close()]);
  for (let n = 0; n < 2; n++) await a.next('friend_away');
  const here = await friends(exchange, new KeyedUser('cleo'), new KeyedUser('dan'));
  const [before, early] = [ids('before', 5), ids('early', 3)];
  await askAll(a, bob, before, 'queued');
  await askAll(a, eve, early, 'queued');

  disk.fill();
  const { queued, refused } = await askUntilFull(a, bob, 'full');
  await talk(...here, 20, 'here');
  // Who comes while it is full is told what waits; that she has it is known as long as the process lives.
  const { client: back, identified } = await eve.arrive(exchange);
  assert.is(identified.pending, early.length);
  assertWhole(await takeMail(back, early.length), early);
  await back.quiet();
  await a.next('friend_online');
  a.send(question(eve, 'now'));
  assert.is((await takeMail(back, 1))[0]?.id, 'now');
  assert.is((await a.next('question_sent')).status, 'delivered');
  assert.is(await ask(a, bob, refused[0] as string, large(refused[0] as string)), 'storage_failed', 'it is still full');
  assert.is((await httpRequest(exchange, '/healthz')).status, 200);

  disk.free();
  for (const id of refused) a.send(question(bob, id, large(id)));
  const told: Json[] = [];
  while (told.length < refused.length + early.length) told.push(await a.next());
  const [sent, receipts] = [
    told.filter(({ type }) => type === 'question_sent'),
    told.filter(({ type }) => type === 'receipt'),
  ];
  assert.equal(
    sent.map(({ id, status }) => [id, status]),
    refused.map((id) => [id, 'queued']),
  );
  // What eve acknowledged could be deleted only now, and its sender is told.
  assert.equal(
    receipts.map(({ id, status }) => [id, status]),
    early.map((id) => [id, 'delivered']),
  );
  acknowledge(a, ...receipts);
  await talk(...here, 5, 'later');
  const promised = [...before, ...queued, ...refused];
  const { client: bobs, identified: greeting } = await bob.arrive(exchange);
  assert.is(greeting.pending, promised.length);
  assertWhole(await takeMail(bobs, promised.length), promised);
  await bobs.quiet();
  await back.close();
  assert.is((await eve.arrive(exchange)).identified.pending, 0);
  assert.is(exchange.process.exitCode, null);
  assert.is(exchange.stderr(), '');
});

onSmallDisk(
  'keeps what was acknowledged when the process is killed, and does not start without room',
  async (disk, exchange) => {
    const [ann, bob] = [new KeyedUser('ann'), new KeyedUser('bob')];
    const [a, b] = await friends(exchange, ann, bob);
    await b.close();
    await a.next('friend_away');
    await askAll(a, bob, ids('before', 5), 'queued');
    disk.fill();
    const { queued, refused } = await askUntilFull(a, bob, 'full');
    // Refused is not kept either: a name that nobody binds stays free.
    const stranger = await new KeyedUser('stranger').dial(exchange);
    assertError(await stranger.next(), 'storage_failed', { request: 'identify' });
    await exchange.stop('SIGKILL');

    const refusal = await disk.start(ENV).then(
      (started) => started.stop('SIGKILL').then(() => 'it started'),
      (error: Error) => error.message,
    );
    assert.match(refusal, /^the exchange ended with [1-9]\d* before it listened: magi-exchange: DATA_DIR is [^\n]+\n$/);
    disk.free();
    const later = await disk.start(ENV);
    try {
      const promised = [...ids('before', 5), ...queued];
      const client = await bob.come(later);
      assertWhole(await takeMail(client, promised.length), promised);
      await client.quiet();
      const again = await ann.come(later);
      await client.close();
      await eventually(async () => (await again.next()).type === 'friend_away', 'bob to be away');
      for (const id of refused) assert.is(await ask(again, bob, id, large(id)), 'queued', id);
      await (await new KeyedUser('stranger').arrive(later)).client.close();
      assert.is(later.stderr(), '');
    } finally {
      await later.stop('SIGKILL');
    }
  },
);

test.run();
