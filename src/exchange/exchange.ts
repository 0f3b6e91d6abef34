/**
 * The exchange as a machine: opened, received, closed, ponged, ticked. Below is the table of commands and who may say them; each one's
 * work is in the file named like its station.
 */
import { decode } from '../protocol/codec.ts';
import { type Fault, fault, passingFault } from '../protocol/faults.ts';
import { type Command, type CommandOf, type CommandType, FRAME_BYTES_MAX } from '../protocol/messages.ts';
import { readId } from '../protocol/names.ts';
import { connect, createInvite, disconnect, listConnections } from './connect.ts';
import { answer, ask, overCommands } from './delivery.ts';
import { forgetMe } from './disconnect.ts';
import { identify } from './identify.ts';
import { touchThoseHere } from './keyed.ts';
import { closeClient, endConnection } from './leave.ts';
import {
  DEFAULT_POLICY,
  type Limits,
  type Policy,
  PROBE_MS,
  UNUSED_MS,
  WAITING_BYTES_MAX,
  WAITING_FRAMES_MAX,
} from './limits.ts';
import { retry, tickMail } from './mailbox.ts';
import { type Ports, StorageFailed } from './ports.ts';
import { receipt, tellReceipts, tickReceipts } from './receipts.ts';
import { received } from './received.ts';
import { type Outcome, State } from './state.ts';
import type { Client, User } from './users.ts';

interface Rule<T extends CommandType> {
  /** Whether it counts against the client's commands a minute; `own`: it counts by a rule of its own. */
  readonly counts: 'as a command' | 'own' | 'no';
  /** Only `user` is told apart here: a command that needs one is refused with `not_identified` without. */
  readonly asUser?: (state: State, client: Client, user: User, command: CommandOf<T>, now: number) => Outcome;
  readonly asAnybody?: (state: State, client: Client, command: CommandOf<T>, now: number) => Outcome;
}

const TABLE: { readonly [T in CommandType]: Rule<T> } = {
  identify: { counts: 'as a command', asAnybody: identify },
  create_invite: {
    counts: 'as a command',
    asUser: (state, client, user, _, now) => createInvite(state, client, user, now),
  },
  connect: { counts: 'as a command', asAnybody: connect },
  ask: { counts: 'own', asUser: ask },
  answer: { counts: 'own', asUser: answer },
  list_connections: { counts: 'as a command', asUser: (state, client, user) => listConnections(state, client, user) },
  disconnect: {
    counts: 'as a command',
    asUser: (state, _client, user, command, now) => disconnect(state, user, command, now),
  },
  received: { counts: 'no', asUser: received },
  receipt: { counts: 'no', asUser: receipt },
  forget_me: { counts: 'as a command', asUser: (state, _client, user) => forgetMe(state, user) },
  ping: { counts: 'no', asAnybody: ping },
};

/** A limit that one client keeps hitting is told to the log this often. */
const LIMIT_NOTE_MS = 10_000;
/** How often what has run out is looked for; idle connections and expired codes are found at most this much late. */
const SWEEP_MS = 2_000;

/** How often the store is asked what has expired; it is a question of days. */
const EXPIRE_MS = 30_000;
const DAY_MS = 24 * 3_600_000;

const CLOSED_POLICY = 1008;

export class Exchange {
  readonly state: State;
  readonly #version: string;
  #sweptAt = 0;
  #expiredAt = 0;

  constructor(limits: Readonly<Limits>, ports: Ports, version: string, policy: Policy = DEFAULT_POLICY) {
    this.state = new State(limits, ports, policy);
    this.#version = version;
  }

  /** Whether this address may open one more client. Makes room by closing its oldest unidentified one. */
  admits(address: string, now: number): boolean {
    const { users, limits, ports } = this.state;
    if (limits.clientsPerAddress === 0 || users.countAt(address) < limits.clientsPerAddress) return true;
    const oldest = users.oldestUnidentifiedAt(address);
    if (oldest === undefined) return false;
    closeClient(this.state, oldest, now);
    ports.wire.close(oldest.id, CLOSED_POLICY, 'too many clients from this address');
    return true;
  }

  opened(address: string, now: number): Client {
    const { users, ports } = this.state;
    const client = users.open(ports.chance.id(), address, ports.chance.challenge(), now);
    ports.observer.happened({ event: 'client_opened', client }, now);
    return client;
  }

  /** Greets the client; apart from `opened`, which is before its socket can be written to. */
  greet(client: Client): void {
    const { id: clientId, challenge = '' } = client;
    this.state.say(client, { type: 'connected', clientId, version: this.#version, challenge });
  }

  /** Takes one frame: its text (undefined if it is not UTF-8) and its length. Commands take effect in the order of their arrival. */
  received(client: Client, text: string | undefined, bytes: number, now: number): void {
    if (!client.open) return;
    client.heardAt = now;
    const waitMs = client.frames.take(this.state.frames, now);
    if (waitMs > 0) this.#refuse(client, passingFault('rate_limited', waitMs), now);
    else if (client.waiting === undefined) this.#perform(client, text, bytes, now);
    else this.#keep(client, text, bytes);
  }

  /** The socket is gone. */
  closed(client: Client, now: number): void {
    closeClient(this.state, client, now);
  }

  /** A sign of life. */
  ponged(client: Client): void {
    this.state.settleProbe(client, true);
  }

  /** To be called a few times a second: what time alone brings about. */
  ticked(now: number): void {
    const { probes, connections, invites, refusals, bindings, users, limits, ports } = this.state;
    // A clock that was set back would else wait for a time that has been.
    for (const [client, { askedAt }] of probes)
      if (now >= askedAt + PROBE_MS || now < askedAt) this.state.settleProbe(client, false);
    tickMail(this.state, now);
    tickReceipts(this.state, now);
    // Also when the clock was set back.
    if (Math.abs(now - this.#sweptAt) < SWEEP_MS) return;
    this.#sweptAt = now;
    if (limits.idleMinutes > 0)
      for (const connection of connections.idle(limits.idleMinutes * 60_000, now))
        endConnection(this.state, connection, 'idle', now);
    invites.tick(now);
    refusals.tick(now);
    bindings.tick(now);
    users.tick(now);
    retry(this.state);
    if (Math.abs(now - this.#expiredAt) < EXPIRE_MS) return;
    this.#expiredAt = now;
    touchThoseHere(this.state, now);
    this.#expire(now).catch((error: unknown) => ports.observer.failed('store.expire', error, now));
  }

  /** The store takes only so much at once; while there is more, it is asked again at the next sweep. */
  async #expire(now: number): Promise<void> {
    const { limits, ports, users, nextSeq } = this.state;
    const takenBefore = limits.mailboxDays > 0 ? now - limits.mailboxDays * DAY_MS : 0;
    const { messages, receipts } = await ports.store.expire(now, now - UNUSED_MS, takenBefore, nextSeq);
    if (messages.length === 0) return;
    this.#expiredAt = 0;
    for (const { recipient, seq } of messages) {
      const inbox = users.known(recipient)?.inbox;
      const entry = inbox?.entries.get(seq);
      if (entry !== undefined) inbox?.remove(entry);
    }
    tellReceipts(this.state, receipts, true);
    ports.observer.happened({ event: 'expired', messages: messages.length }, ports.clock());
  }

  /** Says goodbye to everybody: each client gets `restarting` with its own time to come back, from `spreadMs`. */
  drain(spreadMs: () => number): void {
    this.state.isDraining = true;
    for (const client of [...this.state.users.clients.values()]) {
      this.state.say(client, { type: 'restarting', retryAfterMs: spreadMs() });
      this.state.ports.wire.close(client.id, 1012, 'restarting');
    }
  }

  #keep(client: Client, text: string | undefined, bytes: number): void {
    const { waiting } = client;
    if (waiting === undefined) return;
    waiting.bytes += bytes;
    if (waiting.frames.length < WAITING_FRAMES_MAX && waiting.bytes <= WAITING_BYTES_MAX) {
      waiting.frames.push({ text, bytes });
      return;
    }
    // Gone from this moment: what comes after a frame that was dropped must not take effect.
    closeClient(this.state, client, this.state.ports.clock());
    this.state.ports.wire.close(client.id, CLOSED_POLICY, 'too much sent while a command was waiting');
  }

  #perform(client: Client, text: string | undefined, bytes: number, now: number): void {
    const { observer } = this.state.ports;
    const command = bytes > FRAME_BYTES_MAX ? fault('message_too_large') : decode(text);
    if (command.type === 'error') {
      observer.received('fault', bytes);
      this.#refuse(client, command, now);
      return;
    }
    observer.received(command.type, bytes);
    let outcome: Outcome;
    try {
      outcome = this.#run(client, command, now);
    } catch (error) {
      observer.failed(command.type, error, now);
      outcome = fault('internal');
    }
    if (outcome === undefined) return;
    if (outcome instanceof Promise) this.#await(client, command, outcome);
    else this.#refuse(client, about(outcome, command), now);
  }

  #run<T extends CommandType>(client: Client, command: CommandOf<T> & { readonly type: T }, now: number): Outcome {
    const rule: Rule<T> = TABLE[command.type];
    if (rule.counts === 'as a command') {
      const over = overCommands(this.state, client, now);
      if (over !== undefined) return over;
    }
    if (rule.asAnybody !== undefined) return rule.asAnybody(this.state, client, command, now);
    if (client.user === undefined) return fault('not_identified');
    return rule.asUser?.(this.state, client, client.user, command, now);
  }

  /** A command that has to wait: what the client sends meanwhile is kept and done after it, in order. */
  async #await(client: Client, command: Command, outcome: Promise<Fault | undefined>): Promise<void> {
    client.waiting = { frames: [], bytes: 0 };
    const { ports } = this.state;
    let refusal: Fault | undefined;
    try {
      refusal = await outcome;
    } catch (error) {
      ports.observer.failed(command.type, error, ports.clock());
      refusal = fault(error instanceof StorageFailed ? 'storage_failed' : 'internal');
    }
    if (!client.open) return;
    if (refusal !== undefined) this.#refuse(client, about(refusal, command), ports.clock());
    const frames = client.waiting?.frames ?? [];
    client.waiting = undefined;
    for (const [index, frame] of frames.entries()) {
      this.#perform(client, frame.text, frame.bytes, ports.clock());
      if (!client.open) return;
      const again = client.waiting as Client['waiting'];
      if (again === undefined) continue;
      // It waits again: what is left goes behind, in the same order.
      for (const later of frames.slice(index + 1)) this.#keep(client, later.text, later.bytes);
      return;
    }
  }

  #refuse(client: Client, refusal: Fault, now: number): void {
    const { ports } = this.state;
    ports.observer.refused(client, refusal.code, now);
    if (refusal.retryAfterMs !== undefined && now - client.limitNotedAt >= LIMIT_NOTE_MS) {
      client.limitNotedAt = now;
      ports.observer.happened({ event: 'limit_hit', client, code: refusal.code }, now);
    }
    this.state.say(client, refusal);
  }
}

/** Says which command a fault is about. */
function about(refusal: Fault, command: Command): Fault {
  refusal.request = command.type;
  const id = readId(command.id);
  if (id !== undefined) refusal.id = id;
  return refusal;
}

function ping(state: State, client: Client, command: CommandOf<'ping'>): undefined {
  const id = readId(command.id);
  state.say(client, id === undefined ? { type: 'pong' } : { type: 'pong', id });
}
