/**
 * One process of a user, with the client as a program uses it: MAGI_SERVER, MAGI_USERNAME and MAGI_HOME say whose. It does what it is
 * told in lines of JSON on its standard input (`do` names it), and says in lines of JSON what happens (`what` names it). Its clock may be
 * another one, see clock.ts.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openClient } from '../../src/client/client.ts';
import { MagiError } from '../../src/client/errors.ts';
import type { Question } from '../../src/client/question.ts';

type Line = Record<string, unknown>;

/** When it is to kill itself: `arrived`, `claimed`. */
let deathAt = '';
const taken = new Map<string, Question>();

function say(what: string, more: Line = {}): void {
  writeSync(1, `${JSON.stringify({ what, ...more })}\n`);
}

/** A kill at a place that nobody outside could hit. Nothing that comes after this line is done. */
function dieAt(place: string): void {
  if (deathAt === place) process.kill(process.pid, 'SIGKILL');
}

const codeOf = (error: unknown) => (error instanceof MagiError ? error.code : String(error));

const client = openClient({
  backoff: { minMs: 10, maxMs: 100 },
  on: {
    arrived: ({ kind, id, number, content, news }) => {
      say('arrived', { kind, id, number, content, news });
      dieAt('arrived');
    },
    settled: ({ id, kind }, outcome) =>
      say('settled', { id, kind, outcome: outcome instanceof MagiError ? outcome.code : outcome }),
    presence: ({ type, friend }) => say('presence', { type, friend: friend.username }),
    keyChanged: ({ username, pinned, offered }) => say('keyChanged', { username, pinned, offered }),
    identified: ({ pending }) => say('identified', { pending }),
    closed: (code, willReturn) => say('closed', { code, willReturn }),
    trouble: (error) => say('trouble', { code: codeOf(error), message: String(error) }),
  },
});

function ask({ to, text, ...options }: Line): void {
  const asked = client.post(String(to), String(text), options);
  const { id } = asked;
  say('asked', { id, text });
  hear(id, asked.sent, asked.answer);
}

function hear(id: string, sent: Promise<unknown> | undefined, answer: Promise<{ text: string }>): void {
  sent?.then(
    (status) => say('sent', { id, status }),
    (error) => say('unsent', { id, code: codeOf(error) }),
  );
  answer.then(
    ({ text }) => say('answer', { id, text }),
    (error) => say('noAnswer', { id, code: codeOf(error), message: error.message }),
  );
}

/** Takes questions on, so many. `answering`: with `re: ` and the text. */
async function serve({ count = Number.POSITIVE_INFINITY, answering = false }: Line): Promise<void> {
  let served = 0;
  for await (const question of client.questions()) {
    const { id, text, from, number } = question;
    taken.set(id, question);
    say('claimed', { id, text, from, number });
    dieAt('claimed');
    if (answering === true) await reply({ id, text: `re: ${text}` });
    if (++served >= Number(count)) break;
  }
}

async function reply({ id, text }: Line): Promise<void> {
  const question = taken.get(String(id)) ?? (await client.question(String(id)));
  await question.answer(String(text)).then(
    (status) => say('answered', { id, text, status }),
    (error) => say('unanswered', { id, code: codeOf(error) }),
  );
}

const DEEDS: Record<string, (line: Line) => unknown> = {
  identify: () => client.identify(),
  invite: async () => say('invited', await client.createInvite()),
  connect: async ({ code }) => say('friend', { ...(await client.connect(String(code))) }),
  friends: () => say('friends', { friends: client.friends() }),
  ask,
  askMany: ({ to, texts }) => {
    for (const text of texts as string[]) ask({ to, text });
  },
  answerTo: ({ id }) => hear(String(id), undefined, client.answerTo(String(id))),
  serve,
  reply,
  decline: async ({ id, reason }) => {
    const question = taken.get(String(id)) ?? (await client.question(String(id)));
    await question.decline(String(reason));
    say('declined', { id });
  },
  die: ({ at }) => {
    deathAt = String(at);
  },
  waiting: () => say('waiting', { ...client.waiting() }),
  inbox: (page) => say('inbox', { entries: client.inbox({ limit: 100, ...page }) }),
  trust: ({ name }) => client.trust(String(name)),
  close: async () => {
    await client.close();
    say('left');
  },
};

createInterface({ input: process.stdin }).on('line', async (text) => {
  const line = JSON.parse(text) as Line;
  const deed = DEEDS[String(line.do)];
  try {
    if (deed === undefined) throw new Error(`nobody knows how to ${line.do}`);
    await deed(line);
    say('done', { did: line.do });
  } catch (error) {
    say('failed', { did: line.do, code: codeOf(error), message: String(error) });
  }
});
process.on('exit', (code) => say('exit', { code }));
say('ready', { pid: process.pid, node: process.versions.node });
