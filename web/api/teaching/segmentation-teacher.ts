/** Teaching a segmentation model labels of one's own, by strokes over pictures: a head on the map of a checkpoint that stays as it is. */
import { DisposableObject } from '../../base/dispose.js';
import { mismatch } from '../../base/errors.js';
import { givenOptions } from '../../base/options.js';
import { throwIfAborted } from '../../base/scheduling.js';
import { checkTensor, shapeText } from '../../base/tensors.js';
import type { ForwardCallOptions } from '../../engine/engine.js';
import { HALF_TRANSPARENT, paletteOf, segmentationOf } from '../../engine/tasks/segmentation.js';
import type { Segmentation } from '../../engine/tasks/types.js';
import type { Source, SourceLike } from '../../sources/source.js';
import { asConfig, type BeitConfig } from '../config.js';
import type { ImageInput } from '../images.js';
import { inspect } from '../inspect.js';
import type { BeitForSemanticSegmentation, SegmentationModelOptions } from '../models.js';
import { checkCall } from '../options.js';
import { openParts, type Parts, type PipelineOptions } from '../pipelines/base.js';
import { checkedSize, makeImageSegmentation, type ImageSegmentationPipeline, type SegmentOptions } from '../pipelines/segmentation.js';
import { heldBy } from '../pretrained.js';
import { isOther, openBase, reopenBase, type BaseCheckpoint } from './base-checkpoint.js';
import { burstsOf } from './bursts.js';
import { featuresAt, logitsOn, type FusedMap } from './fused-map.js';
import { answersOf, type StrokeFit, type WrongStroke } from './judgement.js';
import { calibrated, checkFinite, Course, Examples, joined } from './lessons.js';
import { saveTaught, type SaveOptions, type SaveTarget } from './save.js';
import { readStrokes, writeStrokes, type TaughtStroke } from './stroke-project.js';
import { checkStroke, placesOf, type Stroke } from './strokes.js';
import { identityHead, segmentationCard, segmentationSpec, TaughtSegmenter, type SegmentationHead } from './taught-segmentation.js';

/** As TeacherOptions. */
export type SegmentationTeacherOptions = Omit<SegmentationModelOptions, 'dtype' | 'config' | 'auxiliaryHead'>;

export interface ReopenSegmentationOptions extends SegmentationTeacherOptions {
  source?: SourceLike | undefined;
}

export interface StrokeLesson extends Stroke {
  id: number;
  picture: string | null;
}

interface Opened {
  source: Source;
  base: BaseCheckpoint;
  options: SegmentationTeacherOptions;
  config: BeitConfig;
  parts: Parts<BeitForSemanticSegmentation>;
}

const SAMPLE = 'segmentation';

/**
 * A segmentation head that is taught by strokes, as Teacher's is by pictures.
 *
 * @example
 * ```js
 * import { SegmentationTeacher } from 'beit-wasm';
 *
 * const teacher = await SegmentationTeacher.from('microsoft/beit-base-finetuned-ade-640-640');
 * const map = await teacher.look(photo);
 * teacher.paint(map, { label: 'leaf', points: [[120, 80], [180, 95]], width: 12 });
 * teacher.paint(map, { label: 'soil', points: [[40, 300], [400, 310]], width: 12 });
 * await teacher.fit();
 * const { labels, legend } = await teacher.segment(map); // or another picture
 * ```
 */
export class SegmentationTeacher extends DisposableObject {
  private readonly taught = new Examples<TaughtStroke>('stroke', 'paint()');
  private readonly course: Course<Opened, SegmentationHead, StrokeFit>;

  private constructor(opened: Opened) {
    super();
    this.course = new Course('SegmentationTeacher', opened);
  }

  /** Opens a checkpoint that segments; without one, that of beit-wasm-samples. Rejects like BeitForSemanticSegmentation.fromPretrained(). */
  static async from(source?: SourceLike | null, options: SegmentationTeacherOptions = {}): Promise<SegmentationTeacher> {
    const { source: files, base } = await openBase(source, options, SAMPLE);
    return SegmentationTeacher.make(files, base, options);
  }

  /** As Teacher.open(). */
  static async open(project: Uint8Array, given: ReopenSegmentationOptions = {}): Promise<SegmentationTeacher> {
    const { source, ...options } = givenOptions(given);
    const { base } = readStrokes(project);
    return joined(await SegmentationTeacher.make(await reopenBase(base, { ...options, source }, SAMPLE), base, options), project);
  }

  private static async make(source: Source, base: BaseCheckpoint, options: SegmentationTeacherOptions): Promise<SegmentationTeacher> {
    const { config: fields } = await inspect(source, { ...options, className: 'BeitForSemanticSegmentation' });
    const config = asConfig(fields);
    const load = TaughtSegmenter.load(config, identityHead(config));
    const parts = await openParts(source, options, (signal) => load(source, { ...options, dtype: 'f32', signal }));
    return new SegmentationTeacher({ source, base, options, config, parts });
  }

  /** The labels that have strokes, in the order in which they came: the class ids of segment(). */
  get labels(): string[] {
    return this.taught.labels;
  }

  get strokes(): StrokeLesson[] {
    return this.taught.entries.map(([id, { label, points, width, picture }]) => ({ id, label, points, width, picture }));
  }

  /** As Teacher.lastFit. */
  get lastFit(): StrokeFit | null {
    return this.course.fitted?.fit ?? null;
  }

  /** Runs the checkpoint on a picture: the one pass that painting on it and segmenting it take. */
  async look(image: ImageInput, call: ForwardCallOptions = {}): Promise<FusedMap> {
    checkCall('look()', call);
    const { processor, model } = this.course.live().parts;
    const { signal } = call;
    const { pixelValues, originalSizes } = await processor.preprocess(image, { signal });
    const { logits } = await model.forward({ pixelValues }, call);
    checkFinite(logits.data);
    return { ...originalSizes[0]!, features: logits };
  }

  /**
   * Says what is under a stroke. Of the map the features there are kept, at most 16 of them; returns the stroke's id. Throws
   * invalid-argument for a stroke that lies beside the picture.
   */
  paint(map: FusedMap, stroke: Stroke): number {
    checkStroke(stroke);
    this.course.live();
    const { label, points, width, picture = null } = stroke;
    const [, channels, rows = 0, columns = 0] = this.checked(map).features.dims;
    const places = placesOf(stroke, map, { height: rows, width: columns });
    if (places.length === 0)
      throw mismatch('invalid-argument', 'points', 'a stroke beside the picture', `some of it within ${map.width} x ${map.height}`);
    const features = new Float32Array(places.length * channels!);
    for (const [i, place] of places.entries()) features.set(featuresAt(map.features, place), i * channels!);
    checkFinite(features);
    return this.taught.put({ label, points: points.map(([x, y]) => [x, y] as const), width, picture, features });
  }

  /** As Teacher.remove(). */
  remove(ids: number | readonly number[]): void {
    this.taught.remove(ids);
  }

  relabel(ids: number | readonly number[], label: string): void {
    this.taught.relabel(ids, label);
  }

  /** Fits a head to all strokes, each label counting alike, and judges it by each stroke. Rejects with invalid-argument below two labels. */
  async fit(options: { signal?: AbortSignal | null | undefined } = {}): Promise<StrokeFit> {
    const { signal, ...rest } = givenOptions(options);
    checkCall('fit()', rest);
    throwIfAborted(signal);
    const { entries } = this.taught;
    const names = this.labels;
    if (names.length < 2) throw mismatch('invalid-argument', 'fit()', `strokes of ${names.length} labels`, 'of at least two');
    const take = this.course.beginFit();
    const counts = names.map((name) => entries.filter(([, { label }]) => label === name).length);
    const { config, parts } = this.course.live();
    const channels = config.hiddenSize;
    const examples = entries.flatMap(([id, { label, features }]) => {
      const count = features.length / channels;
      // What lies under one stroke resembles itself. A label's only stroke is left out by halves.
      const isOnly = counts[names.indexOf(label)] === 1;
      return Array.from({ length: count }, (_, i) => ({ label, burst: isOnly && 2 * i >= count ? `${id}: second half` : `${id}` }));
    });
    const features = new Float32Array(examples.length * channels);
    let offset = 0;
    for (const [, stroke] of entries) {
      features.set(stroke.features, offset);
      offset += stroke.features.length;
    }
    const labels = Int32Array.from(examples, ({ label }) => names.indexOf(label));
    const places = names.map((_, k) => labels.filter((id) => id === k).length);
    const weights = Float32Array.from(labels, (id) => labels.length / (names.length * places[id]!));
    const found = await heldBy(parts.model).engine.fitHead({
      features,
      labels,
      bursts: burstsOf(examples),
      weights,
      channels,
      classes: names.length,
    });
    throwIfAborted(signal);

    const answers = answersOf(found, names.length).map(({ answer }) => answer);
    const right = names.map((_, k) => answers.filter((answer, i) => answer === k && labels[i] === k).length / places[k]!);
    const judged = Math.min(...counts) > 1;
    const fit: StrokeFit = {
      labels: names,
      counts,
      accuracy: judged ? right.reduce((sum, share) => sum + share, 0) / names.length : null,
      wrong: judged ? this.wrongOf(entries, answers, names, channels) : [],
    };
    take({ labels: names, ...calibrated(found) }, fit);
    return fit;
  }

  /** Labels a picture, or what look() returned of one, by the head of lastFit. */
  async segment(image: ImageInput | FusedMap, options: SegmentOptions = {}): Promise<Segmentation> {
    const { scores = false, overlay = false, resultSize, ...call } = givenOptions(options);
    checkCall('segment()', call);
    const size = checkedSize(resultSize);
    const { head } = this.course.ready();
    const map = isMap(image) ? this.checked(image) : await this.look(image, call);
    const logits = await logitsOn(map.features, head, call.signal);
    const palette = overlay ? paletteOf(head.labels.length, HALF_TRANSPARENT) : undefined;
    const { engine } = heldBy(this.course.live().parts.processor);
    const { width, height } = map;
    const found = await engine.segment(logits, size === 'logits' ? null : (size ?? { width, height }), { scores, palette });
    return segmentationOf(found, head.labels);
  }

  /** Opens the taught model: the checkpoint with the head in its last layer's place. */
  pipeline(options: SegmentationModelOptions & PipelineOptions = {}): Promise<ImageSegmentationPipeline> {
    const { head } = this.course.ready();
    const { source, config, options: own } = this.course.live();
    return makeImageSegmentation(source, { ...own, signal: null, ...givenOptions(options) }, TaughtSegmenter.load(config, head));
  }

  /** Writes the taught model as transformers reads it; see Teacher.save(). */
  save(target: SaveTarget, options: SaveOptions = {}): Promise<string[]> {
    return saveTaught(this.course.saves, target, options, () => {
      const { head, fit } = this.course.ready();
      const { source, base, config, parts, options: own } = this.course.live();
      return { source, parts, spec: { ...segmentationSpec(config, head), taps: own.taps }, card: segmentationCard(base, fit) };
    });
  }

  /** Returns strokes and the features under them as a file, for open() and join(). */
  project(): Uint8Array {
    const { base, config } = this.course.opened;
    return writeStrokes({ base, channels: config.hiddenSize, strokes: this.taught.values });
  }

  /** As Teacher.join(). */
  join(project: Uint8Array): number[] {
    const { base, channels, strokes } = readStrokes(project);
    const { base: own, config } = this.course.live();
    if (isOther(base, own) || channels !== config.hiddenSize)
      throw mismatch(
        'invalid-argument',
        'project',
        `features of ${base.id} (${channels} channels)`,
        `those of ${own.id} (${config.hiddenSize}), which this teacher has`,
      );
    return strokes.map((stroke) => this.taught.put(stroke));
  }

  dispose(): Promise<void> {
    return this.course.dispose();
  }

  private checked(map: FusedMap): FusedMap {
    checkTensor('map.features', map?.features, [Float32Array]);
    const { dims } = map.features;
    const channels = this.course.opened.config.hiddenSize;
    if (dims.length !== 4 || dims[1] !== channels)
      throw mismatch('wrong-shape', 'map', shapeText(dims), `[1, ${channels}, h, w]: what look() of this teacher returned`);
    return map;
  }

  /** Returns the strokes that are told as something else, by the answers of all their places in order. */
  private wrongOf(
    entries: readonly [number, TaughtStroke][],
    answers: readonly number[],
    names: string[],
    channels: number,
  ): WrongStroke[] {
    let at = 0;
    return entries.flatMap(([id, { label, features }]) => {
      const count = features.length / channels;
      const own = answers.slice(at, (at += count));
      const votes = names.map((_, k) => own.filter((answer) => answer === k).length);
      const most = votes.findIndex((number) => 2 * number > count);
      return most < 0 || names[most] === label ? [] : [{ id, label, answer: names[most]! }];
    });
  }
}

function isMap(image: ImageInput | FusedMap): image is FusedMap {
  return typeof image === 'object' && image !== null && 'features' in image;
}
