/** `users` and `mailboxes`: what an operator sees, also while an exchange serves. */
import * as assert from 'uvu/assert';
import { runMain, suite, temporaryFolder } from '../harness.ts';
import { DataFolder } from './folder.ts';

const test = suite('cli: users and mailboxes');

const cells = (lines: string[]) => lines.map((line) => line.split(/ {2,}/));

test('users lists who is bound to a key', async () => {
  const folder = new DataFolder();
  await folder.fill();
  const [head, ...rows] = cells(await folder.done('users'));
  assert.equal(head, ['USERNAME', 'NICKNAME', 'IN LOGS', 'LAST USED (UTC)', 'CONNECTIONS']);
  assert.equal(
    rows.map(([username, nickname, , used, connections]) => [username, nickname, used, connections]),
    [
      ['ANN', 'nick of ann', '2025-06-15 15:06', '2'],
      ['BOB', 'nick of bob', '2025-06-15 15:06', '1'],
      ['CY', 'nick of cy', '2025-06-15 15:06', '1'],
    ],
  );
  const [tag, , one] = cells(await folder.done('users', '--find', 'Bob'));
  assert.match(tag?.[0] ?? '', /^u_[0-9a-f]{8}$/);
  assert.equal(one, rows[1]);
  assert.is(rows[1]?.[2], tag?.[0]);
});

test('users --find tells the tag of a name that is not bound, and nothing else', async () => {
  const folder = new DataFolder();
  await folder.fill();
  const lines = await folder.done('users', '--find', 'some guest');
  assert.is(lines.length, 1);
  assert.match(lines[0] ?? '', /^u_[0-9a-f]{8}$/);
});

test('mailboxes tells for whom how much waits, never what', async () => {
  const folder = new DataFolder();
  await folder.fill();
  const lines = await folder.done('mailboxes');
  assert.equal(cells(lines), [
    ['USERNAME', 'MESSAGES', 'BYTES', 'OLDEST (UTC)'],
    ['BOB', '5', `${5 * 'secret 1'.length}`, '2025-06-15 15:07'],
    ['CY', '1', `${'secret 6'.length}`, '2025-06-15 15:12'],
  ]);
});

test('both work while an exchange serves and writes', async () => {
  const folder = new DataFolder();
  await folder.fill();
  await folder.whileServing(async () => {
    assert.is((await folder.done('users')).length, 4);
    const listed = cells(await folder.done('mailboxes')).map(([username]) => username);
    assert.ok(listed.includes('ANN') && listed.includes('CY'), listed.join());
  });
});

test('both work after an exchange was killed', async () => {
  const folder = new DataFolder();
  await folder.whileServing(async () => {});
  assert.is((await folder.done('users')).length, 2);
  assert.is((await folder.done('mailboxes'))[0]?.startsWith('USERNAME'), true);
});

test('without a store, or with nothing kept, each command says so in one line', async () => {
  const folder = new DataFolder();
  for (const args of [
    ['users'],
    ['mailboxes'],
    ['release', 'ann'],
    ['ban', 'ann'],
    ['backup', `${folder.path}/copy`],
  ]) {
    await folder.refused(78, /there is no store/, ...args);
    const { code, stderr } = await runMain(args, { DATA_DIR: 'memory' });
    assert.is(code, 78);
    assert.match(stderr, /^magi-exchange: DATA_DIR is memory: [^\n]+\n$/);
  }
});

test('a command line that is not understood is one line and exit code 2', async () => {
  const run = (...args: string[]) => runMain(args, { DATA_DIR: temporaryFolder() });
  for (const args of [
    'users --find',
    'users ann',
    'users --find a b',
    'mailboxes x',
    'release',
    'release a b',
    'ban',
  ].concat('backup', 'backup a b', 'restore')) {
    const { code, stderr } = await run(...args.split(' '));
    assert.is(code, 2, args);
    assert.match(stderr, /^magi-exchange: [^\n]+ Try magi-exchange --help\.\n$/);
  }
  const { stdout } = await run('--help');
  for (const command of ['users', 'mailboxes', 'release NAME', 'ban NAME', 'backup FILE', 'restore FILE'])
    assert.ok(stdout.includes(`\n  ${command}`), command);
});

test.run();
