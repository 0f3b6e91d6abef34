/** Protocol part 5: every setting, its default, what it takes, and the one line that says what is wrong with another value. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Config, OperatorError, readConfig, type SettingName } from '../src/config.ts';
import { DEFAULT_LIMITS, DEFAULT_POLICY, type Limits } from '../src/exchange/limits.ts';
import { suite, temporaryFolder } from './harness.ts';

const test = suite('config');

// A `.env` is looked for in the current folder: here there is none.
const before = process.cwd();
test.before(() => process.chdir(temporaryFolder()));
test.after(() => process.chdir(before));

const read = (environment: Record<string, string>, isTerminal = false): Config => readConfig(environment, isTerminal);

/** The one line with which the start is refused. */
function refusal(environment: Record<string, string>): string {
  try {
    read(environment);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    assert.is(error.exitCode, 78);
    assert.not.match(error.message, /[\n\r]/);
    return error.message;
  }
  throw new Error(`${JSON.stringify(environment)} was not refused`);
}

type Row = readonly [
  fallback: unknown,
  good: readonly (readonly [text: string, value: unknown])[],
  bad: readonly string[],
];

const NO_NUMBERS = ['-1', '1.5', '1e3', '0x10', 'ten', '1 000', '+5', '1234567890123456', 'NaN', '٣', '5;'];
const limit = (fallback: number): Row => [
  fallback,
  [
    ['0', 0],
    ['7', 7],
    ['1000000000', 1_000_000_000],
    ['007', 7],
  ],
  [...NO_NUMBERS, '1000000001'],
];
const anyText = (fallback: string, good: string): Row => [fallback, [[good, good]], []];

/** The tables of part 5, without what belongs to the cluster. */
const SETTINGS: Readonly<Record<SettingName, Row>> = {
  HOST: [
    '127.0.0.1',
    [
      ['0.0.0.0', '0.0.0.0'],
      ['::1', '::1'],
      ['localhost', 'localhost'],
    ],
    ['example.org', '127.0.0.1:80', '999.1.1.1'],
  ],
  PORT: [
    8082,
    [
      ['0', 0],
      ['65535', 65_535],
      [' 80 ', 80],
    ],
    [...NO_NUMBERS, '65536'],
  ],
  DATA_DIR: anyText('./data', 'memory'),
  ADMIN_PASSWORD: anyText('', ' spaces at both ends '),
  ADMIN_PASSWORD_FILE: anyText('', '/run/secrets/password'),
  PUBLIC_HOSTS: [
    [],
    [
      ['magi.example', ['magi.example']],
      [
        'Magi.Example , localhost:8082,[::1]:8082,192.0.2.1',
        ['magi.example', 'localhost:8082', '[::1]:8082', '192.0.2.1'],
      ],
    ],
    ['https://magi.example', 'a,,b', 'a.example,', 'a b', 'a:', 'a:123456', '[::1', 'a/b', 'ä.example', '*'],
  ],
  ALLOWED_ORIGINS: [
    [],
    [
      ['https://App.example', ['https://app.example']],
      ['http://localhost:3000,chrome-extension://abc', ['http://localhost:3000', 'chrome-extension://abc']],
    ],
    [
      'app.example',
      'https://',
      'https://a.example/',
      'https://a.example/path',
      '*',
      'null',
      'https://a b',
      'https://a,',
    ],
  ],
  TRUST_PROXY: [
    0,
    [
      ['1', 1],
      ['16', 16],
    ],
    [...NO_NUMBERS, '17', 'true', 'loopback'],
  ],
  LOG_LEVEL: [
    'info',
    ['debug', 'info', 'warn', 'error', 'silent', 'WARN'].map((text) => [text, text.toLowerCase()]),
    ['trace', '3', 'info,warn'],
  ],
  LOG_FORMAT: [
    'json',
    [
      ['json', 'json'],
      ['Pretty', 'pretty'],
    ],
    ['text', 'colour'],
  ],
  LOG_FILE: anyText('', 'logs/server.log'),
  LOG_FILE_BYTES: [
    10 * 1024 ** 2,
    [
      ['0', 0],
      ['268435456', 2 ** 28],
    ],
    [...NO_NUMBERS, '268435457', '10 MiB'],
  ],
  LOG_FILES: [
    5,
    [
      ['1', 1],
      ['1000', 1_000],
    ],
    [...NO_NUMBERS, '0', '1001'],
  ],
  QUESTIONS_PER_MINUTE: limit(10),
  COMMANDS_PER_MINUTE: limit(120),
  FRAMES_PER_SECOND: limit(50),
  WRONG_CODES_PER_USER: limit(5),
  WRONG_CODES_PER_ADDRESS: limit(10),
  WRONG_CODES_TOTAL: limit(100),
  REFUSALS_PER_ADDRESS: limit(20),
  INVITES_LIVE: limit(3),
  INVITES_PER_HOUR: limit(10),
  CLIENTS_PER_ADDRESS: limit(1_000),
  CONNECTIONS_PER_USER: limit(50),
  INVITE_MINUTES: [
    30,
    [
      ['1', 1],
      ['1440', 1_440],
    ],
    [...NO_NUMBERS, '0', '1441'],
  ],
  KEYS_PER_ADDRESS: limit(100),
  CLIENTS_PER_USER: limit(32),
  MAILBOX_MESSAGES: limit(1_000),
  MAILBOX_BYTES: [
    4 * 1024 ** 2,
    [
      ['0', 0],
      ['1099511627776', 2 ** 40],
    ],
    [...NO_NUMBERS, '1099511627777'],
  ],
  MAILBOX_DAYS: limit(30),
  MAILBOX_TOTAL_BYTES: [2 * 1024 ** 3, [['0', 0]], NO_NUMBERS],
  REGISTRATION: [
    'open',
    [
      ['open', 'open'],
      ['Invited', 'invited'],
    ],
    ['closed', 'on'],
  ],
  OFFLINE_DELIVERY: [
    'on',
    [
      ['on', 'on'],
      ['off', 'off'],
    ],
    ['no', '0'],
  ],
  IDLE_MINUTES: limit(30),
  BACKPRESSURE_BYTES: [
    1_048_576,
    [
      ['65536', 65_536],
      ['1073741824', 1_073_741_824],
    ],
    [...NO_NUMBERS, '0', '65535', '1073741825'],
  ],
  TLS_CERT: anyText('', 'cert.pem'),
  TLS_KEY: anyText('', 'key.pem'),
  TLS_PORT: [
    8_443,
    [
      ['0', 0],
      ['443', 443],
    ],
    [...NO_NUMBERS, '65536'],
  ],
  PLAIN: [
    'on',
    [
      ['on', 'on'],
      ['OFF', 'off'],
    ],
    ['no', 'false', '0'],
  ],
};
const NAMES = Object.keys(SETTINGS) as SettingName[];

/** What a setting must not be without. */
const COMPANIONS: Partial<Record<SettingName, Record<string, string>>> = {
  TLS_CERT: { TLS_KEY: 'key.pem' },
  TLS_KEY: { TLS_CERT: 'cert.pem' },
  PLAIN: { TLS_CERT: 'cert.pem', TLS_KEY: 'key.pem' },
};

test('without an environment every setting has its default', () => {
  const { limits, policy, warnings, ...values } = read({});
  assert.equal(values, Object.fromEntries(NAMES.map((name) => [name, SETTINGS[name][0]])));
  assert.equal(limits, DEFAULT_LIMITS);
  assert.equal(policy, DEFAULT_POLICY);
  assert.equal(warnings, []);
});

test('every setting takes what it should', () => {
  for (const name of NAMES)
    for (const [text, value] of SETTINGS[name][1]) {
      const config = read({ ...COMPANIONS[name], [name]: text });
      assert.equal(config[name], value, `${name}=${text}`);
      assert.equal(config.warnings, []);
    }
});

test('any other value stops the start with a line that names the setting, what it got and what it takes', () => {
  for (const name of NAMES)
    for (const text of SETTINGS[name][2]) {
      const line = refusal({ ...COMPANIONS[name], [name]: text });
      assert.ok(line.startsWith(`${name} is ${JSON.stringify(text)}: it takes `), line);
      assert.match(line, /takes \S.{3,}\.$/);
    }
  assert.is(refusal({ PORT: '65536' }), 'PORT is "65536": it takes a whole number from 0 to 65535.');
  assert.is(refusal({ PLAIN: 'line\nbreak' }), 'PLAIN is "line\\nbreak": it takes on or off.');
});

test('a number is one of decimal digits between its bounds, and nothing else is', () => {
  fc.assert(
    fc.property(fc.oneof(fc.integer({ min: 0, max: 70_000 }).map(String), fc.string({ maxLength: 6 })), (text) => {
      const trimmed = text.trim();
      if (trimmed === '') assert.is(read({ PORT: text }).PORT, 8082);
      else if (/^[0-9]+$/.test(trimmed) && Number(trimmed) <= 65_535)
        assert.is(read({ PORT: text }).PORT, Number(trimmed));
      else assert.match(refusal({ PORT: text }), /^PORT is /);
    }),
    { numRuns: 500 },
  );
});

test('a variable that is empty is one that is unset', () => {
  for (const name of NAMES)
    for (const text of ['', '  ']) assert.equal(read({ [name]: text })[name], SETTINGS[name][0], name);
});

test('each limit reaches the exchange', () => {
  const numbers = NAMES.filter((name) => typeof SETTINGS[name][0] === 'number');
  const environment = Object.fromEntries(numbers.map((name, n) => [name, String(n + 5)]));
  const { limits } = read({ ...environment, BACKPRESSURE_BYTES: '65536' });
  for (const key of Object.keys(DEFAULT_LIMITS) as (keyof Limits)[]) {
    const name = key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    assert.is(limits[key], Number(environment[name]), name);
  }
});

test('on a terminal the log is readable, unless it is told otherwise', () => {
  assert.is(read({}, true).LOG_FORMAT, 'pretty');
  assert.is(read({ LOG_FORMAT: '' }, true).LOG_FORMAT, 'pretty');
  assert.is(read({ LOG_FORMAT: 'json' }, true).LOG_FORMAT, 'json');
  // A file is not a terminal, whatever else the exchange was started from.
  assert.is(read({ LOG_FILE: 'server.log' }, true).LOG_FORMAT, 'json');
  assert.is(read({ LOG_FILE: 'server.log', LOG_FORMAT: 'pretty' }, true).LOG_FORMAT, 'pretty');
});

test('settings that go together are refused alone', () => {
  for (const lone of [{ TLS_CERT: 'cert.pem' }, { TLS_KEY: 'key.pem' }])
    assert.match(refusal(lone), /^TLS_CERT and TLS_KEY go together/);
  assert.match(refusal({ PLAIN: 'off' }), /^PLAIN is "off" and there is no TLS_CERT/);
});

test('a password is never shown, whatever is wrong beside it', () => {
  assert.not.match(refusal({ ADMIN_PASSWORD: 'jabberwock', PORT: 'x' }), 'jabberwock');
});

test.run();
