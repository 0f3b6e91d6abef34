/**
 * Where the exchange is and who the user is: from what a program says, else the environment, else `config.json` in the user's folder.
 * The published clients' variables are read when ours are not set.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readNickname, readUsername } from '../protocol/names.ts';
import { MagiError } from './errors.ts';

export interface Settings {
  /** `ws://` or `wss://`. */
  readonly server: string;
  readonly username: string;
  readonly nickname: string | undefined;
  /** The folder with the key and everything that is kept. */
  readonly home: string;
}

/** Each may be left out, and is then looked for in the environment and in `config.json`. */
export interface Given {
  /** `wss://host`, `ws://host`, `https://host`, `http://host`, or a host with or without a port. */
  readonly server?: string | undefined;
  readonly username?: string | undefined;
  readonly nickname?: string | undefined;
  /** Default: MAGI_HOME, else `~/.magi`. */
  readonly home?: string | undefined;
  /** Plain `ws://` to another machine is meant. */
  readonly insecure?: boolean | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** The folder that is meant, which need not be there. */
export function homeOf(given: Given, env: Environment): string {
  return given.home ?? filled(env.MAGI_HOME) ?? join(homedir(), '.magi');
}

/** Throws MagiError `bad_settings` or `insecure` with one line that says what to do. */
export function readSettings(given: Given, env: Environment): Settings {
  const home = homeOf(given, env);
  const file = readFile(join(home, 'config.json'));
  const one = (name: 'server' | 'username' | 'nickname', ours: string, published: string) =>
    given[name] ?? filled(env[ours]) ?? file[name] ?? filled(env[published]);
  const server = one('server', 'MAGI_SERVER', 'BRAINXCHANGE_SERVER');
  const username = one('username', 'MAGI_USERNAME', 'BRAINXCHANGE_EMAIL');
  const nickname = one('nickname', 'MAGI_NICKNAME', 'BRAINXCHANGE_NAME');
  const missing = [server === undefined ? 'MAGI_SERVER' : '', username === undefined ? 'MAGI_USERNAME' : ''];
  if (server === undefined || username === undefined)
    throw bad(
      `${missing.filter((name) => name !== '').join(' and ')} not set: say where the exchange is and who you are, for example MAGI_SERVER=https://magi.example.org MAGI_USERNAME=ada, or {"server":…,"username":…} in ${join(home, 'config.json')}.`,
    );
  if (readUsername(username) === undefined)
    throw bad(
      'MAGI_USERNAME takes 1 to 128 characters without control or invisible ones and without a space at either end.',
    );
  if (nickname !== undefined && readNickname(nickname) === undefined)
    throw bad(
      'MAGI_NICKNAME takes 1 to 64 characters without control or invisible ones and without a space at either end.',
    );
  const insecure = given.insecure ?? readSwitch(env.MAGI_INSECURE) ?? file.insecure === true;
  return { server: readServer(server, insecure), username, nickname, home };
}

function readServer(text: string, insecure: boolean): string {
  const scheme = /^([a-z]+):\/\//i.exec(text)?.[1]?.toLowerCase();
  const names: Record<string, string> = { http: 'ws:', ws: 'ws:', https: 'wss:', wss: 'wss:' };
  const isOwnMachine = scheme === undefined && LOOPBACK.test(URL.parse(`ws://${text}`)?.hostname ?? '');
  const protocol = scheme === undefined ? (isOwnMachine ? 'ws:' : 'wss:') : names[scheme];
  const url = URL.parse(scheme === undefined ? `${protocol}//${text}` : text);
  if (url === null || protocol === undefined || url.hostname === '' || url.username !== '' || url.password !== '')
    throw bad(
      'MAGI_SERVER takes a host with or without a port, or a URL that begins with wss://, ws://, https:// or http://.',
    );
  if (protocol === 'ws:' && !LOOPBACK.test(url.hostname) && !insecure)
    throw new MagiError(
      'insecure',
      `${url.host} would be spoken to in the clear: use wss://, or say insecure (MAGI_INSECURE=1) if the network between is yours.`,
    );
  return `${protocol}//${url.host}${url.pathname}${url.search}`;
}

interface Config {
  readonly server?: string;
  readonly username?: string;
  readonly nickname?: string;
  readonly insecure?: boolean;
}

function readFile(path: string): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    throw bad(`${path} cannot be read: ${code}.`);
  }
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    config = undefined;
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw bad(`${path} is not a JSON object such as {"server":"https://magi.example.org","username":"ada"}.`);
  for (const [name, kind] of Object.entries({
    server: 'string',
    username: 'string',
    nickname: 'string',
    insecure: 'boolean',
  })) {
    const value = (config as Record<string, unknown>)[name];
    if (value !== undefined && typeof value !== kind) throw bad(`${path}: ${name} takes a ${kind}.`);
  }
  return config;
}

/** `undefined`: not set. */
function readSwitch(value: string | undefined): boolean | undefined {
  if (filled(value) === undefined) return undefined;
  if (value === '1' || value === 'true') return true;
  if (value === '0' || value === 'false') return false;
  throw bad('MAGI_INSECURE takes 1 or 0: whether plain ws:// to another machine is meant.');
}

/** An empty variable is one that is not set. */
function filled(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

function bad(message: string): MagiError {
  return new MagiError('bad_settings', message);
}
