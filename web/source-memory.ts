/** Files that the caller holds already: File and Blob objects, and bytes. */
import { failure, mismatch } from './errors.js';
import {
  CHUNK_BYTES, fileNotFound, weightsNameOf, type Source, type SourceDescription, type SourceFile,
} from './sources.js';

// Each slice of a Blob is a request to the process that holds it.
const BLOB_CHUNK_BYTES = 4 << 20;

/** File and Blob objects by name, as from a file dialog or a drop. */
export class BlobSource implements Source {
  readonly label: string;
  readonly weightsName: string | undefined;

  constructor(private readonly blobs: Record<string, Blob>, label = 'files') {
    this.label = label;
    this.weightsName = weightsNameOf(Object.keys(blobs));
  }

  /** Returns the source of a list of files. A folder's files may come with their paths. */
  static fromFiles(files: Iterable<File>): BlobSource {
    const blobs: Record<string, Blob> = Object.create(null) as Record<string, Blob>;
    for (const file of files) {
      if (Object.hasOwn(blobs, file.name)) {
        throw mismatch('invalid-argument', file.name, 'two files of this name', 'one folder of files');
      }
      blobs[file.name] = file;
    }
    return new BlobSource(blobs);
  }

  describe(): SourceDescription {
    return { kind: 'blobs', label: this.label, blobs: { ...this.blobs }, weightsName: this.weightsName };
  }

  async open(name: string): Promise<SourceFile> {
    const blob = Object.hasOwn(this.blobs, name) ? this.blobs[name] : undefined;
    if (!blob) throw fileNotFound(this.label, name);
    return new BlobFile(name, blob);
  }
}

class BlobFile implements SourceFile {
  readonly size: number;

  constructor(readonly name: string, private readonly blob: Blob) {
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

/** Bytes by name. They are read where they lie, never copied as a whole. */
export class BytesSource implements Source {
  readonly label: string;
  readonly weightsName: string | undefined;

  constructor(private readonly files: Record<string, Uint8Array>, label = 'bytes') {
    this.label = label;
    this.weightsName = weightsNameOf(Object.keys(files));
  }

  /** Null: posting the bytes to a worker would copy them. */
  describe(): null {
    return null;
  }

  async open(name: string): Promise<SourceFile> {
    const bytes = Object.hasOwn(this.files, name) ? this.files[name] : undefined;
    if (!bytes) throw fileNotFound(this.label, name);
    return new BytesFile(name, bytes);
  }
}

class BytesFile implements SourceFile {
  readonly size: number;

  constructor(readonly name: string, private readonly bytes: Uint8Array) {
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
