/** Where the strokes of a brush lie on a segmentation model's map. */
import { BeitError, mismatch } from '../../base/errors.js';
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

/** Throws invalid-argument for what is no stroke. */
export function checkStroke({ label, points, width, picture }: Stroke): void {
  checkLabel(label);
  const isPoint = (point: unknown): boolean => Array.isArray(point) && point.length === 2 && point.every(Number.isFinite);
  if (!Array.isArray(points) || points.length < 1 || points.length > MOST_POINTS || !points.every(isPoint))
    throw new BeitError('invalid-argument', `points: expected one [x, y] of finite numbers or more, at most ${MOST_POINTS}.`, {
      where: 'points',
      expected: '[x, y]',
    });
  if (!(Number.isFinite(width) && width > 0)) throw mismatch('invalid-argument', 'width', String(width), 'a number above 0');
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
  const put = (row: number, column: number, place: Place): void => {
    const inside = row >= 0 && row < cells.height && column >= 0 && column < cells.width;
    const cell = row * cells.width + column;
    if (inside && !found.has(cell)) found.set(cell, place);
  };
  const ends = points.map((point, i): [Readonly<[number, number]>, Readonly<[number, number]>] => [points[Math.max(i - 1, 0)]!, point]);
  const reach = width / 2;
  for (const [from, to] of ends) {
    const first = Math.floor((Math.min(from[1], to[1]) - reach) / down);
    const last = Math.floor((Math.max(from[1], to[1]) + reach) / down);
    for (let row = Math.max(first, 0); row <= Math.min(last, cells.height - 1); ++row) {
      const left = Math.floor((Math.min(from[0], to[0]) - reach) / across);
      const right = Math.floor((Math.max(from[0], to[0]) + reach) / across);
      for (let column = Math.max(left, 0); column <= Math.min(right, cells.width - 1); ++column) {
        if (distance((column + 0.5) * across, (row + 0.5) * down, from, to) <= reach) put(row, column, { row, column });
      }
    }
  }
  for (const [from, to] of ends) {
    const steps = Math.max(1, Math.ceil((2 * Math.hypot(to[0] - from[0], to[1] - from[1])) / Math.min(across, down)));
    const way = new Map<number, { row: number; column: number; x: number; y: number; count: number }>();
    for (let step = 0; step <= steps; ++step) {
      const [x, y] = [0, 1].map((axis) => (from[axis]! + ((to[axis]! - from[axis]!) * step) / steps) / (axis === 0 ? across : down));
      const [row, column] = [Math.floor(y!), Math.floor(x!)];
      const seen = way.get(row * cells.width + column) ?? { row, column, x: 0, y: 0, count: 0 };
      way.set(row * cells.width + column, { row, column, x: seen.x + x!, y: seen.y + y!, count: seen.count + 1 });
    }
    for (const { row, column, x, y, count } of way.values()) put(row, column, { row: y / count - 0.5, column: x / count - 0.5 });
  }
  const places = [...found].sort(([a], [b]) => a - b).map(([, place]) => place);
  if (places.length <= MOST_PLACES) return places;
  return Array.from({ length: MOST_PLACES }, (_, i) => places[Math.floor(((i + 0.5) * places.length) / MOST_PLACES)]!);
}

/** Returns how far a point is from a line between two. */
function distance(x: number, y: number, from: Readonly<[number, number]>, to: Readonly<[number, number]>): number {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = dx * dx + dy * dy;
  const share = length > 0 ? Math.min(Math.max(((x - from[0]) * dx + (y - from[1]) * dy) / length, 0), 1) : 0;
  return Math.hypot(x - from[0] - share * dx, y - from[1] - share * dy);
}
