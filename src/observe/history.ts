/**
 * What the charts of the dashboard show: the last minute, quarter of an hour and day, so that a page that is opened now is not empty.
 * Three rings of fixed size, about 30 KB together whatever happens; they are added to once a second and never on the path of a message.
 */
import { Histogram } from './histogram.ts';

/** The ranges that are kept: points of `step` seconds each, `length` of them. */
const RANGES = [
  { step: 1, length: 60 },
  { step: 5, length: 180 },
  { step: 300, length: 288 },
] as const;

/** What a point says, in this order. */
const COLUMNS = ['time', 'messagesPerSecond', 'peak', 'clients', 'delayMs', 'handlingUs', 'refused'] as const;
const WIDTH = COLUMNS.length;

/** After a longer silence of the clock (a machine that slept) nobody knows what the seconds in between were like. */
const COVERED_SECONDS_MAX = 60;

/**
 * `time`: seconds since the epoch, at the end of the point. `messagesPerSecond`: the mean; `peak`: that of its best second. `clients`:
 * the most. `delayMs`: the 99th percentile of the event-loop delay in its worst second. `handlingUs`: the 99th percentile over the whole
 * point, null when no frame was handled. `refused`: how many commands.
 */
type Point = readonly (number | null)[];

/** What happened since the last call, of which only `handling` is not a number. */
export interface Elapsed {
  readonly messages: number;
  /** Open now. */
  readonly clients: number;
  readonly delayMs: number;
  /** Nanoseconds. */
  readonly handling: Histogram;
  readonly refused: number;
}

export class History {
  readonly #rings = RANGES.map(({ step, length }) => new Ring(step, length));
  #before: number;
  #json: string | undefined;

  /** `now`: milliseconds since the epoch, as everywhere here. */
  constructor(now: number) {
    this.#before = now;
  }

  /** To be called about once a second. A call that comes late stands for all the seconds since the one before. */
  second(now: number, { messages, clients, delayMs, handling, refused }: Elapsed): void {
    const elapsed = (now - this.#before) / 1000;
    this.#before = now;
    this.#json = undefined;
    // Whole seconds, so that nothing is counted twice or lost. A clock that was set, or a machine that slept: what was counted is put
    // into the one second that is sure to have been.
    const seconds = elapsed < COVERED_SECONDS_MAX ? Math.max(1, Math.round(elapsed)) : 1;
    const rate = messages / seconds;
    const end = Math.round(now / 1000);
    for (let time = end - seconds + 1; time <= end; time++)
      for (const ring of this.#rings) ring.add(time, rate, clients, delayMs);
    for (const ring of this.#rings) ring.addHandled(handling, refused);
  }

  /** The newest point of each range, preceded by the range's step. */
  get latest(): Point[] {
    return this.#rings.flatMap((ring) => {
      const point = ring.points(1)[0];
      return point === undefined ? [] : [[ring.step, ...point]];
    });
  }

  /** `{columns, ranges:[{step, length, points}]}`, points oldest first; a point of which nothing is known is left out. */
  json(): string {
    this.#json ??= JSON.stringify({
      columns: COLUMNS,
      ranges: this.#rings.map((ring) => ({ step: ring.step, length: ring.length, points: ring.points(ring.length) })),
    });
    return this.#json;
  }
}

/** The newest points of one range. A row whose time is not the one that its place stands for is an old one. */
class Ring {
  readonly step: number;
  readonly length: number;
  readonly #rows: Float64Array;
  /** The point that is being added to, by its number since the epoch, and what is known of it. */
  #slot = 0;
  #seconds = 0;
  #rates = 0;
  readonly #handling = new Histogram();

  constructor(step: number, length: number) {
    this.step = step;
    this.length = length;
    this.#rows = new Float64Array(length * WIDTH);
  }

  /** Adds the second that ended at `time`. */
  add(time: number, rate: number, clients: number, delayMs: number): void {
    const slot = Math.ceil(time / this.step);
    if (slot !== this.#slot) this.#begin(slot);
    this.#seconds++;
    this.#rates += rate;
    const at = this.#at(slot);
    const rows = this.#rows;
    rows[at + 1] = this.#rates / this.#seconds;
    rows[at + 2] = Math.max(rows[at + 2] ?? 0, rate);
    rows[at + 3] = Math.max(rows[at + 3] ?? 0, clients);
    rows[at + 4] = Math.max(rows[at + 4] ?? 0, delayMs);
  }

  /** Adds to the newest point what can only be told of all the seconds since the last call together. */
  addHandled(handling: Histogram, refused: number): void {
    const at = this.#at(this.#slot);
    this.#handling.addAll(handling);
    this.#rows[at + 5] = this.#handling.count === 0 ? Number.NaN : this.#handling.quantile(0.99) / 1000;
    this.#rows[at + 6] = (this.#rows[at + 6] ?? 0) + refused;
  }

  /** The newest `count`, oldest first. */
  points(count: number): Point[] {
    const points: Point[] = [];
    for (let slot = this.#slot - count + 1; slot <= this.#slot; slot++) {
      const at = this.#at(slot);
      if (slot > 0 && this.#rows[at] === slot * this.step) points.push(this.#point(at));
    }
    return points;
  }

  #begin(slot: number): void {
    this.#slot = slot;
    this.#seconds = 0;
    this.#rates = 0;
    this.#handling.reset();
    const at = this.#at(slot);
    this.#rows.fill(0, at, at + WIDTH);
    this.#rows[at] = slot * this.step;
    this.#rows[at + 5] = Number.NaN;
  }

  /** Not NaN, which JSON does not have; no more digits than anybody can see. */
  #point(at: number): Point {
    return Array.from(this.#rows.subarray(at, at + WIDTH), (value) =>
      Number.isNaN(value) ? null : Math.round(value * 100) / 100,
    );
  }

  #at(slot: number): number {
    return (((slot % this.length) + this.length) % this.length) * WIDTH;
  }
}
