/**
 * The options of what the package exports, by their names: what each has to be, as a test and in words. One that there is not is refused: it would change
 * nothing, and nobody would hear of it.
 */
import { givenOptions, kindOf, wrongKind } from './inputs.js';

const isWhole = (value) => Number.isInteger(value) && value >= 1;
const has = (value, name) => kindOf(value) === 'object' && value[name] !== undefined;

const ANY = [() => true, 'anything'];
const TEXT = [(value) => typeof value === 'string', 'a text'];
const TEXT_OR_NULL = [(value) => value === null || typeof value === 'string', 'a text'];
const WHOLE = [isWhole, 'a whole number of at least 1'];
const POSITIVE = [(value) => Number.isFinite(value) && value > 0, 'a number above 0'];
const NUMBER = [Number.isFinite, 'a number'];
const SWITCH = [(value) => typeof value === 'boolean', 'true or false'];
const FUNCTION = [(value) => typeof value === 'function', 'a function'];
const OBJECT = [(value) => kindOf(value) === 'object', 'an object'];
const SIGNAL = [(value) => value === null || (has(value, 'aborted') && has(value, 'addEventListener')), 'an AbortSignal'];
const PORT = [(value) => Number.isInteger(value) && value >= 0 && value <= 65_535, 'a port, 0 to 65535'];
const ON_ERROR = [(value) => value === 'skip' || value === 'stop', '"skip" or "stop"'];
const SIZE = [
  (value) => kindOf(value) === 'object' && [value.height, value.width].every((side) => isWhole(side) && side % 8 === 0),
  '{ height, width } in multiples of 8',
];
const LAYER = [(value) => value === 'pooled' || value === 'tokens' || Number.isInteger(value), '"pooled", "tokens" or a whole number'];

/** Of createPool(), which checks them. */
const ENGINES = { engines: ANY, threads: ANY, device: ANY };
/** Of a batch; a job takes them, too, and leaves alone what is not its. The first ones openJob() and pictureNames() check. */
export const BATCH = {
  task: ANY,
  model: ANY,
  output: ANY,
  format: ANY,
  options: OBJECT,
  input: ANY,
  ...ENGINES,
  load: OBJECT,
  source: OBJECT,
  signal: SIGNAL,
  shardSize: WHOLE,
  resume: SWITCH,
  onError: ON_ERROR,
  metrics: PORT,
  queue: TEXT_OR_NULL,
  modelName: TEXT_OR_NULL,
  wait: SWITCH,
};
export const WRITE = { signal: SIGNAL, onPicture: FUNCTION, onBegun: FUNCTION, onFull: FUNCTION, onError: ON_ERROR };
export const WORKER = { queue: TEXT, ...ENGINES, metrics: PORT, lock: POSITIVE, openModel: FUNCTION };
export const CONTROL = {
  queue: TEXT,
  action: [(value) => ['status', 'pause', 'resume', 'drain'].includes(value), '"status", "pause", "resume" or "drain"'],
  json: SWITCH,
};
export const SIMILAR = { set: ANY, pictures: ANY, count: WHOLE, duplicates: NUMBER, html: TEXT, json: SWITCH, openModel: FUNCTION };

/** What the `options` of a job are for each task. */
export const OF_TASK = {
  classify: { topK: [(value) => value === null || isWhole(value), 'a whole number of at least 1, or null for all'] },
  features: { layer: LAYER, normalize: SWITCH },
  segment: {},
  tokenize: { size: SIZE },
};

/** Returns options as they are. Throws invalid-argument for what is no object, for a name that there is not, and for a value that cannot be. */
export function checkOptions(beit, options, kinds, where = 'options') {
  for (const [name, value] of Object.entries(givenOptions(beit, options))) {
    if (!Object.hasOwn(kinds, name)) {
      const names = Object.keys(kinds);
      const expected = names.length > 0 ? `one of ${names.join(', ')}` : 'none';
      throw new beit.BeitError('invalid-argument', `${where}: there is no option ${name}; expected ${expected}.`, {
        where,
        got: name,
        expected,
      });
    }
    const [is, expected] = kinds[name];
    if (value !== undefined && !is(value)) throw wrongValue(beit, name, value, expected);
  }
  return options;
}

/** Throws the invalid-argument of a size of shards that cannot be. */
export function checkShardSize(beit, size) {
  if (!isWhole(size)) throw wrongValue(beit, 'shardSize', size, WHOLE[1]);
}

/** Returns the invalid-argument of a value, which is shown where it is short. */
export function wrongValue(beit, where, value, expected) {
  const got = typeof value === 'string' ? JSON.stringify(value) : typeof value === 'number' ? String(value) : kindOf(value);
  return wrongKind(beit, where, value, expected, got);
}
