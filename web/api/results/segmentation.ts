/** From a label map to what a picture of it needs. */
import type { SegmentationMap } from '../../engine/engine.js';

export interface LegendEntry {
  id: number;
  label: string;
  /** Red, green, blue, 0 to 255. */
  color: [red: number, green: number, blue: number];
  /** The share of the pixels that have this label, above 0 to 1. */
  share: number;
}

/** An RGBA picture, rows from the top: what ImageData takes. */
export interface Overlay {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

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
  const counts = new Map<number, number>();
  for (const id of map.labels) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || a - b).map(([id, count]) =>
    ({ id, label: names[id] ?? `LABEL_${id}`, color: colorOf(id), share: count / map.labels.length }));
}

/** Returns the map in its classes' colours with this alpha (0 to 255), to be drawn over the image. */
export function overlayOf(map: SegmentationMap, alpha: number): Overlay {
  const data = new Uint8ClampedArray(map.labels.length * 4);
  const colors = new Map<number, [number, number, number]>();
  map.labels.forEach((id, i) => {
    let color = colors.get(id);
    if (!color) colors.set(id, color = colorOf(id));
    data.set(color, i * 4);
    data[i * 4 + 3] = alpha;
  });
  return { width: map.width, height: map.height, data };
}
