/** `received`: a client of a keyed user says what it has put safely away (protocol part 3). */
import type { CommandOf } from '../protocol/messages.ts';
import { acknowledge, forget } from './mailbox.ts';
import type { WaitingReceipt } from './ports.ts';
import { handReceipts, removeReceipts } from './receipts.ts';
import type { Outcome, State } from './state.ts';
import { type Client, isKeyed, type User } from './users.ts';

const DELIVERY_ID = /^[0-9a-z]{1,11}$/;

/** Unknown ones are ignored: another client was faster, or what they name has expired. */
export function received(state: State, _client: Client, user: User, command: CommandOf<'received'>, now: number): Outcome {
  if (!isKeyed(user)) return undefined;
  const seqs: number[] = [];
  const receipts: WaitingReceipt[] = [];
  const read: number[] = [];
  for (const deliveryId of command.deliveryIds) {
    if (!DELIVERY_ID.test(deliveryId)) continue;
    const seq = Number.parseInt(deliveryId, 36);
    const entry = user.inbox.entries.get(seq);
    const told = user.inbox.receipts.get(seq);
    if (entry !== undefined) {
      const rest = acknowledge(state, user, entry, now);
      if (rest === undefined) continue;
      seqs.push(seq);
      if (rest !== 'delete') receipts.push(rest);
    } else if (told !== undefined) {
      user.inbox.removeReceipt(told);
      if (told.isStored) read.push(seq);
    }
  }
  if (seqs.length > 0) forget(state, user, seqs, receipts);
  if (read.length > 0) removeReceipts(state, user, read);
  handReceipts(state, user);
  return undefined;
}
