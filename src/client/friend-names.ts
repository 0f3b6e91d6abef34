/**
 * Which friend a name means (protocol part 8): the exact username, or the local name that was fixed when the two connected, else a part
 * of either if only one friend has it. Whatever could mean two friends is listed and means nobody: a question never goes to a friend
 * who was not named, and nobody can take a name that draws another's questions.
 */
import { usernameKey } from '../protocol/names.ts';
import { visibleName } from '../protocol/visible.ts';

export interface Friend {
  readonly username: string;
  /** The nickname of the day on which the two connected. A later nickname never addresses. */
  readonly localName: string;
}

export type Found<F extends Friend> = { readonly friend: F } | { readonly fault: string };

/** The word that means the only friend, whatever anybody is called. A friend with this name is reached by `@friend`. */
const ONLY_FRIEND = 'friend';
const LISTED_MAX = 10;

/** What stands in a sentence without being taken for a part of it. */
const PLAIN = /^[\p{L}\p{N}._@+-]+$/u;

/** As a friend is called in a sentence: `"Bob" (@bob7)`, or `@eve`. Their own words stand in quotes, so that they end where they end. */
export function called({ username, localName }: Friend): string {
  const shown = visibleName(username);
  const address = `@${PLAIN.test(shown) ? shown : JSON.stringify(shown)}`;
  return localName === username ? address : `${JSON.stringify(visibleName(localName))} (${address})`;
}

/** Friends by name in a sentence: `"Bob" (@bob7), @eve`, the first ten. */
export function listed(friends: readonly Friend[]): string {
  const names = friends.slice(0, LISTED_MAX).map(called);
  const more = friends.length - names.length;
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/**
 * Every friend whose name this is, in full: username and local name count alike, so somebody who calls himself as another is addressed
 * makes the name ambiguous instead of his. After an `@` the exact username decides alone, if there is one.
 */
export function exactFriends<F extends Friend>(friends: readonly F[], name: string): F[] {
  const key = usernameKey(name);
  if (key === '') return [];
  if (key === ONLY_FRIEND) return friends.length === 1 ? [...friends] : [];
  const bare = key.startsWith('@') ? key.slice(1) : key;
  if (bare !== key) {
    const addressed = friends.filter(({ username }) => [key, bare].includes(usernameKey(username)));
    if (addressed.length > 0) return addressed;
  }
  return friends.filter(({ username, localName }) =>
    [usernameKey(username), usernameKey(localName)].some((own) => own === key || own === bare),
  );
}

/** Every friend that a name may mean: those it names in full, else those with a part like it. */
export function candidates<F extends Friend>(friends: readonly F[], name: string): F[] {
  const exact = exactFriends(friends, name);
  const key = usernameKey(name);
  const part = key.startsWith('@') ? key.slice(1) : key;
  if (exact.length > 0 || part === '' || key === ONLY_FRIEND) return exact;
  return friends.filter(({ username, localName }) =>
    [username, localName].some((own) => usernameKey(own).includes(part)),
  );
}

/** The one friend that a name means, or a sentence that says what to do. Nothing is sent on a fault. */
export function resolveFriend<F extends Friend>(friends: readonly F[], name: string): Found<F> {
  if (friends.length === 0)
    return {
      fault: 'You have no friends here yet: make an invite with create invite, or connect with a code of theirs.',
    };
  const text = name.trim();
  if (text === '' || text === '@') return { fault: `Say which friend: ${listed(friends)}.` };
  const found = candidates(friends, text);
  const [friend, ...others] = found;
  if (friend !== undefined) return others.length === 0 ? { friend } : { fault: ambiguous(text, found) };
  if (usernameKey(text) === ONLY_FRIEND)
    return { fault: `You have ${friends.length} friends. Nothing was sent; name one of them: ${listed(friends)}.` };
  return {
    fault: `None of your friends is called ${JSON.stringify(visibleName(text))}. Nothing was sent; there are ${listed(friends)}.`,
  };
}

/** The sentence for a name that several friends have. */
export function ambiguous(name: string, found: readonly Friend[]): string {
  return `${JSON.stringify(visibleName(name))} may be ${listed(found)}. Nothing was sent; name one of them by the username, with its @.`;
}
