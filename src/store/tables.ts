/**
 * What each operation of the store does to the tables, inside a transaction that others begin and end. Beside the tables, in memory
 * alone: guests' invites, which must not touch the disk.
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
import { byAge, EXPIRED_MAX, RECEIPTS_MAX, receiptOf, type StoreCounts, withinBytes } from './rules.ts';
import { Slots } from './slots.ts';
import { type ConnectionRow, type Prepare, type Statements, statements } from './statements.ts';
import { Waiting } from './waiting.ts';

export class Tables {
  readonly #sql: Statements;
  readonly #undo: Undo;
  readonly #guestInvites = new Map<string, Invite>();
  readonly #slots: Slots;
  readonly #waiting: Waiting;

  constructor(prepare: Prepare, undo: Undo) {
    this.#sql = statements(prepare);
    this.#undo = undo;
    this.#slots = new Slots(this.#sql, undo);
    this.#waiting = new Waiting(undo);
    this.recount();
  }

  /** To be called when another process has written. */
  recount(): void {
    const rows = this.#sql.waitingAll.all();
    this.#slots.recount(rows);
    this.#waiting.recount(rows);
  }

  counts(): StoreCounts {
    const oldestAt = this.#sql.oldest.get()?.takenAt ?? undefined;
    const { messages, bytes } = this.#waiting;
    return { messages, bytes, oldestAt };
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
    const messages = [...this.#read(key, this.#waiting.of(key))];
    this.#remove(key, messages);
    this.#sql.removeReceiptsFor.run(key);
    this.#renameSender(key, forgottenSender(key, publicKey));
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
    const messages = [...this.#read(leaver, this.#waiting.of(leaver))].filter(({ sender }) => sender === other);
    this.#remove(leaver, messages);
    const receipts = messages.map((message) => receiptOf(message, 'left', nextSeq(), now));
    this.putReceipts(receipts);
    return receipts;
  }

  // --- mailboxes -------------------------------------------------------------------------------------------------------------

  get totalBytes(): number {
    return this.#waiting.onDisk;
  }

  waiting(recipient: string): WaitingHead[] {
    return this.#waiting.of(recipient).flatMap((seq) => this.#sql.head.get(seq) ?? []);
  }

  putMessages(messages: readonly WaitingMessage[]): void {
    for (const message of messages) {
      const { seq, type, recipient, sender, username, nickname, id, replyTo, content, bytes, takenAt } = message;
      const { slot, more, length } = this.#slots.put(content);
      const about = [seq, type, recipient, sender, username, nickname, id, replyTo ?? null, bytes, takenAt];
      this.#sql.putMessage.run(...about, slot, more, length);
      this.#waiting.add({ recipient, seq, sender, bytes });
    }
  }

  nextMessages(recipient: string, afterSeq: number, count: number, bytes: number): WaitingMessage[] {
    return withinBytes(this.#read(recipient, this.#waiting.after(recipient, afterSeq, count)), bytes);
  }

  acknowledge(recipient: string, seqs: readonly number[], receipts: readonly WaitingReceipt[]): void {
    this.#remove(
      recipient,
      seqs.map((seq) => ({ seq })),
    );
    this.putReceipts(receipts);
  }

  #remove(recipient: string, messages: readonly { readonly seq: number }[]): void {
    for (const { seq } of messages) {
      const gone = this.#waiting.has(recipient, seq) ? this.#sql.removeMessage.get(seq) : undefined;
      if (gone === undefined) continue;
      this.#slots.wipe(gone);
      this.#waiting.remove({ ...gone, recipient });
    }
  }

  #renameSender(from: string, to: string): void {
    if (this.#waiting.sentBy(from) === 0) return;
    this.#sql.renameSender.run(to, from);
    this.#waiting.renameSender(from, to);
  }

  /** Reads only as far as the reader goes. */
  *#read(recipient: string, seqs: readonly number[]): Generator<WaitingMessage> {
    for (const seq of seqs) {
      const row = this.#sql.message.get(seq);
      if (row === undefined) continue;
      const { slot, more, length, content, replyTo, ...rest } = row;
      const text = content ?? this.#slots.read({ slot, more, length });
      yield { ...rest, recipient, replyTo: replyTo ?? undefined, content: text };
    }
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
    for (const { recipient, seq, takenAt } of this.#sql.oldestMessages.all(EXPIRED_MAX)) {
      if (takenAt >= takenBefore) continue;
      messages.push(...this.#read(recipient, [seq]));
      this.#remove(recipient, [{ seq }]);
    }
    const receipts = messages.map((message) => receiptOf(message, 'expired', nextSeq(), now));
    this.putReceipts(receipts);
    return { receipts, messages };
  }
}

function readConnection({ id, userA, userB, madeAt }: ConnectionRow): DurableConnection {
  return { id, userKeys: [userA, userB], madeAt };
}
