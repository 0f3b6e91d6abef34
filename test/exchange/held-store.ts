/** A store whose answers wait for the test: for what happens to the exchange in the middle of a command. */
import type { Store } from '../../src/exchange/ports.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { LocalStore } from '../../src/store/rules.ts';

type Operation = {
  [K in keyof Store]: Store[K] extends (...values: never[]) => Promise<unknown> ? K : never;
}[keyof Store];

/** One thing that was asked of the store. */
interface HeldCall {
  readonly name: Operation;
  /** Does what was asked, and tells nobody. */
  perform(): void;
  /** Does it, if it was not done yet, and tells. */
  answer(): void;
  /** Tells that nothing was done. */
  fail(error: unknown): void;
}

export interface HeldStore extends LocalStore {
  /** False: every call is answered at once. */
  isHolding: boolean;
  /** The calls that wait, oldest first. */
  readonly held: HeldCall[];
  /** Takes the oldest waiting call, which must be of this name. */
  next(name: Operation): HeldCall;
}

/** `durable`: says of itself that it keeps what it is given, so that there are mailboxes. */
export function heldStore(durable = false): HeldStore {
  const memory = memoryStore(1);
  const held: HeldCall[] = [];
  const own = {
    isHolding: false,
    held,
    durable,
    next(name: Operation): HeldCall {
      const call = held.shift();
      if (call?.name !== name) throw new Error(`expected ${name} to wait, found ${call?.name ?? 'nothing'}`);
      return call;
    },
  };
  const hold = (name: Operation, run: () => Promise<unknown>): Promise<unknown> => {
    // At every identify the store is asked whose name it is: that is answered, or no test could have somebody come.
    if (!own.isHolding || name === 'findUser') return run();
    return new Promise((resolve, reject) => {
      let result: Promise<unknown> | undefined;
      const perform = () => {
        result ??= run();
        return result;
      };
      held.push({ name, perform, answer: () => perform().then(resolve, reject), fail: reject });
    });
  };
  return new Proxy(memory as unknown as HeldStore, {
    get(_target, name: string) {
      if (name in own) return own[name as keyof typeof own];
      const part = memory[name as keyof LocalStore];
      if (typeof part !== 'function' || name === 'counts') return part;
      const operation = part as (...values: unknown[]) => Promise<unknown>;
      return (...values: unknown[]) => hold(name as Operation, () => operation.apply(memory, values));
    },
    set(_target, name: string, value: boolean) {
      if (name !== 'isHolding') return false;
      own.isHolding = value;
      return true;
    },
  });
}
