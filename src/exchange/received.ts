/** `received`: a client of a keyed user says what it has put safely away (protocol part 3). */
import type { CommandOf } from '../protocol/messages.ts';
import { acknowledge, forget } from './mailbox.ts';
import type { WaitingReceipt } from './ports.ts';
import { handReceipts, removeReceipts } from './receipts.ts';
import { readDeliveryId } from './sequence.ts';
import type { Outcome, State } from './state.ts';
import { type Client, isKeyed, type Keyed, type User } from './users.ts';

/** Unknown ones are ignored: another client was faster, or what they name has expired. */
export function received(
  state: State,
  _client: Client,
  user: User,
  command: CommandOf<'received'>,
  now: number,
): Outcome {
  if (!isKeyed(user)) return undefined;
  const { inbox } = user;
  const isAlone = command.deliveryIds.length === 1;
  let rest: Rest | undefined;
  for (const deliveryId of command.deliveryIds) {
    const seq = readDeliveryId(deliveryId);
    const entry = seq === undefined ? undefined : inbox.entries.get(seq);
    if (seq === undefined) continue;
    if (entry !== undefined) {
      const stored = acknowledge(state, user, entry, isAlone, now);
      if (stored === undefined) continue;
      rest ??= { seqs: [], receipts: [], read: [] };
      rest.seqs.push(seq);
      if (stored !== 'delete') rest.receipts.push(stored);
    } else if (inbox.receipts.size > 0) {
      const told = inbox.receipts.get(seq);
      if (told === undefined) continue;
      inbox.removeReceipt(told);
      rest ??= { seqs: [], receipts: [], read: [] };
      if (told.isStored) rest.read.push(seq);
    }
  }
  if (rest !== undefined) tellStore(state, user, rest);
  return undefined;
}

/** What the store has of what was acknowledged: messages, the receipts that come of them, and receipts that were read. */
interface Rest {
  readonly seqs: number[];
  readonly receipts: WaitingReceipt[];
  readonly read: number[];
}

function tellStore(state: State, user: Keyed, { seqs, receipts, read }: Rest): void {
  if (seqs.length > 0) forget(state, user, seqs, receipts);
  if (read.length > 0) removeReceipts(state, user, read);
  handReceipts(state, user);
}
