/**
 * The client of one user: `ask` returns the answer, `questions` brings what friends ask. Several processes of one user may each have one
 * with the same folder: what is sent survives a crash of any of them, and what arrives is shown once.
 */
import { Arrivals } from './arrivals.ts';
import type { Database } from './database.ts';
import type { Entry, Page } from './entries.ts';
import { MagiError } from './errors.ts';
import type { Friend, Policy } from './friends.ts';
import { openHome } from './home.ts';
import type { Answer, Asked, AskOptions, ClientOptions, Parts, QuestionOptions } from './options.ts';
import type { Outgoing } from './outbox.ts';
import { Question } from './question.ts';
import type { Posted } from './sender.ts';
import { Session } from './session.ts';
import { readSettings } from './settings.ts';
import { Wakes } from './wakes.ts';
import { Waking } from './waking.ts';

/** A friend, or what may be one's name. */
type Named = string | Friend;

/** How soon what another process has put into the file is noticed. */
const LOOK_MS = 100;
const NO_QUESTION = new MagiError('unknown_id', 'This is no question.');
const LOOK_MS_MAX = 10_000;
const FORGET_MS = 60 * 60 * 1000;
/** Which friends' questions are brought when nobody says otherwise. */
const HEARD: readonly Policy[] = ['hold', 'ask', 'auto'];

/**
 * Opens a client for the user's folder. What is not given comes from MAGI_SERVER, MAGI_USERNAME, MAGI_NICKNAME, MAGI_HOME and
 * `config.json` there. It connects when it is first needed. Throws MagiError `bad_settings`, `insecure` or `storage_failed`.
 */
export function openClient(options: ClientOptions = {}): Client {
  const { server, username, nickname, home } = readSettings(options, process.env);
  const { on, backoff } = options;
  return new Client({ url: server, username, nickname, ...openHome(home), on, backoff });
}

export class Client {
  readonly username: string;
  readonly wakes: Wakes;
  /** Who wakes an assistant for what. @internal */
  readonly waking: Waking;
  /** What the client is made of, for the bridge. @internal */
  readonly session: Session;
  readonly #database: Database;
  readonly #arrivals: Arrivals;
  readonly #look: NodeJS.Timeout;
  #forgotAt = 0;
  #lookedAt = 0;
  #isClosed = false;

  /** Use openClient. @internal */
  constructor({ on = {}, ...parts }: Parts) {
    this.username = parts.username;
    this.#database = parts.database;
    this.wakes = new Wakes(parts.database);
    this.waking = new Waking(parts.database);
    this.session = new Session({
      ...parts,
      // Who waits need not wait until the file is looked at.
      repeated: () => this.#arrivals.look(),
      on: {
        arrived: (entry) => {
          this.#arrivals.arrived(entry);
          on.arrived?.(entry);
        },
        settled: (message, outcome) => on.settled?.(message, outcome),
        identified: (message) => on.identified?.(message),
        presence: (message) => on.presence?.(message),
        keyChanged: (change) => on.keyChanged?.(change),
        closed: (code, willReturn, reason) => on.closed?.(code, willReturn, reason),
        trouble: (error) => on.trouble?.(error),
      },
    });
    this.#arrivals = new Arrivals(this.session);
    this.#look = setInterval(() => this.#lookAround(), LOOK_MS);
  }

  // --- friends -----------------------------------------------------------------------------------------------------------------

  /** Connects. Fulfilled when the exchange knows this user; rejected with MagiError when it refuses the name. */
  async identify(): Promise<{ pending: number }> {
    const { pending = 0 } = await this.session.identify();
    return { pending };
  }

  get isIdentified(): boolean {
    return this.session.isIdentified;
  }

  /** The release that the exchange is of, once it has said so. */
  get exchangeVersion(): string | undefined {
    return this.session.version;
  }

  /** `code` for a friend, usable once until `expiresAt` (milliseconds since the epoch). */
  async createInvite(): Promise<{ code: string; expiresAt: number }> {
    const { code, expiresAt } = await this.session.request({ type: 'create_invite' }, 'invite_created');
    return { code, expiresAt };
  }

  /** Uses a friend's code. `from`: only if it is this user's. */
  async connect(code: string, from?: string): Promise<Friend> {
    return this.session.friends.known(await this.session.connect(code, from));
  }

  /** Everybody who is connected, by username. */
  friends(): Friend[] {
    return this.session.friends.all().filter(({ isConnected }) => isConnected);
  }

  /**
   * The one friend that `name` means: username, local name, or a part of one. Throws `unknown_friend`, `ambiguous_friend`. A friend that
   * was found before means themselves, whatever others are called.
   */
  friend(name: Named): Friend {
    return typeof name === 'string' ? this.session.friends.resolve(name) : name;
  }

  /** Whether a client of the friend is at the exchange, as far as is known; false while this one is not. */
  isOnline(username: string): boolean {
    return this.session.isOnline(username);
  }

  async setPolicy(name: Named, policy: Policy): Promise<void> {
    await this.session.friends.setPolicy(this.friend(name).username, policy);
    this.#arrivals.look();
  }

  /** The owner has made sure that the friend's new key is right: what was held back is shown and sent. */
  async trust(name: Named): Promise<void> {
    await this.session.friends.trust(this.friend(name).username);
    this.session.sender.look();
    this.#arrivals.look();
  }

  /** Ends the connection. What waits for the friend is not delivered any more. */
  async disconnect(name: Named): Promise<void> {
    await this.session.disconnect(this.friend(name).username);
  }

  /** The exchange forgets this user: the name, the connections, the mailbox. What is on this machine stays. */
  async forgetMe(): Promise<void> {
    await this.session.request({ type: 'forget_me' }, 'forgotten');
  }

  // --- questions and answers ---------------------------------------------------------------------------------------------------

  /**
   * The friend's answer, however late. Rejected with MagiError: `no_answer_yet` after the timeout and `aborted` by the signal, then it
   * comes to the inbox; `declined`, `expired`, `left` when there will be none; or what the exchange refused.
   */
  async ask(friend: Named, text: string, options: AskOptions = {}): Promise<Answer> {
    if (options.signal?.aborted) throw new MagiError('aborted', 'This was not asked.');
    return await this.post(friend, text, options).answer;
  }

  /** As `ask`, for whoever wants to know on the way that it was taken. */
  post(friend: Named, text: string, options: AskOptions = {}): Asked {
    const { username } = this.friend(friend);
    const posted = this.#send('question', username, text);
    return { id: posted.id, sent: posted.sent, answer: this.#arrivals.wait(posted, username, options) };
  }

  /** Waits for the answer to a question that was asked before, by this process or another. Throws `unknown_id`. */
  async answerTo(id: string, options: AskOptions = {}): Promise<Answer> {
    const question = this.session.outbox.find(id);
    if (question?.kind !== 'question') throw new MagiError('unknown_id', 'You have asked no such question.', { id });
    void this.identify().catch(() => {});
    this.session.outbox.awaited([id], this.#arrivals.leaseEnd(), this.session.process);
    return await this.#arrivals.wait({ id, sent: this.session.sender.follow(question) }, question.to, options);
  }

  /** What friends ask, oldest first, each taken on by one process of this user for 10 minutes. Ends with the client or the signal. */
  async *questions({ signal, policies = HEARD }: QuestionOptions = {}): AsyncGenerator<Question, void, undefined> {
    void this.identify().catch(() => {});
    const { inbox, process } = this.session;
    while (!this.#isClosed && signal?.aborted !== true) {
      const entry = await inbox.claimNext(process, policies, Date.now());
      // Meanwhile it may have been closed, which has given the question back.
      if (this.#isClosed) return;
      if (entry === undefined) await this.#arrivals.next(signal);
      else {
        this.session.reads.add(entry);
        yield new Question(entry, this.session);
      }
    }
  }

  /** A question by its id or number, taken on by this process. Throws `unknown_id`, `already_answered`, `claimed`. */
  async question(idOrNumber: string): Promise<Question> {
    const { inbox, process } = this.session;
    const entry = inbox.findQuestion(idOrNumber);
    if (entry === undefined) throw new MagiError('unknown_id', 'There is no such question in your inbox.');
    if (entry.state !== 'open')
      throw new MagiError('already_answered', 'You have answered or declined this question already.');
    if (!(await inbox.claim(entry.number, process, Date.now())))
      throw new MagiError('claimed', 'Another process of yours is answering this question.');
    return new Question(entry, this.session);
  }

  // --- drafts: what waits for the owner's word ---------------------------------------------------------------------------------

  /** Keeps a question, or an answer to a question, until `approve`. Returns its id. Rejected with MagiError as `ask`. */
  async draft(kind: 'question' | 'answer', friend: Named, text: string, replyTo?: string): Promise<string> {
    return await this.session.sender.draft({ kind, to: this.friend(friend).username, content: text, replyTo });
  }

  /** Oldest first. */
  drafts(): Outgoing[] {
    return this.session.outbox.drafts();
  }

  /** Sends a draft, named by its id or by how that begins. Throws `unknown_id`; rejected with `already_answered`. */
  approve(id: string, options: AskOptions = {}): Asked {
    const draft = this.#drafted(id);
    void this.identify().catch(() => {});
    const { inbox, sender } = this.session;
    const question = draft.kind === 'answer' ? inbox.questionFrom(draft.to, draft.replyTo ?? '') : undefined;
    const posted = sender.approve(draft, this.#arrivals.leaseEnd(), () => {
      // The assistant that wrote the draft has the question in its hands.
      if (question !== undefined && !inbox.finishByOwner(question.number))
        throw new MagiError('already_answered', 'You have answered or declined this question already.', {
          id: draft.id,
        });
    });
    void this.session.friends.ownerActed(draft.to).catch(() => {});
    const isQuestion = draft.kind === 'question';
    const answer = isQuestion ? this.#arrivals.wait(posted, draft.to, options) : Promise.reject(NO_QUESTION);
    answer.catch(() => {});
    return { id: draft.id, sent: posted.sent, answer };
  }

  /** Forgets a draft. Throws `unknown_id`. */
  async discard(id: string): Promise<void> {
    const draft = this.#drafted(id);
    await this.#database.write(() => this.session.outbox.discard(draft.id));
  }

  #drafted(id: string): Outgoing {
    const draft = this.session.outbox.findDraft(id);
    if (draft === undefined) throw new MagiError('unknown_id', 'There is no such draft.', { id });
    return draft;
  }

  // --- what is kept ------------------------------------------------------------------------------------------------------------

  inbox(page: Page): Entry[] {
    return this.session.inbox.list(page);
  }

  /** The owner has seen these entries. */
  markRead(...numbers: readonly number[]): void {
    this.session.inbox.read(...numbers);
  }

  /** Open questions that no process is answering, answers that no process waits for, messages that nobody has taken over yet. */
  waiting(policies?: readonly Policy[]): { questions: number; answers: number; unsent: number } {
    return { ...this.session.inbox.waiting(Date.now(), policies), unsent: this.session.outbox.size };
  }

  /** The question, answer or refusal with this id or number, whatever became of it. */
  find(idOrNumber: string): Entry | undefined {
    return this.session.inbox.findAny(idOrNumber);
  }

  /** The newest questions of this user and what became of them, newest first. */
  asked(limit: number): Outgoing[] {
    return this.session.outbox.questions(limit);
  }

  /** Fulfilled when something has changed in the inbox, in this process or another; or at the signal. */
  changed(signal?: AbortSignal): Promise<void> {
    return this.#arrivals.next(signal);
  }

  /**
   * Leaves. What waits to be sent is sent by a later client with this folder. Fulfilled when the exchange has been told all that was
   * said, after a second at most.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#look);
    const gone = this.session.close();
    this.#arrivals.close();
    this.#database.close();
    await gone;
  }

  #send(kind: 'question', to: string, content: string): Posted {
    void this.identify().catch(() => {});
    return this.session.sender.post({ kind, to, content, waitsUntil: this.#arrivals.leaseEnd() });
  }

  /** Another process may have put something into the file. */
  #lookAround(): void {
    const now = Date.now();
    if (now - this.#forgotAt > FORGET_MS) {
      this.#forgotAt = now;
      this.session.inbox.forgetOld(now);
      this.session.outbox.forgetOld(now);
    }
    const hasChanged = this.#database.hasChanged();
    // What a process that was killed had taken on is free again some day, without a word.
    if (!hasChanged && now - this.#lookedAt < LOOK_MS_MAX) return;
    this.#lookedAt = now;
    if (hasChanged) this.session.sender.look();
    this.#arrivals.look();
  }
}
