/** A response's body, piece by piece. */
import { abortable } from '../../base/scheduling.js';

// As much as browsers hold ready of a body.
const PIECE_BYTES = 1 << 20;

/**
 * Reads into one buffer, again and again, where the engine reads bodies so: a new one for each piece is memory that
 * is taken from the system and lies about until it is collected, 0.2 GB at times while a model loads.
 */
export class BodyReader {
  private readonly direct: ReadableStreamBYOBReader | null;
  private readonly plain: ReadableStreamDefaultReader<Uint8Array> | null;
  private buffer: ArrayBuffer | null = null;

  constructor(body: ReadableStream<Uint8Array>) {
    this.direct = directReader(body);
    this.plain = this.direct ? null : body.getReader();
  }

  /** Returns the next bytes, valid until the next call, or null at the end. Rejects when the connection breaks, or is silent for so long. */
  async read(timeout: number): Promise<Uint8Array | null> {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new Error(`nothing came for ${timeout / 1000} seconds`)), timeout);
    try {
      return await abortable(this.next(), silence.signal, () => undefined);
    } finally {
      clearTimeout(timer);
    }
  }

  private async next(): Promise<Uint8Array | null> {
    if (!this.direct) {
      const { done, value } = await this.plain!.read();
      return done ? null : value;
    }
    const buffer = this.buffer ?? new ArrayBuffer(PIECE_BYTES);
    this.buffer = null; // it belongs to the stream until it has been filled
    const { done, value } = await this.direct.read(new Uint8Array(buffer));
    if (value) this.buffer = value.buffer;
    return done ? null : value;
  }

  async cancel(): Promise<void> {
    await (this.direct ?? this.plain)!.cancel();
  }
}

function directReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | null {
  try {
    return body.getReader({ mode: 'byob' });
  } catch {
    return null; // not a stream of bytes: an older engine's, or one that was made from other parts
  }
}
