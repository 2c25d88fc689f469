/** Vectors out of the shards of a batch of features, whatever their format: { paths, sums, vectors, length } a shard; rows that failed are left out. */
import { tableFromIPC } from 'apache-arrow';
import { parquetReadObjects } from 'hyparquet';
import { arrayBufferOf, failure } from './inputs.js';
import { SHARD_NAME } from './job.js';
import { linesIn, partsOf } from './rows.js';

const READERS = {
  jsonl: (bytes) => [...linesIn(bytes)],
  parquet: (bytes) =>
    parquetReadObjects({
      file: arrayBufferOf(bytes),
      columns: ['path', 'sha256', 'status', 'embedding'],
    }),
  arrow: (bytes) => {
    const table = tableFromIPC(bytes);
    const column = (name) => table.getChild(name);
    const [path, sha256, status, embedding] = ['path', 'sha256', 'status', 'embedding'].map(column);
    return Array.from({ length: table.numRows }, (_, i) => ({
      path: path.get(i),
      sha256: sha256.get(i),
      status: status.get(i),
      embedding: embedding.get(i)?.toArray(),
    }));
  },
  safetensors: (bytes) => {
    const { tensors, begin, rows } = partsOf(bytes);
    const { embedding } = tensors;
    const [count, length] = embedding.shape;
    const from = bytes.byteOffset + begin + embedding.data_offsets[0];
    const data = new Float32Array(bytes.buffer.slice(from, from + 4 * count * length));
    return Array.from(linesIn(Buffer.from(rows)), (row, i) => ({ ...row, embedding: data.subarray(i * length, (i + 1) * length) }));
  },
};

/** Yields what each shard of a store has, one after the other: a set need not fit into memory. Vectors are of length 1, all of as many numbers. */
export async function* vectorsOf(beit, store) {
  let length = null;
  for (const name of (await store.list()).sort()) {
    const read = READERS[SHARD_NAME.exec(name)?.[1]];
    if (!read) continue;
    const bytes = await store.bytes(name);
    const malformed = (what, cause) => failure(beit, 'malformed', store.path(name), `the shard cannot be read (${what})`, cause);
    let rows;
    try {
      rows = (await read(bytes)).filter(({ status }) => status === 'ok');
    } catch (error) {
      throw malformed(error.message, error);
    }
    if (rows.length === 0) continue;
    length ??= rows[0].embedding?.length;
    const other = rows.find(({ embedding }) => !(embedding?.length > 0) || embedding.length !== length);
    if (other) throw malformed(`the vector of ${other.path} has ${other.embedding?.length ?? 'no'} numbers, others have ${length ?? 'no'}`);
    const vectors = new Float32Array(rows.length * length);
    for (const [i, { embedding }] of rows.entries()) vectors.set(unit(embedding), i * length);
    yield { paths: rows.map(({ path }) => path), sums: rows.map(({ sha256 }) => sha256), vectors, length };
  }
}

/** Returns the vector of length 1 in that direction. */
export function unit(vector) {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  return Float32Array.from(vector, (value) => value * scale);
}

/** Returns the product of each row of a matrix with itself, which is 1 but for the rounding of its numbers. */
export function squaresOf(vectors, length) {
  return Float64Array.from({ length: length > 0 ? vectors.length / length : 0 }, (_, i) => product(vectors, i, vectors, i, length));
}

/** Returns the cosine of the angle between rows of two matrices, whose squares come with them: exactly 1 of rows that are the same. */
export function cosine(a, i, b, j, length) {
  const lengths = Math.sqrt(a.squares[i] * b.squares[j]);
  return lengths > 0 ? Math.min(product(a.vectors, i, b.vectors, j, length) / lengths, 1) : 0;
}

/** Returns the product of rows of two matrices, in four sums, which is twice as fast as one. */
function product(a, i, b, j, length) {
  let [s, t, u, v] = [0, 0, 0, 0];
  let [x, y] = [i * length, j * length];
  const end = x + length - (length % 4);
  for (; x < end; x += 4, y += 4) {
    s += a[x] * b[y];
    t += a[x + 1] * b[y + 1];
    u += a[x + 2] * b[y + 2];
    v += a[x + 3] * b[y + 3];
  }
  for (; x < (i + 1) * length; ++x, ++y) s += a[x] * b[y];
  return s + t + (u + v);
}
