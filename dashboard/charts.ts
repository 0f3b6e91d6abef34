/**
 * Five charts over one range of time. Time stands still, the data moves: it comes in at the right and leaves at the left. A moment can be
 * pointed at in all of them together, with the mouse or with the arrow keys.
 */
import uPlot from 'uplot';
import { part, say } from './dom.ts';
import { fetchHistory, type Point, pointsOf, RANGES, type Range, rangeOf } from './history.ts';
import { MEASURES, type Measure } from './measures.ts';
import { timeOfDay, timeOfDaySeconds } from './words.ts';

interface Chart {
  readonly measure: Measure;
  readonly place: HTMLElement;
  readonly plot: uPlot;
}

interface Colours {
  readonly ink: Readonly<Record<Measure['tone'], string>>;
  readonly rule: string;
  readonly label: string;
  readonly paper: string;
}

let colours = readColours();
let range: Range = rangeOf(location.hash);
let shown = pointsOf(range);
let isDrawing = false;
const charts = MEASURES.map(draw);

/** Draws what is kept by now, in the next frame: a page that nobody sees draws nothing. */
export function drawCharts(): void {
  if (!isDrawing) requestAnimationFrame(drawNow);
  isDrawing = true;
}

/** Brings what the exchange has kept. Without it the charts begin now, and fill by themselves. */
export function drawHistory(): void {
  fetchHistory().then(drawCharts, () => {});
}

function drawNow(): void {
  isDrawing = false;
  shown = pointsOf(range);
  for (const { measure, plot } of charts) {
    const columns = measure.columns.map((read) => shown.points.map((point) => (point && read(point)) ?? null));
    plot.setData([shown.times, ...columns]);
  }
  tell();
}

/** Under each number: what its chart amounts to, or the value of the moment that is pointed at. */
function tell(): void {
  for (const { measure, place, plot } of charts) {
    const at = plot.cursor.idx;
    const note = part(`chart-${measure.id}-note`);
    const summary = measure.summary(known());
    const ofRange = measure.hasRoom ? `${summary} in ${range.words}` : summary;
    say(note, typeof at === 'number' ? momentIn(measure, at) : ofRange);
    note.classList.toggle('pointed', typeof at === 'number');
    place.ariaValueMax = String(range.length - 1);
    // Not under the finger of somebody who is reading it: a screen reader would begin anew with every push.
    if (place !== document.activeElement) place.ariaLabel = `${measure.name}, ${range.words}: ${summary}`;
  }
}

function known(): Point[] {
  return shown.points.filter((point) => point !== undefined);
}

function momentIn(measure: Measure, at: number): string {
  const point = shown.points[at];
  const time = (shown.times[at] ?? 0) * 1_000;
  const value = point === undefined ? undefined : measure.read(point);
  const when = range.step < 60 ? timeOfDaySeconds(time) : timeOfDay(time);
  return `${value === undefined || value === null ? 'not known' : measure.words(value)} at ${when}`;
}

function draw(measure: Measure): Chart {
  const place = part(`chart-${measure.id}`);
  const plot = new uPlot(options(measure), [[], ...measure.columns.map(() => [])], place);
  // The plot lies inside a box whose size does not depend on it, so this cannot go round in circles.
  new ResizeObserver(() => {
    plot.setSize({ width: place.clientWidth, height: place.clientHeight });
  }).observe(place);
  exploreByKey(place, measure);
  return { measure, place, plot };
}

/** The chart is a slider over its moments: arrows, Page and Home and End move along it, Escape lets go. */
function exploreByKey(place: HTMLElement, measure: Measure): void {
  place.tabIndex = 0;
  place.role = 'slider';
  place.ariaValueMin = '0';
  // Which moment of which range; none: the newest.
  let pointed: { readonly at: number; readonly of: Range } | undefined;
  const point = (index: number) => {
    const at = Math.max(0, Math.min(range.length - 1, index));
    pointed = { at, of: range };
    for (const { plot } of charts) plot.setCursor({ left: plot.valToPos(shown.times[at] ?? 0, 'x'), top: 1 });
    place.ariaValueNow = String(at);
    // Said when somebody moves, not with every push: a screen reader reads each change of the slider that has the focus.
    place.ariaValueText = momentIn(measure, at);
  };
  const letGo = () => {
    pointed = undefined;
    for (const { plot } of charts) plot.setCursor({ left: -10, top: -10 });
  };
  place.ariaValueNow = place.ariaValueMax = String(range.length - 1);
  place.ariaValueText = 'now';
  place.addEventListener('keydown', (event) => {
    const at = pointed?.of === range ? pointed.at : range.length - 1;
    const page = Math.round(range.length / 6);
    const to = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      PageDown: at - page,
      PageUp: at + page,
      Home: 0,
      End: range.length - 1,
    }[event.key];
    if (event.key === 'Escape') letGo();
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    point(to);
  });
  place.addEventListener('blur', letGo);
}

function options(measure: Measure): uPlot.Options {
  const isBars = measure.shape === 'bars';
  return {
    width: 300,
    height: 120,
    padding: [6, 0, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      move: snap,
      drag: { x: false, y: false },
      sync: { key: 'pointer' },
      points: { show: !isBars, size: 9, width: 2.5, stroke: () => ink(measure), fill: () => colours.paper },
    },
    scales: {
      // A bar stands around its time, so a chart of bars is half a point wider at both ends.
      x: {
        time: false,
        range: () => {
          const [first = 0, last = 0] = [shown.times[0], shown.times.at(-1)];
          return isBars ? [first - range.step / 2, last + range.step / 2] : [first, last];
        },
      },
      y: { range: (_plot, _min, max) => [0, roof(Math.max(max ?? 0, measure.roofMin))] },
    },
    axes: [
      { size: 24, grid: { show: false }, ticks: { show: false }, values: () => [] },
      {
        side: 1,
        stroke: () => colours.label,
        font: font(),
        size: 50,
        gap: 8,
        grid: { stroke: () => colours.rule, width: 1 },
        ticks: { show: false },
        splits: (_plot, _axis, _min, max) => [0, max / 2, max],
        values: (_plot, splits) => splits.map((value) => (value === 0 ? '0' : measure.axis(value))),
      },
    ],
    series: [{}, ...measure.columns.map((_, index) => series(measure, index))],
    hooks: { draw: isBars ? [ticks] : [ticks, (plot) => head(plot, measure)], setCursor: [tell] },
  };
}

/** The first series is the one that is read; one more is a thin line behind it. */
function series(measure: Measure, index: number): uPlot.Series {
  const stroke = () => ink(measure);
  if (measure.shape === 'bars') {
    const paths = uPlot.paths.bars?.({ size: [0.7, 14], radius: [0.25, 0] });
    return { stroke, fill: stroke, width: 0, points: { show: false }, ...(paths === undefined ? {} : { paths }) };
  }
  if (index > 0) return { stroke: () => alpha(ink(measure), 0.4), width: 1, points: { show: false } };
  const paths = measure.shape === 'steps' ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
  return {
    stroke,
    fill: (plot) => fade(plot, ink(measure)),
    width: 2,
    points: { size: 4, width: 0, fill: stroke, filter: alone },
    ...(paths === undefined ? {} : { paths }),
  };
}

function ink({ tone }: Measure): string {
  return colours.ink[tone];
}

/** From the line down to nothing. */
function fade({ bbox, ctx }: uPlot, colour: string): CanvasGradient {
  const gradient = ctx.createLinearGradient(0, bbox.top, 0, bbox.top + bbox.height);
  gradient.addColorStop(0, alpha(colour, 0.34));
  gradient.addColorStop(1, alpha(colour, 0.03));
  return gradient;
}

/** `colour`: six hexadecimal digits, as the style sheet has them. */
function alpha(colour: string, part: number): string {
  return `${colour}${Math.round(part * 255)
    .toString(16)
    .padStart(2, '0')}`;
}

/** The pointer's line stands on a point, not between two. */
function snap(plot: uPlot, left: number, top: number): uPlot.Cursor.LeftTop {
  const time = left < 0 ? undefined : plot.data[0]?.[plot.posToIdx(left)];
  return [time === undefined ? left : plot.valToPos(time, 'x'), top];
}

/** A value between two points without one has no line to be on, so it gets a dot. */
function alone(plot: uPlot): number[] {
  const values = [...(plot.data[1] ?? [])];
  const isKnown = (value: number | null | undefined) => value !== null && value !== undefined;
  return [...values.keys()].filter((i) => isKnown(values[i]) && !isKnown(values[i - 1]) && !isKnown(values[i + 1]));
}

/** A dot where the newest value is: the first push has no line yet, and afterwards it shows that the chart is alive. */
function head(plot: uPlot, measure: Measure): void {
  const [times, values] = plot.data;
  const [time, value] = [times?.at(-1), values?.at(-1)];
  if (time === undefined || value === undefined || value === null) return;
  const { ctx } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.arc(plot.valToPos(time, 'x', true), plot.valToPos(value, 'y', true), 3.5 * uPlot.pxRatio, 0, 2 * Math.PI);
  ctx.fillStyle = ink(measure);
  ctx.fill();
  ctx.restore();
}

/** The words below the chart, the outer ones flush with its ends. */
function ticks({ ctx, bbox }: uPlot): void {
  ctx.save();
  ctx.font = font(uPlot.pxRatio);
  ctx.fillStyle = colours.label;
  ctx.textBaseline = 'top';
  const words = bbox.width < 270 * uPlot.pxRatio ? [range.ticks[0] ?? '', range.ticks.at(-1) ?? ''] : range.ticks;
  words.forEach((word, index) => {
    const part = index / (words.length - 1);
    ctx.textAlign = part === 0 ? 'left' : part === 1 ? 'right' : 'center';
    ctx.fillText(word, bbox.left + part * bbox.width, bbox.top + bbox.height + 8 * uPlot.pxRatio);
  });
  ctx.restore();
}

/** The next round number at or above `max` whose half is round too. */
function roof(max: number): number {
  const power = 10 ** Math.floor(Math.log10(max));
  return power * ([1, 1.2, 1.6, 2, 3, 4, 6, 8].find((step) => step * power >= max) ?? 10);
}

function font(ratio = 1): string {
  return `${12 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
}

function readColours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return {
    ink: { traffic: colour('--accent'), health: colour('--health'), refused: colour('--refused') },
    rule: colour('--rule'),
    label: colour('--soft'),
    paper: colour('--paper'),
  };
}

/** The keys and the mouse choose one of the ranges; the address of the page remembers it. */
export function startRanges(): void {
  for (const choice of document.querySelectorAll<HTMLInputElement>('input[name="range"]')) {
    choice.checked = choice.value === range.id;
    choice.addEventListener('change', () => {
      range = RANGES.find(({ id }) => id === choice.value) ?? range;
      history.replaceState(null, '', `#${range.id}`);
      drawNow();
    });
  }
}

// A canvas does not follow the style sheet by itself.
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  colours = readColours();
  for (const { plot } of charts) plot.redraw();
});
