/** The module `beit-wasm`, which is handed in: so there is one of it. Of it are used: */
export interface Beit {
  createPool: unknown;
  resolveSource: unknown;
  DalleTokenizer: unknown;
  writeSafetensors: unknown;
  BeitError: new (...given: never[]) => Error & { code: string };
}

export type BatchTask = 'classify' | 'segment' | 'features' | 'tokenize';
export type BatchFormat = 'jsonl' | 'parquet' | 'arrow' | 'safetensors' | 'png';

export interface JobOptions {
  task: BatchTask;
  /** A checkpoint, as pipeline() takes it. */
  model: unknown;
  /** The folder that shards are written to, or s3://BUCKET/PREFIX, for which the package @aws-sdk/client-s3 has to be there. */
  output: string;
  /** Default: jsonl; of segment png, since lines of JSON have no maps. */
  format?: BatchFormat | undefined;
  /** Those of the task; others are refused. */
  options?:
    | {
        /** classify: how many labels; null for all. */
        topK?: number | null | undefined;
        /** features: as the pipeline's output. */
        layer?: 'pooled' | 'tokens' | number | undefined;
        /** features: vectors of length 1. */
        normalize?: boolean | undefined;
        /** tokenize: pictures are resized to it, in multiples of 8. Default: 112 x 112 */
        size?: { height: number; width: number } | undefined;
      }
    | undefined;
  /** Of createPool(). */
  engines?: number | undefined;
  threads?: number | undefined;
  device?: 'auto' | 'cpu' | 'gpu' | undefined;
  /** For loading: dtype, onProgress and so on. */
  load?: object | undefined;
  /** For finding the model: token, revision, cache and so on. */
  source?: object | undefined;
  signal?: AbortSignal | null | undefined;
}

/** Some pictures of a job, in plain data, which any queue carries. */
export interface Shard {
  number: number;
  /** Of its file: a number, and a sum of what it holds, which model and which options included. */
  name: string;
  /** Paths and URLs. */
  pictures: string[];
}

/** What is known of a picture beside its answer. */
export interface Row {
  path: string;
  sha256: string | null;
  width: number | null;
  height: number | null;
  status: 'ok' | 'error';
  error_code: string | null;
  error_message: string | null;
  milliseconds: number;
}

export interface WriteOptions {
  /** Puts the shard back: nothing is written. */
  signal?: AbortSignal | undefined;
  onPicture?: ((row: Row) => void) | undefined;
  /** All pictures are under way: the next shard may begin. */
  onBegun?: (() => void) | undefined;
  /** The disk has no room: when it resolves, writing is tried again. Without it the shard ends with its error, of code quota. */
  onFull?: ((error: Error) => Promise<void>) | undefined;
  /** stop: a picture that fails ends the shard with its error. Default: skip */
  onError?: 'skip' | 'stop' | undefined;
}

/** What is to be done with pictures, by which model, written how and where. */
export interface Job {
  readonly output: string;
  readonly engines: number;
  /** What every shard has in its metadata. */
  readonly facts: { task: BatchTask; format: BatchFormat; model: string; sum: string; options: object };
  /** Cuts pictures into shards of `size`, at least 1. Throws invalid-argument for what is no whole number. */
  shardsOf(pictures: readonly string[], size: number): Shard[];
  /**
   * Returns the names of those that are finished. Rejects with invalid-argument where the folder is none or holds shards of another model, of other options, of
   * other pictures or of another number of them, and with io where it cannot be made or read.
   */
  finished(shards: readonly Shard[]): Promise<Set<string>>;
  /** Makes the engines and loads the model; the first write() does so, too. */
  open(signal?: AbortSignal): Promise<unknown>;
  /**
   * Takes a shard and writes it, whole or not at all. Rejects where pictures have no answers for a reason that is not theirs: engines are lost and
   * cannot be made anew, a disk or a bucket is away or refuses.
   */
  write(shard: Shard, options?: WriteOptions): Promise<{ path: string; rows: number; errors: number }>;
  /** Returns how many pictures of a finished shard have failed. Rejects with malformed for what is no shard, and as the store does. */
  errorsIn(shard: Shard): Promise<number>;
  /** Removes parts of files that processes which were killed have left. Other files stay, and parts that another process of this machine is writing. */
  tidy(): Promise<void>;
  dispose(): Promise<void>;
}

export declare function openJob(beit: Beit, options: JobOptions): Promise<Job>;

/**
 * Returns the pictures that words of `--input` stand for; `signal` ends that. Rejects with not-found where there is none, with malformed for a table with a cell
 * that is no name, with io for what cannot be read.
 */
export declare function pictureNames(
  beit: Beit,
  words: readonly string[],
  stdin?: NodeJS.ReadableStream,
  signal?: AbortSignal | null,
): Promise<string[]>;

export interface BatchOptions extends JobOptions {
  input: readonly string[];
  /** Default: 2000 */
  shardSize?: number | undefined;
  resume?: boolean | undefined;
  onError?: 'skip' | 'stop' | undefined;
  /** The port on which figures are served. One that is taken is refused. */
  metrics?: number | undefined;
  /** redis://…: shards go on this queue, for workers. */
  queue?: string | undefined;
  /** With `queue`: the model, by a word that workers resolve. */
  modelName?: string | undefined;
  /** With `queue`: whether to wait for the shards. Default: true */
  wait?: boolean | undefined;
}

/** Does what `beit batch` does. Returns the exit status. An option that there is not is refused, here and by the other functions. */
export declare function runBatch(
  beit: Beit,
  options: BatchOptions,
  surroundings?: { print?: (line: string) => void; terminal?: { isTTY?: boolean; columns?: number; write(text: string): unknown } },
): Promise<number>;

export interface WorkerOptions {
  /** redis://… */
  queue: string;
  engines?: number | undefined;
  threads?: number | undefined;
  device?: 'auto' | 'cpu' | 'gpu' | undefined;
  metrics?: number | undefined;
  /** Seconds after which a shard comes back whose worker is silent. Default: 30 */
  lock?: number | undefined;
  /** Returns the checkpoint that a batch names, and options for loading it. */
  openModel(name: string | null, task: BatchTask): Promise<{ source: unknown; load?: object }>;
}

/** Does what `beit worker` does, until SIGINT or SIGTERM. Returns the exit status. */
export declare function runWorker(beit: Beit, options: WorkerOptions): Promise<number>;

/** What is on a queue. */
export interface QueueStatus {
  paused: boolean;
  /** Shards that no worker has. */
  waiting: number;
  active: number;
  workers: number;
  failed: number;
  /** The first of those that failed. */
  failures: { shard: string; reason: string }[];
}

/** Does what `beit queue` does: `drain` takes off the shards that no worker has. Rejects with network where the queue cannot be reached. */
export declare function controlQueue(
  beit: Beit,
  options: { queue: string; action: 'status' | 'pause' | 'resume' | 'drain'; json?: boolean | undefined },
): Promise<QueueStatus>;

export interface SimilarOptions {
  /** What a batch of features has written: a folder, or s3://BUCKET/PREFIX. */
  set: string;
  /** Pictures of the set, by the names that it has for them, or others. */
  pictures?: readonly string[] | undefined;
  /** Default: 10 */
  count?: number | undefined;
  /** Instead of `pictures`: groups of pictures of the set that are at least so similar. */
  duplicates?: number | undefined;
  /** A file for a page that shows what was found. */
  html?: string | undefined;
  json?: boolean | undefined;
  /** Returns the set's model, for pictures that the set has not. */
  openModel?: ((name: string) => Promise<{ source: unknown; load?: object }>) | undefined;
}

/** Does what `beit similar` does: all vectors are compared, shard by shard. */
export declare function runSimilar(
  beit: Beit,
  options: SimilarOptions,
  surroundings?: { print?: (line: string) => void },
): Promise<{ picture: string; found: { path: string; similarity: number }[] }[]>;
