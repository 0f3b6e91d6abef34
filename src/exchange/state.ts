/** What the stations of the exchange share: who is here, who may talk to whom, the codes, the limits, and the world outside. */
import { encode } from '../protocol/codec.ts';
import type { Fault } from '../protocol/faults.ts';
import type { ServerMessage } from '../protocol/messages.ts';
import { Connections, type Side } from './connections.ts';
import { Invites } from './invites.ts';
import {
  ATTEMPTS,
  AttemptBook,
  BINDINGS,
  FRAME_BURST_SECONDS,
  type Limits,
  type Policy,
  QUESTION_BURST,
  type Rate,
  rate,
} from './limits.ts';
import type { Ports } from './ports.ts';
import { firstSeq } from './sequence.ts';
import { type Client, type Keyed, type User, Users } from './users.ts';

/** What became of a command: nothing to add, a fault to answer, or not known yet. */
export type Outcome = Fault | undefined | Promise<Fault | undefined>;

/** A client that was asked for a sign of life. */
interface Probe {
  readonly askedAt: number;
  readonly resolve: (alive: boolean) => void;
}

export class State {
  readonly limits: Readonly<Limits>;
  readonly policy: Policy;
  readonly ports: Ports;
  /** Messages are kept for users who are away or behind. */
  readonly keepsMail: boolean;
  readonly users = new Users();
  readonly connections = new Connections();
  readonly invites: Invites;
  /** Refused identifies by address. */
  readonly refusals = new AttemptBook(ATTEMPTS);
  /** New bindings by address. */
  readonly bindings = new AttemptBook(BINDINGS);
  /** Everybody has been told to come back later. */
  isDraining = false;
  /** By the client that was asked. */
  readonly probes = new Map<Client, Probe>();
  readonly frames: Rate;
  readonly commands: Rate;
  readonly questions: Rate;
  /** Users whose clients have messages, or receipts, that only this process has too. */
  readonly holding = new Set<Keyed>();
  readonly receipting = new Set<Keyed>();
  /** Users whose mailbox could not be read. */
  readonly stalled = new Set<Keyed>();
  /** What the store could not do and is asked again: mostly deleting what was acknowledged, on a full disk. */
  readonly retries: (() => void)[] = [];
  /** Bytes on their way to the store. */
  storingBytes = 0;
  #seq: number;

  constructor(limits: Readonly<Limits>, ports: Ports, policy: Policy) {
    this.limits = limits;
    this.policy = policy;
    this.ports = ports;
    this.keepsMail = policy.offlineDelivery && ports.store.durable;
    this.invites = new Invites(limits, ports.store, ports.chance);
    this.frames = rate(limits.framesPerSecond, 1_000, limits.framesPerSecond * FRAME_BURST_SECONDS);
    this.commands = rate(limits.commandsPerMinute, 60_000, limits.commandsPerMinute);
    this.questions = rate(limits.questionsPerMinute, 60_000, QUESTION_BURST);
    this.#seq = firstSeq(ports.store.epoch);
  }

  /** Never the same twice, also not after a restart; grows. */
  readonly nextSeq = (): number => {
    this.#seq++;
    return this.#seq;
  };

  rename(user: User, nickname: string): void {
    if (nickname !== user.nickname) this.users.rename(user, nickname);
  }

  /** The client has answered, or is gone, or too much time is. */
  settleProbe(client: Client, alive: boolean): void {
    const probe = this.probes.get(client);
    this.probes.delete(client);
    probe?.resolve(alive);
  }

  say(client: Client, message: ServerMessage | Fault): void {
    this.ports.wire.send(client.id, encode(message));
  }

  /** Says it to a client of a keyed user whose frame is not being handled just now: together with all that this turn has for it. */
  sayLater(client: Client, text: string): void {
    this.ports.wire.publish(client.id, text);
  }

  /** Says it to every client of the user but `except`. */
  tell(user: User, message: ServerMessage, except?: Client): void {
    const text = encode(message);
    for (const client of user.clients) if (client !== except) this.ports.wire.send(client.id, text);
  }
}

export interface Friend {
  readonly username: string;
  readonly nickname: string;
  readonly publicKey?: string;
}

/** How the user of this side appears to the other one. A key belongs to a durable connection: a guest sees what it always saw. */
export function friendAt({ user, connection }: Side): Friend {
  const { username, nickname, publicKey } = user;
  return connection.isDurable && publicKey !== undefined ? { username, nickname, publicKey } : { username, nickname };
}
