/**
 * What friends said, on its way to the model: always in an envelope, at most 8 KiB at once, and from then on the session is one that has
 * read a stranger's text (protocol part 8).
 */
import { randomBytes } from 'node:crypto';
import type { Client } from '../client/client.ts';
import type { Policy } from '../client/friends.ts';
import type { Entry } from '../client/inbox.ts';
import type { Answer } from '../client/options.ts';
import { visibleName } from '../protocol/visible.ts';
import { type Envelope, envelopeText, seal, TEXT_BYTES_MAX } from './envelope.ts';
import { refused, type Said } from './said.ts';

/** Whose text an assistant gets to see. */
export const SHOWN: readonly Policy[] = ['ask', 'auto'];
/** Messages in one result, and those that are only named. */
const MESSAGES_MAX = 10;
const NAMED_MAX = 20;

type Sealed = Pick<Entry, 'from' | 'number' | 'content' | 'kind'>;

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

  /** The answer to a question of this session. */
  answer({ id, number, from, text }: Answer): Said {
    const envelope = this.#envelope({ number, from, content: text, kind: 'answer' }, 0);
    if (envelope === undefined) throw new Error('every text has a beginning');
    return {
      text: `${this.#nameOf(from)} answered.\n\n${envelopeText(envelope)}`,
      data: { status: 'answered', id, message: envelope },
    };
  }

  /** The rest of one message, from `offset` on. */
  async one(idOrNumber: string, offset: number): Promise<Said> {
    const entry = this.#find(idOrNumber);
    if (entry === undefined) return refused('There is no such message in the inbox.');
    const envelope = this.#envelope(entry, offset);
    if (envelope === undefined) return refused('The message has no part that begins there.');
    // Whoever reads an open question may answer it next; if another one is answering it, reading does no harm.
    await this.#isOurs(entry);
    this.fetched(entry);
    return { text: envelopeText(envelope), data: { status: 'ok', messages: [envelope] } };
  }

  /**
   * What waits, oldest first, as much as goes into one result: open questions, which are this process's from now on, and answers that
   * nobody waited for. Undefined if nothing does. `onlyNews`: also if this session has been shown all of it.
   */
  async next(onlyNews: boolean): Promise<Said | undefined> {
    const waiting = this.#client.inbox({ limit: 200, after: 0, onlyWaiting: true, policies: SHOWN });
    const envelopes: Envelope[] = [];
    const named: Entry[] = [];
    const news: string[] = [];
    const read: number[] = [];
    let room = TEXT_BYTES_MAX;
    let others = 0;
    for (const entry of waiting) {
      if (entry.kind === 'receipt') {
        news.push(newsOf(entry, this.#nameOf(entry.from)));
        read.push(entry.number);
        this.fetched(entry);
      } else if (this.#shown.has(entry.number)) {
        if (!(await this.#isOurs(entry))) others++;
        else {
          named.push(entry);
          this.fetched(entry);
        }
      } else {
        const envelope = this.#seal(entry, 0);
        const bytes = Buffer.byteLength(envelope?.text ?? '');
        if (envelope === undefined || envelopes.length === MESSAGES_MAX || bytes > room) break;
        if (!(await this.#isOurs(entry))) {
          others++;
          continue;
        }
        this.#readFrom.add(entry.from);
        envelopes.push(envelope);
        room -= bytes;
        this.#shown.add(entry.number);
        if (entry.kind === 'question') this.#client.session.read(entry);
        else read.push(entry.number);
        this.fetched(entry);
      }
    }
    this.#client.markRead(...read);
    if (envelopes.length + news.length + (onlyNews ? 0 : named.length) === 0) return undefined;
    const more = waiting.length - envelopes.length - named.length - news.length;
    return this.#result(envelopes, named.slice(0, NAMED_MAX), news, Math.max(0, more - others));
  }

  #result(envelopes: readonly Envelope[], named: readonly Entry[], news: readonly string[], more: number): Said {
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

  /** An answer is news for whoever looks; a question belongs to one process. */
  async #isOurs(entry: Entry): Promise<boolean> {
    if (entry.kind !== 'question') return true;
    try {
      await this.#client.question(`#${entry.number}`);
      return true;
    } catch {
      // Another assistant of this person is answering it.
      return false;
    }
  }

  #find(idOrNumber: string): Entry | undefined {
    const entry = this.#client.find(idOrNumber);
    if (entry === undefined) return undefined;
    const policy = this.#client.friends().find(({ username }) => username === entry.from)?.policy;
    return policy !== undefined && SHOWN.includes(policy) ? entry : undefined;
  }

  #envelope(entry: Sealed, offset: number): Envelope | undefined {
    const envelope = this.#seal(entry, offset);
    if (envelope !== undefined) this.#readFrom.add(entry.from);
    return envelope;
  }

  /** The number is the id: the one on the wire was chosen by the friend, who may have chosen another question's. */
  #seal({ from, number, content, kind }: Sealed, offset: number): Envelope | undefined {
    const name = this.#nameOf(from);
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
    const friend = this.#client.friends().find((one) => one.username === username);
    return visibleName(friend?.localName ?? username);
  }
}

function newsOf({ news, number, id, content }: Entry, name: string): string {
  const reason = content === '' ? '' : ` (the reason: magi_inbox with id "#${number}")`;
  const sentences: Record<string, string> = {
    declined: `${name} will not answer question ${visibleName(id)}${reason}.`,
    expired: `${name} did not come back in time to read question ${visibleName(id)}.`,
    left: `${name} has ended the connection before reading question ${visibleName(id)}.`,
  };
  return sentences[news] ?? `${name}: ${news} ${visibleName(id)}.`;
}
