/** What every store must do, whatever it keeps things in (the port is `Store` in src/exchange/ports.ts). One suite for all. */
import * as assert from 'uvu/assert';
import { forgottenSender, StorageFailed, type Store } from '../../src/exchange/ports.ts';
import { EXPIRED_MAX, type LocalStore, RECEIPTS_MAX } from '../../src/store/rules.ts';
import { suite } from '../harness.ts';
import {
  bind,
  connect,
  connection,
  counter,
  EVERYTHING,
  invite,
  mailbox,
  message,
  NOW,
  receipt,
  user,
} from './samples.ts';

/** Where one test keeps its data. Opening again means: the process has ended in between. */
export interface Place {
  open(): LocalStore;
  remove(): void;
}

/** Adds the suite of a store. The caller may add to it, and runs it. */
export function storeContract(name: string, place: () => Place) {
  const test = suite(`store: ${name}`);
  const add = (title: string, run: (store: LocalStore, reopen: () => Promise<LocalStore>) => Promise<void>) =>
    test(title, async () => {
      const here = place();
      let store = here.open();
      try {
        await run(store, async () => {
          await store.close();
          store = here.open();
          return store;
        });
      } finally {
        await store.close();
        here.remove();
      }
    });

  // --- invites

  add('an invite is found as it was kept; what was not kept is not found', async (store) => {
    const strange = { userKey: "ann 'o' \u{1f98a}", userId: '; drop table' };
    for (const kept of [invite('AAAAAA', strange), invite('BBBBBB', { ...strange, durable: false })]) {
      assert.ok(await store.addInvite(kept, NOW));
      assert.equal({ ...(await store.findInvite(kept.code, NOW)) }, kept);
    }
    for (const code of ['AAAAAB', 'aaaaaa', '', '000000', '__proto__', "' or 1=1 --"])
      assert.is(await store.findInvite(code, NOW), undefined);
  });

  add('an invite lives until, and not at, the moment in which it expires', async (store) => {
    for (const durable of [true, false]) {
      const code = durable ? 'AAAAAA' : 'BBBBBB';
      await store.addInvite(invite(code, { durable }), NOW);
      assert.ok(await store.findInvite(code, NOW + 999));
      assert.is(await store.findInvite(code, NOW + 1_000), undefined);
      assert.not(await store.redeemInvite(code, NOW + 1_000));
      assert.ok(await store.redeemInvite(code, NOW + 999));
    }
  });

  add('a code is taken while a live invite has it, and free after that', async (store) => {
    for (const first of [true, false])
      for (const second of [true, false]) {
        const code = `CODE${first}${second}`;
        assert.ok(await store.addInvite(invite(code, { durable: first }), NOW));
        const other = invite(code, { durable: second, userKey: 'bob', expiresAt: NOW + 5_000 });
        assert.not(await store.addInvite(other, NOW + 999));
        assert.is((await store.findInvite(code, NOW))?.userKey, 'ann');
        assert.ok(await store.addInvite(other, NOW + 1_000));
        assert.equal({ ...(await store.findInvite(code, NOW + 1_000)) }, other);
      }
  });

  add('of many who redeem a code, one is told that it won', async (store) => {
    for (const durable of [true, false]) {
      await store.addInvite(invite('AAAAAA', { durable }), NOW);
      const won = await Promise.all(Array.from({ length: 50 }, () => store.redeemInvite('AAAAAA', NOW)));
      assert.is(won.filter(Boolean).length, 1);
      assert.ok(won[0], 'the one that asked first');
      assert.is(await store.findInvite('AAAAAA', NOW), undefined);
    }
  });

  add('of many who add the same code, the first is told that it won', async (store) => {
    const added = await Promise.all(
      Array.from({ length: 9 }, (_, index) => store.addInvite(invite('AAAAAA', { userKey: `u${index}` }), NOW)),
    );
    assert.equal(added, [true, ...Array(8).fill(false)]);
    assert.is((await store.findInvite('AAAAAA', NOW))?.userKey, 'u0');
  });

  add('redeeming keeps the connection, or neither', async (store) => {
    await bind(store, 'ann', 'bob');
    await store.addInvite(invite('AAAAAA'), NOW);
    await store.addInvite(invite('BBBBBB'), NOW);
    await rejects(store.redeemInvite('AAAAAA', NOW, connection('c0', 'ann', 'nobody')));
    assert.ok(await store.redeemInvite('AAAAAA', NOW, connection('c1', 'ann', 'bob')), 'the code was not used up');
    assert.not(await store.redeemInvite('AAAAAA', NOW, connection('c2', 'ann', 'bob')));
    await rejects(store.redeemInvite('BBBBBB', NOW, connection('c3', 'bob', 'ann')), 'the two have one');
    assert.ok(await store.findInvite('BBBBBB', NOW));
    assert.equal(await connectionIds(store, 'ann'), ['c1']);
  });

  add('removed invites are gone, the others stay', async (store) => {
    for (const code of ['AAAAAA', 'BBBBBB', 'CCCCCC', 'DDDDDD'])
      await store.addInvite(invite(code, { durable: code < 'C' }), NOW);
    await store.removeInvites(['AAAAAA', 'CCCCCC', 'EEEEEE']);
    await store.removeInvites([]);
    for (const code of ['AAAAAA', 'CCCCCC']) assert.is(await store.findInvite(code, NOW), undefined);
    for (const code of ['BBBBBB', 'DDDDDD']) assert.ok(await store.findInvite(code, NOW));
  });

  add('the live codes of one holder of a name, oldest first', async (store) => {
    for (const durable of [true, false]) {
      const made = ['ZZZZZZ', 'CCCCCC', 'AAAAAA'].map((code) => invite(`${code}${durable}`, { durable }));
      const [first, second, third] = made;
      assert.ok(first && second && third);
      await store.addInvite({ ...third, expiresAt: NOW }, NOW - 1);
      await store.addInvite({ ...first, code: `other${durable}`, userId: 'of an earlier holder' }, NOW);
      await store.addInvite({ ...first, code: `another${durable}`, userKey: 'bob' }, NOW);
      for (const kept of made) assert.ok(await store.addInvite(kept, NOW));
      const own = async (now: number) =>
        (await store.invitesOf('ann', 'pk-ann', now)).filter((kept) => kept.durable === durable);
      assert.equal(await own(NOW), made);
      await store.removeInvites([second.code]);
      assert.equal(await own(NOW + 999), [first, third]);
      assert.equal(await own(NOW + 1_000), []);
    }
  });

  // --- users and connections

  add('a name is bound once, to whoever asked first', async (store) => {
    const keys = Array.from({ length: 9 }, (_, index) => `pk${index}`);
    const bound = await Promise.all(keys.map((publicKey) => store.bindUser(user('ann', { publicKey }))));
    assert.equal(bound, [true, ...Array(8).fill(false)]);
    assert.equal({ ...(await store.findUser('ann')) }, user('ann', { publicKey: 'pk0' }));
    assert.is(await store.findUser('ANN'), undefined);
  });

  add('using a name changes its nickname and time, nothing else', async (store) => {
    await bind(store, 'ann', 'bob');
    await store.touchUser('ann', 'Änn \u{1f98a}', NOW + 5);
    await store.touchUser('nobody', 'x', NOW);
    assert.equal({ ...(await store.findUser('ann')) }, user('ann', { nickname: 'Änn \u{1f98a}', usedAt: NOW + 5 }));
    assert.equal({ ...(await store.findUser('bob')) }, user('bob'));
    assert.is(await store.findUser('nobody'), undefined);
  });

  add('connections are told to both, oldest first, with the friend as it is now', async (store) => {
    await bind(store, 'ann', 'bob', 'cy');
    await connect(store, connection('c2', 'cy', 'ann', NOW + 1));
    await connect(store, connection('c1', 'ann', 'bob', NOW));
    await store.touchUser('bob', 'Robert', NOW + 9);
    assert.equal(await store.connectionsOf('ann'), [
      { connection: connection('c1', 'ann', 'bob'), friend: user('bob', { nickname: 'Robert', usedAt: NOW + 9 }) },
      { connection: connection('c2', 'cy', 'ann', NOW + 1), friend: user('cy') },
    ]);
    assert.equal(await connectionIds(store, 'bob'), ['c1']);
    assert.equal(await store.connectionsOf('nobody'), []);
  });

  add('two have one connection at most, and only bound names have any', async (store) => {
    await bind(store, 'ann', 'bob', 'cy');
    await connect(store, connection('c1', 'ann', 'bob'));
    await rejects(connect(store, connection('c2', 'bob', 'ann')));
    await rejects(connect(store, connection('c1', 'ann', 'cy')));
    await rejects(connect(store, connection('c3', 'ann', 'nobody')));
    assert.equal(await connectionIds(store, 'ann'), ['c1']);
  });

  add('who leaves loses what that friend had sent; the friend is told, and still gets the rest', async (store) => {
    await bind(store, 'ann', 'bob', 'cy');
    await connect(store, connection('c1', 'ann', 'bob'));
    await store.putMessages([
      message(1, 'ann', 'bob'),
      message(2, 'bob', 'ann'),
      message(3, 'ann', 'cy'),
      message(4, 'ann', 'bob'),
    ]);
    const told = await store.endConnection('c1', 'ann', 'bob', counter(50), NOW + 7);
    const left = { status: 'left', at: NOW + 7 } as const;
    assert.equal(told, [
      receipt(50, 'bob', 'ann', { id: 'm1', ...left }),
      receipt(51, 'bob', 'ann', { id: 'm4', ...left }),
    ]);
    assert.equal(await store.receiptsFor('bob'), told);
    assert.equal(seqs(await mailbox(store, 'ann')), [3]);
    assert.equal(seqs(await mailbox(store, 'bob')), [2]);
    assert.equal(await connectionIds(store, 'bob'), []);
    assert.is(store.counts().bytes, 'content 2content 3'.length);
  });

  add('a connection ends once: the second of two who end it changes nothing', async (store) => {
    await bind(store, 'ann', 'bob');
    await connect(store, connection('c1', 'ann', 'bob'));
    await store.putMessages([message(1, 'ann', 'bob'), message(2, 'bob', 'ann')]);
    const nextSeq = counter(50);
    const [first, second] = await Promise.all([
      store.endConnection('c1', 'ann', 'bob', nextSeq, NOW),
      store.endConnection('c1', 'bob', 'ann', nextSeq, NOW),
    ]);
    assert.is(first?.length, 1);
    assert.equal(second, []);
    assert.equal(seqs(await mailbox(store, 'bob')), [2]);
    await connect(store, connection('c2', 'bob', 'ann'));
    assert.equal(await connectionIds(store, 'ann'), ['c2']);
  });

  add('a forgotten user leaves nothing to the next holder of the name', async (store) => {
    await bind(store, 'ann', 'bob', 'cy');
    await connect(store, connection('c1', 'ann', 'bob', NOW + 1));
    await connect(store, connection('c2', 'cy', 'ann', NOW));
    await store.addInvite(invite('AAAAAA'), NOW);
    await store.addInvite(invite('BBBBBB', { userKey: 'bob' }), NOW);
    await store.putMessages([message(1, 'ann', 'bob'), message(2, 'bob', 'ann')]);
    await store.putReceipts([receipt(3, 'ann', 'bob'), receipt(4, 'bob', 'ann')]);
    const ended = await store.forgetUser('ann');
    assert.equal(ended, [connection('c2', 'cy', 'ann', NOW), connection('c1', 'ann', 'bob', NOW + 1)]);
    assert.equal(await store.forgetUser('ann'), []);
    assert.is(await store.findUser('ann'), undefined);
    await store.putReceipts([receipt(5, 'ann', 'bob')]);
    await rejects(store.putMessages([message(6, 'bob', 'cy'), message(7, 'ann', 'bob')]));

    assert.ok(await store.bindUser(user('ann', { publicKey: 'another' })));
    assert.equal(await mailbox(store, 'ann'), []);
    assert.equal(await store.receiptsFor('ann'), []);
    assert.equal(await store.connectionsOf('ann'), []);
    assert.is(await store.findInvite('AAAAAA', NOW), undefined);
    // What it had sent is still delivered, and the friends keep what is theirs.
    const sender = forgottenSender('ann', 'pk-ann');
    assert.equal(await mailbox(store, 'bob'), [message(2, 'bob', 'ann', { sender })]);
    assert.is((await store.waiting('bob'))[0]?.sender, sender);
    assert.equal(seqs(await store.receiptsFor('bob')), [4]);
    await store.acknowledge('bob', [2], [receipt(8, sender, 'bob', { id: 'm2' })]);
    assert.equal(await store.receiptsFor('ann'), [], 'the next holder has not sent it');
    assert.ok(await store.findInvite('BBBBBB', NOW));
    assert.equal(await store.connectionsOf('bob'), []);
    assert.is(store.counts().bytes, 0);
  });

  // --- mailboxes

  add('messages come back as they were put, in the order of their seq', async (store) => {
    await bind(store, 'ann', "b'ob \u{1f98a}");
    const far = Number.MAX_SAFE_INTEGER - 5;
    const put = [
      message(far + 1, "b'ob \u{1f98a}", 'ann', { content: 'nul \0 and \u{1f98a}\n', takenAt: NOW - 3 }),
      message(far, "b'ob \u{1f98a}", 'ann', { content: '', type: 'answer', replyTo: 'm17' }),
      message(far + 2, "b'ob \u{1f98a}", 'ann', { content: 'x'.repeat(32_768) }),
    ];
    assert.is(await store.putMessages(put), undefined);
    await store.putMessages([]);
    assert.equal(await mailbox(store, "b'ob \u{1f98a}"), [put[1], put[0], put[2]]);
    assert.equal(await mailbox(store, 'ann'), []);
  });

  add('a mailbox is read in portions of a count and of bytes, at least one message each', async (store) => {
    await bind(store, 'ann');
    await store.putMessages([5, 10, 10, 10, 500, 1].map((bytes, index) => message(index + 1, 'ann', 'bob', { bytes })));
    const next = async (...bounds: [number, number, number]) => seqs(await store.nextMessages('ann', ...bounds));
    assert.equal(await next(0, 2, 1_000), [1, 2]);
    assert.equal(await next(2, 2, 1_000), [3, 4]);
    assert.equal(await next(0, 100, 25), [1, 2, 3]);
    assert.equal(await next(0, 100, 24), [1, 2]);
    assert.equal(await next(3, 100, 24), [4]);
    assert.equal(await next(4, 100, 24), [5], 'one that is larger than the bound');
    assert.equal(await next(4, 100, 0), [5]);
    assert.equal(await next(6, 100, 1_000), []);
  });

  add('the heads of what waits for a user, and the sums of all mailboxes', async (store) => {
    await bind(store, 'ann', 'dan');
    const empty = store.totalBytes;
    assert.equal(store.counts(), { messages: 0, bytes: 0, oldestAt: undefined });
    await store.putMessages([
      message(2, 'ann', 'cy', { bytes: 7 }),
      message(1, 'ann', 'bob', { bytes: 10, takenAt: NOW - 5 }),
      message(3, 'ann', 'bob', { bytes: 5 }),
      message(4, 'dan', 'bob', { bytes: 100 }),
    ]);
    assert.equal(await store.waiting('ann'), [
      { seq: 1, sender: 'bob', id: 'm1', bytes: 10 },
      { seq: 2, sender: 'cy', id: 'm2', bytes: 7 },
      { seq: 3, sender: 'bob', id: 'm3', bytes: 5 },
    ]);
    assert.equal(await store.waiting('nobody'), []);
    assert.equal(store.counts(), { messages: 4, bytes: 122, oldestAt: NOW - 5 });
    const four = store.totalBytes;
    assert.ok(four > empty + 4 * 256, 'a message takes more than its content');
    await store.acknowledge('ann', [1], []);
    assert.equal(store.counts(), { messages: 3, bytes: 112, oldestAt: NOW });
    assert.is(four - store.totalBytes - 10, (four - empty - 122) / 4);
  });

  add('acknowledging deletes and leaves receipts; again is no error; only the own mailbox', async (store) => {
    await bind(store, 'ann', 'bob');
    await store.putMessages([message(1, 'ann', 'bob'), message(2, 'ann', 'bob'), message(3, 'bob', 'ann')]);
    const told = receipt(10, 'bob', 'ann', { id: 'm1' });
    await store.acknowledge('ann', [1, 3, 99], [told]);
    assert.equal(seqs(await mailbox(store, 'ann')), [2]);
    assert.equal(seqs(await mailbox(store, 'bob')), [3], 'what waits for another stays');
    assert.equal(await store.receiptsFor('bob'), [told]);
    await store.acknowledge('ann', [1], []);
    await store.acknowledge('nobody', [1, 2], []);
    assert.equal(seqs(await mailbox(store, 'ann')), [2]);
    assert.is(store.counts().bytes, 'content 2content 3'.length);
  });

  add('operations take effect in the order of the calls, without waiting for one another', async (store) => {
    const results = await Promise.all([
      store.findUser('ann'),
      store.bindUser(user('ann')),
      store.findUser('ann'),
      store.putMessages([message(1, 'ann', 'bob')]),
      store.waiting('ann'),
      store.acknowledge('ann', [1], []),
      store.waiting('ann'),
      store.putMessages([message(2, 'ann', 'bob', { id: 'm1' })]),
      mailbox(store, 'ann'),
      store.forgetUser('ann'),
      store.findUser('ann'),
      mailbox(store, 'ann'),
    ]);
    const [before, , bound, , one, , none, , waiting, , after, gone] = results;
    assert.is(before, undefined);
    assert.is(bound?.key, 'ann');
    assert.equal([seqs(one), seqs(none)], [[1], []]);
    assert.equal(seqs(waiting), [2]);
    assert.is(after, undefined);
    assert.equal(gone, []);
  });

  add('an operation that fails leaves nothing behind, and its neighbours alone', async (store) => {
    await bind(store, 'ann', 'bob');
    await connect(store, connection('c1', 'ann', 'bob'));
    const results = await Promise.allSettled([
      store.putMessages([message(1, 'ann', 'bob')]),
      store.putMessages([message(2, 'ann', 'bob'), message(3, 'nobody', 'bob'), message(4, 'ann', 'bob')]),
      connect(store, connection('c2', 'ann', 'bob')),
      store.putMessages([message(5, 'ann', 'bob')]),
    ]);
    assert.equal(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
    );
    assert.equal(seqs(await mailbox(store, 'ann')), [1, 5]);
    assert.is(store.counts().bytes, 'content 1content 5'.length);
  });

  // --- receipts

  add('the latest receipt of a message counts', async (store) => {
    await bind(store, 'bob');
    const same = { id: 'm1' };
    await store.putReceipts([receipt(1, 'bob', 'ann', same), receipt(2, 'bob', 'cy', same)]);
    const declined = receipt(3, 'bob', 'ann', { ...same, status: 'declined', reason: 'no\u{1f98a}', at: NOW + 1 });
    await store.putReceipts([declined]);
    assert.equal(await store.receiptsFor('bob'), [receipt(2, 'bob', 'cy', same), declined]);
    await store.putReceipts([receipt(1, 'bob', 'ann', same)]);
    assert.equal(
      await store.receiptsFor('bob'),
      [receipt(2, 'bob', 'cy', same), declined],
      'an older one comes too late',
    );
    await store.removeReceipts('ann', [3]);
    await store.removeReceipts('bob', [2, 99]);
    assert.equal(await store.receiptsFor('bob'), [declined]);
    assert.equal(await store.receiptsFor('ann'), []);
  });

  add('of too many receipts the oldest are dropped, each user by itself', async (store) => {
    await bind(store, 'ann', 'bob');
    const many = Array.from({ length: RECEIPTS_MAX + 3 }, (_, index) => receipt(index + 1, 'bob', 'ann'));
    await store.putReceipts([receipt(9_000, 'ann', 'bob'), ...many]);
    const kept = await store.receiptsFor('bob');
    assert.equal([kept.length, kept[0]?.seq, kept.at(-1)?.seq], [RECEIPTS_MAX, 4, RECEIPTS_MAX + 3]);
    await store.putReceipts([receipt(5_000, 'bob', 'ann')]);
    assert.equal(
      [(await store.receiptsFor('bob')).length, (await store.receiptsFor('bob'))[0]?.seq],
      [RECEIPTS_MAX, 5],
    );
    assert.equal(seqs(await store.receiptsFor('ann')), [9_000]);
  });

  // --- time

  add('what has expired is forgotten, and nothing else', async (store) => {
    await bind(store, 'ann', 'bob');
    for (const durable of [true, false]) {
      await store.addInvite(invite(`OLD${durable}`, { durable, expiresAt: NOW }), NOW - 1);
      await store.addInvite(invite(`NEW${durable}`, { durable, expiresAt: NOW + 1 }), NOW - 1);
    }
    await store.putMessages([
      message(1, 'ann', 'bob', { takenAt: NOW - 100 }),
      message(2, 'ann', 'bob', { takenAt: NOW - 50 }),
      message(3, 'bob', 'ann', { takenAt: NOW - 101 }),
    ]);
    const { receipts, messages } = await store.expire(NOW, 0, NOW - 50, counter(70));
    assert.equal(messages, [
      message(1, 'ann', 'bob', { takenAt: NOW - 100 }),
      message(3, 'bob', 'ann', { takenAt: NOW - 101 }),
    ]);
    const expired = { status: 'expired', at: NOW } as const;
    assert.equal(receipts, [
      receipt(70, 'bob', 'ann', { id: 'm1', ...expired }),
      receipt(71, 'ann', 'bob', { id: 'm3', ...expired }),
    ]);
    assert.equal(await store.receiptsFor('bob'), receipts.slice(0, 1));
    assert.equal(seqs(await mailbox(store, 'ann')), [2]);
    assert.is(store.counts().bytes, 'content 2'.length);
    for (const durable of [true, false]) {
      assert.is(await store.findInvite(`OLD${durable}`, NOW - 1), undefined, 'it is deleted, not only dead');
      assert.ok(await store.findInvite(`NEW${durable}`, NOW));
    }
    assert.equal(await store.expire(NOW, 0, NOW - 50, counter(80)), { receipts: [], messages: [] });
  });

  add('a binding lapses when it is unused and without a connection; what waited for it expires', async (store) => {
    for (const [key, usedAt] of Object.entries({ ann: 10, bob: 10, cy: 10, dan: 20, eve: 10 }))
      await store.bindUser(user(key, { usedAt }));
    await connect(store, connection('c1', 'ann', 'bob'));
    await connect(store, connection('c2', 'eve', 'ann'));
    await store.endConnection('c2', 'ann', 'eve', counter(1), NOW);
    await store.touchUser('eve', 'used', 20);
    await store.putMessages([message(1, 'cy', 'ann')]);
    await store.addInvite(invite('AAAAAA', { userKey: 'cy' }), NOW);
    const { receipts, messages } = await store.expire(NOW, 20, 0, counter(70));
    assert.equal(seqs(messages), [1]);
    assert.equal(receipts, [receipt(70, 'ann', 'cy', { id: 'm1', status: 'expired' })]);
    assert.equal(await store.receiptsFor('ann'), receipts);
    for (const key of ['ann', 'bob', 'dan', 'eve']) assert.ok(await store.findUser(key), key);
    assert.is(await store.findUser('cy'), undefined);
    assert.is(await store.findInvite('AAAAAA', NOW), undefined);
    await store.forgetUser('bob');
    await store.expire(NOW, 20, 0, counter(80));
    assert.is(await store.findUser('ann'), undefined, 'its last connection ended with its friend');
  });

  add('one call expires only so many, the oldest first', async (store) => {
    await bind(store, 'ann');
    const total = EXPIRED_MAX + 10;
    await store.putMessages(
      Array.from({ length: total }, (_, index) => message(index + 1, 'ann', 'bob', { takenAt: NOW + index - total })),
    );
    const { messages } = await store.expire(NOW, 0, NOW + 1, counter(9_000));
    assert.equal([messages.length, messages[0]?.seq], [EXPIRED_MAX, 1]);
    const rest = await store.expire(NOW, 0, NOW + 1, counter(9_500));
    assert.is(rest.messages.length, 10);
    assert.is(store.counts().bytes, 0);
  });

  // --- the end of the process

  add('what a durable store was given is there after the process has ended; the epoch grows', async (store, reopen) => {
    await bind(store, 'ann', 'bob');
    await connect(store, connection('c1', 'ann', 'bob'));
    await store.addInvite(invite('AAAAAA'), NOW);
    await store.addInvite(invite('BBBBBB', { durable: false }), NOW);
    const [kept, told] = [message(1, 'ann', 'bob', { replyTo: 'x' }), receipt(2, 'bob', 'ann')];
    await store.putMessages([kept]);
    await store.putReceipts([told]);
    const { epoch, durable } = store;
    const later = await reopen();
    assert.is(await later.findInvite('BBBBBB', NOW), undefined, "a guest's invite ends with it");
    if (!durable) {
      assert.is(await later.findUser('ann'), undefined);
      return;
    }
    assert.ok(later.epoch > epoch);
    assert.equal({ ...(await later.findUser('ann')) }, user('ann'));
    assert.equal(await later.connectionsOf('ann'), [
      { connection: connection('c1', 'ann', 'bob'), friend: user('bob') },
    ]);
    assert.equal({ ...(await later.findInvite('AAAAAA', NOW)) }, invite('AAAAAA'));
    assert.equal(await later.nextMessages('ann', 0, ...EVERYTHING), [kept]);
    assert.equal(await later.receiptsFor('bob'), [told]);
    assert.equal(later.counts(), { messages: 1, bytes: 'content 1'.length, oldestAt: NOW });
  });

  return test;
}

function seqs(rows: readonly { readonly seq: number }[] | undefined): number[] {
  return (rows ?? []).map(({ seq }) => seq);
}

async function connectionIds(store: Store, key: string): Promise<string[]> {
  return (await store.connectionsOf(key)).map(({ connection: { id } }) => id);
}

/** Rejected, as the port says. */
export async function rejects(promise: Promise<unknown>, why = ''): Promise<StorageFailed> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, StorageFailed, why);
  return error as StorageFailed;
}
