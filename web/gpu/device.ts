/** A GPU: whether there is one that can be used, its pipelines, and the count of its memory. */

/** GPUBufferUsage, which Node has not as a global. */
export const USE = { read: 1, source: 4, target: 8, parameters: 64, storage: 128 } as const;

const SOFTWARE = /swiftshader|llvmpipe|basic render|software/i;

const makeOf = ({ vendor, architecture, device }: GPUAdapterInfo): string => [vendor, architecture, device].filter(Boolean).join(' ');

const nameOf = (info: GPUAdapterInfo): string => info.description || makeOf(info) || 'an unnamed GPU';

const isSoftware = (info: GPUAdapterInfo): boolean => info.isFallbackAdapter === true || SOFTWARE.test(makeOf(info) + info.description);

/** Returns what was thrown, or what a promise rejected with, as a part of a sentence. */
export const because = (thrown: unknown): string =>
  ((thrown as { message?: string } | null)?.message ?? String(thrown)).trim().replace(/\.$/, '');

/**
 * Opens the adapter that the system offers, or takes the caller's device, which stays theirs. Returns why not, as a part of a sentence, where
 * there is none, or only one that computes on the processor and that is not wanted.
 */
export async function openGpu(system: GPU | undefined, own: GPUDevice | null, software: boolean): Promise<Gpu | string> {
  if (own) return new Gpu(own, own.adapterInfo ? nameOf(own.adapterInfo) : "the caller's device", false);
  if (!system) return 'there is no WebGPU here';
  try {
    const adapter = await system.requestAdapter();
    if (!adapter) return 'WebGPU has no adapter here';
    const { info, limits } = adapter;
    if (!software && isSoftware(info)) return `WebGPU has only ${nameOf(info)} here, computed by the processor`;
    const { maxBufferSize, maxStorageBufferBindingSize } = limits;
    // Every device has 256 MB and 128 MB.
    const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
    return new Gpu(device, nameOf(info), true);
  } catch (error) {
    return `WebGPU gives no device (${because(error)})`;
  }
}

/** The most bytes of a buffer that a kernel reads. */
export function largestBuffer({ limits }: GPUDevice): number {
  return Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
}

/** Engines may share a caller's device. */
const compiled = new WeakMap<GPUDevice, Map<string, Promise<GPUComputePipeline>>>();

export class Gpu {
  /** Of all buffers that live. */
  bytes = 0;
  /** Why it can be used no more, as a part of a sentence. */
  broken: string | null = null;
  /** What is wrong with kernels that were tried. */
  readonly checks = new Map<string, Promise<string | null>>();
  private readonly pipelines: Map<string, Promise<GPUComputePipeline>>;
  private readonly uncaught = ({ error }: GPUUncapturedErrorEvent): void => {
    this.broken ??= `the GPU reports an error (${because(error)})`;
  };

  constructor(
    readonly device: GPUDevice,
    readonly name: string,
    /** Whether it is ours to end. */
    private readonly ours: boolean,
  ) {
    this.pipelines = compiled.get(device) ?? new Map();
    compiled.set(device, this.pipelines);
    if (ours) device.addEventListener('uncapturederror', this.uncaught);
    void device.lost.then(({ message, reason }) => {
      this.broken ??= `the GPU was lost (${message || reason})`;
    });
  }

  /** Makes a buffer of zeros, of at least `bytes`. */
  buffer(bytes: number, usage: number): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const buffer = this.device.createBuffer({ size, usage });
    this.bytes += size;
    return buffer;
  }

  free(buffer: GPUBuffer): void {
    this.bytes -= buffer.size;
    buffer.destroy();
  }

  /** Returns a kernel's pipeline, compiled once. */
  pipeline(code: string): Promise<GPUComputePipeline> {
    let pipeline = this.pipelines.get(code);
    if (!pipeline) {
      const module = this.device.createShaderModule({ code });
      pipeline = this.device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
      this.pipelines.set(code, pipeline);
    }
    return pipeline;
  }

  /** Does what makes or uses something of the device without waiting in between. Rejects where that was refused. */
  async checked<T>(work: () => T): Promise<T> {
    for (const filter of SCOPES) this.device.pushErrorScope(filter);
    let value: T;
    const popped: Promise<GPUError | null>[] = [];
    try {
      value = work();
    } finally {
      for (const _ of SCOPES) popped.push(this.device.popErrorScope());
    }
    const errors = await Promise.all(popped);
    const error = errors.find(Boolean);
    if (error) throw error;
    return value;
  }

  /** Ends the device, unless it is the caller's. */
  close(): void {
    this.broken ??= 'the GPU was given back';
    this.device.removeEventListener('uncapturederror', this.uncaught);
    if (this.ours) this.device.destroy();
  }
}

const SCOPES: readonly GPUErrorFilter[] = ['validation', 'out-of-memory'];
