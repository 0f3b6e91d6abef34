/** What an exchange has kept in DATA_DIR, for the operator's commands. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError, readConfig } from '../config.ts';
import { StorageFailed } from '../exchange/ports.ts';
import { readUsername, usernameKey } from '../protocol/names.ts';
import { openDataFolder } from '../server/data.ts';
import type { LocalStore } from '../store/rules.ts';
import { openSqlite, STORE_FILE } from '../store/sqlite.ts';

const EXIT_REFUSED = 1;
const EXIT_USAGE = 2;

/** The folder that DATA_DIR names. */
export function keptFolder(): string {
  const { DATA_DIR } = readConfig(process.env, false);
  if (DATA_DIR === 'memory')
    throw new OperatorError('DATA_DIR is memory: nothing is kept that a command could work with.');
  return DATA_DIR;
}

/** The path of the store, which is there. */
export function keptStore(): string {
  const folder = keptFolder();
  const path = join(folder, STORE_FILE);
  if (!existsSync(path))
    throw new OperatorError(
      `DATA_DIR is ${JSON.stringify(folder)}: there is no store, since no exchange has kept one there.`,
    );
  return path;
}

/** The key of the tags by which logs call users; undefined when no exchange has run with the folder yet. */
export function keptLogKey(folder: string): Uint8Array | undefined {
  if (!existsSync(join(folder, 'log-key'))) return undefined;
  return Buffer.from(
    openDataFolder(folder).secret('log-key', () => ''),
    'hex',
  );
}

/** A username as the operator typed it: as it is shown, and as it is compared. */
export function readName(name: string): { readonly username: string; readonly key: string } {
  const username = readUsername(name);
  if (username === undefined)
    throw new OperatorError('This is not a username: see the protocol for what one looks like.', EXIT_USAGE);
  return { username, key: usernameKey(username) };
}

/** Changes the store, if no exchange serves from it. */
export async function changeStore<T>(work: (store: LocalStore) => Promise<T>): Promise<T> {
  const path = keptStore();
  const store = refusing(() =>
    openSqlite(path, {
      fatal(message) {
        process.stderr.write(`magi-exchange: ${message}\n`);
        process.exit(EXIT_REFUSED);
      },
    }),
  );
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** What the store refuses, the operator is told in its one line. */
export function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof StorageFailed) throw new OperatorError(`${error.message}.`, EXIT_REFUSED);
    throw error;
  }
}

/** Prints rows with their columns below one another. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** `2026-01-31 12:00`, in UTC. */
export function minute(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}
