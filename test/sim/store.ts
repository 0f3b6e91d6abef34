/**
 * The Store of one life of the exchange. Operations are done in the order of the calls, after a delay and in groups, as a group
 * commit does; a full disk rejects the writes of a group. A crash loses every group that was not committed. A group that was about
 * to be is committed or not, and either way nobody is told.
 */
import type { DurableConnection, Store, WaitingMessage } from '../../src/exchange/ports.ts';
import type { Dice } from './dice.ts';
import type { Disk } from './disk.ts';
import type { Schedule } from './schedule.ts';

interface Operation {
  readonly name: string;
  readonly writes: boolean;
  /** Whose mailbox it changes. */
  readonly mailboxes: readonly string[];
  /** What it would store. */
  readonly messages: readonly WaitingMessage[];
  perform(): unknown;
  resolve(value: never): void;
  reject(error: unknown): void;
}

/** How the disk behaves at the moment. Outlives the exchange, as the disk does. */
export interface DiskMood {
  /** The longest that a commit takes, in milliseconds. */
  commitMs: number;
  /** Writes are rejected. */
  isFull: boolean;
  /** A full disk still lets things be deleted. */
  deletesWhenFull: boolean;
}

const DELETES = new Set(['acknowledge', 'removeReceipts', 'removeInvites', 'endConnection', 'forgetUser']);

export interface StoreParts {
  readonly epoch: number;
  readonly disk: Disk;
  readonly mood: DiskMood;
  readonly dice: Dice;
  readonly schedule: Schedule;
  /** Counts an effect of the exchange; false when it has crashed meanwhile. */
  readonly isAlive: () => boolean;
  readonly refuse: (reason: string) => Error;
  /** Is told of messages before they are asked to be stored. */
  readonly calledFor: (messages: readonly WaitingMessage[]) => void;
  readonly note: (...words: unknown[]) => void;
}

export class SimulatedStore implements Store {
  readonly epoch: number;
  readonly durable = true;
  totalBytes: number;
  readonly #parts: StoreParts;
  /** Called for and not committed. */
  #queue: Operation[] = [];
  /** Committed and not told. */
  #told: Operation[] = [];
  #isCommitting = false;
  #isDead = false;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.epoch = parts.epoch;
    this.totalBytes = parts.disk.totalBytes;
  }

  /** The exchange may still think that this mailbox is not what the disk says. */
  isChanging(recipient: string): boolean {
    const isAbout = ({ name, mailboxes }: Operation) => name === 'expire' || mailboxes.includes(recipient);
    return this.#queue.some(isAbout) || this.#told.some(isAbout);
  }

  /** It was called for, and the exchange does not know yet whether it is stored. */
  isStoring(seq: number): boolean {
    const isIt = ({ messages }: Operation) => messages.some((message) => message.seq === seq);
    return this.#queue.some(isIt) || this.#told.some(isIt);
  }

  /** The process is gone. */
  crash(): void {
    if (this.#isDead) return;
    if (this.#isCommitting && this.#told.length === 0 && this.#parts.dice.chance(0.5)) this.#commit();
    this.#isDead = true;
    this.#tellEndings();
  }

  #add<T>(
    name: string,
    mailboxes: readonly string[],
    perform: () => T,
    writes = true,
    messages: readonly WaitingMessage[] = [],
  ): Promise<T> {
    const { isAlive, note } = this.#parts;
    return new Promise<T>((resolve, reject) => {
      if (!isAlive() || this.#isDead) return;
      note('store', name, ...mailboxes);
      if (messages.length > 0) this.#parts.calledFor(messages);
      this.#queue.push({ name, writes, mailboxes, messages, perform, resolve, reject });
      this.#next();
    });
  }

  #read<T>(name: string, perform: () => T): Promise<T> {
    return this.#add(name, [], perform, false);
  }

  #next(): void {
    if (this.#isCommitting || this.#queue.length === 0) return;
    this.#isCommitting = true;
    const { schedule, dice, mood } = this.#parts;
    const delay = dice.delay(mood.commitMs);
    schedule.after(delay, () => {
      if (this.#isDead) return;
      this.#commit();
      // Between the commit and its news the process may still crash.
      schedule.after(dice.chance(0.3) ? dice.delay(mood.commitMs) : 0, () => this.#tell());
    });
  }

  #commit(): void {
    const { dice, mood, disk, refuse, note } = this.#parts;
    const count = dice.chance(0.8) ? this.#queue.length : dice.between(1, this.#queue.length);
    this.#told = this.#queue.splice(0, count).map((operation) => {
      const isRefused = mood.isFull && operation.writes && !(mood.deletesWhenFull && DELETES.has(operation.name));
      const result = isRefused ? { error: refuse('the disk is full') } : attempt(operation);
      note('disk', operation.name, 'error' in result ? 'refused' : 'done');
      if ('error' in result) disk.refused(operation.messages);
      const { resolve, reject } = operation;
      const tell = () => ('error' in result ? reject(result.error) : resolve(result.value as never));
      return { ...operation, perform: tell };
    });
    this.totalBytes = disk.totalBytes;
  }

  #tell(): void {
    if (this.#isDead) return;
    const told = this.#told;
    this.#told = [];
    this.#isCommitting = false;
    this.#parts.schedule.touched = true;
    for (const { perform } of told) perform();
    this.#tellEndings();
    this.#next();
  }

  #tellEndings(): void {
    this.#parts.disk.tellEndings();
  }

  addInvite: Store['addInvite'] = (invite, now) =>
    this.#add('addInvite', [], () => this.#parts.disk.addInvite(invite, now));
  findInvite: Store['findInvite'] = (code, now) =>
    this.#read('findInvite', () => this.#parts.disk.findInvite(code, now));
  redeemInvite: Store['redeemInvite'] = (code, now, connection?: DurableConnection) =>
    this.#add('redeemInvite', [], () => this.#parts.disk.redeemInvite(code, now, connection));
  removeInvites: Store['removeInvites'] = (codes) =>
    this.#add('removeInvites', [], () => this.#parts.disk.removeInvites(codes));
  invitesOf: Store['invitesOf'] = (userKey, userId, now) =>
    this.#read('invitesOf', () => this.#parts.disk.invitesOf(userKey, userId, now));
  findUser: Store['findUser'] = (key) => this.#read('findUser', () => this.#parts.disk.holders.get(key)?.user);
  bindUser: Store['bindUser'] = (user) => this.#add('bindUser', [], () => this.#parts.disk.bindUser(user));
  touchUser: Store['touchUser'] = (key, nickname, usedAt) =>
    this.#add('touchUser', [], () => this.#parts.disk.touchUser(key, nickname, usedAt));
  forgetUser: Store['forgetUser'] = (key) => this.#add('forgetUser', [key], () => this.#parts.disk.forgetUser(key));
  connectionsOf: Store['connectionsOf'] = (key) =>
    this.#read('connectionsOf', () => this.#parts.disk.connectionsOf(key));
  endConnection: Store['endConnection'] = (id, leaver, other, nextSeq, now) =>
    this.#add('endConnection', [leaver], () => this.#parts.disk.endConnection(id, leaver, other, nextSeq, now));
  waiting: Store['waiting'] = (recipient) => this.#read('waiting', () => this.#parts.disk.waiting(recipient));
  putMessages: Store['putMessages'] = (messages) =>
    this.#add(
      'putMessages',
      messages.map(({ recipient }) => recipient),
      () => this.#parts.disk.putMessages(messages),
      true,
      messages,
    );
  nextMessages: Store['nextMessages'] = (recipient, afterSeq, count, bytes) =>
    this.#read('nextMessages', () => this.#parts.disk.nextMessages(recipient, afterSeq, count, bytes));
  acknowledge: Store['acknowledge'] = (recipient, seqs, receipts) =>
    this.#add('acknowledge', [recipient], () => this.#parts.disk.acknowledge(recipient, seqs, receipts));
  putReceipts: Store['putReceipts'] = (receipts) =>
    this.#add('putReceipts', [], () => this.#parts.disk.putReceipts(receipts));
  receiptsFor: Store['receiptsFor'] = (recipient) =>
    this.#read('receiptsFor', () => this.#parts.disk.receiptsFor(recipient));
  removeReceipts: Store['removeReceipts'] = (recipient, seqs) =>
    this.#add('removeReceipts', [], () => this.#parts.disk.removeReceipts(recipient, seqs));
  expire: Store['expire'] = (now, unusedBefore, takenBefore, nextSeq) =>
    this.#add('expire', [], () => this.#parts.disk.expire(now, unusedBefore, takenBefore, nextSeq));
}

function attempt(operation: Operation): { value: unknown } | { error: unknown } {
  try {
    return { value: operation.perform() };
  } catch (error) {
    return { error };
  }
}
