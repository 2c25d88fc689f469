// Models on WebGPU, computed by Chromium's software adapter: the reference's answers, and what becomes of a GPU that is not there, wrong or lost.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import {
  BeitForImageClassification,
  BeitForSemanticSegmentation,
  BeitModel,
  convert,
  createEngine,
  DalleTokenizer,
  pipeline,
} from '../../dist/node.js';
import { platform } from '../../dist/platform/node.js';
import { compare } from '../../dist/cli/compare.js';
import { randomFiles } from './random-files.mjs';
import { beitIn, golden, rejects, root, temporaryFolder } from './support.mjs';
import { maskedFiles } from './tiny-checkpoint.mjs';

const ICD = '/usr/lib/chromium/vk_swiftshader_icd.json';
const VARIABLES = { VK_ICD_FILENAMES: process.env.VK_ICD_FILENAMES ?? ICD, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir() };

/** Returns WebGPU's system with an adapter, or why there is none. */
async function findSystem() {
  if (!existsSync(VARIABLES.VK_ICD_FILENAMES)) return `There is no software adapter at ${VARIABLES.VK_ICD_FILENAMES}.`;
  Object.assign(process.env, VARIABLES);
  try {
    const { create, globals } = await import('webgpu');
    const system = create([]);
    return (await system.requestAdapter()) ? { system, ...globals } : 'WebGPU finds no adapter.';
  } catch (error) {
    return `The package webgpu cannot be used (${error.message}).`;
  }
}
const found = await findSystem();
const skip = typeof found === 'string' && found;
const device = skip ? null : await (await found.system.requestAdapter()).requestDevice();
// Engines that share a device compile once.
test.after(() => device?.destroy());

const models = join(golden, 'models');
const sourceOf = (name) => platform.resolveSource(join(models, name), {});

async function withEngine(options, use) {
  const engine = await createEngine({ build: 'simd', worker: false, ...options });
  try {
    return await use(engine);
  } finally {
    await engine.dispose();
  }
}

/** Returns { inputs, expected, facts } of a reference case. */
async function caseOf(engine, name) {
  const facts = JSON.parse(readFileSync(join(models, name, 'case.json'), 'utf8'));
  const tensors = await engine.readTensors(new Uint8Array(readFileSync(join(models, name, 'expected.safetensors'))));
  const labels = tensors['in.labels'];
  const whole = labels?.data instanceof BigInt64Array ? Int32Array.from(labels.data, Number) : labels?.data;
  const inputs = {
    pixelValues: tensors['in.pixel_values'],
    boolMaskedPos: tensors['in.bool_masked_pos'],
    labels: labels && { dims: labels.dims, data: whole },
  };
  return { facts, inputs, expected: Object.entries(tensors).filter(([output]) => output.startsWith('out.')) };
}

/** Loads a case's model. Returns it with the warnings that came. */
async function load(engine, name, { facts, ...spec } = {}) {
  const warnings = [];
  const { class: className, add_pooling_layer: pooler } = facts ?? JSON.parse(readFileSync(join(models, name, 'case.json'), 'utf8'));
  const model = await engine.loadModel(
    await sourceOf(name),
    { className, addPoolingLayer: pooler !== false, ...spec },
    { onWarning: ({ message }) => warnings.push(message) },
  );
  return { ...model, warnings };
}

const PLAIN = { outputHiddenStates: false, outputAttentions: false, interpolatePosEncoding: true };

/** Asserts that a model gives a case's answers. */
async function assertAnswers(engine, handle, name, { inputs, expected, facts }) {
  const wants = (kind) => expected.some(([output]) => output.startsWith(`out.${kind}.`));
  const switches = { ...PLAIN, outputHiddenStates: wants('hidden_states'), outputAttentions: wants('attentions') };
  const outputs = await engine.forward(handle, inputs, switches);
  for (const [output, tensor] of expected) {
    const { pass, why } = compare(outputs[output.slice(4)], tensor, facts);
    assert.ok(pass, `${name}, ${output}: ${why}`);
  }
}

/** Asserts that two lists of numbers are equal but for rounding. */
function assertNear(given, expected, tolerance = 2e-5) {
  assert.equal(given.length, expected.length);
  const worst = given.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
  assert.ok(worst < tolerance, `off by ${worst}`);
}

test('reference cases within their tolerances, on the GPU', { skip }, async () => {
  await withEngine({ device }, async (engine) => {
    const names = readdirSync(models);
    assert.ok(names.length >= 27, names.join());
    for (const name of names) {
      const reference = await caseOf(engine, name);
      const model = await load(engine, name, reference);
      assert.deepEqual([model.device, model.warnings], ['gpu', []], name);
      assert.match(engine.info.devices[model.handle].deviceReason, /^The GPU \(.*, whose answers were checked\./);
      await assertAnswers(engine, model.handle, name, reference);
      const left = reference.inputs.labels ? [] : model.warnings;
      assert.deepEqual([engine.info.devices[model.handle].device, left], ['gpu', []], name);
      await engine.release(model.handle);
    }
    assert.equal((await engine.memory()).gpu, 0);
  });
});

test('a batch of more than fits in a pass, masks, and all of each layer: as on the processor', { skip }, async () => {
  const switches = { ...PLAIN, outputHiddenStates: true, outputAttentions: true, outputPooledStates: true };
  const outputs = [];
  for (const options of [{ device }, {}]) {
    await withEngine(options, async (engine) => {
      const { inputs } = await caseOf(engine, 'model-mask');
      const { handle, device: on } = await load(engine, 'model-mask');
      assert.equal(on, options.device ? 'gpu' : 'cpu');
      const [, ...dims] = inputs.pixelValues.dims;
      const perImage = dims.reduce((a, b) => a * b);
      const data = Float32Array.from({ length: 11 * perImage }, (_, i) => Math.sin(i * 0.7));
      const patches = inputs.boolMaskedPos.dims[1];
      const mask = Uint8Array.from({ length: 11 * patches }, (_, i) => (i % 3 === 0 || i % 7 === 0 ? 1 : 0));
      const given = { pixelValues: { dims: [11, ...dims], data }, boolMaskedPos: { dims: [11, patches], data: mask } };
      outputs.push(await engine.forward(handle, given, switches));
      // Less of the same, after more of it.
      const last = { dims: [1, ...dims], data: data.slice(10 * perImage) };
      const one = await engine.forward(
        handle,
        { pixelValues: last, boolMaskedPos: { dims: [1, patches], data: mask.slice(10 * patches) } },
        PLAIN,
      );
      const states = outputs.at(-1)['last_hidden_state'];
      assertNear(one['last_hidden_state'].data, states.data.subarray((10 * states.data.length) / 11));
    });
  }
  const [gpu, cpu] = outputs;
  assert.deepEqual(Object.keys(gpu).sort(), Object.keys(cpu).sort());
  for (const name of Object.keys(cpu)) {
    assert.deepEqual(gpu[name].dims, cpu[name].dims, name);
    assertNear(gpu[name].data, cpu[name].data);
  }
});

test('inputs that do not fit are refused as on the processor', { skip }, async () => {
  const sentences = [];
  for (const options of [{ device }, {}]) {
    await withEngine(options, async (engine) => {
      const { handle } = await load(engine, 'classify-batch3');
      const wrong = async (dims, count, boolMaskedPos) => {
        const inputs = { pixelValues: { dims, data: new Float32Array(count) }, ...(boolMaskedPos && { boolMaskedPos }) };
        sentences.push((await engine.forward(handle, inputs, PLAIN).catch((error) => error)).message);
      };
      await wrong([1, 4, 48, 48], 4 * 48 * 48);
      await wrong([1, 3, 4, 48], 3 * 4 * 48);
      await wrong([1, 3, 48], 3 * 48);
      await wrong([1, 3, 48, 48], 3 * 48 * 48, { dims: [1, 36], data: new Uint8Array(36) });
    });
  }
  assert.deepEqual(sentences.slice(0, 4), sentences.slice(4));
  for (const sentence of sentences) assert.match(sentence, /: got .*, expected /);
});

test('what the GPU does not do goes to the processor whole, and is told', { skip }, async () => {
  const files = randomFiles({ hidden: 260, layers: 1, heads: 1, intermediate: 8, imageSize: 32, labels: 3 });
  const warnings = [];
  const onWarning = ({ message }) => warnings.push(message);
  const model = await BeitForImageClassification.fromPretrained(files, { device, build: 'simd', onWarning });
  const { device: on, deviceReason } = model.runtimeInfo();
  await model.dispose();
  assert.equal(on, 'cpu');
  for (const sentence of [warnings.join(), deviceReason])
    assert.match(sentence, /a head of 260 channels is computed on the processor only\.$/);
});

const dvae = join(golden, 'dvae', 'dvae-tiny');

test("DALL-E's tokenizer: the reference's tokens and pictures", { skip }, async () => {
  const warnings = [];
  const onWarning = ({ message }) => warnings.push(message);
  const image = { width: 40, height: 30, channels: 3, data: Uint8Array.from({ length: 3600 }, (_, i) => (i * i) % 253) };
  const results = [];
  for (const options of [{ device }, {}]) {
    await withEngine(options, async (engine) => {
      const tokenizer = await DalleTokenizer.fromPretrained(dvae, { engine, onWarning });
      const on = () => Object.values(engine.info.devices).map((each) => each.device);
      assert.deepEqual(on(), options.device ? ['gpu', 'gpu'] : []);
      const expected = await engine.readTensors(new Uint8Array(readFileSync(join(dvae, 'expected.safetensors'))));
      const { tokens, logits } = await tokenizer.encodePixels(expected['in.image']);
      assert.deepEqual([tokens.dims, [...tokens.data]], [expected['out.tokens'].dims, [...expected['out.tokens'].data]]);
      const { decoderStats, reconstruction } = await tokenizer.decodeTokens(tokens);
      for (const [name, given] of Object.entries({ token_logits: logits, decoder_stats: decoderStats, reconstruction })) {
        assert.deepEqual(given.dims, expected[`out.${name}`].dims, name);
        assertNear(given.data, expected[`out.${name}`].data, 1e-5);
      }
      // Sides that differ; and what does not fit is refused in the same words, without leaving the GPU.
      const encoded = await tokenizer.encode(image, { size: { height: 24, width: 56 } });
      const { data } = await tokenizer.decode(encoded);
      const refused = [];
      const floats = (...dims) => ({ dims, data: new Float32Array(dims.reduce((a, b) => a * b)) });
      for (const pixels of [
        floats(1, 3, 12, 16),
        floats(1, 1, 8, 8),
        floats(3, 8, 8),
        { ...floats(1, 3, 8, 8), data: new Float32Array(9) },
      ])
        await tokenizer.encodePixels(pixels).catch(({ message }) => refused.push(message));
      for (const [dims, ...values] of [
        [[1, 1, 1], 96],
        [[1, 1, 2], 5, -1],
        [[1, 1], 1],
        [[1, 2, 2], 1, 2, 3],
        [[1, 0, 1]],
        [[1, 1, 4097], 0],
      ])
        await tokenizer.decodeTokens({ dims, data: Int32Array.from(values) }).catch(({ message }) => refused.push(message));
      assert.equal(refused.length, 10, refused.join('\n'));
      results.push({ encoded, data, refused });
      assert.deepEqual([on(), warnings], [options.device ? ['gpu', 'gpu'] : [], []]);
      await tokenizer.dispose();
      assert.equal((await engine.memory()).gpu, 0);
    });
  }
  const [gpu, cpu] = results;
  assert.deepEqual([gpu.encoded, gpu.refused], [cpu.encoded, cpu.refused]);
  assert.ok(gpu.data.every((sample, i) => Math.abs(sample - cpu.data[i]) <= 1));
});

test("DALL-E's tokenizer: small ones are not worth a GPU, and one that is lost is left", { skip }, async () => {
  const pixels = { dims: [1, 3, 16, 24], data: Float32Array.from({ length: 3 * 16 * 24 }, (_, i) => (i % 97) / 97) };
  const all = [];
  for (const options of [{}, { device: 'auto' }, { device }]) {
    await withEngine(options, async (engine) => {
      const warnings = [];
      const tokenizer = await DalleTokenizer.fromPretrained(dvae, { engine, onWarning: ({ message }) => warnings.push(message) });
      const lost = options.device === device;
      if (lost) device.queue.onSubmittedWorkDone = () => Promise.reject(new Error('It is gone'));
      try {
        const { tokens } = await tokenizer.encodePixels(pixels);
        all.push((await tokenizer.decodeTokens(tokens)).reconstruction.data);
      } finally {
        delete device.queue.onSubmittedWorkDone;
      }
      assert.equal(warnings.length, lost ? 2 : 0);
      for (const sentence of warnings) assert.match(sentence, /on the processor, because the GPU failed in a pass: It is gone\.$/);
      for (const { device: on, deviceReason } of Object.values(engine.info.devices)) {
        assert.equal(on, 'cpu');
        if (!lost) assert.match(deviceReason, /a pass takes only 0\.\d+ GFLOP/);
      }
      assert.equal((await engine.memory()).gpu, 0);
      await tokenizer.dispose();
    });
  }
  for (const data of all) assert.deepEqual(data, all[0]);
});

test("masked image modelling with a tokenizer, on the GPU: the processor's tokens", { skip }, async () => {
  const picture = join(root, 'tests/fixtures/images/rgb.png');
  const results = [];
  for (const options of [{ device }, {}]) {
    await withEngine(options, async (engine) => {
      const run = await pipeline('masked-image-modeling', maskedFiles(96), { engine, tokenizer: dvae });
      const { trueTokens, tokens, reconstruction } = await run(picture, { seed: 3 });
      assert.deepEqual(
        Object.values(engine.info.devices).map((each) => each.device),
        options.device ? ['gpu', 'gpu', 'gpu'] : [],
      );
      results.push({ trueTokens, tokens, size: [reconstruction.width, reconstruction.height] });
      await run.dispose();
    });
  }
  assert.deepEqual(results[0], results[1]);
});

/** Returns what is true while `use` runs, with a system of WebGPU's in the place of this Node's. */
async function withSystem(gpu, use) {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  try {
    return await use();
  } finally {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else delete globalThis.navigator;
  }
}

/** Lends the tests' device to an engine that takes it for its own, and ends it: all that takes long has been compiled for it. */
function lend() {
  device.destroy = () => delete device.destroy;
  return device;
}

/** Opens a model of a case with options, and returns its runtimeInfo(). */
async function infoOf(name, options) {
  const model = await BeitForImageClassification.fromPretrained(join(models, name), { build: 'simd', worker: false, ...options });
  const info = model.runtimeInfo();
  await model.dispose();
  return info;
}

test('without an adapter gpu is refused and auto computes on the processor', async () => {
  const nothing = { requestAdapter: async () => null };
  // Of a size at which a GPU would be taken.
  const large = { config: largeConfig() };
  await withSystem(nothing, async () => {
    await rejects(infoOf('classify-no-positions', { device: 'gpu' }), 'unsupported', /WebGPU has no adapter here/);
    const { device: on, deviceReason } = await infoOf('classify-no-positions', { device: 'auto', ...large });
    assert.deepEqual([on, deviceReason], ['cpu', 'The processor, because WebGPU has no adapter here.']);
  });
  await withSystem({ requestAdapter: () => Promise.reject(new Error('It broke.')) }, async () => {
    await rejects(infoOf('classify-no-positions', { device: 'gpu' }), 'unsupported', /gives no device \(It broke\)/);
  });
  await rejects(infoOf('classify-no-positions', { device: 'cuda' }), 'invalid-argument', /"auto", "cpu", "gpu" or a GPUDevice/);
});

/** The config of classify-no-positions at 640 x 640 pixels, which takes 9 GFLOP. */
function largeConfig() {
  const config = JSON.parse(readFileSync(join(models, 'classify-no-positions', 'config.json'), 'utf8'));
  return { ...config, image_size: 640 };
}

test('auto takes a real GPU for large models, and neither small ones nor a software adapter', { skip }, async () => {
  const { system } = found;
  const real = {
    async requestAdapter(options) {
      const adapter = await system.requestAdapter(options);
      const info = { vendor: 'acme', architecture: 'one', device: '', description: 'ACME One', isFallbackAdapter: false };
      return { info, limits: adapter.limits, requestDevice: async () => lend() };
    },
  };
  const large = { device: 'auto', config: largeConfig() };
  await withSystem(system, async () => {
    const { device: on, deviceReason } = await infoOf('classify-no-positions', large);
    assert.equal(on, 'cpu');
    assert.match(deviceReason, /only SwiftShader.* here, computed by the processor/);
  });
  await withSystem(real, async () => {
    const { device: on, deviceReason } = await infoOf('classify-no-positions', large);
    assert.equal(on, 'gpu');
    assert.match(deviceReason, /ACME One/);
    assert.match((await infoOf('classify-no-positions', { device: 'auto' })).deviceReason, /only 0\.\d+ GFLOP/);
  });
});

/** Returns a device that compiles other code than it is given, as a driver that is wrong. */
async function wrongDevice(changes) {
  const wrong = await (await found.system.requestAdapter()).requestDevice();
  const { createShaderModule } = wrong;
  wrong.createShaderModule = ({ code }) => {
    const changed = changes.reduce((text, [from, to]) => text.replace(from, to), code);
    return createShaderModule.call(wrong, { code: changed });
  };
  return wrong;
}

test('a GPU whose answers are wrong is not used', { skip }, async () => {
  const subtle = [
    ['dot(a1,b2)', 'dot(a1,b1)'],
    ['p.eps', '0.01'],
    ['far-place[j]', 'far-place[j]+1'],
    ['f32(p.tokens-1)', 'f32(p.tokens)'],
  ];
  const ofSegmentation = [
    ['tap%3-1', 'tap%3'],
    ['X[(above+b)*n+o],s.z', 'X[(above+b)*n+o],r.z'],
    ['max(X[o+d],X[o+d+p.padded])', 'X[o+d]'],
    ['higher=v>top', 'higher=v>=top*0.9'],
    ['min(m,p.pixels-1))*p.padded', 'm)*p.padded'],
  ];
  // On the same device, which has compiled part of it.
  const ofTokenizers = [
    ...ofSegmentation,
    ['0.8*X[', '0.9*X['],
    ['+B[c];', '-B[c];'],
    ['n/p.width/2*', 'n/p.width*'],
    ['>X[o+best]', '>=X[o+best]'],
    ['-0.1)/0.8', '-0.1)'],
  ];
  for (const [name, changes, what] of [
    ['classify-batch3', subtle, /failed the check of its answers: it is wrong in products, LayerNorm, means, attention\.$/],
    ['classify-batch3', [['fn main', 'fn other']], /failed the check of its answers: it refuses to compute/],
    ['segment-aux', ofTokenizers, /of its answers: it is wrong in convolutions, resizing, pooling, maps by channel, labels\.$/],
    ['segment-aux', [['p.width+p.scale-1', 'p.width']], /of its answers: it is wrong in pooling\.$/],
  ]) {
    const wrong = await wrongDevice(changes);
    await withEngine({ device: wrong }, async (engine) => {
      const reference = await caseOf(engine, name);
      const { handle, device: on, warnings } = await load(engine, name, reference);
      assert.equal(on, 'cpu');
      assert.match(warnings.join(), what);
      await assertAnswers(engine, handle, name, reference);
      if (changes === ofTokenizers) {
        const given = [];
        const tokenizer = await DalleTokenizer.fromPretrained(dvae, { engine, onWarning: ({ message }) => given.push(message) });
        await tokenizer.dispose();
        const parts = 'convolutions, pixels, tokens, resizing, pooling, largest scores, maps by channel, pictures';
        assert.equal(given.length, 2);
        for (const sentence of given) assert.ok(sentence.endsWith(`failed the check of its answers: it is wrong in ${parts}.`), sentence);
      }
      assert.equal((await engine.memory()).gpu, 0);
    });
    wrong.destroy();
  }
});

test("attentions that a GPU computes wrongly are the processor's, and its model is", { skip }, async () => {
  const wrong = await wrongDevice([['(k-1)%p.columns', '(k-1)%p.rows']]);
  try {
    await withEngine({ device: wrong }, async (engine) => {
      const reference = await caseOf(engine, 'model-mask');
      const { handle, device: on, warnings } = await load(engine, 'model-mask', reference);
      assert.deepEqual([on, warnings], ['gpu', []]);
      const outputs = await engine.forward(handle, reference.inputs, { ...PLAIN, outputAttentions: true });
      assert.match(warnings.join(), /on the processor, because the GPU failed in a pass: it is wrong in attentions\.$/);
      assert.equal(engine.info.devices[handle].device, 'cpu');
      for (const [output, tensor] of reference.expected) {
        const given = outputs[output.slice(4)];
        if (given) assert.ok(compare(given, tensor, reference.facts).pass, output);
      }
      assert.equal((await engine.memory()).gpu, 0);
    });
  } finally {
    wrong.destroy();
  }
});

test('a model that the GPU cannot take, and a load that is stopped, leave nothing on it', { skip }, async () => {
  const { createBuffer, limits } = device;
  const small = { maxBufferSize: 2 ** 20, maxStorageBufferBindingSize: 5000 };
  let reads = 0;
  const refusing = (descriptor) => {
    // The first is the check's own.
    if (descriptor.usage & 1 && ++reads > 1) throw new Error('No more of those.');
    return createBuffer.call(device, descriptor);
  };
  for (const [name, value, why] of [
    ['limits', small, /a matrix has \d+ bytes, and it reads 5000 at once/],
    ['createBuffer', refusing, /the GPU could not take the model: No more of those\./],
  ]) {
    await withEngine({ device }, async (engine) => {
      const reference = await caseOf(engine, 'classify-batch3');
      const before = Object.getOwnPropertyDescriptor(device, name);
      Object.defineProperty(device, name, { value, configurable: true });
      try {
        const { handle, device: on, warnings } = await load(engine, 'classify-batch3', reference);
        assert.equal(on, 'cpu');
        assert.match(warnings.join(), why);
        await assertAnswers(engine, handle, 'classify-batch3', reference);
        assert.equal((await engine.memory()).gpu, 0);
      } finally {
        if (before) Object.defineProperty(device, name, before);
        else delete device[name];
      }
    });
  }
  assert.deepEqual([device.limits, reads], [limits, 2]);
  await withEngine({ device }, async (engine) => {
    for (const phase of ['index', 'weights']) {
      const controller = new AbortController();
      const onProgress = (progress) => progress.phase === phase && controller.abort(new Error('enough'));
      const spec = { className: 'BeitForImageClassification' };
      await assert.rejects(engine.loadModel(await sourceOf('classify-batch3'), spec, { onProgress, signal: controller.signal }), {
        message: 'enough',
      });
      assert.equal((await engine.memory()).gpu, 0);
    }
  });
});

test('limits: 128 MB for a buffer, which every device has, are told of in bytes before loading, and a batch is split by them', {
  skip,
}, async () => {
  const [{ encoders, GpuModel, openGpu }, extras] = await Promise.all([
    import('../../dist/gpu/model.js'),
    import('../../dist/gpu/extras.js'),
  ]);
  await withEngine({ device }, async (engine) => {
    const reference = await caseOf(engine, 'classify-batch3');
    const { handle, config, warnings } = await load(engine, 'classify-batch3', reference);
    const gpu = await openGpu(undefined, device, false);
    const wide = { ...config, hiddenSize: 1600, numAttentionHeads: 100, intermediateSize: 64, numHiddenLayers: 1, numLabels: 21841 };
    const shapeAs = (dtype) =>
      encoders.shapeOf({
        className: 'BeitForImageClassification',
        config: wide,
        hasPooler: false,
        biasResize: 'reference',
        taps: 'reference',
        dtype,
      });
    const sentence = /^Error: a matrix has 139782400 bytes, and it reads 134217728 at once$/;
    assert.throws(() => new GpuModel(gpu, encoders, shapeAs('f32'), null, async () => extras), sentence);
    assert.equal(gpu.bytes, 0);
    const halves = new GpuModel(gpu, encoders, shapeAs('f16'), extras, async () => extras);
    assert.ok(gpu.bytes > 139782400 / 2 && gpu.bytes < 139782400);
    halves.destroy();
    assert.equal(gpu.bytes, 0);
    gpu.close();

    const perImage =
      Math.max(3 * config.hiddenSize, config.intermediateSize) * 4 * (1 + (config.imageSize.height / config.patchSize.height) ** 2);
    const before = Object.getOwnPropertyDescriptor(device, 'limits');
    Object.defineProperty(device, 'limits', {
      value: { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 1.9 * perImage },
      configurable: true,
    });
    try {
      const steps = [];
      const outputs = await engine.forward(handle, reference.inputs, PLAIN, { onStep: (done, total) => steps.push([done, total]) });
      assert.deepEqual(steps.at(-1), [3, 3]);
      assert.ok(compare(outputs.logits, reference.expected.find(([name]) => name === 'out.logits')[1], reference.facts).pass);
      assert.deepEqual(warnings, []);
    } finally {
      if (before) Object.defineProperty(device, 'limits', before);
      else delete device.limits;
    }
  });
});

test('with 128 MB for a buffer no pass makes one that is larger: as many images as are said to fit do', async () => {
  const [{ encoders, GpuModel, kit }, { halvesWith }, { Gpu }, extras] = await Promise.all(
    ['model', 'tokenizer', 'device', 'extras'].map((name) => import(`../../dist/gpu/${name}.js`)),
  );
  const limits = { maxBufferSize: 2 ** 27, maxStorageBufferBindingSize: 2 ** 27 };
  const sizes = [];
  const none = () => {};
  const fake = {
    limits,
    queue: { writeBuffer: none },
    lost: new Promise(none),
    createBuffer({ size }) {
      sizes.push(size);
      return { size, destroy: none };
    },
    createBindGroup: none,
    createShaderModule: none,
    createComputePipelineAsync: async () => ({ getBindGroupLayout: none }),
    pushErrorScope: none,
    popErrorScope: async () => null,
    removeEventListener: none,
  };
  const config = {
    ...{ hiddenSize: 64, numHiddenLayers: 12, numAttentionHeads: 4, intermediateSize: 100, hiddenAct: 'gelu', numChannels: 3 },
    ...{ vocabSize: 700, numLabels: 9, poolScales: [1, 2, 3, 6], layerScaleInitValue: 0.1, outIndices: [], layerNormEps: 1e-12 },
    ...{ imageSize: { height: 32, width: 32 }, patchSize: { height: 8, width: 8 }, reshapeHiddenStates: true },
  };
  const all = Array.from({ length: 12 }, (_, i) => i + 1);
  const refused = [];
  for (const [className, fields, names] of [
    ['BeitForImageClassification', {}, ''],
    ['BeitModel', {}, 'hidden_states,attentions,pooled_states'],
    ['BeitModel', { numAttentionHeads: 1, hiddenSize: 4 }, 'attentions'],
    ['BeitForMaskedImageModeling', {}, ''],
    ['BeitBackbone', { outIndices: all }, ''],
    ['BeitBackbone', { outIndices: all, reshapeHiddenStates: false }, ''],
    ['BeitForSemanticSegmentation', { outIndices: [3, 5, 7, 11] }, ''],
    ['DalleEncoder', {}, ''],
    ['DalleDecoder', {}, ''],
  ]) {
    const kind = className.startsWith('Dalle') ? halvesWith(kit) : encoders;
    const gpu = new Gpu(fake, 'none', false);
    const description = { hasPooler: true, biasResize: 'reference', taps: 'reference', dtype: 'f32' };
    const shape = kind.shapeOf({ ...description, className, config: { ...config, ...fields } });
    const model = new GpuModel(gpu, kind, shape, extras, async () => extras);
    gpu.checks.set(`attentions ${shape.headPadded / 4}`, Promise.resolve(null));
    const recorder = names ? await extras.recorderOf(kit, gpu, shape, names) : null;
    for (const [height, width] of [
      [32, 32],
      [72, 104],
      [256, 256],
      [1016, 520],
      [2000, 1504],
    ]) {
      const most = kind.mostImages(gpu, shape, model.weights, { height, width }, recorder);
      if (most < 1) refused.push(`${className} ${height}`);
      else {
        sizes.length = 0;
        await model.planFor({ batch: most, height, width, layerOutputs: names, keepLogits: false }, recorder);
        assert.ok(Math.max(...sizes) <= 2 ** 27, `${className}, ${most} of ${height} x ${width}: ${Math.max(...sizes)} bytes`);
      }
    }
    // Who needs more for an image of the usual size is refused before a byte of weights is read.
    const large = { ...shape, imageSize: { height: 9000, width: 9000 } };
    large.grid &&= { height: 1125, width: 1125 };
    assert.throws(() => new GpuModel(gpu, kind, large, extras, async () => extras), /one image needs larger buffers than it has/);
    model.destroy();
    assert.equal(gpu.bytes, 0);
  }
  assert.ok(refused.includes('BeitModel 1016') && refused.includes('BeitBackbone 2000'), refused.join());
});

test("attentions that are too large for the GPU are the processor's, for that call alone", { skip }, async () => {
  await withEngine({ device }, async (engine) => {
    const { inputs } = await caseOf(engine, 'model-mask');
    const { handle, config, warnings } = await load(engine, 'model-mask');
    const switches = { ...PLAIN, outputHiddenStates: true, outputAttentions: true };
    const { height, width } = config.imageSize;
    const dims = [1, 3, height, width];
    const pixelValues = { dims, data: inputs.pixelValues.data.slice(0, 3 * height * width) };
    const steps = [];
    const run = async (limits, given = switches) => {
      const before = Object.getOwnPropertyDescriptor(device, 'limits');
      Object.defineProperty(device, 'limits', { value: limits, configurable: true });
      let total = 0;
      try {
        return await engine.forward(handle, { pixelValues }, given, { onStep: (_, of) => (total = of) });
      } finally {
        steps.push(total);
        if (before) Object.defineProperty(device, 'limits', before);
        else delete device.limits;
      }
    };
    const tokens = 1 + (height / config.patchSize.height) * (width / config.patchSize.width);
    const layer = 4 * config.numAttentionHeads * tokens * 4 * Math.ceil(tokens / 4);
    const perPatch = 3 * config.patchSize.height * config.patchSize.width;
    const widest = 4 * tokens * Math.max(perPatch, 3 * config.hiddenSize, config.intermediateSize);
    const bound = Math.max(layer, widest);
    const all = config.numHiddenLayers * layer + 4 * (1 + config.numHiddenLayers) * tokens * config.hiddenSize;
    assert.ok(config.numHiddenLayers * layer > bound);
    const room = { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: bound };
    const onGpu = await run(room);
    const onProcessor = await run({ ...room, maxBufferSize: all });
    const plain = await run(room, PLAIN);
    assert.deepEqual([steps[0], steps[2]], [1, 1]);
    assert.ok(steps[1] > 1, steps.join());
    assert.deepEqual(Object.keys(onGpu).sort(), Object.keys(onProcessor).sort());
    for (const [name, { data }] of Object.entries(onProcessor)) assertNear(onGpu[name].data, data);
    assertNear(plain['last_hidden_state'].data, onProcessor['last_hidden_state'].data);
    assert.deepEqual([engine.info.devices[handle].device, warnings], ['gpu', []]);
  });
});

test("dispose gives every buffer back, and leaves the caller's device alone", { skip }, async () => {
  const live = new Set();
  const { createBuffer } = device;
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer.call(device, descriptor);
    live.add(buffer);
    const { destroy } = buffer;
    buffer.destroy = () => {
      live.delete(buffer);
      destroy.call(buffer);
    };
    return buffer;
  };
  try {
    const model = await BeitModel.fromPretrained(join(models, 'model-mask'), { device, build: 'simd' });
    assert.equal(model.runtimeInfo().worker, false);
    assert.equal(model.runtimeInfo().device, 'gpu');
    const bytes = [...live].reduce((sum, { size }) => sum + size, 0);
    assert.equal((await model.memory()).gpu, bytes);
    assert.equal(model.estimate.weights + model.estimate.activations, bytes);
    const { height, width } = model.config.imageSize;
    const forward = (batch) =>
      model.forward({ pixelValues: { dims: [batch, 3, height, width], data: new Float32Array(batch * 3 * height * width) } });
    await forward(2);
    await forward(1);
    assert.equal((await model.memory()).gpu, bytes);
    const passes = [forward(1), forward(1)];
    await model.dispose();
    for (const pass of passes) assert.ok((await pass).lastHiddenState.data.every(Number.isFinite));
    assert.equal(live.size, 0);
  } finally {
    delete device.createBuffer;
  }
  assert.equal(await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, 20, 'there'))]), 'there');
  await rejects(createEngine({ device, worker: true }), 'invalid-argument', /GPUDevice beside worker: true/);
});

test('a pass is stopped between submits, and the next one is right', { skip }, async () => {
  await withEngine({ device }, async (engine) => {
    const reference = await caseOf(engine, 'classify-batch3');
    const { handle } = await load(engine, 'classify-batch3', reference);
    const { dims, data } = reference.inputs.pixelValues;
    const twelve = { dims: [12, ...dims.slice(1)], data: Float32Array.from({ length: 4 * data.length }, (_, i) => data[i % data.length]) };
    const controller = new AbortController();
    const steps = [];
    const pass = engine.forward(handle, { pixelValues: twelve }, PLAIN, {
      signal: controller.signal,
      onStep: (done, total) => {
        steps.push(`${done} of ${total}`);
        controller.abort(new Error('enough'));
      },
    });
    await assert.rejects(pass, { message: 'enough' });
    assert.deepEqual(steps, ['1 of 2']);
    await assertAnswers(engine, handle, 'classify-batch3', reference);
  });
});

test('models of one engine and of two run side by side', { skip }, async () => {
  await withEngine({ device }, (one) =>
    withEngine({ device }, async (other) => {
      const runs = [];
      for (const [engine, name] of [
        [one, 'classify-batch3'],
        [one, 'mim-shared-bias'],
        [other, 'backbone-stages'],
        [other, 'classify-batch3'],
      ]) {
        const reference = await caseOf(engine, name);
        const { handle } = await load(engine, name, reference);
        for (let i = 0; i < 3; ++i) runs.push(() => assertAnswers(engine, handle, name, reference));
      }
      await Promise.all(runs.map((run) => run()));
    }),
  );
});

test('two pipelines work at once on one device', { skip }, async () => {
  const files = randomFiles({
    task: 'segmentation',
    hidden: 8,
    layers: 4,
    heads: 2,
    intermediate: 8,
    taps: [1, 2, 3, 4],
    imageSize: 64,
    labels: 5,
  });
  const photo = join(root, 'demo', 'samples', 'beach.jpg');
  const both = [
    await pipeline('image-classification', undefined, { device, build: 'simd' }),
    await pipeline('image-segmentation', files, { device, build: 'simd' }),
  ];
  try {
    const alone = [];
    for (const each of both) alone.push(await each(photo));
    const together = await Promise.all([...both, ...both].map((each) => each(photo)));
    assert.deepEqual(together, [...alone, ...alone]);
    for (const each of both) assert.equal(each.runtimeInfo().device, 'gpu');
  } finally {
    for (const each of both) await each.dispose();
  }
});

test('a GPU that is lost: the call is answered all the same, and its model goes on on the processor', { skip }, async () => {
  const devices = [];
  const capturing = {
    async requestAdapter(options) {
      const adapter = await found.system.requestAdapter(options);
      const requestDevice = async (wanted) => {
        devices.push(devices.length === 0 ? await adapter.requestDevice(wanted) : lend());
        return devices.at(-1);
      };
      return { info: adapter.info, limits: adapter.limits, requestDevice };
    },
  };
  await withSystem(capturing, () =>
    withEngine({ device: 'gpu' }, async (engine) => {
      const reference = await caseOf(engine, 'classify-batch3');
      const { handle, warnings, device: on } = await load(engine, 'classify-batch3', reference);
      assert.equal(on, 'gpu');
      const before = assertAnswers(engine, handle, 'classify-batch3', reference);
      devices[0].destroy();
      await before;
      assert.match(warnings.join(), /computes on the processor, because the GPU failed in a pass/);
      assert.equal(engine.info.devices[handle].device, 'cpu');
      await assertAnswers(engine, handle, 'classify-batch3', reference);
      assert.equal(warnings.length, 1);
      assert.equal((await engine.memory()).gpu, 0);
      // What comes next has a new device.
      const next = await load(engine, 'classify-batch3', reference);
      assert.deepEqual([next.device, devices.length], ['gpu', 2]);
      await assertAnswers(engine, next.handle, 'classify-batch3', reference);
    }),
  );
});

test("a stream, which can be read only once, is the processor's where the GPU refuses the model", { skip }, async () => {
  await withSystem(found.system, async () => {
    const folder = join(models, 'classify-no-positions');
    const stream = new Blob([readFileSync(join(folder, 'model.safetensors'))]).stream();
    const config = readFileSync(join(folder, 'config.json'), 'utf8');
    const model = await BeitForImageClassification.fromPretrained(stream, { device: 'auto', config, build: 'simd', worker: false });
    assert.equal(model.runtimeInfo().device, 'cpu');
    await model.dispose();
  });
});

test('in a worker, of bytes that only the caller has: also what is read once more for the processor', { skip }, async () => {
  const folder = join(models, 'classify-loss-single-label');
  const files = { 'config.json': 'config.json', 'model.safetensors': 'model.safetensors' };
  for (const name of Object.keys(files)) files[name] = new Uint8Array(readFileSync(join(folder, name)));
  const model = await BeitForImageClassification.fromPretrained(files, { device: 'gpu', build: 'simd', worker: true });
  try {
    const { worker, device: on } = model.runtimeInfo();
    assert.deepEqual([worker, on], [true, 'gpu']);
    const { height, width } = model.config.imageSize;
    const pixelValues = { dims: [1, 3, height, width], data: new Float32Array(3 * height * width).fill(0.3) };
    const { logits } = await model.forward({ pixelValues });
    const withLoss = await model.forward({ pixelValues, labels: { dims: [1], data: new Int32Array([1]) } });
    assert.equal(withLoss.loss.data?.length ?? 1, 1);
    assertNear(logits.data, withLoss.logits.data);
    assert.equal(model.runtimeInfo().device, 'gpu');
  } finally {
    await model.dispose();
  }
});

test('a pipeline on the GPU finds what the processor finds', { skip }, async () => {
  const photo = join(root, 'demo', 'samples', 'beach.jpg');
  const results = [];
  for (const on of ['cpu', 'gpu']) {
    const classify = await pipeline('image-classification', undefined, { device: on === 'gpu' ? device : 'cpu', build: 'simd' });
    assert.equal(classify.runtimeInfo().device, on);
    results.push(await classify(photo, { topK: 3 }));
    await classify.dispose();
  }
  const [cpu, gpu] = results;
  for (const [i, { label, score }] of cpu.entries()) {
    assert.equal(gpu[i].label, label);
    assert.ok(Math.abs(gpu[i].score - score) < 1e-5);
  }
});

test('segmentation of odd widths and shapes, and its labels at any size: as on the processor', { skip }, async () => {
  const shape = { hidden: 50, layers: 4, heads: 5, intermediate: 70, layerScale: 0.1, taps: [1, 2, 3, 4], imageSize: 64, labels: 7 };
  const files = randomFiles({ task: 'segmentation', ...shape });
  const config = { ...JSON.parse(new TextDecoder().decode(files['config.json'])), out_indices: [0, 1, 2, 3] };
  const pixelValues = { dims: [2, 3, 48, 112], data: Float32Array.from({ length: 2 * 3 * 48 * 112 }, (_, i) => Math.sin(i / 37)) };
  const image = { width: 53, height: 37, channels: 3, data: Uint8Array.from({ length: 53 * 37 * 3 }, (_, i) => (i * i) % 251) };
  const results = [];
  for (const on of ['cpu', 'gpu']) {
    const options = { device: on === 'gpu' ? device : 'cpu', build: 'simd', taps: 'original' };
    const model = await BeitForSemanticSegmentation.fromPretrained(files, { ...options, config });
    const { logits, hiddenStates } = await model.forward({ pixelValues }, { outputHiddenStates: true });
    assert.equal(model.runtimeInfo().device, on);
    await model.dispose();
    const segment = await pipeline('image-segmentation', files, { ...options, taps: 'reference' });
    assert.equal(segment.runtimeInfo().device, on);
    const maps = [];
    for (const settings of [{ scores: true, overlay: true }, { resultSize: 'logits' }, { resultSize: { width: 300, height: 7 } }])
      maps.push(await segment(image, settings));
    await segment.dispose();
    results.push({ logits, hiddenStates, maps });
  }
  const [cpu, gpu] = results;
  assert.deepEqual(gpu.logits.dims, [2, 7, 12, 28]);
  assertNear(gpu.logits.data, cpu.logits.data, 1e-4);
  assertNear(gpu.hiddenStates.at(-1).data, cpu.hiddenStates.at(-1).data);
  for (const [i, expected] of cpu.maps.entries()) {
    const found = gpu.maps[i];
    const differing = found.labels.reduce((count, label, at) => count + (label !== expected.labels[at] ? 1 : 0), 0);
    assert.equal(found.labels.length, expected.labels.length);
    assert.ok(differing <= found.labels.length / 500, `${differing} labels differ`);
    assert.deepEqual([found.width, found.height, found.legend.length], [expected.width, expected.height, expected.legend.length]);
    assert.ok(new Set(found.labels).size > 2);
  }
  assertNear(gpu.maps[0].scores, cpu.maps[0].scores, 1e-4);
  assert.equal(gpu.maps[0].overlay.data.length, 4 * 53 * 37);
  assert.deepEqual(gpu.maps[0].overlay.data.slice(0, 4), cpu.maps[0].overlay.data.slice(0, 4));
});

test('int8 and f16: weights are stored so there, and answers those of floats but for their rounding', { skip }, async () => {
  const files = randomFiles({ hidden: 96, layers: 2, heads: 3, intermediate: 200, layerScale: 0.1, imageSize: 64, labels: 11 });
  const stored = await convert(files, { dtype: 'int8' });
  const pixelValues = { dims: [1, 3, 64, 64], data: Float32Array.from({ length: 3 * 64 * 64 }, (_, i) => Math.sin(i / 37)) };
  const found = [];
  for (const [source, options] of [
    [files, { device, dtype: 'f32' }],
    [files, { device, dtype: 'int8' }],
    [stored.files, { device }],
    [files, { dtype: 'int8' }],
    [files, { device, dtype: 'f16' }],
  ]) {
    const model = await BeitForImageClassification.fromPretrained(source, { build: 'simd', ...options });
    const { device: on } = model.runtimeInfo();
    assert.equal(on, options.device ? 'gpu' : 'cpu', model.runtimeInfo().deviceReason);
    const { logits } = await model.forward({ pixelValues });
    found.push({ logits: logits.data, dtype: model.dtype, weights: model.estimate.weights });
    await model.dispose();
  }
  const [floats, bytes, kept, cpu, halves] = found;
  assert.deepEqual([floats.dtype, bytes.dtype, kept.dtype, halves.dtype], ['f32', 'int8', 'int8', 'f16']);
  const layers = 2 * 96 * (4 * 96 + 2 * 200);
  assert.ok(floats.weights - bytes.weights === 3 * layers, `${floats.weights} and ${bytes.weights} bytes`);
  assertNear(kept.logits, bytes.logits, 2e-3); // embeddings and tables are stored with 16 bits
  assert.ok(
    floats.weights - halves.weights === 2 * (layers + 3 * 256 * 96 + 12 * 96 - 96),
    `${floats.weights} and ${halves.weights} bytes`,
  );
  for (const [{ logits }, most] of [
    [bytes, 0.02],
    [cpu, 0.02],
    [halves, 2e-3],
  ])
    assertOff(logits, floats.logits, most);
});

/** Asserts that a list of numbers is another one but for at most a share of its length, and not that. */
function assertOff(given, expected, most) {
  const length = (values) => Math.hypot(...values);
  const off = length(given.map((value, i) => value - expected[i])) / length(expected);
  assert.ok(off > 0 && off < most, `off by ${off}`);
}

test('f16: near the reference in all classes, refused and let go where the processor computes', { skip }, async () => {
  await withEngine({ device }, async (engine) => {
    for (const name of ['model-odd-sizes', 'mim-shared-bias', 'segment-aux', 'backbone-stages']) {
      const reference = await caseOf(engine, name);
      const { handle, dtype } = await load(engine, name, { ...reference, dtype: 'f16' });
      assert.equal(dtype, 'f16');
      const outputs = await engine.forward(handle, reference.inputs, PLAIN);
      assert.equal(engine.info.devices[handle].device, 'gpu');
      for (const [output, { data }] of reference.expected)
        if (outputs[output.slice(4)]) assertOff(outputs[output.slice(4)].data, data, 2e-3);
      await engine.release(handle);
    }
    const files = randomFiles({ hidden: 8, layers: 1, heads: 2, intermediate: 8, imageSize: 32, labels: 2 });
    const { buffer, byteOffset } = files['model.safetensors'];
    const view = new DataView(buffer, byteOffset);
    const begin = 8 + view.getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, byteOffset + 8, begin - 8)));
    const [at] = header['beit.encoder.layer.0.output.dense.weight'].data_offsets;
    view.setFloat32(begin + at, 65520, true); // 16 bits hold less
    const warnings = [];
    const model = await BeitForImageClassification.fromPretrained(files, {
      ...{ build: 'simd', device, dtype: 'f16' },
      onWarning: ({ message }) => warnings.push(message),
    });
    assert.deepEqual([model.dtype, model.runtimeInfo().device], ['f32', 'cpu']);
    assert.match(warnings.join(), /could not take the model: a weight is too large for 16 bits/);
    await model.dispose();
  });
  await rejects(
    infoOf('classify-batch3', { dtype: 'f16' }),
    'unsupported',
    /dtype: got "f16", expected "f32" or "int8", with which the processor/,
  );
});

test('the command line: --device gpu', { skip }, async (t) => {
  const names = ['classify-batch3', 'segment-loss'].map((name) => join(models, name));
  const { status, stdout, stderr } = await beitIn(VARIABLES, 'verify', '--device', 'gpu', '--build', 'simd', ...names);
  assert.equal(status, 0, stdout + stderr);
  for (const line of ['pass  classify-batch3 (gpu)', 'pass  segment-loss (gpu)']) assert.ok(stdout.split('\n').includes(line), stdout);
  const without = await beitIn({ ...VARIABLES, VK_ICD_FILENAMES: '/nowhere' }, 'verify', '--device', 'gpu', '--build', 'simd', names[0]);
  assert.equal(without.status, 1);
  assert.match(without.stdout, /a GPU cannot be used here: WebGPU has no adapter here\./);
  const image = join(root, 'tests/fixtures/images/rgb.png');
  const outputs = join(temporaryFolder(t), 'tokens.safetensors');
  const tokens = [];
  for (const on of ['gpu', 'cpu']) {
    const words = ['tokenize', image, '--tokenizer', dvae, '--size', '24x40', '--outputs', outputs, '--build', 'simd', '--device', on];
    const run = await beitIn(VARIABLES, ...words);
    assert.deepEqual([run.status, run.stderr], [0, '']);
    tokens.push(readFileSync(outputs));
  }
  assert.deepEqual(tokens[0], tokens[1]);
});
