// Values of the kinds that break a sentence about them: a text of them cannot be made, or not as JSON. What refuses one says so by a BeitError, and not by that
// of a bug. Some are taken: null is an option that is not given.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { OPENING, RUNTIME } from '../../dist/api/options.js';
import { RECIPE_NAMES } from '../../dist/api/training/options.js';
import * as library from '../../dist/node.js';
import '../../packages/beit-wasm-training/index.js';
import { afterwards, golden, root } from './support.mjs';
import { files, pixelValues } from './tiny-checkpoint.mjs';

const { BeitError, blockMask, colorOf, convert, createEngine, createPool, DalleTokenizer, inspect, pipeline, rank, Teacher, train } =
  library;

const cyclic = {};
cyclic.itself = cyclic;
const ODD = {
  'an object without a prototype': Object.create(null),
  'an object that contains itself': cyclic,
  'a symbol': Symbol('odd'),
  'a bigint': 5n,
  'a function': () => 1,
  'not a number': NaN,
  'a date that is none': new Date(NaN),
  'an empty list': [],
  'an empty object': {},
  'a text': 'odd text', // no hub has a model of that name: nothing is asked for
  nothing: null,
};

const picture = { width: 8, height: 8, channels: 3, data: new Uint8Array(8 * 8 * 3) };

/** Hands `call` an object with each odd value, or each of `values`, under each of the names. */
async function check(call, names, values = ODD) {
  const wrong = [];
  for (const name of names)
    for (const [what, value] of Object.entries(values)) {
      try {
        await (await call({ [name]: value }))?.dispose?.();
      } catch (error) {
        const isTold = error instanceof BeitError && !['internal', 'engine-lost'].includes(error.code);
        if (!isTold) wrong.push(`${name}, ${what}: ${error?.stack}`);
      }
    }
  assert.equal(wrong.join('\n'), '');
}

test('options and inputs of odd values', { timeout: 300_000 }, async (t) => {
  const engine = await createEngine({ build: 'simd', worker: false });
  afterwards(t, () => engine.dispose());
  const opened = async (task, source) => {
    const one = await pipeline(task, source, { engine });
    afterwards(t, () => one.dispose());
    return one;
  };
  const embedded = (name) => join(root, 'weights/embedded', name);
  const classify = await opened('image-classification', files());
  const extract = await opened('image-feature-extraction', files());
  const mask = await opened('masked-image-modeling', embedded('masked-image-modeling'));
  const segment = await opened('image-segmentation', embedded('segmentation'));
  const { model, processor } = classify;

  await t.test('of calls', async () => {
    const call = ['signal', 'transfer', 'onStep', 'priority'];
    await check((options) => classify(picture, options), [...call, 'topK', 'functionToApply', 'threshold', 'logits']);
    await check((options) => classify.stream([picture], options).next(), ['signal', 'batch', 'prefetch', 'onError', 'topK']);
    await check((options) => extract(picture, options), [...call, 'output', 'normalize']);
    await check((options) => mask(picture, options), [...call, 'mask', 'ratio', 'seed', 'logits']);
    await check((options) => segment(picture, options), [...call, 'palette', 'resultSize', 'overlay', 'scores']);
    await check((options) => model.forward({ pixelValues }, options), [...call, 'outputHiddenStates', 'outputAttentions', 'returnDict']);
    await check((options) => processor.preprocess([picture], options), [...call, 'segmentationMaps']);
  });

  await t.test('of inputs', async () => {
    await check((inputs) => model.forward({ pixelValues, ...inputs }), ['pixelValues', 'boolMaskedPos', 'labels', 'headMask']);
    for (const name of ['dims', 'data']) await check((part) => model.forward({ pixelValues: { ...pixelValues, ...part } }), [name]);
    await check((part) => classify({ ...picture, ...part }), Object.keys(picture));
    await check(async ({ image }) => classify(image), ['image']);
    await check(async (options) => blockMask(options), ['height', 'width', 'ratio', 'seed', 'minPatches', 'maxPatches', 'minAspect']);
  });

  await t.test('of what opens something', async () => {
    const names = Object.keys(OPENING).filter((name) => !Object.keys(RUNTIME).includes(name));
    await check((options) => pipeline('image-classification', files(), { engine, ...options }), names);
    await check((options) => inspect(files(), { engine, ...options }), names);
    await check((options) => convert(files(), { engine, ...options }), ['dtype', 'to', 'className', 'addPoolingLayer', 'config']);
    await check(async ({ task }) => pipeline(task, files(), { engine }), ['task']);
    await check(async ({ source }) => inspect(source, { engine }), ['source']);
    await check(async ({ file }) => inspect([file], { engine }), ['file']);
    await check(async ({ file }) => inspect({ 'config.json': file }, { engine }), ['file']);
    await check((options) => createEngine({ build: 'simd', worker: false, ...options }), Object.keys(RUNTIME));
    await check((options) => createPool({ build: 'simd', engines: 1, ...options }), ['engines', 'threads']);
  });

  await t.test('of what is taught and trained', async () => {
    const data = ['cat', 'dog'].map((label) => ({ image: picture, label }));
    const given = { model: files(), data, method: 'vectors', epochs: 1, batch: 2, build: 'simd', worker: false };
    const opened = async (options, steps = 0) => {
      const run = train({ ...given, ...options });
      try {
        await run.open();
        if (steps > 0) for await (const { step } of run) if (step === steps) break;
      } finally {
        await run.dispose();
      }
    };
    await check(opened, ['data', 'validation', 'head', 'model', 'resume']);
    // Each run has an engine of its own: these are those of which no sentence can be made.
    await check(opened, RECIPE_NAMES, Object.fromEntries(Object.entries(ODD).slice(0, 4)));
    await check((part) => opened({ data: [{ ...data[0], ...part }, data[1]], validation: 0 }, 1), ['image', 'label']);
    await assert.rejects(opened({ data: [{ image: picture, label: 5n }, data[1]] }), { code: 'invalid-argument', where: 'data[0].label' });
    for (const name of ['rate', 'clip', 'seed'])
      await assert.rejects(opened({ [name]: Infinity }), { code: 'invalid-argument', where: name });
    const teacher = await Teacher.from(files(), { engine });
    afterwards(t, () => teacher.dispose());
    await check(
      async (part) => void (await teacher.add(part.image ?? picture, 'label' in part ? part.label : 'cat', part)),
      ['image', 'label', 'burst', 'signal'],
    );
    await check(async (options) => void (await teacher.fit(options)), ['layer', 'signal']);
    await check(async ({ id }) => void teacher.remove(id), ['id']);
    await check(async ({ project }) => Teacher.open(project, { engine }), ['project']);
  });

  await t.test('of what stands alone', async () => {
    const tokenizer = await DalleTokenizer.fromPretrained(join(golden, 'dvae/dvae-tiny'), { engine });
    afterwards(t, () => tokenizer.dispose());
    const tokens = await tokenizer.encode(picture);
    await check((options) => tokenizer.encode(picture, options), ['size', 'signal']);
    await check((part) => tokenizer.decode({ ...tokens, ...part }), Object.keys(tokens));
    const logits = { dims: [1, 2, 2, 2], data: new Float32Array(8) };
    await check((options) => processor.postProcessSemanticSegmentation({ logits }, options), ['targetSizes', 'scores', 'palette']);
    await check(async ({ id }) => void colorOf(id), ['id']);
    await check(async ({ labels }) => void rank([1, 2], labels, 1, 'softmax'), ['labels']);
    await check(async ({ topK }) => void rank([1, 2], ['cat', 'dog'], topK, 'softmax'), ['topK']);
    await check(async ({ score }) => void rank([1, 2], ['cat', 'dog'], 1, score), ['score']);
  });
});
