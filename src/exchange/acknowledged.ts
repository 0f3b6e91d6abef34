/** The last messages that a user has acknowledged, by name: a repeat of one is answered and not forwarded (protocol part 3). */
import { REMEMBERED_MAX } from './limits.ts';

export class Acknowledged {
  readonly #names = new Set<string>();
  /** In the order of their coming, over and over: a set finds its oldest only by looking past all that were deleted. */
  readonly #ring: string[] = [];
  #next = 0;

  has(name: string): boolean {
    return this.#names.has(name);
  }

  add(name: string): void {
    if (this.#names.has(name)) return;
    this.#names.add(name);
    if (this.#ring.length < REMEMBERED_MAX) {
      this.#ring.push(name);
      return;
    }
    this.#names.delete(this.#ring[this.#next] ?? '');
    this.#ring[this.#next] = name;
    this.#next = (this.#next + 1) % REMEMBERED_MAX;
  }

  /** This sender's name was given up. */
  forgetFrom(sender: string): void {
    for (const name of this.#names) if (name.startsWith(`${sender}\n`)) this.#names.delete(name);
  }

  clear(): void {
    this.#names.clear();
    this.#ring.length = 0;
    this.#next = 0;
  }
}
