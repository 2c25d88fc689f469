/** A model on a GPU: filled once, then asked for passes. Whatever a method throws is a reason to compute on the processor, but for the signal's own. */
import type { Check, Extras, Filling, GivenInputs, Inputs, Kind, Kit, LabelledPixels, MapWanted, Recorder } from './contract.js';
import { because, openGpu, type Gpu } from './device.js';
import { activationNumber, eachKernel, MEAN, PATCHES, productKernel, TILES, TOKENS } from './kernels.js';
import { draftPass, eachDraft, makePlan, mostImages, needsExtras, productDraft, startPass, type Plan } from './plan.js';
import { attention, numbers, selfCheck, usualChecks } from './self-check.js';
import { gridOf, operationsOf, padded, shapeOf, type AnyShape, type ModelDescription, type ModelShape } from './shape.js';
import { Buffers, encode, pipelinesOf, type Step } from './steps.js';
import { makeWeights, startWeights } from './weights.js';

export { openGpu };
export type { Extras, GivenInputs, Gpu, Kind, Kit, LabelledPixels, MapWanted, ModelDescription, ModelShape };

export const kit: Kit = {
  MEAN,
  tiles: TILES,
  Buffers,
  activationNumber,
  eachKernel,
  productKernel,
  eachDraft,
  productDraft,
  pipelinesOf,
  encode,
  startPass,
  startWeights,
  attention,
  numbers,
  checkOnce,
};

/** Inputs of a pass, checked by the caller. */
export interface PassInputs {
  /** (batch, planes, height, width), or tokens (batch, height, width). */
  pixels: Float32Array | Int32Array;
  batch: number;
  height: number;
  width: number;
  /** (batch, patches); what is not 0 is masked. */
  mask: Uint8Array | null;
  layerOutputs: string;
}

export interface PassCall {
  signal?: AbortSignal | null | undefined;
  /** How many submits of how many are done. */
  onStep(done: number, total: number): void;
}

export interface PlainTensor {
  dims: number[];
  data: Float32Array;
}

// A submit of so many operations takes 0.2 s on a slow GPU (0.1 TFLOP/s): systems end those of seconds, and an abort waits for one.
const MOST_OPERATIONS = 20e9;

// Images of one pass: more do not fill a GPU better.
const MOST_IMAGES = 8;

/** Tries kernels, once a device. Returns what is wrong, as a part of a sentence, or null. */
function checkOnce(gpu: Gpu, name: string, make: (buffers: Buffers) => Check[]): Promise<string | null> {
  const check = gpu.checks.get(name) ?? selfCheck(gpu, make).catch((error: unknown) => `it refuses to compute (${because(error)})`);
  gpu.checks.set(name, check);
  return check;
}

/** Tries the kernels of a shape. Returns as checkOnce(). */
function checkKernels(gpu: Gpu, shape: ModelShape, extras: Extras | null): Promise<string | null> {
  const { headPadded, dtype, className } = shape;
  return checkOnce(gpu, [headPadded, dtype, className].join(), (buffers) => [
    ...usualChecks(buffers, headPadded / 4, extras?.packings[dtype]),
    ...(extras?.moreChecks(kit, buffers, shape) ?? []),
  ]);
}

/** BEiT's models. */
export const encoders: Kind = { shapeOf, operationsOf, needsExtras, checkKernels, makeWeights, mostImages, draftPass };

export class GpuModel {
  private readonly weights: Filling;
  private plan: Plan | null = null;
  private destroyed = false;
  /** What weights are made of. */
  private readonly temporary: Buffers;

  /** Takes the memory of the weights, and has pipelines compiled that the weights need not wait for. */
  constructor(
    readonly gpu: Gpu,
    readonly kind: Kind,
    readonly shape: AnyShape,
    /** Null where a pass of the config's size does without. */
    private extras: Extras | null,
    private readonly loadExtras: () => Promise<Extras>,
  ) {
    const buffers = new Buffers(gpu);
    this.temporary = new Buffers(gpu);
    try {
      this.weights = kind.makeWeights(buffers, this.temporary, shape, kit, extras);
      if (!kind.mostImages(gpu, shape, this.weights, shape.imageSize)) throw new Error('one image needs larger buffers than it has');
    } catch (error) {
      buffers.destroy();
      this.temporary.destroy();
      throw error;
    }
    // All others have been tried.
    for (const code of [PATCHES, TOKENS]) gpu.pipeline(code).catch(() => undefined); // whoever uses it hears of it
  }

  /** Bytes of the weights and of what lies between the steps of the last pass's shape. */
  get bytes(): { weights: number; activations: number } {
    return { weights: this.weights.buffers.bytes, activations: this.plan?.bytes ?? 0 };
  }

  /** Takes all values of a tensor, by its name in transformers. */
  put(name: string, bytes: Uint8Array): void {
    const { takers } = this.weights;
    const take = takers.get(name);
    // Of use only for a loss.
    if (name.startsWith('aux')) return;
    if (!take) throw new Error(`it has no place for ${name}`);
    takers.delete(name);
    take(new Float32Array(bytes.slice().buffer));
  }

  /** To be called when all tensors have come: makes ready for an image of the config's size. */
  async finish(): Promise<void> {
    for (const name of this.weights.takers.keys()) throw new Error(`it has no ${name}`);
    await this.weights.end?.finish?.();
    const { height, width } = this.shape.imageSize;
    await this.planFor({ batch: 1, height, width, layerOutputs: '', keepLogits: false });
    await this.gpu.device.queue.onSubmittedWorkDone();
    this.temporary.destroy();
    if (this.gpu.broken) throw new Error(this.gpu.broken);
  }

  /** Segments one image. Returns null as run(). */
  async label(inputs: PassInputs, wanted: MapWanted, call: PassCall): Promise<LabelledPixels | null> {
    if (!(await this.run(inputs, call, true))) return null;
    return this.extras!.labelPixels(kit, this.gpu, this.plan!.logits!, (this.shape as ModelShape).numLabels, wanted, call.signal);
  }

  /** Runs a pass. Passes of one model come one after the other. Returns null where the GPU has no room for one image. */
  async run(inputs: PassInputs, call: PassCall, keepLogits = false): Promise<Record<string, PlainTensor> | null> {
    const { batch, height, width, layerOutputs } = inputs;
    const recorder = layerOutputs ? await (await this.needed()).recorderOf(kit, this.gpu, this.shape as ModelShape, layerOutputs) : null;
    const room = this.kind.mostImages(this.gpu, this.shape, this.weights, inputs, recorder);
    if (room < 1) return null;
    const passes = Math.ceil(batch / Math.min(room, MOST_IMAGES));
    const together = Math.ceil(batch / passes);
    const plan = await this.planFor({ batch: together, height, width, layerOutputs, keepLogits }, recorder);
    const segments = segmentsOf(plan.steps);
    const { outputs } = plan;
    const results = outputs.map(({ dims: [, ...dims] }): PlainTensor => {
      const all = [batch, ...dims];
      return { dims: all, data: new Float32Array(all.reduce((a, b) => a * b)) };
    });
    let done = 0;
    for (let first = 0; first < batch; first += together) {
      const count = Math.min(together, batch - first);
      this.write(plan, inputs, first, count);
      await this.submit(plan, segments, call, () => call.onStep(++done, passes * segments.length));
      await this.read(plan, results, first, count);
    }
    return Object.fromEntries(outputs.map(({ name }, i) => [name, results[i]!]));
  }

  /** Gives all its memory back. */
  destroy(): void {
    this.destroyed = true;
    this.weights.buffers.destroy();
    this.temporary.destroy();
    this.plan?.destroy();
    this.plan = null;
  }

  private async needed(): Promise<Extras> {
    return (this.extras ??= await this.loadExtras());
  }

  private async planFor(inputs: Inputs, recorder: Recorder | null = null): Promise<Plan> {
    if (this.plan && (Object.keys(inputs) as (keyof Inputs)[]).every((key) => this.plan!.inputs[key] === inputs[key])) return this.plan;
    this.plan?.destroy();
    this.plan = null;
    if (this.kind.needsExtras(this.shape, inputs)) await this.needed();
    const plan = await makePlan(this.gpu, this.kind, this.shape, this.weights, inputs, this.extras, recorder);
    if (this.destroyed) plan.destroy();
    return (this.plan = plan);
  }

  private write({ pixels, mask }: Plan, inputs: PassInputs, first: number, count: number): void {
    const { queue } = this.gpu.device;
    const perImage = inputs.pixels.length / inputs.batch;
    queue.writeBuffer(pixels, 0, inputs.pixels as Float32Array<ArrayBuffer>, first * perImage, count * perImage);
    if (!mask) return;
    const { height, width } = gridOf(inputs, (this.shape as ModelShape).patchSize);
    const masked = new Uint32Array(count * height * width);
    if (inputs.mask) masked.set(inputs.mask.subarray(first * height * width, (first + count) * height * width));
    queue.writeBuffer(mask, 0, masked);
  }

  /** Has the GPU do all segments: one works and one waits, so that it does not stand still and an abort is soon noticed. */
  private async submit(plan: Plan, segments: readonly Step[][], { signal }: PassCall, onStep: () => void): Promise<void> {
    const { device } = this.gpu;
    const done: Promise<undefined>[] = [];
    for (const [i, segment] of segments.entries()) {
      if (i >= 2) await done[i - 2];
      if (this.gpu.broken) throw new Error(this.gpu.broken);
      if (signal?.aborted) throw signal.reason;
      await this.gpu.checked(() => device.queue.submit([encode(device, segment, plan.result)]));
      done.push(device.queue.onSubmittedWorkDone());
      onStep();
    }
    await Promise.all(done);
    if (signal?.aborted) throw signal.reason;
  }

  /** Puts what has come out for images from `first` on into the results. */
  private async read({ result, outputs, inputs }: Plan, results: readonly PlainTensor[], first: number, count: number): Promise<void> {
    if (outputs.length === 0) return;
    await result.mapAsync(1);
    const values = new Float32Array(result.getMappedRange());
    for (const [i, { data }] of results.entries()) {
      const { at, rows, length } = outputs[i]!;
      const runs = rows / inputs.batch;
      for (let row = 0; row < count * runs; ++row) {
        const from = at / 4 + row * padded(length);
        data.set(values.subarray(from, from + length), (first * runs + row) * length);
      }
    }
    result.unmap();
  }
}

/** Returns runs of steps of which none takes a GPU long. */
function segmentsOf(steps: readonly Step[]): Step[][] {
  const segments: Step[][] = [];
  let operations = Infinity;
  for (const step of steps) {
    const own = 'pipeline' in step ? step.operations : 0;
    if (operations + own > MOST_OPERATIONS) {
      segments.push([]);
      operations = 0;
    }
    operations += own;
    segments.at(-1)!.push(step);
  }
  return segments;
}
