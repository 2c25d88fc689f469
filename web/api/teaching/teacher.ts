/** Teaching a classifier of one's own labels: a head on the features of a checkpoint that stays as it is. */
import { DisposableObject } from '../../base/dispose.js';
import { tell } from '../../base/callbacks.js';
import { kindOf, mismatch } from '../../base/errors.js';
import { givenOptions } from '../../base/options.js';
import { throwIfAborted } from '../../base/scheduling.js';
import type { HeadFit } from '../../core/teaching.js';
import type { CallOptions, ForwardCallOptions } from '../../engine/engine.js';
import { rank, select } from '../../engine/tasks/classification.js';
import type { Classification, LabelChoice } from '../../engine/tasks/types.js';
import type { Source, SourceLike } from '../../sources/source.js';
import { asConfig } from '../config.js';
import type { ImageInput } from '../images.js';
import { inspect } from '../inspect.js';
import type { ModelOptions } from '../model-base.js';
import { BeitModel } from '../models.js';
import { checkCall } from '../options.js';
import { openParts, runTask, type Parts, type PipelineOptions } from '../pipelines/base.js';
import type { ImageClassificationPipeline } from '../pipelines/classification.js';
import { heldBy } from '../pretrained.js';
import { isOther, openBase, reopenBase, type BaseCheckpoint } from './base-checkpoint.js';
import { burstsOf, checkLabel } from './bursts.js';
import { accuracyOf, answersOf, confusionOf, type TaughtFit } from './judgement.js';
import { calibrated, checkFinite, Course, Examples, joined } from './lessons.js';
import { linkOf, readLink } from './link.js';
import { taughtCard } from './model-card.js';
import { readProject, writeProject, type TaughtPicture } from './project-file.js';
import { saveTaught, type SaveOptions, type SaveTarget } from './save.js';
import { logitsOf, openTaught, taughtSpec, type TaughtHead } from './taught-model.js';

/** Below so many pictures of a label, what is left out tells neither layers nor how often a head is right. */
const FEW = 5;

/** What a checkpoint to teach on is opened with. Its features are in floats, whatever it is stored as. */
export type TeacherOptions = Omit<ModelOptions, 'dtype' | 'config'>;

export interface AddOptions extends CallOptions {
  /**
   * Pictures of a label with the same name here were made one right after the other, as a camera's: each is judged without all of
   * them, since one tells what the next shows.
   */
  burst?: string | undefined;
  /** Called after each picture: how many are done, of how many. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface FitOptions {
  /**
   * After which layer the head stands, 1 to numHiddenLayers. auto: the one by whose features pictures that were left out are told
   * best, or the last with fewer than five pictures of a label. Default: auto
   */
  layer?: number | 'auto' | undefined;
  signal?: AbortSignal | null | undefined;
}

/** A picture that a teacher holds the features of. */
export interface Lesson {
  id: number;
  label: string;
  burst: string | null;
}

export interface TaughtClassifyOptions extends ForwardCallOptions, Partial<LabelChoice> {}

export interface ReopenOptions extends TeacherOptions {
  /** The checkpoint, in place of the one that is named. */
  source?: SourceLike | undefined;
}

interface Opened {
  source: Source;
  base: BaseCheckpoint;
  options: TeacherOptions;
  parts: Parts<BeitModel>;
}

/**
 * A head that is taught by pictures on a checkpoint that stays as it is. Where a call rejects with engine-lost,
 * Teacher.open(teacher.project()) goes on.
 *
 * @example
 * ```js
 * import { Teacher } from 'beit-wasm';
 *
 * const teacher = await Teacher.from('microsoft/beit-base-patch16-224-pt22k-ft22k');
 * await teacher.add('cat', ['cat-1.jpg', 'cat-2.jpg']);
 * await teacher.add('dog', ['dog-1.jpg', 'dog-2.jpg']);
 * await teacher.fit();
 * console.log(await teacher.classify('photo.jpg'));
 * ```
 */
export class Teacher extends DisposableObject {
  private readonly taught = new Examples<TaughtPicture>('picture', 'add()');
  private readonly course: Course<Opened, TaughtHead, TaughtFit>;

  private constructor(opened: Opened) {
    super();
    this.course = new Course('Teacher', opened);
  }

  /**
   * Opens the checkpoint that a head is to be taught on: any with a BEiT encoder; without one, the classifier of beit-wasm-samples.
   * Rejects like BeitModel.fromPretrained().
   */
  static async from(source?: SourceLike | null, options: TeacherOptions = {}): Promise<Teacher> {
    const { source: files, base } = await openBase(source, options);
    return Teacher.make(files, base, options);
  }

  /** Opens what project() returned, with its checkpoint. Rejects with malformed or unsupported for other bytes. */
  static async open(project: Uint8Array, given: ReopenOptions = {}): Promise<Teacher> {
    const { source, ...options } = givenOptions(given);
    const { base } = readProject(project);
    return joined(await Teacher.make(await reopenBase(base, { ...options, source }), base, options), project);
  }

  /**
   * Opens the classifier that a link (a whole one or its fragment) stands for. Rejects with malformed for another link, and like
   * BeitForImageClassification.fromPretrained().
   */
  static async fromLink(link: string, given: ReopenOptions & PipelineOptions = {}): Promise<ImageClassificationPipeline> {
    const { source, ...options } = givenOptions(given);
    const { id, revision, head } = readLink(link);
    const files = await reopenBase({ id, revision, reach: 'anywhere' }, { ...options, source });
    const { config: fields } = await inspect(files, { ...options, className: 'BeitModel' });
    const config = asConfig(fields);
    const [channels, layers] = [head.weight.length / head.labels.length, config.numHiddenLayers];
    if (channels !== config.hiddenSize || head.layer > layers)
      throw mismatch(
        'malformed',
        'link',
        `a head of ${channels} channels after layer ${head.layer}`,
        `${config.hiddenSize} and at most ${layers}, as ${id} has`,
      );
    return openTaught(files, config, head, options);
  }

  private static async make(source: Source, base: BaseCheckpoint, options: TeacherOptions): Promise<Teacher> {
    const parts = await openParts(source, options, (signal) =>
      BeitModel.fromPretrained(source, { ...options, dtype: 'f32', addPoolingLayer: false, signal }),
    );
    return new Teacher({ source, base, options, parts });
  }

  /** The checkpoint's layers. */
  get layers(): number {
    return this.course.opened.parts.model.config.numHiddenLayers;
  }

  /** The labels that have pictures, in the order in which they came. */
  get labels(): string[] {
    return this.taught.labels;
  }

  /** The pictures, in the order in which they came. */
  get pictures(): Lesson[] {
    return this.taught.entries.map(([id, { label, burst }]) => ({ id, label, burst }));
  }

  /** What fit() returned last; of several at a time, what the one returned that was called last. */
  get lastFit(): TaughtFit | null {
    return this.course.fitted?.fit ?? null;
  }

  /**
   * Takes pictures of a label in: what the encoder makes of each is kept, 4 bytes for each layer and channel, and the picture is not.
   * Returns their ids. Where one fails, or the signal is aborted, none of the call is taken in.
   */
  async add(label: string, images: ImageInput | readonly ImageInput[], options: AddOptions = {}): Promise<number[]> {
    const { burst, onProgress, ...call } = givenOptions(options);
    checkLabel(label);
    if (burst !== undefined && typeof burst !== 'string') throw mismatch('invalid-argument', 'burst', kindOf(burst), 'a name, or none');
    const list = Array.isArray(images) ? (images as readonly ImageInput[]) : [images as ImageInput];
    const made: TaughtPicture[] = [];
    for (const image of list) {
      made.push({ label, burst: burst ?? null, features: await this.features(image, call) });
      tell(onProgress, made.length, list.length);
    }
    return made.map((picture) => this.taught.put(picture));
  }

  /** Forgets pictures. Throws not-found for an id that is none's, and forgets none then. */
  remove(ids: number | readonly number[]): void {
    this.taught.remove(ids);
  }

  /** Says that pictures show something else. Throws as remove() does. */
  relabel(ids: number | readonly number[], label: string): void {
    this.taught.relabel(ids, label);
  }

  /**
   * Fits a head to all pictures, and judges it by each of them. It takes milliseconds, so it can follow every change. Rejects with
   * invalid-argument where there are no two labels with pictures.
   */
  async fit(options: FitOptions = {}): Promise<TaughtFit> {
    const { layer = 'auto', signal, ...rest } = givenOptions(options);
    checkCall('fit()', rest);
    const { layers } = this;
    if (layer !== 'auto' && !(Number.isInteger(layer) && layer >= 1 && layer <= layers))
      throw mismatch('invalid-argument', 'layer', kindOf(layer), `"auto" or a whole number from 1 to ${layers}`);
    const { entries } = this.taught;
    const names = this.labels;
    if (names.length < 2) throw mismatch('invalid-argument', 'fit()', `pictures of ${names.length} labels`, 'of at least two');
    const take = this.course.beginFit();
    const pictures = entries.map(([, picture]) => picture);
    const labels = Int32Array.from(pictures, ({ label }) => names.indexOf(label));
    const counts = names.map((_, k) => labels.filter((id) => id === k).length);
    const enough = Math.min(...counts) >= FEW;
    const candidates = layer !== 'auto' ? [layer] : enough ? Array.from({ length: layers }, (_, i) => i + 1) : [layers];

    let best: { layer: number; fit: HeadFit } | null = null;
    for (const candidate of candidates) {
      throwIfAborted(signal);
      const fit = await this.fitLayer(pictures, labels, names.length, candidate);
      if (!best || fit.loss < best.fit.loss) best = { layer: candidate, fit };
    }
    throwIfAborted(signal);
    const { layer: chosen, fit } = best!;
    const answers = answersOf(fit, names.length);
    const wrong = answers.flatMap(({ answer, score }, i) =>
      answer === labels[i] ? [] : [{ id: entries[i]![0], label: names[labels[i]!]!, answer: names[answer]!, score }],
    );
    const judged = enough ? accuracyOf(pictures.length - wrong.length, pictures.length) : { accuracy: null, interval: null };
    const result: TaughtFit = {
      layer: chosen,
      labels: names,
      counts,
      ...judged,
      confusion: confusionOf(
        [...labels],
        answers.map(({ answer }) => answer),
        names.length,
      ),
      wrong: wrong.sort((a, b) => b.score - a.score || a.id - b.id),
    };
    take({ layer: chosen, labels: names, ...calibrated(fit) }, result);
    return result;
  }

  /** Tells an image by the head of lastFit, best label first. */
  async classify(image: ImageInput, options: TaughtClassifyOptions = {}): Promise<Classification[]> {
    const { topK = 5, threshold, allow, deny, ...call } = givenOptions(options);
    const { head } = this.course.ready();
    const features = layerOf(await this.features(image, call), head.layer, this.channels);
    return select(rank(logitsOf(head, features), head.labels, null, 'softmax'), { topK, threshold, allow, deny });
  }

  /** Opens the taught model: the layers up to the head, and no more. */
  pipeline(options: ModelOptions & PipelineOptions = {}): Promise<ImageClassificationPipeline> {
    const { head } = this.course.ready();
    const { source, parts, options: own } = this.course.live();
    return openTaught(source, parts.model.config, head, { ...own, signal: null, ...givenOptions(options) });
  }

  /**
   * Writes the taught model as transformers reads it: model.safetensors, config.json, preprocessor_config.json and README.md, to a
   * folder of this machine (Node), a folder's handle (browsers), or what takes files. Files of these names are replaced.
   * Returns the names. The checkpoint is read again. Rejects with io, or with the signal's reason.
   */
  save(target: SaveTarget, options: SaveOptions = {}): Promise<string[]> {
    return saveTaught(this.course.saves, target, options, () => {
      const { head, fit } = this.course.ready();
      const { source, base, parts } = this.course.live();
      return { source, parts, spec: taughtSpec(parts.model.config, head), card: taughtCard(base, this.layers, fit) };
    });
  }

  /** Returns all that was taught as a file, for open() and join(): features and labels, not the pictures themselves. */
  project(): Uint8Array {
    return writeProject({ base: this.course.opened.base, layers: this.layers, channels: this.channels, pictures: this.taught.values });
  }

  /**
   * Takes in what another teacher of the same checkpoint was taught, by its project(): the next fit() is of both. Returns the new
   * ids. Throws invalid-argument where the checkpoint is another.
   */
  join(project: Uint8Array): number[] {
    const { base, layers, channels, pictures } = readProject(project);
    const own = this.course.live().base;
    if (layers !== this.layers || channels !== this.channels || isOther(base, own))
      throw mismatch(
        'invalid-argument',
        'project',
        `features of ${base.id} (${layers} layers of ${channels})`,
        `those of ${own.id} (${this.layers} of ${this.channels}), which this teacher has`,
      );
    // Two cameras may have used one name.
    const mark = `${this.taught.lastId}:`;
    const isFirst = this.taught.entries.length === 0;
    return pictures.map((picture) =>
      this.taught.put({ ...picture, burst: picture.burst === null || isFirst ? picture.burst : mark + picture.burst }),
    );
  }

  /**
   * Returns the fragment of a link that is the classifier: the checkpoint's name, the layer, the labels, the head in int8. Whoever
   * has it calls Teacher.fromLink(). Throws unsupported for a checkpoint that has no address elsewhere.
   */
  link(): string {
    const { base } = this.course.live();
    if (base.reach !== 'anywhere')
      throw mismatch(
        'unsupported',
        'link()',
        `a head on ${base.id}`,
        'a checkpoint that others can open, too: of a hub or with an address',
      );
    return linkOf({ id: base.id, revision: base.revision, head: this.course.ready().head });
  }

  /** Gives the checkpoint's memory back. */
  dispose(): Promise<void> {
    return this.course.dispose();
  }

  private get channels(): number {
    return this.course.opened.parts.model.config.hiddenSize;
  }

  /** Returns the pooled states of layers 1 to L (L, C). Rejects with invalid-argument where they are not finite. */
  private async features(image: ImageInput, call: ForwardCallOptions): Promise<Float32Array> {
    const { data } = await runTask('pooled-states', this.course.live().parts, image, {}, call);
    const features = data.slice(this.channels);
    checkFinite(features);
    return features;
  }

  private fitLayer(pictures: readonly TaughtPicture[], labels: Int32Array, classes: number, layer: number): Promise<HeadFit> {
    const { channels } = this;
    const features = new Float32Array(pictures.length * channels);
    for (const [i, picture] of pictures.entries()) features.set(layerOf(picture.features, layer, channels), i * channels);
    const { engine } = heldBy(this.course.live().parts.model);
    return engine.fitHead({ features, labels, bursts: burstsOf(pictures), channels, classes });
  }
}

function layerOf(features: Float32Array, layer: number, channels: number): Float32Array {
  return features.subarray((layer - 1) * channels, layer * channels);
}
