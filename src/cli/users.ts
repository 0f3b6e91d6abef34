/** `magi-exchange users --find NAME`: which user an operator's log entry is about (protocol part 7). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError, readConfig } from '../config.ts';
import { userTag } from '../observe/observer.ts';
import { readUsername, usernameKey } from '../protocol/names.ts';
import { openDataFolder } from '../server/data.ts';

export function findUser(name: string): void {
  const { DATA_DIR } = readConfig(process.env, false);
  if (DATA_DIR === 'memory')
    throw new OperatorError('DATA_DIR is memory: the key of the log is gone with the process that used it.');
  if (!existsSync(join(DATA_DIR, 'log-key')))
    throw new OperatorError(`DATA_DIR is ${JSON.stringify(DATA_DIR)}: no exchange has run with it yet.`);
  if (readUsername(name) === undefined)
    throw new OperatorError('This is not a username: see the protocol for what one looks like.', 2);
  const key = openDataFolder(DATA_DIR).secret('log-key', () => '');
  process.stdout.write(`${userTag(Buffer.from(key, 'hex'), usernameKey(name))}\n`);
}
