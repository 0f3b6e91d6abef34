/** Where the exchange is and who the user is: what is looked at first, and what a bad value says. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { MagiError } from '../../src/client/errors.ts';
import { type Given, homeOf, readSettings } from '../../src/client/settings.ts';
import { suite, temporaryFolder } from '../harness.ts';

const test = suite('client settings');

const folder = temporaryFolder();
let homes = 0;

/** A folder with this config.json. */
function homeWith(config?: unknown): string {
  const home = join(folder, `${homes++}`);
  mkdirSync(home);
  if (config !== undefined)
    writeFileSync(join(home, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  return home;
}

type Environment = Record<string, string>;

/** The code of the refusal, whose message must be one line that has all of `words` in it. */
function refusalOf(given: Given, env: Environment = {}, ...words: string[]): string {
  try {
    readSettings(given, env);
    return 'nothing was refused';
  } catch (error) {
    assert.instance(error, MagiError);
    const { message, code } = error as MagiError;
    assert.match(message, /^[^\n]{10,400}$/);
    for (const word of words) assert.ok(message.includes(word), `${message} does not say ${word}`);
    return code;
  }
}

const serverOf = (server: string, more: Given = {}) =>
  readSettings({ home: join(folder, 'none'), username: 'ada', server, ...more }, {}).server;

const FILE = { server: 'wss://file.example', username: 'file', nickname: 'File' };
const PUBLISHED = {
  BRAINXCHANGE_SERVER: 'wss://published.example',
  BRAINXCHANGE_EMAIL: 'published@example.org',
  BRAINXCHANGE_NAME: 'Published',
};
const OURS = { MAGI_SERVER: 'wss://ours.example', MAGI_USERNAME: 'ours', MAGI_NICKNAME: 'Ours' };

test('what a program says goes before MAGI_*, that before config.json, that before BRAINXCHANGE_*', () => {
  const home = homeWith(FILE);
  const read = (given: Given, env: Environment) => {
    const { server, username, nickname } = readSettings({ home, ...given }, env);
    return [server, username, nickname];
  };
  const given = { server: 'wss://given.example', username: 'given', nickname: 'Given' };
  assert.equal(read(given, { ...PUBLISHED, ...OURS }), ['wss://given.example/', 'given', 'Given']);
  assert.equal(read({}, { ...PUBLISHED, ...OURS }), ['wss://ours.example/', 'ours', 'Ours']);
  assert.equal(read({}, PUBLISHED), ['wss://file.example/', 'file', 'File']);
  const nothing = homeWith({});
  assert.equal(read({ home: nothing }, PUBLISHED), ['wss://published.example/', 'published@example.org', 'Published']);
});

test('each is looked for by itself, and an empty variable is one that is not set', () => {
  const home = homeWith({ server: 'wss://file.example' });
  const env = { MAGI_SERVER: '', BRAINXCHANGE_EMAIL: 'published', MAGI_NICKNAME: '', MAGI_HOME: home };
  assert.equal(readSettings({}, env), {
    server: 'wss://file.example/',
    username: 'published',
    nickname: undefined,
    home,
  });
});

test('the folder is what is given, else MAGI_HOME, else ~/.magi', () => {
  assert.is(homeOf({ home: '/given' }, { MAGI_HOME: '/ours' }), '/given');
  assert.is(homeOf({}, { MAGI_HOME: '/ours' }), '/ours');
  assert.is(homeOf({}, { MAGI_HOME: '' }), join(homedir(), '.magi'));
});

test('without any, one line says how to set up', () => {
  const home = homeWith();
  const words = ['MAGI_SERVER', 'MAGI_USERNAME', join(home, 'config.json')];
  assert.is(refusalOf({ home }, {}, ...words), 'bad_settings');
  assert.is(refusalOf({ home }, { MAGI_SERVER: 'localhost' }, 'MAGI_USERNAME not set'), 'bad_settings');
  assert.is(refusalOf({ home, username: 'ada' }, {}, 'MAGI_SERVER not set'), 'bad_settings');
});

test('a bad value is refused in one line that names it', () => {
  const home = homeWith();
  const env = (more: Environment) => ({ MAGI_SERVER: 'wss://example.org', MAGI_USERNAME: 'ada', ...more });
  for (const username of [' ada', 'a\u200bda', 'x'.repeat(129), 'line\nbreak', '\ud800'])
    assert.is(refusalOf({ home }, env({ MAGI_USERNAME: username }), 'MAGI_USERNAME'), 'bad_settings', username);
  for (const nickname of ['Ada ', 'x'.repeat(65), '\u202eadA'])
    assert.is(refusalOf({ home }, env({ MAGI_NICKNAME: nickname }), 'MAGI_NICKNAME'), 'bad_settings', nickname);
  for (const server of ['ftp://example.org', 'wss://', 'wss://ada:secret@example.org', 'wss://a b', '://', 'host:port'])
    assert.is(refusalOf({ home }, env({ MAGI_SERVER: server }), 'MAGI_SERVER'), 'bad_settings', server);
  assert.is(refusalOf({ home, server: '', username: 'ada' }, {}, 'MAGI_SERVER'), 'bad_settings');
  assert.is(refusalOf({ home, server: 'wss://example.org', username: '' }, {}, 'MAGI_USERNAME'), 'bad_settings');
});

test('a secret in a refused address is not repeated', () => {
  try {
    serverOf('wss://ada:hunter2@example.org');
    assert.unreachable();
  } catch (error) {
    assert.not.match(String(error), /hunter2/);
  }
});

test('a config.json that cannot be read is refused in one line that names it', () => {
  for (const config of ['{', '[]', 'null', '"ada"', '', { server: 5 }, { nickname: null }, { insecure: 'yes' }]) {
    const home = homeWith(config);
    const given = { home, server: 'wss://example.org', username: 'ada' };
    assert.is(refusalOf(given, {}, join(home, 'config.json')), 'bad_settings', JSON.stringify(config));
  }
  const home = homeWith();
  mkdirSync(join(home, 'config.json'));
  assert.is(refusalOf({ home }, OURS, join(home, 'config.json')), 'bad_settings');
  assert.ok(readSettings({ home: homeWith({ ...FILE, colour: 'green' }) }, {}), 'what is not ours is ignored');
});

test('an address may be a URL or a host, and is spoken to in the way that is meant', () => {
  assert.is(serverOf('wss://magi.example.org'), 'wss://magi.example.org/');
  assert.is(serverOf('https://magi.example.org/ws'), 'wss://magi.example.org/ws');
  assert.is(serverOf('HTTPS://Magi.Example.org:8443'), 'wss://magi.example.org:8443/');
  assert.is(serverOf('magi.example.org'), 'wss://magi.example.org/');
  assert.is(serverOf('magi.example.org:8443/ws'), 'wss://magi.example.org:8443/ws');
  assert.is(serverOf('localhost:8082'), 'ws://localhost:8082/');
  assert.is(serverOf('127.0.0.1'), 'ws://127.0.0.1/');
  assert.is(serverOf('[::1]:8082'), 'ws://[::1]:8082/');
  assert.is(serverOf('localhost:443'), 'ws://localhost:443/');
  assert.is(serverOf('http://127.5.5.5:80'), 'ws://127.5.5.5/');
  assert.is(serverOf('https://localhost:8443'), 'wss://localhost:8443/');
});

test('nobody is spoken to in the clear off this machine unless that is meant', () => {
  const home = homeWith();
  const plain = ['ws://example.org', 'http://10.0.0.1', 'ws://127.0.0.1.example.org', 'ws://localhost.example.org'];
  for (const server of [...plain, 'ws://[::2]', 'ws://128.0.0.1', 'ws://0.0.0.0'])
    assert.is(refusalOf({ home, server, username: 'ada' }, {}, 'wss://', 'MAGI_INSECURE'), 'insecure', server);
  assert.is(serverOf('ws://example.org', { insecure: true }), 'ws://example.org/');
  const insecure = (env: Environment, config?: unknown) =>
    readSettings({ home: homeWith(config), server: 'ws://example.org', username: 'ada' }, env).server;
  assert.is(insecure({ MAGI_INSECURE: '1' }), 'ws://example.org/');
  assert.is(insecure({}, { insecure: true }), 'ws://example.org/');
  assert.throws(
    () => insecure({}, { insecure: false }),
    ({ code }: MagiError) => code === 'insecure',
  );
  const given = { home: homeWith({ insecure: true }), server: 'ws://example.org', username: 'ada', insecure: false };
  assert.is(refusalOf(given, { MAGI_INSECURE: '1' }), 'insecure', 'a program’s word counts');
});

test('MAGI_INSECURE says yes or no, and nothing else', () => {
  const given = { home: homeWith(), server: 'ws://example.org', username: 'ada' };
  for (const no of ['0', 'false', '']) assert.is(refusalOf(given, { MAGI_INSECURE: no }), 'insecure', no);
  for (const yes of ['1', 'true']) assert.ok(readSettings(given, { MAGI_INSECURE: yes }));
  assert.is(refusalOf(given, { MAGI_INSECURE: 'perhaps' }, 'MAGI_INSECURE'), 'bad_settings');
  const file = { ...given, home: homeWith({ insecure: true }) };
  assert.is(refusalOf(file, { MAGI_INSECURE: '0' }), 'insecure', 'the environment goes before the file');
});

test.run();
