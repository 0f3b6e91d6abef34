/**
 * What leaves: looked at before it goes, and kept as a draft when the owner has to see it first. What the owner was shown is what goes.
 */
import type { Client } from '../client/client.ts';
import { MagiError } from '../client/errors.ts';
import { called, listed } from '../client/friend-names.ts';
import type { Friend } from '../client/friends.ts';
import type { Outgoing as Draft } from '../client/outbox.ts';
import { visible } from '../protocol/visible.ts';
import { type Reason, reasonsToAsk, sentenceOf } from './decision.ts';
import { findSecrets, secretSentence } from './secrets.ts';

/** Messages to one friend without its owner, in how long, before there is a pause. */
const ALONE_MAX = 20;
const ALONE_MS = 10 * 60 * 1000;
/** More than an owner would read through. */
const DRAFTS_MAX = 100;

export interface Letter {
  readonly kind: 'question' | 'answer';
  readonly friend: Friend;
  readonly text: string;
  /** Of an answer: the id of the friend's question. */
  readonly question?: string;
}

export class Outgoing {
  readonly #client: Client;
  readonly #isTainted: () => boolean;

  constructor(client: Client, isTainted: () => boolean) {
    this.#client = client;
    this.#isTainted = isTainted;
  }

  /** Why the owner has to see it before it goes; none: it may go. */
  async reasons({ kind, friend, text }: Letter): Promise<Reason[]> {
    return reasonsToAsk({
      action: kind === 'question' ? 'ask' : 'answer',
      policy: friend.policy,
      isTainted: this.#isTainted(),
      hasSecret: findSecrets(text).length > 0,
      isPaused: friend.pausedAt > 0 || (await this.pausesNow(friend.username)),
    });
  }

  /** Keeps it until the owner has seen it, once: who says it again is told of the same draft. Returns the draft's id. */
  async keep({ kind, friend, text, question }: Letter): Promise<string> {
    const { outbox } = this.#client.session;
    const same = outbox.findSameDraft({ kind, to: friend.username, content: text, replyTo: question });
    if (same !== undefined) return same.id;
    if (outbox.drafts().length >= DRAFTS_MAX)
      throw new MagiError('outbox_full', `${DRAFTS_MAX} drafts wait for the owner already (magi approve).`);
    return await this.#client.draft(kind, friend, text, question);
  }

  /** Why a draft is one. Of the friend and the text as they are now. */
  async reasonsFor({ kind, to, content }: Draft): Promise<Reason[]> {
    const friend = this.#client.session.friends.find(to);
    if (friend === undefined || kind === 'declined') return ['new_friend'];
    return await this.reasons({ kind, friend, text: content });
  }

  find(draft: string): Draft | undefined {
    return this.#client.drafts().find(({ id }) => id === draft);
  }

  /** All that the owner needs to decide: to whom, why they are asked, and what, marked so that no text can look like the rest. */
  describe({ kind, to, content }: Draft, reasons: readonly Reason[]): string {
    const friend = this.#client.session.friends.find(to) ?? { username: to, localName: to };
    const why = [...reasons.map(sentenceOf), secretSentence(findSecrets(content))].filter((line) => line !== '');
    const lines = visible(content).split('\n');
    const size = `${content.length.toLocaleString('en')} characters`;
    return [
      `Send this ${kind} to ${called(friend)}?`,
      why.join(' '),
      `The ${kind}, ${lines.length === 1 ? size : `${lines.length.toLocaleString('en')} lines, ${size}`}:`,
      lines.map((line) => `> ${line}`).join('\n'),
    ].join('\n\n');
  }

  /**
   * The assistants of the two have gone back and forth too long without their owners: that ends here. To be asked after each message, so
   * that both sides come to it in the same round and each tells its owner; true from then on until the owner has a hand in it.
   */
  async pausesNow(username: string): Promise<boolean> {
    const { friends } = this.#client.session;
    if (friends.sentUnseen(username, Date.now() - ALONE_MS) < ALONE_MAX) return false;
    await friends.pause(username);
    return true;
  }

  /** For the end of every result: with whom there is a pause. Empty: with nobody. */
  paused(): string {
    const paused = this.#client.friends().filter(({ pausedAt }) => pausedAt > 0);
    if (paused.length === 0) return '';
    return `(Paused: ${listed(paused)}. ${sentenceOf('paused')} Tell your owner: until they say how it goes on (magi friends), nothing of that friend is shown and nothing goes to them.)`;
  }
}
