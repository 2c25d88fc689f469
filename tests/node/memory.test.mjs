// Memory that is not there: a typed error with both numbers, and an engine that works on.
import assert from 'node:assert/strict';
import test from 'node:test';
import { artefactFiles } from '../../dist/assets.js';
import { startCore } from '../../dist/core/artefacts.js';
import { unwrap } from '../../dist/base/errors.js';
import { BeitError, BeitForImageClassification, createEngine, OutOfMemoryError } from '../../dist/node.js';
import { BUILDS, lacking, rejects } from './support.mjs';
import { config, files, pixelValues, rawSafetensors, tensors } from './tiny-checkpoint.mjs';

const MB = 1 << 20;

/** A checkpoint of the tiny model made wide: its header is there, and whoever reads on is told. */
function wide(hidden) {
  const header = {};
  let offset = 0;
  for (const [name, { dims }] of Object.entries(tensors())) {
    const shape = dims.map((n) => (n === 4 && !name.includes('patch_embeddings') ? hidden : n));
    if (name.includes('patch_embeddings')) shape[0] = hidden;
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const head = new Uint8Array(8 + json.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(json.length), true);
  head.set(json, 8);
  const read = { beyond: false };
  const open = (name) => {
    const given = name === 'config.json' ? new TextEncoder().encode(JSON.stringify({ ...config, hidden_size: hidden })) : head;
    return {
      name,
      size: name === 'config.json' ? given.length : head.length + offset,
      async *read(at, length) {
        if (at >= given.length && name !== 'config.json') read.beyond = true;
        yield given.subarray(at, Math.min(at + length, given.length));
      },
      close: async () => undefined,
    };
  };
  const known = ['config.json', 'model.safetensors'];
  return {
    read,
    source: {
      label: 'wide',
      describe: () => null,
      open: async (name) => {
        if (!known.includes(name)) throw new BeitError('not-found', `There is no ${name}.`);
        return open(name);
      },
    },
  };
}

async function works(engine) {
  const model = await BeitForImageClassification.fromPretrained(files(), { engine });
  const { logits } = await model.forward({ pixelValues });
  assert.ok(logits.data.every(Number.isFinite));
  await model.dispose();
}

for (const build of BUILDS) {
  for (const worker of [false, true]) {
    test(`a model that does not fit is refused before a byte of it is read: ${build}${worker ? ' in a worker' : ''}`, {
      skip: lacking(build),
    }, async () => {
      const engine = await createEngine({ build, worker, maximumMemory: 64 * MB });
      const { heap, maximum } = await engine.memory();
      assert.ok(heap < 8 * MB);
      assert.equal(maximum, 64 * MB);
      const { source, read } = wide(2048);
      const error = await rejects(
        BeitForImageClassification.fromPretrained(source, { engine }),
        'out-of-memory',
        /wide: loading this model needs \d+ bytes.* are left/,
      );
      assert.ok(error instanceof OutOfMemoryError);
      assert.ok(error.needed > 64 * MB && error.available < 64 * MB && error.available > 40 * MB, `${error.needed}, ${error.available}`);
      assert.equal(read.beyond, false);
      assert.ok((await engine.memory()).heap < 32 * MB, 'nothing but the largest tensor was taken for it');
      await works(engine);
      await engine.dispose();
    });
  }
}

test('a pass that does not fit', async () => {
  for (const worker of [false, true]) {
    const engine = await createEngine({ build: 'simd', worker, maximumMemory: 32 * MB });
    const model = await BeitForImageClassification.fromPretrained(files(), { engine });
    const many = { dims: [200_000, 3, 8, 8], data: new Float32Array(200_000 * 192) };
    const error = await rejects(model.forward({ pixelValues: many }), 'out-of-memory', /No memory for|allocation/);
    assert.ok(error instanceof OutOfMemoryError);
    assert.ok(error.available > 0 && error.available < 32 * MB, String(error.available));
    assert.ok((await model.forward({ pixelValues })).logits.data.every(Number.isFinite));
    await works(engine);
    await engine.dispose();
  }
});

/** Runs `work` where the engine has no more address space than `most` bytes for one memory. */
async function withAddressSpace(most, work) {
  const { Memory } = WebAssembly;
  const asked = [];
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor) {
      asked.push(descriptor.maximum * 65536);
      if (descriptor.maximum * 65536 > most) throw new RangeError('could not allocate memory');
      super(descriptor);
    }
  };
  try {
    return await work(asked);
  } finally {
    WebAssembly.Memory = Memory;
  }
}

for (const build of ['simd', 'simd-threads']) {
  test(`less address space than 4 GB is taken for what it is: ${build}`, async () => {
    await withAddressSpace(600 * MB, async (asked) => {
      const engine = await createEngine({ build, worker: false, threads: build === 'simd' ? 1 : 2 });
      assert.deepEqual(
        asked,
        [4096, 2048, 1024, 512].map((n) => n * MB),
      );
      assert.equal((await engine.memory()).maximum, 512 * MB);
      await works(engine);
      await engine.dispose();
    });
  });
}

test('no address space at all', async () => {
  await withAddressSpace(8 * MB, async () => {
    const error = await rejects(createEngine({ build: 'simd', worker: false }), 'out-of-memory', /gives no \d+ bytes/);
    assert.ok(error instanceof OutOfMemoryError);
  });
  for (const maximumMemory of [0, 1000, 2 ** 33, NaN, '1'])
    await rejects(createEngine({ maximumMemory }), 'invalid-argument', /maximumMemory/);
});

test('where no memory is left, every call says so and none throws', { skip: lacking('simd') }, async () => {
  const core = await startCore({ build: 'simd', threads: 1, files: artefactFiles('simd'), maximumMemory: 32 * MB });
  unwrap(core.start(1, false));
  const checkpoint = unwrap(core.createCheckpoint());
  const header = {};
  for (let i = 0; i < 2000; ++i) header[`a.tensor.with.a.long.name.${i}`] = { dtype: 'F32', shape: [1], data_offsets: [4 * i, 4 * i + 4] };
  const file = rawSafetensors(header, new Uint8Array(8000));
  unwrap(checkpoint.addFile('model.safetensors', file.length));
  const staging = core._malloc(file.length) >>> 0;
  for (let read; (read = unwrap(checkpoint.next())); ) {
    core.HEAPU8.set(file.subarray(read.offset, read.offset + read.length), staging);
    unwrap(checkpoint.supply(staging, read.length));
  }
  const model = unwrap(core.createModel(JSON.stringify(config), 'BeitForImageClassification', {}));
  const processor = unwrap(core.createImageProcessor('{}'));
  const taken = [staging];
  for (let size = 16 * MB; size >= 8; size >>= 1) for (let block; (block = core._malloc(size) >>> 0) !== 0; ) taken.push(block);
  const calls = {
    memory: () => core.memory(),
    takeProfile: () => core.takeProfile(),
    estimate: () => model.estimate(),
    tensors: () => checkpoint.tensors(),
    config: () => processor.config(),
    deriveConfig: () => checkpoint.deriveConfig(),
  };
  // A text is refused before it is written anywhere: malloc() gives 0, where the core's own data begins.
  const text = 'x'.repeat(5000);
  const low = core.HEAPU8.slice(0, 1 << 16);
  const takers = {
    readConfig: () => core.readConfig(text),
    createModel: () => core.createModel(text, 'BeitForImageClassification', {}),
    createImageProcessor: () => core.createImageProcessor(text),
    addFile: () => checkpoint.addFile(text, 8),
    addShardIndex: () => checkpoint.addShardIndex(text),
    replace: () => model.replace(text, { dims: [1], data: new Float32Array(1) }),
    convert: () => model.convert(checkpoint, text, 'f32'),
  };
  for (const [name, call] of Object.entries(takers)) assert.throws(call, { name: 'RangeError', message: 'no memory for a text' }, name);
  assert.ok(Buffer.compare(low, core.HEAPU8.subarray(0, 1 << 16)) === 0, 'nothing is written over what lies at the beginning');
  for (const [name, call] of Object.entries(calls)) {
    const outcome = call();
    assert.equal(typeof outcome.ok, 'boolean', name);
    if (!outcome.ok) assert.equal(outcome.error.code, 'out-of-memory', `${name}: ${outcome.error.message}`);
  }
  assert.equal(checkpoint.deriveConfig().ok, false, 'which needs memory for itself');
  for (const block of taken) core._free(block);
  assert.equal(unwrap(checkpoint.tensors()).length, 2000);
  for (const handle of [checkpoint, model, processor]) handle.delete();
});

test('a config that is larger than the memory that is left is refused, and what is loaded goes on', { skip: lacking('simd') }, async () => {
  for (const worker of [false, true]) {
    const engine = await createEngine({ build: 'simd', worker, maximumMemory: 32 * MB });
    const model = await BeitForImageClassification.fromPretrained(files(), { engine });
    const { logits } = await model.forward({ pixelValues });
    const large = { ...files(), 'config.json': new TextEncoder().encode(JSON.stringify({ ...config, padding: 'x'.repeat(40 * MB) })) };
    const error = await rejects(
      BeitForImageClassification.fromPretrained(large, { engine }),
      'out-of-memory',
      /A text for the core: \d+ bytes could not be allocated/,
    );
    assert.ok(error instanceof OutOfMemoryError && error.available > 0 && error.available < 32 * MB);
    assert.deepEqual((await model.forward({ pixelValues })).logits.data, logits.data);
    await works(engine);
    await engine.dispose();
  }
});
