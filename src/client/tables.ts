/** The tables of a user's file, and how an older file becomes a newer one. */
import type { DatabaseSync } from 'node:sqlite';

/**
 * Each entry brings a file from the version that is its index to the next. Columns are only ever added, so that the release before can
 * still read the file.
 *
 * friends: `name` and `friend` are usernames as they are compared. `local_name`: the nickname of the day on which the two connected; it
 * addresses, a later nickname does not. `is_changed`: another key than `public_key` was seen, `offered_key`. `owner_at`: when the owner
 * last had a hand in what goes to this friend. `paused_at`: since when assistants may not write to them without the owner; 0: they may.
 * inbox: `news` is empty for questions and answers, which share one space of ids, and the status of a receipt, each told once.
 * `woken_at`, `woken_until`: when it first woke somebody, and until when it wakes nobody again; `woken_by`: the process that is waking
 * its assistant just now, whose end is the end of that.
 * sent: `owner` is the process that sends it; another one does when that is gone. `waits_until`, `waits_by`: which process waits for the answer,
 * and until when it may be taken for alive.
 * hooks: the process that waits for each session of an assistant; the one before it ends.
 * wakes: words by which it is tried whether an assistant can be woken, see wakes.ts.
 */
const MIGRATIONS = [
  `CREATE TABLE friends (
    name TEXT PRIMARY KEY,
    username TEXT NOT NULL,
    local_name TEXT NOT NULL,
    nickname TEXT NOT NULL,
    public_key TEXT,
    offered_key TEXT,
    is_changed INTEGER NOT NULL DEFAULT 0,
    policy TEXT NOT NULL DEFAULT 'hold',
    connection_id TEXT,
    is_durable INTEGER NOT NULL DEFAULT 0,
    met_at INTEGER NOT NULL,
    owner_at INTEGER NOT NULL DEFAULT 0,
    paused_at INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    friend TEXT NOT NULL,
    username TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    news TEXT NOT NULL,
    reply_to TEXT,
    content TEXT NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    claimed_by TEXT,
    claimed_until INTEGER NOT NULL DEFAULT 0,
    woken_at INTEGER NOT NULL DEFAULT 0,
    woken_until INTEGER NOT NULL DEFAULT 0,
    woken_by TEXT
  ) STRICT;
  CREATE UNIQUE INDEX inbox_message ON inbox (friend, id, news);
  CREATE INDEX inbox_state ON inbox (state, number) WHERE state IN ('open', 'unread');
  CREATE INDEX inbox_reply ON inbox (reply_to) WHERE reply_to IS NOT NULL;
  CREATE TABLE sent (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    friend TEXT NOT NULL,
    username TEXT NOT NULL,
    content TEXT NOT NULL,
    reply_to TEXT,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    reason TEXT,
    outcome TEXT,
    owner TEXT NOT NULL,
    waits_until INTEGER NOT NULL DEFAULT 0,
    waits_by TEXT
  ) STRICT;
  CREATE INDEX sent_state ON sent (state, number) WHERE state IN ('waiting', 'draft');
  CREATE INDEX sent_awaited ON sent (waits_until) WHERE waits_until > 0;
  CREATE INDEX sent_friend ON sent (friend, at);
  CREATE TABLE hooks (
    session TEXT PRIMARY KEY,
    process TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE wakes (
    word TEXT PRIMARY KEY,
    rung TEXT NOT NULL,
    at INTEGER NOT NULL,
    told_at INTEGER NOT NULL DEFAULT 0,
    seen_at INTEGER NOT NULL DEFAULT 0
  ) STRICT;`,
];

/** Brings the file to the present version. A file of a later release is left alone, and used if that release allows it. */
export function migrate(file: DatabaseSync): void {
  const version = () => Number(file.prepare('PRAGMA user_version').get()?.user_version);
  if (version() >= MIGRATIONS.length) return;
  file.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have been faster, also one of a later release.
    for (let next = version(); next < MIGRATIONS.length; next++)
      file.exec(`${MIGRATIONS[next]}; PRAGMA user_version = ${next + 1}`);
    file.exec('COMMIT');
  } catch (error) {
    rollBack(file);
    throw error;
  }
}

/** Ends the transaction that there is, or none: a full disk has ended it already, which a Node before 22.16 does not tell. */
export function rollBack(file: DatabaseSync): void {
  try {
    file.exec('ROLLBACK');
  } catch (error) {
    if (!/no transaction is active/.test(String(error))) throw error;
  }
}
