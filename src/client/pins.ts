/** The public keys by which a user knows its friends. A friend whose key changes may be somebody else: the owner has to decide. */
import { usernameKey } from '../protocol/names.ts';
import { type Journal, openJournal } from './journal.ts';

/** A friend's key is not the one that was pinned. */
export interface KeyChange {
  readonly username: string;
  readonly pinned: string;
  /** Undefined: somebody without a key. */
  readonly offered: string | undefined;
}

export class Pins {
  readonly #journal: Journal;
  readonly #keys = new Map<string, string>();
  readonly #changes = new Map<string, KeyChange>();

  /** `path` undefined: nothing outlives the process. */
  constructor(path?: string) {
    const live = () => [...this.#keys].map(([friend, publicKey]) => ({ friend, publicKey }));
    this.#journal = openJournal(path, {
      read: ({ friend, publicKey }) => {
        if (publicKey === null) this.#keys.delete(String(friend));
        else this.#keys.set(String(friend), String(publicKey));
      },
      live,
    });
  }

  /** Pins the key of a new friend. Returns the change when it is not the pinned one, the first time that it is seen. */
  check(username: string, offered: string | undefined): KeyChange | undefined {
    const friend = usernameKey(username);
    const pinned = this.#keys.get(friend);
    if (pinned === undefined || pinned === offered) {
      this.#changes.delete(friend);
      if (offered !== undefined && offered !== pinned) this.#set(friend, offered);
      return undefined;
    }
    const known = this.#changes.get(friend);
    if (known !== undefined && known.offered === offered) return undefined;
    const change = { username, pinned, offered };
    this.#changes.set(friend, change);
    return change;
  }

  isTrusted(username: string): boolean {
    return !this.#changes.has(usernameKey(username));
  }

  /** The owner says that the friend's new key is right. */
  trust(username: string): void {
    const friend = usernameKey(username);
    const change = this.#changes.get(friend);
    if (change === undefined) return;
    this.#changes.delete(friend);
    if (change.offered === undefined) this.forget(username);
    else this.#set(friend, change.offered);
  }

  /** The owner has ended the connection: the next key is a new friend's. */
  forget(username: string): void {
    const friend = usernameKey(username);
    this.#changes.delete(friend);
    if (this.#keys.delete(friend)) this.#journal.append({ friend, publicKey: null }).catch(() => {});
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  #set(friend: string, publicKey: string): void {
    this.#keys.set(friend, publicKey);
    this.#journal.append({ friend, publicKey }).catch(() => {});
  }
}
