/** What a Teacher has learnt from, as a file: its features, and who is what. */
import type { BaseCheckpoint } from './base-checkpoint.js';
import { noProject, readFeatureFile, writeFeatureFile } from './feature-file.js';

export interface TaughtPicture {
  label: string;
  /** Pictures of one label that were made one right after the other have one name; null: a picture by itself. */
  burst: string | null;
  /** (layers, C): the pooled states of layers 1 to L. */
  features: Float32Array;
}

export interface Project {
  base: BaseCheckpoint;
  layers: number;
  channels: number;
  pictures: TaughtPicture[];
}

const KIND = { key: 'beit_teacher', maker: 'a Teacher' };

interface Facts {
  labels: string[];
  bursts: (string | null)[];
}

export function writeProject({ base, layers, channels, pictures }: Project): Uint8Array {
  const facts: Facts = { labels: pictures.map(({ label }) => label), bursts: pictures.map(({ burst }) => burst) };
  const rows = pictures.map(({ features }) => features);
  return writeFeatureFile(KIND, { base, facts, shape: [pictures.length, layers, channels], rows });
}

/** Returns what a file holds. Throws malformed for another one. */
export function readProject(bytes: Uint8Array): Project {
  const {
    base,
    facts: { labels, bursts },
    shape,
    values,
  } = readFeatureFile<Facts>(KIND, bytes);
  const [count = -1, layers = -1, channels = -1] = shape;
  const names = Array.isArray(labels) && labels.every((label) => typeof label === 'string') && labels.length === count;
  const marks = Array.isArray(bursts) && bursts.every((burst) => burst === null || typeof burst === 'string') && bursts.length === count;
  if (!names || !marks || ![layers, channels].every((n) => n > 0)) throw noProject();
  const each = layers * channels;
  const pictures = labels.map((label, i) => ({ label, burst: bursts[i]!, features: values.slice(i * each, (i + 1) * each) }));
  return { base, layers, channels, pictures };
}
