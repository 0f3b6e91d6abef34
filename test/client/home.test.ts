/** The folder of a user: the key, the store, who may look into it, and the processes that share it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { MagiError } from '../../src/client/errors.ts';
import { KEY_FILE, openDatabase, openHome, openIdentity, STORE_FILE } from '../../src/client/home.ts';
import { dialledHost, Identity } from '../../src/client/identity.ts';
import { enter, isGone, leave } from '../../src/client/processes.ts';
import { suite, temporaryFolder, within } from '../harness.ts';
import { NODES } from './assistants.ts';

const test = suite('client home');
const APPENDER = fileURLToPath(new URL('./appender.ts', import.meta.url));

const modeOf = (path: string) => statSync(path).mode & 0o777;

test('a key is made once, readable by its owner alone, and proves itself', () => {
  const folder = join(temporaryFolder(), 'a', 'b');
  const identity = openIdentity(folder);
  const path = join(folder, KEY_FILE);
  assert.is(openIdentity(folder).publicKey, identity.publicKey);
  assert.equal([modeOf(folder), modeOf(path)], [0o700, 0o600]);
  assert.equal(readdirSync(folder), [KEY_FILE]);
  assert.match(readFileSync(path, 'utf8'), /^-----BEGIN PRIVATE KEY-----\n/);
  assert.is(Buffer.from(identity.publicKey, 'base64url').length, 32);
  const { publicKey, host, signature } = identity.prove('challenge', 'ＡDA', 'example.org');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
  const text = Buffer.from('magi-exchange:identify:v1\nchallenge\nada\nexample.org');
  assert.is(host, 'example.org');
  assert.ok(verify(null, text, key, Buffer.from(signature, 'base64url')));
  assert.is.not(Identity.make().publicKey, identity.publicKey);
});

test('what others might look into is closed to them', () => {
  const folder = join(temporaryFolder(), 'home');
  const before = process.umask(0);
  try {
    openHome(folder).database.close();
    for (const [name, mode] of [
      ['', 0o755],
      [KEY_FILE, 0o644],
      [STORE_FILE, 0o666],
    ] as const)
      chmodSync(join(folder, name), mode);
    const { database } = openHome(folder);
    assert.is(modeOf(folder), 0o700);
    const files = readdirSync(folder);
    assert.ok(files.length >= 3, files.join());
    for (const file of files) assert.is(modeOf(join(folder, file)), 0o600, file);
    database.close();
  } finally {
    process.umask(before);
  }
});

test('a folder that is closed further is left so', () => {
  const folder = join(temporaryFolder(), 'home');
  openIdentity(folder);
  chmodSync(join(folder, KEY_FILE), 0o400);
  openIdentity(folder);
  assert.is(modeOf(join(folder, KEY_FILE)), 0o400);
});

test('what cannot be used is refused in one line that names it', () => {
  const folder = temporaryFolder();
  const [file, broken, other] = [join(folder, 'file'), join(folder, 'broken'), join(folder, 'other')];
  writeFileSync(file, '');
  for (const home of [broken, other]) mkdirSync(home);
  writeFileSync(join(broken, KEY_FILE), 'not a key');
  writeFileSync(
    join(other, KEY_FILE),
    '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIGiiPMFnfgiYKJKp+HAPhxgLBDm0BZVYFWlRSqLIyANW\n-----END PRIVATE KEY-----\n',
  );
  for (const [home, named] of [
    [file, file],
    [join(file, 'below'), join(file, 'below')],
    [broken, join(broken, KEY_FILE)],
    [other, join(other, KEY_FILE)],
  ] as const)
    try {
      openHome(home);
      assert.unreachable(home);
    } catch (error) {
      assert.instance(error, MagiError);
      assert.is((error as MagiError).code, 'storage_failed');
      assert.ok((error as MagiError).message.startsWith(`${named} cannot be used: `), (error as MagiError).message);
      assert.match((error as MagiError).message, /^[^\n]+\.$/);
      assert.not.match((error as MagiError).message, /not a key/, 'what is in the file is not shown');
    }
});

test('a draft of a key that another process is about to use is not written to', () => {
  const folder = temporaryFolder();
  // In another container the same number is another process.
  const [theirs, kept] = [join(folder, `${KEY_FILE}.${process.pid}`), join(folder, 'kept')];
  writeFileSync(theirs, 'their key');
  linkSync(theirs, kept);
  openIdentity(folder);
  assert.is(readFileSync(kept, 'utf8'), 'their key');
});

test('processes that start at once in a new folder agree on one key, and all can work', async () => {
  for (let round = 0; round < 3; round++) {
    const folder = join(temporaryFolder(), 'home');
    const children = Array.from({ length: 6 }, (_, n) => startOpener(folder, NODES[n % NODES.length]));
    await Promise.all(children.map(({ line }) => line('ready')));
    for (const { child } of children) child.stdin?.write('go\n');
    const keys = await Promise.all(children.map(({ line }) => line(/^[\w-]{43}$/)));
    assert.is(new Set(keys).size, 1, keys.join());
    assert.is(openIdentity(folder).publicKey, keys[0]);
    assert.equal(await Promise.all(children.map(({ exited }) => exited)), [0, 0, 0, 0, 0, 0]);
    // SQLite's own files stay when two leave at once, each thinking that the other is still there.
    const own = [KEY_FILE, STORE_FILE, `${STORE_FILE}-wal`, `${STORE_FILE}-shm`];
    const files = readdirSync(folder).filter((file) => !own.includes(file));
    assert.equal(files, [], 'nothing is left behind');
  }
});

/** A process that is about to open the folder, and what it says. */
function startOpener(folder: string, node = process.execPath) {
  const child: ChildProcess = spawn(node, ['--disable-warning=ExperimentalWarning', APPENDER, 'open', folder]);
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const said: string[] = [];
  let look = () => {};
  const hear = (text: string) => {
    said.push(...text.split('\n').filter((line) => line !== ''));
    look();
  };
  child.stdout?.setEncoding('utf8').on('data', hear);
  child.stderr?.setEncoding('utf8').on('data', hear);
  const line = (what: string | RegExp) => {
    const found = new Promise<string>((resolve, reject) => {
      look = () => {
        const line = said.find((text) => (typeof what === 'string' ? text === what : what.test(text)));
        if (line !== undefined) resolve(line);
      };
      look();
      void exited.then(() => reject(new Error(`the process ended before it said ${what}: ${said.join('\n')}`)));
    });
    return within(found, `${what}`, 30_000);
  };
  return { child, exited, line };
}

test('the host that is signed for is the authority that is dialled', () => {
  assert.is(dialledHost('ws://LocalHost:8082/ws'), 'localhost:8082');
  assert.is(dialledHost('wss://Example.org:443/'), 'example.org');
  assert.is(dialledHost('ws://example.org:443'), 'example.org:443');
  assert.is(dialledHost('ws://[0:0::1]:80'), '[::1]');
  assert.is(dialledHost('wss://bücher.example/x?y'), 'xn--bcher-kva.example');
});

test('whoever has ended is known to have, and nobody else', async () => {
  const [one, other] = [enter(), enter()];
  assert.is.not(one, other);
  assert.not(isGone(one));
  leave(one);
  assert.ok(isGone(one));
  assert.not(isGone(other));
  leave(other);
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const name = one.replace(/^\d+/, `${child.pid}`);
  assert.not(isGone(name));
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(isGone(name));
  assert.not(isGone(`${name}.elsewhere`), 'on another machine');
  for (const strange of ['', 'nobody', '0.x', '-1.x']) assert.not(isGone(strange), strange);
});

test('a store is a folder’s, with or without its key', () => {
  const folder = temporaryFolder();
  openDatabase(folder).close();
  assert.equal(readdirSync(folder), [STORE_FILE]);
});

test.run();
