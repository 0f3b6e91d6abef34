/**
 * The tables, as the steps that lead to them. Only the newest step may change, until it is released; after that the way is forward only.
 * A step adds: tables, columns with a default, indexes. It takes nothing away that the release before it names, so that an operator
 * can go back by one release and keep the data.
 */
import { StorageFailed } from '../exchange/ports.ts';

export interface Migration {
  readonly sql: string;
  /** The oldest schema version whose code can work with the file after this step. */
  readonly readableBy: number;
}

/** Tells our files from those of other programs: `mAGI`. */
const APPLICATION_ID = 0x6d414749;

/** Why the contents have a table of their own: see slots.ts. */
export const MIGRATIONS: readonly Migration[] = [
  {
    readableBy: 1,
    sql: `
      CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      INSERT INTO meta (key, value) VALUES ('epoch', 0), ('readable_by', 1);

      CREATE TABLE users (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        username TEXT NOT NULL,
        nickname TEXT NOT NULL,
        public_key TEXT NOT NULL,
        used_at INTEGER NOT NULL,
        friends INTEGER NOT NULL DEFAULT 0
      ) STRICT;
      CREATE INDEX users_alone ON users (used_at) WHERE friends = 0;

      CREATE TABLE connections (
        id TEXT PRIMARY KEY,
        user_a TEXT NOT NULL REFERENCES users (key),
        user_b TEXT NOT NULL REFERENCES users (key),
        made_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX connections_a ON connections (user_a);
      CREATE INDEX connections_b ON connections (user_b);
      CREATE UNIQUE INDEX connections_pair ON connections (min(user_a, user_b), max(user_a, user_b));
      CREATE TRIGGER connection_made AFTER INSERT ON connections BEGIN
        UPDATE users SET friends = friends + 1 WHERE key IN (new.user_a, new.user_b);
      END;
      CREATE TRIGGER connection_ended AFTER DELETE ON connections BEGIN
        UPDATE users SET friends = friends - 1 WHERE key IN (old.user_a, old.user_b);
      END;

      CREATE TABLE invites (
        made INTEGER PRIMARY KEY,
        code TEXT NOT NULL UNIQUE,
        user_key TEXT NOT NULL,
        user_id TEXT NOT NULL,
        expires_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX invites_by_user ON invites (user_key);
      CREATE INDEX invites_by_expiry ON invites (expires_at);

      CREATE TABLE small_slots (
        slot INTEGER PRIMARY KEY,
        content BLOB NOT NULL
      ) STRICT;
      CREATE TABLE large_slots (
        slot INTEGER PRIMARY KEY,
        content BLOB NOT NULL
      ) STRICT;

      CREATE TABLE messages (
        seq INTEGER PRIMARY KEY,
        type TEXT NOT NULL,
        recipient INTEGER NOT NULL,
        sender TEXT NOT NULL,
        username TEXT NOT NULL,
        nickname TEXT NOT NULL,
        id TEXT NOT NULL,
        reply_to TEXT,
        bytes INTEGER NOT NULL,
        taken_at INTEGER NOT NULL,
        slot INTEGER NOT NULL,
        more TEXT,
        length INTEGER NOT NULL
      ) STRICT;

      CREATE TABLE receipts (
        seq INTEGER PRIMARY KEY,
        recipient TEXT NOT NULL REFERENCES users (key),
        friend TEXT NOT NULL,
        id TEXT NOT NULL,
        status TEXT NOT NULL,
        reason TEXT,
        at INTEGER NOT NULL,
        UNIQUE (recipient, friend, id)
      ) STRICT;
      CREATE INDEX receipts_waiting ON receipts (recipient, seq);`,
  },
];

/** What opening needs of a database. */
export interface Database {
  exec(sql: string): unknown;
  pragma(source: string, options: { simple: true }): unknown;
  prepare(sql: string): { pluck(): { get(): unknown } };
}

/** Refuses the file of another program before anything in it is changed. */
export function assertOurs(db: Database, mayBeEmpty: boolean): void {
  const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
  const isOurs = db.pragma('application_id', { simple: true }) === APPLICATION_ID;
  if (!isOurs && !(mayBeEmpty && tables === 0)) throw new StorageFailed('it is the database of another program');
}

/** Brings the tables up to these steps and begins a new epoch, in one transaction. Returns the epoch. After an error the
 * database has to be closed, which undoes what was begun. */
export function begin(db: Database, migrations: readonly Migration[]): number {
  db.exec('BEGIN IMMEDIATE');
  const version = assertReadable(db, migrations.length);
  for (const [index, { sql, readableBy }] of migrations.entries())
    if (index >= version) {
      db.exec(sql);
      db.exec(`UPDATE meta SET value = max(value, ${readableBy}) WHERE key = 'readable_by'`);
      db.exec(`PRAGMA user_version = ${index + 1}`);
    }
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  const epoch = db.prepare(`UPDATE meta SET value = value + 1 WHERE key = 'epoch' RETURNING value`).pluck().get();
  db.exec('COMMIT');
  return Number(epoch);
}

/** Refuses what only a newer release can work with. Returns the file's version; `own`: of this release. */
export function assertReadable(db: Database, own = MIGRATIONS.length): number {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version <= own) return version;
  const readableBy = Number(db.prepare(`SELECT value FROM meta WHERE key = 'readable_by'`).pluck().get());
  if (readableBy > own)
    throw new StorageFailed(
      `a newer release wrote it (schema ${version}, readable by ${readableBy} or later; this release knows ${own}): use that release`,
    );
  return version;
}
