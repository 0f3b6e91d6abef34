/** `connect CODE`: the friend who made it, and their key. */
import { MagiError } from '../client/errors.ts';
import type { Friend } from '../client/friends.ts';
import { readCode } from '../protocol/names.ts';
import type { Call } from './call.ts';
import { EXIT, type ExitCode, PROGRAM } from './exit.ts';
import { bold, red, yellow } from './output.ts';
import { isAtTerminal } from './prompt.ts';
import { remember, settingsOrAsk } from './settings.ts';
import { Visit } from './visit.ts';
import { friendDocument, keyOf, nameOf, typed } from './wording.ts';

export async function connect(call: Call): Promise<ExitCode> {
  const { out } = call;
  const code = readCode(call.words.join(''));
  if (code === undefined)
    throw new MagiError('invalid_code', 'A code has six letters and digits, as BQ55JS, and never 0, 1, I, L or O.');
  const visit = new Visit(call, await settingsOrAsk(call));
  const { client } = visit;
  try {
    await visit.reach();
  } catch (error) {
    // Then the code is what lets a new name in.
    if (!(error instanceof MagiError) || error.code !== 'registration_closed') throw error;
  }
  const friend = await client.connect(code, call.value('from'));
  remember(call, visit.settings);
  welcome(call, friend);
  // Who types a code at a terminal has it from that friend. A program may have been told it by anybody.
  if (friend.policy === 'hold' && friend.isDurable && isAtTerminal()) {
    await client.setPolicy(friend, 'ask');
    out.say(`Try: ${PROGRAM} ask ${typed(friend.localName)} "How are you?"`);
  } else if (friend.policy === 'hold' && friend.isDurable)
    out.say(
      `New friends are on hold. For an assistant to see what they ask: ${PROGRAM} policy ${typed(friend.username)} ask`,
    );
  out.json({ friend: friendDocument(visit.friends.known(friend.username), client.isOnline(friend.username)) });
  return EXIT.ok;
}

/** Says who it is that one is connected with now. */
export function welcome({ out }: Call, friend: Friend): void {
  out.say('Connected with ', bold(nameOf(friend)), '.');
  if (friend.isDurable) {
    out.say(`Their key is ${keyOf(friend.publicKey)}`);
    out.note(`Compare it with what they see by ${PROGRAM} status, by voice if it matters.`);
  } else
    out.tell(yellow('They have no key: the connection lasts only while both are here, and ends with this command.'));
  if (friend.change === undefined) return;
  out.tell(red('This is another key than before! Nothing is sent or shown until you decide:'));
  out.say(`  ${PROGRAM} trust ${typed(friend.username)}`);
}
