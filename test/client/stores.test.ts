/** What a client keeps on disk: the journal under it, the inbox, the outbox, the pinned keys, the identity. */
import { spawn } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { dialledHost, Identity } from '../../src/client/identity.ts';
import { Inbox, type Incoming } from '../../src/client/inbox.ts';
import { type Journal, openJournal } from '../../src/client/journal.ts';
import { Outbox, type Outgoing } from '../../src/client/outbox.ts';
import { Pins } from '../../src/client/pins.ts';
import { suite, temporaryFolder } from '../harness.ts';

const test = suite('client stores');
const DAY_MS = 86_400_000;

function question(id: string, from = 'ada', content = `content of ${id}`): Incoming {
  return { type: 'question', id, from, fromNickname: from, content, deliveryId: `d-${id}` };
}

function outgoing(id: string): Outgoing {
  return { type: 'ask', id, to: 'grace', content: `content of ${id}`, at: 1 };
}

function recordsOf(path: string): { journal: Journal; records: object[] } {
  const records: object[] = [];
  const journal = openJournal(path, { read: (record) => records.push(record), live: () => records });
  return { journal, records };
}

test('a journal gives back what was appended, and passes over a torn last line', async () => {
  const path = join(temporaryFolder(), 'journal');
  const first = recordsOf(path);
  await Promise.all([first.journal.append({ n: 1 }), first.journal.append({ n: 2, text: 'ä\n😀' })]);
  await first.journal.close();
  appendFileSync(path, '{"n":3,"te');
  const second = recordsOf(path);
  assert.equal(second.records, [{ n: 1 }, { n: 2, text: 'ä\n😀' }]);
  await second.journal.append({ n: 4 });
  await second.journal.close();
  assert.equal(recordsOf(path).records, [{ n: 1 }, { n: 2, text: 'ä\n😀' }, { n: 4 }]);
});

test('a closed journal refuses, and may be closed again', async () => {
  const { journal } = recordsOf(join(temporaryFolder(), 'journal'));
  await journal.close();
  const file = openSync('/dev/null', 'r');
  await journal.close();
  closeSync(file);
  assert.is(await journal.append({ n: 1 }).catch(() => 'refused'), 'refused');
});

test('a journal passes over what is not a record', async () => {
  const path = join(temporaryFolder(), 'journal');
  appendFileSync(path, '{"n":1}\n\0\0\0\0\n{"n":2}\n');
  assert.equal(recordsOf(path).records, [{ n: 1 }, { n: 2 }]);
});

test('a journal that has grown is rewritten with what is alive', async () => {
  const path = join(temporaryFolder(), 'journal');
  let last: object = {};
  const journal = openJournal(path, { read: () => {}, live: () => [last] });
  for (let n = 0; n < 40; n++) {
    last = { n, padding: 'x'.repeat(100_000) };
    await journal.append(last);
  }
  await journal.close();
  assert.ok(statSync(path).size < 2_000_000, `${statSync(path).size} bytes`);
  assert.equal(recordsOf(path).records.at(-1), last);
});

test('after kill -9, all that was safe is there', async () => {
  const path = join(temporaryFolder(), 'journal');
  const child = spawn(process.execPath, [fileURLToPath(new URL('./appender.ts', import.meta.url)), path]);
  const exited = once(child, 'exit');
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.length > 2_000) child.kill('SIGKILL');
  });
  await exited;
  const safe = said.split('\n').slice(0, -1).map(Number);
  const { records } = recordsOf(path);
  assert.ok(safe.length > 100);
  assert.equal(
    records.map((record) => (record as { n: number }).n),
    Array.from(records, (_, n) => n),
  );
  assert.ok(records.length > Math.max(...safe));
});

test('an inbox knows what it has seen, by friend and id, also after a restart', async () => {
  const path = join(temporaryFolder(), 'inbox');
  const inbox = new Inbox(path);
  const entry = await inbox.put(question('q1'), 1_000);
  assert.equal(entry, { number: 1, at: 1_000, message: question('q1') });
  assert.is(await inbox.put(question('q1', 'ADA', 'other words'), 2_000), undefined);
  assert.is((await inbox.put(question('q1', 'grace'), 2_000))?.message.from, 'grace');
  await inbox.close();
  const again = new Inbox(path);
  assert.is(await again.put(question('q1'), 3_000), undefined);
  assert.equal(
    again.waiting().map(({ message }) => message.from),
    ['ada', 'grace'],
  );
  await again.close();
});

test('a repeat waits until the first of them is safe', async () => {
  const inbox = new Inbox(join(temporaryFolder(), 'inbox'));
  const order: string[] = [];
  await Promise.all([
    inbox.put(question('q1'), 1).then(() => order.push('first')),
    inbox.put(question('q1'), 1).then(() => order.push('repeat')),
  ]);
  assert.equal(order, ['first', 'repeat']);
  await inbox.close();
});

test('what was taken is not waiting any more, numbers go on, and ids are remembered for 30 days', async () => {
  const path = join(temporaryFolder(), 'inbox');
  const inbox = new Inbox(path);
  await inbox.put(question('q1'), 0);
  await inbox.put(question('q2'), DAY_MS);
  await inbox.take(1);
  await inbox.take(2);
  await inbox.close();
  const again = new Inbox(path);
  assert.equal(again.waiting(), []);
  assert.is(await again.put(question('q1'), 30 * DAY_MS), undefined);
  assert.is((await again.put(question('q1'), 30 * DAY_MS + 1))?.number, 3);
  assert.is(await again.put(question('q2'), 30 * DAY_MS + 1), undefined);
  await again.close();
});

test('of what became of a message, each news is told once', async () => {
  const inbox = new Inbox();
  const receipt = (status: 'read' | 'declined'): Incoming => ({
    type: 'receipt',
    id: 'q1',
    from: 'ada',
    status,
    at: 1,
    deliveryId: 'd1',
  });
  assert.ok(await inbox.put(receipt('read'), 1));
  assert.ok(await inbox.put(receipt('declined'), 1));
  assert.is(await inbox.put(receipt('read'), 1), undefined);
  assert.ok(await inbox.put(question('q1'), 1));
});

test('a large inbox is rewritten without what was taken, and forgets nothing that matters', async () => {
  const path = join(temporaryFolder(), 'inbox');
  const inbox = new Inbox(path);
  for (let n = 0; n < 60; n++) {
    const entry = await inbox.put(question(`q${n}`, 'ada', 'x'.repeat(32_000)), n);
    if (n < 58) await inbox.take(entry?.number ?? 0);
  }
  await inbox.close();
  assert.ok(statSync(path).size < 1_100_000);
  const again = new Inbox(path);
  assert.equal(
    again.waiting().map(({ number }) => number),
    [59, 60],
  );
  for (let n = 0; n < 60; n++) assert.is(await again.put(question(`q${n}`), 100), undefined);
  assert.is((await again.put(question('new'), 100))?.number, 61);
  await again.close();
});

test('an outbox keeps what nobody has taken over, in order', async () => {
  const path = join(temporaryFolder(), 'outbox');
  const outbox = new Outbox(path);
  const added = ['m1', 'm2', 'm3'].map((id) => outbox.add(outgoing(id)));
  assert.equal([...outbox.waiting()], []);
  await Promise.all(added);
  outbox.remove('m2');
  await outbox.close();
  const again = new Outbox(path);
  assert.equal([...again.waiting()], [outgoing('m1'), outgoing('m3')]);
  assert.is(again.size, 2);
  await again.close();
});

test('a key is pinned when it is first seen', async () => {
  const path = join(temporaryFolder(), 'pins');
  const pins = new Pins(path);
  assert.is(pins.check('Ada', 'key 1'), undefined);
  assert.is(pins.check('ada', 'key 1'), undefined);
  await pins.close();
  const again = new Pins(path);
  const change = { username: 'ada', pinned: 'key 1', offered: 'key 2' };
  assert.equal(again.check('ada', 'key 2'), change);
  assert.is(again.check('ADA', 'key 2'), undefined, 'told once');
  assert.not(again.isTrusted('Ada'));
  assert.is(again.check('ada', 'key 1'), undefined);
  assert.ok(again.isTrusted('ada'));
  assert.equal(again.check('ada', undefined)?.offered, undefined);
  assert.not(again.isTrusted('ada'));
  again.check('ada', 'key 2');
  again.trust('ada');
  assert.ok(again.isTrusted('ada'));
  assert.is(again.check('ada', 'key 2'), undefined);
  again.forget('ada');
  assert.is(again.check('ada', 'key 3'), undefined);
  await again.close();
});

test('an identity is made once and proves itself', () => {
  const path = join(temporaryFolder(), 'key');
  const identity = Identity.load(path);
  assert.is(Identity.load(path).publicKey, identity.publicKey);
  assert.is(statSync(path).mode & 0o777, 0o600);
  assert.match(readFileSync(path, 'utf8'), /^-----BEGIN PRIVATE KEY-----/);
  assert.is(Buffer.from(identity.publicKey, 'base64url').length, 32);
  const { publicKey, host, signature } = identity.prove('challenge', 'ＡDA', 'example.org');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
  const text = Buffer.from('magi-exchange:identify:v1\nchallenge\nada\nexample.org');
  assert.is(host, 'example.org');
  assert.ok(verify(null, text, key, Buffer.from(signature, 'base64url')));
  assert.is.not(Identity.make().publicKey, identity.publicKey);
});

test('the host that is signed for is the authority that is dialled', () => {
  assert.is(dialledHost('ws://LocalHost:8082/ws'), 'localhost:8082');
  assert.is(dialledHost('wss://Example.org:443/'), 'example.org');
  assert.is(dialledHost('ws://example.org:443'), 'example.org:443');
  assert.is(dialledHost('ws://[0:0::1]:80'), '[::1]');
});

test.run();
