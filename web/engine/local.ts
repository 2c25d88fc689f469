/** The engine in this thread: the only user, with loader.ts, of a Core. */
import { asBytes } from '../base/bytes.js';
import { tell } from '../base/callbacks.js';
import { asBeitError, BeitError, clauseOf, failure, kindOf, mismatch, sentenceOf, unwrap } from '../base/errors.js';
import { Breather, following, throwIfAborted, TurnQueue, yieldToEventLoop } from '../base/scheduling.js';
import { concatenate, type AnyTensor, type LabelMap, type Size, type Tensor } from '../base/tensors.js';
import { startCore, type CreateThread } from '../core/artefacts.js';
import { chooseBuild, detectCapabilities, type Host } from '../core/capabilities.js';
import type { Core, CoreForward, CoreForwardInputs, CoreImageProcessor, CoreModel } from '../core/core.js';
import { owned, withBytes, withMemoryFacts } from '../core/heap.js';
import { checkMaximum } from '../core/memory.js';
import { fitHead, type HeadFit, type TeachingExamples } from '../core/teaching.js';
import type { GpuModel, LabelledPixels, MapWanted, PassCall, PassInputs } from '../gpu/model.js';
import { fetchBytes } from '../sources/http/source.js';
import { WEIGHTS_FILES, type Source } from '../sources/source.js';
import type { ConversionFacts, ConversionSink, ConversionType } from './conversion.js';
import { deviceOf, type DeviceChoice, type OwnDevice } from './devices.js';
import { drawPixels } from './drawables.js';
import type {
  CallOptions,
  ConfigFields,
  EngineImage,
  EngineInfo,
  EngineSettings,
  ForwardCallOptions,
  ForwardInputs,
  ForwardSwitches,
  Gradients,
  Inspection,
  LoadCallOptions,
  LoadedModel,
  MemoryUse,
  ModelSpec,
  OpenedProcessor,
  Preprocessed,
  RawImage,
  SegmentationExtras,
  SegmentationMap,
} from './engine.js';
import {
  browserGpu,
  checkInputs,
  GpuHost,
  guarded,
  isGpuFailure,
  isResizedElsewhere,
  layerOutputsOf,
  needsProcessor,
  onGpu,
  onProcessor,
  processorWarning,
  type FindGpu,
} from './gpu.js';
import { gradientsOf } from './gradients.js';
import { loadKept } from './kept-form.js';
import { convertModel, inspectModel, type LoadedFacts, type Offer, type WeightTaker } from './loader.js';
import { callOf, closeHandedOver, METHODS, rejection, unlessStopped, type Method } from './methods.js';
import { ImageFiles } from './image-files.js';
import { LateModules, type ReadAsset } from './late-modules.js';
import { withoutAlpha } from './pixels.js';
import { outputOf, PLAIN, type TaskEngine } from './tasks/context.js';
import { TASKS } from './tasks/tasks.js';
import type { EngineTask, EngineTasks, TaskParts } from './tasks/types.js';
import { describe, ThreadChoice } from './thread-choice.js';
import type { OpenedTrainer, TrainerCall, TrainerCalls, TrainerSpec, TrainingEngine } from './trainer-calls.js';
import { Trainer } from './training.js';

// A pass yields this often, and so notices an abort this late at most, unless one layer is longer.
const STEP_BREATH_MS = 4;

/** What an engine has others do. */
export interface EngineServices {
  /** Makes its threads' workers. Default: they are this thread's own */
  createThread?: CreateThread | undefined;
  /** Default: fetch() */
  readAsset?: ReadAsset | undefined;
  /** Default: the browser's */
  findGpu?: FindGpu | undefined;
  /** A device of the caller's, to be used in place of one of the engine's own. */
  gpuDevice?: OwnDevice | undefined;
}

interface Model {
  /** Null where only the GPU has its weights. */
  core: CoreModel | null;
  gpu: GpuModel | null;
  config: ConfigFields;
  /** Loads it into the core. */
  reload(call: CallOptions): Promise<CoreModel>;
  onWarning: LoadCallOptions['onWarning'];
}

interface Processor {
  core: CoreImageProcessor;
  config: ConfigFields;
  channels: number;
}

export class LocalEngine implements TaskEngine, TrainingEngine {
  private readonly queue = new TurnQueue();
  /** By model: settles when the passes that have been asked for are over. */
  private readonly passes = new Map<number, Promise<unknown>>();
  private readonly models = new Map<number, Model>();
  private readonly processors = new Map<number, Processor>();
  private readonly trainers = new Map<number, Trainer>();
  private lastHandle = 0;
  private core: Core | null;
  private readonly loads = new Map<AbortController, Promise<unknown>>();
  /** Why the engine cannot be used any more. */
  private end: BeitError | null = null;
  /** Whether the core has trapped: then nothing in it may be called, not even delete(). */
  private trapped = false;

  /** Told when a trial has changed `info`. */
  onInfo: ((info: EngineInfo) => void) | null = null;
  /** Null where the caller has said how many threads there are, or there can only be one. */
  private readonly choice: ThreadChoice | null;

  private readonly images: ImageFiles;

  private constructor(
    core: Core,
    private readonly modules: LateModules,
    private readonly settings: EngineSettings,
    public info: EngineInfo,
    private readonly gpus: GpuHost,
  ) {
    for (const method of Object.keys(METHODS) as Method[]) this.holdToErrors(method);
    this.core = core;
    this.images = new ImageFiles(settings.decoders, modules);
    this.choice = (settings.threads ?? 'auto') === 'auto' && info.threads > 1 ? new ThreadChoice(info.threads) : null;
  }

  get usable(): boolean {
    return this.end === null;
  }

  /** Has a method fail with nothing but a BeitError, or the reason with which its caller has stopped it, though it were done. */
  private holdToErrors(method: Method): void {
    const plain = this[method] as (...args: unknown[]) => Promise<unknown>;
    const value = async (...args: unknown[]) => {
      const call = callOf(method, args);
      try {
        return await unlessStopped(this, method, await plain.apply(this, args), call);
      } catch (error) {
        throw rejection(error, call);
      } finally {
        closeHandedOver(method, args);
      }
    };
    Object.defineProperty(this, method, { value });
  }

  /**
   * Chooses an artefact by what `host` can do, and starts it.
   */
  static async create(
    settings: EngineSettings,
    host: Host,
    worker: boolean,
    { createThread, readAsset, findGpu = browserGpu, gpuDevice }: EngineServices = {},
  ): Promise<LocalEngine> {
    const capabilities = detectCapabilities(host);
    const { build, threads, reason } = chooseBuild(capabilities, settings);
    const { files, wasmBinary, maximumMemory } = settings;
    if (maximumMemory !== undefined) checkMaximum(maximumMemory);
    const core = await startCore({ build, threads, files: files[build], wasmBinary, maximumMemory }, createThread);
    unwrap(core.start(threads, capabilities.table64));
    const modules = new LateModules(readAsset ?? ((address) => fetchBytes(new URL(address), null)));
    const { device = 'cpu' } = settings;
    const own = gpuDevice ?? null;
    const gpus = new GpuHost({ device, own, addresses: settings.gpu, find: findGpu });
    const info = { build, threads, reason, worker, capabilities, ...deviceOf(device, own !== null), devices: {} };
    return new LocalEngine(core, modules, settings, info, gpus);
  }

  async memory(): Promise<MemoryUse> {
    return this.use((core) => ({ ...unwrap(core.memory()), maximum: core.maximum, gpu: this.gpus.bytes }));
  }

  async readConfig(json: string): Promise<ConfigFields> {
    return this.use((core) => unwrap(core.readConfig(json)));
  }

  async readTensors(bytes: Uint8Array): Promise<Record<string, AnyTensor>> {
    return this.use((core) => {
      const tensors = withBytes(core, bytes, 'a safetensors file', (pointer, length) => unwrap(core.readSafetensors(pointer, length)));
      for (const tensor of Object.values(tensors)) {
        tensor.data = owned(core, tensor.data as Uint8Array);
      }
      return tensors;
    });
  }

  async decodeImage(bytes: Uint8Array, label: string): Promise<RawImage> {
    return this.images.decode(bytes, label, () =>
      this.use((core) => {
        const outcome = withBytes(core, bytes, 'an encoded image', (pointer, length) => core.decodeImage(pointer, length));
        return outcome.ok ? { ok: true, value: { ...outcome.value, data: owned(core, outcome.value.data) } } : outcome;
      }),
    );
  }

  private async pixelsOf(image: EngineImage): Promise<RawImage> {
    switch (image.kind) {
      case 'raw':
        return image;
      case 'encoded':
        return this.decodeImage(image.bytes, image.label);
      case 'drawable':
        try {
          return await drawPixels(image.image);
        } finally {
          if (image.owned) image.image.close();
        }
    }
  }

  /** Returns what a model takes of an image; of a file that the core reads no samples come to JavaScript. */
  private async prepared(handle: number, image: EngineImage): Promise<Tensor & Size> {
    const made =
      image.kind === 'encoded'
        ? await this.images.decode(image.bytes, image.label, () =>
            this.use((core) => {
              const processor = this.processor(handle).core;
              const outcome = withBytes(core, image.bytes, 'an encoded image', (pointer, length) =>
                processor.preprocessFile(pointer, length),
              );
              return outcome.ok ? { ok: true, value: { ...outcome.value, data: owned(core, outcome.value.data) } } : outcome;
            }),
          )
        : await this.pixelsOf(image);
    if ('dims' in made) return made;
    return this.use((core) => {
      const processor = this.processor(handle);
      const { width, height, channels, data } = withoutAlpha(made, processor.channels);
      const { dims, data: values } = withBytes(core, asBytes(data), 'an image', (pointer) =>
        unwrap(processor.core.preprocess(pointer, width, height, channels)),
      );
      return { dims, data: owned(core, values), height, width };
    });
  }

  async openProcessor(json: string): Promise<OpenedProcessor> {
    return this.use((core) => {
      const processor = unwrap(core.createImageProcessor(json));
      const config = unwrap(processor.config());
      const handle = ++this.lastHandle;
      // A single number is for all channels, however many there are.
      const channels = Math.max((config['imageMean'] as number[]).length, (config['imageStd'] as number[]).length);
      this.processors.set(handle, { core: processor, config, channels: channels === 1 ? 3 : channels });
      return { handle, config };
    });
  }

  async preprocess(handle: number, images: EngineImage[], call: CallOptions = {}): Promise<Preprocessed> {
    const breather = new Breather();
    const originalSizes: Size[] = [];
    const results: Tensor[] = [];
    for (const image of images) {
      throwIfAborted(call.signal);
      this.processor(handle); // before work is done for nothing
      const { height, width, ...tensor } = await this.prepared(handle, image);
      originalSizes.push({ height, width });
      results.push(tensor);
      await breather.breathe();
    }
    return { pixelValues: concatenate('images', results), originalSizes };
  }

  async segment(logits: Tensor, size: Size | null, { scores, palette }: SegmentationExtras): Promise<SegmentationMap> {
    return this.use((core) => {
      const { overlay, ...map } = unwrap(
        core.postProcessSemanticSegmentation(logits, size?.height ?? 0, size?.width ?? 0, scores, palette ?? null),
      );
      return { ...map, ...(overlay && { overlay }) };
    });
  }

  async fitHead(examples: TeachingExamples): Promise<HeadFit> {
    this.live();
    return unwrap(fitHead(await this.modules.get(this.settings.teaching), examples));
  }

  async preprocessMap(handle: number, map: RawImage): Promise<LabelMap> {
    return this.use((core) => {
      const processor = this.processor(handle);
      const { dims, data } = withBytes(core, asBytes(map.data), 'a segmentation map', (pointer) =>
        unwrap(processor.core.preprocessSegmentationMap(pointer, map.width, map.height)),
      );
      return { dims, data: owned(core, data) };
    });
  }

  async loadModel(source: Source, spec: ModelSpec, call: LoadCallOptions = {}): Promise<LoadedModel> {
    if (spec.dtype === 'f16' && !this.gpus.wanted)
      throw mismatch('unsupported', 'dtype', '"f16"', '"f32" or "int8", with which the processor computes (f16 is for device: \'gpu\')');
    const reload = async (own: CallOptions): Promise<CoreModel> =>
      (await this.load({ signal: own.signal }, (core, stopped) => loadKept(core, source, spec, stopped))).model!;
    const {
      model: core,
      gpu,
      facts,
      choice,
    } = this.gpus.wanted
      ? await this.loadWithGpu(source, spec, call)
      : { ...(await this.load(call, (core, own) => loadKept(core, source, spec, own))), gpu: null, choice: null };
    const handle = ++this.lastHandle;
    this.models.set(handle, { core, gpu, config: facts.config, reload, onWarning: call.onWarning });
    if (choice) this.tellDevice(handle, choice);
    return { handle, device: gpu ? 'gpu' : 'cpu', ...facts };
  }

  /** Loads a model to the GPU where that can run it, else into the core. */
  private async loadWithGpu(
    source: Source,
    spec: ModelSpec,
    call: LoadCallOptions,
  ): Promise<{ model: CoreModel | null; gpu: GpuModel | null; facts: LoadedFacts; choice: DeviceChoice }> {
    let reason = '';
    let unused: GpuModel | null = null;
    const refuse = (why: string, warned: boolean): null => {
      reason = why;
      if (warned) tell(call.onWarning, processorWarning(why));
      return null;
    };
    const offer: Offer<WeightTaker & { gpu: GpuModel }> = async (description) => {
      const { relativePositionBiasResize: biasResize = 'reference', taps = 'reference' } = spec;
      const offered = await this.gpus.offer({ ...description, biasResize, taps });
      if ('reason' in offered) return refuse(offered.reason, offered.warned);
      const gpu = (unused = offered);
      return { gpu, put: (name, bytes) => guarded(() => gpu.put(name, bytes)), finish: () => guarded(() => gpu.finish()) };
    };
    try {
      const { model, taker, facts } = await this.load(call, (core, own) => loadKept(core, source, spec, own, offer));
      unused = null;
      if (!taker) return { model, gpu: null, facts, choice: onProcessor(reason) };
      const { gpu } = taker;
      return { model, gpu, facts: { ...facts, estimate: { ...facts.estimate, ...gpu.bytes } }, choice: onGpu(gpu) };
    } catch (error) {
      if (!isGpuFailure(error)) throw error;
      refuse(`the GPU could not take the model: ${clauseOf(error)}`, true);
    } finally {
      (unused as GpuModel | null)?.destroy();
    }
    const { model, facts } = await this.load(call, (core, own) => loadKept(core, source, spec, own));
    return { model, gpu: null, facts, choice: onProcessor(reason) };
  }

  private tellDevice(handle: number, choice: DeviceChoice | null): void {
    const { [handle]: _, ...others } = this.info.devices;
    this.info = { ...this.info, devices: choice ? { ...others, [handle]: choice } : others };
    this.onInfo?.(this.info);
  }

  inspect(source: Source, spec: ModelSpec, call: LoadCallOptions = {}): Promise<Inspection> {
    return this.load(call, async (core, own) => {
      // What is kept of it may be all that there is without a network.
      if (source.kept && !(await source.kept.find(spec.weights ?? WEIGHTS_FILES, own.signal, own))) source.kept.leave();
      return inspectModel(core, source, spec, own);
    });
  }

  convert(
    source: Source,
    spec: ModelSpec,
    dtype: ConversionType,
    sink: ConversionSink,
    call: LoadCallOptions = {},
  ): Promise<ConversionFacts> {
    return this.load(call, (core, own) => convertModel(core, source, spec, dtype, sink, own));
  }

  gradients(
    source: Source,
    spec: ModelSpec,
    inputs: ForwardInputs,
    branchScale: Tensor | null,
    call: LoadCallOptions = {},
  ): Promise<Gradients> {
    const given = { ...givenOf(inputs), ...(branchScale && { branchScale }) };
    return this.load(call, (core, own) => gradientsOf(core, source, spec, given, own));
  }

  openTrainer(source: Source, spec: TrainerSpec, call: LoadCallOptions = {}): Promise<OpenedTrainer> {
    return this.load(call, async (core, own) => {
      const trainer = await Trainer.open(core, source, spec, own);
      const handle = ++this.lastHandle;
      this.trainers.set(handle, trainer);
      return { handle, ...trainer.facts };
    });
  }

  async train<T extends TrainerCall>(
    handle: number,
    what: T,
    settings: TrainerCalls[T]['settings'],
    call: CallOptions = {},
  ): Promise<TrainerCalls[T]['result']> {
    const host = {
      use: <R>(work: (core: Core) => R) => this.use(work),
      pixelsOf: (image: EngineImage) => this.pixelsOf(image),
      runSteps: (pass: CoreForward) => this.runSteps(pass, { signal: call.signal }),
      tokensOf: async (encoder: number, pixelValues: Tensor) =>
        outputOf(await this.pass(encoder, { pixelValues }, PLAIN, { signal: call.signal }), 'tokens'),
      trapped: () => this.trapped,
    };
    return this.queue.run(
      async () => {
        this.live();
        const trainer = this.trainers.get(handle);
        if (!trainer) throw disposed('The trainer');
        const work = trainer[what] as (given: typeof settings, by: typeof host) => Promise<TrainerCalls[T]['result']>;
        return work.call(trainer, settings, host);
      },
      call.signal,
      0,
    );
  }

  /** Runs a load that dispose() can stop as well as the caller's signal. */
  private async load<T>(call: LoadCallOptions, work: (core: Core, own: LoadCallOptions) => Promise<T>): Promise<T> {
    const core = this.live();
    throwIfAborted(call.signal);
    const { controller, stop } = following(call.signal);
    const running = work(core, { ...call, signal: controller.signal });
    this.loads.set(controller, running);
    try {
      return await running;
    } catch (error) {
      // Whoever stops a load gets their own reason.
      if (controller.signal.aborted && error === controller.signal.reason) throw error;
      throw this.judge(error);
    } finally {
      this.loads.delete(controller);
      stop();
    }
  }

  async forward(
    handle: number,
    inputs: ForwardInputs,
    switches: ForwardSwitches,
    call: ForwardCallOptions = {},
  ): Promise<Record<string, Tensor>> {
    return this.inTurn(handle, call, () => this.pass(handle, inputs, switches, call));
  }

  async labelOnGpu(
    handle: number,
    inputs: ForwardInputs,
    wanted: MapWanted,
    call: ForwardCallOptions = {},
  ): Promise<LabelledPixels | null> {
    return this.inTurn(handle, call, () =>
      this.passOnGpu(handle, this.model(handle), inputs, call, (gpu, given, own) => gpu.label(given, wanted, own)),
    );
  }

  /** Does what is a pass in the order of passes. */
  private inTurn<T>(handle: number, { signal, priority = 0 }: ForwardCallOptions, work: () => Promise<T>): Promise<T> {
    if (!Number.isFinite(priority)) throw mismatch('invalid-argument', 'priority', kindOf(priority), 'a number');
    const pass = this.queue.run(work, signal, priority);
    this.passes.set(
      handle,
      Promise.allSettled([this.passes.get(handle), pass]).then(() => undefined),
    );
    return pass;
  }

  private async pass(
    handle: number,
    inputs: ForwardInputs,
    switches: ForwardSwitches,
    call: ForwardCallOptions,
  ): Promise<Record<string, Tensor>> {
    const model = this.model(handle);
    if (!needsProcessor(inputs)) {
      const outputs = await this.passOnGpu(handle, model, inputs, call, (gpu, given, own) =>
        gpu.run({ ...given, layerOutputs: layerOutputsOf(gpu, switches) }, own),
      );
      if (outputs) return outputs;
    }
    const core = (model.core ??= await model.reload(call));
    const { pixelValues, tokens } = inputs;
    const pass = this.use(() => unwrap(core.begin(givenOf(inputs), switches)));
    try {
      const milliseconds = await this.runSteps(pass, call);
      this.recordPass(handle, (pixelValues ?? tokens)?.data.length ?? 0, milliseconds);
      return this.use((core) => {
        const outputs = unwrap(pass.outputs());
        for (const tensor of Object.values(outputs)) tensor.data = owned(core, tensor.data);
        return outputs;
      });
    } finally {
      if (!this.trapped) pass.delete();
    }
  }

  /** Returns null where a pass is the processor's, or has become so: after a failure the model is no more on the GPU, and its owner is told. */
  private async passOnGpu<T>(
    handle: number,
    model: Model,
    inputs: ForwardInputs,
    { signal, onStep }: ForwardCallOptions,
    work: (gpu: GpuModel, inputs: PassInputs, call: PassCall) => Promise<T | null>,
  ): Promise<T | null> {
    const { gpu } = model;
    if (!gpu) return null;
    checkInputs(gpu, inputs);
    const { dims, data } = (inputs.pixelValues ?? inputs.tokens)!;
    const [height, width] = dims.slice(-2) as [number, number];
    if (isResizedElsewhere(gpu, height, width)) return null;
    const mask = inputs.boolMaskedPos?.data ?? null;
    const given: PassInputs = { pixels: data, batch: dims[0]!, height, width, mask, layerOutputs: '' };
    try {
      return await work(gpu, given, { signal, onStep: (done, total) => tell(onStep, done, total) });
    } catch (error) {
      throwIfAborted(signal);
      const reason = `the GPU failed in a pass: ${clauseOf(error)}`;
      gpu.destroy();
      model.gpu = null;
      this.tellDevice(handle, onProcessor(reason));
      tell(model.onWarning, processorWarning(reason));
      return null;
    }
  }

  /** Returns the milliseconds that the steps took, without those of others in between. */
  private async runSteps(pass: CoreForward, { signal, onStep }: ForwardCallOptions): Promise<number> {
    const breather = new Breather(STEP_BREATH_MS);
    for (let milliseconds = 0; ; ) {
      throwIfAborted(signal);
      const begin = performance.now();
      const done = this.use(() => unwrap(pass.step()));
      milliseconds += performance.now() - begin;
      tell(onStep, pass.stepsDone(), pass.stepsTotal());
      if (done) return milliseconds;
      await breather.breathe();
    }
  }

  private recordPass(handle: number, size: number, milliseconds: number): void {
    const { choice } = this;
    if (!choice?.passed(handle, size, milliseconds)) return;
    void this.queue.run(
      async () => {
        await yieldToEventLoop(); // the pass's answer goes first
        this.chooseThreads(choice);
      },
      null,
      Infinity,
    );
  }

  /** Between two passes. A trial that fails (there may be no memory for it) changes nothing. */
  private chooseThreads(choice: ThreadChoice): void {
    if (!this.usable) return;
    try {
      this.use((core) => choice.decide((threads) => unwrap(core.timeThreads(threads))));
    } catch {
      // Whoever calls a core that has trapped hears of it.
    }
    if (!this.usable) return;
    const { figures, threads } = choice;
    this.use((core) => core.limitThreads(threads));
    if (!figures) return;
    const { reason } = chooseBuild(this.info.capabilities, { ...this.settings, threads });
    this.info = { ...this.info, threads, reason: `${reason} ${describe(figures)}` };
    this.onInfo?.(this.info);
  }

  async run<T extends EngineTask>(
    task: T,
    parts: TaskParts,
    image: EngineImage,
    settings: EngineTasks[T]['settings'],
    call: ForwardCallOptions = {},
  ): Promise<EngineTasks[T]['result']> {
    const { config } = this.model(parts.model);
    const { config: processorConfig } = this.processor(parts.processor);
    return TASKS[task]({ engine: this, ...parts, config, processorConfig }, image, settings, call);
  }

  async release(handle: number): Promise<void> {
    const processor = this.processors.get(handle);
    if (processor) {
      this.processors.delete(handle);
      if (!this.trapped) processor.core.delete();
      return;
    }
    await this.passes.get(handle);
    // Between two passes, before any other that waits.
    await this.queue.run(
      async () => {
        const model = this.models.get(handle);
        model?.gpu?.destroy();
        if (!this.trapped) {
          model?.core?.delete();
          this.trainers.get(handle)?.delete();
        }
        this.models.delete(handle);
        this.trainers.delete(handle);
        if (this.info.devices[handle]) this.tellDevice(handle, null);
        this.passes.delete(handle);
        this.choice?.forget(handle);
      },
      null,
      Infinity,
    );
  }

  async dispose(): Promise<void> {
    const core = this.core;
    if (!core) return;
    this.end ??= disposed('The engine');
    for (const controller of this.loads.keys()) controller.abort(this.end);
    await Promise.allSettled(this.loads.values());
    // A pass that is running ends at its next step, which finds `end`.
    await this.queue.run(async () => {
      this.core = null;
      this.giveGpuBack();
      if (!this.trapped) {
        for (const model of this.models.values()) model.core?.delete();
        for (const processor of this.processors.values()) processor.core.delete();
        for (const trainer of this.trainers.values()) trainer.delete();
      }
      this.models.clear();
      this.processors.clear();
      this.trainers.clear();
      if (!this.trapped) core.stop();
      core.PThread?.terminateAllThreads();
    });
  }

  private giveGpuBack(): void {
    for (const model of this.models.values()) model.gpu?.destroy();
    this.gpus.close();
  }

  private live(): Core {
    if (this.end) throw this.end;
    if (!this.core) throw disposed('The engine');
    return this.core;
  }

  private model(handle: number): Model {
    this.live();
    const model = this.models.get(handle);
    if (!model) throw disposed('The model');
    return model;
  }

  private processor(handle: number): Processor {
    const processor = this.processors.get(handle);
    if (!processor) throw disposed('The image processor');
    return processor;
  }

  /** Runs `work` on the core; a trap in it (a bug of ours) ends the engine's life, not the page's. */
  private use<T>(work: (core: Core) => T): T {
    const core = this.live();
    try {
      return work(core);
    } catch (error) {
      throw this.judge(error);
    }
  }

  private judge(error: unknown): unknown {
    const known = this.core ? withMemoryFacts(this.core, error) : error;
    if (known instanceof BeitError) return known;
    if (error instanceof WebAssembly.RuntimeError) {
      const stopped = failure('internal', 'WebAssembly', `the core stopped (${sentenceOf(error)})`, error);
      this.abandon(
        failure(
          'engine-lost',
          'WebAssembly',
          `the core has stopped (${sentenceOf(error)}), and its engine is lost with all that it held`,
          error,
        ),
      );
      return stopped;
    }
    // A C++ exception that got past the bindings: a bug of ours, reported as one.
    const { Exception } = WebAssembly as { Exception?: new () => object };
    if (Exception && error instanceof Exception) return failure('internal', 'WebAssembly', 'an exception escaped from the core', error);
    return asBeitError(error);
  }

  /** Gives everything back without another call of the core, which has trapped. */
  private abandon(reason: BeitError): void {
    this.trapped = true;
    this.end ??= reason;
    this.giveGpuBack();
    for (const controller of this.loads.keys()) controller.abort(this.end);
    this.models.clear();
    this.processors.clear();
    this.trainers.clear();
    this.core?.PThread?.terminateAllThreads();
    this.core = null;
  }
}

function disposed(subject: string): BeitError {
  return new BeitError('disposed', `${subject} has been disposed of.`, { where: subject });
}

/** Returns the inputs that there are. */
function givenOf({ pixelValues, tokens, boolMaskedPos, labels }: ForwardInputs): CoreForwardInputs {
  return {
    ...(pixelValues && { pixelValues }),
    ...(tokens && { tokens }),
    ...(boolMaskedPos && { boolMaskedPos }),
    ...(labels && { labels }),
  };
}
