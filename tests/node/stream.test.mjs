// The results of many images one by one, and names of options that there are not.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import {
  BeitForImageClassification,
  BeitImageProcessor,
  blockMask,
  configure,
  createEngine,
  createPool,
  DalleTokenizer,
  inspect,
  pipeline,
  runtimeInfo,
} from '../../dist/node.js';
import { golden, rejects } from './support.mjs';
import { files, pixelValues } from './tiny-checkpoint.mjs';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());
const classify = await pipeline('image-classification', files(), { engine });
test.after(() => classify.dispose());

const pictureOf = (shade) => ({ width: 9, height: 7, channels: 3, data: Uint8Array.from({ length: 189 }, (_, i) => (i * shade) % 256) });
const pictures = [3, 5, 7, 11, 13].map(pictureOf);
const expected = await classify(pictures);
const broken = new Uint8Array(10);

async function all(results) {
  const found = [];
  for await (const result of results) found.push(result);
  return found;
}

test('a stream gives what a list gives, in its order, from anything that is iterated', async () => {
  const asynchronous = async function* () {
    for (const picture of pictures) {
      await new Promise((resolve) => {
        setTimeout(resolve, 1);
      });
      yield picture;
    }
  };
  const forms = {
    list: pictures,
    set: new Set(pictures),
    fileList: { length: pictures.length, ...pictures },
    asynchronous: asynchronous(),
    readable: new ReadableStream({
      start(controller) {
        for (const picture of pictures) controller.enqueue(picture);
        controller.close();
      },
    }),
    none: [],
  };
  for (const [form, images] of Object.entries(forms))
    for (const prefetch of form === 'asynchronous' || form === 'readable' ? [2] : [0, 1, 16])
      assert.deepEqual(await all(classify.stream(images, { prefetch })), form === 'none' ? [] : expected, `${form} ${prefetch}`);
});

test('as many images are begun ahead as are asked for', async () => {
  for (const prefetch of [0, 1, 3]) {
    let taken = 0;
    const images = (function* () {
      for (const picture of pictures) {
        ++taken;
        yield picture;
      }
    })();
    const stream = classify.stream(images, { prefetch });
    await stream.next();
    assert.equal(taken, Math.min(prefetch + 2, pictures.length));
    await stream.return();
  }
});

test('an image that fails ends the stream, or has its error in its place', async () => {
  const mixed = [pictures[0], broken, pictures[1]];
  const seen = [];
  await rejects(
    (async () => {
      for await (const result of classify.stream(mixed)) seen.push(result);
    })(),
    'bad-image',
  );
  assert.deepEqual(seen, [expected[0]]);
  const [first, error, last] = await all(classify.stream(mixed, { onError: 'yield', topK: 1 }));
  assert.deepEqual([first, last], [expected[0].slice(0, 1), expected[1].slice(0, 1)]);
  assert.deepEqual([error.name, error.code], ['BeitError', 'bad-image']);
});

test('a stream that is left, or stopped, ends what runs and asks for no more', async () => {
  let returned = 0;
  const endless = () => ({
    [Symbol.iterator]: () => ({ next: () => ({ done: false, value: pictures[0] }), return: () => ({ done: true, value: ++returned }) }),
  });
  for await (const result of classify.stream(endless())) {
    assert.deepEqual(result, expected[0]);
    break;
  }
  assert.equal(returned, 1);
  const reason = new Error('enough');
  const controller = new AbortController();
  const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) };
  const waiting = all(classify.stream(silent, { signal: controller.signal, onError: 'yield' }));
  controller.abort(reason);
  await assert.rejects(waiting, (error) => error === reason);
  await assert.rejects(all(classify.stream(pictures, { signal: controller.signal })), (error) => error === reason);
  assert.deepEqual(await classify(pictures[1]), expected[1]);
});

test('a stream refuses what it cannot read', async () => {
  await rejects(all(classify.stream('x.png')), 'invalid-argument', /images: got string/);
  await rejects(all(classify.stream(null)), 'invalid-argument', /images/);
  await rejects(all(classify.stream(pictures, { prefetch: -1 })), 'invalid-argument', /prefetch: got -1/);
  await rejects(all(classify.stream(pictures, { onError: 'skip' })), 'invalid-argument', /onError/);
  const failing = (function* () {
    yield pictures[0];
    throw new Error('the camera is gone');
  })();
  await assert.rejects(all(classify.stream(failing)), /the camera is gone/);
});

test('what is iterated ends the stream where it fails itself, and is not asked for ever', async () => {
  let asked = 0;
  const gone = {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        if (++asked === 1) return { done: false, value: pictures[0] };
        throw new Error('the list is gone');
      },
    }),
  };
  const seen = [];
  await assert.rejects(async () => {
    for await (const result of classify.stream(gone, { onError: 'yield' })) {
      seen.push(result);
      assert.ok(seen.length < 5, 'errors without an end');
    }
  }, /the list is gone/);
  assert.deepEqual(seen, [expected[0]]);
});

test('many images under way at once give no cause for a warning of Node', async () => {
  const warnings = [];
  const onWarning = (warning) => warnings.push(String(warning));
  process.on('warning', onWarning);
  const many = Array.from({ length: 20 }, (_, i) => pictures[i % pictures.length]);
  const controller = new AbortController();
  assert.equal((await all(classify.stream(many, { prefetch: 16, signal: controller.signal }))).length, many.length);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  process.off('warning', onWarning);
  assert.deepEqual(warnings, []);
});

const open = (options) => BeitForImageClassification.fromPretrained(files(), { engine, ...options });

async function withTokenizer(use) {
  const tokenizer = await DalleTokenizer.fromPretrained(join(golden, 'dvae/dvae-tiny'), { engine });
  try {
    return await use(tokenizer);
  } finally {
    await tokenizer.dispose();
  }
}

// What a user may write, and what the sentence says that it should be.
const MISTAKES = [
  [
    'pipeline',
    (options) => pipeline('image-classification', files(), { engine, ...options }),
    { progress_callback: () => 0 },
    'onProgress',
  ],
  ['a pipeline of the embedded model', (options) => pipeline('image-classification', null, options), { onprogress: () => 0 }, 'onProgress'],
  ['fromPretrained()', open, { local_files_only: true }, 'offline'],
  ['fromPretrained()', open, { device_map: 'auto' }, 'device'],
  ['fromPretrained()', open, { quantized: true }, "dtype: 'int8'"],
  ['a processor', (options) => BeitImageProcessor.fromPretrained(files(), { engine, ...options }), { cache_dir: 'x' }, 'cache'],
  ['a processor', (options) => BeitImageProcessor.fromJSON({}, { engine, ...options }), { Signal: null }, 'signal'],
  ['inspect()', (options) => inspect(files(), { engine, ...options }), { class_name: 'BeitModel' }, 'className'],
  ['createEngine()', createEngine, { thread: 2 }, 'threads'],
  ['runtimeInfo()', async (options) => runtimeInfo(options), { thread: 2 }, 'threads'],
  ['configure()', async (options) => configure(options), { tokens: 'x' }, 'token'],
  ['configure()', async (options) => configure(options), { logLevel: 'error' }, /the library prints nothing/],
  ['a call', (options) => classify(pictures[0], options), { top_k: 2 }, 'topK'],
  ['a call', (options) => classify(pictures[0], options), { topk: 2 }, 'topK'],
  ['a call', (options) => classify(pictures[0], options), { treshold: 0.5 }, 'threshold'],
  [
    'a call',
    (options) => classify(pictures[0], options),
    { overlay: true },
    /one of topK, functionToApply, threshold, allow, deny, signal/,
  ],
  [
    'forward()',
    async (options) => {
      const model = await open({});
      try {
        return await model.forward({ pixelValues }, options);
      } finally {
        await model.dispose();
      }
    },
    { output_hidden_states: true },
    'outputHiddenStates',
  ],
  ['preprocess()', (options) => classify.processor.preprocess(pictures[0], options), { Signal: null }, 'signal'],
  [
    'postProcessSemanticSegmentation()',
    (options) => classify.processor.postProcessSemanticSegmentation({ logits: { dims: [1, 2, 2, 2], data: new Float32Array(8) } }, options),
    { target_sizes: [[4, 4]] },
    'targetSizes',
  ],
  ['encode()', (options) => withTokenizer((tokenizer) => tokenizer.encode(pictures[0], options)), { sizes: 8 }, 'size'],
  [
    'decode()',
    (options) => withTokenizer((tokenizer) => tokenizer.decode({ height: 1, width: 1, data: new Int32Array(1) }, options)),
    { signals: null },
    'signal',
  ],
  ['blockMask()', async (options) => blockMask(options), { ration: 0.4 }, 'ratio'],
  ['createPool()', createPool, { engine: engine }, 'engines'],
  ['createPool()', createPool, { engins: 2 }, 'engines'],
  ['createPool()', createPool, { worker: false }, /expected one of engines, assets, /],
];

test('an option that there is not is refused, with the name that is meant', async () => {
  for (const [where, call, options, expected] of MISTAKES) {
    const [name] = Object.keys(options);
    const error = await rejects(call(options), 'invalid-argument', new RegExp(`there is no option ${name}; expected `));
    if (typeof expected === 'string') assert.equal(error.expected, expected, where);
    else assert.match(error.message, expected);
  }
});

test('other names of dtype are taken', async () => {
  for (const [name, dtype] of Object.entries({ fp32: 'f32', q8: 'int8', f32: 'f32', int8: 'int8' })) {
    const model = await open({ dtype: name });
    assert.equal(model.dtype, dtype);
    await model.dispose();
  }
  await rejects(open({ dtype: 'fp16' }), 'unsupported', /dtype: got "f16", expected "f32" or "int8", with which the processor computes/);
  await rejects(open({ dtype: 'constructor' }), 'unsupported');
});
