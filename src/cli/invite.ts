/** `invite`: a code, and the line to send to the friend. With `--wait`, who used it. */
import { MagiError } from '../client/errors.ts';
import type { Friend } from '../client/friends.ts';
import type { Call } from './call.ts';
import { welcome } from './connect.ts';
import { EXIT, type ExitCode, PROGRAM } from './exit.ts';
import { bold, dim } from './output.ts';
import { agrees, isAtTerminal } from './prompt.ts';
import { remember, settingsOrAsk } from './settings.ts';
import { Visit } from './visit.ts';
import { clock, friendDocument, nameOf, placeOf, typed } from './wording.ts';

const LOOPBACK = /^(localhost|127\.[\d.]+|\[::1\])$/;

export async function invite(call: Call): Promise<ExitCode> {
  const { out } = call;
  const visit = new Visit(call, await settingsOrAsk(call));
  const { client, settings } = visit;
  await visit.reach();
  const known = new Set(client.friends().map(({ username }) => username));
  const { code, expiresAt } = await client.createInvite();
  remember(call, settings);
  const line = `npx -y magi-exchange connect ${code} --server ${placeOf(settings)}`;
  if (out.isTerminal) {
    out.say('The code is ', bold(code), `. It works once, until ${clock(expiresAt)}. Send your friend this line:`);
    out.say();
    out.say('  ', bold(line));
    out.say();
    if (LOOPBACK.test(new URL(settings.server).hostname))
      out.say(dim('The exchange is on this very machine: the line works only here.'));
  } else for (const text of [code, line, `until ${new Date(expiresAt).toISOString()}`]) out.say(text);
  const document = { code, line, expiresAt };
  if (!call.flag('wait')) {
    out.json(document);
    return EXIT.ok;
  }
  out.note(dim('Waiting for your friend. Ctrl-C stops the waiting; the code stays usable.'));
  const friend = await arrival(call, visit, known, expiresAt);
  welcome(call, friend);
  await seen(call, visit, friend);
  out.json({
    ...document,
    friend: friendDocument(visit.friends.known(friend.username), client.isOnline(friend.username)),
  });
  return EXIT.ok;
}

/** The friend who was not there before. */
async function arrival(
  { signal }: Call,
  { client }: Visit,
  known: ReadonlySet<string>,
  until: number,
): Promise<Friend> {
  while (!signal.aborted) {
    const friend = client.friends().find(({ username }) => !known.has(username));
    if (friend !== undefined) return friend;
    if (Date.now() > until) throw new MagiError('invalid_code', 'Nobody has used the code, and it has expired.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new MagiError('aborted', `Not waiting any more. The code stays usable until ${clock(until)}.`);
}

/** The owner has the name and the key before them: is that whom they gave the code? */
async function seen({ out }: Call, { client }: Visit, friend: Friend): Promise<void> {
  if (friend.policy !== 'hold') return;
  if (isAtTerminal() && (await agrees('Is that the friend whom you gave the code?'))) {
    await client.setPolicy(friend, 'ask');
    out.tell(`Your assistant is shown what ${nameOf(friend)} asks; what it answers needs your word.`);
    return;
  }
  const name = typed(friend.username);
  out.tell(`${nameOf(friend)} is on hold. If that is your friend:`);
  out.say(`  ${PROGRAM} policy ${name} ask`);
  out.say('If not:');
  out.say(`  ${PROGRAM} disconnect ${name}`);
}
