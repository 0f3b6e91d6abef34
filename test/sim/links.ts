/** Who was connected with whom, and when: the ground truth of "only connected users exchange messages". */

interface Span {
  /** Steps of the run, both included. */
  readonly from: number;
  to: number;
}

export class Links {
  readonly #durable = new Map<string, Span[]>();
  /** Guest connections that are open, by their id: the two usernames. */
  readonly #guest = new Map<string, Set<string>>();

  connected(one: string, other: string, step: number): void {
    const spans = this.#durable.get(pairOf(one, other)) ?? [];
    spans.push({ from: step, to: Number.POSITIVE_INFINITY });
    this.#durable.set(pairOf(one, other), spans);
  }

  ended(one: string, other: string, step: number): void {
    const span = this.#durable.get(pairOf(one, other))?.find(({ to }) => to === Number.POSITIVE_INFINITY);
    if (span !== undefined) span.to = step;
  }

  /** Whether a durable connection existed at some moment between the two steps. */
  wereConnected(one: string, other: string, from: number, to: number): boolean {
    const spans = this.#durable.get(pairOf(one, other)) ?? [];
    return spans.some((span) => span.from <= to && span.to >= from);
  }

  guestConnected(connectionId: string, one: string, other: string): void {
    this.#guest.set(connectionId, new Set([one, other]));
  }

  guestEnded(connectionId: string): void {
    this.#guest.delete(connectionId);
  }

  areGuestConnected(one: string, other: string): boolean {
    for (const users of this.#guest.values()) if (users.has(one) && users.has(other)) return true;
    return false;
  }

  /** The user has no client left. */
  gone(user: string): void {
    for (const [id, users] of this.#guest) if (users.has(user)) this.#guest.delete(id);
  }

  crashed(): void {
    this.#guest.clear();
  }
}

function pairOf(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}
