/** The transactions of one SQLite database, and what its errors mean. */
import type { Transactions, Trouble, Undo } from './group.ts';

export interface Connection {
  readonly inTransaction: boolean;
  prepare(sql: string): { run(): unknown; pluck(): { get(): unknown } };
}

/**
 * `changed` is called inside a transaction that is the first to see what another process wrote. `undo` holds what goes back with the
 * tables.
 */
export function transactionsOf(
  db: Connection,
  undo: Undo,
  changed: () => void,
): Pick<Transactions, 'begin' | 'commit' | 'rollback' | 'alone' | 'judge'> {
  const beginReading = db.prepare('BEGIN');
  const beginWriting = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const rollback = db.prepare('ROLLBACK');
  const save = db.prepare('SAVEPOINT operation');
  const release = db.prepare('RELEASE operation');
  const rollbackTo = db.prepare('ROLLBACK TO operation');
  /** Changes when another connection has committed, not with commits of our own. */
  const otherCommits = db.prepare('PRAGMA data_version').pluck();
  let seen = otherCommits.get();

  return {
    begin(writes) {
      undo.keep();
      (writes ? beginWriting : beginReading).run();
      const now = otherCommits.get();
      if (now !== seen) changed();
      seen = now;
    },
    commit() {
      commit.run();
      undo.keep();
    },
    rollback() {
      undo.back(0);
      if (db.inTransaction) rollback.run();
    },
    alone(work) {
      const mark = undo.mark;
      save.run();
      try {
        const result = work();
        release.run();
        return result;
      } catch (error) {
        // Some errors end the whole transaction: there is nothing left to go back to.
        if (db.inTransaction) {
          rollbackTo.run();
          release.run();
          undo.back(mark);
        }
        throw error;
      }
    },
    judge(error) {
      const trouble = failureOf(error);
      return trouble === 'operation' && !db.inTransaction ? 'batch' : trouble;
    },
  };
}

/**
 * After a failed flush nobody knows what is on disk, and asking again would get a wrong yes: every I/O error is the end. A full disk is
 * not: then nothing was written that counts.
 */
export function failureOf(error: unknown): Trouble {
  const code = codeOf(error);
  if (/^SQLITE_(IOERR|CORRUPT|NOTADB)/.test(code)) return 'fatal';
  return /^SQLITE_(FULL|BUSY|LOCKED|NOMEM|READONLY|CANTOPEN)/.test(code) ? 'batch' : 'operation';
}

/** One line for the operator. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code))
    return `it is damaged (${code}); put a copy back (magi-exchange restore FILE), or move it away`;
  if (code.startsWith('SQLITE_IOERR')) return `the disk fails or is full (${code})`;
  return error instanceof Error ? error.message : String(error);
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
