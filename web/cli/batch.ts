import { platform } from '#platform';
import { resolveSource } from '../api/configure.js';
import { DalleTokenizer } from '../api/dalle-tokenizer.js';
import { createPool } from '../api/pipelines/pool.js';
import { DTYPES } from '../api/pretrained.js';
import { BeitError, sentenceOf } from '../base/errors.js';
import { writeSafetensors } from '../base/safetensors-writer.js';
import type { Size } from '../base/tensors.js';
import { DEVICES } from '../engine/devices.js';
import type { Source } from '../sources/source.js';
import { oneOf, usageError, wholeNumber, type CommandSpec, type OptionSpec, type Parsed } from './arguments.js';
import { openSource } from './downloads.js';
import { layer } from './features.js';
import { size } from './tokenize.js';

const TASKS = ['classify', 'segment', 'features', 'tokenize'] as const;
export type Task = (typeof TASKS)[number];
const FORMATS = ['jsonl', 'parquet', 'arrow', 'safetensors', 'png'];
const MOST = 999_999_999;
const MOST_PORT = 65_535;

// Joined, for bundlers not to look for a package that need not be there.
const PACKAGE = ['beit', 'wasm', 'batch'].join('-');

/** Options of one task: with another one each would change nothing. */
const OF_TASK: Readonly<Record<string, Task>> = { 'top-k': 'classify', layer: 'features', normalize: 'features', size: 'tokenize' };

/** What beit-wasm-batch has of the library, which so is there once. */
export const library = { createPool, resolveSource, DalleTokenizer, BeitError, writeSafetensors };

/** What that package exports. */
interface BatchPackage {
  runBatch(beit: typeof library, given: object): Promise<number>;
  runWorker(beit: typeof library, given: object): Promise<number>;
  runSimilar(beit: typeof library, given: object): Promise<unknown>;
  controlQueue(beit: typeof library, given: object): Promise<unknown>;
}

const JOB_OPTIONS: readonly OptionSpec[] = [
  { name: 'task', value: TASKS.join('|'), help: 'what is done with each picture', required: true, parse: oneOf(TASKS) },
  { name: 'output', value: 'FOLDER', help: 'where shards are written, or s3://…', required: true },
  { name: 'model', value: 'SOURCE', help: 'a hub id, a URL, a folder or a weights file (default: that of beit-wasm-samples)' },
  { name: 'format', value: FORMATS.join('|'), help: 'of the shards (default: jsonl; of segment png)', parse: oneOf(FORMATS) },
  { name: 'shard-size', value: 'N', help: 'pictures in a shard (default: 2000)', parse: wholeNumber(MOST) },
  { name: 'top-k', value: 'N', help: 'classify: how many labels (default: 5)', parse: wholeNumber(MOST) },
  { name: 'layer', value: 'pooled|tokens|N', help: 'features: which, as in beit features (default: pooled)', parse: layer },
  { name: 'normalize', help: 'features: vectors of length 1' },
  { name: 'size', value: 'N|HEIGHTxWIDTH', help: 'tokenize: resize pictures to it (default: 112)', parse: size },
];

const DTYPE: OptionSpec = {
  name: 'dtype',
  value: DTYPES.join('|'),
  help: 'what models compute with (default: as the checkpoint is stored)',
  parse: oneOf(DTYPES),
};

export const RUN_OPTIONS: readonly OptionSpec[] = [
  { name: 'engines', value: 'N', help: 'engines side by side, 1 to 64 (default: one per processor, at most 8)', parse: wholeNumber(64) },
  { name: 'threads', value: 'N', help: 'threads of each engine (default: 1)', parse: wholeNumber(64) },
  { name: 'device', value: DEVICES.join('|'), help: 'what models compute on (default: cpu)', parse: oneOf(DEVICES) },
  { name: 'metrics', value: 'PORT', help: 'serve /metrics for Prometheus, and /health', parse: wholeNumber(MOST_PORT) },
];

export const batch: CommandSpec = {
  name: 'batch',
  summary: 'does many pictures into files, and goes on where it was ended (package beit-wasm-batch)',
  operands: { name: '[INPUT…]', least: 0, most: Infinity },
  options: [
    {
      name: 'input',
      value: 'INPUT',
      help: 'a picture, a folder, a pattern, a list.txt, a table.parquet, a URL, s3://…, or - for a list on stdin',
    },
    ...JOB_OPTIONS,
    { name: 'resume', help: 'go on with a batch: shards that are finished stay' },
    {
      name: 'on-error',
      value: 'skip|stop',
      help: 'at a picture that fails: go on, or stop (default: skip)',
      parse: oneOf(['skip', 'stop']),
    },
    DTYPE,
    { name: 'queue', value: 'redis://…', help: 'put the shards on a queue, of which beit worker takes them' },
    { name: 'no-wait', help: 'with --queue: do not wait for the shards' },
    ...RUN_OPTIONS,
  ],
  details: [
    'A row a picture: path, sha256, width, height, status, error_code, error_message, milliseconds, and the answer.',
    'SIGINT finishes the shard under way; a second one, or SIGTERM, puts it back.',
  ],
  async run(parsed) {
    const named = parsed.value<string>('input');
    const input = [...(named === undefined ? [] : [named]), ...parsed.operands];
    if (input.length === 0) throw usageError('The option --input INPUT is missing; see beit batch --help.');
    checkTogether(parsed);
    const { runBatch } = await batchPackage();
    return runBatch(library, {
      ...(await jobOf(parsed)),
      input,
      resume: parsed.flag('resume'),
      queue: parsed.value('queue'),
      wait: !parsed.flag('no-wait'),
    });
  },
};

/** Throws a usage error for options that have no effect together: whoever gives one counts on it. */
function checkTogether(parsed: Parsed): void {
  const isGiven = (name: string) => parsed.flag(name) || parsed.value(name) !== undefined;
  const task = parsed.value<Task>('task')!;
  for (const [name, own] of Object.entries(OF_TASK))
    if (own !== task && isGiven(name)) throw usageError(`The option --${name} is of --task ${own}, and has no effect with --task ${task}.`);
  if (!isGiven('queue')) {
    if (isGiven('no-wait')) throw usageError('The option --no-wait has no effect without --queue redis://….');
    return;
  }
  if (parsed.value('on-error') === 'stop')
    throw usageError('The option --on-error cannot be "stop" with --queue: machines do not wait for each other.');
  for (const { name } of RUN_OPTIONS)
    if (isGiven(name)) throw usageError(`The option --${name} has no effect with --queue; give it to beit worker, which does the shards.`);
}

/** Returns the package that does batches. Rejects with a sentence where it is not installed. */
export async function batchPackage(): Promise<BatchPackage> {
  try {
    return (await import(PACKAGE)) as BatchPackage;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw usageError(
      `This command needs the package ${PACKAGE}, which is not installed: run "npm install ${PACKAGE}" (${sentenceOf(error)}).`,
    );
  }
}

/** Returns the options of a job as that package takes them. */
async function jobOf(parsed: Parsed): Promise<object> {
  const task = parsed.value<Task>('task')!;
  const ofTask = {
    classify: { topK: parsed.value<number>('top-k') ?? 5 },
    features: { layer: parsed.value('layer') ?? 'pooled', normalize: parsed.flag('normalize') },
    segment: {},
    tokenize: { size: parsed.value<Size>('size') },
  };
  const { source, watch } = await openSource(parsed.value<string>('model'));
  return {
    task,
    model: source ?? (await sampleFor(task)),
    output: parsed.value<string>('output'),
    format: parsed.value<string>('format'),
    options: ofTask[task],
    load: { ...watch, dtype: parsed.value('dtype') },
    shardSize: parsed.value<number>('shard-size'),
    onError: parsed.value('on-error'),
    modelName: parsed.value<string>('model'),
    ...runOptions(parsed),
  };
}

export function runOptions(parsed: Parsed): object {
  return {
    engines: parsed.value<number>('engines'),
    threads: parsed.value<number>('threads'),
    device: parsed.value('device'),
    metrics: parsed.value<number>('metrics'),
  };
}

export async function sampleFor(task: Task): Promise<Source> {
  if (task === 'tokenize')
    throw usageError('The option --model is missing: --task tokenize needs a folder or URL with an encoder and a decoder.');
  return platform.sample(task === 'segment' ? 'segmentation' : 'classifier');
}
