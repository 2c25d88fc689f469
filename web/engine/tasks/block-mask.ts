/** Which patches of an image are hidden from the model: BEiT's block-wise masks. */
import { kindOf, mismatch } from '../../base/errors.js';
import { checkNames } from '../../base/option-names.js';
import { givenOptions } from '../../base/options.js';
import { isArrayOf } from '../../base/realms.js';

/** One byte for each patch, rows from the top: 1 where the patch is masked, else 0. */
export interface PatchMask {
  height: number;
  width: number;
  data: Uint8Array;
}

export interface BlockMaskOptions {
  /** Patches from top to bottom, 1 to 1024. Default: 14 */
  height?: number | undefined;
  /** Patches from left to right, 1 to 1024. Default: 14 */
  width?: number | undefined;
  /** How many patches are masked at most, 0 to all. Default: 75 of 14 x 14, on other grids in proportion. */
  count?: number | undefined;
  /** The same as a share of the patches, 0 to 1, in place of count. */
  ratio?: number | undefined;
  /** Patches of the smallest block, 1 to all. Default: 16; in proportion where a side of the grid is below 14. */
  minBlock?: number | undefined;
  /** A block's least height for its width, above 0 to 1; the most is the inverse. Default: 0.3 */
  minAspect?: number | undefined;
  /** Whatever is drawn follows from it: a whole number, 0 to 2^32 - 1. Default: 0 */
  seed?: number | undefined;
}

const NAMES = ['height', 'width', 'count', 'ratio', 'minBlock', 'minAspect', 'seed'];
const MOST_PATCHES_A_SIDE = 1024;
const ATTEMPTS = 10;
// What BEiT was trained with.
const GRID = 14 * 14;
const MASKED = 75;
const MIN_BLOCK = 16;

/**
 * Returns a mask of rectangular blocks, the same for the same options in every engine. Blocks are
 * drawn until `count` patches are masked or ten draws in a row give none that fits, so that the
 * mask never has more patches than asked for and at times a few less; all patches are masked where
 * all are asked for. Throws invalid-argument for a value outside its range, for count and ratio
 * together, and for a name that is no option. Reference: the paper's algorithm 1 as unilm's MaskingGenerator has it (a block is smaller
 * than the grid, of log-uniform aspect, and adds at least one patch).
 * @example
 * ```js
 * import { blockMask } from 'beit-wasm';
 *
 * const mask = blockMask({ ratio: 0.4, seed: 7 });
 * const { predictions } = await predict(file, { mask });
 * ```
 */
export function blockMask(options: BlockMaskOptions = {}): PatchMask {
  checkNames('blockMask()', options, NAMES);
  const { height = 14, width = 14, minAspect = 0.3, seed = 0 } = givenOptions(options);
  checkWhole('height', height, 1, MOST_PATCHES_A_SIDE);
  checkWhole('width', width, 1, MOST_PATCHES_A_SIDE);
  checkWhole('seed', seed, 0, 2 ** 32 - 1);
  if (!(typeof minAspect === 'number' && minAspect > 0 && minAspect <= 1))
    throw mismatch('invalid-argument', 'minAspect', kindOf(minAspect), 'a number above 0, at most 1');
  const patches = height * width;
  const count = countOf(options, patches);
  const square = Math.min(height, width) ** 2;
  const minBlock = options.minBlock ?? Math.max(1, Math.min(MIN_BLOCK, Math.round((MIN_BLOCK / GRID) * square)));
  checkWhole('minBlock', minBlock, 1, patches);

  const mask: PatchMask = { height, width, data: new Uint8Array(patches) };
  if (count === patches) {
    mask.data.fill(1);
    return mask;
  }
  const random = randomNumbers(seed);
  // On a long, thin grid no block is as large as what is asked for: then blocks of the size that is possible.
  const rows = Math.min(mostOf(height), mostOf(width) / minAspect);
  const largest = rows * Math.min(mostOf(width), rows / minAspect);
  for (let masked = 0; masked < count; ) {
    const room = count - masked;
    const added = addBlock(mask, { minBlock, minAspect, room, largest: Math.min(room, largest) }, random);
    if (added === 0) break;
    masked += added;
  }
  return mask;
}

/** Throws invalid-argument unless `mask` has a byte for each patch of the grid. */
export function checkMask(where: string, mask: PatchMask, height: number, width: number): void {
  if (mask.height !== height || mask.width !== width) {
    throw mismatch('invalid-argument', where, `${mask.height} x ${mask.width} patches`, `${height} x ${width}, as the model's image has`);
  }
  if (!isArrayOf(mask.data, Uint8Array)) throw mismatch('wrong-type', `${where}.data`, typeof mask.data, 'Uint8Array');
  if (mask.data.length !== height * width) {
    throw mismatch('wrong-shape', `${where}.data`, `${mask.data.length} bytes`, `${height * width}, one for each patch`);
  }
}

function countOf({ count, ratio }: BlockMaskOptions, patches: number): number {
  if (count !== undefined && ratio !== undefined) throw mismatch('invalid-argument', 'count', 'ratio as well', 'one of the two');
  if (count !== undefined) {
    checkWhole('count', count, 0, patches);
    return count;
  }
  const share = ratio ?? MASKED / GRID;
  if (!(typeof share === 'number' && share >= 0 && share <= 1))
    throw mismatch('invalid-argument', 'ratio', kindOf(share), 'a number from 0 to 1');
  return Math.round(share * patches);
}

/** Masks one more block of at most `room` patches that were not, and returns how many it added: 0 where none was found. */
function addBlock(
  mask: PatchMask,
  block: { minBlock: number; minAspect: number; room: number; largest: number },
  random: () => number,
): number {
  const { height, width, data } = mask;
  const between = (a: number, b: number): number => a + (b - a) * random();
  for (let attempt = 0; attempt < ATTEMPTS; ++attempt) {
    const area = between(block.minBlock, block.largest);
    const aspect = block.minAspect * power(1 / block.minAspect ** 2, random());
    const rows = Math.round(Math.sqrt(area * aspect));
    const columns = Math.round(Math.sqrt(area / aspect));
    if (rows < 1 || rows > mostOf(height) || columns < 1 || columns > mostOf(width)) continue;
    const top = Math.floor(random() * (height - rows + 1));
    const left = Math.floor(random() * (width - columns + 1));
    let added = rows * columns;
    for (let y = top; y < top + rows; ++y) for (let x = left; x < left + columns; ++x) added -= data[y * width + x]!;
    if (added < 1 || added > block.room) continue;
    for (let y = top; y < top + rows; ++y) data.fill(1, y * width + left, y * width + left + columns);
    return added;
  }
  return 0;
}

/** Returns a block's longest side: it leaves one row and one column of the grid free, where there is more than one. */
function mostOf(side: number): number {
  return Math.max(1, side - 1);
}

/**
 * Returns base to the power of `share`, 0 to below 1, from a square root for each binary digit:
 * square roots are exact in every engine, while the last bits of exp() and pow() differ.
 */
function power(base: number, share: number): number {
  let result = 1;
  for (let root = Math.sqrt(base), rest = share * 2; rest > 0; root = Math.sqrt(root), rest *= 2) {
    if (rest < 1) continue;
    result *= root;
    rest -= 1;
  }
  return result;
}

/** Returns numbers from 0 to below 1, of 32 bits each: Tommy Ettinger's mulberry32. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

function checkWhole(where: string, value: number, least: number, most: number): void {
  if (!(Number.isInteger(value) && value >= least && value <= most)) {
    throw mismatch('invalid-argument', where, kindOf(value), `a whole number from ${least} to ${most}`);
  }
}
