// The engine in a worker, over the same protocol as in a page: same answers, errors and aborts.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { BeitForImageClassification, BeitImageProcessor, createEngine } from '../../dist/node.js';
import { fileServer, golden, rejects, root, serve, temporaryFolder } from './support.mjs';
import { files, pixelValues, writeCheckpoint } from './tiny-checkpoint.mjs';

const call = promisify(execFile);
const local = await createEngine({ build: 'simd' });
const remote = await createEngine({ build: 'simd', worker: true });
test.after(() => Promise.all([local.dispose(), remote.dispose()]));

async function logitsOf(engine, source, options = {}) {
  const model = await BeitForImageClassification.fromPretrained(source, { engine, ...options });
  try {
    return await model.forward({ pixelValues }, { outputHiddenStates: true });
  } finally {
    await model.dispose();
  }
}

test('what is used says that it is in a worker', () => {
  assert.equal(remote.info.worker, true);
  assert.equal(remote.info.build, 'simd');
});

for (const worker of [false, true]) {
  test(`a core that its host has compiled is used${worker ? ', in a worker' : ''}`, async () => {
    const compiled = (name) => WebAssembly.compile(readFileSync(join(root, 'dist/wasm', `beit-${name}.wasm`)));
    const expected = await logitsOf(local, files());
    for (const [build, threads] of [
      ['simd', 1],
      ['simd-threads', 2],
    ]) {
      const engine = await createEngine({ build, threads, worker, wasmBinary: await compiled(build) });
      assert.deepEqual(await logitsOf(engine, files()), expected, build);
      await engine.dispose();
    }
    await rejects(createEngine({ build: 'simd', wasmBinary: {} }), 'invalid-argument', /wasmBinary.*a WebAssembly\.Module/);
  });
}

test('a core that cannot be started leaves no thread behind, which would keep Node running', async () => {
  // Of another module: its imports are not those that the script has.
  const script = `
    import { readFileSync } from 'node:fs';
    import { createEngine } from './dist/node.js';
    const bytes = readFileSync('dist/wasm/beit-codecs.wasm');
    for (const wasmBinary of [bytes, await WebAssembly.compile(bytes), new Uint8Array(100)])
      for (const [build, threads] of [['simd', 1], ['simd-threads', 3]])
        for (const worker of [false, true])
          await createEngine({ build, threads, worker, wasmBinary }).catch(({ code, message }) => console.log(code, message));
  `;
  const { stdout } = await call(process.execPath, ['--input-type=module', '-e', script], { cwd: root, timeout: 60_000 });
  const lines = stdout.trim().split('\n');
  assert.equal(lines.length, 12);
  for (const line of lines) assert.match(line, /^internal .*: the artefact cannot be started/);
});

test('every kind of source gives the same answer as in this thread', async (t) => {
  const expected = await logitsOf(local, files());
  const folder = writeCheckpoint(temporaryFolder(t));
  const { base } = await serve(t, fileServer(files()));
  const sources = {
    bytes: files(),
    folder,
    url: base,
    blobs: Object.fromEntries(Object.entries(files()).map(([name, bytes]) => [name, new Blob([bytes])])),
    files: Object.entries(files()).map(([name, bytes]) => new File([bytes], name)),
  };
  for (const [kind, source] of Object.entries(sources)) assert.deepEqual(await logitsOf(remote, source), expected, kind);
  let fetched = 0;
  const counting = (...args) => {
    ++fetched;
    return fetch(...args);
  };
  assert.deepEqual(await logitsOf(remote, base, { fetch: counting }), expected, "a custom fetch runs in the caller's thread");
  assert.equal(fetched, 2);
});

test("the caller's tensors stay the caller's", async () => {
  await logitsOf(remote, files());
  assert.equal(pixelValues.data.length, 192);
});

test("images cross, and a caller's bytes are not taken away", async () => {
  const raw = { width: 9, height: 7, channels: 3, data: Uint8Array.from({ length: 189 }, (_, i) => i) };
  const bmp = new Uint8Array(await new Blob(['P6\n9 7\n255\n', raw.data]).arrayBuffer());
  const results = [];
  for (const engine of [local, remote]) {
    const processor = await BeitImageProcessor.fromPretrained(files(), { engine });
    for (const image of [raw, bmp, bmp.buffer, new Blob([bmp])]) results.push((await processor.preprocess(image)).pixelValues);
    await processor.dispose();
  }
  assert.equal(bmp.length, 200);
  for (const result of results) assert.deepEqual(result, results[0]);
});

test('errors cross with their code, sentence and facts', async () => {
  const error = await rejects(
    BeitForImageClassification.fromPretrained(files({ 'model.safetensors': null }), { engine: remote }),
    'not-found',
    /neither/,
  );
  assert.ok(error instanceof Error);
  await rejects(
    BeitForImageClassification.fromPretrained(files({ 'model.safetensors': files()['model.safetensors'].subarray(0, 3000) }), {
      engine: remote,
    }),
    'truncated',
  );
  assert.ok(remote.usable);
});

test('progress and steps cross', async () => {
  const phases = new Set();
  const model = await BeitForImageClassification.fromPretrained(files(), { engine: remote, onProgress: ({ phase }) => phases.add(phase) });
  assert.deepEqual([...phases], ['config', 'index', 'weights', 'ready']);
  const steps = [];
  await model.forward({ pixelValues }, { onStep: (done, total) => steps.push(`${done}/${total}`) });
  assert.ok(steps.length > 2);
  assert.match(steps.at(-1), /^(\d+)\/\1$/);
  await model.dispose();
});

test('an abort while the source is silent leaves nothing behind', async (t) => {
  await logitsOf(remote, files());
  const { used } = await remote.memory();
  const { base } = await serve(t, (request, response) => {
    if (request.url === '/config.json') response.end(files()['config.json']);
    else response.writeHead(200).write(files()['model.safetensors'].subarray(0, 500));
  });
  for (const options of [{}, { fetch: (...args) => fetch(...args) }]) {
    const controller = new AbortController();
    const reason = new Error('enough');
    const loading = BeitForImageClassification.fromPretrained(base, {
      engine: remote,
      signal: controller.signal,
      ...options,
      onProgress: ({ phase }) => {
        if (phase === 'index') setTimeout(() => controller.abort(reason), 30);
      },
    });
    await assert.rejects(loading, (error) => error === reason);
    assert.equal((await remote.memory()).used, used);
  }
});

test('an abort stops a pass that runs, within a layer', async () => {
  // 512 images: long enough a layer that the abort arrives before the end.
  const model = await BeitForImageClassification.fromPretrained(join(golden, 'models/classify-patch16'), { engine: remote });
  const many = { dims: [512, 3, 96, 96], data: new Float32Array(512 * 3 * 96 * 96).fill(0.1) };
  const controller = new AbortController();
  const reason = new Error('enough');
  const steps = [];
  const running = model.forward(
    { pixelValues: many },
    {
      signal: controller.signal,
      onStep: (done, total) => {
        steps.push([done, total]);
        controller.abort(reason);
      },
    },
  );
  await assert.rejects(running, (error) => error === reason);
  const [done, total] = steps.at(-1);
  assert.ok(done < total, `${done} of ${total} steps`);
  await model.dispose();
  assert.ok((await logitsOf(remote, files())).logits.data.every(Number.isFinite));
});

test('dispose() ends what waits, and everything after it', async (t) => {
  const engine = await createEngine({ build: 'simd', worker: true });
  const { base } = await serve(t, () => undefined);
  const loading = BeitForImageClassification.fromPretrained(base, { engine });
  const waiting = rejects(loading, 'disposed');
  await engine.dispose();
  await waiting;
  await rejects(engine.memory(), 'disposed');
  assert.equal(engine.usable, false);
});

test('a build that cannot be had is refused from within the worker', async () => {
  await rejects(createEngine({ worker: true, build: 'simd', threads: 2 }), 'unsupported', /one thread/);
  await rejects(createEngine({ worker: true, artefacts: 'file:///absent/' }), 'not-found', /absent/);
});
