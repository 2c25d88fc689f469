// dtype int8: near f32 on reference cases, the same answers on pictures, less memory.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { BeitForImageClassification, BeitImageProcessor, DalleTokenizer, createEngine, pipeline } from '../../dist/node.js';
import { BUILDS, golden, lacking, rejects, root } from './support.mjs';
import { files } from './tiny-checkpoint.mjs';

const classifier = join(root, 'weights/embedded/classifier');
const largest = (values) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** Returns the pixel values of pictures of the demo, each changed in several ways. */
async function pictures(engine) {
  const processor = await BeitImageProcessor.fromPretrained(classifier, { engine });
  const folder = join(root, 'demo/samples');
  const samples = readdirSync(folder)
    .filter((name) => name.endsWith('.jpg'))
    .sort()
    .map((name) => join(folder, name));
  const {
    pixelValues: {
      dims: [count, planes, height, width],
      data,
    },
  } = await processor.preprocess(samples);
  await processor.dispose();
  const result = [];
  for (let i = 0; i < count; ++i) {
    const at = (plane, y, x) =>
      data[((i * planes + plane) * height + Math.min(height - 1, Math.max(0, y))) * width + Math.min(width - 1, Math.max(0, x))];
    for (const mirrored of [false, true]) {
      for (const gain of [0.8, 1, 1.2]) {
        for (const [dy, dx] of [
          [0, 0],
          [6, -9],
          [-5, 4],
        ]) {
          const changed = new Float32Array(planes * height * width);
          for (let plane = 0, to = 0; plane < planes; ++plane) {
            for (let y = 0; y < height; ++y) {
              for (let x = 0; x < width; ++x) changed[to++] = gain * at(plane, y + dy, (mirrored ? width - 1 - x : x) + dx);
            }
          }
          result.push({ dims: [1, planes, height, width], data: changed });
        }
      }
    }
  }
  return result;
}

for (const build of BUILDS) {
  test(`${build}: int8 logits are near f32, and name the same scene`, { skip: lacking(build) }, async () => {
    const engine = await createEngine({ build });
    try {
      const models = [];
      for (const dtype of ['f32', 'int8']) models.push(await BeitForImageClassification.fromPretrained(classifier, { engine, dtype }));
      assert.deepEqual(
        models.map(({ dtype }) => dtype),
        ['f32', 'int8'],
      );
      const inputs = await pictures(engine);
      let agree = 0;
      let worst = 0;
      for (const pixelValues of inputs) {
        const [exact, near] = await Promise.all(models.map(async (model) => [...(await model.forward({ pixelValues })).logits.data]));
        worst = Math.max(worst, largest(near.map((x, i) => x - exact[i])) / largest(exact));
        if (near.indexOf(Math.max(...near)) === exact.indexOf(Math.max(...exact))) ++agree;
      }
      assert.ok(inputs.length >= 100);
      assert.ok(agree >= 0.99 * inputs.length, `${agree} of ${inputs.length} agree`);
      assert.ok(worst < 0.05, `the largest difference is ${worst} of the largest logit`);
      assert.ok(worst > 0, 'the weights are really rounded');
    } finally {
      await engine.dispose();
    }
  });
}

test('int8 stays near the reference on every case of classification', async () => {
  const engine = await createEngine({ build: 'simd-threads', threads: 2 });
  try {
    const cases = readdirSync(join(golden, 'models')).filter((name) => name.startsWith('classify-'));
    assert.ok(cases.length >= 10);
    for (const name of cases) {
      const folder = join(golden, 'models', name);
      const expected = await engine.readTensors(new Uint8Array(readFileSync(join(folder, 'expected.safetensors'))));
      const model = await BeitForImageClassification.fromPretrained(folder, { engine, dtype: 'int8' });
      const { logits } = await model.forward({ pixelValues: expected['in.pixel_values'] });
      await model.dispose();
      const want = expected['out.logits'].data;
      const off = largest(logits.data.map((x, i) => x - want[i])) / largest(want);
      assert.ok(off < 0.05, `${name}: ${off} of the largest logit`);
    }
  } finally {
    await engine.dispose();
  }
});

test('int8 takes the memory that its estimate says, about a quarter where weights prevail', async () => {
  const engine = await createEngine({ build: 'simd' });
  try {
    const use = {};
    for (const dtype of ['f32', 'int8']) {
      const before = (await engine.memory()).used;
      const model = await BeitForImageClassification.fromPretrained(classifier, { engine, dtype });
      use[dtype] = { real: (await engine.memory()).used - before, estimate: model.estimate.weights };
      await model.dispose();
      assert.equal((await engine.memory()).used, before);
    }
    for (const { real, estimate } of Object.values(use)) assert.ok(Math.abs(real / estimate - 1) < 0.15, JSON.stringify(use));
    assert.ok(use.int8.real < 0.4 * use.f32.real, JSON.stringify(use));
  } finally {
    await engine.dispose();
  }
});

test('pipelines take dtype, and a tokenizer says that it has none but f32', async () => {
  const engine = await createEngine({ build: 'simd' });
  try {
    const classify = await pipeline('image-classification', files(), { engine, dtype: 'int8' });
    assert.equal((await classify({ width: 8, height: 8, channels: 3, data: new Uint8Array(192).fill(90) })).length, 3);
    await classify.dispose();
    const tokenizer = join(golden, 'dvae/dvae-tiny');
    await rejects(
      DalleTokenizer.fromPretrained({ encoder: tokenizer, decoder: tokenizer }, { engine, dtype: 'int8' }),
      'unsupported',
      /int8.*f32/,
    );
  } finally {
    await engine.dispose();
  }
});
