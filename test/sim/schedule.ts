/** What happens next, in virtual time: no clock, no timers. One event is over when every promise that could go on by itself has. */

interface Planned {
  readonly time: number;
  /** Breaks ties: what was planned first happens first. */
  readonly order: number;
  readonly run: () => void;
}

export class Schedule {
  /** Milliseconds since the run began. Never set back: what clocks show is another matter. */
  now = 0;
  /** Events that have happened. */
  steps = 0;
  /** Whether something outside may have gone on: then promises have to settle. */
  touched = false;
  readonly #heap: Planned[] = [];
  #order = 0;

  after(delay: number, run: () => void): void {
    this.at(this.now + Math.max(0, delay), run);
  }

  at(time: number, run: () => void): void {
    const planned = { time: Math.max(time, this.now), order: this.#order++, run };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(planned);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Planned;
      if (!isBefore(planned, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = planned;
  }

  /** Lets events happen until `time`, or until `isOver` says so after one. */
  async runUntil(time: number, isOver: () => boolean): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.time <= time; next = this.#heap[0]) {
      this.#takeFirst();
      this.now = next.time;
      this.steps++;
      next.run();
      // The queue of promises is empty when an immediate runs.
      if (this.touched) await new Promise((resolve) => setImmediate(resolve));
      this.touched = false;
      if (isOver()) return;
    }
    this.now = Math.max(this.now, time);
  }

  #takeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && isBefore(heap[right] as Planned, heap[left] as Planned) ? right : left;
      if (!isBefore(heap[child] as Planned, last)) break;
      heap[index] = heap[child] as Planned;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(one: Planned, other: Planned): boolean {
  return one.time < other.time || (one.time === other.time && one.order < other.order);
}
