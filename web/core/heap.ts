/** The only file that reads or writes the linear memory. Views are made anew for every access. */
import { OutOfMemoryError, unwrap } from '../base/errors.js';
import type { Core } from './core.js';

/** A block of linear memory. free() gives it back; it may be called more than once. */
export class Block {
  constructor(
    private readonly core: Core,
    readonly pointer: number,
    readonly size: number,
  ) {}

  /** Copies `bytes` to the front of the block; they must fit. */
  fill(bytes: Uint8Array): void {
    this.core.HEAPU8.set(bytes, this.pointer);
  }

  /** Returns a view of the block: valid only until the next call into the core. */
  view(): Uint8Array {
    return this.core.HEAPU8.subarray(this.pointer, this.pointer + this.size);
  }

  private freed = false;

  free(): void {
    if (this.freed) return;
    this.freed = true;
    this.core._free(this.pointer);
  }
}

/** Returns an uninitialised block of `size` bytes. Throws out-of-memory with the bytes asked for. */
export function allocate(core: Core, size: number, purpose: string): Block {
  // malloc(0) may answer null, which would read as a failure.
  const pointer = core._malloc(Math.max(size, 1)) >>> 0;
  if (pointer === 0) throw lackOf(core, size, purpose);
  return new Block(core, pointer, size);
}

function lackOf(core: Core, needed: number, where: string, cause?: unknown): OutOfMemoryError {
  const available = availableIn(core);
  return new OutOfMemoryError(
    `${where}: ${needed} bytes could not be allocated, since ${available} of at most ${core.maximum} are left (option maximumMemory).`,
    { needed, available, where, cause },
  );
}

/** Returns the bytes that the maximum leaves. */
export function availableIn(core: Core): number {
  return Math.max(core.maximum - unwrap(core.memory()).used, 0);
}

/**
 * Returns the core's out-of-memory error with the bytes that are left, which it does not know, also for a text that found no room on its
 * way to the core (tools/glue.mjs); any other error as it is.
 */
export function withMemoryFacts(core: Core, error: unknown): unknown {
  const { needed: forText } = error instanceof RangeError ? (error as { needed?: unknown }) : {};
  if (typeof forText === 'number') return lackOf(core, forText, 'A text for the core', error);
  if (!(error instanceof OutOfMemoryError) || error.available > 0) return error;
  const { message, needed, where, cause } = error;
  return new OutOfMemoryError(message, { needed, available: availableIn(core), where, cause });
}

/**
 * Grows the linear memory at once to what `bytes` more will need, where it can: growing step by
 * step costs a fifth more memory than is used in the end, and time. Changes nothing in use.
 */
export function reserve(core: Core, bytes: number): void {
  const pointer = core._malloc(bytes);
  if (pointer !== 0) core._free(pointer);
}

/** Calls `use` with a pointer to a copy of `bytes` in linear memory, which lasts for the call. */
export function withBytes<T>(core: Core, bytes: Uint8Array, purpose: string, use: (pointer: number, length: number) => T): T {
  const block = allocate(core, bytes.length, purpose);
  try {
    block.fill(bytes);
    return use(block.pointer, bytes.length);
  } finally {
    block.free();
  }
}

/**
 * Returns elements that outlive the next call: a typed array that lies in linear memory is copied,
 * one that is JavaScript's own is returned as it is.
 */
export function owned<T extends { buffer: ArrayBufferLike; slice(): T }>(core: Core, data: T): T {
  return data.buffer === core.HEAPU8.buffer ? data.slice() : data;
}
