/** What `doctor` finds once the exchange is there: whether the name belongs to the key, and what waits. */
import { MagiError } from '../client/errors.ts';
import type { Settings } from '../client/settings.ts';
import type { Call } from './call.ts';
import type { Finding } from './doctor.ts';
import { PROGRAM } from './exit.ts';
import { Visit } from './visit.ts';
import { count, typed } from './wording.ts';

const ADVICE: Readonly<Record<string, string>> = {
  username_reserved: `Somebody else has this name. Choose another one; or, if it is yours: ${PROGRAM} identity import FILE`,
  username_taken: 'Somebody without a key is here with this name. Choose another one, or wait until they have gone.',
  registration_closed: `New names need an invite here: ${PROGRAM} connect CODE`,
  replaced: 'More programs are connected in your name than are allowed: close some.',
};

export async function* personFindings(call: Call, settings: Settings): AsyncGenerator<Finding> {
  const visit = new Visit(call, settings);
  const { client } = visit;
  try {
    await visit.reach();
  } catch (error) {
    if (!(error instanceof MagiError) || error.code === 'aborted') throw error;
    yield { check: 'Name', state: 'wrong', message: error.message, advice: adviceOf(error) };
    return;
  }
  yield { check: 'Name', state: 'ok', message: `${settings.username} is bound to your key` };
  for (const { localName, username, change } of client.friends())
    if (change !== undefined)
      yield {
        check: 'Friends',
        state: 'wrong',
        message: `${localName} has another key than before: nothing goes to and fro`,
        advice: `Ask them in person, then: ${PROGRAM} trust ${typed(username)}`,
      };
  yield { check: 'Friends', state: 'ok', message: friendsOf(visit) };
  yield* messageFindings(visit);
}

function adviceOf({ code, message }: MagiError): string {
  // Two different things are called so: the host, and the key.
  if (code === 'bad_signature' && /host|PUBLIC_HOSTS|Dial one/.test(message))
    return 'Use one of the hosts that it names in --server, or ask the operator to list yours in PUBLIC_HOSTS.';
  if (code === 'bad_signature') return ADVICE.username_reserved ?? '';
  return ADVICE[code] ?? 'Try again a little later; ask the operator if it stays.';
}

function friendsOf({ client }: Visit): string {
  const friends = client.friends();
  const here = friends.filter(({ username }) => client.isOnline(username)).length;
  const held = friends.filter(({ policy }) => policy === 'hold').length;
  return `${count(friends.length, 'friend')}, ${here} here${held === 0 ? '' : `, ${held} on hold`}`;
}

async function* messageFindings(visit: Visit): AsyncGenerator<Finding> {
  const check = 'Messages';
  await visit.fetch();
  const { questions, answers, unsent } = visit.client.waiting();
  const drafts = visit.client.drafts().length;
  const stuck = visit.outbox.waiting().filter(({ to }) => !visit.friends.isTrusted(to));
  if (stuck.length > 0)
    yield {
      check,
      state: 'warning',
      message: `${count(stuck.length, 'message')} not sent, since the friend's key has changed`,
      advice: `${PROGRAM} trust FRIEND, or ${PROGRAM} disconnect FRIEND`,
    };
  const parts = [count(questions, 'question'), count(answers, 'answer'), count(drafts, 'draft')].join(', ');
  yield { check, state: 'ok', message: `${parts} waiting for you; ${unsent - stuck.length} on the way out` };
}
