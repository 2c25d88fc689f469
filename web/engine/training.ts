/** Training a model in an engine whose core trains (core/training.ts). */
import { asBytes } from '../base/bytes.js';
import { failure, OutOfMemoryError, unwrap } from '../base/errors.js';
import type { Tensor } from '../base/tensors.js';
import type { Core, CoreForward, CoreTensor } from '../core/core.js';
import { availableIn, owned, reserve, withBytes } from '../core/heap.js';
import type { CoreTrainer, CoreTrainingEstimate, TrainingCore } from '../core/training.js';
import type { Source } from '../sources/source.js';
import type { EngineImage, LoadCallOptions, RawImage } from './engine.js';
import { loadModel, type WeightTaker } from './loader.js';
import { withoutAlpha } from './pixels.js';
import { blockMask } from './tasks/block-mask.js';
import type { Masking, OpenedTrainer, TrainerAnswers, TrainerCall, TrainerCalls, TrainerExample, TrainerSpec } from './trainer-calls.js';

/** What a trainer needs of its engine. */
export interface TrainerHost {
  use<T>(work: (core: Core) => T): T;
  pixelsOf(image: EngineImage): Promise<RawImage>;
  runSteps(pass: CoreForward): Promise<unknown>;
  /** Returns the tokens (1, h, w) that an encoder of the engine has for pixels. */
  tokensOf(encoder: number, pixels: Tensor): Promise<Tensor>;
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
  /** What frozen layers made of pictures in a view. */
  private readonly frozen = new Map<string, Float32Array>();
  private keptStateBytes = 0;
  private full = false;

  private constructor(
    private readonly trainer: CoreTrainer,
    private readonly spec: Pick<TrainerSpec, 'settings' | 'microBatch' | 'keep' | 'keepStates' | 'views' | 'masking'>,
    readonly facts: Omit<OpenedTrainer, 'handle'>,
  ) {}

  /** Makes a trainer with the weights of `source`. Rejects with out-of-memory before a byte of them is read where a step would not fit. */
  static async open(core: Core, source: Source, spec: TrainerSpec, call: LoadCallOptions): Promise<Trainer> {
    if (!trains(core))
      throw failure('unsupported', 'Training', 'this engine only runs models; it takes one of the package beit-wasm-training');
    const { configJson, processorJson, settings, batch, microBatch, keepHead, masking } = spec;
    const trainer = unwrap(core.createTrainer(configJson, processorJson, JSON.stringify(settings)));
    try {
      const estimate = unwrap(trainer.estimate(microBatch, batch));
      const tensors = unwrap(trainer.tensors());
      makeRoom(core, source.label, estimate, masking?.activations ?? 0);
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
    const { settings, views, masking } = this.spec;
    const chance = epoch !== null && settings.augment !== 'none';
    const view = !chance ? null : views > 0 ? epoch % views : epoch;
    const kept: number[] = [];
    // States of what is mixed, or looks another way or has other patches hidden each time, would not be asked for again.
    const mixes = epoch !== null && ((settings.mixup ?? 0) > 0 || (settings.cutmix ?? 0) > 0);
    const again =
      settings.method.startsWith('last:') && !masking && !mixes && (!chance || views > 0) && examples.every(({ pixels }) => !pixels);
    const expected = again
      ? await this.addStates(examples, epoch !== null, view, kept, host)
      : await this.addExamples(examples, epoch, view, kept, host);
    if (epoch !== null) host.use(() => unwrap(trainer.mix()));
    const answers: number[] = [];
    let loss = 0;
    await this.microPasses(examples.length, 'begin', host, ({ logits, loss: mean }) => {
      const [rows = 0, classes = 0] = logits!.dims;
      loss += (mean!.data[0]! * rows) / expected.length;
      for (let i = 0; i < rows; ++i) answers.push(best(logits!.data.subarray(i * classes, (i + 1) * classes)));
    });
    return { loss, answers: Int32Array.from(answers), expected: Int32Array.from(expected), kept: Int32Array.from(kept) };
  }

  /**
   * Begins a batch of pictures, to learn from in that epoch or, for null, to judge, as they look in that view; null: without chance. Returns what
   * the model is to tell of them: their labels, or the tokens of their hidden patches.
   */
  private async addExamples(
    examples: readonly TrainerExample[],
    epoch: number | null,
    view: number | null,
    kept: number[] | null,
    host: TrainerHost,
  ): Promise<number[]> {
    const { trainer } = this;
    const { masking } = this.spec;
    const expected: number[] = [];
    host.use(() => unwrap(trainer.startBatch(examples.length, epoch !== null, false)));
    for (const { picture, label, image, pixels } of examples) {
      if (pixels) {
        host.use((core) => addValues(core, trainer, pixels, label));
        expected.push(label);
        continue;
      }
      const raw = this.pictures.get(picture) ?? (await this.decoded(picture, image, kept, host));
      const { width, height, channels, data } = raw;
      const withPicture = <T>(use: (pointer: number) => T): T => host.use((core) => withBytes(core, asBytes(data), 'a picture', use));
      if (masking) {
        const pixelValues = withPicture((pointer) => unwrap(trainer.addViews(pointer, width, height, channels, view ?? 0, picture)));
        expected.push(...(await this.hide(masking, pixelValues, epoch ?? 0, picture, host)));
      } else {
        withPicture((pointer) => unwrap(trainer.addPicture(pointer, width, height, channels, label, view ?? 0, picture)));
        expected.push(label);
      }
    }
    return expected;
  }

  /** Hides blocks of patches of the picture that was added last, one patch at least, and returns their tokens. */
  private async hide({ tokenizer, ratio }: Masking, view: Tensor, epoch: number, picture: number, host: TrainerHost): Promise<number[]> {
    const { trainer } = this;
    const { dims, data } = await host.tokensOf(tokenizer, view);
    const tokens = Int32Array.from(data);
    const [, height = 0, width = 0] = dims;
    const count = Math.max(1, Math.round(ratio * height * width));
    let seed = host.use(() => trainer.maskSeed(epoch, picture));
    let mask = blockMask({ height, width, count, seed });
    while (!mask.data.includes(1)) mask = blockMask({ height, width, count, seed: (seed = (seed + 1) >>> 0) });
    host.use((core) =>
      withBytes(core, mask.data, 'a mask', (at, patches) =>
        withBytes(core, asBytes(tokens), 'tokens', (pointer) => unwrap(trainer.hide(at, pointer, patches))),
      ),
    );
    return [...tokens].filter((_, patch) => mask.data[patch] !== 0);
  }

  /** Begins a batch of what the frozen layers make of pictures, which is made for those of which it is not kept. Returns their labels. */
  private async addStates(
    examples: readonly TrainerExample[],
    learn: boolean,
    view: number | null,
    kept: number[],
    host: TrainerHost,
  ): Promise<number[]> {
    const { trainer } = this;
    const keyOf = ({ picture }: TrainerExample): string => `${picture}:${view ?? ''}`;
    const missing = examples.filter((example) => !this.frozen.has(keyOf(example)));
    const made = new Map<string, Float32Array>();
    if (missing.length > 0) {
      // A picture that comes again in other views is kept itself; one that comes as it is need not be.
      await this.addExamples(missing, view, view, view !== null || this.full ? kept : null, host);
      await this.microPasses(missing.length, 'frozenPass', host, ({ frozen_states: states }, first, count) => {
        const each = states!.data.length / count;
        for (let i = 0; i < count; ++i) made.set(keyOf(missing[first + i]!), states!.data.slice(i * each, (i + 1) * each));
      });
    }
    host.use((core) => {
      unwrap(trainer.startBatch(examples.length, learn, true));
      for (const example of examples)
        addValues(core, trainer, (made.get(keyOf(example)) ?? this.frozen.get(keyOf(example)))!, example.label);
    });
    for (const example of missing) {
      const states = made.get(keyOf(example))!;
      this.full = this.keptStateBytes + states.byteLength > this.spec.keepStates;
      if (this.full) break;
      this.keptStateBytes += states.byteLength;
      this.frozen.set(keyOf(example), states);
      if (view === null) kept.push(example.picture);
    }
    return examples.map(({ label }) => label);
  }

  /** Does passes over `total` examples, and hands on what they put out. */
  private async microPasses(
    total: number,
    which: 'begin' | 'frozenPass',
    host: TrainerHost,
    take: (outputs: Record<string, CoreTensor>, first: number, count: number) => void,
  ): Promise<void> {
    for (let first = 0; first < total; first += this.spec.microBatch) {
      const count = Math.min(this.spec.microBatch, total - first);
      const pass = host.use(() => unwrap(this.trainer[which](first, count)));
      try {
        await host.runSteps(pass);
        host.use(() => take(unwrap(pass.outputs()), first, count));
      } finally {
        if (!host.trapped()) pass.delete();
      }
    }
  }

  /** Returns a picture's pixels, which are kept where there is a list of what is. */
  private async decoded(picture: number, image: EngineImage | null, kept: number[] | null, host: TrainerHost): Promise<RawImage> {
    if (!image) throw failure('internal', 'Training', `picture ${picture} is not kept`);
    const raw = withoutAlpha(await host.pixelsOf(image), 3);
    if (kept && this.keptBytes + raw.data.byteLength <= this.spec.keep) {
      this.keptBytes += raw.data.byteLength;
      this.pictures.set(picture, raw);
      kept.push(picture);
    }
    return raw;
  }

  async order({ epoch, count }: TrainerCalls['order']['settings'], host: TrainerHost): Promise<Int32Array> {
    return host.use((core) => owned(core, unwrap(this.trainer.order(epoch, count))));
  }

  async read({ name, dtype }: TrainerCalls['read']['settings'], host: TrainerHost): Promise<Uint8Array> {
    return host.use((core) => owned(core, unwrap(this.trainer.read(name, dtype))));
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
    return host.use((core) =>
      withBytes(core, asBytes(values), name, (pointer) => unwrap(this.trainer.supplyState(name, pointer, values.length))),
    );
  }

  async setSteps({ steps }: { steps: number }, host: TrainerHost): Promise<null> {
    return host.use(() => unwrap(this.trainer.setSteps(steps)));
  }
}

function addValues(core: Core, trainer: CoreTrainer, values: Float32Array, label: number): void {
  withBytes(core, asBytes(values), 'an example', (pointer) => unwrap(trainer.addValues(pointer, values.length, label)));
}

function ownTensor(core: Core, { dims, data }: Tensor): Tensor {
  return { dims, data: owned(core, data) };
}

function best(logits: Float32Array): number {
  return logits.reduce((chosen, value, k) => (value > logits[chosen]! ? k : chosen), 0);
}

/** Passes of the tokenizer and of the model take turns. */
function makeRoom(
  core: Core,
  where: string,
  { weights, gradients, optimizer, activations }: CoreTrainingEstimate,
  tokenizers: number,
): void {
  const needed = weights + gradients + optimizer + Math.max(activations, tokenizers);
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
