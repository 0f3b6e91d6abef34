/**
 * Sequence numbers: the order in which the exchange takes messages and makes receipts. Unique for ever, since each run of the exchange has
 * an epoch of its own; together with it exact in a double.
 */
const SEQS_PER_EPOCH = 2 ** 32;
const DELIVERY_ID = /^(\d{1,7})-(\d{1,10})$/;

export function firstSeq(epoch: number): number {
  return epoch * SEQS_PER_EPOCH;
}

/** The `deliveryId` on the wire (protocol part 3). Written as two small numbers: the text of a large one takes ten times as long. */
export function deliveryIdOf(seq: number): string {
  const epoch = Math.floor(seq / SEQS_PER_EPOCH);
  return `${epoch}-${seq - epoch * SEQS_PER_EPOCH}`;
}

/** Undefined for what is no deliveryId. */
export function readDeliveryId(text: string): number | undefined {
  const parts = DELIVERY_ID.exec(text);
  return parts === null ? undefined : Number(parts[1]) * SEQS_PER_EPOCH + Number(parts[2]);
}
