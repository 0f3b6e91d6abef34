/** How long the exchange takes to start when many messages wait. The one place of the torture that knows the store. */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite, STORE_FILE } from '../../src/store/sqlite.ts';
import { bind, connect, connection, message } from '../store/samples.ts';
import { startServer } from './victims.ts';

/** The mailbox of one user, from four senders. */
const MAILBOX = 1_000;
const SENDERS = ['ada', 'grace', 'hedy', 'joan'];
const BATCH = 500;
const CONTENT = 'x'.repeat(500);

/** Fills a new store with `count` messages and starts the exchange on it. */
export async function startWithWaiting(count: number) {
  const folder = mkdtempSync(join(tmpdir(), 'magi-waiting-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  try {
    const began = performance.now();
    const file = join(data, STORE_FILE);
    await fill(file, count);
    const fillMs = performance.now() - began;
    const bytes = statSync(file).size;
    const faults: string[] = [];
    const server = await startServer(data, 0, (line) => faults.push(line));
    const { startMs } = server;
    await server.kill();
    if (faults.length > 0) throw new Error(faults.join('\n'));
    return { messages: count, fillMs, startMs, bytes };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fill(file: string, count: number): Promise<void> {
  const fatal = (line: string) => {
    throw new Error(line);
  };
  const store = openSqlite(file, { fatal });
  const readers = Array.from({ length: Math.ceil(count / MAILBOX) }, (_, n) => `reader ${n}`);
  await bind(store, ...readers, ...SENDERS);
  let seq = 0;
  for (const reader of readers) {
    await Promise.all(SENDERS.map((sender) => connect(store, connection(`${sender} ${reader}`, sender, reader))));
    for (let from = 0; from < MAILBOX && seq < count; from += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, count - seq) }, () => {
        seq++;
        return message(seq, reader, SENDERS[seq % SENDERS.length] ?? '', { content: CONTENT, takenAt: Date.now() });
      });
      await store.putMessages(batch);
    }
  }
  await store.close();
}
