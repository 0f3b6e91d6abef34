/** A key that is taken to another machine: locked with a passphrase, and put nowhere without the owner's word. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { seal, unseal } from '../../src/cli/sealed.ts';
import { type Exchange, suite, temporaryFolder } from '../harness.ts';
import { assertVisible, endTypists, startKeeping, Typist } from './typist.ts';

const test = suite('cli: identity');

let exchange: Exchange;
test.before(async () => {
  exchange = await startKeeping();
});
test.after(async () => {
  endTypists();
  await exchange.stop();
});

const PASSPHRASE = 'correct horse ünï';

/** The code of the refusal. */
function refusal(run: () => unknown): string {
  try {
    run();
    return 'nothing was refused';
  } catch (error) {
    return (error as { code?: string }).code ?? `${error}`;
  }
}

test('what is sealed opens with the passphrase alone, unchanged', () => {
  const sealed = seal('the secret', PASSPHRASE);
  assert.is(unseal(sealed, PASSPHRASE), 'the secret');
  assert.is(unseal(sealed, PASSPHRASE.normalize('NFD')), 'the secret');
  assert.not.equal(seal('the secret', PASSPHRASE), sealed);
  assert.not.match(sealed, /secret/);
  assert.is(
    refusal(() => unseal(sealed, 'correct horse')),
    'wrong_passphrase',
  );
  const file = JSON.parse(sealed);
  const flip = (text: string) => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;
  const changed = [
    { ...file, data: flip(file.data) },
    { ...file, kdf: { ...file.kdf, salt: flip(file.kdf.salt) } },
    { ...file, cipher: { ...file.cipher, iv: flip(file.cipher.iv) } },
    { ...file, cipher: { ...file.cipher, tag: flip(file.cipher.tag) } },
  ];
  for (const one of changed)
    assert.is(
      refusal(() => unseal(JSON.stringify(one), PASSPHRASE)),
      'wrong_passphrase',
    );
  // What would cost memory or time is refused before any of it is spent.
  const wrong = [
    ...['', '[]', 'null', '{}'],
    ...[
      { ...file, format: 'other' },
      { ...file, version: 2 },
      { ...file, kdf: { ...file.kdf, N: 2 ** 24 } },
      { ...file, kdf: { ...file.kdf, name: 'none' } },
      { ...file, kdf: { ...file.kdf, salt: '' } },
      { ...file, cipher: { ...file.cipher, tag: 'AAAA' } },
    ].map((one) => JSON.stringify(one)),
  ];
  for (const one of wrong)
    assert.is(
      refusal(() => unseal(one, PASSPHRASE)),
      'bad_file',
      one,
    );
});

test('export asks twice at a terminal and shows nothing of it; import makes the same person elsewhere', async () => {
  const ada = new Typist(exchange, 'ada-moves', { MAGI_NICKNAME: 'Ada' });
  const grace = new Typist(exchange, 'grace-stays');
  await grace.befriend(ada);
  const { fingerprint } = await ada.json('identity');
  const file = join(temporaryFolder(), 'ada.magi');
  const exported = await ada.types(
    ['identity', 'export', file],
    [/A passphrase/, PASSPHRASE],
    [/same again/, PASSPHRASE],
  );
  assert.is(exported.code, 0, exported.stdout);
  assertVisible(exported.stdout);
  assert.not.match(exported.stdout, /horse/);
  assert.match(exported.stdout, /not your\s+messages/);
  assert.is(statSync(file).mode & 0o777, 0o600);

  const elsewhere = new Typist(exchange, '', { MAGI_SERVER: '', MAGI_USERNAME: '' });
  const wrong = await elsewhere.types(['identity', 'import', file], [/The passphrase of/, 'something else']);
  assert.is(wrong.code, 1);
  assert.match(wrong.stdout, /does not open the file/);
  assert.not.ok(existsSync(join(elsewhere.home, 'identity.pem')));
  const imported = await elsewhere.types(['identity', 'import', file], [/The passphrase of/, PASSPHRASE]);
  assert.is(imported.code, 0, imported.stdout);
  const status = await elsewhere.json('status');
  assert.equal([status.username, status.nickname, status.fingerprint], ['ada-moves', 'Ada', fingerprint]);
  assert.match(await elsewhere.done('friends'), /^grace-stays\t/);
  assert.equal(
    readdirSync(elsewhere.home).filter((name) => name.includes('import')),
    [],
  );
  // Once more changes nothing.
  assert.is((await elsewhere.types(['identity', 'import', file], [/The passphrase of/, PASSPHRASE])).code, 0);
});

test('the passphrase may come from a file', async () => {
  const ada = new Typist(exchange, 'ada-by-file');
  const folder = temporaryFolder();
  const [file, secret, short] = [join(folder, 'key'), join(folder, 'secret'), join(folder, 'short')];
  writeFileSync(secret, 'a passphrase of words\nand more\n');
  writeFileSync(short, 'short\n');
  assert.match(await ada.refused(1, 'identity', 'export', file, '--passphrase-file', secret), /no key in .* yet/);
  await ada.done('status');
  assert.match(await ada.refused(1, 'identity', 'export', file, '--passphrase-file', short), /at least 8 characters/);
  assert.match(
    await ada.refused(1, 'identity', 'export', file, '--passphrase-file', `${short}-not`),
    /cannot be read: ENOENT/,
  );
  const { username, server, ...exported } = await ada.json('identity', 'export', file, '--passphrase-file', secret);
  assert.equal([username, Object.keys(exported)], ['ada-by-file', ['file', 'fingerprint']]);
  assert.match(await ada.refused(1, 'identity', 'export', file, '--passphrase-file', secret), /is there already/);
  assert.match(unseal(readFileSync(file, 'utf8'), 'a passphrase of words'), /BEGIN PRIVATE KEY/);

  // Another key is in the way: only the owner can put it aside.
  const other = new Typist(exchange, 'other-by-file');
  const { fingerprint } = await other.json('status');
  const bare = other.with({ MAGI_SERVER: '', MAGI_USERNAME: '' });
  assert.match(await bare.refused(1, 'identity', 'import', file, '--passphrase-file', secret), /holds another key/);
  assert.is((await other.json('identity')).fingerprint, fingerprint);
  const command = ['identity', 'import', file, '--passphrase-file', secret];
  assert.is((await bare.types(command, [/Put them aside/, 'n'])).code, 1);
  assert.is((await other.json('identity')).fingerprint, fingerprint);
  assert.is((await bare.types(command, [/Put them aside/, 'y'])).code, 0);
  assert.is((await bare.json('identity')).fingerprint, exported.fingerprint);
  const aside = readdirSync(bare.home).find((name) => name.startsWith('replaced-')) ?? '';
  assert.ok(readdirSync(join(bare.home, aside)).includes('identity.pem'));
  assert.is((await bare.json('status')).username, 'ada-by-file');
});

test.run();
