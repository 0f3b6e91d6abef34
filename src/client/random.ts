/** Names that nobody can guess, by the chance that every runtime has. */

/** So many random bytes, in base64url without padding. */
export function randomName(bytes: number): string {
  const values = crypto.getRandomValues(new Uint8Array(bytes));
  return btoa(String.fromCharCode(...values))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}
