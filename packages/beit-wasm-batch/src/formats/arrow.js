/** Arrow's file format, which is Feather, too: by apache-arrow. */
import {
  Binary,
  Field,
  FixedSizeList,
  Float32,
  Int32,
  List,
  makeData,
  makeVector,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';

const listOf = (type) => new List(new Field('element', type, true));

const TYPES = {
  text: () => new Utf8(),
  int: () => new Int32(),
  float: () => new Float32(),
  bytes: () => new Binary(),
  texts: () => listOf(new Utf8()),
  ints: () => listOf(new Int32()),
  floats: () => listOf(new Float32()),
  vector: (length) => new FixedSizeList(length, new Field('element', new Float32(), false)),
  'int vector': (length) => new FixedSizeList(length, new Field('element', new Int32(), false)),
};

/** Returns the schema of columns, with metadata. */
export function arrowSchema(columns, metadata) {
  const fields = columns.map(({ name, kind, length }) => new Field(name, TYPES[kind](length), true));
  return new Schema(fields, new Map(Object.entries(metadata)));
}

export function writeArrow(columns, metadata) {
  const schema = arrowSchema(columns, metadata);
  const rows = columns[0].values.length;
  const children = columns.map(({ kind, values, length }, i) =>
    kind.endsWith('vector') ? vectorData(schema.fields[i].type, values, length) : vectorFromArray(values, schema.fields[i].type).data[0],
  );
  const batch = new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: rows, children }));
  return tableToIPC(new Table(schema, batch), 'file');
}

/** Vectors as they lie in Arrow: one array of numbers, and a bit for each row that has one. */
function vectorData(type, values, length) {
  const elementType = type.children[0].type;
  const numbers = new (elementType instanceof Float32 ? Float32Array : Int32Array)(values.length * length);
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 64) * 8);
  let nullCount = 0;
  for (const [i, value] of values.entries()) {
    if (value === null) {
      ++nullCount;
      continue;
    }
    numbers.set(value, i * length);
    nullBitmap[i >> 3] |= 1 << (i & 7);
  }
  const [child] = makeVector(numbers).data;
  return makeData({ type, length: values.length, nullCount, nullBitmap, child });
}

/** Returns Arrow's schema as Parquet files have it under ARROW:schema: the message that begins a stream, in base64. */
export function schemaMessage(columns, metadata) {
  const stream = tableToIPC(new Table(arrowSchema(columns, metadata)), 'stream');
  // A mark of four bytes, the message's length, the message.
  const length = new DataView(stream.buffer, stream.byteOffset).getInt32(4, true);
  return Buffer.from(stream.subarray(0, 8 + length)).toString('base64');
}
