/** A store whose answers wait for the test: for what happens to the exchange in the middle of a command. */
import type { Invite, Store } from '../../src/exchange/ports.ts';
import { memoryStore } from '../../src/store/memory.ts';

/** One thing that was asked of the store. */
export interface HeldCall {
  readonly name: keyof Store;
  /** Does what was asked, and tells nobody. */
  perform(): void;
  /** Does it, if it was not done yet, and tells. */
  answer(): void;
  /** Tells that nothing was done. */
  fail(error: unknown): void;
}

export class HeldStore implements Store {
  /** False: every call is answered at once. */
  isHolding = false;
  /** The calls that wait, oldest first. */
  readonly held: HeldCall[] = [];
  readonly #memory = memoryStore();

  /** Takes the oldest waiting call, which must be of this name. */
  next(name: keyof Store): HeldCall {
    const call = this.held.shift();
    if (call?.name !== name) throw new Error(`expected ${name} to wait, found ${call?.name ?? 'nothing'}`);
    return call;
  }

  addInvite(invite: Invite, now: number): Promise<boolean> {
    return this.#hold('addInvite', () => this.#memory.addInvite(invite, now));
  }

  findInvite(code: string, now: number): Promise<Invite | undefined> {
    return this.#hold('findInvite', () => this.#memory.findInvite(code, now));
  }

  redeemInvite(code: string, now: number): Promise<boolean> {
    return this.#hold('redeemInvite', () => this.#memory.redeemInvite(code, now));
  }

  removeInvites(codes: readonly string[]): Promise<void> {
    return this.#hold('removeInvites', () => this.#memory.removeInvites(codes));
  }

  expire(now: number): Promise<void> {
    return this.#hold('expire', () => this.#memory.expire(now));
  }

  #hold<T>(name: keyof Store, run: () => Promise<T>): Promise<T> {
    if (!this.isHolding) return run();
    return new Promise((resolve, reject) => {
      let result: Promise<T> | undefined;
      const perform = () => {
        result ??= run();
        return result;
      };
      this.held.push({ name, perform, answer: () => perform().then(resolve, reject), fail: reject });
    });
  }
}
