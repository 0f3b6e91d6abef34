/**
 * Rules for what the exchange promises: who is told `delivered` or `queued`, when, and whether it comes true (protocol part 3). The
 * disk of the simulator knows what is committed, and the letters know what was acknowledged.
 */
import type { WaitingMessage } from '../../src/exchange/ports.ts';
import type { Deliveries } from './deliveries.ts';
import type { Ending } from './disk.ts';
import type { Facts } from './facts.ts';
import type { Frame } from './frames.ts';
import type { Letter } from './letters.ts';
import type { Socket } from './network.ts';

/** What a sender may be told instead of a delivery. */
const REPORTS = ['expired', 'left'] as const;
/** What is held of one user may go over the bound of all mailboxes at once: it is about so much. */
const WINDOW_BYTES_MAX = 256 * 1024;

/** What is said of a message for which there was no place. */
const REFUSALS = new Set(['friend_offline', 'mailbox_full', 'storage_failed']);

export class Promises {
  readonly #facts: Facts;
  readonly #deliveries: Deliveries;

  constructor(facts: Facts, deliveries: Deliveries) {
    this.#facts = facts;
    this.#deliveries = deliveries;
  }

  /** `question_sent` and `answer_sent`. */
  sent(socket: Socket, frame: Frame): void {
    const facts = this.#facts;
    const letter = facts.letters.byId(frame.id);
    if (letter === undefined) {
      facts.broke('told of nothing', JSON.stringify(frame));
      return;
    }
    this.#answered(socket, letter);
    const { status = '' } = frame;
    letter.said.add(status);
    if (status === 'delivered') {
      if (letter.acknowledgements === 0) facts.broke('delivered without an acknowledgement', letter.id);
    } else if (status === 'queued') {
      if (!facts.plan.policy.offlineDelivery) facts.broke('queued without a mailbox', letter.id);
      if (letter.storedSeq === undefined && letter.acknowledgements === 0 && letter.endings.size === 0)
        facts.broke('queued before the commit', letter.id);
    } else if (letter.seqStep !== facts.schedule.steps && facts.here.has(letter.recipient))
      facts.broke('forwarded to nobody', letter.id);
  }

  refused(socket: Socket, frame: Frame): void {
    const facts = this.#facts;
    const letter = facts.letters.byId(frame.id);
    if (letter === undefined || (frame.request !== 'ask' && frame.request !== 'answer')) return;
    this.#answered(socket, letter);
    if (frame.code === 'rate_limited') {
      if (facts.isKnown(letter)) facts.broke('a repeat refused', letter.id);
      letter.isLate = true;
      return;
    }
    if (letter.storedSeq !== undefined && REFUSALS.has(frame.code ?? ''))
      facts.broke('refused what is stored', `${letter.id}: ${frame.code}`);
    // What was held before a connection ended may still be delivered.
    if (frame.code !== 'no_connection') letter.erredStep = facts.schedule.steps;
    this.#deliveries.release(letter);
  }

  #answered(socket: Socket, letter: Letter): void {
    letter.answers++;
    if (letter.answers > letter.arrivals.length) this.#facts.broke('answered too often', letter.id);
    if (!letter.arrivals.some((arrival) => arrival.socket === socket))
      this.#facts.broke('answered to who did not ask', letter.id);
  }

  receipt(socket: Socket, frame: Frame): void {
    const facts = this.#facts;
    const { status = '', deliveryId = '' } = frame;
    const letter = facts.letters.byId(frame.id);
    if (letter === undefined || letter.sender !== socket.user || letter.recipient !== frame.from) {
      facts.broke('a receipt to a stranger', JSON.stringify(frame));
      return;
    }
    this.#deliveries.means(deliveryId, `receipt ${letter.sender} ${letter.id} ${status}`);
    if (socket.had.has(deliveryId)) facts.broke('a receipt twice to one client', deliveryId);
    socket.had.add(deliveryId);
    const isTrue =
      status === 'delivered'
        ? letter.acknowledgements > 0
        : status === 'expired' || status === 'left'
          ? letter.endings.size > 0 || letter.storedSeq === undefined
          : letter.receiptsGiven.has(status);
    if (!isTrue) facts.broke('an untrue receipt', JSON.stringify(frame));
  }

  stored(message: WaitingMessage): void {
    const facts = this.#facts;
    const letter = facts.letters.byId(message.id);
    if (letter === undefined) {
      facts.broke('stored what nobody wrote', message.id);
      return;
    }
    const isIt =
      letter.content === message.content &&
      letter.content.length === message.bytes &&
      letter.recipient === message.recipient &&
      letter.sender === message.username &&
      letter.replyTo === message.replyTo &&
      letter.type === message.type;
    if (!isIt) facts.broke('stored otherwise than written', message.id);
    this.#deliveries.stored(message, letter);
    letter.storedSeq = message.seq;
    this.#bounds(message);
  }

  gone(message: WaitingMessage, ending: Ending): void {
    const letter = this.#facts.letters.byId(message.id);
    if (letter === undefined || letter.storedSeq !== message.seq) return;
    if (ending === 'acknowledged' && letter.acknowledgements === 0)
      this.#facts.broke('deleted before it was acknowledged', letter.id);
    if (ending !== 'acknowledged') this.#deliveries.release(letter);
    letter.storedSeq = undefined;
    letter.endings.add(ending);
  }

  #bounds({ recipient, sender }: WaitingMessage): void {
    const { mailboxMessages, mailboxBytes, mailboxTotalBytes } = this.#facts.plan.limits;
    if (this.#facts.disk.totalBytes > mailboxTotalBytes + WINDOW_BYTES_MAX)
      this.#facts.broke('mailboxes bound', `${mailboxTotalBytes}`);
    // What is acknowledged is as good as deleted, also when the disk does not do it yet.
    const all = this.#facts.disk
      .messagesFor(recipient)
      .filter(({ id, seq }) => this.#facts.letters.byId(id)?.acknowledgedSeq !== seq);
    const own = all.filter((message) => message.sender === sender);
    const sum = (messages: readonly WaitingMessage[]) => messages.reduce((bytes, message) => bytes + message.bytes, 0);
    const isOver =
      all.length > mailboxMessages ||
      own.length > mailboxMessages / 4 ||
      sum(all) > mailboxBytes ||
      sum(own) > mailboxBytes / 4;
    if (isOver)
      this.#facts.broke(
        'mailbox bound',
        `${recipient}: ${all.length} messages of ${sum(all)} bytes, of ${sender} ${own.length} of ${sum(own)}; bounds ${mailboxMessages}, ${mailboxBytes}`,
      );
  }

  /** Faults have stopped long ago and everybody is here: every promise has come true. */
  keptAll(): void {
    for (const letter of this.#facts.letters.all) this.#kept(letter);
    for (const [key, { messages, receipts }] of this.#facts.disk.holders) {
      if (!this.#facts.here.has(key)) continue;
      if (messages.length > 0)
        this.#facts.broke('not delivered in time', `for ${key}: ${JSON.stringify(messages).slice(0, 500)}`);
      // A full disk may have refused to delete what was acknowledged.
      const isFaultless = this.#facts.plan.faults.fullDisk === 0;
      const open = receipts.filter(({ seq }) => isFaultless || !this.#deliveries.isReceiptAcknowledged(seq));
      if (open.length > 0) this.#facts.broke('receipts not delivered in time', `for ${key}: ${JSON.stringify(open)}`);
    }
  }

  #kept(letter: Letter): void {
    const facts = this.#facts;
    const isPromised = letter.said.has('delivered') || letter.said.has('queued');
    if (!isPromised || letter.isForgotten) return;
    const isReported = REPORTS.some((status) => letter.receipts.has(status));
    const hasReport = facts.disk.receiptsFor(letter.sender).some(({ id }) => id === letter.id);
    const isThere = letter.shownBy.size > 0 || letter.storedSeq !== undefined || isReported || hasReport;
    if (!isThere) facts.broke('lost', `${letter.id}, which was ${[...letter.said]}`);
    // Who heard that it was queued hears of its end.
    const isOpen = letter.heard.has('queued') && !letter.heard.has('delivered') && letter.storedSeq === undefined;
    if (isOpen && letter.receipts.size === 0 && !hasReport && !letter.isAbandoned)
      facts.broke('the sender was not told of the end', letter.id);
  }
}
