/** The store that keeps nothing: what it holds ends with the process. */
import {
  type DurableConnection,
  forgottenSender,
  type Invite,
  type KeyedUser,
  StorageFailed,
  type WaitingMessage,
  type WaitingReceipt,
} from '../exchange/ports.ts';
import {
  byAge,
  bytesOnDisk,
  EXPIRED_MAX,
  type LocalStore,
  RECEIPTS_MAX,
  receiptOf,
  type StoreCounts,
  withinBytes,
} from './rules.ts';

/** Everything of one keyed user. */
interface Holder {
  user: KeyedUser;
  readonly connections: Map<string, DurableConnection>;
  /** Oldest first, as are the receipts. */
  messages: WaitingMessage[];
  receipts: WaitingReceipt[];
}

export function memoryStore(epoch: number): LocalStore {
  const invites = new Map<string, Invite>();
  const holders = new Map<string, Holder>();
  const connections = new Map<string, DurableConnection>();

  /** Time decides what is live, not the sweep: that only makes room. */
  function liveInvite(code: string, now: number): Invite | undefined {
    const invite = invites.get(code);
    return invite !== undefined && invite.expiresAt > now ? invite : undefined;
  }

  function bound(key: string): Holder {
    const holder = holders.get(key);
    if (holder === undefined) throw new StorageFailed('the name is not bound');
    return holder;
  }

  function connect(connection: DurableConnection): void {
    const [one, other] = connection.userKeys.map(bound);
    const isNew = !connections.has(connection.id) && friendsOf(one).every((friend) => friend !== other?.user.key);
    if (!isNew) throw new StorageFailed('the two have a connection');
    connections.set(connection.id, connection);
    one?.connections.set(connection.id, connection);
    other?.connections.set(connection.id, connection);
  }

  function disconnect({ id, userKeys }: DurableConnection): void {
    connections.delete(id);
    for (const key of userKeys) holders.get(key)?.connections.delete(id);
  }

  function friendsOf(holder: Holder | undefined): string[] {
    return [...(holder?.connections.values() ?? [])].map((connection) => friendIn(connection, holder?.user.key));
  }

  function keepReceipts(receipts: readonly WaitingReceipt[]): void {
    for (const receipt of receipts) {
      const holder = holders.get(receipt.recipient);
      if (holder === undefined) continue;
      const same = holder.receipts.find((kept) => kept.friend === receipt.friend && kept.id === receipt.id);
      if (same !== undefined && same.seq > receipt.seq) continue;
      const others = holder.receipts.filter((kept) => kept !== same);
      holder.receipts = [...others, receipt].sort(bySeq).slice(-RECEIPTS_MAX);
    }
  }

  function forget(holder: Holder): DurableConnection[] {
    const ended = [...holder.connections.values()].sort(byAge);
    for (const connection of ended) disconnect(connection);
    for (const [code, invite] of invites) if (invite.userKey === holder.user.key) invites.delete(code);
    const { key, publicKey } = holder.user;
    holders.delete(key);
    const renamed = (message: WaitingMessage) =>
      message.sender === key ? { ...message, sender: forgottenSender(key, publicKey) } : message;
    for (const other of holders.values()) other.messages = other.messages.map(renamed);
    return ended;
  }

  function waiting(): WaitingMessage[] {
    return [...holders.values()].flatMap((holder) => holder.messages);
  }

  function counts(): StoreCounts {
    const messages = waiting().sort(bySeq);
    const bytes = messages.reduce((sum, message) => sum + message.bytes, 0);
    return { messages: messages.length, bytes, oldestAt: messages[0]?.takenAt };
  }

  return {
    epoch,
    durable: false,
    get totalBytes() {
      return bytesOnDisk(counts());
    },

    async addInvite(invite, now) {
      if (liveInvite(invite.code, now) !== undefined) return false;
      // One that is dead and has the same code was made earlier: it must not lend its place in the order.
      invites.delete(invite.code);
      invites.set(invite.code, invite);
      return true;
    },
    async findInvite(code, now) {
      return liveInvite(code, now);
    },
    async redeemInvite(code, now, connection) {
      if (liveInvite(code, now) === undefined) return false;
      if (connection !== undefined) connect(connection);
      return invites.delete(code);
    },
    async removeInvites(codes) {
      for (const code of codes) invites.delete(code);
    },
    async invitesOf(userKey, userId, now) {
      return [...invites.values()].filter(
        (invite) => invite.userKey === userKey && invite.userId === userId && invite.expiresAt > now,
      );
    },

    async findUser(key) {
      return holders.get(key)?.user;
    },
    async bindUser(user) {
      if (holders.has(user.key)) return false;
      holders.set(user.key, { user, connections: new Map(), messages: [], receipts: [] });
      return true;
    },
    async touchUser(key, nickname, usedAt) {
      const holder = holders.get(key);
      if (holder !== undefined) holder.user = { ...holder.user, nickname, usedAt };
    },
    async forgetUser(key) {
      const holder = holders.get(key);
      return holder === undefined ? [] : forget(holder);
    },

    async connectionsOf(key) {
      const kept = [...(holders.get(key)?.connections.values() ?? [])].sort(byAge);
      return kept.map((connection) => ({ connection, friend: bound(friendIn(connection, key)).user }));
    },
    async endConnection(id, leaver, other, nextSeq, now) {
      const connection = connections.get(id);
      if (connection === undefined) return [];
      disconnect(connection);
      const holder = holders.get(leaver);
      const undelivered = holder?.messages.filter((message) => message.sender === other) ?? [];
      if (holder !== undefined) holder.messages = holder.messages.filter((message) => message.sender !== other);
      const receipts = undelivered.map((message) => receiptOf(message, 'left', nextSeq(), now));
      keepReceipts(receipts);
      return receipts;
    },

    async waiting(recipient) {
      const messages = holders.get(recipient)?.messages ?? [];
      return messages.map(({ seq, sender, id, bytes }) => ({ seq, sender, id, bytes }));
    },
    async putMessages(messages) {
      for (const { recipient } of messages) bound(recipient);
      for (const message of messages) {
        const holder = bound(message.recipient);
        holder.messages = [...holder.messages, message].sort(bySeq);
      }
    },
    async nextMessages(recipient, afterSeq, count, bytes) {
      const later = (holders.get(recipient)?.messages ?? []).filter(({ seq }) => seq > afterSeq);
      return withinBytes(later.slice(0, count), bytes);
    },
    async acknowledge(recipient, seqs, receipts) {
      const gone = new Set(seqs);
      const holder = holders.get(recipient);
      if (holder !== undefined) holder.messages = holder.messages.filter(({ seq }) => !gone.has(seq));
      keepReceipts(receipts);
    },
    async putReceipts(receipts) {
      keepReceipts(receipts);
    },
    async receiptsFor(recipient) {
      return holders.get(recipient)?.receipts ?? [];
    },
    async removeReceipts(recipient, seqs) {
      const gone = new Set(seqs);
      const holder = holders.get(recipient);
      if (holder !== undefined) holder.receipts = holder.receipts.filter(({ seq }) => !gone.has(seq));
    },

    async expire(now, unusedBefore, takenBefore, nextSeq) {
      for (const [code, invite] of invites) if (invite.expiresAt <= now) invites.delete(code);
      const unused = [...holders.values()].filter(
        (holder) => holder.connections.size === 0 && holder.user.usedAt < unusedBefore,
      );
      const lapsed = unused.sort((one, other) => one.user.usedAt - other.user.usedAt).slice(0, EXPIRED_MAX);
      for (const holder of lapsed) forget(holder);
      const oldest = waiting().sort(bySeq).slice(0, EXPIRED_MAX);
      const expired = oldest.filter((message) => message.takenAt < takenBefore);
      for (const message of expired) {
        const holder = bound(message.recipient);
        holder.messages = holder.messages.filter((kept) => kept !== message);
      }
      const messages = [...lapsed.flatMap((holder) => holder.messages), ...expired];
      const receipts = messages.map((message) => receiptOf(message, 'expired', nextSeq(), now));
      keepReceipts(receipts);
      return { receipts, messages };
    },

    counts,
    async close() {},
  };
}

function friendIn({ userKeys: [one, other] }: DurableConnection, key: string | undefined): string {
  return one === key ? other : one;
}

function bySeq(one: { readonly seq: number }, other: { readonly seq: number }): number {
  return one.seq - other.seq;
}
