/** What a Teacher has learnt from, as a file: a safetensors file with the features, and who is what in its metadata. */
import { failure, mismatch } from '../../base/errors.js';
import { safetensorsHeader } from '../../base/safetensors-writer.js';
import type { BaseCheckpoint } from './base-checkpoint.js';

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

const VERSION = 1;
const MOST_HEADER = 64 << 20;

interface Facts {
  version: number;
  base: BaseCheckpoint;
  labels: string[];
  bursts: (string | null)[];
}

export function writeProject({ base, layers, channels, pictures }: Project): Uint8Array {
  const facts: Facts = {
    version: VERSION,
    base,
    labels: pictures.map(({ label }) => label),
    bursts: pictures.map(({ burst }) => burst),
  };
  const size = layers * channels * 4;
  const row = { name: 'features', dtype: 'F32', shape: [pictures.length, layers, channels], bytes: pictures.length * size };
  const begin = safetensorsHeader([row], { beit_teacher: JSON.stringify(facts) });
  const file = new Uint8Array(begin.length + row.bytes);
  file.set(begin);
  for (const [i, { features }] of pictures.entries())
    file.set(new Uint8Array(features.buffer, features.byteOffset, features.byteLength), begin.length + i * size);
  return file;
}

/** Returns what a file holds. Throws malformed for another one. */
export function readProject(bytes: Uint8Array): Project {
  const wrong = (what: string): Error => failure('malformed', 'project', what);
  if (bytes.length < 8) throw wrong('it has no header');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > MOST_HEADER || length > bytes.length - 8) throw wrong('it ends within its header, or is no project');
  let header: { __metadata__?: Record<string, string>; features?: { dtype?: string; shape?: number[]; data_offsets?: number[] } };
  let facts: Facts;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as typeof header;
    facts = JSON.parse(header.__metadata__?.['beit_teacher'] ?? '') as Facts;
  } catch (error) {
    throw failure('malformed', 'project', 'it is no project of a Teacher', error);
  }
  if (facts.version !== VERSION) throw mismatch('unsupported', 'project', `version ${String(facts.version)}`, `version ${VERSION}`);
  const { base, labels, bursts } = facts;
  const [count = -1, layers = -1, channels = -1] = header.features?.shape ?? [];
  const names = Array.isArray(labels) && labels.every((label) => typeof label === 'string') && labels.length === count;
  const marks = Array.isArray(bursts) && bursts.every((burst) => burst === null || typeof burst === 'string') && bursts.length === count;
  const place = typeof base?.id === 'string' && ['anywhere', 'here', 'nowhere'].includes(base.reach);
  if (!names || !marks || !place || header.features?.dtype !== 'F32' || ![layers, channels].every((n) => Number.isInteger(n) && n > 0))
    throw wrong('its header says nothing that can be followed');
  const each = layers * channels;
  if (bytes.length - 8 - length !== count * each * 4)
    throw mismatch('truncated', 'project', `${bytes.length} bytes`, `${8 + length + count * each * 4}`);
  const values = new Float32Array(bytes.slice(8 + length).buffer);
  if (!values.every(Number.isFinite)) throw wrong('a feature of it is infinite or NaN');
  const pictures = labels.map((label, i) => ({ label, burst: bursts[i]!, features: values.slice(i * each, (i + 1) * each) }));
  return { base: { id: base.id, revision: base.revision ?? null, reach: base.reach }, layers, channels, pictures };
}
