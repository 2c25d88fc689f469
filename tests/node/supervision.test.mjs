// Engines that end by themselves, and listeners that throw: who waits is told, and what comes after works.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { settingsOf } from '../../dist/api/engines.js';
import { LocalEngine } from '../../dist/engine/local.js';
import { RemoteEngine } from '../../dist/engine/remote.js';
import { BeitForImageClassification, BeitImageProcessor, createEngine, pipeline } from '../../dist/node.js';
import { nodeHost } from '../../dist/platform/host-node.js';
import { afterwards, fileServer, golden, rejects, root, serve } from './support.mjs';
import { files, pixelValues } from './tiny-checkpoint.mjs';

const image = { width: 9, height: 7, channels: 3, data: Uint8Array.from({ length: 189 }, (_, i) => i) };
// Long enough that what happens after its first step happens in the middle.
const many = { dims: [512, 3, 96, 96], data: new Float32Array(512 * 3 * 96 * 96).fill(0.1) };
const large = join(golden, 'models/classify-patch16');

/** Every worker that an engine was started in, the latest last. */
const workers = [];
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (...message) {
  if (message[0]?.type === 'start') workers.push(this);
  return post.apply(this, message);
};
// As the system does where memory is short.
const kill = () => workers.at(-1).terminate();

test('a worker that is killed in the middle of a pass rejects every call, and the next engine works', async () => {
  const engine = await createEngine({ worker: true, build: 'simd' });
  const model = await BeitForImageClassification.fromPretrained(large, { engine });
  const running = rejects(
    model.forward({ pixelValues: many }, { onStep: () => void kill() }),
    'engine-lost',
    /^The worker: it failed \(it exited with status \d+\)/,
  );
  const waiting = rejects(model.forward({ pixelValues: many }), 'engine-lost');
  await Promise.all([running, waiting]);
  assert.deepEqual([engine.usable, model.usable], [false, false]);
  await rejects(engine.memory(), 'engine-lost');
  await rejects(model.forward({ pixelValues: many }), 'engine-lost');
  await model.dispose();
  await engine.dispose();
  assert.equal(model.usable, false);

  const next = await BeitForImageClassification.fromPretrained(files(), { worker: true, build: 'simd' });
  assert.equal((await next.forward({ pixelValues })).logits.dims[1], 3);
  await next.dispose();
});

test('a pipeline whose engine was killed opens its source again with the next call, once for all that wait', async (t) => {
  const { base, requests } = await serve(t, fileServer(files()));
  const opened = () => requests.filter((request) => request.includes('model.safetensors')).length;
  const phases = [];
  const signal = AbortSignal.timeout(60_000);
  const classify = await pipeline('image-classification', base, {
    worker: true,
    build: 'simd',
    signal,
    onProgress: ({ phase }) => phases.push(phase),
  });
  const expected = await classify(image);
  const { model, processor } = classify;
  assert.equal(opened(), 1);
  await kill();
  await rejects(model.forward({ pixelValues }), 'engine-lost');
  phases.length = 0;
  assert.deepEqual(await Promise.all([classify(image), classify([image])]), [expected, [expected]]);
  assert.equal(opened(), 2);
  assert.ok(phases.includes('weights') && phases.includes('ready'), phases.join());
  assert.ok(classify.model !== model && classify.processor !== processor && classify.model.usable);
  assert.equal(classify.runtimeInfo().worker, true);
  await kill();
  assert.deepEqual(await classify(image), expected, 'and again');
  await kill();
  const reason = new Error('enough');
  const controller = new AbortController();
  const stopped = classify(image, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(stopped, (error) => error === reason);
  assert.deepEqual(await classify(image), expected, 'who does not wait takes the others nothing away');
  await classify.dispose();
  await rejects(classify(image), 'disposed');
});

test('a pipeline that is disposed of while it opens again leaves nothing behind', async () => {
  const classify = await pipeline('image-classification', files(), { worker: true, build: 'simd' });
  const before = workers.length;
  await kill();
  const call = classify(image);
  await classify.dispose();
  await rejects(call, 'disposed');
  assert.equal(workers.length, before + 1);
  assert.equal(workers.at(-1).threadId, -1, 'the worker has ended');
});

test("a tokenizer of the pipeline's own is opened again, too", async () => {
  const folder = (name) => join(root, 'weights/embedded', name);
  const predict = await pipeline('masked-image-modeling', folder('masked-image-modeling'), {
    tokenizer: folder('tokenizer'),
    worker: true,
    build: 'simd',
  });
  const picture = readFileSync(join(root, 'demo/samples/harbour.jpg'));
  const options = { seed: 3, pictures: false };
  const expected = await predict(picture, options);
  const { tokenizer } = predict;
  await kill();
  assert.deepEqual(await predict(picture, options), expected);
  assert.notEqual(predict.tokenizer, tokenizer);
  await predict.dispose();
});

test("without restart, and with an engine of the caller's, a pipeline stays lost", async () => {
  const engine = await createEngine({ worker: true, build: 'simd' });
  for (const options of [{ restart: false, worker: true, build: 'simd', maximumMemory: 2 ** 30 }, { engine }]) {
    const classify = await pipeline('image-classification', files(), options);
    await classify(image);
    if (options.engine) workers.find((worker) => worker.threadId > 0).terminate();
    else await kill();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await rejects(classify(image), 'engine-lost');
    await rejects(classify(image), 'engine-lost');
    await classify.dispose();
  }
  await engine.dispose();
});

test('a worker that never starts is given up and ended', async () => {
  let ended = 0;
  const silent = { post: () => undefined, listen: () => undefined, terminate: async () => void ++ended };
  await rejects(RemoteEngine.create({}, silent, undefined, 20), 'engine-lost', /did not start within 0\.02 seconds/);
  assert.ok(ended > 0);
});

test('a core that traps loses its engine, not the process', async () => {
  const engine = await LocalEngine.create(settingsOf({ build: 'simd' }), nodeHost(), false);
  const model = await BeitForImageClassification.fromPretrained(files(), { engine });
  engine.core.memory = () => {
    throw new WebAssembly.RuntimeError('unreachable');
  };
  await rejects(model.memory(), 'internal', /the core stopped \(unreachable\)/);
  assert.deepEqual([engine.usable, model.usable], [false, false]);
  await rejects(model.forward({ pixelValues }), 'engine-lost');
  await model.dispose();
  await engine.dispose();
});

test('a pipeline on a core that traps opens again', async () => {
  const { create } = LocalEngine;
  const made = [];
  LocalEngine.create = async (...given) => {
    made.push(await create.apply(LocalEngine, given));
    return made.at(-1);
  };
  try {
    const classify = await pipeline('image-classification', files(), { worker: false, build: 'simd', threads: 1 });
    const expected = await classify(image);
    made[0].core.memory = () => {
      throw new WebAssembly.RuntimeError('unreachable');
    };
    await rejects(classify.memory(), 'internal');
    assert.deepEqual(await classify(image), expected);
    assert.equal(made.length, 2);
    await classify.dispose();
  } finally {
    LocalEngine.create = create;
  }
});

test('a pipeline whose core traps while it is loaded begins once more, and then tells', async () => {
  const { create } = LocalEngine;
  let traps = 0;
  LocalEngine.create = async (...given) => {
    const engine = await create.apply(LocalEngine, given);
    const { createCheckpoint } = engine.core;
    engine.core.createCheckpoint = () => {
      if (traps-- > 0) throw new WebAssembly.RuntimeError('Out of bounds memory access');
      return createCheckpoint();
    };
    return engine;
  };
  try {
    const warnings = [];
    const load = (options, more) => {
      traps = more;
      return pipeline('image-classification', files(), {
        worker: false,
        build: 'simd',
        threads: 1,
        onWarning: ({ code, message }) => warnings.push([code, message]),
        ...options,
      });
    };
    const classify = await load({}, 1);
    assert.equal((await classify(image)).length, 3);
    assert.equal(warnings.length, 1);
    assert.equal(warnings[0][0], 'engine-lost');
    assert.match(
      warnings[0][1],
      /^pipeline: the model is loaded once more, since WebAssembly: the core .*stopped \(Out of bounds memory access\)/,
    );
    await classify.dispose();
    // The processor's part may be what hears of it first.
    const ends = (loading) =>
      assert.rejects(loading, ({ code, message }) => /^(internal|engine-lost)$/.test(code) && /the core (has )?stopped/.test(message));
    await ends(load({}, 2));
    assert.equal(warnings.length, 2);
    await ends(load({ restart: false }, 1));
    const engine = await createEngine({ worker: false, build: 'simd', threads: 1 });
    await ends(load({ engine }, 1));
    await engine.dispose();
    assert.equal(warnings.length, 2);
  } finally {
    LocalEngine.create = create;
  }
});

test('listeners that throw or reject harm nobody, and are heard of', async (t) => {
  const warnings = [];
  const hear = (warning) => warnings.push(warning.message);
  process.on('warning', hear);
  afterwards(t, () => process.off('warning', hear));
  const oops = () => {
    throw new Error('oops');
  };
  const later = async () => {
    throw new Error('later');
  };
  // The processor's file is refused: a warning.
  const { base } = await serve(t, (request, response) => {
    if (request.url.includes('preprocessor')) response.writeHead(403).end();
    else fileServer(files())(request, response);
  });
  for (const worker of [false, true]) {
    const options = { worker, build: 'simd', onProgress: oops, onWarning: oops };
    const model = await BeitForImageClassification.fromPretrained(base, options);
    for (const onStep of [oops, later]) assert.equal((await model.forward({ pixelValues }, { onStep })).logits.dims[1], 3);
    await (await BeitImageProcessor.fromPretrained(base, options)).dispose();
    await model.dispose();
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(warnings, ['oops', 'later'], 'once each');
});

test('what is wrong with options is a BeitError as well', async () => {
  for (const worker of [false, true])
    await rejects(createEngine({ worker, artefacts: 'wasm/' }), 'invalid-argument', /artefacts: "wasm\/" is not a URL/);
  await rejects(
    BeitForImageClassification.fromPretrained('http://127.0.0.1:1/%E0%A4%A/model.safetensors', { retry: { attempts: 0 } }),
    'network',
  );
  const cause = new RangeError('no more');
  for (const worker of [false, true]) {
    for (const failing of Object.keys(files())) {
      // Only the other's files are there.
      const source = {
        label: 'odd',
        describe: () => null,
        open: async (name) => {
          if (name === failing) throw cause;
          const bytes = files()[name];
          return {
            name,
            size: bytes.length,
            read: async function* (offset, length) {
              yield bytes.subarray(offset, offset + length);
            },
            close: async () => undefined,
          };
        },
      };
      const error = await rejects(
        pipeline('image-classification', source, { worker, build: 'simd' }).catch((thrown) => {
          // What others threw has a sentence of theirs.
          assert.match(thrown.message, /no more/);
          throw Object.assign(thrown, { message: `${thrown.message}.` });
        }),
        'internal',
      );
      if (!worker || failing === 'preprocessor_config.json') assert.equal(error.cause, cause);
    }
  }
  const blob = new Blob(['x']);
  blob.arrayBuffer = async () => {
    throw new DOMException('gone', 'NotReadableError');
  };
  const processor = await BeitImageProcessor.fromPretrained(files());
  await rejects(processor.preprocess(blob), 'io', /gone/);
  await processor.dispose();
});

test('an abort ends a load from a source that does not listen, in this thread and from a worker', async () => {
  const never = () => new Promise(() => undefined);
  const bytes = files();
  /** A source that says nothing more from `stall` on, which is what it would do next. */
  const silent = (stall) => ({
    label: 'silent',
    describe: () => null,
    open: async (name) => {
      if (stall === `open ${name}`) return never();
      if (!bytes[name]) throw Object.assign(new Error('none'), { code: 'not-found' });
      return {
        name,
        size: bytes[name].length,
        async *read(offset, length) {
          yield bytes[name].subarray(offset, offset + Math.min(length, 500));
          if (stall === `read ${name}`) await never();
          yield bytes[name].subarray(offset + 500, offset + length);
        },
        finish: () => (stall === 'finish' ? never() : undefined),
        close: () => (stall === 'finish' ? never() : undefined),
      };
    },
  });
  const stream = () => {
    let pulled = 0;
    return new ReadableStream({
      pull: (controller) => (++pulled === 1 ? controller.enqueue(bytes['model.safetensors'].subarray(0, 3000)) : never()),
      cancel: never,
    });
  };
  const sources = [
    ...['open config.json', 'read config.json', 'open model.safetensors', 'read model.safetensors', 'finish'].map(
      (stall) => () => silent(stall),
    ),
    () => ({ 'config.json': bytes['config.json'], 'model.safetensors': stream() }),
  ];
  for (const worker of [false, true]) {
    const engine = await createEngine({ worker, build: 'simd' });
    await (await BeitForImageClassification.fromPretrained(bytes, { engine })).dispose();
    const { used } = await engine.memory();
    for (const [i, source] of sources.entries()) {
      const controller = new AbortController();
      const reason = new Error('enough');
      const loading = BeitForImageClassification.fromPretrained(source(), { engine, signal: controller.signal });
      setTimeout(() => controller.abort(reason), 30);
      await assert.rejects(loading, (error) => error === reason, `${i} ${worker}`);
      assert.equal((await engine.memory()).used, used, `${i} ${worker}`);
    }
    await engine.dispose();
  }
});
