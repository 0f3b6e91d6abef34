/**
 * What may be said in one line to `brainxchange_command` (protocol part 8), read into a command. Nothing here sends: a line that cannot
 * be read, or a name that could mean two friends, comes back as a sentence that says what to do.
 */

import { ambiguous, candidates, exactFriends, type Friend, resolveFriend } from '../client/friend-names.ts';
import { readCode } from '../protocol/names.ts';

export type Command =
  | { readonly kind: 'create_invite' | 'friends' | 'status' | 'help' }
  /** As it was typed, case included. */
  | { readonly kind: 'connect'; readonly code: string }
  | { readonly kind: 'ask'; readonly username: string; readonly text: string }
  /** Without `id`: the open question of that friend, which the caller looks up. */
  | { readonly kind: 'answer'; readonly username: string; readonly id?: string; readonly text: string }
  | { readonly kind: 'decline'; readonly username: string; readonly id?: string; readonly reason: string }
  /** With `id`: that message, from `offset` on. */
  | { readonly kind: 'inbox'; readonly id?: string; readonly offset?: number }
  | { readonly kind: 'disconnect'; readonly username: string };

export interface Known {
  readonly friends: readonly Friend[];
  /** Questions that wait for an answer, with who asked. */
  readonly questions: readonly { readonly id: string; readonly username: string }[];
}

export interface Refused {
  /** One sentence, for the assistant and its owner. */
  readonly fault: string;
}

/** Protocol part 3. */
const REASON_CHARACTERS_MAX = 200;
/** A username has at most 128 characters, so at most 64 words; NFKC may shorten what was typed by a factor of 8. */
const NAME_WORDS_MAX = 64;
const NAME_UNITS_MAX = 1024;

const CLOSES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '`': '`',
  '“': '”',
  '„': '“',
  '«': '»',
  '‘': '’',
};

export const HELP = `create invite: a code for one friend to connect with
connect CODE: connect with a friend's code
ask FRIEND [about] TEXT: ask a friend's assistant
answer FRIEND or ID TEXT: answer a question
decline FRIEND or ID [REASON]: refuse a question
inbox [ID [OFFSET]]: what friends said, or the rest of one message
friends, status: who is connected, and how it stands
disconnect FRIEND: end a connection for good
A friend is named by username or by the name they had when you connected; put it in quotes if words follow that might belong to it.`;

type Reader = (rest: string, known: Known) => Command | Refused;

/** The verbs, and what is read after each of them. */
const READERS: Readonly<Record<string, Reader>> = {
  create: (rest) =>
    /^(?:an? )?(?:new )?invite(?: code)?$/i.test(rest.replace(/\s+/g, ' '))
      ? { kind: 'create_invite' }
      : { fault: 'Only an invite can be made: create invite.' },
  invite: () => ({ kind: 'create_invite' }),
  connect: (rest) => {
    const code = unquoted(rest);
    return readCode(code) === undefined
      ? { fault: 'A code has six characters, such as ABC234. Ask your friend for theirs, then: connect CODE.' }
      : { kind: 'connect', code };
  },
  ask: (rest, { friends }) => {
    const read = readFriend(rest, friends);
    if ('fault' in read) return read;
    const text = unquoted(read.rest.replace(/^about(?:\s+|$)/i, ''));
    if (text === '') return { fault: 'Say what to ask: ask FRIEND TEXT.' };
    return { kind: 'ask', username: read.friend.username, text };
  },
  answer: (rest, known) => {
    const read = readQuestion(rest, known);
    if ('fault' in read) return read;
    const text = unquoted(read.rest);
    if (text === '') return { fault: 'Say what to answer: answer FRIEND or ID, then TEXT.' };
    return { kind: 'answer', username: read.username, ...(read.id !== undefined && { id: read.id }), text };
  },
  decline: (rest, known) => {
    const [only, ...others] = known.questions;
    if (rest === '' && (only === undefined || others.length > 0))
      return { fault: only === undefined ? 'No question waits.' : 'Several questions wait: decline FRIEND or ID.' };
    const read = rest === '' && only !== undefined ? { ...only, rest } : readQuestion(rest, known);
    if ('fault' in read) return read;
    const reason = unquoted(read.rest);
    if (reason.length > REASON_CHARACTERS_MAX)
      return { fault: `A reason has at most ${REASON_CHARACTERS_MAX} characters. Nothing was sent.` };
    return { kind: 'decline', username: read.username, ...(read.id !== undefined && { id: read.id }), reason };
  },
  inbox: (rest) => {
    if (rest === '') return { kind: 'inbox' };
    const [, id, digits] = /^(\S{1,64})(?:\s+(\d{1,6}))?$/.exec(rest) ?? [];
    if (id === undefined) return { fault: 'Say inbox, or inbox ID OFFSET for the rest of one message.' };
    return { kind: 'inbox', id, ...(digits !== undefined && { offset: Number(digits) }) };
  },
  disconnect: (rest, { friends }) => {
    const found = resolveFriend(friends, unquoted(rest));
    return 'fault' in found ? found : { kind: 'disconnect', username: found.friend.username };
  },
  friends: () => ({ kind: 'friends' }),
  status: () => ({ kind: 'status' }),
  help: () => ({ kind: 'help' }),
};

/** Reads one line. Never throws; the prefix, the verb and friends' names are read without regard to case. */
export function parse(line: string, known: Known): Command | Refused {
  const text = unquoted(line.trim())
    .replace(/^(?:magi|brainx)(?=\s|$)/i, '')
    .trimStart();
  if (text === '') return { kind: 'help' };
  const verb = (/^\S+/.exec(text)?.[0] ?? '').toLowerCase();
  const reader = Object.hasOwn(READERS, verb) ? READERS[verb] : undefined;
  if (reader === undefined)
    return { fault: `Nothing was done. The commands are ${Object.keys(READERS).join(', ')}; help explains them.` };
  return reader(text.slice(verb.length).trim(), known);
}

/** Without the quotes around it, if it stands in one pair of them. */
function unquoted(text: string): string {
  const opening = text.charAt(0);
  const closing = CLOSES[opening];
  if (closing === undefined || text.length < 2 || !text.endsWith(closing)) return text;
  const inner = text.slice(1, -1);
  return inner.includes(opening) || inner.includes(closing) ? text : inner.trim();
}

/** The friend named at the head of `text`, in quotes or not, and what follows. */
function readFriend<F extends Friend>(
  text: string,
  friends: readonly F[],
): { readonly friend: F; readonly rest: string } | Refused {
  const closing = CLOSES[text.charAt(0)];
  const end = closing === undefined ? -1 : text.indexOf(closing, 1);
  if (end > 1) {
    const found = resolveFriend(friends, text.slice(1, end));
    return 'fault' in found ? found : { friend: found.friend, rest: afterName(text, end + 1) };
  }
  const exact = leadingNames(text, friends);
  const [longest] = exact;
  if (longest !== undefined) {
    const named = friends.filter((friend) => exact.some((other) => other.friend === friend));
    // "Bob can you" may be a friend, too: then it is not for us to say where the name ends.
    if (named.length > 1)
      return { fault: `${ambiguous(longest.name, named)} Quotes around the name say where it ends.` };
    return { friend: longest.friend, rest: afterName(text, longest.name.length) };
  }
  const [first = ''] = /^\S+/.exec(text) ?? [];
  const found = resolveFriend(friends, first.replace(/[:,]$/, ''));
  return 'fault' in found ? found : { friend: found.friend, rest: afterName(text, first.length) };
}

/** Every way to read the leading words as a friend's whole name, the longest first. */
function leadingNames<F extends Friend>(text: string, friends: readonly F[]): { name: string; friend: F }[] {
  const names: { name: string; friend: F }[] = [];
  const words = text.slice(0, NAME_UNITS_MAX).matchAll(/\S+/g);
  let count = 0;
  for (const word of words) {
    if (++count > NAME_WORDS_MAX) break;
    const typed = text.slice(0, word.index + word[0].length);
    for (const name of new Set([typed, typed.replace(/[:,]$/, '')]))
      for (const friend of exactFriends(friends, name)) names.unshift({ name, friend });
  }
  return names;
}

/** The question named at the head of `text`, by its id or by who asked. */
function readQuestion(
  text: string,
  { friends, questions }: Known,
): { readonly username: string; readonly id?: string; readonly rest: string } | Refused {
  const [first = ''] = /^\S+/.exec(text) ?? [];
  const question = questions.find(({ id }) => id === first);
  if (question === undefined) {
    const read = readFriend(text, friends);
    return 'fault' in read ? read : { username: read.friend.username, rest: read.rest };
  }
  // Who asks chooses the id: it must not draw an answer that was meant for a friend with such a name.
  const others = candidates(friends, first).filter(({ username }) => username !== question.username);
  if (others.length > 0)
    return { fault: `${ambiguous(first, others)} It is also the id of a question that somebody else asked.` };
  return { username: question.username, id: question.id, rest: afterName(text, first.length) };
}

function afterName(text: string, end: number): string {
  return text.slice(end).replace(/^[:,]?\s+|^[:,]$/, '');
}
