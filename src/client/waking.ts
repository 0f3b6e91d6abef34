/**
 * What wakes an assistant that has nothing to do: each question and each answer once, whichever of the user's processes hears of it
 * first. What still waits wakes again after a while, each time after a longer one: a turn of an assistant costs its owner money.
 */
import type { Database } from './database.ts';
import { type Entry, entryOf, FREE, goneClaimers, TRUSTED, UNAWAITED } from './entries.ts';
import type { Policy } from './friends.ts';

const AGAIN_MS_MIN = 10 * 60 * 1000;
const ENTRIES_MAX = 100;
/** Questions of other friends are for their owner alone. */
const WAKING: readonly Policy[] = ['ask', 'auto'];

/** An answer to it waits for the owner's word. */
const UNDRAFTED = `NOT EXISTS (SELECT 1 FROM sent WHERE sent.state = 'draft' AND sent.reply_to = inbox.id
    AND sent.friend = inbox.friend)`;

/**
 * What waits: open questions that nobody is answering, and answers that nobody waits for; oldest first, at most 100. It then wakes nobody
 * else for 10 minutes, or for as long as it has waited since it first woke somebody. `isAgain`: also what has woken somebody lately.
 */
export async function wake(database: Database, now: number, isAgain = false): Promise<Entry[]> {
  const which = `FROM inbox WHERE state IN ('open', 'unread') AND ${TRUSTED} AND woken_until <= ?
    AND (state = 'open' AND ${FREE} AND ${UNDRAFTED} AND (SELECT policy FROM friends WHERE friends.name = inbox.friend)
        IN (SELECT value FROM json_each(?))
      OR state = 'unread' AND ${UNAWAITED})
    ORDER BY number LIMIT ${ENTRIES_MAX}`;
  const values = [
    isAgain ? Number.MAX_SAFE_INTEGER : now,
    now,
    goneClaimers(database, now),
    JSON.stringify(WAKING),
    now,
  ];
  // Looking costs nothing; waking is a commit.
  if (database.get(`SELECT 1 ${which}`, ...values) === undefined) return [];
  return await database.write(() => {
    const entries = database.all(`SELECT * ${which}`, ...values).map(entryOf);
    for (const { number } of entries)
      database.run(
        `UPDATE inbox SET woken_until = ?1 + CASE woken_at WHEN 0 THEN ?2 ELSE max(?2, ?1 - woken_at) END,
           woken_at = CASE woken_at WHEN 0 THEN ?1 ELSE woken_at END WHERE number = ?3`,
        ...[now, AGAIN_MS_MIN, number],
      );
    return entries;
  });
}
