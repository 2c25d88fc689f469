// PyTorch checkpoints as training tools leave them: torch.save()'s zip file, with a pickle of protocol 0.

/** A value of a pickle that is written as it stands. */
export class Raw {
  constructor(text) {
    this.text = text;
  }
}

/** Returns the bytes of torch.save(value): objects are dicts, {dims, data} with floats are tensors. */
export function torchFile(value) {
  const storages = [];
  const tuple = (numbers) => `(${numbers.map((number) => `I${number}\n`).join('')}t`;
  const pickle = (item) => {
    if (item instanceof Raw) return item.text;
    if (typeof item === 'number') return `I${item}\n`;
    if (typeof item === 'string') return `S'${item}'\n`;
    if (!(item.data instanceof Float32Array))
      return `(d${Object.entries(item)
        .map(([key, inner]) => `S'${key}'\n${pickle(inner)}s`)
        .join('')}`;
    const strides = item.dims.map((_, axis) => item.dims.slice(axis + 1).reduce((a, b) => a * b, 1));
    storages.push(item.data);
    return (
      `ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'${storages.length - 1}'\nS'cpu'\nI${item.data.length}\n` +
      `tQI0\n${tuple(item.dims)}${tuple(strides)}I00\nccollections\nOrderedDict\n(tRtR`
    );
  };
  const text = new TextEncoder().encode(`${pickle(value)}.`);
  return zipFile([['archive/data.pkl', text], ...storages.map((data, i) => [`archive/data/${i}`, new Uint8Array(data.buffer)])]);
}

/** Returns a zip file of stored members; nobody reads their checksums. */
export function zipFile(members) {
  const parts = [],
    directory = [];
  let at = 0;
  for (const [name, data] of members) {
    const text = new TextEncoder().encode(name);
    const local = record(
      30,
      [
        [0, 0x04034b50],
        [18, data.length],
        [22, data.length],
      ],
      text.length,
      26,
    );
    const central = record(
      46,
      [
        [0, 0x02014b50],
        [20, data.length],
        [24, data.length],
        [42, at],
      ],
      text.length,
      28,
    );
    parts.push(local, text, data);
    directory.push(central, text);
    at += local.length + text.length + data.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = record(
    22,
    [
      [0, 0x06054b50],
      [12, size],
      [16, at],
    ],
    members.length,
    8,
  );
  new DataView(end.buffer).setUint16(10, members.length, true);
  return Buffer.concat([...parts, ...directory, end]);
}

function record(length, words, short, place) {
  const bytes = new Uint8Array(length),
    view = new DataView(bytes.buffer);
  for (const [offset, word] of words) view.setUint32(offset, word, true);
  view.setUint16(place, short, true);
  return bytes;
}
