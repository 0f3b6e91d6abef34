/** `approve`: what assistants want to send, shown whole to the owner before it goes. `discard` forgets it. */
import { sentenceOf } from '../bridge/decision.ts';
import { findSecrets, secretSentence } from '../bridge/secrets.ts';
import { MagiError } from '../client/errors.ts';
import type { Outgoing } from '../client/outbox.ts';
import { KEPT, kept, reachToSend, settled } from './ask.ts';
import type { Call } from './call.ts';
import { EXIT, type ExitCode, exitCodeOf, PROGRAM } from './exit.ts';
import { bold, cyan, dim, red, yellow } from './output.ts';
import { agrees, needOwner } from './prompt.ts';
import { Visit } from './visit.ts';
import { clock, excerpt, keyOf, nameOf, sentenceOf as outcomeOf } from './wording.ts';

export async function approve(call: Call): Promise<ExitCode> {
  const { out } = call;
  const [word] = call.words;
  if (word !== undefined) needOwner('Approving');
  const visit = new Visit(call);
  if (word === undefined) return listed(call, visit);
  const draft = find(visit, word);
  await shown(call, visit, draft);
  if (!(await agrees('Send this?')))
    throw new MagiError('not_agreed', `It stays a draft. To forget it: ${PROGRAM} discard ${draft.number}`);
  const unreached = await reachToSend(visit);
  const posted = visit.client.approve(draft.id);
  visit.own(draft.id);
  if (unreached !== undefined) await kept(visit, posted);
  const status = unreached === undefined ? await settled(call, posted.sent) : undefined;
  out.json({ id: draft.id, to: draft.to, status: status ?? 'waiting' });
  if (status === undefined) {
    const why = unreached?.message ?? 'The exchange has not said yet that it has this.';
    out.warn(`${why} ${KEPT}`);
    return unreached === undefined ? EXIT.unreachable : exitCodeOf(unreached);
  }
  out.tell(outcomeOf(status, visit.friends.find(draft.to)?.localName ?? draft.to));
  return EXIT.ok;
}

export async function discard(call: Call): Promise<ExitCode> {
  const { out } = call;
  const visit = new Visit(call);
  const draft = find(visit, call.words[0] ?? '');
  await visit.client.discard(draft.id);
  out.say(`Draft ${draft.number} to ${draft.to} is forgotten.`);
  out.json({ discarded: { number: draft.number, id: draft.id } });
  return EXIT.ok;
}

function listed({ out }: Call, visit: Visit): ExitCode {
  const drafts = visit.client.drafts();
  out.json({ drafts: drafts.map((draft) => documentOf(visit, draft)) });
  if (drafts.length === 0) out.note('No draft waits for your word.');
  out.table(
    [{ head: 'DRAFT' }, { head: 'KIND' }, { head: 'TO', isLong: true }, { head: 'AT' }, { head: 'TEXT', isLong: true }],
    drafts.map(({ number, kind, to, at, content }) => [
      ...[bold(String(number)), kind, cyan(to)],
      ...(out.isTerminal ? [clock(at), excerpt(content, 80)] : [new Date(at).toISOString(), excerpt(content, 200)]),
    ]),
  );
  if (drafts.length > 0)
    out.note(dim(`${PROGRAM} approve NUMBER shows one whole and sends it; ${PROGRAM} discard NUMBER forgets it.`));
  return EXIT.ok;
}

/** By its number in the list, by its id, or by how that begins. */
function find({ client, outbox }: Visit, word: string): Outgoing {
  const draft =
    client.drafts().find(({ number }) => String(number) === word.replace('#', '')) ?? outbox.findDraft(word);
  if (draft === undefined)
    throw new MagiError('unknown_id', `There is no draft ${word}: ${PROGRAM} approve lists them.`);
  return draft;
}

/** To whom, about what, and every word of it. */
async function shown({ out }: Call, visit: Visit, draft: Outgoing): Promise<void> {
  const friend = visit.friends.find(draft.to);
  const name = friend === undefined ? draft.to : nameOf(friend);
  const { content = '' } = asked(visit, draft) ?? {};
  out.say(
    bold(draft.kind === 'question' ? `A question to ${name}` : `An answer to ${name}`),
    dim(`  ${clock(draft.at)}`),
  );
  out.say(dim(`Their key is ${keyOf(friend?.publicKey)}; their policy ${friend?.policy ?? 'hold'}.`));
  if (content !== '') out.say(dim('They asked: '), excerpt(content, 200));
  if ((friend?.pausedAt ?? 0) > 0) out.tell(yellow(sentenceOf('paused')));
  const secret = secretSentence(findSecrets(draft.content));
  if (secret !== '') out.tell(red(secret));
  out.say();
  out.text(draft.content, '  ');
  out.say();
}

function asked({ inbox }: Visit, { kind, to, replyTo }: Outgoing) {
  return kind === 'answer' && replyTo !== undefined ? inbox.questionFrom(to, replyTo) : undefined;
}

function documentOf(visit: Visit, draft: Outgoing): Readonly<Record<string, unknown>> {
  const { number, id, kind, to, content, replyTo, at } = draft;
  return {
    number,
    id,
    kind,
    to,
    text: content,
    replyTo: replyTo ?? null,
    question: asked(visit, draft)?.content ?? null,
    at,
  };
}
