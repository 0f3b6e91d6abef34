/**
 * What the simulated store has committed: it outlives the exchange. Each operation of the Store port as one step that is either done
 * or not, written for being plainly right. `store.ts` decides when one is done, and whether.
 */
import type {
  DurableConnection,
  Invite,
  KeyedUser,
  ReceiptStatus,
  WaitingHead,
  WaitingMessage,
  WaitingReceipt,
} from '../../src/exchange/ports.ts';

export type Ending = 'acknowledged' | 'expired' | 'left' | 'forgotten' | 'lapsed';

/** Who is told what the disk has. */
export interface DiskWitness {
  stored(message: WaitingMessage): void;
  gone(message: WaitingMessage, ending: Ending): void;
  forgotten(key: string): void;
  refused(messages: readonly WaitingMessage[]): void;
  /** `live`: how many codes its maker has now. */
  invited(invite: Invite, live: number): void;
  /** `counts`: how many connections the two have now. */
  connected(connection: DurableConnection, counts: readonly number[]): void;
  ended(connection: DurableConnection): void;
  broke(rule: string, detail: string): void;
}

interface Holder {
  user: KeyedUser;
  messages: WaitingMessage[];
  receipts: WaitingReceipt[];
}

const RECEIPTS_MAX = 1_000;

export class Disk {
  readonly invites = new Map<string, Invite>();
  readonly holders = new Map<string, Holder>();
  readonly connections = new Map<string, DurableConnection>();
  /** Connections whose end is committed and was not told yet: until then nobody can know. */
  readonly #endings: DurableConnection[] = [];
  /** Messages and bindings that one call of `expire` takes. */
  expiredMax = 256;
  readonly #witness: DiskWitness;
  /** Makes what the operation below was asked not to do an error of the store's. */
  readonly #refuse: (reason: string) => Error;

  constructor(witness: DiskWitness, refuse: (reason: string) => Error) {
    this.#witness = witness;
    this.#refuse = refuse;
  }

  get totalBytes(): number {
    let bytes = 0;
    for (const { messages } of this.holders.values()) for (const message of messages) bytes += message.bytes;
    return bytes;
  }

  addInvite(invite: Invite, now: number): boolean {
    if (this.findInvite(invite.code, now) !== undefined) return false;
    this.invites.set(invite.code, invite);
    this.#witness.invited(invite, this.invitesOf(invite.userKey, invite.userId, now).length);
    return true;
  }

  findInvite(code: string, now: number): Invite | undefined {
    const invite = this.invites.get(code);
    return invite !== undefined && invite.expiresAt > now ? invite : undefined;
  }

  redeemInvite(code: string, now: number, connection: DurableConnection | undefined): boolean {
    if (this.findInvite(code, now) === undefined) return false;
    if (connection !== undefined) this.connect(connection);
    return this.invites.delete(code);
  }

  removeInvites(codes: readonly string[]): void {
    for (const code of codes) this.invites.delete(code);
  }

  invitesOf(userKey: string, userId: string, now: number): Invite[] {
    return [...this.invites.values()].filter(
      (invite) => invite.userKey === userKey && invite.userId === userId && invite.expiresAt > now,
    );
  }

  bindUser(user: KeyedUser): boolean {
    if (this.holders.has(user.key)) return false;
    this.holders.set(user.key, { user, messages: [], receipts: [] });
    return true;
  }

  touchUser(key: string, nickname: string, usedAt: number): void {
    const holder = this.holders.get(key);
    if (holder !== undefined) holder.user = { ...holder.user, nickname, usedAt };
  }

  forgetUser(key: string, ending: Ending = 'forgotten'): DurableConnection[] {
    const holder = this.holders.get(key);
    if (holder === undefined) return [];
    const ended = this.#connectionsWith(key);
    for (const connection of ended) this.#end(connection);
    for (const [code, invite] of this.invites) if (invite.userKey === key) this.invites.delete(code);
    this.holders.delete(key);
    for (const message of holder.messages) this.#witness.gone(message, ending);
    const sender = `${key}\n${holder.user.publicKey}`;
    for (const other of this.holders.values())
      other.messages = other.messages.map((message) => (message.sender === key ? { ...message, sender } : message));
    this.#witness.forgotten(key);
    return ended;
  }

  connectionsOf(key: string): { connection: DurableConnection; friend: KeyedUser }[] {
    return this.#connectionsWith(key).map((connection) => {
      const [one, other] = connection.userKeys;
      return { connection, friend: this.#bound(one === key ? other : one).user };
    });
  }

  connect(connection: DurableConnection): void {
    const [one, other] = connection.userKeys;
    this.#bound(one);
    this.#bound(other);
    const isTwice = this.connectionBetween(one, other) !== undefined;
    if (isTwice || this.connections.has(connection.id)) throw this.#refuse('the two have a connection');
    this.connections.set(connection.id, connection);
    this.#witness.connected(
      connection,
      connection.userKeys.map((key) => this.#connectionsWith(key).length),
    );
  }

  connectionBetween(one: string, other: string): DurableConnection | undefined {
    return this.#connectionsWith(one).find(({ userKeys }) => userKeys.includes(other));
  }

  endConnection(id: string, leaver: string, other: string, nextSeq: () => number, now: number): WaitingReceipt[] {
    const connection = this.connections.get(id);
    if (connection === undefined) return [];
    this.#end(connection);
    const left = this.#take(leaver, (message) => message.sender === other, 'left');
    const receipts = left.map((message) => receiptOf(message, 'left', nextSeq(), now));
    this.putReceipts(receipts);
    return receipts;
  }

  waiting(recipient: string): WaitingHead[] {
    return this.messagesFor(recipient).map(({ seq, sender, id, bytes }) => ({ seq, sender, id, bytes }));
  }

  messagesFor(recipient: string): readonly WaitingMessage[] {
    return this.holders.get(recipient)?.messages ?? [];
  }

  putMessages(messages: readonly WaitingMessage[]): void {
    for (const { recipient } of messages) this.#bound(recipient);
    for (const message of messages) {
      const holder = this.#bound(message.recipient);
      const twin = holder.messages.find(
        ({ seq, sender, id }) => seq === message.seq || (sender === message.sender && id === message.id),
      );
      if (twin !== undefined) this.#witness.broke('stored twice', `${message.sender} ${message.id} seq ${message.seq}`);
      holder.messages = [...holder.messages, message].sort((a, b) => a.seq - b.seq);
      this.#witness.stored(message);
    }
  }

  nextMessages(recipient: string, afterSeq: number, count: number, bytes: number): WaitingMessage[] {
    const taken: WaitingMessage[] = [];
    let room = bytes;
    for (const message of this.messagesFor(recipient)) {
      if (message.seq <= afterSeq) continue;
      room -= message.bytes;
      if (taken.length > 0 && (taken.length >= count || room < 0)) break;
      taken.push(message);
    }
    return taken;
  }

  acknowledge(recipient: string, seqs: readonly number[], receipts: readonly WaitingReceipt[]): void {
    this.#take(recipient, (message) => seqs.includes(message.seq), 'acknowledged');
    this.putReceipts(receipts);
  }

  putReceipts(receipts: readonly WaitingReceipt[]): void {
    for (const receipt of receipts) {
      const holder = this.holders.get(receipt.recipient);
      if (holder === undefined) continue;
      const same = holder.receipts.find((kept) => kept.friend === receipt.friend && kept.id === receipt.id);
      if (same !== undefined && same.seq > receipt.seq) continue;
      const others = holder.receipts.filter((kept) => kept !== same);
      holder.receipts = [...others, receipt].sort((a, b) => a.seq - b.seq).slice(-RECEIPTS_MAX);
    }
  }

  receiptsFor(recipient: string): WaitingReceipt[] {
    return this.holders.get(recipient)?.receipts ?? [];
  }

  removeReceipts(recipient: string, seqs: readonly number[]): void {
    const holder = this.holders.get(recipient);
    if (holder !== undefined) holder.receipts = holder.receipts.filter(({ seq }) => !seqs.includes(seq));
  }

  expire(
    now: number,
    unusedBefore: number,
    takenBefore: number,
    nextSeq: () => number,
  ): { receipts: WaitingReceipt[]; messages: WaitingMessage[] } {
    for (const [code, invite] of this.invites) if (invite.expiresAt <= now) this.invites.delete(code);
    const unused = [...this.holders.values()]
      .filter(({ user }) => user.usedAt < unusedBefore && this.#connectionsWith(user.key).length === 0)
      .sort((a, b) => a.user.usedAt - b.user.usedAt)
      .slice(0, this.expiredMax);
    const lapsed = unused.flatMap(({ user, messages }) => {
      this.forgetUser(user.key, 'lapsed');
      return messages;
    });
    const old = [...this.holders.values()]
      .flatMap(({ messages }) => messages.filter(({ takenAt }) => takenAt < takenBefore))
      .sort((a, b) => a.takenAt - b.takenAt || a.seq - b.seq)
      .slice(0, this.expiredMax);
    for (const { recipient, seq } of old) this.#take(recipient, (message) => message.seq === seq, 'expired');
    const messages = [...lapsed, ...old];
    const receipts = messages.map((message) => receiptOf(message, 'expired', nextSeq(), now));
    this.putReceipts(receipts);
    return { receipts, messages };
  }

  refused(messages: readonly WaitingMessage[]): void {
    if (messages.length > 0) this.#witness.refused(messages);
  }

  /** Whoever asked for the ends knows of them now, or nobody ever will. */
  tellEndings(): void {
    for (const connection of this.#endings.splice(0)) this.#witness.ended(connection);
  }

  #take(recipient: string, isMeant: (message: WaitingMessage) => boolean, ending: Ending): WaitingMessage[] {
    const holder = this.holders.get(recipient);
    const taken = holder?.messages.filter(isMeant) ?? [];
    if (holder !== undefined) holder.messages = holder.messages.filter((message) => !taken.includes(message));
    for (const message of taken) this.#witness.gone(message, ending);
    return taken;
  }

  #end(connection: DurableConnection): void {
    this.connections.delete(connection.id);
    this.#endings.push(connection);
  }

  #connectionsWith(key: string): DurableConnection[] {
    return [...this.connections.values()].filter(({ userKeys }) => userKeys.includes(key));
  }

  #bound(key: string): Holder {
    const holder = this.holders.get(key);
    if (holder === undefined) throw this.#refuse('the name is not bound');
    return holder;
  }
}

function receiptOf(message: WaitingMessage, status: ReceiptStatus, seq: number, at: number): WaitingReceipt {
  const { sender, recipient, id } = message;
  return { seq, recipient: sender, friend: recipient, id, status, reason: undefined, at };
}
