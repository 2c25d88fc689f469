// Loading, and everything that can go wrong with it: a typed error, and all memory back.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  BeitConfig,
  BeitForImageClassification,
  BeitImageProcessor,
  BeitModel,
  convert,
  createEngine,
  inspect,
  writeSafetensors,
} from '../../dist/node.js';
import { settingsOf } from '../../dist/api/engines.js';
import { LocalEngine } from '../../dist/engine/local.js';
import { nodeHost } from '../../dist/platform/host-node.js';
import { platform } from '../../dist/platform/node.js';
import { rejects } from './support.mjs';
import { config, files, pixelValues, rawSafetensors, tensors } from './tiny-checkpoint.mjs';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());
const load = (changed, options = {}) => BeitForImageClassification.fromPretrained(files(changed), { engine, ...options });

/** Runs `work` twice, and asserts that the second time leaves as much memory in use as the first. */
async function leavesNothing(work, at = engine) {
  await work();
  const { used } = await at.memory();
  await work();
  assert.equal((await at.memory()).used, used, 'bytes in use');
}

/** Asserts that the module works as before. */
async function stillWorks(at = engine) {
  const model = await load({}, { engine: at });
  const { logits } = await model.forward({ pixelValues });
  await model.dispose();
  assert.deepEqual(logits.dims, [1, 3]);
  assert.ok(logits.data.every(Number.isFinite));
  return logits.data;
}

test('a load has the fields of its config from the core once, and each load has its own', async () => {
  const own = await LocalEngine.create(settingsOf({ build: 'simd' }), nodeHost(), false);
  const { core } = own;
  const read = core.readConfig;
  let calls = 0;
  core.readConfig = (json) => {
    ++calls;
    return read.call(core, json);
  };
  const { handle, config: first } = await own.loadModel(await platform.resolveSource(files(), {}), { className: 'auto' });
  assert.equal(calls, 1);
  const { config: second } = await own.loadModel(await platform.resolveSource(files(), {}), { className: 'auto' });
  assert.deepEqual(first, second);
  assert.notEqual(first, second);
  assert.equal(typeof handle, 'number');
  await own.dispose();
});

test('a model loads, runs and is given back', async () => {
  const first = await stillWorks();
  await leavesNothing(async () => assert.deepEqual(await stillWorks(), first));
});

test('every truncation of a weights file is an error, and leaves no byte behind', async () => {
  const whole = files()['model.safetensors'];
  assert.ok(whole.length < 8000, 'small enough to try every length');
  await stillWorks();
  const { used } = await engine.memory();
  const codes = new Set();
  for (let length = 0; length < whole.length; ++length) {
    const error = await rejects(load({ 'model.safetensors': whole.subarray(0, length) }), 'truncated', /model\.safetensors/);
    codes.add(error.code);
    const now = (await engine.memory()).used;
    assert.equal(now, used, `bytes in use after length ${length}`);
  }
  await stillWorks();
});

test('every truncation of config.json is an error', async () => {
  const whole = files()['config.json'];
  const { used } = await engine.memory();
  for (let length = 0; length < whole.length; ++length) {
    const error = await load({ 'config.json': whole.subarray(0, length) }).then(
      () => null,
      (caught) => caught,
    );
    assert.ok(['malformed', 'truncated'].includes(error?.code), `length ${length}: ${error}`);
    assert.equal((await engine.memory()).used, used);
  }
});

const huge = (shape) => rawSafetensors({ a: { dtype: 'F32', shape, data_offsets: [0, 4] } }, new Uint8Array(4));
const altered = (change) => {
  const list = tensors();
  change(list);
  return writeSafetensors(list);
};
const html = new TextEncoder().encode('<!DOCTYPE html><html><body>Sign in</body></html>');
const text = (value) => new TextEncoder().encode(value);

const broken = [
  ['no weights', { 'model.safetensors': null }, 'not-found', /neither model\.safetensors, .*pytorch_model\.bin.* nor flax_model\.msgpack/],
  ['an empty weights file', { 'model.safetensors': new Uint8Array(0) }, 'truncated'],
  ['a web page as weights', { 'model.safetensors': html }, 'html'],
  ['a web page as config', { 'config.json': html }, 'html'],
  ['a config that is a list', { 'config.json': text('[1]') }, 'bad-config', /object/],
  ['a config with a bad value', { 'config.json': text('{"hidden_size": -4}') }, 'bad-config', /hidden_size/],
  [
    'a config that turns off the tables that the file has',
    { 'config.json': text(JSON.stringify({ ...config, use_relative_position_bias: false })) },
    'bad-config',
    /model\.safetensors.*turns off.*relative_position_bias_table/,
  ],
  [
    'a config with fewer layers than the file',
    { 'config.json': text(JSON.stringify({ ...config, num_hidden_layers: 1 })) },
    'bad-config',
    /model\.safetensors.*turns off.*layer\.1\./,
  ],
  ['a config whose heads do not divide', { 'config.json': text('{"hidden_size": 10, "num_attention_heads": 3}') }, 'bad-config'],
  ['a header longer than the file', { 'model.safetensors': rawSafetensors('{}', undefined, 1000) }, 'truncated'],
  ['a header of 2^60 bytes', { 'model.safetensors': rawSafetensors('{}', undefined, 2 ** 60) }, ['malformed', 'truncated']],
  ['a header that is no JSON', { 'model.safetensors': rawSafetensors('{"a": nonsense}') }, 'malformed'],
  ['a shape of 2^60', { 'model.safetensors': huge([2 ** 60]) }, 'malformed'],
  ['a negative shape', { 'model.safetensors': huge([-1]) }, 'malformed'],
  [
    'a shape that is not finite',
    { 'model.safetensors': rawSafetensors('{"a":{"dtype":"F32","shape":[1e400],"data_offsets":[0,4]}}', new Uint8Array(4)) },
    'malformed',
  ],
  ['a shape with a fraction', { 'model.safetensors': huge([1.5]) }, 'malformed'],
  ['shapes whose product overflows', { 'model.safetensors': huge([2 ** 40, 2 ** 40]) }, 'malformed'],
  [
    'an element type that there is not',
    { 'model.safetensors': rawSafetensors({ a: { dtype: 'F31', shape: [1], data_offsets: [0, 4] } }, new Uint8Array(4)) },
    ['malformed', 'unsupported', 'wrong-type'],
  ],
  ['bytes behind the tensors', { 'model.safetensors': Uint8Array.from([...files()['model.safetensors'], 1, 2, 3]) }, 'malformed'],
  [
    'one tensor missing',
    {
      'model.safetensors': altered((list) => {
        delete list['classifier.bias'];
      }),
    },
    'missing-tensor',
    /classifier\.bias/,
  ],
  [
    'two tensors missing, both named',
    {
      'model.safetensors': altered((list) => {
        delete list['classifier.bias'];
        delete list['beit.encoder.layer.1.lambda_2'];
      }),
    },
    'missing-tensor',
    /lambda_2.*classifier\.bias|classifier\.bias.*lambda_2/,
  ],
  [
    'a tensor of a wrong shape',
    {
      'model.safetensors': altered((list) => {
        list['classifier.weight'] = { dims: [2, 4], data: new Float32Array(8) };
      }),
    },
    'wrong-shape',
    /classifier\.weight.*\[2, 4\].*\[3, 4\]/,
  ],
  [
    'a tensor of integers',
    {
      'model.safetensors': altered((list) => {
        list['classifier.bias'] = { dims: [3], data: new BigInt64Array(3) };
      }),
    },
    ['wrong-type', 'wrong-shape'],
    /classifier\.bias.*I64/,
  ],
  [
    'tensors of other names',
    {
      'model.safetensors': writeSafetensors({ 'h.0.ln_1.weight': { dims: [4], data: new Float32Array(4) } }),
    },
    ['unsupported', 'missing-tensor'],
  ],
  [
    'an index that is no JSON',
    { 'model.safetensors': null, 'model.safetensors.index.json': text('{"weight_map":') },
    ['malformed', 'truncated'],
  ],
  [
    'an index with a path',
    {
      'model.safetensors': null,
      'model.safetensors.index.json': text('{"weight_map": {"a": "../secret.safetensors"}}'),
    },
    'malformed',
    /secret/,
  ],
  [
    'an index of a file that is not there',
    {
      'model.safetensors': null,
      'model.safetensors.index.json': text('{"weight_map": {"a": "one.safetensors"}}'),
    },
    'not-found',
    /one\.safetensors/,
  ],
];

for (const [name, changed, codes, sentence] of broken) {
  test(`refuses ${name}`, async () => {
    await leavesNothing(async () => {
      const error = await load(changed).then(
        (model) => model.dispose(),
        (caught) => caught,
      );
      assert.equal(error?.name, 'BeitError', error?.stack ?? 'it loaded');
      assert.ok([codes].flat().includes(error.code), `${error.code}: ${error.message}`);
      assert.match(error.message, sentence ?? /\S.*\.$/);
    });
    await stillWorks();
  });
}

// The engine in a worker, and in this thread.
const here = await createEngine({ build: 'simd', worker: false });
test.after(() => here.dispose());

// In phase `ready` the worker has finished before it can hear of the abort.
for (const phase of ['config', 'index', 'weights', 'ready'])
  for (const [place, at] of Object.entries({ worker: engine, here })) {
    test(`an abort in phase ${phase}, ${place}`, async () => {
      await stillWorks(at);
      await leavesNothing(async () => {
        const controller = new AbortController();
        const reason = new Error(`no ${phase}`);
        const seen = [];
        const loading = load(
          {},
          {
            engine: at,
            signal: controller.signal,
            onProgress: (progress) => {
              seen.push(progress.phase);
              if (progress.phase === phase) controller.abort(reason);
            },
          },
        );
        await assert.rejects(loading, (error) => error === reason);
        assert.equal(seen.at(-1), phase, 'nothing is told after the abort');
      }, at);
      await stillWorks(at);
    });
  }

test('an abort before the start does nothing', async () => {
  const phases = [];
  const signal = AbortSignal.abort(new Error('never'));
  await assert.rejects(load({}, { signal, onProgress: ({ phase }) => phases.push(phase) }), /never/);
  assert.deepEqual(phases, []);
});

test('progress goes through the phases and counts every byte', async () => {
  const seen = [];
  const model = await load({}, { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual([...new Set(seen.map(({ phase }) => phase))], ['config', 'index', 'weights', 'ready']);
  const last = seen.filter(({ phase }) => phase === 'weights').at(-1);
  assert.equal(last.loaded, last.total);
  assert.equal(last.total, model.loading.fillBytes);
  assert.equal(last.tensors, Object.keys(tensors()).length);
  assert.equal(last.file, 'model.safetensors');
  const shares = seen.map(({ share }) => share);
  assert.deepEqual(
    shares,
    [...shares].sort((a, b) => a - b),
  );
  assert.deepEqual([shares[0], shares.at(-1)], [0, 1]);
  await model.dispose();
});

test('a given config replaces the file', async () => {
  const model = await load({ 'config.json': null }, { config: { ...config, id2label: { 0: 'x', 1: 'y', 2: 'z' } } });
  assert.deepEqual(model.config.id2label, ['x', 'y', 'z']);
  await model.dispose();
});

test('what the checkpoint has besides is told', async () => {
  const model = await BeitModel.fromPretrained(files(), { engine });
  assert.deepEqual([...model.loading.unexpected].sort(), ['classifier.bias', 'classifier.weight']);
  assert.deepEqual(model.loading.missing, []);
  assert.equal(model.loading.dialect, 'transformers');
  await model.dispose();
});

test('configs and processors: defaults, fields, errors', async () => {
  const read = await BeitConfig.fromPretrained(files(), { engine });
  assert.deepEqual([read.hiddenSize, read.numLabels, read.id2label[2], read.useMeanPooling], [4, 3, 'owl', true]);
  assert.throws(() => {
    read.hiddenSize = 5;
  }, TypeError);
  await rejects(BeitConfig.fromJSON({ hidden_size: 'wide' }, { engine }), 'bad-config', /hidden_size/);
  await rejects(BeitConfig.fromJSON('{]', { engine }), 'malformed');
  const defaults = await BeitImageProcessor.fromPretrained(files({ 'preprocessor_config.json': null }), { engine });
  assert.equal(defaults.config.doResize, true);
  await defaults.dispose();
  await rejects(defaults.preprocess({ width: 1, height: 1, channels: 3, data: new Uint8Array(3) }), 'disposed');
  await rejects(BeitImageProcessor.fromJSON({ image_mean: 'red' }, { engine }), 'bad-config', /image_mean/);
});

test('a config that JSON has no text of', async () => {
  const cyclic = {};
  cyclic.hidden_size = cyclic;
  for (const call of [
    (config) => load({}, { config }),
    (config) => inspect(files(), { config, engine }),
    (config) => convert(files(), { config, engine }),
    (json) => BeitConfig.fromJSON(json, { engine }),
    (json) => BeitImageProcessor.fromJSON(json, { engine }),
  ]) {
    await rejects(call(cyclic), 'invalid-argument', /it cannot be written as JSON \(/);
    await rejects(call({ hidden_size: 768n }), 'invalid-argument', /BigInt/);
    for (const none of [() => 1, Symbol('config'), { toJSON() {} }])
      await rejects(call(none), 'invalid-argument', /the text of a config\.json, or the same as an object/);
  }
  await rejects(BeitConfig.fromJSON(undefined, { engine }), 'invalid-argument', /json: got undefined/);
});

test('a dtype that there is not', async () => {
  await rejects(load({}, { dtype: 'int4' }), 'unsupported', /"int4".*"int8"/);
});

test('whatever a tensor or a label is called, it is there', async () => {
  const named = Object.fromEntries(
    ['__proto__', 'constructor', '7', 'w'].map((name, i) => [name, { dims: [1], data: Float32Array.of(i) }]),
  );
  const read = await engine.readTensors(writeSafetensors(named));
  assert.deepEqual(Object.keys(read).sort(), ['7', '__proto__', 'constructor', 'w']);
  for (const [name, { data }] of Object.entries(named))
    assert.deepEqual([...Object.getOwnPropertyDescriptor(read, name).value.data], [...data], name);
  const { label2id } = await BeitConfig.fromJSON('{"id2label": {"0": "__proto__", "1": "dog"}, "label2id": {"__proto__": 0, "dog": 1}}', {
    engine,
  });
  assert.deepEqual(Object.entries(label2id), [
    ['__proto__', 0],
    ['dog', 1],
  ]);
  // Whatever JSON has to escape, and what it has not.
  const labels = [
    '"',
    '\\',
    '\\"',
    '',
    ...Array.from({ length: 32 }, (_, i) => `a${String.fromCharCode(i)}b`),
    '\u007f',
    'é, 猫, 🐈',
    '\u2028</script>',
  ];
  const written = JSON.stringify({ id2label: { ...labels }, label2id: Object.fromEntries(labels.map((label, i) => [label, i])) });
  const config = await BeitConfig.fromJSON(written, { engine });
  assert.deepEqual(config.id2label, labels);
  assert.deepEqual(Object.entries(config.label2id), Object.entries(JSON.parse(written).label2id));
  const twice = await BeitConfig.fromJSON('{"id2label": {"0": "cat", "1": "cat"}, "label2id": {"cat": 0, "cat": 1}}', { engine });
  assert.deepEqual([twice.id2label, twice.label2id], [['cat', 'cat'], { cat: 1 }]);
});

test('fields that the reference does not have are told by name', async () => {
  const { unknownFields } = await BeitConfig.fromJSON({ torch_dtype: 'float32', x: 1, hidden_size: 8, num_attention_heads: 2 }, { engine });
  assert.deepEqual(unknownFields, ['torch_dtype', 'x']);
  assert.deepEqual((await BeitConfig.fromJSON({}, { engine })).unknownFields, []);
  const processor = await BeitImageProcessor.fromJSON({ data_format: 'channels_first' }, { engine });
  assert.deepEqual(processor.config.unknownFields, ['data_format']);
  await processor.dispose();
});
