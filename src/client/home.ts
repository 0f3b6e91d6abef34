/** The folder of a user: the key, and the one file with everything that is kept. Only its owner may look into it. */
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from './database.ts';
import { MagiError } from './errors.ts';
import { Identity } from './identity.ts';

/** Raw Ed25519 key, PKCS #8, PEM. */
export const KEY_FILE = 'identity.pem';
export const STORE_FILE = 'magi.db';
/** What clients of the bridge over HTTP have to show. */
export const BRIDGE_TOKEN_FILE = 'bridge-token';

export interface Home {
  readonly identity: Identity;
  readonly database: Database;
}

/** Opens the folder, making it and the key if they are not there. Throws MagiError `storage_failed`. */
export function openHome(folder: string): Home {
  makeFolder(folder);
  return { identity: openIdentity(folder), database: openDatabase(folder) };
}

/** What is kept, without the key: enough to look at it. */
export function openDatabase(folder: string): Database {
  makeFolder(folder);
  const path = join(folder, STORE_FILE);
  const database = new Database(path);
  // SQLite makes its files with the rights of the folder's umask.
  for (const file of [path, `${path}-wal`, `${path}-shm`]) narrow(file, 0o600);
  return database;
}

export function openIdentity(folder: string): Identity {
  makeFolder(folder);
  const file = join(folder, KEY_FILE);
  try {
    const identity = Identity.load(file);
    narrow(file, 0o600);
    return identity;
  } catch (error) {
    throw failed(file, error);
  }
}

/** The folder, for its owner alone. Throws MagiError `storage_failed`. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    narrow(folder, 0o700);
  } catch (error) {
    throw failed(folder, error);
  }
}

/** Takes away what others may do with it. Throws MagiError `storage_failed`. */
function narrow(path: string, mode: number): void {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (process.platform !== 'win32' && found !== undefined && (found.mode & 0o077) !== 0) chmodSync(path, mode);
  } catch (error) {
    throw failed(path, error);
  }
}

function failed(path: string, error: unknown): MagiError {
  return new MagiError('storage_failed', `${path} cannot be used: ${error instanceof Error ? error.message : error}.`);
}
