/** What every store must do, whatever it keeps its invites in (the port is `Store` in src/exchange/ports.ts). One suite for all. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Invite, Store } from '../../src/exchange/ports.ts';
import { suite } from '../harness.ts';

/** A new and empty store, and how to be done with it. */
export type MakeStore = () => Promise<{ readonly store: Store; close(): Promise<void> }>;

const NOW = 1_750_000_000_000;
const invite = (code: string, more: Partial<Invite> = {}): Invite => ({
  ...{ code, userKey: 'ann', userId: 'user-1', expiresAt: NOW + 1_000 },
  ...more,
});

/** Adds the suite of a store. The caller runs it. */
export function storeContract(name: string, make: MakeStore) {
  const test = suite(`store: ${name}`);
  const add = (title: string, run: (store: Store) => Promise<void>) =>
    test(title, async () => {
      const { store, close } = await make();
      try {
        await run(store);
      } finally {
        await close();
      }
    });

  add('an invite is found as it was kept; what was not kept is not found', async (store) => {
    const kept = invite('AAAAAA', { userKey: "ann 'o' \u{1f98a}", userId: '; drop table' });
    assert.ok(await store.addInvite(kept, NOW));
    assert.equal({ ...(await store.findInvite('AAAAAA', NOW)) }, kept);
    for (const code of ['AAAAAB', 'aaaaaa', '', '000000', '__proto__', "' or 1=1 --"])
      assert.is(await store.findInvite(code, NOW), undefined);
  });

  add('an invite lives until, and not at, the moment in which it expires', async (store) => {
    await store.addInvite(invite('AAAAAA'), NOW);
    assert.ok(await store.findInvite('AAAAAA', NOW + 999));
    assert.is(await store.findInvite('AAAAAA', NOW + 1_000), undefined);
    assert.not(await store.redeemInvite('AAAAAA', NOW + 1_000));
    assert.ok(await store.redeemInvite('AAAAAA', NOW + 999));
  });

  add('a code that is live is not given away again; one that has expired is', async (store) => {
    assert.ok(await store.addInvite(invite('AAAAAA'), NOW));
    assert.not(await store.addInvite(invite('AAAAAA', { userKey: 'bob' }), NOW + 999));
    assert.is((await store.findInvite('AAAAAA', NOW))?.userKey, 'ann');
    assert.ok(await store.addInvite(invite('AAAAAA', { userKey: 'bob', expiresAt: NOW + 9_000 }), NOW + 1_000));
    assert.is((await store.findInvite('AAAAAA', NOW + 1_000))?.userKey, 'bob');
  });

  add('a code is redeemed once, and is then free again', async (store) => {
    await store.addInvite(invite('AAAAAA'), NOW);
    await store.addInvite(invite('BBBBBB'), NOW);
    assert.ok(await store.redeemInvite('AAAAAA', NOW));
    assert.not(await store.redeemInvite('AAAAAA', NOW));
    assert.not(await store.redeemInvite('CCCCCC', NOW));
    assert.is(await store.findInvite('AAAAAA', NOW), undefined);
    assert.ok(await store.findInvite('BBBBBB', NOW));
    assert.ok(await store.addInvite(invite('AAAAAA'), NOW));
  });

  add('of many who redeem at once exactly one wins, and so it is with those who add', async (store) => {
    const count = (answers: boolean[]) => answers.filter((won) => won).length;
    const many = Array.from({ length: 50 }, (_, n) => n);
    assert.is(count(await Promise.all(many.map(() => store.addInvite(invite('AAAAAA'), NOW)))), 1);
    assert.is(count(await Promise.all(many.map(() => store.redeemInvite('AAAAAA', NOW)))), 1);
  });

  add('invites are removed by their codes, unknown ones among them', async (store) => {
    for (const code of ['AAAAAA', 'BBBBBB', 'CCCCCC']) await store.addInvite(invite(code), NOW);
    await store.removeInvites(['AAAAAA', 'ZZZZZZ', 'CCCCCC', 'AAAAAA']);
    await store.removeInvites([]);
    assert.equal(
      await Promise.all(['AAAAAA', 'BBBBBB', 'CCCCCC'].map(async (code) => !!(await store.findInvite(code, NOW)))),
      [false, true, false],
    );
  });

  add('what has expired is thrown out, and nothing else', async (store) => {
    await store.addInvite(invite('AAAAAA', { expiresAt: NOW + 1 }), NOW);
    await store.addInvite(invite('BBBBBB', { expiresAt: NOW + 2 }), NOW);
    await store.expire(NOW + 1);
    // To a clock that was set back the first would be live again, were it still there.
    assert.is(await store.findInvite('AAAAAA', NOW), undefined);
    assert.ok(await store.findInvite('BBBBBB', NOW));
  });

  add('it answers as a plain list would, whatever is asked of it', async (store) => {
    const code = fc.constantFrom('AAAAAA', 'BBBBBB', 'CCCCCC');
    const later = fc.nat({ max: 20 });
    const step = fc.record({ does: fc.constantFrom('add', 'find', 'redeem', 'remove', 'expire', 'wait'), code, later });
    let list: Invite[] = [];
    let now = NOW;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
        for (const { does, code, later } of steps) {
          const found = list.find((one) => one.code === code && one.expiresAt > now);
          const without = list.filter((one) => one.code !== code);
          if (does === 'wait') now += later;
          if (does === 'expire') await store.expire(now);
          if (does === 'find') assert.equal({ ...(await store.findInvite(code, now)) }, { ...found });
          if (does === 'redeem') assert.is(await store.redeemInvite(code, now), found !== undefined);
          if (does === 'remove') await store.removeInvites([code]);
          if (does === 'redeem' || does === 'remove') list = without;
          if (does !== 'add') continue;
          const added = invite(code, { expiresAt: now + later, userId: `user-${later}` });
          assert.is(await store.addInvite(added, now), found === undefined);
          if (found === undefined) list = [...without, added];
        }
      }),
    );
  });

  return test;
}
