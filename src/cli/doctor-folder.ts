/** What `doctor` finds on this machine: the folder and who may look into it, the store, the key, room on the disk. */
import { existsSync, type Stats, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MagiError } from '../client/errors.ts';
import { fingerprintOf } from '../client/friends.ts';
import { BRIDGE_TOKEN_FILE, KEY_FILE, openDatabase, STORE_FILE } from '../client/home.ts';
import { Identity } from '../client/identity.ts';
import type { Finding } from './doctor.ts';
import { PROGRAM } from './exit.ts';
import { CONFIG_FILE } from './settings.ts';
import { count } from './wording.ts';

const ROOM_BYTES_MIN = 50 * 1024 * 1024;

/** Nothing is made that is not there. */
export async function* folderFindings(home: string): AsyncGenerator<Finding> {
  const stat = statOf(home);
  if (stat === undefined) {
    yield {
      check: 'Folder',
      state: 'ok',
      message: `${home} is not there yet: the first command that connects makes it`,
    };
    return;
  }
  yield rightsOf(home, stat);
  yield storeOf(home);
  yield keyOf(home);
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** The rights have to be looked at before the store is opened, which narrows them. */
function rightsOf(home: string, stat: Stats): Finding {
  const check = 'Folder';
  if (!stat.isDirectory())
    return {
      check,
      state: 'wrong',
      message: `${home} is not a folder`,
      advice: 'Move it away, or name another folder in MAGI_HOME.',
    };
  const files = [KEY_FILE, CONFIG_FILE, BRIDGE_TOKEN_FILE, STORE_FILE, `${STORE_FILE}-wal`, `${STORE_FILE}-shm`].map(
    (name) => join(home, name),
  );
  const all = [home, ...files.filter((file) => existsSync(file))];
  const uid = process.getuid?.();
  const foreign = all.find((path) => uid !== undefined && statOf(path)?.uid !== uid);
  if (foreign !== undefined)
    return {
      check,
      state: 'wrong',
      message: `${foreign} belongs to another user of this machine`,
      advice: `chown -R it to you, or name another folder in MAGI_HOME.`,
    };
  const open = all.filter((path) => process.platform !== 'win32' && ((statOf(path)?.mode ?? 0) & 0o077) !== 0);
  if (open.length > 0)
    return {
      check,
      state: 'wrong',
      message: `others on this machine may look into ${open.join(', ')}`,
      advice: `chmod -R go-rwx ${home}. If somebody may have read the key, leave and start with a new one: ${PROGRAM} leave`,
    };
  const { bavail, bsize } = statfsSync(home);
  const roomMiB = Math.floor((bavail * bsize) / 1024 / 1024);
  if (bavail * bsize < ROOM_BYTES_MIN)
    return {
      check,
      state: 'warning',
      message: `${home} has ${roomMiB} MiB of room left`,
      advice: 'Make room: what does not fit is not received.',
    };
  return { check, state: 'ok', message: `${home}, for you alone` };
}

function storeOf(home: string): Finding {
  const check = 'Store';
  if (!existsSync(join(home, STORE_FILE))) return { check, state: 'ok', message: 'none yet' };
  try {
    const database = openDatabase(home);
    try {
      const sound = String(Object.values(database.get('PRAGMA quick_check(1)') ?? {})[0]);
      if (sound !== 'ok')
        return {
          check,
          state: 'wrong',
          message: `${STORE_FILE} is damaged: ${sound}`,
          advice: `Move it away: friends come back with the next connection, messages do not.`,
        };
      const row = database.get('SELECT (SELECT count(*) FROM inbox) AS inbox, (SELECT count(*) FROM sent) AS sent');
      return {
        check,
        state: 'ok',
        message: `${count(Number(row?.inbox), 'message')} received, ${Number(row?.sent)} sent are kept`,
      };
    } finally {
      database.close();
    }
  } catch (error) {
    if (!(error instanceof MagiError)) throw error;
    return {
      check,
      state: 'wrong',
      message: error.message,
      advice: 'Free the disk, or move the file away: friends come back with the next connection.',
    };
  }
}

function keyOf(home: string): Finding {
  const file = join(home, KEY_FILE);
  if (!existsSync(file))
    return { check: 'Key', state: 'ok', message: 'none yet: the first command that connects makes it' };
  try {
    return { check: 'Key', state: 'ok', message: fingerprintOf(Identity.load(file).publicKey) };
  } catch (error) {
    return {
      check: 'Key',
      state: 'wrong',
      message: `${file} holds no key that can be used: ${(error as Error).message}`,
      advice: `Put the file back from a copy, or: ${PROGRAM} identity import FILE`,
    };
  }
}
