// Engines side by side: answers as of one, in order or as they come; reading once; engines that are lost.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { createPool, DalleTokenizer, pipeline } from '../../dist/node.js';
import { afterwards, fileServer, golden, rejects, serve, temporaryFolder } from './support.mjs';
import { files } from './tiny-checkpoint.mjs';

/** Every worker that an engine was started in, the latest last. */
const workers = [];
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (...message) {
  if (message[0]?.type === 'start') workers.push(this);
  return post.apply(this, message);
};

const pictureOf = (shade) => ({ width: 9, height: 7, channels: 3, data: Uint8Array.from({ length: 189 }, (_, i) => (i * shade) % 256) });
const pictures = Array.from({ length: 23 }, (_, i) => pictureOf(2 * i + 3));
const broken = new Uint8Array(10);

const single = await pipeline('image-classification', files(), { build: 'simd', worker: true });
const expected = await single(pictures);
await single.dispose();

const pool = await createPool({ engines: 3, build: 'simd' });
test.after(() => pool.dispose());
const classify = await pool.pipeline('image-classification', files());

async function all(results) {
  const found = [];
  for await (const result of results) found.push(result);
  return found;
}

test('a pool answers as one engine does, in order', async () => {
  assert.equal(pool.engines, 3);
  assert.equal(new Set(workers.slice(-3)).size, 3);
  assert.equal(pool.runtimeInfo().threads, 1);
  assert.deepEqual(await classify(pictures), expected);
  assert.deepEqual(await classify(pictures[4]), expected[4]);
  assert.deepEqual(await all(classify.stream(pictures)), expected);
  assert.equal(classify.model.config.id2label[2], 'owl');
  assert.equal(classify.task, 'image-classification');
});

test('or as they come, each with its place; what fails has its error there', async () => {
  const mixed = [...pictures.slice(0, 5), broken, ...pictures.slice(5)];
  const found = await all(classify.results(mixed));
  assert.equal(found.length, mixed.length);
  const wanted = [...expected.slice(0, 5), null, ...expected.slice(5)];
  for (const { index, image, result, error } of found) {
    assert.equal(image, mixed[index]);
    if (index === 5) assert.equal(error.code, 'bad-image');
    else assert.deepEqual(result, wanted[index]);
  }
  assert.equal(new Set(found.map(({ index }) => index)).size, mixed.length);
});

test('a slow picture holds nobody who takes answers as they come', async () => {
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  const slow = new Blob([new Uint8Array(1)]);
  slow.arrayBuffer = () => held;
  const seen = [];
  for await (const { index } of classify.results([slow, ...pictures.slice(0, 6)])) {
    seen.push(index);
    if (seen.length === 6) release(new ArrayBuffer(1));
  }
  assert.equal(seen.at(-1), 0);
  assert.equal(seen.length, 7);
});

test('a call that is stopped ends, and so does a stream that is left', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const endless = (function* () {
    for (;;) yield pictures[0];
  })();
  let taken = 0;
  await assert.rejects(
    (async () => {
      for await (const answer of classify.results(endless, { signal: controller.signal }))
        if (answer && ++taken === 5) controller.abort(reason);
    })(),
    (error) => error === reason,
  );
  assert.equal(endless.next().done, true, 'the iterator is left');
  await assert.rejects(all(classify.stream(pictures, { signal: controller.signal })), (error) => error === reason);
  const failing = (function* () {
    yield pictures[0];
    throw new Error('the camera is gone');
  })();
  await assert.rejects(all(classify.results(failing)), /the camera is gone/);
  await rejects(all(classify.results(pictures, { prefetch: 17 })), 'invalid-argument', /prefetch: got 17/);
  assert.deepEqual(await classify(pictures[1]), expected[1]);
});

test('an engine that is lost is made anew, and no picture is lost with it', async (t) => {
  // A worker that nobody waits for does not keep the process alive, and its end is waited for here.
  const alive = setInterval(() => undefined, 1000);
  afterwards(t, () => clearInterval(alive));
  const before = workers.length;
  let seen = 0;
  const found = [];
  for await (const result of classify.stream(pictures)) {
    found.push(result);
    if (++seen === 3) await workers.at(-2).terminate();
    if (seen === 9) await workers.at(-1).terminate();
  }
  assert.deepEqual(found, expected);
  assert.deepEqual(await classify(pictures), expected, 'each engine had a picture since');
  assert.equal(workers.length, before + 2);
});

test('a picture that loses a second engine is given up', async () => {
  const killer = await pool.open(async () => ({ dispose: async () => undefined }));
  let attempts = 0;
  const kill = async () => {
    ++attempts;
    // As a pass of an engine that has just ended.
    throw Object.assign(await classify('no-such-file').catch((error) => error), { code: 'engine-lost' });
  };
  await rejects(killer.run(kill), 'engine-lost');
  assert.equal(attempts, 2);
  await rejects(killer.run(kill, { again: false }), 'engine-lost');
  assert.equal(attempts, 3);
  await killer.dispose();
});

test('what a server has is asked for once for all engines, kept or not', async (t) => {
  for (const cache of [false, temporaryFolder(t)]) {
    const { base, requests } = await serve(t, fileServer(files()));
    const shares = [];
    const run = await pool.pipeline('image-classification', base, {
      cache,
      revalidate: 'never',
      onProgress: ({ share }) => shares.push(share),
    });
    assert.deepEqual(await run(pictures), expected);
    assert.equal(requests.filter((request) => request.includes('model.safetensors')).length, 1, requests.join());
    assert.deepEqual(
      [...shares].sort((a, b) => a - b),
      shares,
    );
    assert.equal(shares.at(-1), 1);
    await run.dispose();
  }
});

test('what is told of a load begins while the first engine fetches', async (t) => {
  let told;
  const telling = new Promise((resolve) => {
    told = resolve;
  });
  let before = false;
  const whole = fileServer(files());
  const { base } = await serve(t, (request, response) => {
    if (!request.url.endsWith('model.safetensors')) return whole(request, response);
    const bytes = files()['model.safetensors'];
    response.writeHead(200, { 'Content-Length': bytes.length });
    response.write(bytes.subarray(0, bytes.length >> 1));
    void Promise.race([telling, new Promise((resolve) => setTimeout(resolve, 5000))]).then((share) => {
      before = share > 0 && share < 1;
      response.end(bytes.subarray(bytes.length >> 1));
    });
  });
  const run = await pool.pipeline('image-classification', base, {
    cache: temporaryFolder(t),
    revalidate: 'never',
    onProgress: ({ share }) => share > 0 && told(share),
  });
  assert.ok(before);
  await run.dispose();
});

test('what has been disposed of does not open its model again', async () => {
  const run = await pool.pipeline('image-classification', files());
  const answers = [];
  for await (const { result, error } of run.results(pictures)) {
    answers.push(error?.code ?? typeof result);
    if (answers.length === 1) await run.dispose();
  }
  assert.ok(answers.includes('disposed'), answers.join());
  await rejects(run(pictures[0]), 'disposed', /image-classification pipeline has been disposed of/);
  const open = await pool.open(async () => ({ dispose: async () => undefined }));
  await open.dispose();
  await rejects(
    open.run(async () => 1),
    'disposed',
  );
});

test('streams are read by all engines together', async () => {
  const { 'model.safetensors': weights, ...small } = files();
  const stream = new Blob([weights]).stream();
  const run = await pool.pipeline('image-classification', { ...small, 'model.safetensors': stream });
  assert.deepEqual(await run(pictures), expected);
  await run.dispose();
});

test('a load that fails or is stopped leaves the pool as it was', async (t) => {
  const before = await pool.memory();
  await rejects(pool.pipeline('image-classification', { 'config.json': new TextEncoder().encode('[]') }), 'bad-config');
  await rejects(pool.pipeline('image-classification', files(), { progress_callback: 1 }), 'invalid-argument', /onProgress/);
  const { base } = await serve(t, () => undefined);
  const controller = new AbortController();
  const reason = new Error('no more');
  const waiting = pool.pipeline('image-classification', base, { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 30);
  await assert.rejects(waiting, (error) => error === reason);
  assert.equal((await pool.memory()).used, before.used);
});

test('anything can be opened on each engine', async () => {
  const folder = join(golden, 'dvae/dvae-tiny');
  const tokenizers = await pool.open((engine) => DalleTokenizer.fromPretrained({ encoder: folder, decoder: folder }, { engine }));
  const encode = (picture) => tokenizers.run((tokenizer) => tokenizer.encode(picture, { size: { height: 16, width: 16 } }));
  const [first, ...others] = await Promise.all([1, 2, 3, 4].map(() => encode(pictures[0])));
  for (const other of others) assert.deepEqual(other, first);
  await tokenizers.dispose();
});

test('a pool ends with all that it holds, and refuses what makes none', async () => {
  await rejects(createPool({ engines: 0 }), 'invalid-argument', /engines: got 0/);
  await rejects(createPool({ thread: 2 }), 'invalid-argument', /threads/);
  const other = await createPool({ engines: 2, build: 'simd' });
  const run = await other.pipeline('image-classification', files());
  const [one, two] = workers.slice(-2);
  await other.dispose();
  assert.deepEqual([one.threadId, two.threadId], [-1, -1]);
  await rejects(run(pictures[0]), 'disposed');
});
