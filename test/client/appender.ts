/** Appends to the journal at the given path until it is killed, and says which records are safe. */
import { openJournal } from '../../src/client/journal.ts';

const journal = openJournal(process.argv[2], { read: () => {}, live: () => [] });
for (let n = 0; ; n++) {
  const safe = journal.append({ n }).then(() => process.stdout.write(`${n}\n`));
  if (n % 7 === 0) await safe;
}
