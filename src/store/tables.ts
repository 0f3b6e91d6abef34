/**
 * What each operation of the store does to the tables, inside a transaction that others begin and end. Beside the tables, in memory
 * alone: guests' invites, which must not touch the disk, and the sum of what waits, which would cost a page of every commit.
 */
import {
  type DurableConnection,
  forgottenSender,
  type Invite,
  type KeyedUser,
  type WaitingHead,
  type WaitingMessage,
  type WaitingReceipt,
} from '../exchange/ports.ts';
import type { Undo } from './group.ts';
import { byAge, bytesOnDisk, EXPIRED_MAX, RECEIPTS_MAX, receiptOf, type StoreCounts, withinBytes } from './rules.ts';
import { type ConnectionRow, type MessageRow, type Prepare, type Statements, statements } from './statements.ts';

export class Tables {
  readonly #sql: Statements;
  readonly #undo: Undo;
  readonly #guestInvites = new Map<string, Invite>();
  #messages = 0;
  #bytes = 0;

  constructor(prepare: Prepare, undo: Undo) {
    this.#sql = statements(prepare);
    this.#undo = undo;
    this.recount();
  }

  /** To be called when another process has written. */
  recount(): void {
    const { messages = 0, bytes = 0 } = this.#sql.count.get() ?? {};
    this.#messages = messages;
    this.#bytes = bytes;
  }

  counts(): StoreCounts {
    const oldestAt = this.#sql.oldest.get()?.takenAt ?? undefined;
    return { messages: this.#messages, bytes: this.#bytes, oldestAt };
  }

  // --- invites ---------------------------------------------------------------------------------------------------------------

  addInvite(invite: Invite, now: number): boolean {
    if (this.findInvite(invite.code, now) !== undefined) return false;
    const dead = this.#guestInvites.get(invite.code);
    if (dead !== undefined) this.#removeGuestInvite(dead);
    if (!invite.durable) {
      this.#guestInvites.set(invite.code, invite);
      this.#undo.add(() => this.#guestInvites.delete(invite.code));
      return true;
    }
    const { code, userKey, userId, expiresAt } = invite;
    this.#sql.removeInvite.run(code);
    this.#sql.addInvite.run(code, userKey, userId, expiresAt);
    return true;
  }

  findInvite(code: string, now: number): Invite | undefined {
    const guest = this.#guestInvites.get(code);
    if (guest !== undefined && guest.expiresAt > now) return guest;
    const row = this.#sql.findInvite.get(code, now);
    return row === undefined ? undefined : { ...row, durable: true };
  }

  redeemInvite(code: string, now: number, connection: DurableConnection | undefined): boolean {
    const guest = this.#guestInvites.get(code);
    const isLiveGuest = guest !== undefined && guest.expiresAt > now;
    if (isLiveGuest) this.#removeGuestInvite(guest);
    else if (this.#sql.redeemInvite.run(code, now).changes === 0) return false;
    if (connection !== undefined) this.#addConnection(connection);
    return true;
  }

  removeInvites(codes: readonly string[]): void {
    for (const code of codes) {
      const guest = this.#guestInvites.get(code);
      if (guest !== undefined) this.#removeGuestInvite(guest);
      this.#sql.removeInvite.run(code);
    }
  }

  invitesOf(userKey: string, userId: string, now: number): Invite[] {
    const ofGuest = [...this.#guestInvites.values()].filter(
      (invite) => invite.userKey === userKey && invite.userId === userId && invite.expiresAt > now,
    );
    const kept = this.#sql.invitesOf.all(userKey, userId, now);
    return [...kept.map((row) => ({ ...row, durable: true })), ...ofGuest];
  }

  #removeGuestInvite(invite: Invite): void {
    this.#guestInvites.delete(invite.code);
    this.#undo.add(() => this.#guestInvites.set(invite.code, invite));
  }

  // --- users and connections -------------------------------------------------------------------------------------------------

  findUser(key: string): KeyedUser | undefined {
    return this.#sql.findUser.get(key);
  }

  bindUser({ key, username, nickname, publicKey, usedAt }: KeyedUser): boolean {
    return this.#sql.bindUser.run(key, username, nickname, publicKey, usedAt).changes === 1;
  }

  touchUser(key: string, nickname: string, usedAt: number): void {
    this.#sql.touchUser.run(nickname, usedAt, key);
  }

  forgetUser(key: string): DurableConnection[] {
    const user = this.findUser(key);
    if (user === undefined) return [];
    const connections = this.#sql.removeConnectionsOf.all(key, key).map(readConnection).sort(byAge);
    this.#forgetAlone(user);
    return connections;
  }

  /** Deletes a binding without a connection. Returns the messages that waited for it. */
  #forgetAlone({ key, publicKey }: Pick<KeyedUser, 'key' | 'publicKey'>): WaitingMessage[] {
    this.#sql.removeInvitesOf.run(key);
    for (const invite of this.#guestInvites.values()) if (invite.userKey === key) this.#removeGuestInvite(invite);
    const messages = this.#removed(this.#sql.removeMessagesFor.all(key));
    this.#sql.removeReceiptsFor.run(key);
    this.#sql.renameSender.run(forgottenSender(key, publicKey), key);
    this.#sql.removeUser.run(key);
    return messages;
  }

  connectionsOf(key: string): { connection: DurableConnection; friend: KeyedUser }[] {
    const rows = this.#sql.connectionsOf.all(key, key);
    return rows
      .map(({ id, userA, userB, madeAt, ...friend }) => ({
        connection: readConnection({ id, userA, userB, madeAt }),
        friend,
      }))
      .sort((one, other) => byAge(one.connection, other.connection));
  }

  #addConnection({ id, userKeys: [userA, userB], madeAt }: DurableConnection): void {
    this.#sql.addConnection.run(id, userA, userB, madeAt);
  }

  endConnection(id: string, leaver: string, other: string, nextSeq: () => number, now: number): WaitingReceipt[] {
    if (this.#sql.removeConnection.run(id).changes === 0) return [];
    const messages = this.#removed(this.#sql.removeMessagesFrom.all(leaver, other));
    const receipts = messages.map((message) => receiptOf(message, 'left', nextSeq(), now));
    this.putReceipts(receipts);
    return receipts;
  }

  // --- mailboxes -------------------------------------------------------------------------------------------------------------

  get totalBytes(): number {
    return bytesOnDisk({ messages: this.#messages, bytes: this.#bytes });
  }

  waiting(recipient: string): WaitingHead[] {
    return this.#sql.waiting.all(recipient);
  }

  putMessages(messages: readonly WaitingMessage[]): void {
    for (const message of messages) {
      const { seq, type, recipient, sender, username, nickname, id, replyTo, content, bytes, takenAt } = message;
      const from = [sender, username, nickname] as const;
      this.#sql.putMessage.run(seq, type, recipient, ...from, id, replyTo ?? null, content, bytes, takenAt);
      this.#count(1, bytes);
    }
  }

  nextMessages(recipient: string, afterSeq: number, count: number, bytes: number): WaitingMessage[] {
    return withinBytes(readMessages(this.#sql.nextMessages.iterate(recipient, afterSeq, count)), bytes);
  }

  acknowledge(recipient: string, seqs: readonly number[], receipts: readonly WaitingReceipt[]): void {
    for (const seq of seqs) {
      const gone = this.#sql.removeMessage.get(seq, recipient);
      if (gone !== undefined) this.#count(-1, -gone.bytes);
    }
    this.putReceipts(receipts);
  }

  /** Reads the rows of a DELETE, whose order SQL leaves open. */
  #removed(rows: readonly MessageRow[]): WaitingMessage[] {
    this.#count(-rows.length, -rows.reduce((sum, { bytes }) => sum + bytes, 0));
    return [...readMessages(rows)].sort((one, other) => one.seq - other.seq);
  }

  #count(messages: number, bytes: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
    this.#undo.add(() => {
      this.#messages -= messages;
      this.#bytes -= bytes;
    });
  }

  // --- receipts --------------------------------------------------------------------------------------------------------------

  putReceipts(receipts: readonly WaitingReceipt[]): void {
    for (const { seq, recipient, friend, id, status, reason, at } of receipts)
      this.#sql.putReceipt.run(seq, friend, id, status, reason ?? null, at, recipient);
    for (const recipient of new Set(receipts.map((receipt) => receipt.recipient)))
      this.#sql.boundReceipts.run(recipient, recipient, RECEIPTS_MAX);
  }

  receiptsFor(recipient: string): WaitingReceipt[] {
    return this.#sql.receiptsFor.all(recipient).map((row) => ({ ...row, reason: row.reason ?? undefined }));
  }

  removeReceipts(recipient: string, seqs: readonly number[]): void {
    for (const seq of seqs) this.#sql.removeReceipt.run(seq, recipient);
  }

  // --- time ------------------------------------------------------------------------------------------------------------------

  expire(
    now: number,
    unusedBefore: number,
    takenBefore: number,
    nextSeq: () => number,
  ): { receipts: WaitingReceipt[]; messages: WaitingMessage[] } {
    this.#sql.expireInvites.run(now);
    for (const invite of this.#guestInvites.values()) if (invite.expiresAt <= now) this.#removeGuestInvite(invite);
    const messages: WaitingMessage[] = [];
    for (const user of this.#sql.unusedUsers.all(unusedBefore, EXPIRED_MAX))
      if (messages.length < EXPIRED_MAX) messages.push(...this.#forgetAlone(user));
    for (const message of readMessages(this.#sql.oldestMessages.all(EXPIRED_MAX))) {
      if (message.takenAt >= takenBefore) continue;
      this.#sql.removeMessage.get(message.seq, message.recipient);
      this.#count(-1, -message.bytes);
      messages.push(message);
    }
    const receipts = messages.map((message) => receiptOf(message, 'expired', nextSeq(), now));
    this.putReceipts(receipts);
    return { receipts, messages };
  }
}

function* readMessages(rows: Iterable<MessageRow>): Generator<WaitingMessage> {
  for (const row of rows) yield { ...row, replyTo: row.replyTo ?? undefined };
}

function readConnection({ id, userA, userB, madeAt }: ConnectionRow): DurableConnection {
  return { id, userKeys: [userA, userB], madeAt };
}
