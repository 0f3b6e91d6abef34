/**
 * Loads a copy of the exchange for the simulator, in which private fields are plain ones, so that what it keeps can be looked through;
 * and, if asked, with a fault planted in it.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Exchange } from '../../src/exchange/exchange.ts';
import type { Limits } from '../../src/exchange/limits.ts';
import type { StorageFailed } from '../../src/exchange/ports.ts';

/** A text of the exchange and what to put in its place. */
export interface Change {
  /** Below src/. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Sources {
  readonly Exchange: typeof Exchange;
  readonly StorageFailed: typeof StorageFailed;
  readonly DEFAULT_LIMITS: Readonly<Limits>;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Where a private name begins: not in a string or a comment of these folders. */
const PRIVATE = /#(?=[a-z])/g;

/** Makes the copy below dist/, so that it finds its packages. Returns its folder, which the caller removes. */
export function copySources(changes: readonly Change[] = []): string {
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, 'dist/sim-'));
  for (const part of ['exchange', 'protocol']) cpSync(join(ROOT, 'src', part), join(folder, part), { recursive: true });
  for (const { file, find, replace } of changes) {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    const count = text.split(find).length - 1;
    if (count !== 1) throw new Error(`${file} holds this text ${count} times, not once: ${find}`);
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
  }
  for (const part of ['exchange', 'protocol'])
    for (const name of readdirSync(join(folder, part))) {
      const path = join(folder, part, name);
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll(PRIVATE, 'private_'));
    }
  return folder;
}

export function removeSources(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

export async function loadSources(folder: string): Promise<Sources> {
  const load = (file: string) => import(pathToFileURL(join(folder, 'exchange', file)).href);
  const [exchange, ports, limits] = await Promise.all(['exchange.ts', 'ports.ts', 'limits.ts'].map(load));
  return {
    Exchange: exchange.Exchange,
    StorageFailed: ports.StorageFailed,
    DEFAULT_LIMITS: limits.DEFAULT_LIMITS,
  };
}
