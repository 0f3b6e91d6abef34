/**
 * What an assistant can do through the exchange, without a word of MCP: each function returns what to say.
 */
import type { Client } from '../client/client.ts';
import type { Entry } from '../client/entries.ts';
import { MagiError } from '../client/errors.ts';
import { called, candidates } from '../client/friend-names.ts';
import { type Friend, fingerprintOf } from '../client/friends.ts';
import type { Asked } from '../client/options.ts';
import { Question } from '../client/question.ts';
import { wakeSentence } from '../client/wakes.ts';
import { visibleName } from '../protocol/visible.ts';
import { type Reason, reasonsToAsk } from './decision.ts';
import { Outgoing } from './outgoing.ts';
import { Reading, SHOWN } from './reading.ts';
import { refused, type Said } from './said.ts';
import { described, plural, sentAnswer } from './wording.ts';

/** The same question to the same friend within so long is the one that is open. */
const SAME_MS = 10 * 60 * 1000;
/** How often an assistant hears that a call still waits. */
const TICK_MS = 5_000;
/** What the exchange has to do at once fails when it is not there after so long. */
const REACH_MS_MAX = 5_000;

/** What must happen before something leaves. */
export type Gate =
  | { readonly may: 'go' }
  /** The owner has to see the draft. `question`: for the owner's eyes; `why` for the assistant. */
  | { readonly may: 'ask'; readonly draft: string; readonly question: string; readonly reasons: readonly Reason[] };

export interface Waiting {
  readonly milliseconds: number;
  readonly signal: AbortSignal;
  /** Told now and then while it waits. */
  readonly tick: (message: string) => void;
}

export class Bridge {
  readonly client: Client;
  readonly reading: Reading;
  readonly outgoing: Outgoing;

  /** Told the word that the assistant has said back. */
  woken: (word: string) => void = () => {};

  constructor(client: Client) {
    this.client = client;
    this.reading = new Reading(client);
    this.outgoing = new Outgoing(client, () => this.reading.isTainted);
  }

  // --- friends -----------------------------------------------------------------------------------------------------------------

  async createInvite(): Promise<Said> {
    await this.#reach();
    const { code, expiresAt } = await this.client.createInvite();
    const minutes = Math.max(1, Math.round((expiresAt - Date.now()) / 60_000));
    return {
      text: `The code is ${code}. It connects one friend with you, once, within ${minutes} minutes. They say to their assistant: connect ${code}.`,
      data: { status: 'ok', code, expiresAt },
    };
  }

  async connect(code: string): Promise<Said> {
    await this.#reach();
    const friend = await this.client.connect(code);
    const key = friend.publicKey === undefined ? '' : ` Their key: ${fingerprintOf(friend.publicKey)}.`;
    return {
      text: `Connected with ${called(friend)}.${key} Until your owner has looked at name and key in a terminal (magi friends) and lets them ask (magi policy), nothing that this friend asks is shown to you.`,
      data: { status: 'ok', friend: described(friend, true) },
    };
  }

  friends(): Said {
    const all = this.client.friends();
    const friends = all.map((friend) => described(friend, this.client.isOnline(friend.username)));
    const lines = friends.map(({ isHere, policy, state }, at) => {
      const name = called(all[at] as Friend);
      return `- ${name}: ${isHere ? 'here' : 'away'}, policy ${policy}${state === '' ? '' : `, ${state}`}`;
    });
    const text =
      lines.length === 0
        ? 'No friends yet: make an invite, or connect with a code.'
        : `Your owner’s friends, by the names that they gave themselves:\n${lines.join('\n')}`;
    return { text, data: { status: 'ok', friends } };
  }

  async disconnect(friend: Friend): Promise<Said> {
    await this.#reach();
    await this.client.disconnect(friend);
    return { text: `The connection with ${called(friend)} has ended.`, data: { status: 'ok' } };
  }

  /** `wakeTest`: the word by which `magi doctor --wake` learns that this assistant was woken. */
  status(wakeTest?: string): Said {
    if (wakeTest !== undefined) {
      this.client.wakes.seen(wakeTest);
      this.woken(wakeTest);
    }
    const { questions, answers } = this.client.waiting(SHOWN);
    const all = this.client.waiting();
    const held = all.questions + all.answers - questions - answers;
    const drafts = this.client.drafts();
    const isHere = this.client.isIdentified;
    const lines = [
      `You are ${visibleName(this.client.username)}, ${isHere ? 'connected to the exchange' : 'not connected to the exchange just now; what you send is kept and goes out later'}.`,
      `You have ${plural(this.client.friends().length, 'friend')}. In your inbox: ${plural(questions, 'question')} and ${plural(answers, 'answer')}; still to be sent: ${plural(all.unsent, 'message')}.`,
      ...(held > 0 ? [`${held} more are held back until your owner has looked at who sent them (magi friends).`] : []),
      ...(drafts.length > 0 ? [`${plural(drafts.length, 'draft')} for your owner to look at (magi approve).`] : []),
    ];
    return {
      text: lines.join('\n'),
      data: {
        status: 'ok',
        username: this.client.username,
        isConnected: isHere,
        questions,
        answers,
        held,
        unsent: all.unsent,
        drafts: drafts.length,
      },
    };
  }

  // --- questions and answers ---------------------------------------------------------------------------------------------------

  /** Why the owner has to be asked before this happens, which carries no words; empty: it may happen. */
  reasons(action: 'connect' | 'create_invite' | 'disconnect'): Reason[] {
    return reasonsToAsk({ action, isTainted: this.reading.isTainted, hasSecret: false, isPaused: false });
  }

  /** A question on its way: open already, free to go, or to be seen by the owner first. */
  async ask(friend: Friend, text: string): Promise<Gate | { readonly may: 'wait'; readonly id: string }> {
    const open = this.client.session.outbox.findOpen(friend.username, text, Date.now() - SAME_MS);
    if (open !== undefined) return { may: 'wait', id: open.id };
    return await this.#gate({ kind: 'question', friend, text });
  }

  async answer(question: Entry, text: string): Promise<Gate> {
    const friend = this.client.session.friends.known(question.from);
    return await this.#gate({ kind: 'answer', friend, text, question: question.id });
  }

  /** Sends the question and waits for the answer. */
  async sendQuestion(friend: Friend, text: string, waiting: Waiting): Promise<Said> {
    try {
      return await this.#awaited(this.client.post(friend, text, optionsOf(waiting)), waiting);
    } finally {
      // If the disk refuses, the next message comes to it again.
      await this.outgoing.pausesNow(friend.username).catch(() => {});
    }
  }

  /** Whoever was shown the question has taken it on; the commit of the answer looks whether nobody else has since. */
  async sendAnswer(question: Entry, text: string): Promise<Said> {
    const status = await new Question(question, this.client.session).answer(text);
    await this.outgoing.pausesNow(question.from);
    return sentAnswer(this.#nameOf(question.from), status);
  }

  /** The owner has agreed to what they were shown. */
  async approve(draft: string, waiting: Waiting): Promise<Said> {
    const found = this.outgoing.find(draft);
    if (found === undefined) return refused('This draft has been sent or discarded already.');
    const asked = this.client.approve(draft, optionsOf(waiting));
    if (found.kind === 'question') return await this.#awaited(asked, waiting);
    return sentAnswer(this.#nameOf(found.to), await asked.sent);
  }

  async decline(question: Entry, reason: string): Promise<Said> {
    await new Question(question, this.client.session).decline(reason);
    await this.outgoing.pausesNow(question.from);
    return { text: `${this.#nameOf(question.from)} was told that there will be no answer.`, data: { status: 'ok' } };
  }

  /** The answer to a question that is open already, or that it will come later. */
  async waitForAnswer(id: string, waiting: Waiting): Promise<Said> {
    const answer = this.client.answerTo(id, optionsOf(waiting));
    return await this.#awaited({ id, sent: Promise.resolve('delivered'), answer }, waiting);
  }

  async #awaited({ id, sent, answer }: Asked, { tick }: Waiting): Promise<Said> {
    let where = 'on its way';
    sent.then(
      (status) => {
        where = status === 'queued' ? 'kept for your friend, who is away' : 'with your friend’s assistant';
        tick(`The question is ${where}.`);
      },
      () => {},
    );
    const beat = setInterval(() => tick(`The question is ${where}; waiting for the answer.`), TICK_MS);
    try {
      return this.reading.answer(await answer);
    } catch (error) {
      const refusal = error instanceof MagiError ? this.#refusalOf(id) : undefined;
      if (refusal !== undefined) return this.reading.refusal(refusal);
      if (!(error instanceof MagiError) || (error.code !== 'no_answer_yet' && error.code !== 'aborted')) throw error;
      const friend = this.client.session.outbox.find(id)?.to ?? '';
      const place = this.reading.shows(friend) ? 'your inbox' : 'your owner, who reads it in a terminal (magi inbox)';
      return {
        text: `Not yet: the question is ${where}. The answer will come to ${place}; do not ask again. Its id is ${id}.`,
        data: { status: 'waiting', id },
      };
    } finally {
      clearInterval(beat);
    }
  }

  /** What waits; with `milliseconds` it waits until something does. */
  async inbox({ milliseconds, signal, tick }: Waiting): Promise<Said> {
    await this.#fetched();
    const end = Date.now() + milliseconds;
    const beat = setInterval(() => tick('Waiting for a question or an answer.'), TICK_MS);
    try {
      for (;;) {
        // Who has given up must not be handed what nobody would see then.
        const left = signal.aborted ? 0 : end - Date.now();
        const said = signal.aborted ? undefined : await this.reading.next(left > 0);
        if (said !== undefined) return said;
        const word = milliseconds > 0 && !signal.aborted ? this.client.wakes.take('inbox') : undefined;
        if (word !== undefined || left <= 0) {
          const text = word === undefined ? 'Nothing waits.' : wakeSentence(word);
          return { text, data: { status: 'ok', messages: [], open: [], news: [], more: 0 } };
        }
        await this.client.changed(AbortSignal.any([signal, AbortSignal.timeout(left)]));
      }
    } finally {
      clearInterval(beat);
    }
  }

  /** Lines for the end of every result; empty ones when there is nothing to say. */
  unread(): { readonly questions: number; readonly answers: number; readonly lines: readonly string[] } {
    const { questions, answers } = this.client.waiting(SHOWN);
    const parts = [questions > 0 ? plural(questions, 'question') : '', answers > 0 ? plural(answers, 'answer') : ''];
    const line = parts.filter((part) => part !== '').join(' and ');
    const waiting = line === '' ? '' : `(${line} in your inbox: magi_inbox shows them.)`;
    return { questions, answers, lines: [waiting, this.outgoing.paused()] };
  }

  /** Questions that wait for an answer, by number. */
  openQuestions(): { readonly id: string; readonly username: string }[] {
    return this.reading.questions().map(({ number, from }) => ({ id: `#${number}`, username: from }));
  }

  /** Why a refusal with these words needs the owner; empty: it does not. */
  async reasonsToDecline({ from }: Entry, reason: string): Promise<Reason[]> {
    if (reason === '') return [];
    const friend = this.client.session.friends.known(from);
    return await this.outgoing.reasons({ kind: 'answer', friend, text: reason });
  }

  /** By its number, or the oldest open one of a friend; never by the id on the wire, which the friend has chosen. Throws MagiError. */
  question(numberOrFriend: string | Friend): Entry {
    const { inbox } = this.client.session;
    const friend = typeof numberOrFriend === 'string' ? undefined : numberOrFriend;
    const word = typeof numberOrFriend === 'string' ? numberOrFriend.trim() : '';
    const numbered = inbox.numbered(word);
    if (numbered !== undefined && !word.startsWith('#') && candidates(this.client.friends(), word).length > 0)
      throw new MagiError('ambiguous_friend', `This may be a question or a friend: say #${word} or @${word}.`);
    const found = numbered ?? (word.startsWith('#') ? undefined : inbox.openQuestionOf(this.#friend(friend ?? word)));
    if (found?.kind !== 'question') throw new MagiError('unknown_id', 'There is no such open question in your inbox.');
    return found;
  }

  #friend(named: string | Friend): string {
    return this.client.friend(named).username;
  }

  /** That a question of this user will have no answer. */
  #refusalOf(id: string): Entry | undefined {
    const { inbox, outbox } = this.client.session;
    const question = outbox.find(id);
    const found = question === undefined ? undefined : inbox.answerTo(id, question.to);
    return found?.kind === 'receipt' ? found : undefined;
  }

  async #gate(letter: Parameters<Outgoing['keep']>[0]): Promise<Gate> {
    const reasons = await this.outgoing.reasons(letter);
    if (reasons.length === 0) return { may: 'go' };
    const draft = await this.outgoing.keep(letter);
    const kept = this.outgoing.find(draft);
    if (kept === undefined) throw new Error('a draft that was just kept is there');
    return { may: 'ask', draft, question: this.outgoing.describe(kept, reasons), reasons };
  }

  /** For what cannot wait on disk. Throws MagiError `unreachable`, or what the exchange refused. */
  async #reach(): Promise<void> {
    const late = new MagiError(
      'unreachable',
      'The exchange cannot be reached just now. Nothing was done; try again later.',
    );
    const isHere = this.client.identify().then(() => true);
    if (!(await Promise.race([isHere, pause(REACH_MS_MAX).then(() => false)]))) throw late;
  }

  /** What waited at the exchange while nobody was here takes a moment. */
  async #fetched(): Promise<void> {
    if (!this.client.isIdentified) await Promise.race([this.client.identify(), pause(2_000)]).catch(() => {});
  }

  #nameOf(username: string): string {
    return called(this.client.session.friends.find(username) ?? { username, localName: username });
  }
}

function optionsOf({ milliseconds, signal }: Waiting) {
  return { timeout: milliseconds, signal };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}
