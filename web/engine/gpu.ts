/** Where a model computes, and the models that are on a GPU. What computes there is a file of its own, fetched when it is first wanted. */
import { BeitError, clauseOf, failure, mismatch, sentenceOf } from '../base/errors.js';
import type { FromGlobal } from '../base/globals.js';
import type { Extras, Gpu, GpuModel, Kind, ModelDescription, ModelShape } from '../gpu/model.js';
import type { Device, DeviceChoice, GpuAddresses, OwnDevice } from './devices.js';
import type { ForwardInputs, ForwardSwitches } from './engine.js';
import { isTokenizerClass } from './model-names.js';

/** What WebGPU's system is here, or why there is none, as a part of a sentence. */
export type FindGpu = () => Promise<FromGlobal<'GPU'> | string>;

export const browserGpu: FindGpu = async () => globalThis.navigator?.gpu ?? 'this browser has no WebGPU here';

export interface GpuSettings {
  device: Device;
  own: OwnDevice | null;
  /** Where the files are that compute on GPUs. */
  addresses: GpuAddresses;
  find: FindGpu;
}

type Module = typeof import('../gpu/model.js');
type TokenizerModule = typeof import('../gpu/tokenizer.js');

/** A failure of the GPU, not of the checkpoint: the same may be had on the processor. */
class GpuFailure extends Error {}

/** Does work of the GPU; what that throws is a failure of the GPU. */
export async function guarded(work: () => void | Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new GpuFailure(sentenceOf(error), { cause: error });
  }
}

export function isGpuFailure(error: unknown): boolean {
  return error instanceof GpuFailure || (error instanceof BeitError && error.cause instanceof GpuFailure);
}

// Below this a pass on the processor takes less time than one on a GPU takes to begin.
const SMALL_OPERATIONS = 1e9;

const OPEN_ENDED = 'Calls with labels are computed on the processor.';

/** The engine's share in a GPU: one device for all its models. */
export class GpuHost {
  /** By their addresses. */
  private readonly modules = new Map<string, Promise<unknown>>();
  private opening: Promise<Gpu | string> | null = null;
  private gpu: Gpu | null = null;

  constructor(private readonly settings: GpuSettings) {}

  /** Whether a GPU is to be looked for. */
  get wanted(): boolean {
    return this.settings.device !== 'cpu' || this.settings.own !== null;
  }

  /** Of all buffers that live. */
  get bytes(): number {
    return this.gpu?.bytes ?? 0;
  }

  /**
   * Returns an empty model for what is about to be loaded, or why it is to be the processor's, as a part of a sentence. `warned`: whether somebody
   * asked for what cannot be had. Rejects with unsupported where a GPU was asked for and there is none.
   */
  async offer(description: ModelDescription): Promise<GpuModel | { reason: string; warned: boolean }> {
    const { device, own, addresses } = this.settings;
    const asked = own !== null || device === 'gpu';
    let module: Module, kind: Kind;
    try {
      module = await this.load<Module>(addresses.main);
      kind = isTokenizerClass(description.className)
        ? (await this.load<TokenizerModule>(addresses.tokenizer)).halvesWith(module.kit)
        : module.encoders;
    } catch (error) {
      return this.refused(clauseOf(error), asked, true);
    }
    const shape = kind.shapeOf(description);
    if (typeof shape === 'string') return this.refused(shape, asked, false);
    const operations = kind.operationsOf(shape);
    if (!asked && operations < SMALL_OPERATIONS) {
      return { reason: `a pass takes only ${(operations / 1e9).toPrecision(2)} GFLOP, for which a GPU brings nothing`, warned: false };
    }
    const gpu = await this.open(module, asked);
    if (typeof gpu === 'string') return this.refused(gpu, asked, true);
    const loadExtras = (): Promise<Extras> => this.load(addresses.extras);
    let extras: Extras | null;
    try {
      extras = kind.needsExtras(shape, shape.imageSize) ? await loadExtras() : null;
    } catch (error) {
      return { reason: clauseOf(error), warned: true };
    }
    const wrong = await kind.checkKernels(gpu, shape, extras);
    if (wrong) return { reason: `${gpu.name} failed the check of its answers: ${wrong}`, warned: true };
    try {
      return new module.GpuModel(gpu, kind, shape, extras, loadExtras);
    } catch (error) {
      return { reason: clauseOf(error), warned: true };
    }
  }

  close(): void {
    this.gpu?.close();
    this.gpu = null;
    this.opening = null;
  }

  private refused(reason: string, asked: boolean, none: boolean): { reason: string; warned: boolean } {
    if (asked && none) throw failure('unsupported', 'device', `a GPU cannot be used here: ${reason}`);
    return { reason, warned: asked };
  }

  /** Imports a file, once. What it rejects with is a part of a sentence. */
  private async load<T>(address: string): Promise<T> {
    try {
      const module = this.modules.get(address) ?? import(/* webpackIgnore: true */ /* @vite-ignore */ address);
      this.modules.set(address, module);
      return (await module) as T;
    } catch (error) {
      this.modules.delete(address);
      throw new Error(`the file ${address} cannot be loaded (${clauseOf(error)})`, { cause: error });
    }
  }

  private async open(module: Module, asked: boolean): Promise<Gpu | string> {
    if (this.gpu?.broken) this.close();
    this.opening ??= this.openNew(module, asked);
    const gpu = await this.opening;
    if (typeof gpu === 'string') this.opening = null;
    else this.gpu = gpu;
    return gpu;
  }

  private async openNew(module: Module, asked: boolean): Promise<Gpu | string> {
    const { own, find } = this.settings;
    const system = own ? undefined : await find();
    return typeof system === 'string' ? system : module.openGpu(system, own, asked);
  }
}

/** Returns what is told of a model that is on a GPU. */
export function onGpu({ gpu }: GpuModel): DeviceChoice {
  return { device: 'gpu', deviceReason: `The GPU (${gpu.name}), whose answers were checked. ${OPEN_ENDED}` };
}

/** Returns what is told of one that is not. */
export function onProcessor(reason: string): DeviceChoice {
  return { device: 'cpu', deviceReason: `The processor, because ${reason}.` };
}

/** Returns the warning that goes with it. */
export function processorWarning(reason: string): BeitError {
  return failure('unsupported', 'device', `the model computes on the processor, because ${reason}`);
}

/** Returns whether a call is the processor's. */
export function needsProcessor(inputs: ForwardInputs): boolean {
  return inputs.labels !== undefined;
}

/** Returns the names of what is wanted of each layer that a model has. */
export function layerOutputsOf({ kind }: GpuModel, { outputHiddenStates, outputAttentions, outputPooledStates }: ForwardSwitches): string {
  if (kind.wrongIn) return '';
  return [outputHiddenStates && 'hidden_states', outputAttentions && 'attentions', outputPooledStates && 'pooled_states']
    .filter(Boolean)
    .join();
}

/** Returns whether inputs of a size are the processor's: only it resizes relative position biases as timm and unilm do. */
export function isResizedElsewhere({ shape }: GpuModel, height: number, width: number): boolean {
  const { grid, patchSize, biasResize, useRelativePositionBias, useSharedRelativePositionBias } = shape as ModelShape;
  if (biasResize === 'reference' || !(useRelativePositionBias || useSharedRelativePositionBias)) return false;
  return Math.floor(height / patchSize.height) !== grid.height || Math.floor(width / patchSize.width) !== grid.width;
}

// As src/beit/embeddings.cpp has it.
const MOST_PIXELS = 65536;

const shown = (dims: readonly number[]): string => `[${dims.join(', ')}]`;

/** Throws what the core says of inputs that do not fit the config. */
export function checkInputs({ kind, shape }: GpuModel, inputs: ForwardInputs): void {
  const wrong = kind.wrongIn?.(shape, inputs);
  if (wrong) throw mismatch(...wrong);
  if (kind.wrongIn) return;
  const { numChannels, patchSize: patch, useMaskToken, className } = shape as ModelShape;
  const { pixelValues, boolMaskedPos } = inputs;
  const dims = pixelValues?.dims ?? [];
  const [batch = 0, channels = 0, height = 0, width = 0] = dims;
  const fits = batch >= 1 && channels === numChannels && height >= patch.height && width >= patch.width;
  if (dims.length !== 4 || !fits || height > MOST_PIXELS || width > MOST_PIXELS) {
    const expected = `(batch, ${numChannels}, height of at least ${patch.height}, width of at least ${patch.width})`;
    throw mismatch('wrong-shape', 'pixel_values', shown(dims), expected);
  }
  const count = dims.reduce((a, b) => a * b, 1);
  if (pixelValues?.data.length !== count)
    throw mismatch('wrong-shape', 'pixel_values', `${pixelValues?.data.length} values`, `as many as ${shown(dims)} holds`);
  if (className === 'BeitForSemanticSegmentation' && (height < 2 * patch.height || width < 2 * patch.width))
    throw mismatch('wrong-shape', 'pixel_values', shown(dims), 'at least two patches each way');
  if (!boolMaskedPos) return;
  if (!useMaskToken) {
    const why = 'none, since this model has no mask token (use_mask_token is false)';
    throw mismatch('invalid-argument', 'bool_masked_pos', 'a mask', why);
  }
  const expected = [batch, Math.floor(height / patch.height) * Math.floor(width / patch.width)];
  if (shown(boolMaskedPos.dims) !== shown(expected) || boolMaskedPos.data.length !== expected[0]! * expected[1]!)
    throw mismatch('wrong-shape', 'bool_masked_pos', shown(boolMaskedPos.dims), shown(expected));
}
