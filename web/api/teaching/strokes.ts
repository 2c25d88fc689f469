/** Where the strokes of a brush lie on a segmentation model's map. */
import { BeitError, kindOf, mismatch } from '../../base/errors.js';
import type { Size } from '../../base/tensors.js';
import { checkLabel } from './bursts.js';

/** In the picture's pixels. */
export interface Stroke {
  label: string;
  points: readonly (readonly [x: number, y: number])[];
  /** Of the brush, which is round. */
  width: number;
  /** Its name, to find its strokes again. */
  picture?: string | null | undefined;
}

/** A place on a map of h x w cells; the first cell's centre is (0, 0). */
export interface Place {
  row: number;
  column: number;
}

/**
 * Most places of a stroke: what lies side by side says the same, and time grows with the square of this. With 32 instead of 16 heads on drawn
 * scenes were no better: 86.0 % of the next pictures' pixels instead of 86.6 % (two strokes a label on each of two pictures).
 */
const MOST_PLACES = 16;

const MOST_POINTS = 100_000;

/** Most cells that are looked at for a stroke, which took 2.5 s at worst. A scribble of 5000 points with a brush of 20 cells takes 2 million. */
const MOST_WORK = 50_000_000;

type Point = readonly [x: number, y: number];

/** Throws invalid-argument for what is no stroke. */
export function checkStroke(stroke: Stroke): void {
  const { label, points, width, picture } = stroke ?? {};
  checkLabel(label);
  const isPoint = (point: unknown): boolean => Array.isArray(point) && point.length === 2 && point.every(Number.isFinite);
  if (!Array.isArray(points) || points.length < 1 || points.length > MOST_POINTS || !points.every(isPoint))
    throw new BeitError('invalid-argument', `points: expected one [x, y] of finite numbers or more, at most ${MOST_POINTS}.`, {
      where: 'points',
      expected: '[x, y]',
    });
  if (!(Number.isFinite(width) && width > 0)) throw mismatch('invalid-argument', 'width', kindOf(width), 'a number above 0');
  if (picture !== undefined && picture !== null && typeof picture !== 'string')
    throw mismatch('invalid-argument', 'picture', typeof picture, 'a name, or none');
}

/**
 * Returns the places of a stroke: the centres of the cells that the brush covers, and where it is too narrow to cover a cell's centre, the
 * middle of its way through the cell. In the order of rows; none where it lies beside the picture.
 */
export function placesOf({ points, width }: Stroke, picture: Size, cells: Size): Place[] {
  const [across, down] = [picture.width / cells.width, picture.height / cells.height];
  const found = new Map<number, Place>();
  const ends = points.map((point, i) => [points[Math.max(i - 1, 0)]!, point] as const);
  const reach = width / 2;
  // What lies further beside the picture than it is large is cut off: it costs time, and there is nothing.
  const margin = Math.max(picture.width, picture.height);
  let work = 0;
  const spend = (count: number): void => {
    work += count;
    if (work > MOST_WORK)
      throw new BeitError('invalid-argument', 'points: they are too long a way for so wide a brush. Paint it as several strokes.', {
        where: 'points',
        expected: `a stroke over at most ${MOST_WORK} cells`,
      });
  };
  for (const [from, to] of ends.flatMap((line) => cut(line, picture, margin + reach))) {
    const first = Math.floor((Math.min(from[1], to[1]) - reach) / down);
    const last = Math.floor((Math.max(from[1], to[1]) + reach) / down);
    const left = Math.floor((Math.min(from[0], to[0]) - reach) / across);
    const right = Math.floor((Math.max(from[0], to[0]) + reach) / across);
    const [top, bottom] = [Math.max(first, 0), Math.min(last, cells.height - 1)];
    const [start, end] = [Math.max(left, 0), Math.min(right, cells.width - 1)];
    spend(Math.max(bottom - top + 1, 0) * Math.max(end - start + 1, 0));
    for (let row = top; row <= bottom; ++row) {
      for (let column = start; column <= end; ++column) {
        const cell = row * cells.width + column;
        if (!found.has(cell) && distance((column + 0.5) * across, (row + 0.5) * down, from, to) <= reach) found.set(cell, { row, column });
      }
    }
  }
  for (const [from, to] of ends.flatMap((line) => cut(line, picture, margin))) {
    const steps = Math.max(1, Math.ceil((2 * Math.hypot(to[0] - from[0], to[1] - from[1])) / Math.min(across, down)));
    spend(steps);
    const way = new Map<number, { x: number; y: number; count: number }>();
    for (let step = 0; step <= steps; ++step) {
      const [x, y] = [0, 1].map((axis) => (from[axis]! + ((to[axis]! - from[axis]!) * step) / steps) / (axis === 0 ? across : down));
      const [row, column] = [Math.floor(y!), Math.floor(x!)];
      if (row < 0 || row >= cells.height || column < 0 || column >= cells.width) continue;
      const seen = way.get(row * cells.width + column) ?? { x: 0, y: 0, count: 0 };
      way.set(row * cells.width + column, { x: seen.x + x!, y: seen.y + y!, count: seen.count + 1 });
    }
    for (const [cell, { x, y, count }] of way) if (!found.has(cell)) found.set(cell, { row: y / count - 0.5, column: x / count - 0.5 });
  }
  const places = [...found].sort(([a], [b]) => a - b).map(([, place]) => place);
  if (places.length <= MOST_PLACES) return places;
  return Array.from({ length: MOST_PLACES }, (_, i) => places[Math.floor(((i + 0.5) * places.length) / MOST_PLACES)]!);
}

/** Returns what of a line lies at most `margin` beside the picture: the line itself where all of it does, and nothing where none does. */
function cut([from, to]: readonly [Point, Point], { width, height }: Size, margin: number): [Point, Point][] {
  let [a, b] = [from, to];
  for (const axis of [0, 1] as const) {
    for (const [sign, most] of [
      [1, margin + (axis === 0 ? width : height)],
      [-1, margin],
    ] as const) {
      const [aOut, bOut] = [sign * a[axis] > most, sign * b[axis] > most];
      if (aOut && bOut) return [];
      // From the end that stays: seen from a far one, the crossing is not exact.
      const cross = (near: Point, far: Point): Point => {
        const share = (sign * most - near[axis]) / (far[axis] - near[axis]);
        const other = near[1 - axis]! + (far[1 - axis]! - near[1 - axis]!) * share;
        return axis === 0 ? [sign * most, other] : [other, sign * most];
      };
      if (aOut) a = cross(b, a);
      if (bOut) b = cross(a, b);
    }
  }
  return [[a, b]];
}

/** Returns how far a point is from a line between two. */
function distance(x: number, y: number, from: Point, to: Point): number {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = dx * dx + dy * dy;
  const share = length > 0 ? Math.min(Math.max(((x - from[0]) * dx + (y - from[1]) * dy) / length, 0), 1) : 0;
  return Math.hypot(x - from[0] - share * dx, y - from[1] - share * dy);
}
