/** Parquet by hyparquet-writer, with Arrow's schema in it: so vectors come out of pyarrow with their length. */
import { ByteWriter, parquetWrite } from 'hyparquet-writer';
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

export function writeParquet(columns, metadata) {
  const writer = new ByteWriter();
  parquetWrite({
    writer,
    columnData: columns.map(({ name, kind, values }) => ({
      name,
      // The library takes lists for lists, and no typed arrays.
      data: kind.endsWith('vector') ? values.map((value) => value && Array.from(value)) : values,
      // Numbers of models do not repeat: a dictionary of them would be looked for in vain.
      ...(kind === 'vector' && { encoding: 'PLAIN', codec: 'UNCOMPRESSED', statistics: false }),
    })),
    schema: [{ name: 'root', num_children: columns.length }, ...columns.flatMap(({ name, kind }) => schemaOf(name, kind))],
    kvMetadata: Object.entries({ ...metadata, 'ARROW:schema': schemaMessage(columns, metadata) }).map(([key, value]) => ({ key, value })),
    createdBy: 'beit-wasm-batch',
  });
  return new Uint8Array(writer.getBuffer());
}
