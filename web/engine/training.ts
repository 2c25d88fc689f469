/** Training a classifier in an engine whose core trains (core/training.ts). */
import { failure, OutOfMemoryError, unwrap } from '../base/errors.js';
import type { Tensor } from '../base/tensors.js';
import type { Core, CoreForward } from '../core/core.js';
import { availableIn, owned, reserve, withBytes } from '../core/heap.js';
import type { CoreTrainer, CoreTrainingEstimate, TrainingCore } from '../core/training.js';
import type { Source } from '../sources/source.js';
import type { EngineImage, LoadCallOptions, RawImage } from './engine.js';
import { loadModel, type WeightTaker } from './loader.js';
import { withoutAlpha } from './pixels.js';
import type { OpenedTrainer, TrainerAnswers, TrainerCall, TrainerCalls, TrainerExample, TrainerSpec } from './trainer-calls.js';

/** What a trainer needs of its engine. */
export interface TrainerHost {
  use<T>(work: (core: Core) => T): T;
  pixelsOf(image: EngineImage): Promise<RawImage>;
  runSteps(pass: CoreForward): Promise<unknown>;
  /** Whether nothing in the core may be called any more. */
  trapped(): boolean;
}

export function trains(core: Core): core is TrainingCore {
  return 'createTrainer' in core;
}

type Calls = { [T in TrainerCall]: (settings: TrainerCalls[T]['settings'], host: TrainerHost) => Promise<TrainerCalls[T]['result']> };

export class Trainer implements Calls {
  private readonly pictures = new Map<number, RawImage>();
  private keptBytes = 0;

  private constructor(
    private readonly trainer: CoreTrainer,
    private readonly spec: Pick<TrainerSpec, 'microBatch' | 'keep'>,
    readonly facts: Omit<OpenedTrainer, 'handle'>,
  ) {}

  /** Makes a trainer with the weights of `source`. Rejects with out-of-memory before a byte of them is read where a step would not fit. */
  static async open(core: Core, source: Source, spec: TrainerSpec, call: LoadCallOptions): Promise<Trainer> {
    if (!trains(core))
      throw failure('unsupported', 'Training', 'this engine only runs models; it takes one of the package beit-wasm-training');
    const { configJson, processorJson, settings, batch, microBatch, keepHead } = spec;
    const trainer = unwrap(core.createTrainer(configJson, processorJson, JSON.stringify(settings)));
    try {
      const estimate = unwrap(trainer.estimate(microBatch, batch));
      const tensors = unwrap(trainer.tensors());
      makeRoom(core, source.label, estimate);
      const supply = (name: string, bytes: Uint8Array): void =>
        withBytes(
          core,
          bytes,
          name,
          (pointer, length) => void unwrap(trainer.supply(name, pointer, length / Float32Array.BYTES_PER_ELEMENT)),
        );
      await loadModel(
        core,
        source,
        { className: 'auto', addPoolingLayer: 'auto', dtype: 'f32' },
        call,
        async (): Promise<WeightTaker> => ({
          put: async (name, bytes) => {
            if (keepHead || name.startsWith('beit.')) supply(name, bytes);
          },
          finish: async () => void unwrap(trainer.finish()),
        }),
      );
      return new Trainer(trainer, spec, { tensors, estimate });
    } catch (error) {
      trainer.delete();
      throw error;
    }
  }

  delete(): void {
    this.trainer.delete();
  }

  async step({ examples, epoch }: TrainerCalls['step']['settings'], host: TrainerHost): Promise<TrainerCalls['step']['result']> {
    const answers = await this.pass(examples, epoch, host);
    return { ...answers, ...host.use(() => unwrap(this.trainer.applyStep())) };
  }

  judge({ examples }: TrainerCalls['judge']['settings'], host: TrainerHost): Promise<TrainerAnswers> {
    return this.pass(examples, null, host);
  }

  /** Passes examples through, to learn from them in that epoch, or to judge for null. */
  private async pass(examples: readonly TrainerExample[], epoch: number | null, host: TrainerHost): Promise<TrainerAnswers> {
    const { trainer } = this;
    const kept: number[] = [];
    host.use(() => unwrap(trainer.startBatch(examples.length, epoch !== null)));
    for (const { picture, label, image, pixels } of examples) {
      if (pixels) {
        const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
        host.use((core) => withBytes(core, bytes, 'pixel values', (pointer) => unwrap(trainer.addPixels(pointer, pixels.length, label))));
        continue;
      }
      const raw = this.pictures.get(picture) ?? (await this.decoded(picture, image, kept, host));
      const { width, height, channels, data } = raw;
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      host.use((core) =>
        withBytes(core, bytes, 'a picture', (pointer) =>
          unwrap(trainer.addPicture(pointer, width, height, channels, label, epoch ?? 0, picture)),
        ),
      );
    }
    if (epoch !== null) host.use(() => unwrap(trainer.mix()));
    const answers = new Int32Array(examples.length);
    let loss = 0;
    for (let first = 0; first < examples.length; first += this.spec.microBatch) {
      const count = Math.min(this.spec.microBatch, examples.length - first);
      const pass = host.use(() => unwrap(trainer.begin(first, count)));
      try {
        await host.runSteps(pass);
        host.use(() => {
          const { logits, loss: mean } = unwrap(pass.outputs());
          const classes = logits!.dims[1]!;
          loss += (mean!.data[0]! * count) / examples.length;
          for (let i = 0; i < count; ++i) answers[first + i] = best(logits!.data.subarray(i * classes, (i + 1) * classes));
        });
      } finally {
        if (!host.trapped()) pass.delete();
      }
    }
    return { loss, answers, kept: Int32Array.from(kept) };
  }

  private async decoded(picture: number, image: EngineImage | null, kept: number[], host: TrainerHost): Promise<RawImage> {
    if (!image) throw failure('internal', 'Training', `picture ${picture} is not kept`);
    const raw = withoutAlpha(await host.pixelsOf(image), 3);
    if (this.keptBytes + raw.data.byteLength <= this.spec.keep) {
      this.keptBytes += raw.data.byteLength;
      this.pictures.set(picture, raw);
      kept.push(picture);
    }
    return raw;
  }

  async order({ epoch, count }: TrainerCalls['order']['settings'], host: TrainerHost): Promise<Int32Array> {
    return host.use((core) => owned(core, unwrap(this.trainer.order(epoch, count))));
  }

  async read({ name }: { name: string }, host: TrainerHost): Promise<Tensor> {
    return host.use((core) => ownTensor(core, unwrap(this.trainer.read(name))));
  }

  async exchangeAverage(_: null, host: TrainerHost): Promise<null> {
    return host.use(() => unwrap(this.trainer.exchangeAverage()));
  }

  async states(_: null, host: TrainerHost): Promise<{ name: string; shape: number[] }[]> {
    return host.use(() => unwrap(this.trainer.states()));
  }

  async readState({ name }: { name: string }, host: TrainerHost): Promise<Tensor> {
    return host.use((core) => ownTensor(core, unwrap(this.trainer.readState(name))));
  }

  async supplyState({ name, values }: TrainerCalls['supplyState']['settings'], host: TrainerHost): Promise<null> {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return host.use((core) => withBytes(core, bytes, name, (pointer) => unwrap(this.trainer.supplyState(name, pointer, values.length))));
  }

  async setSteps({ steps }: { steps: number }, host: TrainerHost): Promise<null> {
    return host.use(() => unwrap(this.trainer.setSteps(steps)));
  }
}

function ownTensor(core: Core, { dims, data }: Tensor): Tensor {
  return { dims, data: owned(core, data) };
}

function best(logits: Float32Array): number {
  return logits.reduce((chosen, value, k) => (value > logits[chosen]! ? k : chosen), 0);
}

function makeRoom(core: Core, where: string, { weights, gradients, optimizer, activations }: CoreTrainingEstimate): void {
  const needed = weights + gradients + optimizer + activations;
  const available = availableIn(core);
  if (needed > available) {
    throw new OutOfMemoryError(
      `${where}: training this model so needs ${needed} bytes of memory, and ${available} of at most ${core.maximum} are left; ` +
        'smaller micro-batches need less, and so do fewer parameters that learn (method).',
      { needed, available, where },
    );
  }
  reserve(core, needed);
}
