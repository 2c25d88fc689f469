/** Learned grids at another size than the one they were trained at, to the bit as the core resizes them (src/kernels/grid_resize.cpp). */

export interface GridSize {
  height: number;
  width: number;
}

interface Taps {
  index: number[];
  weight: number[];
}

const CUBIC = -0.75; // torch's

function tapsOf(size: number, newSize: number, cubic: boolean): Taps[] {
  const clamp = (i: number): number => Math.min(Math.max(i, 0), size - 1);
  const near = (x: number): number => ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1;
  const far = (x: number): number => ((CUBIC * x - 5 * CUBIC) * x + 8 * CUBIC) * x - 4 * CUBIC;
  return Array.from({ length: newSize }, (_, o) => {
    const position = (o + 0.5) * (size / newSize) - 0.5;
    if (!cubic) {
      const clamped = Math.max(position, 0); // torch clamps here for linear, not for cubic
      const first = Math.floor(clamped);
      return { index: [clamp(first), clamp(first + 1)], weight: [1 - (clamped - first), clamped - first] };
    }
    const first = Math.floor(position);
    const f = position - first;
    return { index: [-1, 0, 1, 2].map((k) => clamp(first + k)), weight: [far(1 + f), near(f), near(1 - f), far(2 - f)] };
  });
}

/** Returns (new height, new width, channels) of (height, width, channels). */
export function resizeGrid(values: Float32Array, from: GridSize, to: GridSize, channels: number, cubic: boolean): Float32Array {
  if (from.height === to.height && from.width === to.width) return values;
  const rows = tapsOf(from.height, to.height, cubic),
    columns = tapsOf(from.width, to.width, cubic);
  const resized = new Float32Array(to.height * to.width * channels);
  let at = 0;
  for (const row of rows)
    for (const column of columns)
      for (let c = 0; c < channels; ++c) {
        let value = 0;
        for (const [i, y] of row.index.entries()) {
          if (row.weight[i] === 0) continue;
          for (const [j, x] of column.index.entries())
            value += row.weight[i]! * column.weight[j]! * values[(y * from.width + x) * channels + c]!;
        }
        resized[at++] = value;
      }
  return resized;
}

const CLS_ROWS = 3;

/** Returns a table of relative position biases, (distances, heads), for another grid, as transformers resizes it: with rows and columns exchanged. */
export function resizeBiasTable(table: Float32Array, trained: GridSize, grid: GridSize, heads: number): Float32Array {
  const from = { height: 2 * trained.height - 1, width: 2 * trained.width - 1 },
    to = { height: 2 * grid.height - 1, width: 2 * grid.width - 1 };
  const taken = { height: from.width, width: from.height };
  const pairs = from.height * from.width * heads;
  const resized = new Float32Array((to.height * to.width + CLS_ROWS) * heads);
  resized.set(resizeGrid(table.subarray(0, pairs), taken, to, heads, false));
  resized.set(table.subarray(pairs), resized.length - CLS_ROWS * heads);
  return resized;
}
