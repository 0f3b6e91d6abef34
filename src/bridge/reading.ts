/**
 * What friends said, on its way to the model: always in an envelope, at most 8 KiB at once, and from then on the session is one that has
 * read a stranger's text (protocol part 8).
 */
import { randomBytes } from 'node:crypto';
import type { Client } from '../client/client.ts';
import type { Entry } from '../client/entries.ts';
import { MagiError } from '../client/errors.ts';
import { called } from '../client/friend-names.ts';
import type { Policy } from '../client/friends.ts';
import type { Answer } from '../client/options.ts';
import { usernameKey } from '../protocol/names.ts';
import { visibleName } from '../protocol/visible.ts';
import { type Envelope, envelopeText, seal, TEXT_BYTES_MAX } from './envelope.ts';
import { refused, type Said } from './said.ts';

/** Whose text an assistant gets to see. */
export const SHOWN: readonly Policy[] = ['ask', 'auto'];
/** Messages in one result, and those that are only named. */
const MESSAGES_MAX = 10;
const NAMED_MAX = 20;
/** One friend's many open questions must not keep another's from being seen: so many are looked through. */
const LOOKED_THROUGH_MAX = 5_000;
const PAGE = 200;

type Sealed = Pick<Entry, 'from' | 'number' | 'content' | 'kind'>;

/** What goes into one result. */
interface Gathered {
  readonly envelopes: Envelope[];
  /** Open questions that this session has been shown before. */
  readonly named: Entry[];
  readonly news: string[];
  /** Bytes of friends' text that still fit. */
  room: number;
}

export class Reading {
  readonly #client: Client;
  /** Whose text has entered this session. */
  readonly #readFrom = new Set<string>();
  /** Questions that this session has been shown. */
  readonly #shown = new Set<number>();
  /** Told that this session has got what a message says. */
  fetched: (entry: Entry) => void = () => {};

  constructor(client: Client) {
    this.#client = client;
  }

  /** A friend's text has entered this session: it may be trying to make the model send something to its author. */
  get isTainted(): boolean {
    return this.#readFrom.size > 0;
  }

  /** Whether an assistant is shown what this friend says. */
  shows(username: string): boolean {
    const friend = this.#client.session.friends.find(username);
    return friend !== undefined && SHOWN.includes(friend.policy) && friend.pausedAt === 0;
  }

  /** The answer to a question of this session. */
  answer({ id, number, from, text }: Answer): Said {
    const envelope = this.#whole({ number, from, content: text, kind: 'answer' });
    return {
      text: `${this.#nameOf(from)} answered.\n\n${envelopeText(envelope)}`,
      data: { status: 'answered', id, message: envelope },
    };
  }

  /** That there will be no answer to a question of this session. The reason is the friend's text like any other. */
  refusal(entry: Entry): Said {
    const { news, id, from, content } = entry;
    const sentence = NEWS[news]?.(this.#nameOf(from), 'your question') ?? 'There will be no answer.';
    const status = news === 'declined' ? 'declined' : 'ok';
    if (content === '') return { text: sentence, data: { status, id } };
    const envelope = this.#whole(entry);
    return { text: `${sentence} The reason:\n\n${envelopeText(envelope)}`, data: { status, id, message: envelope } };
  }

  /** The rest of one message, from `offset` on. */
  async one(id: string, offset: number): Promise<Said> {
    const entry = this.#find(id);
    if (entry === undefined) return refused('There is no such message in the inbox.');
    const envelope = this.#envelope(entry, offset);
    if (envelope === undefined) return refused('The message has no part that begins there.');
    // Whoever reads an open question may answer it next; if another one is answering it, reading does no harm.
    if (entry.state === 'open' || entry.state === 'unread') await this.#isOurs(entry);
    this.fetched(entry);
    return { text: envelopeText(envelope), data: { status: 'ok', messages: [envelope] } };
  }

  /**
   * What waits, oldest first, as much as goes into one result: open questions, which are this process's from now on, and answers that
   * nobody waits for. Undefined if nothing does. `onlyNews`: also if this session has been shown all of it.
   */
  async next(onlyNews: boolean): Promise<Said | undefined> {
    const gathered: Gathered = { envelopes: [], named: [], news: [], room: TEXT_BYTES_MAX };
    let more = 0;
    try {
      for (const entry of this.#waiting()) if (more > 0 || !(await this.#gather(entry, gathered))) more++;
    } catch (error) {
      // The disk refuses. What this session was given already is told all the same.
      if (gathered.envelopes.length === 0) throw error;
    }
    const { envelopes, named, news } = gathered;
    if (envelopes.length + news.length + (onlyNews ? 0 : named.length) === 0) return undefined;
    return this.#result(gathered, more);
  }

  /** What waits, oldest first; not what another process has in its hands. */
  *#waiting(): Generator<Entry> {
    const { inbox, process } = this.#client.session;
    const now = Date.now();
    let after = 0;
    for (let count = 0; count < LOOKED_THROUGH_MAX; count += PAGE) {
      const page = inbox.list({ limit: PAGE, after, onlyWaiting: true, policies: SHOWN, unawaitedAt: now });
      for (const entry of page) if (entry.kind !== 'question' || inbox.isFreeFor(entry, process, now)) yield entry;
      if (page.length < PAGE) return;
      after = page.at(-1)?.number ?? after;
    }
  }

  /** Questions that this process may answer. */
  questions(): Entry[] {
    return [...this.#waiting()].filter(({ kind }) => kind === 'question');
  }

  /** False: it does not fit into this result any more. */
  async #gather(entry: Entry, gathered: Gathered): Promise<boolean> {
    const { number, kind, from } = entry;
    if (kind === 'receipt') {
      if (!(await this.#isOurs(entry))) return true;
      // Only whom a question was asked can refuse it; anybody can say that they do.
      const question = this.#client.session.outbox.find(entry.id);
      if (question?.kind !== 'question' || usernameKey(question.to) !== usernameKey(from)) return true;
      gathered.news.push(newsOf(entry, this.#nameOf(from)));
      this.fetched(entry);
      return true;
    }
    if (this.#shown.has(number)) {
      if (gathered.named.length < NAMED_MAX && (await this.#isOurs(entry))) {
        gathered.named.push(entry);
        this.fetched(entry);
      }
      return true;
    }
    const envelope = this.#seal(entry, 0);
    const bytes = Buffer.byteLength(envelope?.text ?? '');
    if (envelope === undefined || gathered.envelopes.length === MESSAGES_MAX || bytes > gathered.room) return false;
    if (!(await this.#isOurs(entry))) return true;
    this.#readFrom.add(from);
    gathered.envelopes.push(envelope);
    gathered.room -= bytes;
    this.#shown.add(number);
    if (kind === 'question') this.#client.session.reads.add(entry);
    this.fetched(entry);
    return true;
  }

  #result({ envelopes, named, news }: Gathered, more: number): Said {
    const parts = envelopes.map((envelope) => envelopeText(envelope));
    const again = named.map(({ number, from }) => `Still open: question #${number} from ${this.#nameOf(from)}.`);
    const rest = more > 0 ? [`${more} more wait: call magi_inbox again.`] : [];
    const how = envelopes.some(({ kind }) => kind === 'question')
      ? ['Answer with magi_answer, or refuse with magi_decline, naming the id.']
      : [];
    return {
      text: [...news, ...parts, ...again, ...how, ...rest].join('\n\n'),
      data: {
        status: 'ok',
        messages: envelopes,
        open: named.map(({ number, from }) => ({ id: `#${number}`, from: visibleName(from) })),
        news,
        more,
      },
    };
  }

  /** An answer is news for whoever looks first; a question belongs to one process. */
  async #isOurs(entry: Entry): Promise<boolean> {
    if (entry.kind !== 'question') return await this.#client.session.inbox.take(entry.number);
    try {
      await this.#client.question(`#${entry.number}`);
      return true;
    } catch (error) {
      if (!(error instanceof MagiError) || !['claimed', 'already_answered', 'unknown_id'].includes(error.code))
        throw error;
      // Another assistant of this person is answering it.
      return false;
    }
  }

  #find(id: string): Entry | undefined {
    const entry = this.#client.session.inbox.numbered(id);
    if (entry === undefined) return undefined;
    return this.shows(entry.from) ? entry : undefined;
  }

  #whole(entry: Sealed): Envelope {
    const envelope = this.#envelope(entry, 0);
    if (envelope === undefined) throw new Error('every text has a beginning');
    return envelope;
  }

  #envelope(entry: Sealed, offset: number): Envelope | undefined {
    const envelope = this.#seal(entry, offset);
    if (envelope !== undefined) this.#readFrom.add(entry.from);
    return envelope;
  }

  /** The number is the id: the one on the wire was chosen by the friend, who may have chosen another question's. */
  #seal({ from, number, content, kind }: Sealed, offset: number): Envelope | undefined {
    const name = this.#client.session.friends.find(from)?.localName ?? from;
    const message = {
      from,
      name,
      id: `#${number}`,
      kind: kind === 'question' ? kind : 'answer',
      text: content,
    } as const;
    return seal(message, randomBytes(16), offset);
  }

  #nameOf(username: string): string {
    return called(this.#client.session.friends.find(username) ?? { username, localName: username });
  }
}

/** What becomes of a question besides an answer. */
const NEWS: Readonly<Record<string, (name: string, question: string) => string>> = {
  declined: (name, question) => `${name} will not answer ${question}.`,
  expired: (name, question) => `${name} did not come back in time to read ${question}.`,
  left: (name, question) => `The connection with ${name} ended before there was an answer to ${question}.`,
};

function newsOf({ news, number, id, content }: Entry, name: string): string {
  const sentence = NEWS[news]?.(name, `question ${id}`) ?? `There will be no answer to question ${id}.`;
  return content === '' ? sentence : `${sentence} (The reason: magi_inbox with id "#${number}".)`;
}
