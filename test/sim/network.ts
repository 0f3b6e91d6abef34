/**
 * Sockets between devices and the exchange: each direction keeps its order and has delays of its own; they break, and each end
 * learns of it in its own time, or not before the pings do.
 */
import type { Client } from '../../src/exchange/users.ts';
import type { Dice } from './dice.ts';
import type { Frame } from './frames.ts';
import type { Schedule } from './schedule.ts';

/** A device's end. */
export interface Peer {
  readonly name: string;
  readonly address: string;
  /** Until then it reads nothing and answers no ping. */
  readonly frozenUntil: number;
  heard(socket: Socket, frame: Frame): void;
  hungUp(socket: Socket, code: number): void;
}

/** The exchange's end. */
export interface Station {
  readonly life: number;
  readonly isUp: boolean;
  /** False: turned away. */
  opened(socket: Socket): boolean;
  received(socket: Socket, frame: Frame, text: string): void;
  closed(socket: Socket): void;
  ponged(socket: Socket): void;
}

/** A client that does not answer pings is gone after this. */
const SILENCE_MS = 68_000;
const BACKPRESSURE_BYTES = 1024 * 1024;
/** What no close code says: the connection just ended. */
const CLOSED_ABNORMALLY = 1006;

export class Socket {
  readonly number: number;
  readonly peer: Peer;
  /** The life of the exchange that it leads to. */
  readonly life: number;
  client: Client | undefined;
  /** The exchange has it and has not closed it. */
  isOpen = false;
  /** The device has it and has not closed it. */
  isHeard = true;
  /** Nothing passes any more. */
  isSevered = false;
  upAt = 0;
  downAt = 0;
  downBytes = 0;
  /** What has come to the device, and it was too busy to read. */
  readonly unread: { readonly frame: Frame; readonly bytes: number }[] = [];
  /** Who its client is, as the exchange said; before that, who it asked to be. */
  user: string | undefined;
  wish: string | undefined;
  /** Codes of the `connect` commands that have no reply yet. */
  readonly connecting: string[] = [];
  /** What it was handed, by deliveryId. */
  readonly had = new Set<string>();
  /** The latest seq, or place, that it was handed of each sender. */
  readonly latest = new Map<string, number>();

  constructor(number: number, peer: Peer, life: number) {
    this.number = number;
    this.peer = peer;
    this.life = life;
  }
}

export class Network {
  readonly sockets = new Set<Socket>();
  /** The longest that a frame takes, in milliseconds. */
  delayMs = 50;
  readonly #schedule: Schedule;
  readonly #dice: Dice;
  readonly #station: Station;
  #count = 0;

  constructor(schedule: Schedule, dice: Dice, station: Station) {
    this.#schedule = schedule;
    this.#dice = dice;
    this.#station = station;
  }

  /** A device dials. */
  open(peer: Peer): Socket {
    const socket = new Socket(++this.#count, peer, this.#station.life);
    this.#schedule.after(this.#dice.delay(this.delayMs), () => {
      const isThere = this.#station.isUp && this.#station.life === socket.life && socket.isHeard && !socket.isSevered;
      if (isThere) this.sockets.add(socket);
      if (!isThere || !this.#station.opened(socket)) this.#hangUpPeer(socket, CLOSED_ABNORMALLY, this.delayMs);
    });
    return socket;
  }

  /** A device says something. */
  up(socket: Socket, frame: Frame): void {
    if (!socket.isHeard) return;
    const text = JSON.stringify(frame);
    socket.upAt = Math.max(socket.upAt, this.#schedule.now + this.#dice.delay(this.delayMs));
    this.#schedule.at(socket.upAt, () => {
      if (!socket.isSevered && this.#isCurrent(socket)) this.#station.received(socket, frame, text);
    });
  }

  /** The exchange says something. */
  down(socket: Socket, frame: Frame, bytes: number): void {
    socket.downBytes += bytes;
    if (socket.downBytes > BACKPRESSURE_BYTES) this.sever(socket, 0, 0);
    socket.downAt = Math.max(socket.downAt, this.#schedule.now + this.#dice.delay(this.delayMs));
    this.#schedule.at(socket.downAt, () => {
      socket.unread.push({ frame, bytes });
      this.read(socket);
    });
  }

  /** What has come to the device is read by it, once it reads. */
  read(socket: Socket): void {
    while (socket.unread.length > 0 && !socket.isSevered && socket.isHeard) {
      if (socket.peer.frozenUntil > this.#schedule.now) {
        this.#schedule.at(socket.peer.frozenUntil, () => this.read(socket));
        return;
      }
      const next = socket.unread.shift();
      if (next === undefined) return;
      socket.downBytes -= next.bytes;
      socket.peer.heard(socket, next.frame);
    }
  }

  ping(socket: Socket): void {
    this.#schedule.after(this.#dice.delay(2 * this.delayMs), () => {
      const answers = !socket.isSevered && socket.isHeard && socket.peer.frozenUntil <= this.#schedule.now;
      if (answers && this.#isCurrent(socket)) this.#station.ponged(socket);
    });
  }

  /** The device closes it: what it has sent still arrives. */
  hangUp(socket: Socket): void {
    if (!socket.isHeard) return;
    socket.isHeard = false;
    this.#schedule.at(Math.max(socket.upAt, this.#schedule.now) + this.#dice.delay(this.delayMs), () => {
      if (!socket.isSevered) this.#close(socket);
    });
  }

  /** The exchange closes it: what it has said still arrives. */
  closeByExchange(socket: Socket, code: number): void {
    socket.isOpen = false;
    this.#schedule.after(this.#dice.delay(5), () => this.#close(socket));
    this.#hangUpPeer(socket, code, Math.max(0, socket.downAt - this.#schedule.now) + this.#dice.delay(this.delayMs));
  }

  /** Nothing passes from now on; the two ends learn of it after these milliseconds. */
  sever(socket: Socket, exchangeMs: number, deviceMs: number): void {
    socket.isSevered = true;
    this.#schedule.after(Math.min(exchangeMs, SILENCE_MS), () => this.#close(socket));
    this.#hangUpPeer(socket, CLOSED_ABNORMALLY, deviceMs);
  }

  /** The process at the other end is gone: what it has said is in the air, or lost. */
  crash(): void {
    for (const socket of this.sockets) {
      socket.isOpen = false;
      if (this.#dice.chance(0.5)) socket.isSevered = true;
      const airMs = socket.isSevered ? 0 : Math.max(0, socket.downAt - this.#schedule.now);
      this.#hangUpPeer(socket, CLOSED_ABNORMALLY, airMs + this.#dice.delay(2_000));
    }
    this.sockets.clear();
  }

  #isCurrent(socket: Socket): boolean {
    return this.sockets.has(socket) && this.#station.isUp && socket.life === this.#station.life;
  }

  #close(socket: Socket): void {
    if (!this.#isCurrent(socket)) return;
    this.sockets.delete(socket);
    socket.isOpen = false;
    this.#station.closed(socket);
  }

  #hangUpPeer(socket: Socket, code: number, delayMs: number): void {
    this.#schedule.after(delayMs, () => {
      if (!socket.isHeard) return;
      socket.isHeard = false;
      socket.peer.hungUp(socket, code);
    });
  }
}
