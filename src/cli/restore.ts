/** `magi-exchange restore FILE`: puts a copy made by backup in the place of the store, while no exchange serves. */
import { join } from 'node:path';
import { openDataFolder } from '../server/data.ts';
import { restore } from '../store/operator.ts';
import { STORE_FILE } from '../store/sqlite.ts';
import { keptFolder, refusing } from './kept.ts';

export function restoreFrom(file: string): void {
  const folder = keptFolder();
  // On a new machine there is none yet.
  openDataFolder(folder);
  refusing(() => restore(join(folder, STORE_FILE), file));
  process.stdout.write(`the store is the one of ${file} again\n`);
}
