/** Whether the exchange kept its promise: nothing that was acknowledged is lost, nothing is shown twice, nothing is out of order. */
import type { Line } from './evidence.ts';

export interface Verdict {
  /** Messages whose `*_sent` said `delivered` or `queued`. */
  readonly acknowledged: number;
  /** Acknowledged and never shown. */
  readonly lost: string[];
  /** Shown under more than one number. */
  readonly twice: string[];
  /** Shown after a later one of the same sender. */
  readonly outOfOrder: string[];
  /** Shown with other content than it was sent with, or never said by anybody. */
  readonly strange: string[];
  /** Error codes that senders were given, and how often. */
  readonly refused: Readonly<Record<string, number>>;
}

/** `lines` hold everything that was said and shown, in the order of each reader's showings. */
export function judge(lines: readonly Line[]): Verdict {
  const acknowledged = new Set<string>();
  const asked = new Set<string>();
  const shown = new Set<string>();
  const last = new Map<string, number>();
  const refused: Record<string, number> = {};
  const verdict = { twice: [] as string[], outOfOrder: [] as string[], strange: [] as string[] };
  for (const line of lines) {
    if (line.what === 'asked') {
      asked.add(`${line.from} ${line.n}`);
      continue;
    }
    const { from, to, n, id } = line;
    const name = `${from} to ${to}: ${n} ${id}`;
    if (line.what === 'sent' && ['delivered', 'queued'].includes(line.status)) acknowledged.add(name);
    if (line.what === 'refused') refused[line.code] = (refused[line.code] ?? 0) + 1;
    if (line.what !== 'shown') continue;
    if (!line.isWhole || !asked.has(`${from} ${n}`)) verdict.strange.push(name);
    if (shown.has(name)) verdict.twice.push(name);
    else if (n <= (last.get(`${from} ${to}`) ?? 0)) verdict.outOfOrder.push(name);
    else last.set(`${from} ${to}`, n);
    shown.add(name);
  }
  const lost = [...acknowledged].filter((name) => !shown.has(name));
  return { acknowledged: acknowledged.size, lost, ...verdict, refused };
}

export function isKept({ acknowledged, lost, twice, outOfOrder, strange }: Verdict): boolean {
  return acknowledged > 0 && lost.length + twice.length + outOfOrder.length + strange.length === 0;
}
