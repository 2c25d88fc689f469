/** image-segmentation: from an image to its label map, and from that to what a picture of it needs. */
import type { EngineImage, ForwardCallOptions, SegmentationMap } from '../engine.js';
import { outputOf, PLAIN, type TaskContext } from './context.js';
import type { EngineTasks, LegendEntry, Overlay } from './types.js';

/**
 * Returns the colour of a class: PASCAL VOC's colour map from its second colour on (the first is
 * black). The first 255 classes differ.
 */
export function colorOf(id: number): [number, number, number] {
  const color: [number, number, number] = [0, 0, 0];
  for (let bits = id + 1, shift = 7; bits > 0 && shift >= 0; bits >>= 3, --shift) {
    for (let channel = 0; channel < 3; ++channel) color[channel]! |= ((bits >> channel) & 1) << shift;
  }
  return color;
}

/** Returns the labels that occur in `map`, the largest share first. */
export function legendOf(map: SegmentationMap, names: readonly string[]): LegendEntry[] {
  const { labels } = map;
  const counts = new Uint32Array(IDS);
  for (let i = 0; i < labels.length; ++i) ++counts[labels[i]!]!;
  const found = [...counts.keys()].filter((id) => counts[id]! > 0).sort((a, b) => counts[b]! - counts[a]! || a - b);
  return found.map((id) => ({ id, label: names[id] ?? `LABEL_${id}`, color: colorOf(id), share: counts[id]! / labels.length }));
}

/** Returns the map in its classes' colours with this alpha (0 to 255), to be drawn over the image. */
export function overlayOf(map: SegmentationMap, legend: readonly LegendEntry[], alpha: number): Overlay {
  const { width, height, labels } = map;
  // A pixel is one number of 32 bits, whose bytes are in this machine's order in both arrays.
  const palette = new Uint32Array(IDS);
  const bytes = new Uint8Array(palette.buffer);
  for (const { id, color } of legend) bytes.set([...color, alpha], id * 4);
  const pixels = new Uint32Array(labels.length);
  for (let i = 0; i < labels.length; ++i) pixels[i] = palette[labels[i]!]!;
  return { width, height, data: new Uint8ClampedArray(pixels.buffer) };
}

// Class ids have 16 bits.
const IDS = 1 << 16;
const HALF_TRANSPARENT = 128;

type Task = EngineTasks['image-segmentation'];

export async function segmentImage(
  { engine, processor, model, config }: TaskContext, image: EngineImage, { scores, overlay }: Task['settings'], call: ForwardCallOptions,
): Promise<Task['result']> {
  const { pixelValues, originalSizes } = await engine.preprocess(processor, [image], call);
  const logits = outputOf(await engine.forward(model, { pixelValues }, PLAIN, call), 'logits');
  const map = await engine.segment(logits, originalSizes[0]!, scores);
  const { width, height, labels } = map;
  const legend = legendOf(map, config['id2label'] as string[]);
  return {
    width, height, labels, legend, ...(map.scores && { scores: map.scores }), ...(overlay && { overlay: overlayOf(map, legend, HALF_TRANSPARENT) }),
  };
}
