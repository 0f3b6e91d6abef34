/**
 * Every setting in one table: its environment variable, its default, what it takes, what it is for. The only reader of the
 * environment and of `.env`. A bad value stops the start with one line that names the setting, what it got and what it takes.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseEnv } from 'node:util';
import { DEFAULT_LIMITS, type Limits, type Policy } from './exchange/limits.ts';

/** An operator's mistake. The message is one line; the program ends with `exitCode`. */
export class OperatorError extends Error {
  /** 78 is EX_CONFIG of sysexits.h: a service manager should not try again. */
  readonly exitCode: number;
  constructor(message: string, exitCode = 78) {
    super(message);
    this.exitCode = exitCode;
  }
}

interface Setting<T> {
  readonly fallback: T;
  readonly takes: string;
  readonly meaning: string;
  /** Undefined when the text is not what the setting takes. */
  readonly read: (text: string) => T | undefined;
}

function whole(fallback: number, min: number, max: number, meaning: string): Setting<number> {
  return {
    fallback,
    takes: `a whole number from ${min} to ${max}`,
    meaning,
    read: (text) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

const limit = (fallback: number, meaning: string) => whole(fallback, 0, 1_000_000_000, `${meaning}; 0: no bound`);

function oneOf<const T extends string>(values: readonly T[], fallback: T, meaning: string): Setting<T> {
  return {
    fallback,
    takes: values.join(' or '),
    meaning,
    read: (text) => values.find((value) => value === text.toLowerCase()),
  };
}

function text(fallback: string, takes: string, meaning: string): Setting<string> {
  return { fallback, takes, meaning, read: (value) => (value === '' ? undefined : value) };
}

function list(takes: string, meaning: string, entry: RegExp): Setting<readonly string[]> {
  return {
    fallback: [],
    takes,
    meaning,
    read: (value) => {
      const entries = value.split(',').map((part) => part.trim().toLowerCase());
      return entries.every((part) => entry.test(part)) ? entries : undefined;
    },
  };
}

const HOST_ENTRY = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/;
const ORIGIN_ENTRY = /^[a-z][a-z0-9+.-]*:\/\/(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/;

const SETTINGS = {
  HOST: {
    ...text('127.0.0.1', 'an IP address, or localhost', 'the address to listen on'),
    read: (value: string) => (isIP(value) !== 0 || value.toLowerCase() === 'localhost' ? value : undefined),
  },
  PORT: whole(8082, 0, 65_535, 'the port to listen on; 0: any free one'),
  DATA_DIR: text('./data', 'a folder, or memory', 'where what must survive is kept; memory keeps nothing'),
  ADMIN_PASSWORD: text(
    '',
    'at least 8 characters',
    'the password of the admin panel; unset: one is made and kept in DATA_DIR',
  ),
  ADMIN_PASSWORD_FILE: text('', 'a file', 'the file that holds the password of the admin panel'),
  PUBLIC_HOSTS: list(
    'names with ports, separated by commas',
    'the hosts by which this exchange is reached',
    HOST_ENTRY,
  ),
  ALLOWED_ORIGINS: list(
    'origins such as https://example.org, separated by commas',
    'web origins that may open a WebSocket',
    ORIGIN_ENTRY,
  ),
  TRUST_PROXY: whole(
    0,
    0,
    16,
    'how many proxies stand in front: the address is that many entries from the right of X-Forwarded-For',
  ),
  LOG_LEVEL: oneOf(['debug', 'info', 'warn', 'error', 'silent'], 'info', 'the least important entries that are logged'),
  LOG_FORMAT: oneOf(['json', 'pretty'], 'json', 'json lines, or readable ones (the default on a terminal)'),
  LOG_FILE: text('', 'a file', 'the file to which the log goes instead of standard output'),
  LOG_FILE_BYTES: whole(
    10_485_760,
    0,
    // To copy it takes a second, in which nothing else happens.
    2 ** 28,
    'bytes after which LOG_FILE is rotated; 0: never',
  ),
  LOG_FILES: whole(5, 1, 1_000, 'log files that are kept: LOG_FILE, and the older LOG_FILE.1 and so on'),
  QUESTIONS_PER_MINUTE: limit(DEFAULT_LIMITS.questionsPerMinute, 'questions a minute for a user'),
  COMMANDS_PER_MINUTE: limit(DEFAULT_LIMITS.commandsPerMinute, 'other commands a minute for a client'),
  FRAMES_PER_SECOND: limit(DEFAULT_LIMITS.framesPerSecond, 'frames a second for a client, ten times as many at once'),
  WRONG_CODES_PER_USER: limit(
    DEFAULT_LIMITS.wrongCodesPerUser,
    "wrong codes in 30 minutes for a keyed user or a guest's client",
  ),
  WRONG_CODES_PER_ADDRESS: limit(DEFAULT_LIMITS.wrongCodesPerAddress, 'wrong codes in 30 minutes for an address'),
  WRONG_CODES_TOTAL: limit(
    DEFAULT_LIMITS.wrongCodesTotal,
    'wrong codes in 30 minutes all together, after which an address is allowed 2',
  ),
  REFUSALS_PER_ADDRESS: limit(DEFAULT_LIMITS.refusalsPerAddress, 'refused identifies in 30 minutes for an address'),
  INVITES_LIVE: limit(DEFAULT_LIMITS.invitesLive, 'live codes of a user; one more retires the oldest'),
  INVITES_PER_HOUR: limit(DEFAULT_LIMITS.invitesPerHour, 'codes made in an hour by a user'),
  CLIENTS_PER_ADDRESS: limit(DEFAULT_LIMITS.clientsPerAddress, 'clients of an address'),
  CONNECTIONS_PER_USER: limit(DEFAULT_LIMITS.connectionsPerUser, 'connections of a user'),
  INVITE_MINUTES: whole(DEFAULT_LIMITS.inviteMinutes, 1, 1_440, 'the life of a code, in minutes'),
  KEYS_PER_ADDRESS: limit(DEFAULT_LIMITS.keysPerAddress, 'usernames bound to a key in a day from an address'),
  CLIENTS_PER_USER: limit(DEFAULT_LIMITS.clientsPerUser, 'clients of a keyed user; one more closes the longest silent'),
  MAILBOX_MESSAGES: limit(DEFAULT_LIMITS.mailboxMessages, 'messages in a mailbox; one sender may take a quarter'),
  MAILBOX_BYTES: whole(
    DEFAULT_LIMITS.mailboxBytes,
    0,
    2 ** 40,
    'bytes in a mailbox; one sender may take a quarter; 0: no bound',
  ),
  MAILBOX_DAYS: limit(DEFAULT_LIMITS.mailboxDays, 'days that a message waits in a mailbox'),
  MAILBOX_TOTAL_BYTES: whole(
    DEFAULT_LIMITS.mailboxTotalBytes,
    0,
    2 ** 50,
    'bytes that all mailboxes together take on disk; 0: no bound',
  ),
  REGISTRATION: oneOf(
    ['open', 'invited'],
    'open',
    'who may bind a new username to a key: anybody, or only who comes with a valid code',
  ),
  OFFLINE_DELIVERY: oneOf(
    ['on', 'off'],
    'on',
    'whether messages are kept for users who are away; off with DATA_DIR=memory',
  ),
  IDLE_MINUTES: limit(DEFAULT_LIMITS.idleMinutes, 'minutes without a message after which a guest connection ends'),
  BACKPRESSURE_BYTES: whole(
    1_048_576,
    65_536,
    1_073_741_824,
    'bytes that may wait to be sent to one client, which is then closed',
  ),
  TLS_CERT: text('', 'a PEM file', 'the certificate; with TLS_KEY, TLS is served on TLS_PORT'),
  TLS_KEY: text('', 'a PEM file', 'the key of the certificate'),
  TLS_PORT: whole(8443, 0, 65_535, 'the port for TLS; 0: any free one'),
  PLAIN: oneOf(['on', 'off'], 'on', 'whether PORT is served without TLS when there is a certificate'),
} as const;

export type SettingName = keyof typeof SETTINGS;
type ValueOf<N extends SettingName> = (typeof SETTINGS)[N] extends Setting<infer T> ? T : never;
type Values = { readonly [N in SettingName]: ValueOf<N> };

/** Settings of the protocol that this version does not have yet. Ignoring one in silence would let the operator believe in it. */
const NOT_YET = new Set(['NATS_URL']);

export interface Config extends Values {
  readonly limits: Readonly<Limits>;
  readonly policy: Policy;
  /** Sentences about names that look like a setting and are not one. */
  readonly warnings: readonly string[];
}

/** Settings from the environment, over those of `.env` in the current folder. Throws OperatorError. */
export function readConfig(environment: NodeJS.ProcessEnv, isTerminal: boolean): Config {
  const file = readDotEnv();
  // An empty variable is an unset one, as in most shells' habits.
  const given = {
    ...file,
    ...Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim() !== '')),
  };
  const read: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS) as [SettingName, Setting<unknown>][]) {
    const value = given[name]?.trim() ?? '';
    const isSecret = name === 'ADMIN_PASSWORD';
    read[name] = value === '' ? setting.fallback : setting.read(isSecret ? (given[name] ?? '') : value);
    if (read[name] === undefined)
      throw new OperatorError(`${name} is ${JSON.stringify(value)}: it takes ${setting.takes}.`);
  }
  const toTerminal = isTerminal && read.LOG_FILE === '';
  if (toTerminal && (given.LOG_FORMAT?.trim() ?? '') === '') read.LOG_FORMAT = 'pretty';
  const values = read as Values;
  if ((values.TLS_CERT === '') !== (values.TLS_KEY === ''))
    throw new OperatorError('TLS_CERT and TLS_KEY go together: set both, or neither.');
  if (values.PLAIN === 'off' && values.TLS_CERT === '')
    throw new OperatorError(
      'PLAIN is "off" and there is no TLS_CERT: nothing would be served. Set TLS_CERT and TLS_KEY.',
    );
  return {
    ...values,
    limits: limitsOf(values),
    policy: { registration: values.REGISTRATION, offlineDelivery: values.OFFLINE_DELIVERY === 'on' },
    warnings: warnings(Object.keys(file), Object.keys(environment), given),
  };
}

function limitsOf(values: Values): Limits {
  return {
    questionsPerMinute: values.QUESTIONS_PER_MINUTE,
    commandsPerMinute: values.COMMANDS_PER_MINUTE,
    framesPerSecond: values.FRAMES_PER_SECOND,
    wrongCodesPerUser: values.WRONG_CODES_PER_USER,
    wrongCodesPerAddress: values.WRONG_CODES_PER_ADDRESS,
    wrongCodesTotal: values.WRONG_CODES_TOTAL,
    refusalsPerAddress: values.REFUSALS_PER_ADDRESS,
    invitesLive: values.INVITES_LIVE,
    invitesPerHour: values.INVITES_PER_HOUR,
    clientsPerAddress: values.CLIENTS_PER_ADDRESS,
    connectionsPerUser: values.CONNECTIONS_PER_USER,
    inviteMinutes: values.INVITE_MINUTES,
    idleMinutes: values.IDLE_MINUTES,
    keysPerAddress: values.KEYS_PER_ADDRESS,
    clientsPerUser: values.CLIENTS_PER_USER,
    mailboxMessages: values.MAILBOX_MESSAGES,
    mailboxBytes: values.MAILBOX_BYTES,
    mailboxDays: values.MAILBOX_DAYS,
    mailboxTotalBytes: values.MAILBOX_TOTAL_BYTES,
  };
}

/** The lines of `.env` in the current folder; none where there is no such file. Throws OperatorError. */
export function readDotEnv(): Record<string, string> {
  try {
    // Some editors begin a file with a byte-order mark, which would become part of the first name.
    return parseEnv(readFileSync('.env', 'utf8').replace(/^\uFEFF/, '')) as Record<string, string>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new OperatorError(
      `.env cannot be read (${(error as NodeJS.ErrnoException).code}): make it readable or remove it.`,
    );
  }
}

function warnings(inFile: string[], inEnvironment: string[], given: Record<string, string | undefined>): string[] {
  const ours = Object.keys(SETTINGS);
  const sentences: string[] = [];
  for (const name of new Set([...inFile, ...inEnvironment])) {
    if (NOT_YET.has(name) && (given[name] ?? '') !== '')
      sentences.push(`${name} is set, but this version does not have it yet: it changes nothing.`);
    if (ours.includes(name) || NOT_YET.has(name)) continue;
    // The environment is full of other programs' short names; in our own file a near miss is ours.
    const near = ours.find(
      (own) => (inFile.includes(name) || own.length >= 9) && distance(name.toUpperCase(), own) <= 2,
    );
    if (near !== undefined) sentences.push(`${name} is not a setting: did you mean ${near}? It changes nothing.`);
  }
  return sentences;
}

/** Levenshtein distance. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

/** The table for `--help`: one line a setting. */
export function settingsHelp(): string {
  const lines = Object.entries(SETTINGS).map(([name, { fallback, meaning }]) => {
    const shown = Array.isArray(fallback) ? fallback.join(',') : String(fallback);
    return `  ${name.padEnd(24)} ${meaning}${shown === '' ? '' : ` (${shown})`}`;
  });
  return lines.join('\n');
}
