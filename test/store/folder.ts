/** Stores on disk, each in a folder of its own, for the tests. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { LocalStore } from '../../src/store/rules.ts';
import { openSqlite, type SqliteOptions } from '../../src/store/sqlite.ts';
import type { suite } from '../harness.ts';

/** A folder for one test, and stores in it. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'magi-store-'));
  readonly file = join(this.path, 'exchange.db');
  readonly fatal: string[] = [];
  readonly #stores: LocalStore[] = [];

  open(more: Partial<SqliteOptions> = {}): LocalStore {
    const options = {
      fatal: (line: string) => void this.fatal.push(line),
      ...more,
    };
    const store = openSqlite(this.file, options);
    this.#stores.push(store);
    return store;
  }

  /** What opening is refused with. */
  refusal(more: Partial<SqliteOptions> = {}): string {
    try {
      this.open(more);
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('it was opened');
  }

  async closeAll(): Promise<void> {
    for (const store of this.#stores.splice(0)) await store.close();
  }

  /** Which of the words are in the database, or in what the log holds. Asks another process: closing a file of its own takes a process its locks. */
  found(words: readonly string[]): string[] {
    const all = words.join('\n');
    const files = [this.file, `${this.file}-wal`];
    const { stdout } = spawnSync('grep', ['-aohsFf', '-', ...files], { input: all, encoding: 'utf8', maxBuffer: 1e8 });
    return [...new Set(stdout.split('\n'))].filter((word) => word !== '');
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Gives each test a folder, and removes it afterwards. A test that expects the fatal line takes it out. */
export function inFolder(test: ReturnType<typeof suite>) {
  return (title: string, run: (folder: Folder) => Promise<void>): void =>
    test(title, async () => {
      const folder = new Folder();
      try {
        await run(folder);
        assert.equal(folder.fatal, []);
      } finally {
        await folder.closeAll();
        folder.remove();
      }
    });
}

/** False if it is refused. */
export async function stored(promise: Promise<unknown>): Promise<boolean> {
  return await promise.then(
    () => true,
    () => false,
  );
}
