/**
 * `magi-exchange users`: the names that are bound to a key. `users --find NAME`: which user an operator's log entry is about (protocol
 * part 7), and what is kept of it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../config.ts';
import { userTag } from '../observe/observer.ts';
import { lookInto, type UserRow } from '../store/operator.ts';
import { STORE_FILE } from '../store/sqlite.ts';
import { keptFolder, keptLogKey, keptStore, minute, printTable, readName, refusing } from './kept.ts';

const HEAD = ['USERNAME', 'NICKNAME', 'IN LOGS', 'LAST USED (UTC)', 'CONNECTIONS'];

export function listUsers(): void {
  const path = keptStore();
  const logKey = keptLogKey(keptFolder());
  const users = refusing(() => lookInto(path, (file) => file.users()));
  printTable([HEAD, ...users.map((user) => cells(user, logKey))]);
}

export function findUser(name: string): void {
  const folder = keptFolder();
  const logKey = keptLogKey(folder);
  if (logKey === undefined)
    throw new OperatorError(`DATA_DIR is ${JSON.stringify(folder)}: no exchange has run with it yet.`);
  const { key } = readName(name);
  process.stdout.write(`${userTag(logKey, key)}\n`);
  const path = join(folder, STORE_FILE);
  const user = existsSync(path) ? refusing(() => lookInto(path, (file) => file.user(key))) : undefined;
  if (user !== undefined) printTable([HEAD, cells(user, logKey)]);
}

function cells(user: UserRow, logKey: Uint8Array | undefined): string[] {
  const tag = logKey === undefined ? '-' : userTag(logKey, user.key);
  const { username, nickname, usedAt, connections, isBanned } = user;
  return [username, nickname, tag, isBanned ? 'banned' : minute(usedAt), `${connections}`];
}
