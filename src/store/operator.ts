/** What an operator does with the store's file: looks into it and copies it while an exchange serves, puts a copy back while none does. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { StorageFailed } from '../exchange/ports.ts';
import { NOBODYS_KEY } from './rules.ts';
import { assertOurs, assertReadable } from './schema.ts';
import { lock, makePrivate, openFile } from './sqlite.ts';
import { codeOf, reasonOf } from './transactions.ts';

/** How many runs a store may have had that is too damaged to tell: deliveries of none of them may get the same number again. */
const EPOCHS_UNKNOWN = 10_000;

type File = ReturnType<typeof openFile>;

export interface UserRow {
  readonly key: string;
  readonly username: string;
  readonly nickname: string;
  readonly usedAt: number;
  readonly connections: number;
  readonly isBanned: boolean;
}

interface MailboxRow {
  readonly username: string;
  readonly messages: number;
  readonly bytes: number;
  readonly oldestAt: number;
}

const USERS = `SELECT key, username, nickname, used_at AS usedAt, friends AS connections, public_key = '${NOBODYS_KEY}' AS banned
  FROM users`;

/** Reads the store at `path` as it was last committed. Throws StorageFailed with one line. */
export function lookInto<T>(path: string, look: (file: StoreFile) => T): T {
  return attempt(`the store ${JSON.stringify(path)} cannot be read`, () => {
    const db = openFile(path, { readonly: true });
    try {
      assertOurs(db, false);
      assertReadable(db);
      return look(new StoreFile(db));
    } finally {
      db.close();
    }
  });
}

class StoreFile {
  readonly #db: File;

  constructor(db: File) {
    this.#db = db;
  }

  users(): UserRow[] {
    return this.#users(`${USERS} ORDER BY key`);
  }

  user(key: string): UserRow | undefined {
    return this.#users(`${USERS} WHERE key = ?`, key)[0];
  }

  /** Those with the most bytes first. */
  mailboxes(): MailboxRow[] {
    return this.#db
      .prepare<[], MailboxRow>(`
        SELECT users.username, count(*) AS messages, sum(bytes) AS bytes, min(taken_at) AS oldestAt
        FROM messages JOIN users ON number = recipient GROUP BY recipient ORDER BY sum(bytes) DESC, key`)
      .all();
  }

  copyTo(file: string): void {
    copy(this.#db, file);
  }

  #users(sql: string, ...keys: string[]): UserRow[] {
    const rows = this.#db.prepare<string[], Omit<UserRow, 'isBanned'> & { banned: number }>(sql).all(...keys);
    return rows.map(({ banned, ...row }) => ({ ...row, isBanned: banned === 1 }));
  }
}

/** Copies the store at `path`, as it is at this moment, to a file that is not there yet. Nothing in it is left of what was deleted. */
export function saveCopy(path: string, to: string): void {
  attempt(`${JSON.stringify(to)} cannot be written`, () => closeSync(openSync(to, 'wx', 0o600)));
  try {
    lookInto(path, (file) => file.copyTo(to));
  } catch (error) {
    rmSync(to, { force: true });
    throw error;
  }
}

/**
 * Puts the copy `from` in the place of the store at `path`, if it is one of ours and sound, and no exchange serves. Whenever it is cut
 * short, there is the one or the other. Deliveries get numbers that neither has used. Throws StorageFailed with one line.
 */
export function restore(path: string, from: string): void {
  const held = attempt(`the store ${JSON.stringify(path)} cannot be replaced`, () => lock(path));
  const draft = `${path}.restoring`;
  try {
    rmSync(draft, { force: true });
    attempt(`${JSON.stringify(from)} cannot be restored`, () => copySound(from, draft));
    attempt(`the store ${JSON.stringify(path)} cannot be replaced`, () => {
      raiseEpoch(draft, finish(path));
      synchronize(draft);
      // The log of the old one, empty by now, must not be read into the new one.
      for (const log of [`${path}-wal`, `${path}-shm`]) rmSync(log, { force: true });
      renameSync(draft, path);
      synchronize(dirname(path));
    });
  } finally {
    rmSync(draft, { force: true });
    held.close();
  }
}

function copySound(from: string, to: string): void {
  if (!existsSync(from)) throw new StorageFailed('there is no such file');
  const db = openFile(from, { readonly: true });
  try {
    assertOurs(db, false);
    assertReadable(db);
    const [first] = db.pragma('integrity_check(1)', { simple: false }) as { integrity_check: string }[];
    const strays = db.pragma('foreign_key_check') as unknown[];
    if (first?.integrity_check !== 'ok' || strays.length > 0) throw new StorageFailed('it is damaged');
    makePrivate(to);
    copy(db, to);
  } finally {
    db.close();
  }
}

/** One reading transaction, whatever others write meanwhile. */
function copy(db: File, to: string): void {
  db.prepare('VACUUM INTO ?').run(to);
  synchronize(to);
}

function raiseEpoch(file: string, other: number | undefined): void {
  const db = openFile(file);
  try {
    const own = readEpoch(db);
    const epoch = other === undefined ? own + EPOCHS_UNKNOWN : Math.max(own, other) + 1;
    db.prepare(`UPDATE meta SET value = ? WHERE key = 'epoch'`).run(epoch);
  } finally {
    db.close();
  }
}

/** Empties the log of the store that is replaced. Returns its epoch, undefined when it is too damaged to tell. */
function finish(path: string): number | undefined {
  if (!existsSync(path)) return 0;
  try {
    const db = openFile(path);
    try {
      const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
      if (result?.busy === 1) throw new StorageFailed('another command reads it; try again');
      return readEpoch(db);
    } finally {
      db.close();
    }
  } catch (error) {
    if (/^SQLITE_(CORRUPT|NOTADB|ERROR)/.test(codeOf(error))) return undefined;
    throw error;
  }
}

function readEpoch(db: File): number {
  return Number(db.prepare(`SELECT value FROM meta WHERE key = 'epoch'`).pluck().get());
}

/** Waits until a file, or what a folder lists, is on the disk. */
function synchronize(path: string): void {
  // Windows has no such thing for folders.
  if (process.platform === 'win32') return;
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = codeOf(error);
    const isDamaged = /^SQLITE_(CORRUPT|NOTADB)/.test(code);
    const reason = isDamaged ? `it is damaged (${code})` : code === 'EEXIST' ? 'it is there already' : reasonOf(error);
    throw new StorageFailed(`${what}: ${reason}`, { cause: error });
  }
}
