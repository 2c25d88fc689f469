/** A source that several engines load from at the same time: what one of them reads comes from its server, or its stream, once. */
import { CHUNK_BYTES, checkChunk, type Source, type SourceFile, type SourceWatch } from './source.js';
import { closeQuietly } from './stoppable.js';

interface Chunk {
  bytes: Promise<Uint8Array>;
  /** How many have not had it yet. */
  left: number;
}

interface Opened {
  file: SourceFile;
  chunks: Map<string, Chunk>;
  finished: Promise<void> | undefined;
  /** The read that was asked for last: a file is read by one at a time. */
  last: Promise<unknown>;
}

/**
 * `readers` engines that load the same model ask for the same ranges in the same order. A range stays until each has had it; one that
 * is asked for again is read again.
 */
export class ReadOnce {
  private readonly files = new Map<string, Promise<Opened>>();

  constructor(
    private readonly source: Source,
    private readonly readers: number,
    private readonly signal: AbortSignal,
  ) {}

  /** Returns the source as one of the engines has it, until close(). */
  view(): Source {
    const { label, weightsName, offline } = this.source;
    return { label, weightsName, offline, describe: () => null, open: (name, _signal, watch) => this.open(name, watch) };
  }

  async close(): Promise<void> {
    for (const opening of this.files.values()) await opening.then(({ file }) => closeQuietly(file)).catch(() => undefined);
    this.files.clear();
  }

  private async open(name: string, watch: SourceWatch | undefined): Promise<SourceFile> {
    let opening = this.files.get(name);
    if (!opening) {
      opening = this.source
        .open(name, this.signal, watch)
        .then((file) => ({ file, chunks: new Map(), finished: undefined, last: Promise.resolve() }));
      this.files.set(name, opening);
    }
    const opened = await opening;
    const { file } = opened;
    const finish = (): Promise<void> => (opened.finished ??= opened.last.then(() => file.finish?.()));
    return { name, size: file.size, read: (offset, length) => this.read(opened, offset, length), finish, close: async () => undefined };
  }

  private async *read(opened: Opened, offset: number, length: number): AsyncIterable<Uint8Array> {
    const { file, chunks } = opened;
    const small = file.size >= 0 && file.size <= CHUNK_BYTES;
    const end = offset + length;
    while (offset < end) {
      const asked = Math.min(CHUNK_BYTES, end - offset);
      const key = `${offset} ${asked}`;
      let chunk = chunks.get(key);
      if (!chunk) {
        const from = offset;
        const bytes = opened.last.then(() => collected(file, from, asked));
        opened.last = bytes.catch(() => undefined);
        chunk = { bytes, left: small ? Infinity : this.readers };
        chunks.set(key, chunk);
      }
      if (--chunk.left === 0) chunks.delete(key);
      const bytes = await chunk.bytes;
      if (bytes.length > 0) yield bytes;
      if (bytes.length < asked) return;
      offset += asked;
    }
  }
}

/** Returns a range as one array, shorter where the file ends. */
async function collected(file: SourceFile, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  for await (const part of file.read(offset, length)) {
    checkChunk(file.name, part, length - done);
    bytes.set(part, done);
    done += part.length;
  }
  return bytes.subarray(0, done);
}
