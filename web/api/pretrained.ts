/** What every fromPretrained() takes, and the ownership that its results share. */
import { DisposableObject } from '../base/dispose.js';
import { BeitError, mismatch, shown } from '../base/errors.js';
import type { DType } from '../core/core.js';
import type { Engine, LoadCallOptions, MemoryUse, RuntimeInfo } from '../engine/engine.js';
import type { SourceOptions } from '../sources/source.js';
import type { EngineLease, EngineOptions } from './engines.js';
import { infoOf, leaseEngine } from './engines.js';
import { checkOpening } from './options.js';

/** Every value of `dtype`. */
export const DTYPES: readonly DType[] = ['f32', 'f16', 'int8'];

/** What other libraries call them. */
const DTYPE_NAMES: Readonly<Record<string, DType>> = { fp32: 'f32', float32: 'f32', fp16: 'f16', float16: 'f16', q8: 'int8' };

export interface PretrainedOptions extends EngineOptions, SourceOptions, LoadCallOptions {
  /**
   * What a model computes with. int8: the encoder's fully connected layers hold their weights in 8 bits
   * with a scale for each output, quantised while any checkpoint is loaded, or taken as stored from one
   * that `beit convert --dtype int8` wrote; embeddings, attention, norms and heads stay in floats. About a
   * third of the memory. f32 of such a checkpoint multiplies its weights out. f16: a GPU stores weights in
   * 16 bits, and computes in f32; without `device` it is refused, and what goes to the processor is f32 there.
   * Tokenizers have f32 only. fp32, fp16 and q8 are other names. Default: int8 for a checkpoint that is stored so, else f32
   */
  dtype?: DType | 'fp32' | 'fp16' | 'q8' | undefined;
}

/** Returns the dtype that options ask for. Throws unsupported for one that there is not. */
export function dtypeOf({ dtype }: PretrainedOptions): DType | undefined {
  if (dtype === undefined) return undefined;
  const known =
    DTYPES.find((name) => name === dtype) ??
    (typeof dtype === 'string' && Object.hasOwn(DTYPE_NAMES, dtype) ? DTYPE_NAMES[dtype] : undefined);
  if (!known) throw mismatch('unsupported', 'dtype', shown(dtype), '"f32", "f16" or "int8"');
  return known;
}

/**
 * Leases the engine for `options`, and makes something of it. The lease ends at once where `make`
 * fails. One that is to be `early` may call an engine that has not started yet; what keeps it from starting is what is told.
 */
export async function withLease<T>(options: PretrainedOptions, make: (lease: EngineLease) => Promise<T>, early = false): Promise<T> {
  checkOpening(options);
  dtypeOf(options);
  const lease = await leaseEngine(options, options, early);
  const making = make(lease);
  making.catch(() => undefined);
  await lease.started;
  try {
    return await making;
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** Returns what an object holds, to others of this folder; throws disposed after its dispose(). */
export let heldBy: (object: EngineObject) => { engine: Engine; handle: number };

/** Something that an engine holds for its user, until dispose(). */
export abstract class EngineObject extends DisposableObject {
  static {
    heldBy = (object) => object.hold();
  }

  #lease: EngineLease | null;
  readonly #handle: number;
  readonly #running = new Set<Promise<unknown>>();

  /** Takes over the lease and the handle. */
  protected constructor(lease: EngineLease | undefined, handle: number | undefined) {
    super();
    if (!lease || handle === undefined) {
      const where = this[Symbol.toStringTag];
      throw new BeitError('invalid-argument', `${where}: it is not made by new; expected await ${where}.fromPretrained(source).`, {
        where,
      });
    }
    this.#lease = lease;
    this.#handle = handle;
  }

  /** The class's name, for sentences and consoles: what minifies a page's scripts leaves classes another one. */
  abstract get [Symbol.toStringTag](): string;

  /** Returns the engine and the handle; throws disposed after dispose(). */
  protected hold(): { engine: Engine; handle: number } {
    if (!this.#lease) {
      const where = this[Symbol.toStringTag];
      throw new BeitError('disposed', `This ${where} has been disposed of.`, { where });
    }
    return { engine: this.#lease.engine, handle: this.#handle };
  }

  /** Returns what a call of several steps returns; dispose() waits for it. What it holds is to be taken before its first step. */
  protected async underWay<T>(call: Promise<T>): Promise<T> {
    this.#running.add(call);
    try {
      return await call;
    } finally {
      this.#running.delete(call);
    }
  }

  /** False after dispose(), and once the engine is lost. */
  get usable(): boolean {
    return this.#lease?.engine.usable ?? false;
  }

  /** Returns what is used (build, threads, worker, device) and, in sentences, why. */
  runtimeInfo(): RuntimeInfo {
    const { engine, handle } = this.hold();
    return infoOf(engine, handle);
  }

  /** Returns the bytes of linear memory of this object's engine, and how many are in use. */
  memory(): Promise<MemoryUse> {
    return this.hold().engine.memory();
  }

  /**
   * Gives the memory back, after a call that is under way; with the last object of a shared engine
   * the engine goes, too. Calling it again does nothing.
   */
  async dispose(): Promise<void> {
    const lease = this.#lease;
    if (!lease) return;
    this.#lease = null;
    await Promise.allSettled(this.#running);
    try {
      if (lease.engine.usable) await lease.engine.release(this.#handle);
    } finally {
      await lease.release();
    }
  }
}
