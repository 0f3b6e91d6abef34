/** `inbox`: what friends asked and answered, oldest first; fetched from the exchange, or what is here if that cannot be reached. */

import type { Entry } from '../client/entries.ts';
import { MagiError } from '../client/errors.ts';
import type { Friend } from '../client/friends.ts';
import type { Call } from './call.ts';
import { EXIT, type ExitCode, exitCodeOf, PROGRAM, UsageError } from './exit.ts';
import { bold, cyan, dim, type Piece, yellow } from './output.ts';
import { Visit } from './visit.ts';
import { clock, count, excerpt } from './wording.ts';

const LISTED = 20;
/** Of a longer text, the beginning is listed. */
const LINES_MAX = 12;
const CHARACTERS_MAX = 1_200;
const INDENT = '     ';

/** An entry, and what is known about it. */
interface Shown extends Entry {
  readonly friend: Friend | undefined;
  /** The own question that it is about. */
  readonly question: string | undefined;
  /** What only the owner may see, and this may be somebody else. */
  readonly isHeld: boolean;
}

export async function inbox(call: Call): Promise<ExitCode> {
  const limit = call.number('number', 1) ?? LISTED;
  const [word] = call.words;
  if (call.flag('follow') && word !== undefined) throw new UsageError('--follow does not go with a number.');
  const visit = new Visit(call);
  const failed = await visit.fetch();
  const code = failed === undefined ? EXIT.ok : exitCodeOf(failed);
  if (word !== undefined) {
    one(call, visit, word);
    return code;
  }
  const isAll = call.flag('all');
  const entries = list(call, visit, { limit: limit + 1, onlyWaiting: !isAll });
  const shown = entries.slice(0, limit).reverse();
  if (call.out.isJson && call.flag('follow')) for (const entry of shown) call.out.jsonLine(documentOf(entry));
  else if (call.out.isJson) {
    const { questions, answers } = visit.client.waiting();
    const documents = shown.map(documentOf);
    call.out.json({ connected: failed === undefined, entries: documents, waiting: { questions, answers } });
  } else print(call, shown, { isAll, isMore: entries.length > limit, limit });
  read(visit, shown);
  if (call.flag('follow')) await follow(call, visit, isAll);
  return code;
}

function list(call: Call, visit: Visit, page: { limit: number; onlyWaiting: boolean; after?: number }): Shown[] {
  const friends = new Map<string, Friend | undefined>();
  const friendOf = (username: string) => {
    if (!friends.has(username)) friends.set(username, visit.friends.find(username));
    return friends.get(username);
  };
  return visit.inbox.list(page).flatMap((entry) => {
    const friend = friendOf(entry.from);
    const policy = friend?.policy ?? 'hold';
    const isQuestion = entry.kind === 'question';
    if (isQuestion && policy === 'mute' && page.onlyWaiting) return [];
    const about = entry.kind === 'answer' ? entry.replyTo : entry.id;
    const question = isQuestion || about === undefined ? undefined : visit.outbox.find(about)?.content;
    const isHeld = isQuestion && (policy === 'hold' || policy === 'mute') && !call.out.isTerminal;
    return [{ ...entry, friend, question, isHeld }];
  });
}

function one(call: Call, visit: Visit, word: string): void {
  const number = /^#?\d{1,15}$/.test(word) ? Number(word.replace('#', '')) : visit.inbox.findQuestion(word)?.number;
  const [entry] = number === undefined ? [] : list(call, visit, { limit: 1, onlyWaiting: false, after: number - 1 });
  if (entry === undefined || entry.number !== number)
    throw new MagiError('unknown_id', `There is no ${word} in your inbox.`);
  call.out.json({ entry: documentOf(entry) });
  if (call.out.isTerminal) printEntry(call, entry, true);
  else if (entry.isHeld) call.out.warn(HELD);
  else call.out.text(entry.content);
  read(visit, [entry]);
}

/** What was shown is not news any more. A question stays open until it is answered or declined. */
function read(visit: Visit, entries: readonly Shown[]): void {
  visit.client.markRead(...entries.filter(({ state }) => state === 'unread').map(({ number }) => number));
}

async function follow(call: Call, visit: Visit, isAll: boolean): Promise<void> {
  call.out.note(dim('Waiting for more. Ctrl-C ends this.'));
  let last = visit.inbox.list({ limit: 1 })[0]?.number ?? 0;
  while (!call.signal.aborted) {
    const more = list(call, visit, { limit: LISTED, onlyWaiting: false, after: last });
    for (const entry of more)
      if (isAll || entry.friend?.policy !== 'mute') {
        printEntry(call, entry);
        call.out.jsonLine(documentOf(entry));
      }
    read(visit, more);
    last = more.at(-1)?.number ?? last;
    await visit.client.changed(call.signal);
  }
}

// --- how it looks ------------------------------------------------------------------------------------------------------------

const HELD = `A question of a friend on hold: look at it in a terminal, or set a policy for them there.`;

function print(call: Call, entries: readonly Shown[], page: { isAll: boolean; isMore: boolean; limit: number }): void {
  const { out } = call;
  if (entries.length === 0) {
    out.note(
      page.isAll ? 'Nothing has come yet.' : `Nothing waits for you. What has been dealt with: ${PROGRAM} inbox --all`,
    );
    return;
  }
  if (page.isMore) out.note(dim(`There is more before these: ${PROGRAM} inbox -n ${page.limit * 5}`));
  for (const entry of entries) printEntry(call, entry);
  const open = entries.filter(({ kind, state }) => kind === 'question' && state === 'open');
  const [first] = open;
  if (first === undefined) return;
  out.note();
  out.note(
    dim(
      `${count(open.length, 'question')} to answer: ${PROGRAM} answer ${first.number} TEXT, or ${PROGRAM} decline ${first.number}`,
    ),
  );
}

function printEntry(call: Call, entry: Shown, isWhole = false): void {
  const { out } = call;
  const { number, from, content, at, isHeld } = entry;
  if (!out.isTerminal) {
    const text = isHeld ? '' : content;
    const cells = [`#${number}`, kindOf(entry), stateOf(entry), from, new Date(at).toISOString(), text];
    out.table([], [cells.map(oneCell)]);
    return;
  }
  const state = stateOf(entry);
  out.say(
    bold(`#${number}`.padEnd(INDENT.length)),
    ...headOf(entry),
    dim(`  ${clock(at)}${state === 'open' || state === 'unread' || state === 'read' ? '' : `  ${state}`}`),
  );
  const beginning = isWhole ? content : beginningOf(content);
  if (content !== '') out.text(beginning, INDENT);
  if (beginning !== content) out.say(dim(`${INDENT}… all of it: ${PROGRAM} inbox ${number}`));
}

/** A tab or a line break would look like the next cell or line. */
function oneCell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\r', '\\r');
}

function headOf({ kind, news, from, friend, question = '' }: Shown): Piece[] {
  const name = friend?.localName ?? from;
  const about = question === '' ? '' : ` “${excerpt(question)}”`;
  if (kind === 'question') {
    const policy = friend?.policy ?? 'hold';
    const isUnseen = policy === 'hold' || policy === 'mute';
    return [cyan(`${name} asks`), ...(isUnseen ? [yellow(` (${policy === 'hold' ? 'on hold' : 'muted'})`)] : [])];
  }
  if (kind === 'answer') return [cyan(`${name} answers`), about];
  if (news === 'declined') return [yellow(`${name} declined`), about];
  return [
    yellow(
      news === 'left'
        ? `The connection with ${name} ended without an answer to`
        : `${name} did not come back in time for`,
    ),
    about,
  ];
}

function beginningOf(text: string): string {
  const lines = text.split('\n');
  const beginning = lines.length > LINES_MAX ? lines.slice(0, LINES_MAX).join('\n') : text;
  if (beginning.length <= CHARACTERS_MAX) return beginning;
  return beginning.slice(0, CHARACTERS_MAX).replace(/[\uD800-\uDBFF]$/, '');
}

function kindOf({ kind, news }: Entry): string {
  return kind === 'receipt' ? news : kind;
}

/** As `state`, with who is at it. */
function stateOf({ state, claimedUntil, isHeld }: Shown): string {
  if (isHeld && state === 'open') return 'on hold';
  if (state === 'open' && claimedUntil > Date.now()) return 'being answered';
  return state === 'handled' ? 'answered elsewhere' : state;
}

function documentOf(entry: Shown): Readonly<Record<string, unknown>> {
  const { number, id, from, friend, content, at, replyTo, question, isHeld } = entry;
  return {
    number,
    kind: kindOf(entry),
    state: entry.state,
    id,
    from,
    localName: friend?.localName ?? from,
    policy: friend?.policy ?? 'hold',
    text: isHeld ? null : content,
    held: isHeld,
    at,
    replyTo: replyTo ?? null,
    question: question ?? null,
    beingAnswered: entry.state === 'open' && entry.claimedUntil > Date.now(),
  };
}
