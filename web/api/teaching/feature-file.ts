/** Features with what is known of them as a file: a safetensors file of one tensor, and the rest in its metadata. */
import { asBytes } from '../../base/bytes.js';
import { type BeitError, failure, mismatch, kindOf } from '../../base/errors.js';
import { isArrayOf } from '../../base/realms.js';
import { safetensorsHeader } from '../../base/safetensors-writer.js';
import { isBase, type BaseCheckpoint } from './base-checkpoint.js';

export interface FeatureFile<Facts> {
  /** Whose features they are. */
  base: BaseCheckpoint;
  facts: Facts;
  shape: number[];
}

/** The metadata's key, and who writes such a file. */
export interface FileKind {
  key: string;
  maker: string;
}

const VERSION = 1;
const MOST_HEADER = 64 << 20;

/** `rows` make up the tensor, one behind another. */
export function writeFeatureFile<Facts extends object>(
  { key }: FileKind,
  { base, facts, shape, rows }: FeatureFile<Facts> & { rows: readonly Float32Array[] },
): Uint8Array {
  const bytes = rows.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const metadata = { [key]: JSON.stringify({ version: VERSION, base, ...facts }) };
  const begin = safetensorsHeader([{ name: 'features', dtype: 'F32', shape, bytes }], metadata);
  const file = new Uint8Array(begin.length + bytes);
  file.set(begin);
  let offset = begin.length;
  for (const row of rows) {
    file.set(asBytes(row), offset);
    offset += row.byteLength;
  }
  return file;
}

/** Returns what a file holds; what `facts` are is the caller's to check. Throws malformed or truncated for another one. */
export function readFeatureFile<Facts extends object>(
  { key, maker }: FileKind,
  bytes: Uint8Array,
): FeatureFile<Facts> & { values: Float32Array } {
  if (!isArrayOf(bytes, Uint8Array)) throw mismatch('wrong-type', 'project', kindOf(bytes), 'a Uint8Array');
  if (bytes.length < 8) throw failure('malformed', 'project', 'it has no header');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > MOST_HEADER || length > bytes.length - 8)
    throw failure('malformed', 'project', 'it ends within its header, or is no project');
  let header: { __metadata__?: Record<string, string>; features?: { dtype?: string; shape?: number[] } };
  let facts: Facts & { version: number; base: BaseCheckpoint };
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as typeof header;
    facts = JSON.parse(header.__metadata__?.[key] ?? '') as typeof facts;
  } catch (error) {
    throw failure('malformed', 'project', `it is no project of ${maker}`, error);
  }
  if (typeof facts !== 'object' || facts === null) throw noProject();
  const { version, base } = facts;
  if (version !== VERSION) throw mismatch('unsupported', 'project', `version ${kindOf(version)}`, `version ${VERSION}`);
  const { dtype, shape } = header.features ?? {};
  if (!isBase(base) || dtype !== 'F32' || !Array.isArray(shape) || !shape.every((n) => Number.isInteger(n) && n >= 0)) throw noProject();
  const expected = 8 + length + 4 * shape.reduce((product, n) => product * n, 1);
  if (bytes.length !== expected) throw mismatch('truncated', 'project', `${bytes.length} bytes`, `${expected}`);
  const values = new Float32Array(bytes.slice(8 + length).buffer);
  if (!values.every(Number.isFinite)) throw failure('malformed', 'project', 'a feature of it is infinite or NaN');
  return { base: { id: base.id, revision: base.revision ?? null, reach: base.reach }, facts, shape, values };
}

/** What is thrown for a file whose header does not fit together. */
export const noProject = (): BeitError => failure('malformed', 'project', 'its header says nothing that can be followed');
