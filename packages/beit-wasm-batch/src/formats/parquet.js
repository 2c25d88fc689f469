/** Parquet by hyparquet-writer, with Arrow's schema in it: so vectors come out of pyarrow with their length. */
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { schemaMessage } from './arrow.js';

const ELEMENTS = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  int: { type: 'INT32' },
  float: { type: 'FLOAT' },
  bytes: { type: 'BYTE_ARRAY' },
};
const LISTS = { texts: 'text', ints: 'int', floats: 'float', vector: 'float', 'int vector': 'int' };

function schemaOf(name, kind) {
  const element = LISTS[kind];
  if (!element) return [{ name, repetition_type: 'OPTIONAL', ...ELEMENTS[kind] }];
  return [
    { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: kind.endsWith('vector') ? 'REQUIRED' : 'OPTIONAL', ...ELEMENTS[element] },
  ];
}

// Of one row group: the library makes lists of all its numbers, and of where each row begins, which take many times their bytes.
const GROUP_NUMBERS = 2 ** 22;
const GROUP_ROWS = 100_000;

export function writeParquet(columns, metadata) {
  const bytes = new ByteWriter();
  const writer = new ParquetWriter({
    writer: bytes,
    schema: [{ name: 'root', num_children: columns.length }, ...columns.flatMap(({ name, kind }) => schemaOf(name, kind))],
    kvMetadata: Object.entries({ ...metadata, 'ARROW:schema': schemaMessage(columns, metadata) }).map(([key, value]) => ({ key, value })),
    createdBy: 'beit-wasm-batch',
  });
  const rows = columns[0].values.length;
  const numbers = columns.reduce((sum, { length = 0 }) => sum + length, 0);
  const rowGroupSize = Math.max(1, Math.min(GROUP_ROWS, Math.floor(GROUP_NUMBERS / Math.max(numbers, 1))));
  for (let from = 0; from < rows; from += rowGroupSize) {
    const columnData = columns.map(({ name, kind, values }) => {
      const some = values.slice(from, from + rowGroupSize);
      return {
        name,
        // The library takes lists for lists, and no typed arrays.
        data: kind.endsWith('vector') ? some.map((value) => value && Array.from(value)) : some,
        // Numbers of models do not repeat: a dictionary of them would be looked for in vain.
        ...(kind === 'vector' && { encoding: 'PLAIN', codec: 'UNCOMPRESSED', statistics: false }),
      };
    });
    writer.write({ columnData, rowGroupSize });
  }
  writer.finish();
  return bytes.getBytes();
}
