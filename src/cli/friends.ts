/** `friends`: who they are and what they may do. `disconnect FRIEND` ends it. */

import { MagiError } from '../client/errors.ts';
import type { Friend } from '../client/friends.ts';
import type { Call } from './call.ts';
import { EXIT, type ExitCode, exitCodeOf, PROGRAM } from './exit.ts';
import { bold, dim, green, type Piece, red, yellow } from './output.ts';
import { agrees, isAtTerminal } from './prompt.ts';
import { Visit } from './visit.ts';
import { friendDocument, keyOf, nameOf, typed } from './wording.ts';

const COLUMNS = [
  { head: 'NAME', isLong: true },
  { head: 'USERNAME', isLong: true },
  { head: 'NOW' },
  { head: 'POLICY' },
  { head: 'KEY' },
];

export async function friends(call: Call): Promise<ExitCode> {
  const { out } = call;
  const visit = new Visit(call);
  const failed = await visit.tryReach();
  const all = visit.client.friends();
  const online = ({ username }: Friend) => (failed === undefined ? visit.client.isOnline(username) : null);
  out.json({ connected: failed === undefined, friends: all.map((friend) => friendDocument(friend, online(friend))) });
  out.table(
    COLUMNS,
    all.map((friend): Piece[] => {
      const { localName, username, policy, publicKey } = friend;
      // The whole fingerprint is in status, trust and --json.
      const key = keyOf(publicKey);
      const short = publicKey === undefined ? 'none' : key.slice(0, 14);
      return [bold(localName), username, presence(online(friend)), policy, out.isTerminal ? short : key];
    }),
  );
  if (all.length === 0) out.note(`You have no friends here yet: ${PROGRAM} invite, or ${PROGRAM} connect CODE.`);
  for (const friend of all) showHints((...pieces) => out.note(...pieces), friend);
  return failed === undefined ? EXIT.ok : exitCodeOf(failed);
}

function presence(isOnline: boolean | null): Piece {
  if (isOnline === null) return '?';
  return isOnline ? green('here') : dim('away');
}

/** What the owner has to decide or may want to know about a friend: a sentence, and the command for it below. */
export function showHints(show: (...pieces: Piece[]) => void, friend: Friend): void {
  const { localName, username, policy, change, nickname, isDurable, pausedAt } = friend;
  const command = (words: string) => show('  ', bold(`${PROGRAM} ${words}`));
  const name = typed(username);
  if (change !== undefined) {
    show(red(`${localName} has another key than before. Nothing goes to and fro until you decide:`));
    command(`trust ${name}`);
    return;
  }
  if (!isDurable) show(dim(`${localName} has no key: the connection ends when either of you goes.`));
  else if (policy === 'hold') {
    show(yellow(`${localName} is on hold. If that is your friend:`));
    command(`policy ${name} ask`);
  }
  if (pausedAt > 0) {
    show(yellow(`Your assistant went back and forth with ${localName}: what it says now waits for you.`));
    command('approve');
  }
  if (nickname !== localName) show(dim(`${localName} calls themselves ${nickname} now.`));
}

export async function disconnect(call: Call): Promise<ExitCode> {
  const { out } = call;
  const visit = new Visit(call);
  await visit.reach();
  const friend = visit.client.friend(call.words[0] ?? '');
  const question = `End the connection with ${nameOf(friend)}? What waits for them is not delivered.`;
  if (isAtTerminal() && !call.flag('yes') && !(await agrees(question)))
    throw new MagiError('not_agreed', 'Nothing was done.');
  await visit.client.disconnect(friend);
  out.say(`You are not connected with ${nameOf(friend)} any more.`);
  out.json({ disconnected: friend.username });
  return EXIT.ok;
}
