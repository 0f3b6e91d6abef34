/** `answer NUMBER TEXT` and `decline NUMBER [REASON]`: says who has it when the command ends. */
import { MagiError } from '../client/errors.ts';
import type { Question } from '../client/question.ts';
import { KEPT, reachToSend, settled } from './ask.ts';
import type { Call } from './call.ts';
import { EXIT, type ExitCode, exitCodeOf, PROGRAM } from './exit.ts';
import { heed } from './heed.ts';
import { isAtTerminal } from './prompt.ts';
import { Visit } from './visit.ts';
import { sentenceOf } from './wording.ts';

export async function answer(call: Call): Promise<ExitCode> {
  return await close(call, 'answer', await call.text(1));
}

export async function decline(call: Call): Promise<ExitCode> {
  const [, reason] = call.words;
  return await close(call, 'declined', reason === undefined ? '' : await call.text(1));
}

async function close(call: Call, kind: 'answer' | 'declined', text: string): Promise<ExitCode> {
  const { out } = call;
  const visit = new Visit(call);
  const unreached = await reachToSend(visit);
  const question = await taken(call, visit, call.words[0] ?? '');
  try {
    await heed(call, visit.friends.find(question.from), text);
  } catch (error) {
    question.release();
    throw error;
  }
  const posted = await question.post(kind, text);
  visit.own(posted.id);
  if (isAtTerminal()) visit.ownerActed(question.from);
  const document = { id: posted.id, to: question.from, replyTo: question.id };
  const name = visit.friends.find(question.from)?.localName ?? question.from;
  const status = unreached === undefined ? await settled(call, posted.sent) : undefined;
  out.json({ ...document, status: status ?? 'waiting' });
  if (status === undefined) {
    const why = unreached?.message ?? 'The exchange has not said yet that it has this.';
    out.warn(`${why} ${KEPT}`);
    return unreached === undefined ? EXIT.unreachable : exitCodeOf(unreached);
  }
  if (kind === 'answer') out.tell(sentenceOf(status, name));
  else out.say(`${name} is told that there will be no answer.`);
  return EXIT.ok;
}

/** The question, which nobody else of this person is answering now. */
async function taken(call: Call, visit: Visit, word: string): Promise<Question> {
  try {
    return await visit.client.question(word);
  } catch (error) {
    if (!(error instanceof MagiError) || error.code !== 'claimed') throw error;
    const entry = visit.inbox.findQuestion(word);
    if (!call.flag('take') || entry?.claimedBy === undefined)
      throw new MagiError(
        'claimed',
        `An assistant of yours is answering this question. To do it yourself: ${PROGRAM} answer ${word} TEXT --take`,
      );
    visit.inbox.release(entry.number, entry.claimedBy);
    return await visit.client.question(word);
  }
}
