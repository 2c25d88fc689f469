/** image-segmentation: from an image to its label map, and from that to what a picture of it needs. */
import { kindOf, mismatch } from '../../base/errors.js';
import type { EngineImage, ForwardCallOptions, SegmentationMap } from '../engine.js';
import { outputOf, PLAIN, type TaskContext } from './context.js';
import type { EngineTasks, LegendEntry, Segmentation } from './types.js';

/**
 * Returns the colour of a class: PASCAL VOC's colour map from its second colour on (the first is
 * black). The first 255 classes differ. Throws invalid-argument for what is no whole number of at least 0.
 * @example
 * ```js
 * import { colorOf } from 'beit-wasm';
 *
 * const [red, green, blue] = colorOf(3);
 * ```
 */
export function colorOf(id: number): [number, number, number] {
  if (!Number.isInteger(id) || id < 0) throw mismatch('invalid-argument', 'id', kindOf(id), 'a whole number of at least 0');
  const color: [number, number, number] = [0, 0, 0];
  for (let bits = id + 1, shift = 7; bits > 0 && shift >= 0; bits >>= 3, --shift) {
    for (let channel = 0; channel < 3; ++channel) color[channel]! |= ((bits >> channel) & 1) << shift;
  }
  return color;
}

/** Returns the labels that occur in `map`, the largest share first. */
export function legendOf({ labels, counts }: SegmentationMap, names: readonly string[]): LegendEntry[] {
  const found = [...counts.keys()].filter((id) => counts[id]! > 0).sort((a, b) => counts[b]! - counts[a]! || a - b);
  return found.map((id) => ({ id, label: names[id] ?? `LABEL_${id}`, color: colorOf(id), share: counts[id]! / labels.length }));
}

/** Returns the colours of so many classes with this alpha (0 to 255): red, green, blue, alpha in each number's bytes, as they lie in memory. */
export function paletteOf(classes: number, alpha: number): Uint32Array {
  const palette = new Uint32Array(classes);
  const bytes = new Uint8Array(palette.buffer);
  for (let id = 0; id < classes; ++id) bytes.set([...colorOf(id), alpha], id * 4);
  return palette;
}

/** The alpha of colours that are drawn over an image. */
export const HALF_TRANSPARENT = 128;

/** Returns a map with its counts, and colours where there is a palette. */
function withColors(found: Omit<SegmentationMap, 'counts'>, classes: number, palette: Uint32Array | undefined): SegmentationMap {
  const counts = new Uint32Array(classes);
  for (const label of found.labels) ++counts[label]!;
  return { ...found, counts, ...(palette && { overlay: Uint32Array.from(found.labels, (label) => palette[label]!) }) };
}

type Task = EngineTasks['image-segmentation'];

export async function segmentImage(
  { engine, processor, model, config }: TaskContext,
  image: EngineImage,
  { scores, overlay: colored, resultSize }: Task['settings'],
  call: ForwardCallOptions,
): Promise<Task['result']> {
  const { pixelValues, originalSizes } = await engine.preprocess(processor, [image], call);
  const names = config['id2label'] as string[];
  const palette = colored ? paletteOf(names.length, HALF_TRANSPARENT) : undefined;
  const size = resultSize === 'logits' ? null : (resultSize ?? originalSizes[0]!);
  const found = await engine.labelOnGpu(model, { pixelValues }, { size, scores }, call);
  const map = found
    ? withColors(found, names.length, palette)
    : await engine.segment(outputOf(await engine.forward(model, { pixelValues }, PLAIN, call), 'logits'), size, { scores, palette });
  return segmentationOf(map, names);
}

/** Returns what a label map is to those who asked for it. */
export function segmentationOf(map: SegmentationMap, names: readonly string[]): Segmentation {
  const { width, height, labels, scores, overlay } = map;
  return {
    width,
    height,
    labels,
    legend: legendOf(map, names),
    ...(scores && { scores }),
    ...(overlay && { overlay: { width, height, data: new Uint8ClampedArray(overlay.buffer as ArrayBuffer) } }),
  };
}
