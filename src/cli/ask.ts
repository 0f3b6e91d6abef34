/** `ask FRIEND TEXT`: the answer, however late; or what becomes of the question without it. */
import { MagiError } from '../client/errors.ts';
import type { Friend } from '../client/friends.ts';
import type { Answer, Asked } from '../client/options.ts';
import type { Status } from '../client/outbox.ts';
import type { Call } from './call.ts';
import { EXIT, type ExitCode, exitCodeOf, PROGRAM, UsageError } from './exit.ts';
import { heed } from './heed.ts';
import { dim } from './output.ts';
import { isAtTerminal } from './prompt.ts';
import { Visit } from './visit.ts';
import { sentenceOf } from './wording.ts';

/** The exchange says within 5 s who has a message, if it is there. */
const SENT_MS_MAX = 20_000;
const STATUS_MS_MAX = 500;
export const KEPT = 'What you said is kept here and goes out with the next command, for 7 days.';
const LATER = `The answer will come to your inbox: ${PROGRAM} inbox`;

export async function ask(call: Call): Promise<ExitCode> {
  const { out, signal } = call;
  const timeout = call.seconds('timeout');
  const noWait = call.flag('no-wait');
  if (noWait && timeout !== undefined) throw new UsageError('--timeout and --no-wait do not go together.');
  const text = await call.text(1);
  const visit = new Visit(call);
  const unreached = await reachToSend(visit);
  const friend = visit.client.friend(call.words[0] ?? '');
  await heed(call, friend, text);
  const asked = visit.client.post(friend, text, timeout === undefined ? { signal } : { timeout, signal });
  visit.own(asked.id);
  if (isAtTerminal()) visit.ownerActed(friend.username);
  const document = { id: asked.id, to: friend.username };
  if (unreached !== undefined) {
    await kept(visit, asked);
    out.warn(`${unreached.message} ${KEPT}`);
    out.json({ ...document, status: 'waiting', answer: null });
    return exitCodeOf(unreached);
  }
  if (noWait) return await sentOnly(call, asked, friend);
  void asked.sent.then(
    (status) =>
      out.note(dim(`${sentenceOf(status, friend.localName)} Waiting for the answer; Ctrl-C stops the waiting.`)),
    () => {},
  );
  try {
    const answer = await asked.answer;
    print(call, friend, answer);
    out.json({
      ...document,
      status: await asked.sent.catch(() => 'delivered'),
      answer: { text: answer.text, at: answer.at },
    });
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof MagiError) || (error.code !== 'no_answer_yet' && error.code !== 'aborted'))
      throw declined(error, friend);
    const status = await statusOf(visit, asked);
    out.warn(`No answer yet. ${status === 'waiting' ? KEPT : LATER}`);
    out.json({ ...document, status, answer: null });
    return exitCodeOf(error);
  }
}

function print({ out }: Call, { localName }: Friend, { text }: Answer): void {
  if (out.isTerminal) out.say(dim(`${localName} answers:`));
  out.text(text);
}

/** The friend's reason is a sentence of theirs; whose it is has to be said. */
function declined(error: unknown, { localName }: Friend): unknown {
  if (!(error instanceof MagiError) || error.code !== 'declined') return error;
  return new MagiError(
    'declined',
    `${localName} declined: ${error.message}`,
    error.id === undefined ? {} : { id: error.id },
  );
}

async function sentOnly(call: Call, asked: Asked, { localName, username }: Friend): Promise<ExitCode> {
  const status = await settled(call, asked.sent);
  if (status === undefined) call.out.warn(`The exchange has not said yet that it has this. ${KEPT}`);
  else call.out.tell(`${sentenceOf(status, localName)} ${LATER}`);
  call.out.json({ id: asked.id, to: username, status: status ?? 'waiting', answer: null });
  return status === undefined ? EXIT.unreachable : EXIT.ok;
}

/** Who has the message; undefined if nobody has said so in time. Rejected with MagiError when it is refused. */
export async function settled({ signal }: Call, sent: Promise<Status>): Promise<Status | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), SENT_MS_MAX);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  try {
    return await Promise.race([sent, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Why the exchange is not there, for who can send all the same: the message waits here. Rejected when it refuses this person. */
export async function reachToSend(visit: Visit): Promise<MagiError | undefined> {
  try {
    await visit.reach();
    return undefined;
  } catch (error) {
    if (error instanceof MagiError && error.code === 'unreachable') return error;
    throw error;
  }
}

/** Fulfilled when the message is on disk; rejected with MagiError when it cannot be sent at all. */
export async function kept(visit: Visit, { id, sent }: { id: string; sent: Promise<Status> }): Promise<void> {
  let refusal: unknown;
  sent.catch((error: unknown) => {
    refusal = error;
  });
  const isKept = () => !['draft', undefined].includes(visit.outbox.find(id)?.state);
  while (refusal === undefined && !isKept()) await new Promise((resolve) => setTimeout(resolve, 5));
  if (refusal !== undefined) throw refusal;
  await visit.database.flushed();
}

/** What is known of the question; what the exchange says of it may just be on its way. */
async function statusOf(visit: Visit, { id, sent }: Asked): Promise<string> {
  const isLate = new Promise<undefined>((resolve) => setTimeout(resolve, STATUS_MS_MAX));
  const status = await Promise.race([sent.catch(() => undefined), isLate]);
  return status ?? visit.outbox.find(id)?.state ?? 'waiting';
}
