// Forward passes through the classes: inputs, outputs, the queue, aborts, disposal.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  BeitForImageClassification,
  BeitForSemanticSegmentation,
  BeitImageProcessor,
  BeitModel,
  createEngine,
  DalleTokenizer,
  runtimeInfo,
} from '../../dist/node.js';
import { golden, rejects, root } from './support.mjs';
import { files, pixelValues } from './tiny-checkpoint.mjs';

const engine = await createEngine({ worker: false, build: 'simd-threads', threads: 2 });
test.after(() => engine.dispose());

async function using(Class, options, use) {
  const model = await Class.fromPretrained(files(), { engine, ...options });
  try {
    await use(model);
  } finally {
    await model.dispose();
  }
}

test('BeitModel gives states, attentions and the pooled output on request', () =>
  using(BeitModel, {}, async (model) => {
    const plain = await model.forward({ pixelValues });
    assert.deepEqual(Object.keys(plain), ['lastHiddenState', 'poolerOutput']);
    assert.deepEqual(plain.lastHiddenState.dims, [1, 5, 4]);
    assert.deepEqual(plain.poolerOutput.dims, [1, 4]);
    const all = await model.forward({ pixelValues }, { outputHiddenStates: true, outputAttentions: true });
    assert.deepEqual(
      all.hiddenStates.map(({ dims }) => dims),
      [
        [1, 5, 4],
        [1, 5, 4],
        [1, 5, 4],
      ],
    );
    assert.deepEqual(
      all.attentions.map(({ dims }) => dims),
      [
        [1, 2, 5, 5],
        [1, 2, 5, 5],
      ],
    );
    for (const { data } of all.attentions) {
      for (let row = 0; row < 10; ++row) {
        const sum = data.subarray(row * 5, row * 5 + 5).reduce((a, b) => a + b);
        assert.ok(Math.abs(sum - 1) < 1e-5, 'a row of attention sums to one');
      }
    }
    assert.deepEqual(all.lastHiddenState.data, plain.lastHiddenState.data);
  }));

test('pooled states come on request, normalised', () =>
  using(BeitModel, {}, async (model) => {
    const { pooledStates, hiddenStates } = await model.forward({ pixelValues }, { outputPooledStates: true, outputHiddenStates: true });
    assert.deepEqual(pooledStates.dims, [1, 3, 4]);
    for (const [layer, { data }] of hiddenStates.entries()) {
      const mean = [0, 1, 2, 3].map((c) => [1, 2, 3, 4].reduce((sum, token) => sum + data[token * 4 + c] / 4, 0));
      const middle = mean.reduce((a, b) => a + b) / 4;
      const variance = mean.reduce((sum, value) => sum + (value - middle) ** 2 / 4, 0);
      for (const [c, value] of mean.entries()) {
        const want = (value - middle) / Math.sqrt(variance + 1e-12);
        assert.ok(Math.abs(pooledStates.data[layer * 4 + c] - want) < 1e-4, `layer ${layer}`);
      }
    }
  }));

test('without a pooling layer there is no pooled output', () =>
  using(BeitModel, { addPoolingLayer: false }, async (model) => {
    assert.deepEqual(Object.keys(await model.forward({ pixelValues })), ['lastHiddenState']);
  }));

test('labels give the loss: cross-entropy of the logits', () =>
  using(BeitForImageClassification, {}, async (model) => {
    const expected = ({ data }, label) => Math.log(data.reduce((sum, x) => sum + Math.exp(x), 0)) - data[label];
    for (const data of [Int32Array.of(2), BigInt64Array.of(2n)]) {
      const { logits, loss } = await model.forward({ pixelValues, labels: { dims: [1], data } });
      assert.ok(Math.abs(loss.data[0] - expected(logits, 2)) < 1e-5);
    }
    assert.equal((await model.forward({ pixelValues })).loss, undefined);
  }));

test('a batch gives what its images give alone', () =>
  using(BeitForImageClassification, {}, async (model) => {
    const other = { dims: [1, 3, 8, 8], data: pixelValues.data.map((x) => 1 - 2 * x) };
    const both = { dims: [2, 3, 8, 8], data: Float32Array.from([...pixelValues.data, ...other.data]) };
    const alone = [await model.forward({ pixelValues }), await model.forward({ pixelValues: other })].flatMap(({ logits }) => [
      ...logits.data,
    ]);
    const { logits } = await model.forward({ pixelValues: both });
    assert.deepEqual(logits.dims, [2, 3]);
    logits.data.forEach((x, i) => assert.ok(Math.abs(x - alone[i]) < 1e-5));
    assert.notDeepEqual(alone.slice(0, 3), alone.slice(3));
  }));

test('inputs that do not fit are refused before anything runs', () =>
  using(BeitForImageClassification, {}, async (model) => {
    const { data } = pixelValues;
    await rejects(model.forward({}), 'wrong-shape', /pixelValues/);
    await rejects(model.forward({ pixelValues: { dims: [1, 3, 8, 8], data: [...data] } }), 'wrong-type', /Array.*Float32Array/);
    await rejects(model.forward({ pixelValues: { dims: [1, 3, 8, 9], data } }), 'wrong-shape', /192 elements, expected 216/);
    await rejects(model.forward({ pixelValues: { dims: [3, 8, 8], data } }), 'wrong-shape', /pixel/i);
    await rejects(model.forward({ pixelValues: { dims: [1, 4, 8, 6], data } }), 'wrong-shape', /channels|4/);
    await rejects(model.forward({ pixelValues: { dims: [0, 3, 8, 8], data: new Float32Array(0) } }), 'wrong-shape');
    await rejects(model.forward({ pixelValues, labels: { dims: [1], data: Int32Array.of(3) } }), 'invalid-argument', /3/);
    await rejects(model.forward({ pixelValues, labels: { dims: [1], data: BigInt64Array.of(1n << 40n) } }), 'wrong-type', /1099511627776/);
    await rejects(model.forward({ pixelValues, labels: { dims: [2], data: Int32Array.of(0, 1) } }), 'wrong-shape');
    const mask = { dims: [1, 4], data: Uint8Array.of(1, 0, 0, 1) };
    const error = await model.forward({ pixelValues, boolMaskedPos: mask }).then(
      () => null,
      (caught) => caught,
    );
    assert.equal(error?.name, 'BeitError', 'a mask needs a mask token');
    assert.deepEqual((await model.forward({ pixelValues })).logits.dims, [1, 3]);
  }));

test("a pass is stopped between two steps, with the signal's reason", () =>
  using(BeitForImageClassification, {}, async (model) => {
    await model.forward({ pixelValues });
    const before = (await engine.memory()).used;
    const controller = new AbortController();
    const steps = [];
    const running = model.forward(
      { pixelValues },
      {
        signal: controller.signal,
        onStep: (done, total) => {
          steps.push([done, total]);
          if (done === 1) controller.abort('enough');
        },
      },
    );
    await assert.rejects(running, (error) => error === 'enough');
    assert.equal(steps.length, 1);
    assert.ok(steps[0][1] > 2);
    assert.equal((await engine.memory()).used, before);
    assert.deepEqual((await model.forward({ pixelValues })).logits.dims, [1, 3]);
  }));

test('passes on one engine run one after the other', () =>
  using(BeitForImageClassification, {}, async (model) => {
    const log = [];
    const run = (name) => model.forward({ pixelValues }, { onStep: (done, total) => log.push(`${name}${done}/${total}`) });
    await Promise.all([run('a'), run('b'), run('c')]);
    const order = log.map((line) => line[0]).join('');
    assert.match(order, /^a+b+c+$/);
  }));

test('after dispose() a model says so, and a pass that runs finishes first', async () => {
  const model = await BeitForImageClassification.fromPretrained(files(), { engine });
  const running = model.forward({ pixelValues });
  const disposed = model.dispose();
  await model.dispose();
  assert.deepEqual((await running).logits.dims, [1, 3]);
  await disposed;
  await rejects(model.forward({ pixelValues }), 'disposed', /BeitForImageClassification/);
  assert.throws(() => model.runtimeInfo(), { code: 'disposed' });
});

test('a processor and a tokenizer finish the calls that they have begun, too', async () => {
  const picture = join(root, 'tests/fixtures/images/rgb.png');
  const logits = { dims: [3, 2, 2, 2], data: new Float32Array(24) };
  const opened = async (use) => {
    const processor = await BeitImageProcessor.fromJSON({ size: 8, do_center_crop: false }, { build: 'simd', threads: 1 });
    const result = use(processor);
    await processor.dispose();
    await rejects(use(processor), 'disposed');
    return result;
  };
  assert.deepEqual((await opened((processor) => processor.preprocess([picture, picture]))).pixelValues.dims, [2, 3, 8, 8]);
  assert.equal((await opened((processor) => processor.postProcessSemanticSegmentation({ logits }))).length, 3);
  const dvae = join(golden, 'dvae/dvae-tiny');
  const tokenizer = await DalleTokenizer.fromPretrained(dvae, { engine });
  const expected = await tokenizer.encode(picture, { size: { height: 16, width: 24 }, crop: null });
  assert.deepEqual([expected.height, expected.width], [2, 3]);
  const running = tokenizer.encode(picture, { size: [16, 24] });
  await tokenizer.dispose();
  assert.deepEqual(await running, expected);
  await rejects(tokenizer.encode(picture), 'disposed');
});

test('a switch is true or false, since what else is written would turn nothing on', async () => {
  const model = await BeitForImageClassification.fromPretrained(files(), { engine });
  for (const name of ['outputHiddenStates', 'outputAttentions', 'outputPooledStates'])
    await rejects(model.forward({ pixelValues }, { [name]: 1 }), 'invalid-argument', new RegExp(`^${name}: got 1, expected true or false`));
  await model.dispose();
  const segmentation = join(root, 'weights/embedded/segmentation');
  const refused = BeitForSemanticSegmentation.fromPretrained(segmentation, { engine, auxiliaryHead: 'no' });
  await rejects(refused, 'invalid-argument', /auxiliaryHead: got "no"/);
});

test('using disposes', async () => {
  const model = await BeitForImageClassification.fromPretrained(files(), { engine });
  model[Symbol.dispose]();
  await rejects(model.forward({ pixelValues }), 'disposed');
});

test('200 models come and go without growth', async () => {
  const cycle = () => using(BeitForImageClassification, {}, (model) => model.forward({ pixelValues }, { outputAttentions: true }));
  for (let i = 0; i < 5; ++i) await cycle();
  const before = await engine.memory();
  for (let i = 0; i < 200; ++i) await cycle();
  assert.deepEqual(await engine.memory(), before);
});

test('models with the same options share an engine, which ends with the last', async () => {
  const options = { build: 'simd' };
  const a = await BeitModel.fromPretrained(files(), options);
  const b = await BeitForImageClassification.fromPretrained(files(), options);
  const own = await createEngine(options);
  const c = await BeitModel.fromPretrained(files(), { engine: own });
  assert.deepEqual(await a.memory(), await b.memory());
  assert.notDeepEqual(await a.memory(), await c.memory(), 'c has an engine of its own');
  await a.dispose();
  assert.deepEqual((await b.forward({ pixelValues })).logits.dims, [1, 3]);
  await b.dispose();
  await c.dispose();
  assert.ok(own.usable, 'a given engine stays');
  await own.dispose();
  await rejects(own.memory(), 'disposed');
  await rejects(BeitModel.fromPretrained(files(), { engine: own }), 'disposed');
});

test('dispose() of an engine stops what runs on it', async () => {
  const own = await createEngine({ worker: false, build: 'simd-threads', threads: 2 });
  const model = await BeitModel.fromPretrained(files(), { engine: own });
  const running = model.forward(
    { pixelValues },
    {
      onStep: (done) => {
        if (done === 1) void own.dispose();
      },
    },
  );
  await rejects(running, 'disposed', /engine/);
  let disposing;
  const other = await createEngine({ worker: false, build: 'simd-threads', threads: 2 });
  const loading = BeitModel.fromPretrained(files(), {
    engine: other,
    onProgress: ({ phase }) => {
      if (phase === 'index') disposing ??= other.dispose();
    },
  });
  await rejects(loading, 'disposed');
  await disposing;
});

test('engines come and go, and the process does not grow', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  const many = { dims: [256, 3, 96, 96], data: new Float32Array(256 * 3 * 96 * 96) };
  const round = async (build) => {
    const own = await createEngine({ worker: false, build });
    const model = await BeitForImageClassification.fromPretrained(join(golden, 'models/classify-patch16'), { engine: own });
    const controller = new AbortController();
    const running = model.forward(
      { pixelValues: many },
      { signal: controller.signal, onStep: () => controller.abort(new Error('enough')) },
    );
    await assert.rejects(running, /enough/);
    const { heap } = await own.memory();
    await own.dispose();
    return heap;
  };
  for (const build of ['simd', 'simd-threads']) {
    const settle = async () => {
      // Workers end a while after they are told to.
      for (let i = 0; i < 10; ++i) {
        await new Promise((resolve) => setTimeout(resolve, 30));
        gc();
      }
      return process.memoryUsage.rss();
    };
    const heap = await round(build);
    const before = await settle();
    for (let i = 0; i < 5; ++i) await round(build);
    const grown = (await settle()) - before;
    assert.ok(grown < heap * 2, `${build}: ${grown} bytes more after 5 engines of ${heap} bytes`);
  }
});

test('runtimeInfo tells what is used and why', async () => {
  assert.equal(engine.info.build, 'simd-threads');
  assert.equal(engine.info.threads, 2);
  assert.equal(engine.info.worker, false);
  assert.match(engine.info.reason, /\.$/);
  const chosen = runtimeInfo({ build: 'simd' });
  assert.deepEqual([chosen.build, chosen.threads], ['simd', 1]);
  assert.throws(() => runtimeInfo({ build: 'simd', threads: 4 }), { code: 'unsupported' });
});

test('an artefact that is not there', async () => {
  await rejects(createEngine({ artefacts: 'file:///absent/folder/' }), 'not-found', /absent\/folder\/beit-.*\.js/);
});
