/**
 * The machine that the exchange runs on: it starts one life of the exchange after another on the same disk. A life can end between two
 * events, or between two effects of one event; from then on nothing that its promises still do gets out.
 */
import type { Exchange } from '../../src/exchange/exchange.ts';
import type { Chance, Observer, Ports, Wire } from '../../src/exchange/ports.ts';
import { CODE_ALPHABET, CODE_LENGTH } from '../../src/protocol/names.ts';
import type { Checker } from './checker.ts';
import type { Dice } from './dice.ts';
import type { Disk } from './disk.ts';
import type { Frame } from './frames.ts';
import { HOST, isSignedBy } from './keys.ts';
import type { Network, Socket, Station } from './network.ts';
import type { Plan } from './plan.ts';
import type { Schedule } from './schedule.ts';
import type { Sources } from './sources.ts';
import { type DiskMood, SimulatedStore } from './store.ts';

export interface HostParts {
  readonly plan: Plan;
  readonly sources: Sources;
  readonly schedule: Schedule;
  readonly dice: Dice;
  readonly disk: Disk;
  readonly mood: DiskMood;
  readonly checker: Checker;
  readonly wall: () => number;
  readonly note: (...words: unknown[]) => void;
}

interface Life {
  isAlive: boolean;
}

export class Host implements Station {
  life = 0;
  exchange: Exchange | undefined;
  store: SimulatedStore | undefined;
  /** How many more effects the exchange has before it crashes. */
  fuse: number | undefined;
  network!: Network;
  readonly #parts: HostParts;
  #current: Life = { isAlive: false };
  #topics = new Map<string, Set<Socket>>();
  #byClient = new Map<string, Socket>();
  #ids = 0;

  constructor(parts: HostParts) {
    this.#parts = parts;
  }

  get isUp(): boolean {
    return this.exchange !== undefined;
  }

  start(): void {
    if (this.isUp) return;
    const { plan, sources, checker, note } = this.#parts;
    this.life++;
    note('exchange', 'starts', this.life);
    const life = { isAlive: true };
    this.#current = life;
    this.#topics = new Map();
    this.#byClient = new Map();
    const store = this.#storeOf(life);
    this.store = store;
    checker.begins(this.life, store);
    const ports: Ports = {
      wire: this.#wire(life),
      store,
      observer: this.#observer(life),
      chance: this.#chance(),
      keys: this.#keys(),
      clock: this.#parts.wall,
    };
    this.exchange = new sources.Exchange(plan.limits, ports, '1.0.0', plan.policy);
    this.#tick(life);
  }

  /** The process is gone, at once. */
  crash(): void {
    if (!this.isUp) return;
    this.#parts.note('exchange', 'crashes');
    this.#current.isAlive = false;
    this.fuse = undefined;
    this.exchange = undefined;
    this.store?.crash();
    this.store = undefined;
    this.network.crash();
    this.#parts.checker.crashed();
  }

  /** To be called after each event: the crash that its effects have brought about. */
  crashIfDue(): void {
    if (this.isUp && !this.#current.isAlive) this.crash();
  }

  drain(): void {
    this.#do((exchange) => exchange.drain(() => this.#parts.dice.between(0, 5_000)));
  }

  opened(socket: Socket): boolean {
    let isLetIn = false;
    this.#do((exchange) => {
      const now = this.#parts.wall();
      if (!exchange.admits(socket.peer.address, now)) return;
      isLetIn = true;
      const client = exchange.opened(socket.peer.address, now);
      socket.client = client;
      socket.isOpen = true;
      this.#byClient.set(client.id, socket);
      exchange.greet(client);
    });
    return isLetIn;
  }

  received(socket: Socket, frame: Frame, text: string): void {
    const { client } = socket;
    if (client === undefined) return;
    this.#parts.note('◄', socket.number, socket.peer.name, text);
    this.#parts.checker.arrived(socket, frame);
    this.#do((exchange) => exchange.received(client, text, text.length, this.#parts.wall()));
  }

  closed(socket: Socket): void {
    const { client } = socket;
    if (client === undefined) return;
    this.#parts.note('closed', socket.number, socket.peer.name);
    this.#byClient.delete(client.id);
    for (const listeners of this.#topics.values()) listeners.delete(socket);
    this.#parts.checker.closed(socket);
    this.#do((exchange) => exchange.closed(client, this.#parts.wall()));
  }

  ponged(socket: Socket): void {
    const { client } = socket;
    if (client !== undefined) this.#do((exchange) => exchange.ponged(client));
  }

  tickNow(): void {
    this.#do((exchange) => exchange.ticked(this.#parts.wall()));
  }

  #do(act: (exchange: Exchange) => void): void {
    if (this.exchange === undefined) return;
    this.#parts.schedule.touched = true;
    try {
      act(this.exchange);
    } catch (error) {
      this.#parts.checker.broke('thrown by the exchange', `${error instanceof Error ? error.stack : error}`);
    }
  }

  #tick(life: Life): void {
    this.#parts.schedule.after(this.#parts.plan.tickMs, () => {
      if (!life.isAlive) return;
      this.tickNow();
      this.#tick(life);
    });
  }

  /** Whether one more effect gets out. */
  #spend(life: Life): boolean {
    if (!life.isAlive) return false;
    if (this.fuse === undefined || this.fuse-- > 0) return true;
    life.isAlive = false;
    return false;
  }

  #storeOf(life: Life): SimulatedStore {
    const { disk, mood, dice, schedule, sources, checker, note } = this.#parts;
    const refuse = (reason: string) => new sources.StorageFailed(reason);
    const isAlive = () => this.#spend(life);
    const calledFor = checker.putCalled.bind(checker);
    return new SimulatedStore({ epoch: this.life, disk, mood, dice, schedule, isAlive, refuse, note, calledFor });
  }

  #wire(life: Life): Wire {
    const { note, checker, schedule } = this.#parts;
    const soon: { readonly socket: Socket; readonly text: string; readonly frame: Frame }[] = [];
    const flush = () => {
      const due = soon.splice(0);
      if (life.isAlive) for (const { socket, text, frame } of due) this.network.down(socket, frame, text.length);
    };
    const say = (socket: Socket | undefined, text: string, frame: Frame) => {
      if (socket === undefined) return;
      note('►', socket.number, socket.peer.name, text);
      checker.said(socket, frame);
      this.network.down(socket, frame, text.length);
    };
    return {
      send: (clientId, text) => {
        if (this.#spend(life)) say(this.#byClient.get(clientId), text, checker.read(text));
      },
      sendSoon: (clientId, text) => {
        const socket = this.#byClient.get(clientId);
        if (socket === undefined || !this.#spend(life)) return;
        const frame = checker.read(text);
        note('► soon', socket.number, socket.peer.name, text);
        checker.said(socket, frame);
        // What else is said in this event goes before it.
        if (soon.push({ socket, text, frame }) === 1) schedule.after(0, flush);
      },
      publish: (topic, text) => {
        if (!this.#spend(life)) return;
        const frame = checker.read(text);
        for (const socket of this.#topics.get(topic) ?? []) say(socket, text, frame);
      },
      subscribe: (clientId, topic) => {
        const socket = this.#byClient.get(clientId);
        if (socket === undefined || !this.#spend(life)) return;
        const listeners = this.#topics.get(topic) ?? new Set();
        this.#topics.set(topic, listeners.add(socket));
      },
      unsubscribe: (clientId, topic) => {
        const socket = this.#byClient.get(clientId);
        if (socket !== undefined && this.#spend(life)) this.#topics.get(topic)?.delete(socket);
      },
      ping: (clientId) => {
        const socket = this.#byClient.get(clientId);
        if (socket !== undefined && this.#spend(life)) this.network.ping(socket);
      },
      close: (clientId, code) => {
        const socket = this.#byClient.get(clientId);
        if (socket === undefined || !socket.isOpen || !this.#spend(life)) return;
        note('closes', socket.number, socket.peer.name, code);
        checker.left(socket);
        this.network.closeByExchange(socket, code);
      },
    };
  }

  #observer(life: Life): Observer {
    const { checker, sources } = this.#parts;
    return {
      tag: (userKey) => `u_${userKey}`,
      received: () => {},
      forwarded: () => {},
      kept: () => {},
      mailed: () => {},
      refused: () => {},
      happened: () => {},
      failed: (where, error) => {
        if (life.isAlive && !(error instanceof sources.StorageFailed))
          checker.broke('a fault of the exchange', `${where}: ${error instanceof Error ? error.stack : error}`);
      },
    };
  }

  #chance(): Chance {
    const { dice } = this.#parts;
    return {
      id: () => `${this.life}-${++this.#ids}`,
      code: () => Array.from({ length: CODE_LENGTH }, () => dice.pick([...CODE_ALPHABET])).join(''),
      challenge: () => dice.text(43),
    };
  }

  #keys(): Ports['keys'] {
    return { verify: isSignedBy, hosts: () => [HOST] };
  }
}
