/** Four charts of the last two minutes. Time stands still, the data moves: it comes in at the right and leaves at the left. */
import uPlot from 'uplot';
import { part, say } from './dom.ts';
import type { Stats } from './live.ts';
import { duration, plural, rate, rough, span } from './words.ts';

const WINDOW_S = 120;
/** Longer than this between two pushes and the line breaks: what happened meanwhile is not known. */
const GAP_S = 3;

interface Measure {
  readonly id: string;
  /** undefined: this exchange does not measure it. */
  readonly of: (stats: Stats) => number | undefined;
  readonly read: (value: number) => string;
  readonly axis: (value: number) => string;
  /** The top of the axis while everything is small, so that a flat line does not look like a mountain. */
  readonly roofMin: number;
  readonly shape: 'bars' | 'steps' | 'line';
}

const MEASURES: readonly Measure[] = [
  { id: 'rate', of: (s) => s.messagesPerSecond, read: (n) => `${rate(n)}/s`, axis: rough, roofMin: 4, shape: 'bars' },
  {
    id: 'clients',
    of: (s) => s.liveClients,
    read: (n) => plural(n, 'client', 'clients'),
    axis: rough,
    roofMin: 4,
    shape: 'steps',
  },
  {
    id: 'delay',
    of: (s) => (s.eventLoopDelayP99Ms === undefined ? undefined : s.eventLoopDelayP99Ms * 1_000),
    read: duration,
    axis: duration,
    roofMin: 2_000,
    shape: 'line',
  },
  {
    id: 'handling',
    // 0 says that there was no message to handle.
    of: (s) => s.handlingP99Us || undefined,
    read: duration,
    axis: duration,
    roofMin: 100,
    shape: 'line',
  },
];

interface Colours {
  line: string;
  fill: string;
  grid: string;
  label: string;
  paper: string;
}
let colours = readColours();

/**
 * The pushes that are still shown, one slot for each second. Slots are counted, not measured: a push that comes a little early
 * or late still gets a bar as wide as the others. null: cut off, or nothing to measure.
 */
const slots: number[] = [];
const values: (number | null)[][] = MEASURES.map(() => []);
let pushedAt: number | undefined;
const charts = MEASURES.map(draw);

/** Adds one push to every chart. Returns the most messages a second that are shown. */
export function showOnCharts(stats: Stats): number {
  const now = performance.now();
  const seconds = pushedAt === undefined ? 1 : Math.round((now - pushedAt) / 1_000);
  pushedAt = now;
  const last = slots.at(-1) ?? 0;
  if (seconds === 0) dropSlot((list) => list.pop());
  if (seconds > GAP_S) addSlot(last + 1, () => null);
  const slot = last + seconds;
  addSlot(slot, (measure) => measure.of(stats) ?? null);
  while ((slots[0] ?? slot) < slot - WINDOW_S) dropSlot((list) => list.shift());

  const ages = slots.map((each) => each - slot);
  charts.forEach((chart, i) => {
    chart.plot.setData([ages, values[i] ?? []]);
    chart.read();
  });
  return Math.max(0, ...(values[0] ?? []).map((value) => value ?? 0));
}

function addSlot(slot: number, measured: (measure: Measure) => number | null): void {
  slots.push(slot);
  MEASURES.forEach((measure, i) => {
    values[i]?.push(measured(measure));
  });
}

function dropSlot(drop: (list: (number | null)[]) => void): void {
  for (const list of [slots as (number | null)[], ...values]) drop(list);
}

function draw(measure: Measure): { plot: uPlot; read(): void } {
  const place = part(`chart-${measure.id}`);
  const reading = part(`chart-${measure.id}-reading`);
  const plot = new uPlot(
    options(measure, () => read()),
    [[], []],
    place,
  );

  /** Beside the title: the newest value, or the one under the pointer and how old it is. */
  function read(): void {
    const [ages, series] = plot.data;
    const pointed = plot.cursor.idx ?? undefined;
    const index = pointed ?? (ages?.length ?? 0) - 1;
    const value = series?.[index];
    const text = value === null || value === undefined ? '–' : measure.read(value);
    const age = -(ages?.[index] ?? 0) * 1_000;
    say(reading, pointed === undefined || age === 0 ? text : `${text}, ${span(age)} ago`);
  }

  // The plot lies inside a box whose size does not depend on it, so this cannot go round in circles.
  new ResizeObserver(() => {
    plot.setSize({ width: place.clientWidth, height: place.clientHeight });
  }).observe(place);
  return { plot, read };
}

function options(measure: Measure, pointed: () => void): uPlot.Options {
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const label = () => colours.label;
  const grid = { stroke: () => colours.grid, width: 1 };
  return {
    width: 300,
    height: 120,
    padding: [8, 0, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      move: snap,
      drag: { x: false, y: false },
      sync: { key: 'pointer' },
      points: { size: 8, width: 2, stroke: () => colours.line, fill: () => colours.paper },
    },
    scales: {
      // A bar stands around its second, so a chart of bars is half a second wider at both ends.
      x: { time: false, range: () => (measure.shape === 'bars' ? [-WINDOW_S - 0.5, 0.5] : [-WINDOW_S, 0]) },
      y: { range: (_plot, _min, max) => [0, roof(Math.max(max ?? 0, measure.roofMin))] },
    },
    axes: [
      {
        stroke: label,
        font,
        size: 26,
        gap: 8,
        align: 1,
        grid: { show: false },
        ticks: { show: false },
        splits: (_plot, _axis, min, max) => [min, (min + max) / 2, max],
        values: () => ['2 min ago', '1 min', 'now'],
      },
      {
        side: 1,
        stroke: label,
        font,
        size: 52,
        gap: 10,
        grid,
        ticks: { show: false },
        splits: (_plot, _axis, _min, max) => [0, max / 2, max],
        values: (_plot, splits) => splits.map((value) => (value === 0 ? '0' : measure.axis(value))),
      },
    ],
    series: [{}, series(measure.shape)],
    hooks: { draw: measure.shape === 'bars' ? [] : [head], setCursor: [pointed] },
  };
}

function series(shape: Measure['shape']): uPlot.Series {
  const stroke = () => colours.line;
  if (shape === 'bars') {
    const paths = uPlot.paths.bars?.({ size: [0.62, 12], radius: [0.3, 0] });
    return { stroke, fill: stroke, width: 0, points: { show: false }, ...(paths === undefined ? {} : { paths }) };
  }
  const paths = shape === 'steps' ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
  return {
    stroke,
    fill: () => colours.fill,
    width: 1.75,
    points: { size: 4, width: 0, fill: stroke, filter: alone },
    ...(paths === undefined ? {} : { paths }),
  };
}

/** The pointer's line stands on a second, not between two. */
function snap(plot: uPlot, left: number, top: number): uPlot.Cursor.LeftTop {
  const age = left < 0 ? undefined : plot.data[0]?.[plot.posToIdx(left)];
  return [age === undefined ? left : plot.valToPos(age, 'x'), top];
}

/** A value between two seconds without one has no line to be on, so it gets a dot. */
function alone(plot: uPlot): number[] {
  const values = [...(plot.data[1] ?? [])];
  const known = (value: number | null | undefined) => value !== null && value !== undefined;
  return [...values.keys()].filter((i) => known(values[i]) && !known(values[i - 1]) && !known(values[i + 1]));
}

/** A dot where the newest value is: the first push has no line yet, and afterwards it shows that the chart is alive. */
function head(plot: uPlot): void {
  const [ages, series] = plot.data;
  const age = ages?.at(-1);
  const value = series?.at(-1);
  if (age === undefined || value === undefined || value === null) return;
  const { ctx } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.arc(plot.valToPos(age, 'x', true), plot.valToPos(value, 'y', true), 3.5 * uPlot.pxRatio, 0, 2 * Math.PI);
  ctx.fillStyle = colours.line;
  ctx.fill();
  ctx.restore();
}

/** The next round number at or above `max` whose half is round too. */
function roof(max: number): number {
  const power = 10 ** Math.floor(Math.log10(max));
  return power * ([1, 1.2, 1.6, 2, 3, 4, 6, 8].find((step) => step * power >= max) ?? 10);
}

function readColours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return {
    line: colour('--accent'),
    fill: colour('--accent-wash'),
    grid: colour('--rule'),
    label: colour('--soft'),
    paper: colour('--paper'),
  };
}

// A canvas does not follow the style sheet by itself.
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  colours = readColours();
  for (const { plot } of charts) plot.redraw();
});
