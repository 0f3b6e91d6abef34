/** `identity`: one's key, shown; taken to another machine in a file that a passphrase locks; and put there. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MagiError } from '../client/errors.ts';
import { fingerprintOf } from '../client/friends.ts';
import { KEY_FILE, STORE_FILE } from '../client/home.ts';
import { Identity } from '../client/identity.ts';
import { readSettings, type Settings } from '../client/settings.ts';
import type { Call } from './call.ts';
import { EXIT, type ExitCode, PROGRAM, UsageError } from './exit.ts';
import { agrees, askHidden, isAtTerminal, needOwner } from './prompt.ts';
import { PASSPHRASE_MIN, seal, unseal } from './sealed.ts';
import { CONFIG_FILE, homeFolder, settingsOf, writeConfig } from './settings.ts';
import { placeOf } from './wording.ts';

const FILE_BYTES_MAX = 64 * 1024;

export async function identity(call: Call): Promise<ExitCode> {
  const [word, file] = call.words;
  if (word === undefined) return show(call);
  if (file === undefined || (word !== 'export' && word !== 'import'))
    throw new UsageError('identity takes nothing, export FILE or import FILE.');
  return word === 'export' ? await exportTo(call, file) : await importFrom(call, file);
}

function show(call: Call): ExitCode {
  const { publicKey } = ownKey(homeFolder(call));
  const fingerprint = fingerprintOf(publicKey);
  call.out.say(`Your key is ${fingerprint}`);
  call.out.json({ publicKey, fingerprint });
  return EXIT.ok;
}

/** The key that is there; none is made. */
function ownKey(home: string): Identity {
  const file = join(home, KEY_FILE);
  if (!existsSync(file))
    throw new MagiError('no_identity', `There is no key in ${home} yet: the first command that connects makes one.`);
  return loaded(file);
}

function loaded(file: string): Identity {
  try {
    return Identity.load(file);
  } catch (error) {
    throw new MagiError('bad_file', `${file} holds no key that can be used: ${(error as Error).message}.`);
  }
}

// --- export ------------------------------------------------------------------------------------------------------------------

async function exportTo(call: Call, file: string): Promise<ExitCode> {
  const { out } = call;
  const { home, server, username, nickname } = settingsOf(call);
  const fingerprint = fingerprintOf(ownKey(home).publicKey);
  if (existsSync(file)) throw new MagiError('bad_file', `${file} is there already: name a new file.`);
  const passphrase = await newPassphrase(call);
  const privateKey = readFileSync(join(home, KEY_FILE), 'utf8');
  const secret = JSON.stringify({ privateKey, server, username, nickname });
  write(file, seal(secret, passphrase), 'wx');
  out.tell(`${file} holds your key, ${fingerprint}, with your name and server; not your messages and friends' keys.`);
  out.say(`On the other machine: ${PROGRAM} identity import ${file}`);
  out.json({ file, username, server, fingerprint });
  return EXIT.ok;
}

async function newPassphrase(call: Call): Promise<string> {
  const given = call.value('passphrase-file');
  if (given === undefined) needOwner('Exporting your key');
  const passphrase = given === undefined ? await askHidden('A passphrase for the file: ') : firstLine(given);
  if ([...passphrase].length < PASSPHRASE_MIN)
    throw new MagiError(
      'bad_passphrase',
      `A passphrase has at least ${PASSPHRASE_MIN} characters; several words are best.`,
    );
  if (given === undefined && (await askHidden('The same again: ')) !== passphrase)
    throw new MagiError('bad_passphrase', 'The two are not the same. Nothing was written.');
  return passphrase;
}

function firstLine(file: string): string {
  return read(file).split(/\r?\n/, 1)[0] ?? '';
}

// --- import ------------------------------------------------------------------------------------------------------------------

interface Brought {
  readonly privateKey: string;
  readonly server: string;
  readonly username: string;
  readonly nickname?: string;
}

async function importFrom(call: Call, file: string): Promise<ExitCode> {
  const { out } = call;
  const home = homeFolder(call);
  const given = call.value('passphrase-file');
  if (given === undefined) needOwner('Importing a key');
  const text = read(file);
  const passphrase = given === undefined ? await askHidden(`The passphrase of ${file}: `) : firstLine(given);
  const brought = checked(unseal(text, passphrase));
  const settings = readSettings({ ...brought, home, insecure: true }, {});
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const draft = join(home, `${KEY_FILE}.import`);
  try {
    write(draft, brought.privateKey, 'w');
    const { publicKey } = loaded(draft);
    const isReplaced = await makeRoom(call, home, publicKey);
    renameSync(draft, join(home, KEY_FILE));
    if (isReplaced || !existsSync(join(home, CONFIG_FILE))) writeConfig(home, configOf(settings));
    out.tell(`You are ${settings.username} at ${placeOf(settings)}, with the key ${fingerprintOf(publicKey)}`);
    out.tell(
      `Try: ${PROGRAM} status. Your friends come with the first connection; your messages stay where they were.`,
    );
    warnOfOthers(call, settings);
    out.json({
      username: settings.username,
      server: placeOf(settings),
      fingerprint: fingerprintOf(publicKey),
      replaced: isReplaced,
    });
    return EXIT.ok;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Another key with its messages is put aside, if the owner agrees. Returns whether there was one. */
async function makeRoom(call: Call, home: string, publicKey: string): Promise<boolean> {
  if (!existsSync(join(home, KEY_FILE))) return false;
  const here = ownKey(home).publicKey;
  if (here === publicKey) return false;
  const other = `${home} holds another key, ${fingerprintOf(here)}`;
  if (!isAtTerminal())
    throw new MagiError(
      'owner_needed',
      `${other}: import into another folder with --home, or type this in a terminal.`,
    );
  call.out.note(`${other}, with its friends and messages.`);
  if (!(await agrees('Put them aside and use the imported one?')))
    throw new MagiError('not_agreed', 'Nothing was done.');
  const aside = join(home, `replaced-${new Date().toISOString().replaceAll(/[-:]|\..*/g, '')}`);
  mkdirSync(aside, { mode: 0o700 });
  for (const name of [KEY_FILE, STORE_FILE, `${STORE_FILE}-wal`, `${STORE_FILE}-shm`, CONFIG_FILE])
    if (existsSync(join(home, name))) renameSync(join(home, name), join(aside, name));
  call.out.say(`What was here is in ${aside}.`);
  return true;
}

function configOf(settings: Settings): Readonly<Record<string, unknown>> {
  const { server, username, nickname } = settings;
  const isPlain = server.startsWith('ws:');
  return { server: placeOf(settings), username, nickname, ...(isPlain ? { insecure: true } : {}) };
}

/** What the environment says goes before what the file says. */
function warnOfOthers(call: Call, { username, server }: Settings): void {
  const now = settingsOf(call);
  if (now.username !== username || now.server !== server)
    call.out.warn(
      `Your settings say something else: ${now.username} at ${placeOf(now)}. The key belongs to ${username} at ${placeOf({ server })}.`,
    );
}

function checked(text: string): Brought {
  const brought = JSON.parse(text) as Partial<Brought>;
  const { privateKey, server, username, nickname } = brought;
  if (typeof privateKey !== 'string' || typeof server !== 'string' || typeof username !== 'string')
    throw new MagiError('bad_file', 'The file holds no key, server and name.');
  return { privateKey, server, username, ...(typeof nickname === 'string' ? { nickname } : {}) };
}

function read(file: string): string {
  try {
    if (statSync(file).size > FILE_BYTES_MAX) throw new Error('it is too long');
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new MagiError(
      'bad_file',
      `${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}.`,
    );
  }
}

function write(file: string, text: string, flag: 'w' | 'wx'): void {
  try {
    writeFileSync(file, text, { mode: 0o600, flag });
  } catch (error) {
    throw new MagiError('storage_failed', `${file} cannot be written: ${(error as NodeJS.ErrnoException).code}.`);
  }
}
