/** What each chart shows, and how it is said. */
import type { Point } from './history.ts';
import { count, duration, plural, rate, rough } from './words.ts';

export interface Measure {
  readonly id: string;
  readonly name: string;
  /** Which colour: what people do, how the exchange is, what it refused. */
  readonly tone: 'traffic' | 'health' | 'refused';
  readonly shape: 'line' | 'steps' | 'bars';
  readonly read: (point: Point) => number | null;
  /** The lines of the chart: first the one that is read. */
  readonly columns: readonly ((point: Point) => number | null)[];
  /** A value in words. */
  readonly words: (value: number) => string;
  readonly axis: (value: number) => string;
  /** The top of the axis while everything is small, so that a flat line does not look like a mountain. */
  readonly roofMin: number;
  /** What all the points together amount to. */
  readonly summary: (points: readonly Point[]) => string;
  /** Where there is room, also of which range. */
  readonly hasRoom?: true;
}

const messages = ([, mean]: Point) => mean;
const peak = ([, , best]: Point) => best;
const clients = ([, , , most]: Point) => most;
const delay = ([, , , , milliseconds]: Point) => milliseconds * 1_000;
const handling = ([, , , , , microseconds]: Point) => microseconds;
const refused = ([, , , , , , commands]: Point) => commands;

function most(points: readonly Point[], read: (point: Point) => number | null): number {
  return Math.max(0, ...points.map((point) => read(point) ?? 0));
}

function sum(points: readonly Point[], read: (point: Point) => number): number {
  return points.reduce((total, point) => total + read(point), 0);
}

export const MEASURES: readonly Measure[] = [
  {
    id: 'rate',
    name: 'Messages a second',
    tone: 'traffic',
    shape: 'line',
    read: messages,
    columns: [messages, peak],
    words: (value) => `${rate(value)}/s`,
    axis: rough,
    roofMin: 4,
    summary: (points) =>
      most(points, peak) === 0
        ? 'quiet'
        : `peak ${rate(most(points, peak))}, mean ${rate(sum(points, messages) / points.length)}`,
    hasRoom: true,
  },
  {
    id: 'clients',
    name: 'Clients',
    tone: 'traffic',
    shape: 'steps',
    read: clients,
    columns: [clients],
    words: (value) => plural(value, 'client', 'clients'),
    axis: rough,
    roofMin: 4,
    summary: (points) => `most ${count(most(points, clients))}`,
  },
  {
    id: 'delay',
    name: 'Event-loop delay, 99th percentile',
    tone: 'health',
    shape: 'line',
    read: delay,
    columns: [delay],
    words: duration,
    axis: duration,
    roofMin: 2_000,
    summary: (points) => `worst second ${duration(most(points, delay))}`,
  },
  {
    id: 'handling',
    name: 'Time to handle a message, 99th percentile',
    tone: 'health',
    shape: 'line',
    read: handling,
    columns: [handling],
    words: duration,
    axis: duration,
    roofMin: 100,
    summary: (points) =>
      most(points, handling) === 0 ? 'nothing to handle' : `worst ${duration(most(points, handling))}`,
  },
  {
    id: 'refused',
    name: 'Commands refused',
    tone: 'refused',
    shape: 'bars',
    read: refused,
    columns: [refused],
    words: (value) => `${count(value)} refused`,
    axis: rough,
    roofMin: 4,
    summary: (points) => {
      const total = sum(points, refused);
      return total === 0 ? 'nothing' : count(total);
    },
    hasRoom: true,
  },
];
