/** Files that the caller holds already: File and Blob objects, bytes, streams. */
import { failure, mismatch } from '../base/errors.js';
import { isArrayOf } from '../base/realms.js';
import { CHUNK_BYTES, fileNotFound, weightsNameOf, type Source, type SourceDescription, type SourceFile } from './source.js';

// Each slice of a Blob is a request to the process that holds it.
const BLOB_CHUNK_BYTES = 4 << 20;

export type HeldFile = Blob | Uint8Array | ReadableStream<Uint8Array>;

/** Files by name. They are read where they lie, never copied as a whole. */
export class FilesSource implements Source {
  readonly weightsName: string | undefined;

  constructor(
    private readonly files: Record<string, HeldFile>,
    readonly label = 'files',
  ) {
    this.weightsName = weightsNameOf(Object.keys(files));
  }

  /** Null where bytes or streams are among them: posting these to a worker would copy or end them. */
  describe(): SourceDescription | null {
    const blobs: Record<string, Blob> = {};
    for (const [name, file] of Object.entries(this.files)) {
      if (!(file instanceof Blob)) return null;
      blobs[name] = file;
    }
    return { kind: 'blobs', label: this.label, blobs };
  }

  async open(name: string): Promise<SourceFile> {
    const file = Object.hasOwn(this.files, name) ? this.files[name] : undefined;
    if (!file) throw fileNotFound(this.label, name);
    if (isArrayOf<Uint8Array>(file, Uint8Array)) return new BytesFile(name, file);
    return file instanceof Blob ? new BlobFile(name, file) : new StreamFile(name, file);
  }
}

export class BlobFile implements SourceFile {
  readonly size: number;

  constructor(
    readonly name: string,
    private readonly blob: Blob,
  ) {
    this.size = blob.size;
  }

  async *read(offset: number, length: number): AsyncIterable<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    for (let position = offset; position < end; position += BLOB_CHUNK_BYTES) {
      const slice = this.blob.slice(position, Math.min(position + BLOB_CHUNK_BYTES, end));
      let buffer: ArrayBuffer;
      try {
        buffer = await slice.arrayBuffer();
      } catch (error) {
        throw failure('io', this.name, 'the file cannot be read (it may have changed since it was chosen)', error);
      }
      yield new Uint8Array(buffer);
    }
  }

  async close(): Promise<void> {}
}

export class BytesFile implements SourceFile {
  readonly size: number;

  constructor(
    readonly name: string,
    private readonly bytes: Uint8Array,
  ) {
    this.size = bytes.length;
  }

  async *read(offset: number, length: number): AsyncIterable<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    for (let position = offset; position < end; position += CHUNK_BYTES) {
      yield this.bytes.subarray(position, Math.min(position + CHUNK_BYTES, end));
    }
  }

  async close(): Promise<void> {}
}

/** A stream can be read once and forwards only, which is enough for safetensors. */
class StreamFile implements SourceFile {
  readonly size = -1;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private position = 0;
  private rest: Uint8Array | null = null;

  constructor(
    readonly name: string,
    stream: ReadableStream<Uint8Array>,
  ) {
    if (stream.locked) throw failure('invalid-argument', name, 'the stream has been used before: give a new one for each load');
    this.reader = stream.getReader();
  }

  async *read(offset: number, length: number): AsyncIterable<Uint8Array> {
    if (offset < this.position) {
      throw failure(
        'unsupported',
        this.name,
        'files of this format are not read in order, which a stream can only be: give a Blob or bytes',
      );
    }
    const end = offset + length;
    while (this.position < end) {
      const chunk = await this.pull();
      if (!chunk) return;
      const from = Math.min(Math.max(offset - this.position, 0), chunk.length);
      const to = Math.min(end - this.position, chunk.length);
      this.rest = to < chunk.length ? chunk.subarray(to) : null;
      this.position += to;
      if (to > from) yield chunk.subarray(from, to);
    }
  }

  private async pull(): Promise<Uint8Array | null> {
    if (this.rest) return this.rest;
    try {
      const { done, value } = await this.reader.read();
      if (done) return null;
      if (!isArrayOf(value, Uint8Array)) throw mismatch('wrong-type', this.name, 'a stream of something else', 'a stream of Uint8Array');
      return value;
    } catch (error) {
      throw error instanceof Error && error.name === 'BeitError' ? error : failure('io', this.name, 'the stream failed', error);
    }
  }

  async close(): Promise<void> {
    await this.reader.cancel().catch(() => undefined);
  }
}
