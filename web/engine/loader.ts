/** Moves a checkpoint's bytes from a source into the core. What they mean is the core's affair. */
import { tell } from '../base/callbacks.js';
import { BeitError, failure, mismatch, OutOfMemoryError, unwrap, type ErrorCode } from '../base/errors.js';
import { abortable, Breather, severalAtOnce, throwIfAborted } from '../base/scheduling.js';
import type {
  Core,
  CoreBindReport,
  CoreCheckpoint,
  CoreConversion,
  CoreModel,
  CoreModelEstimate,
  CoreRead,
  CoreTensorEntry,
  DType,
} from '../core/core.js';
import { allocate, availableIn, owned, reserve, type Block } from '../core/heap.js';
import { countsAsMissing, Refusals } from '../sources/missing.js';
import {
  CHUNK_BYTES,
  checkChunk,
  CONFIG_FILE,
  FILES_AT_ONCE,
  isShardIndex,
  type Source,
  type SourceFile,
  type SourceWatch,
} from '../sources/source.js';
import { closeQuietly, stoppable } from '../sources/stoppable.js';
import { readText } from '../sources/text.js';
import {
  convertedFile,
  elementTypeOf,
  savedClassOf,
  type ConversionFacts,
  type ConversionSink,
  type ConversionType,
} from './conversion.js';
import type { ConfigFields, Inspection, LoadCallOptions, LoadedModel, ModelSpec, Phase } from './engine.js';
import { isTokenizerClass, tokenizerConfig, weightsNamesOf } from './model-names.js';
import { LoadShare } from './progress.js';
import { timmConfigOf, withTimm } from './timm-config.js';

interface Created {
  model: CoreModel;
  className: string;
  dtype: DType;
  config: ConfigFields;
  hasPooler: boolean;
  json: string;
}

/** f16 is a GPU's, which takes the core's floats. */
const inCore = (dtype: DType): DType => (dtype === 'f16' ? 'f32' : dtype);

export type LoadedFacts = Omit<LoadedModel, 'handle' | 'device'>;

/** Takes a model's weights in place of the core: all values of each tensor, by its name in transformers. What it throws ends the load. */
export interface WeightTaker {
  put(name: string, bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
}

/** Returns who is to take the weights; null: the core. */
export type Offer<Taker> = (facts: Pick<Created, 'className' | 'dtype' | 'config' | 'hasPooler' | 'json'>) => Promise<Taker | null>;

/** Loads a model, into the core or to where `offer` says. On any failure, and on abort, everything that the core took is given back. */
export async function loadModel<Taker extends WeightTaker = never>(
  core: Core,
  source: Source,
  spec: ModelSpec,
  call: LoadCallOptions = {},
  offer?: Offer<Taker>,
): Promise<{ model: CoreModel; taker: null; facts: LoadedFacts } | { model: null; taker: Taker; facts: LoadedFacts }> {
  const load = new Load(core, source, call);
  try {
    const { model, ...created } = await load.createModel(spec);
    let kept = false;
    try {
      const taker = (await offer?.(created)) ?? null;
      throwIfAborted(call.signal);
      if (taker) return { model: null, taker, facts: { ...created, ...(await fillElsewhere(core, load, model, taker)) } };
      const report = load.checked(unwrap(model.bind(load.checkpoint)));
      makeRoom(core, source.label, unwrap(model.estimate()));
      await load.pump('weights', report.fillBytes);
      await load.finish();
      unwrap(model.finish());
      load.report('ready', '', 0, 0);
      const estimate = unwrap(model.estimate());
      kept = true;
      return { model, taker: null, facts: { ...created, dtype: inCore(created.dtype), report, estimate } };
    } finally {
      if (!kept) model.delete();
    }
  } catch (error) {
    throw await load.explained(error);
  } finally {
    await load.end();
  }
}

// A class that saves all names with their prefix.
const FULL_NAMES = 'BeitForImageClassification';

/** Hands a model's weights over by the path of a conversion: of the model only its list of tensors is used. */
async function fillElsewhere(
  core: Core,
  load: Load,
  model: CoreModel,
  taker: WeightTaker,
): Promise<Pick<LoadedFacts, 'report' | 'estimate'>> {
  const estimate = unwrap(model.estimate());
  const conversion = unwrap(model.convert(load.checkpoint, FULL_NAMES, elementTypeOf('f32')));
  try {
    const report = load.checked(unwrap(conversion.report()));
    const tensors = unwrap(conversion.tensors());
    await load.pump('weights', report.fillBytes, async () => {
      for (const { tensor, data } of unwrap(conversion.take())) await taker.put(tensors[tensor]!.name, owned(core, data));
    });
    unwrap(conversion.finish());
    await load.finish();
    await taker.finish();
    load.report('ready', '', 0, 0);
    return { report, estimate };
  } finally {
    conversion.delete();
  }
}

/**
 * Takes the memory that filling will need at once, or throws out-of-memory before a byte of it is
 * read. The largest tensor's has been taken by bind().
 */
function makeRoom(core: Core, where: string, { weights: needed, staging }: CoreModelEstimate): void {
  const available = availableIn(core);
  if (needed > available) {
    throw new OutOfMemoryError(
      `${where}: loading this model needs ${needed} bytes of memory, and ${available} of at most ${core.maximum} are left.`,
      { needed, available, where },
    );
  }
  // A tensor that is rearranged is held a second time; to grow for that later would take a fifth more.
  reserve(core, needed + staging);
}

/** Reads only the index, and tells how the checkpoint fits the model. */
export async function inspectModel(core: Core, source: Source, spec: ModelSpec, call: LoadCallOptions = {}): Promise<Inspection> {
  const load = new Load(core, source, call);
  try {
    const { model, ...created } = await load.createModel(spec);
    try {
      const report = load.checked(unwrap(model.inspect(load.checkpoint)));
      return { ...created, report, estimate: unwrap(model.estimate()), tensors: [...load.tensors] };
    } finally {
      model.delete();
    }
  } catch (error) {
    throw await load.explained(error);
  } finally {
    await load.end();
  }
}

/**
 * Writes the checkpoint as one safetensors file with transformers' names, its values of type `dtype`.
 * Of the model only its list of tensors is made: with int8, of one that computes so. The memory that this takes is that of the largest tensor.
 */
export async function convertModel(
  core: Core,
  source: Source,
  spec: ModelSpec,
  dtype: ConversionType,
  sink: ConversionSink,
  call: LoadCallOptions = {},
): Promise<ConversionFacts> {
  const load = new Load(core, source, call);
  try {
    const { model, className: loaded, config, json } = await load.createModel({ ...spec, dtype: dtype === 'int8' ? 'int8' : 'f32' });
    const className = savedClassOf(loaded, config['modelType'], spec.className === 'auto');
    let conversion: CoreConversion;
    try {
      conversion = unwrap(model.convert(load.checkpoint, className, elementTypeOf(dtype)));
    } finally {
      model.delete();
    }
    try {
      const report = load.checked(unwrap(conversion.report()));
      const tensors = unwrap(conversion.tensors());
      const { bytes, begin, offsets } = convertedFile(tensors);
      const taken = async (promise: void | Promise<void>): Promise<void> => {
        if (promise) await abortable(promise, call.signal, () => undefined);
      };
      await taken(sink.begin(load.fileNames(), bytes, begin));
      await load.pump('weights', report.fillBytes, async () => {
        for (const { tensor, data } of unwrap(conversion.take())) await taken(sink.write(offsets[tensor]!, owned(core, data)));
      });
      await load.finish();
      unwrap(conversion.finish());
      load.report('ready', '', 0, 0);
      return { className, json, report, bytes, tensors };
    } finally {
      conversion.delete();
    }
  } catch (error) {
    throw await load.explained(error);
  } finally {
    await load.end();
  }
}

const MAY_BE_SPOILT: readonly ErrorCode[] = ['malformed', 'truncated', 'html', 'unsupported'];

class Load {
  readonly checkpoint: CoreCheckpoint;
  /** Optional files that the server refused. */
  readonly refusals = new Refusals();
  private readonly files = new Map<string, SourceFile>();
  private readonly configs = new Map<string, ConfigFields>();
  private readonly breather = new Breather();
  /** Those that come as wholes, before they are read. */
  private ahead: ReadonlySet<string> = new Set();
  private staging: Block | null = null;
  /** Those of the index, once it has been read: they come out of the core one by one. */
  tensors: readonly CoreTensorEntry[] = [];
  private readonly share = new LoadShare();
  private readonly watch: SourceWatch;
  private readonly source: Source;

  constructor(
    private readonly core: Core,
    source: Source,
    private readonly call: LoadCallOptions,
  ) {
    this.source = stoppable(source, call.signal);
    this.watch = {
      onDownload: (name, loaded, total) => this.report('download', name, loaded, total),
      onWarning: call.onWarning,
    };
    this.checkpoint = unwrap(core.createCheckpoint());
  }

  report(phase: Phase, file: string, loaded: number, total: number): void {
    const share = this.share.after(phase, file, loaded, total);
    tell(this.call.onProgress, { phase, file, loaded, total, tensors: this.tensors.length, share });
  }

  /**
   * Makes the model and reads the index. What the config leaves open the tensors tell: all of it
   * where there is none or timm's, the class where it names none.
   */
  async createModel(spec: ModelSpec): Promise<Created> {
    const { signal } = this.call;
    throwIfAborted(signal);
    this.report('config', CONFIG_FILE, 0, 0);
    // Beside a tokenizer's file lies a BEiT's config, if any.
    const given = spec.configJson ?? (isTokenizerClass(spec.className) ? null : await this.readConfigText());
    const timm = given === null ? null : timmConfigOf(given);
    const json = timm ? null : given;
    throwIfAborted(signal);
    const named = spec.className === 'auto' ? json && this.architectureOf(json) : spec.className;
    let text = json;
    let created = json !== null && named ? this.make(json, named, spec) : null;
    try {
      await this.readIndex(spec, named ?? '');
      let className = named;
      if (!created) {
        const shapes = unwrap(this.checkpoint.deriveConfig());
        const derived = timm ? withTimm(shapes, timm) : shapes;
        text ??= derived;
        className ??= this.architectureOf(derived) ?? 'BeitModel';
      }
      const chosen = { ...spec, dtype: spec.dtype ?? this.storedType() };
      if (created && created.dtype !== chosen.dtype) {
        created.model.delete();
        created = null;
      }
      created ??= this.make(text!, className!, chosen);
      return this.fitPooler(created, text!, chosen);
    } catch (error) {
      created?.model.delete();
      throw error;
    }
  }

  private async readConfigText(): Promise<string | null> {
    try {
      return await readText(this.source, CONFIG_FILE, this.call.signal, this.watch);
    } catch (error) {
      if (!countsAsMissing(error)) throw error;
      if (this.refusals.add(CONFIG_FILE, error)) tell(this.watch.onWarning, error);
      return null;
    }
  }

  /** Returns what a model computes with by default: int8 where its checkpoint is stored so. */
  private storedType(): DType {
    return this.tensors.some(({ dtype }) => dtype === 'I8') ? 'int8' : 'f32';
  }

  private make(json: string, className: string, spec: ModelSpec): Created {
    const { dtype = 'f32', layerNormEps } = spec;
    const hasPooler = spec.addPoolingLayer !== false;
    const config = isTokenizerClass(className) ? tokenizerConfig(json) : this.fieldsOf(json);
    const made = this.core.createModel(json, className, { ...spec, dtype: inCore(dtype), addPoolingLayer: hasPooler });
    const saved = made.ok ? className : this.architectureOf(json);
    if (!made.ok && saved && saved !== className && made.error.code === 'bad-config') {
      // Of another class's config the fields of this class's head say nothing that a user could mend.
      const what = `it was saved as ${saved}, and its config lacks what ${className} needs`;
      throw failure('bad-config', this.source.label, `${what} (${made.error.message.replace(/\.$/, '')})`);
    }
    const model = unwrap(made);
    for (const [name, tensor] of Object.entries(spec.replaced ?? {})) unwrap(model.replace(name, tensor));
    return { model, className, dtype, config: layerNormEps === undefined ? config : { ...config, layerNormEps }, hasPooler, json };
  }

  /** Returns the same model without its pooler where that is up to the checkpoint, and the checkpoint has none. */
  private fitPooler(created: Created, json: string, spec: ModelSpec): Created {
    if (spec.addPoolingLayer !== 'auto') return created;
    const missing = ({ model }: Created): number => unwrap(model.inspect(this.checkpoint)).missing.length;
    const wanted = missing(created);
    if (wanted === 0) return created;
    const bare = this.make(json, created.className, { ...spec, addPoolingLayer: false });
    const [kept, dropped] = missing(bare) < wanted ? [bare, created] : [created, bare];
    dropped.model.delete();
    return kept;
  }

  /** Returns a config's fields. Thousands of labels take their time to come out of the core, so they come once. */
  private fieldsOf(json: string): ConfigFields {
    const known = this.configs.get(json);
    if (known) return known;
    const fields = unwrap(this.core.readConfig(json));
    this.configs.set(json, fields);
    return fields;
  }

  /** Returns the class that a config names, or null. */
  private architectureOf(json: string): string | null {
    const { architectures } = this.fieldsOf(json);
    const first: unknown = Array.isArray(architectures) ? architectures[0] : undefined;
    return typeof first === 'string' ? first : null;
  }

  private async readIndex(spec: ModelSpec, className: string): Promise<void> {
    const names = await this.weightFiles(spec, className);
    this.share.expect(new Map(names.map((name) => [name, -1])));
    await severalAtOnce(names, FILES_AT_ONCE, async (name) => void (await this.open(name)));
    for (const name of names) unwrap(this.checkpoint.addFile(name, this.files.get(name)!.size));
    await this.pump('index', 0);
    this.fetchAhead(names);
    this.tensors = unwrap(this.checkpoint.tensors());
  }

  /** Has files that are kept come while the first one is read. What fails there, reading it finds. */
  private fetchAhead(names: readonly string[]): void {
    const sizes = new Map(names.map((name) => [name, this.files.get(name)!.size]));
    this.ahead = new Set(names.slice(1).filter((name) => this.files.get(name)!.keeping));
    this.share.expect(sizes, this.ahead);
    severalAtOnce(this.ahead, FILES_AT_ONCE - 1, async (name) => this.files.get(name)!.fetchAll!()).catch(() => undefined);
  }

  /** Has the files verified and kept as wholes, where they are to be. */
  async finish(): Promise<void> {
    for (const file of this.files.values()) await file.finish?.();
    throwIfAborted(this.call.signal);
  }

  /** Returns the error to be told in the end: what is not well-formed may be a kept copy that was spoilt on its disk. */
  async explained(error: unknown): Promise<unknown> {
    if (error instanceof BeitError && MAY_BE_SPOILT.includes(error.code)) {
      for (const file of this.files.values()) {
        const spoilt = await file.discardSpoilt?.().catch(() => false);
        const what = 'what was kept of it has been spoilt since, and is taken away: the next load fetches it again';
        if (spoilt) return failure('corrupt', `${this.source.label}/${file.name}`, what, error);
      }
    }
    return this.refusals.explain(error);
  }

  /** Gives the checkpoint, the staging memory and the files back. */
  async end(): Promise<void> {
    this.staging?.free();
    this.checkpoint.delete();
    for (const file of this.files.values()) await closeQuietly(file);
  }

  /** Returns the report, and warns of a choice that was made between weights. */
  checked(report: CoreBindReport): CoreBindReport {
    if (report.averaged) {
      tell(
        this.watch.onWarning,
        failure(
          'unsupported',
          this.fileNames().join(', '),
          `it holds averaged weights ("${report.averaged}") beside plain ones; the averaged are read, as timm does`,
        ),
      );
    }
    return report;
  }

  /** Returns the names of the files that have been opened. */
  fileNames(): string[] {
    return [...this.files.keys()];
  }

  /** Brings the core all bytes that it asks for in this phase; `taken` is awaited as it takes them. */
  async pump(phase: Phase, total: number, taken?: () => Promise<void>): Promise<void> {
    let loaded = 0;
    this.report(phase, '', 0, total);
    for (;;) {
      throwIfAborted(this.call.signal);
      const wanted = unwrap(this.checkpoint.next());
      if (!wanted) return;
      const file = await this.open(wanted.file);
      if (this.ahead.has(wanted.file)) await file.fetchAll!();
      const moved = async (bytes: number): Promise<void> => {
        loaded += bytes;
        await taken?.();
        this.report(phase, wanted.file, loaded, total);
      };
      const count = file.readSync
        ? await this.readDirectly(file.readSync.bind(file), wanted, moved)
        : await this.readChunks(file, wanted, moved);
      if (count < wanted.length) {
        throwIfAborted(this.call.signal);
        unwrap(this.checkpoint.ended());
        throw failure('truncated', wanted.file, `it ends ${wanted.length - count} bytes early`);
      }
    }
  }

  private async readDirectly(
    readSync: NonNullable<SourceFile['readSync']>,
    wanted: CoreRead,
    moved: (bytes: number) => Promise<void>,
  ): Promise<number> {
    const staging = this.stage();
    let done = 0;
    while (done < wanted.length) {
      const room = Math.min(staging.size, wanted.length - done);
      const count = readSync(staging.view().subarray(0, room), wanted.offset + done);
      if (!(Number.isInteger(count) && count >= 0 && count <= room)) {
        throw mismatch('invalid-argument', `${wanted.file}, readSync()`, `${count} bytes`, `a number from 0 to ${room}`);
      }
      if (count === 0) break;
      unwrap(this.checkpoint.supply(staging.pointer, count));
      done += count;
      await moved(count);
      await this.breather.breathe();
      throwIfAborted(this.call.signal);
    }
    return done;
  }

  private async readChunks(file: SourceFile, wanted: CoreRead, moved: (bytes: number) => Promise<void>): Promise<number> {
    const staging = this.stage();
    let done = 0;
    for await (const chunk of file.read(wanted.offset, wanted.length)) {
      checkChunk(wanted.file, chunk, wanted.length - done);
      for (let start = 0; start < chunk.length; start += staging.size) {
        const piece = chunk.subarray(start, start + staging.size);
        staging.fill(piece);
        unwrap(this.checkpoint.supply(staging.pointer, piece.length));
        done += piece.length;
        await moved(piece.length);
        await this.breather.breathe();
        throwIfAborted(this.call.signal);
      }
    }
    return done;
  }

  private stage(): Block {
    return (this.staging ??= allocate(this.core, CHUNK_BYTES, 'the staging memory of a checkpoint'));
  }

  private async open(name: string): Promise<SourceFile> {
    let file = this.files.get(name);
    if (!file) {
      throwIfAborted(this.call.signal);
      file = await this.source.open(name, this.call.signal, this.watch);
      this.files.set(name, file);
    }
    return file;
  }

  /** Returns the files that hold the weights: one, or the shards that an index names. */
  private async weightFiles(spec: ModelSpec, className: string): Promise<string[]> {
    const { label, weightsName } = this.source;
    const names = weightsName ? [weightsName] : weightsNamesOf(spec, className);
    for (const name of names) {
      try {
        if (isShardIndex(name))
          return unwrap(this.checkpoint.addShardIndex(await readText(this.source, name, this.call.signal, this.watch)));
        await this.open(name);
        return [name];
      } catch (error) {
        if (!countsAsMissing(error) || names.length === 1) throw error;
        this.refusals.add(name, error);
      }
    }
    if (this.source.offline) {
      throw failure(
        'not-found',
        label,
        'its weights are not in the cache, and the option offline forbids to fetch them: load it once without',
      );
    }
    throw failure(
      this.refusals.codeAmong(names) ?? 'not-found',
      label,
      `it has neither ${names.slice(0, -1).join(', ')} nor ${names.at(-1)} (a file of another name is to be given itself)`,
    );
  }
}
