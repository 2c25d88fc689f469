/** The rows of shards that are written, as far as their formats have them in lines or columns. */
import { parquetReadObjects } from 'hyparquet';
import { INDEX } from './formats/formats.js';
import { arrayBufferOf, failure } from './inputs.js';

/** Of each format no more than the column `status`. */
const STATUSES = {
  jsonl: (bytes) => linesIn(bytes),
  png: (bytes) => linesIn(bytes),
  parquet: (bytes) => parquetReadObjects({ file: arrayBufferOf(bytes), columns: ['status'] }),
  arrow: async (bytes) => {
    const { tableFromIPC } = await import('apache-arrow');
    return Array.from(tableFromIPC(bytes).getChild('status'), (status) => ({ status }));
  },
  safetensors: (bytes) => linesIn(Buffer.from(partsOf(bytes).rows)),
};

/** Returns how many rows of a shard have an error. Rejects with malformed for what is no shard, and as the store does. */
export async function errorsIn(beit, store, name) {
  const ending = name.slice(name.lastIndexOf('.') + 1);
  const bytes = await store.bytes(ending === 'png' ? `${name}/${INDEX}` : name);
  let count = 0;
  try {
    for (const { status } of await STATUSES[ending](bytes)) if (status === 'error') ++count;
  } catch (error) {
    throw failure(beit, 'malformed', store.path(name), `the shard cannot be read (${error.message})`, error);
  }
  return count;
}

/** Yields what each line of JSON says. A text of all lines may be longer than a text can be. */
export function* linesIn(bytes) {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let from = 0, end; from < text.length; from = end + 1) {
    end = text.indexOf('\n', from);
    if (end < 0) end = text.length;
    if (end > from) yield JSON.parse(text.toString('utf8', from, end));
  }
}

/** Returns the tensors that a safetensors shard names, where its data begin, and the other columns as lines of JSON. */
export function partsOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const begin = 8 + Number(view.getBigUint64(0, true));
  const { __metadata__: metadata, ...tensors } = JSON.parse(Buffer.from(bytes.subarray(8, begin)).toString());
  return { tensors, begin, rows: metadata.rows };
}
