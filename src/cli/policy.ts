/** `policy FRIEND …` and `trust FRIEND`: what only the owner decides about a friend. */
import { MagiError } from '../client/errors.ts';
import { type Friend, POLICIES, type Policy } from '../client/friends.ts';
import type { Call } from './call.ts';
import { EXIT, type ExitCode, UsageError } from './exit.ts';
import { bold } from './output.ts';
import { agrees, needOwner } from './prompt.ts';
import { Visit } from './visit.ts';
import { friendDocument, keyOf, nameOf } from './wording.ts';

const MEANING: Readonly<Record<Policy, (name: string) => string>> = {
  hold: (name) => `What ${name} asks is shown to no assistant.`,
  ask: (name) => `What ${name} asks is shown to your assistant; what it says to them needs your word.`,
  auto: (name) => `Your assistant answers ${name} by itself.`,
  mute: (name) => `What ${name} asks is shown to nobody, and nobody is woken.`,
};

export async function policy(call: Call): Promise<ExitCode> {
  const { out } = call;
  const [name = '', word] = call.words;
  const wanted = POLICIES.find((one) => one === word);
  if (word !== undefined && wanted === undefined)
    throw new UsageError(`${JSON.stringify(word)} is no policy: there are ${POLICIES.join(', ')}.`);
  if (wanted !== undefined) needOwner('A policy');
  const visit = new Visit(call);
  const friend = await known(visit, name);
  // Whether that is the friend can be told by name and key alone.
  if (wanted !== undefined && friend.policy === 'hold' && wanted !== 'hold') {
    out.tell('This is ', bold(nameOf(friend)), `, with the key ${keyOf(friend.publicKey)}`);
    if (wanted !== 'mute' && !(await agrees('Is that your friend?')))
      throw new MagiError('not_agreed', 'Nothing was done.');
  }
  if (wanted === 'auto') {
    out.note(
      `Your assistant will answer ${nameOf(friend)} without asking you, from whatever it can read on this machine.`,
    );
    if (!(await agrees('Do you want that?'))) throw new MagiError('not_agreed', 'Nothing was done.');
  }
  if (wanted !== undefined) await visit.client.setPolicy(friend, wanted);
  const now = wanted ?? friend.policy;
  out.say(`${nameOf(friend)}: `, bold(now));
  out.tell(MEANING[now](friend.localName));
  out.tell(`Their key is ${keyOf(friend.publicKey)}`);
  out.json({ friend: friendDocument({ ...friend, policy: now }, null) });
  return EXIT.ok;
}

export async function trust(call: Call): Promise<ExitCode> {
  const { out } = call;
  const visit = new Visit(call);
  const friend = await known(visit, call.words[0] ?? '');
  const { change } = friend;
  if (change === undefined) {
    out.say(`${nameOf(friend)} has the key that you know: nothing to decide. It is ${keyOf(friend.publicKey)}`);
    out.json({ friend: friendDocument(friend, null) });
    return EXIT.ok;
  }
  needOwner('Trusting a changed key');
  out.say(`${nameOf(friend)} has another key than before.`);
  out.say(`  known  ${keyOf(change.pinned)}`);
  out.say(`  now    ${keyOf(change.offered)}`);
  out.tell('It may be a new machine of theirs, or somebody else with their name. Ask them, not by this exchange.');
  if (!(await agrees('Is the key that they have now theirs?'))) throw new MagiError('not_agreed', 'Nothing was done.');
  await visit.client.trust(friend);
  out.say(`${nameOf(friend)} is trusted with the new key, with the policy ask.`);
  out.json({ friend: friendDocument(await known(visit, friend.username), null) });
  return EXIT.ok;
}

/** A friend of this folder; one of whom only the exchange knows so far is asked for there. */
async function known(visit: Visit, name: string): Promise<Friend> {
  try {
    return visit.client.friend(name);
  } catch (error) {
    if (!(error instanceof MagiError) || error.code !== 'unknown_friend') throw error;
  }
  await visit.reach();
  return visit.client.friend(name);
}
