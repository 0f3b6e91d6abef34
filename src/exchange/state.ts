/** What the stations of the exchange share: who is here, who may talk to whom, the codes, the limits, and the world outside. */
import { encode } from '../protocol/codec.ts';
import type { Fault } from '../protocol/faults.ts';
import type { ServerMessage } from '../protocol/messages.ts';
import { Connections } from './connections.ts';
import { Invites } from './invites.ts';
import { ATTEMPTS, AttemptBook, FRAME_BURST_SECONDS, type Limits, QUESTION_BURST, type Rate, rate } from './limits.ts';
import type { Ports } from './ports.ts';
import { type Client, type User, Users } from './users.ts';

/** What became of a command: nothing to add, a fault to answer, or not known yet. */
export type Outcome = Fault | undefined | Promise<Fault | undefined>;

/** A client that was asked for a sign of life. */
interface Probe {
  readonly askedAt: number;
  readonly resolve: (alive: boolean) => void;
}

export class State {
  readonly limits: Readonly<Limits>;
  readonly ports: Ports;
  readonly users = new Users();
  readonly connections = new Connections();
  readonly invites: Invites;
  /** Refused identifies by address. */
  readonly refusals = new AttemptBook(ATTEMPTS);
  /** Everybody has been told to come back later. */
  isDraining = false;
  /** By the client that was asked. */
  readonly probes = new Map<Client, Probe>();
  readonly frames: Rate;
  readonly commands: Rate;
  readonly questions: Rate;

  constructor(limits: Readonly<Limits>, ports: Ports) {
    this.limits = limits;
    this.ports = ports;
    this.invites = new Invites(limits, ports.store, ports.chance);
    this.frames = rate(limits.framesPerSecond, 1_000, limits.framesPerSecond * FRAME_BURST_SECONDS);
    this.commands = rate(limits.commandsPerMinute, 60_000, limits.commandsPerMinute);
    this.questions = rate(limits.questionsPerMinute, 60_000, QUESTION_BURST);
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

  /** Says it to every client of the user. */
  tell(user: User, message: ServerMessage): void {
    const text = encode(message);
    for (const client of user.clients) this.ports.wire.send(client.id, text);
  }
}

/** How a user appears to a friend. */
export function friend(user: User): { username: string; nickname: string } {
  return { username: user.username, nickname: user.nickname };
}
