/** What a SegmentationTeacher has learnt from, as a file: the features under its strokes, and the strokes. */
import type { BaseCheckpoint } from './base-checkpoint.js';
import { noProject, readFeatureFile, writeFeatureFile } from './feature-file.js';
import { checkStroke, type Stroke } from './strokes.js';

export interface TaughtStroke {
  label: string;
  points: readonly (readonly [x: number, y: number])[];
  width: number;
  picture: string | null;
  /** (N, C): of its places. */
  features: Float32Array;
}

export interface StrokeProject {
  base: BaseCheckpoint;
  channels: number;
  strokes: TaughtStroke[];
}

const KIND = { key: 'beit_segmentation_teacher', maker: 'a SegmentationTeacher' };

interface Facts {
  strokes: (Stroke & { count: number })[];
}

export function writeStrokes({ base, channels, strokes }: StrokeProject): Uint8Array {
  const facts: Facts = { strokes: strokes.map(({ features, ...stroke }) => ({ ...stroke, count: features.length / channels })) };
  const count = facts.strokes.reduce((sum, stroke) => sum + stroke.count, 0);
  return writeFeatureFile(KIND, { base, facts, shape: [count, channels], rows: strokes.map(({ features }) => features) });
}

/** Returns what a file holds. Throws malformed for another one. */
export function readStrokes(bytes: Uint8Array): StrokeProject {
  const { base, facts, shape, values } = readFeatureFile<Facts>(KIND, bytes);
  const [total = -1, channels = 0] = shape;
  const listed = Array.isArray(facts.strokes) && facts.strokes.every((one) => typeof one === 'object' && one !== null);
  if (!listed || shape.length !== 2 || channels < 1) throw noProject();
  let at = 0;
  const strokes = facts.strokes.map((stroke): TaughtStroke => {
    checkStroke(stroke);
    const { label, points, width, picture, count } = stroke;
    if (!Number.isInteger(count) || count < 1) throw noProject();
    const features = values.slice(at * channels, (at + count) * channels);
    at += count;
    return { label, points, width, picture: picture ?? null, features };
  });
  if (at !== total) throw noProject();
  return { base, channels, strokes };
}
