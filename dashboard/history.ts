/** What the charts draw: the points that the exchange keeps, and those that it has pushed since (`/api/history`, in the README). */

/**
 * Seconds since the epoch, by the exchange's clock, at the end of the point; messages a second, on average and in the best second; the
 * most clients; the worst event-loop delay in ms; the handling time in µs (null: nothing was handled); how many commands were refused.
 */
export type Point = readonly [
  time: number,
  rate: number,
  peak: number,
  clients: number,
  delay: number,
  handling: number | null,
  refused: number,
];

export interface Range {
  readonly id: string;
  /** Seconds that a point stands for. */
  readonly step: number;
  readonly length: number;
  /** As in "peak 3 in the last minute". */
  readonly words: string;
  /** What is written below the charts, from the left end to the right one. */
  readonly ticks: readonly string[];
}

const MINUTE: Range = {
  id: '1m',
  step: 1,
  length: 60,
  words: 'the last minute',
  ticks: ['1 min ago', '40 s', '20 s', 'now'],
};
export const RANGES: readonly Range[] = [
  MINUTE,
  { id: '15m', step: 5, length: 180, words: 'the last 15 minutes', ticks: ['15 min ago', '10 min', '5 min', 'now'] },
  { id: '24h', step: 300, length: 288, words: 'the last 24 hours', ticks: ['24 h ago', '16 h', '8 h', 'now'] },
];

/** The range that the address of the page asks for: a screen on a wall keeps its own. */
export function rangeOf(hash: string): Range {
  return RANGES.find(({ id }) => hash === `#${id}`) ?? MINUTE;
}

const kept = new Map(RANGES.map(({ step }) => [step, new Map<number, Point>()]));

/** A point that is there already was told before it was complete: the new one takes its place. */
function keep(step: number, point: Point): void {
  kept.get(step)?.set(point[0], point);
}

/** Takes the newest point of each range, as every push has them. */
export function keepLatest(latest: readonly (readonly [step: number, ...Point])[]): void {
  for (const [step, ...point] of latest) keep(step, point);
}

/** Asks the exchange for all that it keeps. What this page has from before a restart of the exchange stays. */
export async function fetchHistory(): Promise<void> {
  const response = await fetch(new URL('api/history', location.href));
  if (!response.ok) throw new Error(`the exchange answered ${response.status}`);
  const { ranges } = (await response.json()) as { ranges: { step: number; points: Point[] }[] };
  for (const { step, points } of ranges) for (const point of points) keep(step, point);
}

/** The points of a range from its oldest time to its newest one, `undefined` where nothing is known; older ones are forgotten. */
export function pointsOf({ step, length }: Range): {
  readonly times: number[];
  readonly points: (Point | undefined)[];
} {
  const points = kept.get(step) ?? new Map<number, Point>();
  const newest = Math.max(0, ...points.keys());
  const oldest = newest - (length - 1) * step;
  for (const time of points.keys()) if (time < oldest) points.delete(time);
  const times = Array.from({ length }, (_, index) => oldest + index * step);
  return { times, points: times.map((time) => points.get(time)) };
}
