/**
 * The store on disk: one SQLite file beside its write-ahead log. The only file that knows the package, whose native part the build puts
 * inside the bundle.
 *
 * What is on disk, and how long: content lies in the tables while it waits, and `secure_delete` overwrites it when it goes. The log
 * (`-wal`) holds what was written since it was last emptied; it is emptied when nothing was written for a second, at the latest after
 * ten, and when it has grown to 4 MiB. Emptying gives its blocks back to the file system.
 */
import { chownSync, closeSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { StorageFailed } from '../exchange/ports.ts';
import { GroupCommit, Undo } from './group.ts';
import { LogKeeper } from './log.ts';
import type { LocalStore } from './rules.ts';
import { assertOurs, begin, MIGRATIONS, type Migration } from './schema.ts';
import type { Prepare, Value } from './statements.ts';
import { Tables } from './tables.ts';
import { codeOf, reasonOf, transactionsOf } from './transactions.ts';

/** The store's name in the data folder. */
export const STORE_FILE = 'exchange.sqlite';
/** How long to wait for an operator's command that writes. */
const BUSY_MS = 5_000;

export interface SqliteOptions {
  /** Told in one line that the disk or the file can no longer be trusted. Must end the process: no one is answered any more. */
  readonly fatal: (message: string) => void;
  /** Told how long each commit held up the event loop, and how many operations it stored. */
  readonly committed?: (milliseconds: number, operations: number) => void;
  /** False for an operator's command, which may work while an exchange serves from the file. */
  readonly serving?: boolean;
  /** The pages of 4 KiB that the file may have. */
  readonly pagesMax?: number;
  /** The steps that lead to this release's tables. */
  readonly migrations?: readonly Migration[];
}

/**
 * Opens the store, making the file if there is none. One process at a time may serve from it. Throws StorageFailed with one line
 * that an operator understands: an exchange serves from it, a newer release wrote it, it is damaged, it cannot be opened.
 */
export function openSqlite(path: string, options: SqliteOptions): LocalStore {
  const opened: Database.Database[] = [];
  const closeAll = (): void => {
    for (const db of opened.splice(0)) db.close();
  };
  try {
    if (options.serving !== false) opened.push(lock(path));
    const db = openFile(path);
    opened.unshift(db);
    return serve(db, path, options, closeAll);
  } catch (error) {
    closeAll();
    throw new StorageFailed(`the store ${JSON.stringify(path)} cannot be used: ${reasonOf(error)}`, { cause: error });
  }
}

/** Opens a database for reading and writing, or for reading alone; makes the former if there is none. */
export function openFile(path: string, { readonly = false, timeout = BUSY_MS } = {}): Database.Database {
  if (!readonly) makePrivate(path);
  return new Database(path, { timeout, readonly });
}

/**
 * Holds the store at `path` for this process alone, until what is returned is closed. The operating system lets go of it when the
 * process ends, however that comes about.
 */
export function lock(path: string): Database.Database {
  const db = openFile(`${path}.lock`, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    if (codeOf(error) !== 'SQLITE_BUSY') throw error;
    throw new StorageFailed('an exchange serves from it; stop that one, or use another DATA_DIR');
  }
}

function serve(db: Database.Database, path: string, options: SqliteOptions, closeAll: () => void): LocalStore {
  assertOurs(db, true);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('secure_delete = ON');
  // What is undone must not be written to a temporary file first.
  db.pragma('temp_store = MEMORY');
  db.pragma('foreign_keys = ON');
  // An error while the log is emptied has to be seen: SQLite keeps quiet about it when it does this by itself.
  db.pragma('wal_autocheckpoint = 0');
  if (options.pagesMax !== undefined) db.pragma(`max_page_count = ${Math.trunc(options.pagesMax)}`);
  const epoch = begin(db, options.migrations ?? MIGRATIONS);

  const undo = new Undo();
  const prepare: Prepare = <Row>(sql: string) => db.prepare<Value[], Row>(sql);
  const tables = new Tables(prepare, undo);
  const log = new LogKeeper(db, `${path}-wal`, BUSY_MS, (error) => group.die(error));
  const group: GroupCommit = new GroupCommit({
    ...transactionsOf(db, undo, () => tables.recount()),
    committed(milliseconds, operations) {
      options.committed?.(milliseconds, operations);
      log.grew();
    },
    fatal: (error) => options.fatal(`the store ${JSON.stringify(path)} has failed: ${reasonOf(error)}`),
  });
  log.grew();

  return {
    epoch,
    durable: true,
    get totalBytes() {
      return tables.totalBytes;
    },
    addInvite: (invite, now) => {
      const work = () => tables.addInvite(invite, now);
      return invite.durable ? group.write(work) : group.read(work);
    },
    findInvite: (code, now) => group.read(() => tables.findInvite(code, now)),
    redeemInvite: (code, now, connection) => group.write(() => tables.redeemInvite(code, now, connection)),
    removeInvites: (codes) => group.write(() => tables.removeInvites(codes)),
    invitesOf: (userKey, userId, now) => group.read(() => tables.invitesOf(userKey, userId, now)),
    findUser: (key) => group.read(() => tables.findUser(key)),
    bindUser: (user) => group.write(() => tables.bindUser(user)),
    touchUser: (key, nickname, usedAt) => group.write(() => tables.touchUser(key, nickname, usedAt)),
    forgetUser: (key) => group.write(() => tables.forgetUser(key)),
    connectionsOf: (key) => group.read(() => tables.connectionsOf(key)),
    endConnection: (id, leaver, other, nextSeq, now) =>
      group.write(() => tables.endConnection(id, leaver, other, nextSeq, now)),
    waiting: (recipient) => group.read(() => tables.waiting(recipient)),
    putMessages: (messages) => group.write(() => tables.putMessages(messages), messages.length),
    nextMessages: (recipient, afterSeq, count, bytes) =>
      group.read(() => tables.nextMessages(recipient, afterSeq, count, bytes)),
    acknowledge: (recipient, seqs, receipts) =>
      group.write(() => tables.acknowledge(recipient, seqs, receipts), seqs.length + receipts.length),
    putReceipts: (receipts) => group.write(() => tables.putReceipts(receipts)),
    receiptsFor: (recipient) => group.read(() => tables.receiptsFor(recipient)),
    removeReceipts: (recipient, seqs) => group.write(() => tables.removeReceipts(recipient, seqs)),
    expire: (now, unusedBefore, takenBefore, nextSeq) =>
      group.write(() => tables.expire(now, unusedBefore, takenBefore, nextSeq)),
    counts: () => tables.counts(),
    async close() {
      group.stop();
      log.close();
      closeAll();
    },
  };
}

/** Makes an empty file that its owner alone may read. An operator who is root makes it for whom the folder belongs to. */
export function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
    if (process.getuid?.() !== 0) return;
    const { uid, gid } = statSync(dirname(file));
    chownSync(file, uid, gid);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}
