/**
 * The admin panel's side of the server (protocol part 6): the password, tokens for a session, the log as a list and as a feed. A
 * password is compared in constant time, and five wrong ones in 15 minutes from an address lock that address out, tokens excepted.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, OperatorError } from '../config.ts';
import { AttemptBook } from '../exchange/limits.ts';
import { LEVELS, type Level } from '../observe/events.ts';
import type { Log } from '../observe/log.ts';
import { addressKind, isLoopbackHost } from './address.ts';
import type { DataFolder } from './data.ts';
import type { Hosts } from './hosts.ts';
import { json, type Reply, type Request, type Routes, type Stream } from './http.ts';
import { randomText } from './random-text.ts';

/** The published default. Good for a try-out on one's own machine, and for nothing else. */
const TRIAL_PASSWORD = 'magi2024';
const PASSWORD_LENGTH_MIN = 8;
const MADE_LENGTH = 20;
const WRONG_PASSWORDS_MAX = 5;
const LOCK_MS = 15 * 60_000;
const TOKEN_LIFE_MS = 8 * 3_600_000;
const TOKENS_MAX = 1_000;
/** Feeds of the log that may be open at once; each gets every entry. */
const FEEDS_MAX = 100;
/** A feed is written to this often, with what there is: an entry for each message of a busy exchange would be a system call each. */
const FEED_MS = 100;
/** Entries for one such writing; what is more is told as a number, since nobody reads 5,000 lines a second. */
const FEED_ENTRIES_MAX = 500;
const FEED_SILENCE_MS = 15_000;

export interface Password {
  readonly text: string;
  readonly isTrial: boolean;
  /** How the operator learns it: a sentence. `onTerminal` may hold the password itself, `elsewhere` never does. */
  readonly onTerminal: string;
  readonly elsewhere: string;
}

/** The password as the settings have it, or one that is made now and kept. Throws OperatorError. */
export function adminPassword(config: Config, data: DataFolder): Password {
  const { ADMIN_PASSWORD: given, ADMIN_PASSWORD_FILE: file } = config;
  if (given !== '' && file !== '')
    throw new OperatorError('ADMIN_PASSWORD and ADMIN_PASSWORD_FILE are both set: keep one of them.');
  if (given !== '') return check(given, 'ADMIN_PASSWORD', config.HOST);
  if (file !== '') return check(readPasswordFile(file), 'ADMIN_PASSWORD_FILE', config.HOST);
  const text = data.secret('admin-password', () => randomText(MADE_LENGTH));
  const elsewhere =
    data.path === undefined
      ? 'set ADMIN_PASSWORD: DATA_DIR is memory, so the one made for this run was not written down'
      : `the password is in ${join(data.path, 'admin-password')}`;
  return { text, isTrial: false, onTerminal: `the password is ${text}`, elsewhere };
}

function readPasswordFile(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'failed';
    throw new OperatorError(`ADMIN_PASSWORD_FILE is ${JSON.stringify(file)}: it cannot be read (${code}).`);
  }
}

function check(text: string, setting: string, host: string): Password {
  const isTrial = text === TRIAL_PASSWORD;
  if (isTrial && !isLoopbackHost(host))
    throw new OperatorError(
      `${setting} is the published trial password and HOST is ${host}: anybody could log in. Set another password.`,
    );
  if (text.length < PASSWORD_LENGTH_MIN)
    throw new OperatorError(`${setting} is too short: it takes at least ${PASSWORD_LENGTH_MIN} characters.`);
  const where = `the password is the one in ${setting}`;
  return { text, isTrial, onTerminal: where, elsewhere: where };
}

export interface AdminOptions {
  readonly password: Password;
  readonly log: Log;
  readonly hosts: () => Hosts;
  readonly clock: () => number;
}

export class Admin {
  readonly #options: AdminOptions;
  /** Secrets are compared by their hashes, which have one length and tell nothing. */
  readonly #hashKey = randomBytes(32);
  readonly #passwordHash: Buffer;
  /** Hash of each token → when it ends; oldest first. */
  readonly #tokens = new Map<string, number>();
  readonly #wrong = new AttemptBook({ windowMs: LOCK_MS, lockMsMax: LOCK_MS });
  #feeds = 0;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#passwordHash = this.#hash(options.password.text);
  }

  readonly routes: Routes = {
    '/api/admin/verify': { POST: (request) => this.#verify(request) },
    '/api/admin/logs': { GET: (request) => this.#logs(request) },
  };

  /** Undefined when the request carries a token or the password; else the reply that refuses it. */
  refusal(request: Request): Reply | undefined {
    const foreign = this.#foreignOrigin(request);
    if (foreign !== undefined) return foreign;
    const bearer = bearerOf(request);
    if (bearer === undefined) return unauthorized('Send the token or the password as "Authorization: Bearer …".');
    if (this.#tokenEnd(bearer) > this.#options.clock()) return undefined;
    return this.#tryPassword(request, bearer);
  }

  /** In milliseconds since the epoch; 0 for what is no token. */
  #tokenEnd(bearer: string): number {
    return this.#tokens.get(this.#hash(bearer).toString('hex')) ?? 0;
  }

  tick(now: number): void {
    this.#wrong.tick(now);
    for (const [hash, endsAt] of this.#tokens) if (endsAt <= now) this.#tokens.delete(hash);
  }

  #verify(request: Request): Reply {
    const refused = this.#foreignOrigin(request);
    if (refused !== undefined) return refused;
    const password = readPassword(request.body);
    if (password === undefined) return json(400, { success: false, error: 'Send {"password": "…"} as JSON.' });
    const wrong = this.#tryPassword(request, password);
    if (wrong !== undefined) return wrong;
    const { clock, log } = this.#options;
    const now = clock();
    const token = `mgx_${randomBytes(32).toString('base64url')}`;
    const expiresAt = now + TOKEN_LIFE_MS;
    this.#tokens.set(this.#hash(token).toString('hex'), expiresAt);
    if (this.#tokens.size > TOKENS_MAX) this.#forgetOldestToken();
    log.entry('admin_login', now, { address: addressKind(request.address) });
    return json(200, { success: true, token, expiresAt });
  }

  /** 429 while locked out, 401 when wrong, undefined when right. */
  #tryPassword(request: Request, password: string): Reply | undefined {
    const { clock, log } = this.#options;
    const now = clock();
    // A token that has ended, or is from before a restart, is no guess at the password: who holds one has to be told to log in again.
    const isToken = /^mgx_[\w-]{43}$/.test(password) && !this.#isPassword(password);
    if (isToken) return unauthorized('This token has ended. Log in again.');
    const lockedMs = this.#wrong.lockedMs(request.address, WRONG_PASSWORDS_MAX, now);
    if (lockedMs > 0) {
      const seconds = Math.ceil(lockedMs / 1000);
      return json(
        429,
        { success: false, error: `Too many wrong passwords. Try again in ${Math.ceil(seconds / 60)} minutes.` },
        { 'Retry-After': String(seconds) },
      );
    }
    const isRight = this.#isPassword(password);
    if (isRight && !(this.#options.password.isTrial && request.isForwarded)) return undefined;
    const locked = this.#wrong.fail(request.address, WRONG_PASSWORDS_MAX, now);
    log.entry('admin_refused', now, { address: addressKind(request.address), locked });
    return unauthorized(
      isRight ? 'The trial password does not work through a proxy. Set ADMIN_PASSWORD.' : 'Wrong password.',
    );
  }

  #logs(request: Request): Reply | Stream {
    const refused = this.refusal(request);
    if (refused !== undefined) return refused;
    const level = (request.query.get('level') || 'debug').toLowerCase() as Level;
    if (!LEVELS.includes(level)) return json(400, { error: `"level" takes ${LEVELS.join(', ')}.` });
    const since = Number(request.query.get('since') ?? 0);
    if (!Number.isFinite(since)) return json(400, { error: '"since" takes milliseconds since the epoch.' });
    if (request.accept.includes('text/event-stream')) {
      const bearer = bearerOf(request) ?? '';
      return this.#feed(since, level, this.#tokenEnd(bearer) || Number.POSITIVE_INFINITY);
    }
    const { log, clock } = this.#options;
    const body = `{"logs":[${log.recent(since, level).join(',')}],"now":${clock()}}`;
    return { status: 200, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body };
  }

  /** The kept entries at once, then each as it happens, as server-sent events, until the token ends by which it was asked for. */
  #feed(since: number, level: Level, until: number): Reply | Stream {
    if (this.#feeds >= FEEDS_MAX) return json(503, { error: 'Too many log feeds are open. Close one of them.' });
    const { log, clock } = this.#options;
    const rankMin = LEVELS.indexOf(level);
    return {
      headers: { 'Content-Type': 'text/event-stream; charset=utf-8' },
      open: (write, close) => {
        this.#feeds++;
        let waiting: string[] = [];
        let skipped = 0;
        let silentBeats = 0;
        const unfollow = log.follow((line, lineLevel) => {
          if (LEVELS.indexOf(lineLevel) < rankMin) return;
          if (waiting.length < FEED_ENTRIES_MAX) waiting.push(line);
          else skipped++;
        });
        const beat = () => {
          if (clock() >= until) {
            close();
            end();
            return;
          }
          silentBeats = waiting.length > 0 ? 0 : silentBeats + 1;
          let text = waiting.map((line) => `data: ${line}\n\n`).join('');
          if (skipped > 0) text += `event: skipped\ndata: ${skipped}\n\n`;
          // A comment now and then comes through proxies that cut silent connections, and finds readers that have gone.
          if (silentBeats * FEED_MS >= FEED_SILENCE_MS) text = ': still here\n\n';
          if (text === '') return;
          [waiting, skipped, silentBeats] = [[], 0, 0];
          if (!write(text)) end();
        };
        const timer = setInterval(beat, FEED_MS);
        let isOpen = true;
        const end = () => {
          if (!isOpen) return;
          isOpen = false;
          this.#feeds--;
          unfollow();
          clearInterval(timer);
        };
        write(
          `: the log\n\n${log
            .recent(since, level)
            .map((line) => `data: ${line}\n\n`)
            .join('')}`,
        );
        return end;
      },
    };
  }

  #foreignOrigin({ origin, host }: Request): Reply | undefined {
    if (this.#options.hosts().allowsOrigin(origin, host)) return undefined;
    return json(403, { success: false, error: 'This Origin is not allowed. See ALLOWED_ORIGINS.' });
  }

  #isPassword(text: string): boolean {
    return timingSafeEqual(this.#hash(text), this.#passwordHash);
  }

  #hash(secret: string): Buffer {
    return createHmac('sha256', this.#hashKey).update(secret).digest();
  }

  #forgetOldestToken(): void {
    for (const hash of this.#tokens.keys()) {
      this.#tokens.delete(hash);
      return;
    }
  }
}

function bearerOf({ authorization }: Request): string | undefined {
  return /^Bearer +(.+)$/i.exec(authorization)?.[1];
}

function unauthorized(error: string): Reply {
  return json(401, { success: false, error }, { 'WWW-Authenticate': 'Bearer' });
}

function readPassword(body: string): string | undefined {
  try {
    const value: unknown = JSON.parse(body);
    const password = typeof value === 'object' && value !== null && 'password' in value ? value.password : undefined;
    return typeof password === 'string' ? password : undefined;
  } catch {
    return undefined;
  }
}
