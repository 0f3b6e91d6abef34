/**
 * A process that works with a user's folder and is killed meanwhile.
 *
 *   appender.ts write FOLDER   puts a question into the inbox and one into the outbox, again and again; prints each number when it is safe
 *   appender.ts open FOLDER    opens the folder on a line of standard input, and prints the public key
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { openHome } from '../../src/client/home.ts';
import { Inbox } from '../../src/client/inbox.ts';
import { Outbox } from '../../src/client/outbox.ts';

const [what = '', folder = ''] = process.argv.slice(2);
const say = (line: string) => writeSync(1, `${line}\n`);

async function write(): Promise<void> {
  const { database } = openHome(folder);
  const [inbox, outbox] = [new Inbox(database), new Outbox(database)];
  const round = async (n: number) => {
    const id = `${n}`;
    await Promise.all([
      inbox.put(
        { type: 'question', id, from: 'ada', fromNickname: 'Ada', content: `content of ${n}`, deliveryId: id },
        1,
      ),
      database.write(() =>
        outbox.add({ id, kind: 'question', to: 'ada', content: id, at: 1, owner: '', state: 'waiting' }),
      ),
    ]);
    say(id);
  };
  // Several at a time, so that some are lost in the middle of a commit.
  for (let n = 1; ; n += 3) await Promise.all([round(n), round(n + 1), round(n + 2)]);
}

async function open(): Promise<void> {
  say('ready');
  await once(process.stdin, 'data');
  const { identity, database } = openHome(folder);
  say(identity.publicKey);
  database.close();
  process.exit(0);
}

await (what === 'write' ? write() : open());
