/**
 * The messages of one user's inbox by name, so that a repeat is answered and not forwarded (protocol part 3): those that are held or wait,
 * with their entry, and the last that were acknowledged. It outlives the inbox for a while.
 */
import { ByName, type Named } from './entries.ts';
import { Fingerprints } from './fingerprints.ts';
import { REMEMBERED_MIN } from './limits.ts';

export class Known<Entry extends Named> {
  readonly #held = new ByName<Entry>();
  readonly #acknowledged = new Fingerprints(REMEMBERED_MIN);

  /** `name`: see `nameOf`. */
  get(name: string): Entry | 'acknowledged' | undefined {
    return this.#held.get(name) ?? (this.#acknowledged.has(name) ? 'acknowledged' : undefined);
  }

  add(entry: Entry): void {
    this.#held.add(entry);
  }

  /** It was refused, has expired, or its inbox is forgotten. */
  remove(entry: Entry): void {
    this.#held.remove(entry);
  }

  acknowledged(entry: Entry): void {
    this.#held.remove(entry);
    this.#acknowledged.add(entry.name);
  }

  /** Forgets what was acknowledged. */
  forget(): void {
    this.#acknowledged.clear();
  }
}
