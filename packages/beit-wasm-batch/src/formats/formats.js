/** The formats of shards: which tasks each can hold, and what it makes of rows. */
import { columnsOf } from './columns.js';

/** Of a shard that is a folder, the file that its rows are in: with it the shard is whole. */
export const INDEX = 'index.jsonl';

const jsonLines = (columns) => {
  const lines = columns[0].values.map((_, i) =>
    JSON.stringify(
      Object.fromEntries(columns.map(({ name, values }) => [name, ArrayBuffer.isView(values[i]) ? [...values[i]] : values[i]])),
    ),
  );
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
};

/** The rows without what is an array of numbers or bytes. */
const plain = (columns) => columns.filter(({ kind }) => !kind.endsWith('vector') && kind !== 'bytes');

/**
 * Each writes the rows of a shard: `write({ columns, metadata, beit })` returns a file's bytes, or for a folder { name: bytes }.
 * A library is loaded when a file of its is written.
 */
export const FORMATS = {
  jsonl: {
    tasks: ['classify', 'segment', 'features', 'tokenize'],
    ending: 'jsonl',
    write: ({ columns }) => jsonLines(columns.filter(({ kind }) => kind !== 'bytes')),
  },
  parquet: {
    tasks: ['classify', 'segment', 'features', 'tokenize'],
    ending: 'parquet',
    write: async ({ columns, metadata }) => (await import('./parquet.js')).writeParquet(columns, metadata),
  },
  arrow: {
    tasks: ['classify', 'segment', 'features', 'tokenize'],
    ending: 'arrow',
    write: async ({ columns, metadata }) => (await import('./arrow.js')).writeArrow(columns, metadata),
  },
  safetensors: {
    tasks: ['features', 'tokenize'],
    ending: 'safetensors',
    write: ({ columns, metadata, beit }) => {
      const { name, kind, values, length } = columns.find((column) => column.kind.endsWith('vector'));
      const data = new (kind === 'vector' ? Float32Array : Int32Array)(values.length * length).fill(kind === 'vector' ? NaN : -1);
      for (const [i, value] of values.entries()) if (value) data.set(value, i * length);
      const rows = jsonLines(plain(columns)).toString();
      return beit.writeSafetensors({ [name]: { dims: [values.length, length], data } }, { ...metadata, rows });
    },
  },
  png: {
    tasks: ['segment'],
    ending: 'png',
    write: ({ columns, metadata }) => {
      const { values } = columns.find(({ name }) => name === 'map');
      const names = values.map((value, i) => (value ? `${String(i).padStart(6, '0')}.png` : null));
      const index = jsonLines([...plain(columns), { name: 'file', values: names }]);
      const maps = values.flatMap((value, i) => (value ? [[names[i], value]] : []));
      return { [INDEX]: index, 'batch.json': Buffer.from(metadata['beit-wasm-batch']), ...Object.fromEntries(maps) };
    },
  },
};

/** Returns what is written of a shard's rows. */
export async function contentOf(format, { rows, answers, vectorLength, facts, beit }) {
  const columns = columnsOf(answers, rows, vectorLength);
  return FORMATS[format].write({ columns, metadata: { 'beit-wasm-batch': JSON.stringify(facts) }, beit });
}
