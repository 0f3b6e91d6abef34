/** `leave`: the exchange forgets this person, and the folder's files go. */
import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MagiError } from '../client/errors.ts';
import { BRIDGE_TOKEN_FILE, KEY_FILE, STORE_FILE } from '../client/home.ts';
import type { Call } from './call.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { askLine, needOwner } from './prompt.ts';
import { CONFIG_FILE } from './settings.ts';
import { Visit } from './visit.ts';
import { count, placeOf } from './wording.ts';

/** MAGI_HOME may name a folder that holds other things, too: only what the client has made is removed. */
const OWN = [STORE_FILE, `${STORE_FILE}-wal`, `${STORE_FILE}-shm`, CONFIG_FILE, BRIDGE_TOKEN_FILE, KEY_FILE];

export async function leave(call: Call): Promise<ExitCode> {
  const { out } = call;
  needOwner('Leaving');
  const visit = new Visit(call);
  const { client, settings } = visit;
  await visit.reach();
  const { questions, unsent } = client.waiting();
  out.tell(
    `${placeOf(settings)} forgets ${settings.username}: the name is free for others, and these end or are lost:`,
  );
  out.say(
    `  ${count(client.friends().length, 'connection')}, ${count(questions, 'open question')}, ${count(unsent, 'unsent message')}`,
  );
  out.tell(`Your key and all messages in ${settings.home} are removed. Nothing brings them back.`);
  if ((await askLine('Type your username to go on: ')).trim() !== settings.username)
    throw new MagiError('not_agreed', 'That is not your username. Nothing was done.');
  await client.forgetMe();
  await visit.close();
  for (const name of OWN) rmSync(join(settings.home, name), { force: true });
  const left = readdirSync(settings.home);
  if (left.length === 0) rmdirSync(settings.home);
  else out.say(`${settings.home} stays, since it holds something else: ${left.slice(0, 5).join(', ')}`);
  out.say(`${placeOf(settings)} has forgotten you.`);
  out.json({ forgotten: settings.username, home: settings.home, left });
  return EXIT.ok;
}
