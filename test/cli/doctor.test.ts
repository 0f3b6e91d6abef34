/** `doctor`, with one link broken after the other: it names that one and says what to do. */
import { once } from 'node:events';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Exchange, type Json, startExchange, suite, TestClient, temporaryFolder, UNLIMITED } from '../harness.ts';
import { endTypists, startKeeping, Typist } from './typist.ts';

const test = suite('cli: doctor');

let exchange: Exchange;
test.before(async () => {
  exchange = await startKeeping();
});
test.after(async () => {
  endTypists();
  await exchange.stop();
});

/** Its address, once it listens. */
async function listening(server: Server): Promise<{ url: string }> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

interface Check {
  readonly check: string;
  readonly state: string;
  readonly message: string;
  readonly advice?: string;
}

async function checks(person: Typist, code: number): Promise<Check[]> {
  const ended = await person.run('doctor', '--json');
  assert.is(ended.code, code, JSON.stringify(ended));
  const document = JSON.parse(ended.stdout) as { ok: boolean; checks: Check[] };
  assert.is(document.ok, code === 0);
  return document.checks;
}

/** The only thing that is wrong. */
async function wrong(person: Typist): Promise<Check> {
  const found = (await checks(person, 1)).filter(({ state }) => state === 'wrong');
  assert.is(found.length, 1, JSON.stringify(found));
  return found[0] as Check;
}

test('a healthy one has every link, and makes nothing before it connects', async () => {
  const ada = new Typist(exchange, 'ada');
  const found = await checks(ada, 0);
  assert.equal(
    found.map(({ check, state }) => [check, state]),
    ['Settings', 'Folder', 'Connection', 'Exchange', 'Clock', 'WebSocket', 'Name', 'Friends', 'Messages'].map(
      (check) => [check, 'ok'],
    ),
  );
  const again = (await checks(ada, 0)).map(({ check }) => check);
  assert.equal(again.slice(0, 4), ['Settings', 'Folder', 'Store', 'Key']);
  const { stdout } = await ada.terminal('doctor').ends();
  assert.match(stdout, /✓.* Settings {4}ada at ws:/);
  assert.match(stdout, /All links hold\./);
});

test('settings that are missing or would speak in the clear', async () => {
  const nobody = new Typist(exchange, '', { MAGI_SERVER: '', MAGI_USERNAME: '' });
  assert.is((await wrong(nobody)).check, 'Settings');
  const clear = new Typist({ url: 'ws://magi.example.org' }, 'ada');
  assert.match((await wrong(clear)).message, /in the clear/);
});

test('rights of others in the folder, before the commands take them away', async () => {
  const ada = new Typist(exchange, 'ada-open');
  mkdirSync(ada.home, { mode: 0o755 });
  chmodSync(ada.home, 0o755);
  const { check, message, advice } = await wrong(ada);
  assert.is(check, 'Folder');
  assert.match(message, /others on this machine may look into/);
  assert.match(advice ?? '', /chmod -R go-rwx/);
  assert.is(statSync(ada.home).mode & 0o777, 0o700, 'the visit to the exchange has narrowed them');
  assert.match((await checks(ada, 0))[1]?.message ?? '', /for you alone/);
});

test('a store and a key that cannot be used', async () => {
  const ada = new Typist(exchange, 'ada-broken');
  mkdirSync(ada.home, { mode: 0o700 });
  writeFileSync(join(ada.home, 'identity.pem'), 'nonsense', { mode: 0o600 });
  const { check, advice } = await wrong(ada);
  assert.equal([check, advice?.includes('identity import')], ['Key', true]);
  writeFileSync(join(ada.home, 'magi.db'), 'nonsense'.repeat(1000), { mode: 0o600 });
  const found = (await checks(ada, 1)).filter(({ state }) => state === 'wrong').map(({ check }) => check);
  assert.equal(found, ['Store', 'Key']);
});

test('a host that does not exist, and one where nothing listens', async () => {
  const unknown = await wrong(new Typist({ url: 'wss://no-such-host.invalid' }, 'ada'));
  assert.is(unknown.check, 'Host');
  const closed = await wrong(new Typist({ url: 'ws://127.0.0.1:9' }, 'ada'));
  assert.equal([closed.check, closed.message], ['Connection', 'port 9: nothing listens there']);
  assert.match(closed.advice ?? '', /Is the exchange running/);
});

test('something else than TLS, and something else than an exchange', async () => {
  const tls = await wrong(new Typist({ url: exchange.url.replace('http', 'wss') }, 'ada'));
  assert.is(tls.check, 'TLS');
  const mute = createServer((socket) => socket.on('error', () => {}).end('SSH-2.0\r\n'));
  const web = createHttp((_request, response) => response.end('<html>'));
  try {
    assert.is((await wrong(new Typist(await listening(mute), 'ada'))).check, 'Exchange');
    const found = await checks(new Typist(await listening(web), 'ada'), 1);
    assert.match(found.find(({ check }) => check === 'Exchange')?.message ?? '', /may be no exchange/);
    const { message } = found.find(({ state }) => state === 'wrong') as Check;
    assert.match(message, /answers 200 instead of opening/);
  } finally {
    mute.close();
    web.close();
    web.closeAllConnections();
  }
});

test('a host that the exchange does not go by, for the socket and in the signature', async () => {
  const named = await startExchange({ ...UNLIMITED, DATA_DIR: temporaryFolder(), PUBLIC_HOSTS: 'magi.example.org' });
  try {
    const refused = await wrong(new Typist(named, 'ada'));
    assert.equal([refused.check, refused.advice?.includes('PUBLIC_HOSTS')], ['Exchange', true]);
  } finally {
    await named.stop();
  }
});

test('a name that is bound to another key, one that a guest holds, and new names that are not taken', async () => {
  await new Typist(exchange, 'bound').done('status');
  const bound = await wrong(new Typist(exchange, 'bound'));
  assert.equal([bound.check, bound.advice?.includes('identity import')], ['Name', true]);
  const guest = await TestClient.identified(exchange, 'guest');
  const held = await wrong(new Typist(exchange, 'guest'));
  assert.equal([held.check, held.advice?.startsWith('Somebody without a key')], ['Name', true], JSON.stringify(held));
  await guest.close();

  const closed = await startKeeping({ REGISTRATION: 'invited' });
  try {
    const { check, advice } = await wrong(new Typist(closed, 'newcomer'));
    assert.equal([check, advice], ['Name', 'New names need an invite here: magi-exchange connect CODE']);
    const newcomer = new Typist(closed, 'newcomer');
    assert.match(await newcomer.refused(1, 'invite'), /only together with an invite/);
    assert.match(await newcomer.refused(1, 'connect', 'BQ55JS'), /code does not work/);
  } finally {
    await closed.stop();
  }
});

test('a clock that is wrong is a warning', async () => {
  const late = createHttp((_request, response) => {
    response.setHeader('Date', new Date(Date.now() - 3_600_000).toUTCString());
    response.end(JSON.stringify({ version: '9.0.0' } satisfies Json));
  });
  try {
    const found = await checks(new Typist(await listening(late), 'ada'), 1);
    const warnings = found.filter(({ state }) => state === 'warning').map(({ check, message }) => [check, message]);
    assert.equal(warnings, [
      ['Exchange', 'release 9.0.0, and this program is 0.1.0'],
      ['Clock', 'this machine is 60 minutes ahead of the exchange'],
    ]);
  } finally {
    late.close();
    late.closeAllConnections();
  }
});

test.run();
