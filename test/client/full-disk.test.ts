/** The disk with a user's folder is full: nothing is said to be safe that is not, nobody ends, and it goes on when there is room. */
import * as assert from 'uvu/assert';
import { eventually, suite } from '../harness.ts';
import { type SmallDisk, smallDisk } from '../server/disk.ts';
import { type Assistant, onEachNode, type World } from './assistants.ts';

const test = suite('a full disk under the client');

/** Ada's folder is on a small disk, which is gone afterwards. */
function onSmallDisk(
  title: string,
  run: (world: World, disk: SmallDisk, one: Assistant, other: Assistant) => Promise<void>,
): void {
  onEachNode(test, title, async (world) => {
    const disk = await smallDisk(8);
    try {
      const [friend] = await world.begin();
      const small = await world.assistant('sam', { home: disk.path, enter: disk.enter });
      const { code } = await friend.tell('invite', {}, 'invited');
      await small.tell('connect', { code }, 'friend');
      await friend.until('presence', { friend: 'sam' });
      await run(world, disk, small, friend);
    } finally {
      await world.end();
      await disk.remove();
    }
  });
}

onSmallDisk(
  'what is asked is refused, what arrives is not acknowledged, and all is well when there is room',
  async (world, disk, sam, ada) => {
    sam.do('serve', { answering: true });
    ada.do('serve', { answering: true });
    const { id: before } = await sam.tell('ask', { to: 'ada', text: 'before' }, 'asked');
    assert.is((await sam.until('answer', { id: before })).text, 're: before');
    disk.fill();
    // What is left in the file's last page takes a few.
    const text = 'x'.repeat(20_000);
    let refused: unknown;
    for (let n = 0; refused === undefined; n++) {
      assert.ok(n < 100, 'the disk never fills up');
      const { id } = await sam.tell('ask', { to: 'ada', text: `${n} ${text}` }, 'asked');
      const line = await eventually(() => sam.heard('sent', { id })[0] ?? sam.heard('unsent', { id })[0], 'an outcome');
      if (line.what === 'unsent') {
        assert.is(line.code, 'storage_failed');
        refused = id;
      }
    }
    assert.is((await sam.until('noAnswer', { id: refused })).code, 'storage_failed');

    const lost = sam.heard('identified').length;
    const asked: unknown[] = [];
    for (let n = 0; n < 5; n++) asked.push((await ada.tell('ask', { to: 'sam', text: `${n} ${text}` }, 'asked')).id);
    // Nobody has acknowledged them: the exchange has put them into the mailbox.
    for (const id of asked) assert.is((await ada.until('sent', { id })).status, 'queued');
    assert.is((await sam.until('trouble')).code, 'storage_failed');
    assert.not(sam.isGone);
    const { entries } = await sam.tell('inbox', {}, 'inbox');
    assert.equal(
      (entries as Record<string, unknown>[]).filter(({ kind }) => kind === 'question'),
      [],
    );
    assert.equal(
      ada.heard('arrived', { kind: 'receipt' }).filter(({ id }) => asked.includes(id)),
      [],
    );

    disk.free();
    for (const [n, id] of asked.entries()) {
      assert.is((await ada.until('answer', { id })).text, `re: ${n} ${text}`);
      assert.equal(sam.heard('claimed', { id }).length, 1, 'shown once');
    }
    assert.equal(
      sam.heard('claimed').map(({ id }) => id),
      asked,
    );
    const { id: after } = await sam.tell('ask', { to: 'ada', text: 'after' }, 'asked');
    assert.is((await sam.until('answer', { id: after })).text, 're: after');
    assert.equal(ada.heard('claimed', { id: refused }), [], 'what was refused was not sent');
    assert.not(sam.isGone);
    assert.is(sam.complaint, '');
    assert.ok(lost >= 1);
    await world.end();
  },
);

onSmallDisk(
  'a process that is killed on a full disk, and one that starts on it, lose nothing',
  async (world, disk, sam, ada) => {
    const { id } = await sam.tell('ask', { to: 'ada', text: 'before' }, 'asked');
    await sam.until('sent', { id });
    disk.fill();
    await sam.kill();
    const start = await world.assistant('sam', { home: disk.path, enter: disk.enter }).then(
      (one) => one,
      (error: Error) => error.message,
    );
    // It opens what is there, or says in one line why it cannot.
    if (typeof start === 'string') assert.match(start, /storage_failed/);
    else await start.tell('ask', { to: 'ada', text: 'x'.repeat(30_000) }, 'asked');
    disk.free();
    const later = await world.assistant('sam', { home: disk.path, enter: disk.enter });
    ada.do('serve', { answering: true });
    assert.is((await later.tell('answerTo', { id }, 'answer', { id })).text, 're: before');
  },
);

test.run();
