/**
 * A process that works with a store and is killed meanwhile, or runs into a wall. Prints one line for each thing it was promised.
 * `child.ts <what> <path>`
 */
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { openSqlite } from '../../src/store/sqlite.ts';
import { bind, mailbox, message } from './samples.ts';

const say = (line: string) => writeSync(1, `${line}\n`);

/** Opens the store and says so, or why not. */
function open(path: string) {
  const store = openSqlite(path, {
    fatal(line) {
      say(`fatal ${line}`);
      process.exit(3);
    },
  });
  say(`open ${store.epoch}`);
  return store;
}

/** Puts and acknowledges for ever, several operations at a time. */
async function write(path: string): Promise<void> {
  const store = open(path);
  await bind(store, 'ann');
  let seq = store.epoch * 1_000_000;
  for (;;) {
    const work = Array.from({ length: 6 }, async () => {
      const [one, other] = [message(++seq, 'ann', 'bob'), message(++seq, 'ann', 'bob')];
      await store.putMessages([one, other]);
      say(`put ${one.seq}\nput ${other.seq}`);
    });
    await Promise.all(work);
    const [oldest] = await mailbox(store, 'ann');
    if (oldest === undefined) continue;
    say(`acknowledging ${oldest.seq}`);
    await store.acknowledge('ann', [oldest.seq], []);
    say(`acknowledged ${oldest.seq}`);
  }
}

/** Puts until the disk takes no more. */
async function fill(path: string): Promise<void> {
  const store = open(path);
  await bind(store, 'ann');
  for (let seq = store.epoch * 1_000_000; ; seq++) {
    await store.putMessages([message(seq, 'ann', 'bob', { content: 'x'.repeat(20_000) })]);
    say(`put ${seq}`);
  }
}

async function main([, , what, path = '']: readonly string[]): Promise<void> {
  try {
    if (what === 'write') await write(path);
    else if (what === 'fill') await fill(path);
    else await open(path).close();
  } catch (error) {
    say(`refused ${error instanceof Error ? error.message : error}`);
    process.exit(2);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv);
