/** What the exchange still holds on to when everybody has left and all time has run out: it should be nothing. */

/** What belongs to the world, or is bounded by itself: a count for each of the last 30 minutes. */
const NOT_LOOKED_AT = new Set([
  'ports',
  'limits',
  'policy',
  'private_limits',
  'private_store',
  'private_chance',
  'private_ports',
  'private_minutes',
]);

/** The paths of every Map, Set and Array with something in it that can be reached from `root`. */
export function leaks(root: object): string[] {
  const found: string[] = [];
  const seen = new Set<object>();
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    const size = value instanceof Map || value instanceof Set ? value.size : Array.isArray(value) ? value.length : 0;
    if (size > 0) {
      found.push(`${path} (${size})`);
      return;
    }
    for (const [name, inner] of Object.entries(value))
      if (!NOT_LOOKED_AT.has(name)) visit(inner, `${path}.${name.replace(/^private_/, '#')}`);
  };
  visit(root, 'state');
  return found;
}
