/** The formats of shards: which tasks each can hold, and what it makes of rows. */
import { columnsOf } from './columns.js';

/** Of a shard that is a folder, the file that its rows are in: with it the shard is whole. */
export const INDEX = 'index.jsonl';

// Lines are written when so many bytes of them are there.
const PIECE_BYTES = 2 ** 20;

/** Yields lines of JSON, a row each, in pieces: a text of all may be longer than a text can be, and than memory. */
function* linePieces(columns) {
  let lines = [];
  let length = 0;
  for (let i = 0; i < columns[0].values.length; ++i) {
    const fields = columns.map(({ name, values }) => [name, ArrayBuffer.isView(values[i]) ? [...values[i]] : values[i]]);
    const line = Buffer.from(`${JSON.stringify(Object.fromEntries(fields))}\n`);
    lines.push(line);
    length += line.length;
    if (length < PIECE_BYTES) continue;
    yield Buffer.concat(lines);
    [lines, length] = [[], 0];
  }
  if (length > 0) yield Buffer.concat(lines);
}

const jsonLines = (columns) => Buffer.concat([...linePieces(columns)]);

/** The rows without what is an array of numbers or bytes. */
const plain = (columns) => columns.filter(({ kind }) => !kind.endsWith('vector') && kind !== 'bytes');

/**
 * Each writes the rows of a shard: `write({ columns, metadata, beit })` returns a file's bytes, an object that can be iterated for them in pieces, as
 * often as it is asked, or for a folder { name: bytes }. A library is loaded when a file of its is written.
 */
export const FORMATS = {
  jsonl: {
    tasks: ['classify', 'segment', 'features', 'tokenize'],
    ending: 'jsonl',
    holdsBytes: false,
    write: ({ columns }) => {
      const held = columns.filter(({ kind }) => kind !== 'bytes');
      return { [Symbol.iterator]: () => linePieces(held) };
    },
  },
  parquet: {
    tasks: ['classify', 'segment', 'features', 'tokenize'],
    ending: 'parquet',
    holdsBytes: true,
    write: async ({ columns, metadata }) => (await import('./parquet.js')).writeParquet(columns, metadata),
  },
  arrow: {
    tasks: ['classify', 'segment', 'features', 'tokenize'],
    ending: 'arrow',
    holdsBytes: true,
    write: async ({ columns, metadata }) => (await import('./arrow.js')).writeArrow(columns, metadata),
  },
  safetensors: {
    tasks: ['features', 'tokenize'],
    ending: 'safetensors',
    holdsBytes: false,
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
    holdsBytes: true,
    write: ({ columns, metadata }) => {
      const { values } = columns.find(({ name }) => name === 'map');
      const names = values.map((value, i) => (value ? `${String(i).padStart(6, '0')}.png` : null));
      const index = jsonLines([...plain(columns), { name: 'file', values: names }]);
      const maps = values.flatMap((value, i) => (value ? [[names[i], value]] : []));
      return { [INDEX]: index, 'batch.json': Buffer.from(metadata['beit-wasm-batch']), ...Object.fromEntries(maps) };
    },
  },
};

/** Returns the format that a task has where none is named: lines of JSON would leave out segmentation's maps. */
export const defaultFormat = (task) => (task === 'segment' ? 'png' : 'jsonl');

/** Returns what is written of a shard's rows. */
export async function contentOf(format, { rows, answers, vectorLength, facts, beit }) {
  const columns = columnsOf(answers, rows, vectorLength);
  return FORMATS[format].write({ columns, metadata: { 'beit-wasm-batch': JSON.stringify(facts) }, beit });
}
