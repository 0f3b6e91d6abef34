/** A friend's question, which this process has taken on. */
import type { Entry } from './entries.ts';
import { MagiError } from './errors.ts';
import type { Status } from './outbox.ts';
import type { Posted } from './sender.ts';
import type { Session } from './session.ts';

export class Question {
  /** Its number in the inbox. */
  readonly number: number;
  readonly id: string;
  /** The friend's username. */
  readonly from: string;
  readonly text: string;
  /** When it arrived, in milliseconds since the epoch. */
  readonly at: number;
  readonly #session: Session;

  constructor(entry: Entry, session: Session) {
    this.number = entry.number;
    this.id = entry.id;
    this.from = entry.from;
    this.text = entry.content;
    this.at = entry.at;
    this.#session = session;
  }

  /**
   * Fulfilled when the exchange says who has the answer. Rejected with MagiError: `already_answered` when this user has dealt with the
   * question elsewhere, `claimed` when the 10 minutes are over and another process has taken it on; else as for `ask`.
   */
  async answer(text: string): Promise<Status> {
    return await (await this.post('answer', text)).sent;
  }

  /** Tells the friend that there will be no answer. `reason`: 200 characters at most. */
  async decline(reason = ''): Promise<void> {
    await (await this.post('declined', reason)).sent;
  }

  /** Gives it back: another process, or this one, gets it when it next asks for a question. */
  release(): void {
    this.#session.inbox.release(this.number, this.#session.process);
  }

  /** Fulfilled when the answer is on disk, from where it is sent. @internal */
  async post(kind: 'answer' | 'declined', content: string): Promise<Posted> {
    const { inbox, sender, process } = this.#session;
    const posted = sender.post({ kind, to: this.from, content, replyTo: this.id }, () => {
      const state = kind === 'answer' ? 'answered' : 'declined';
      if (inbox.finish(this.number, process, state, Date.now())) return;
      const { state: found } = inbox.find(this.number) ?? {};
      if (found === 'open') throw new MagiError('claimed', 'Another process of yours is answering this question.');
      throw new MagiError('already_answered', 'You have answered or declined this question already.');
    });
    await posted.kept;
    return posted;
  }
}
