/** `magi-exchange backup FILE`: a copy of the store as it is at this moment, also while an exchange serves. */
import { saveCopy } from '../store/operator.ts';
import { keptStore, refusing } from './kept.ts';

export function backup(file: string): void {
  const path = keptStore();
  refusing(() => saveCopy(path, file));
  process.stdout.write(`the store is copied to ${file}\n`);
}
