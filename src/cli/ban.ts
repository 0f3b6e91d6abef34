/** `magi-exchange ban NAME`: as release, and nobody can have the name from now on, neither with a key nor as a guest. */
import { FOR_EVER, NOBODYS_KEY } from '../store/rules.ts';
import { changeStore, readName } from './kept.ts';

export async function ban(name: string): Promise<void> {
  const { username, key } = readName(name);
  await changeStore((store) =>
    // Asked for at once, they share a transaction.
    Promise.all([
      store.forgetUser(key),
      store.bindUser({ key, username, nickname: 'banned', publicKey: NOBODYS_KEY, usedAt: FOR_EVER }),
    ]),
  );
  process.stdout.write(`${username} is banned\n`);
}
