/** What a GPU is told to do, and the buffers that go with it. */
import { USE, type Gpu } from './device.js';

export interface Dispatch {
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
  grid: Groups;
  /** About how many operations it takes. */
  operations: number;
}

/** Workgroups each way. */
export type Groups = [number, number, number];

/** Keeps a buffer as it is now for the caller. */
export interface Copy {
  from: GPUBuffer;
  /** In the buffer that is read back. */
  at: number;
  bytes: number;
}

export type Step = Dispatch | Copy;

/** A step before its pipeline and its parameters are there. */
export interface Draft {
  code: string;
  /** Whole numbers, and floats as themselves in an array. */
  parameters: readonly (number | readonly [number])[];
  buffers: readonly GPUBuffer[];
  grid: Groups;
  operations: number;
}

/** Parameters of a step begin at multiples of this, which every device takes. */
export const ALIGNMENT = 256;

/** Buffers that go together. */
export class Buffers {
  bytes = 0;
  private readonly all: GPUBuffer[] = [];

  constructor(readonly gpu: Gpu) {}

  make(bytes: number, usage: number): GPUBuffer {
    const buffer = this.gpu.buffer(bytes, usage);
    this.all.push(buffer);
    this.bytes += buffer.size;
    return buffer;
  }

  floats(count: number): GPUBuffer {
    return this.make(4 * count, USE.storage | USE.source | USE.target);
  }

  filled(values: Float32Array): GPUBuffer {
    const buffer = this.floats(values.length);
    this.gpu.device.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
    return buffer;
  }

  /** Returns what drafts become with their pipelines, in the same places; copies stay as they are. */
  bound(drafts: readonly (Draft | Copy)[], pipelines: readonly (GPUComputePipeline | null)[]): Step[] {
    const { device } = this.gpu;
    const words = new Uint32Array((drafts.length * ALIGNMENT) / 4),
      floats = new Float32Array(words.buffer);
    const parameters = this.make(words.byteLength, USE.parameters | USE.target);
    const steps = drafts.map((draft, index): Step => {
      if (!('code' in draft)) return draft;
      const offset = index * ALIGNMENT;
      for (const [i, value] of draft.parameters.entries()) {
        if (typeof value === 'number') words[offset / 4 + i] = value;
        else floats[offset / 4 + i] = value[0];
      }
      const pipeline = pipelines[index]!;
      const resources: GPUBufferBinding[] = [
        { buffer: parameters, offset, size: ALIGNMENT },
        ...draft.buffers.map((buffer) => ({ buffer })),
      ];
      const entries = resources.map((resource, binding) => ({ binding, resource }));
      const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
      return { pipeline, group, grid: draft.grid, operations: draft.operations };
    });
    device.queue.writeBuffer(parameters, 0, words);
    return steps;
  }

  destroy(): void {
    for (const buffer of this.all.splice(0)) this.gpu.free(buffer);
  }
}

/** Returns what compiles the drafts, null for copies. */
export function pipelinesOf(gpu: Gpu, drafts: readonly (Draft | Copy)[]): Promise<(GPUComputePipeline | null)[]> {
  return Promise.all(drafts.map((draft) => ('code' in draft ? gpu.pipeline(draft.code) : null)));
}

/** Returns what has a GPU do the steps; copies go to `result`. */
export function encode(device: GPUDevice, steps: readonly Step[], result: GPUBuffer): GPUCommandBuffer {
  const encoder = device.createCommandEncoder();
  let pass: GPUComputePassEncoder | null = null;
  for (const step of steps) {
    if ('pipeline' in step) {
      pass ??= encoder.beginComputePass();
      pass.setPipeline(step.pipeline);
      pass.setBindGroup(0, step.group);
      pass.dispatchWorkgroups(...step.grid);
    } else {
      const { from, at, bytes }: Copy = step;
      pass?.end();
      pass = null;
      encoder.copyBufferToBuffer(from, 0, result, at, bytes);
    }
  }
  pass?.end();
  return encoder.finish();
}
