import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isBegun } from '../api/training/begun.js';
import { RECIPE_FILE, STATE_FILE } from '../api/training/files.js';
import { rowsOf, type TrainingStep } from '../api/training/log.js';
import { train as startRun, type TrainingFacts, type TrainingRun } from '../api/training/train.js';
import type { LabelledImage, Method, TrainOptions } from '../api/training/options.js';
import { BeitError, failure, mismatch, sentenceOf } from '../base/errors.js';
import { attemptWrite, checkModelFolder } from '../platform/written-file-node.js';
import { numberFrom, oneOf, usageError, wholeNumber, type CommandSpec, type OptionSpec, type Parsed } from './arguments.js';
import { complain } from './complaints.js';
import { openSource } from './downloads.js';
import { ENGINE_OPTIONS, engineOptions } from './engine-options.js';
import { EventFile } from './event-file.js';
import { checkFolder, isFolder, readJson, sameFile } from './files.js';
import { readImageFolder, readValidation, unlabelled, type LabelledFile } from './image-folder.js';
import { bar } from './progress-bar.js';

const MOST = 1_000_000;
/** What a shell shows for a program that SIGINT ended. */
const INTERRUPTED_STATUS = 130;

/** The options that are the recipe's, by its own names. */
const RECIPE: Readonly<Record<string, OptionSpec>> = {
  task: {
    name: 'task',
    value: 'classification|mim',
    help: 'learn labels, or tokens of hidden patches, as BEiT is pre-trained (default: classification)',
    parse: oneOf(['classification', 'mim']),
  },
  epochs: { name: 'epochs', value: 'N', help: 'how often each picture is learned from (default: 10)', parse: wholeNumber(MOST) },
  batch: { name: 'batch', value: 'N', help: 'pictures of a step (default: 32)', parse: wholeNumber(MOST) },
  microBatch: {
    name: 'micro-batch',
    value: 'N',
    help: 'of these, how many are passed through at a time: more take more memory (default: 4; base and large: 2)',
    parse: wholeNumber(MOST),
  },
  rate: { name: 'rate', value: 'X', help: 'the highest learning rate (default: by width and method)', parse: numberFrom(0, 100) },
  warmup: { name: 'warmup', value: 'X', help: 'the share of steps in which the rate rises (default: 0.1)', parse: numberFrom(0, 1) },
  layerDecay: {
    name: 'layer-decay',
    value: 'X',
    help: 'the rate of a layer beside that of the next (default: 0.75; vectors, mim: 1)',
    parse: numberFrom(1e-6, 1),
  },
  dropPath: { name: 'drop-path', value: 'X', help: "how often a branch is dropped (default: the config's)", parse: numberFrom(0, 0.95) },
  smoothing: { name: 'smoothing', value: 'X', help: 'of labels (default: 0.1)', parse: numberFrom(0, 0.99) },
  mixup: { name: 'mixup', value: 'X', help: 'mix pictures; 0.8 is usual (default: 0, do not)', parse: numberFrom(0, 100) },
  cutmix: {
    name: 'cutmix',
    value: 'X',
    help: 'put parts of others into pictures; 1 is usual (default: 0, do not)',
    parse: numberFrom(0, 100),
  },
  augment: {
    name: 'augment',
    value: 'none|light|strong',
    help: 'chance changes of pictures (default: light; mim: strong)',
    parse: oneOf(['none', 'light', 'strong']),
  },
  views: {
    name: 'views',
    value: 'N',
    help: 'forms that a picture is changed to, in turn; with last:N each goes through the frozen layers once (default: 0, ever new ones)',
    parse: wholeNumber(MOST),
  },
  decay: { name: 'decay', value: 'X', help: 'weight decay (default: 0.05)', parse: numberFrom(0, 100) },
  movingAverage: {
    name: 'average',
    value: 'X',
    help: 'judge and save an average of the weights with this decay, such as 0.998 (default: 0, none)',
    parse: numberFrom(0, 0.9999999),
  },
  conventions: {
    name: 'conventions',
    value: 'unilm|transformers',
    help: 'whose rules of weight decay, warm-up and new heads (default: unilm)',
    parse: oneOf(['unilm', 'transformers']),
  },
  head: {
    name: 'head',
    value: 'keep|new',
    help: 'what the head begins with (default: keep, if the labels are the same)',
    parse: oneOf(['keep', 'new']),
  },
  maskRatio: {
    name: 'mask-ratio',
    value: 'X',
    help: 'mim: the share of patches that is hidden (default: 75 of 14 x 14)',
    parse: numberFrom(0.001, 1),
  },
  seed: { name: 'seed', value: 'N', help: 'of all that is random (default: 0)', parse: numberFrom(0, 2 ** 32) },
};

export const train: CommandSpec = {
  name: 'train',
  summary: 'trains a checkpoint on pictures in folders',
  operands: { name: 'DIR', least: 1, most: 1 },
  options: [
    { name: 'out', value: 'FOLDER', writes: 'folder', help: 'where the model and its checkpoints are written', required: true },
    { name: 'method', value: 'vectors|full|last:N', help: 'what learns (default: vectors; mim: full)', parse: method },
    { name: 'model', value: 'SOURCE', help: 'the checkpoint to begin with (default: the classifier of beit-wasm-samples)' },
    { name: 'tokenizer', value: 'SOURCE', help: "mim: DALL-E's tokenizer, a folder or URL with its encoder (.pkl or .safetensors)" },
    ...Object.values(RECIPE),
    {
      name: 'validation',
      value: 'DIR|X',
      help: 'pictures to judge by, or the share that is set apart (default: DIR/validation, else 0.15)',
    },
    { name: 'keep', value: 'best|last', help: 'which model FOLDER gets (default: best)', parse: oneOf(['best', 'last']) },
    { name: 'dtype', value: 'f16|f32', help: "the element type of FOLDER's model (default: f32)", parse: oneOf(['f16', 'f32']) },
    { name: 'resume', help: 'go on from the newest checkpoint in FOLDER, by its recipe; what is given besides has to be the same' },
    { name: 'log', value: 'FILE', help: 'write a line of JSON for each step and each judgement' },
    { name: 'tensorboard', value: 'FOLDER', help: "write an event file for TensorBoard's page" },
    ...ENGINE_OPTIONS.filter(({ name }) => name !== 'dtype' && name !== 'device'),
  ],
  details: [
    'DIR has a folder for each label, or such folders in train and validation; for mim pictures in any folders. FOLDER gets the model, as transformers reads it, and',
    'checkpoint-N, to go on from (--resume); a folder that has one is refused otherwise. Ctrl+C ends the run after its step. It takes the package',
    'beit-wasm-training.',
  ],
  async run(parsed) {
    const out = parsed.value<string>('out')!;
    const resume = parsed.flag('resume') ? newestCheckpoint(out) : null;
    if (!resume) checkFresh(out);
    checkModelFolder(out);
    const { options, pictures } = await optionsOf(parsed, out, resume);
    const run = startRun(options);
    try {
      return await follow(run, parsed, out, pictures, resume);
    } finally {
      await run.dispose();
    }
  },
};

function method(text: string): Method | null {
  return /^(vectors|full|last:\d{1,3})$/.test(text) ? (text as Method) : null;
}

async function optionsOf(parsed: Parsed, out: string, resume: string | null): Promise<{ options: TrainOptions; pictures: number }> {
  const masked = parsed.value<string>('task') === 'mim';
  const tokenizer = parsed.value<string>('tokenizer');
  if (masked && tokenizer === undefined)
    throw usageError('The option --task mim needs --tokenizer SOURCE, which tells the tokens of patches.');
  if (!masked && tokenizer !== undefined) throw usageError('The option --tokenizer is for --task mim.');
  const told = masked ? unlabelled : undefined;
  const { training, validation: apart } = readImageFolder(parsed.operands[0]!, told);
  const given = parsed.value<string>('validation');
  const share = given === undefined ? null : numberFrom(0, 0.9)(given);
  const known = resume === null ? undefined : shareIn(resume);
  if (known === null && share !== null)
    throw mismatch('invalid-argument', '--validation', given!, 'the folder of the pictures that the run is judged by');
  // A share that the run has set apart is its own to know.
  const judged = given !== undefined ? (share ?? readValidation(given, told)) : typeof known === 'number' ? undefined : apart;
  const { source, watch } = await openSource(parsed.value<string>('model'));
  const description = source?.describe();
  if (description?.kind === 'folder' && (resolve(description.folder) === resolve(out) || sameFile(description.folder, out)))
    throw mismatch('invalid-argument', '--out', `${out}, the folder of the checkpoint, which would be overwritten`, 'another folder');
  const { task: _task, ...recipe } = Object.fromEntries(Object.entries(RECIPE).map(([field, { name }]) => [field, parsed.value(name)]));
  const { dtype: _, device: __, ...engine } = engineOptions(parsed);
  // A run that goes on has its own.
  const usual = resume !== null ? undefined : masked ? 'full' : 'vectors';
  const common = {
    ...recipe,
    ...engine,
    ...watch,
    method: (parsed.value<Method>('method') ?? usual) as Method,
    model: source,
    resume: resume ?? undefined,
  };
  const of = <T>(tell: (file: LabelledFile) => T) => ({
    data: training.map(tell),
    validation: typeof judged === 'number' ? judged : judged?.map(tell),
  });
  const options: TrainOptions =
    tokenizer === undefined
      ? { ...common, ...of(({ label, path }): LabelledImage => ({ image: path, label })) }
      : { ...common, ...of(({ path }) => path), task: 'mim', tokenizer: (await openSource(tokenizer)).source };
  return { options, pictures: training.length };
}

/** Throws invalid-argument for a folder that has checkpoints of a run, which nobody could tell from those of another. */
function checkFresh(out: string): void {
  if (!isFolder(out)) return;
  const numbers = checkpointsIn(out);
  if (numbers.length === 0) return;
  const got = `${out}, which has checkpoint-${Math.max(...numbers)} of a run`;
  throw mismatch('invalid-argument', '--out', got, '--resume, to go on with it, or another folder');
}

/** Returns the folder checkpoint-N with the greatest N. Throws not-found. */
function newestCheckpoint(out: string): string {
  checkFolder(out);
  const numbers = checkpointsIn(out);
  if (numbers.length === 0) throw failure('not-found', out, 'there is no checkpoint to go on from');
  return join(out, `checkpoint-${Math.max(...numbers)}`);
}

function checkpointsIn(out: string): number[] {
  try {
    // trainer_state.json is written last: what has none broke off.
    return readdirSync(out, { withFileTypes: true }).flatMap((entry) => {
      const [, number] = /^checkpoint-(\d+)$/.exec(entry.name) ?? [];
      return number && entry.isDirectory() && readdirSync(join(out, entry.name)).includes(STATE_FILE) ? [Number(number)] : [];
    });
  } catch (error) {
    throw failure('io', out, `the folder cannot be read (${sentenceOf(error)})`, error);
  }
}

/** Returns the share that a run has set apart; null where it is judged by other pictures, undefined where its state does not say so. */
function shareIn(checkpoint: string): number | null | undefined {
  const { begun } = readJson(join(checkpoint, RECIPE_FILE));
  return isBegun(begun) ? begun.share : undefined;
}

/** Opens a run; what its errors say of options and operands has the names that these have here. */
async function openRun(run: TrainingRun): Promise<TrainingFacts> {
  try {
    return await run.open();
  } catch (error) {
    if (!(error instanceof BeitError)) throw error;
    const { code, where, got, expected } = error;
    const [, option] = Object.entries(RECIPE).find(([field]) => field === where) ?? [];
    const known = option?.name ?? ['method', 'model', 'validation'].find((name) => name === where);
    if ((known === undefined && where !== 'data') || got === '' || expected === '') throw error;
    throw mismatch(code, known === undefined ? 'DIR' : `--${known}`, got, expected);
  }
}

async function follow(run: TrainingRun, parsed: Parsed, out: string, pictures: number, resume: string | null): Promise<number> {
  const keepsBest = (parsed.value<string>('keep') ?? 'best') === 'best';
  const facts = await openRun(run);
  bar.clear();
  for (const line of beginning(facts, pictures)) console.log(line);
  const as = { dtype: parsed.value<'f16' | 'f32'>('dtype') };
  const logFile = parsed.value<string>('log');
  if (logFile !== undefined) attemptWrite(logFile, () => mkdirSync(dirname(logFile), { recursive: true }));
  // Of a run that goes on the file may have steps that are done anew.
  if (logFile !== undefined) attemptWrite(logFile, () => writeFileSync(logFile, linesOf(resume === null ? [] : rowsIn(resume))));
  const board = parsed.value<string>('tensorboard');
  const events = board === undefined ? null : new EventFile(board);
  const line = new StepLine();
  let interrupted = false;
  const onInterrupt = (): void => {
    interrupted = true;
    run.stop();
  };
  process.once('SIGINT', onInterrupt);
  let last: TrainingStep | null = null;
  let best: TrainingStep | null = null;
  try {
    for await (const step of run) {
      last = step;
      line.show(step, facts);
      if (logFile !== undefined) attemptWrite(logFile, () => appendFileSync(logFile, linesOf(rowsOf(step))));
      events?.write(step.step, scalarsOf(step));
      if (step.step % facts.stepsPerEpoch !== 0) continue;
      const isBest = step.validation?.best ?? true;
      if (isBest) best = step;
      line.clear();
      console.log(verdictOf(step, isBest && step.validation !== null, facts.labels.length === 0));
      if (isBest && keepsBest) await run.save(out, as);
      await writeCheckpoint(run, out, step.step);
    }
    line.clear();
    if (last && last.step % facts.stepsPerEpoch !== 0) await writeCheckpoint(run, out, last.step);
    // Of an epoch that was not judged the weights may be worse than those that are kept.
    if (!keepsBest || (best === null && facts.resumedAt === 0)) await run.save(out, as);
  } finally {
    process.off('SIGINT', onInterrupt);
    line.clear();
  }
  console.log(`${out}: the ${keepsBest ? 'best' : 'last'} model, and checkpoint-${last?.step ?? facts.resumedAt} to go on from (--resume)`);
  if (interrupted) complain(`Stopped after step ${last?.step ?? facts.resumedAt} of ${facts.steps}.`);
  return interrupted ? INTERRUPTED_STATUS : 0;
}

/** Returns what a checkpoint says of the steps up to it. */
function rowsIn(checkpoint: string): object[] {
  return readJson(join(checkpoint, STATE_FILE))['log_history'] as object[];
}

function linesOf(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

/** Writes what the run needs to go on, and removes what an earlier step needed. */
async function writeCheckpoint(run: TrainingRun, out: string, step: number): Promise<void> {
  await run.save(join(out, `checkpoint-${step}`), { state: true });
  for (const number of checkpointsIn(out))
    if (number < step) attemptWrite(out, () => rmSync(join(out, `checkpoint-${number}`), { recursive: true }));
}

function beginning(
  { labels, pictures, validation, steps, learning, parameters, head, estimate, resumedAt }: TrainingFacts,
  all: number,
): string[] {
  return [
    `${pictures} pictures${labels.length > 0 ? ` of ${labels.length} labels` : ''} to learn from${validation > 0 ? `, ${validation} to judge by` : ''}${pictures + validation < all ? ' (some are left out)' : ''}.`,
    `${steps} steps${resumedAt > 0 ? `, of which ${resumedAt} are done` : `, beginning with ${head === 'keep' ? "the checkpoint's" : 'a new'} head`}; ${learning} of ${parameters} parameters learn; ${(estimate / 1e6).toFixed(0)} MB of memory.`,
  ];
}

function verdictOf({ epoch, loss, validation }: TrainingStep, isBest: boolean, masked: boolean): string {
  const told = `Epoch ${Math.round(epoch)}: loss ${loss.toFixed(4)}`;
  if (!validation) return told;
  const { accuracy, pictures } = validation;
  const share = `${(accuracy * 100).toFixed(1)} %`;
  const right = masked
    ? `judged ${validation.loss.toFixed(4)}, right on ${share} of the hidden patches`
    : `right on ${Math.round(accuracy * pictures)} of ${pictures} (${share})`;
  return `${told}, ${right}${isBest ? ', the best so far' : ''}`;
}

/** By the Trainer's names. */
function scalarsOf({ loss, accuracy, rate, gradientNorm, epoch, validation }: TrainingStep): Record<string, number> {
  return {
    'train/loss': loss,
    ...(accuracy !== null && { 'train/accuracy': accuracy }),
    'train/learning_rate': rate,
    'train/grad_norm': gradientNorm,
    'train/epoch': epoch,
    ...(validation && { 'eval/loss': validation.loss, 'eval/accuracy': validation.accuracy }),
  };
}

/** One line of a terminal that tells how far a run is. */
class StepLine {
  private drawn = false;

  show({ step, steps, loss, accuracy, picturesPerSecond, secondsLeft }: TrainingStep, { stepsPerEpoch }: TrainingFacts): void {
    if (!process.stderr.isTTY) return;
    const parts = [
      `epoch ${Math.ceil(step / stepsPerEpoch)} of ${steps / stepsPerEpoch}`,
      `step ${step} of ${steps}`,
      `loss ${loss.toFixed(4)}`,
      ...(accuracy === null ? [] : [`right ${(accuracy * 100).toFixed(0)} %`]),
      `${picturesPerSecond.toPrecision(3)} pictures/s`,
      `${duration(secondsLeft)} left`,
    ];
    process.stderr.write(`\r\x1b[K${parts.join('  ').slice(0, Math.max((process.stderr.columns ?? 80) - 1, 0))}`);
    this.drawn = true;
  }

  clear(): void {
    if (this.drawn) process.stderr.write('\r\x1b[K');
    this.drawn = false;
  }
}

/** Returns "1 h 20 min", "3 min 20 s" or "12 s". */
function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
