// What browser tests of sources call inside the page. Everything that is returned is plain data.
import '../beit-wasm-samples/index.js';
import * as library from '../beit-wasm/dist/index.js';

const { BeitError, BeitForImageClassification, cache, createEngine, isolatePage, pipeline } = library;
const pixelValues = () => ({ dims: [1, 3, 8, 8], data: Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)) });
const textOf = (value) => new TextEncoder().encode(JSON.stringify(value));

/**
 * Loads and, unless told not to, runs: { logits, memory, estimate, phases, loaded, warnings, milliseconds } or
 * { code, message } or { reason }.
 */
async function load(source, { forward = true, ...options } = {}) {
  const begin = performance.now();
  const phases = new Set();
  const warnings = [];
  let loaded = 0;
  try {
    const model = await BeitForImageClassification.fromPretrained(source, {
      ...options,
      onProgress: (progress) => {
        phases.add(progress.phase);
        if (progress.phase === 'weights') loaded = progress.loaded;
        options.onProgress?.(progress);
      },
      onWarning: (error) => warnings.push(error.code),
    });
    const milliseconds = performance.now() - begin;
    const memory = await model.memory();
    const logits = forward ? [...(await model.forward({ pixelValues: pixelValues() })).logits.data] : null;
    await model.dispose();
    return { logits, memory, estimate: model.estimate, phases: [...phases], loaded, warnings, milliseconds };
  } catch (error) {
    if (error instanceof BeitError) return { code: error.code, message: error.message };
    return { reason: error.message };
  }
}

/** Does the work while an object has another member of that name. */
async function withOdd(object, name, odd, work) {
  Object.defineProperty(object, name, { value: odd, configurable: true });
  try {
    return await work();
  } finally {
    delete object[name];
  }
}

const readers = [];

/** Has the next answer of a worker. */
const answerOf = (worker) =>
  new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });

/** Asks a service worker, once more where ten seconds later it has not heard: once in a full run no answer came from Firefox's. */
async function askedOf(service, image) {
  for (let attempt = 0; attempt < 3; ++attempt) {
    const { port1, port2 } = new MessageChannel();
    let hear;
    const heard = new Promise((resolve) => {
      hear = resolve;
    });
    const answer = new Promise((resolve) => {
      port1.onmessage = ({ data }) => (data.heard ? hear(true) : resolve(data));
    });
    service.postMessage({ image: new URL(image, location.href).href, port: port2 }, [port2]);
    const late = new Promise((resolve) => setTimeout(resolve, 10_000, false));
    if (await Promise.race([heard, late])) return answer;
  }
  throw new Error(`the service worker, which is ${service.state}, hears nothing`);
}

/** Rejects where after ten seconds somebody still has a lock of what is kept. */
async function untilNobodyReads() {
  for (let i = 0; i < 200; ++i) {
    const { held } = await navigator.locks.query();
    if (!held.some(({ name }) => name.startsWith('beit-wasm:'))) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('A lock of a kept file stays.');
}

globalThis.harness = {
  load,

  /** Has another worker open a kept file: by what it reads. */
  async openReader(url) {
    const worker = new Worker('kept-file.js', { type: 'module' });
    await answerOf(worker);
    readers.push(worker);
    return this.askReader(readers.length - 1, 'open', url);
  },

  async askReader(which, ...asked) {
    const answer = answerOf(readers[which]);
    readers[which].postMessage(asked);
    return answer;
  },

  /** Ends it with all that it has open. */
  endReader: (which) => readers[which].terminate(),

  /** Loads, and ends the engine's worker with the first news of the weights. */
  async loadAndEnd(source, options) {
    const engine = await createEngine(options);
    const ended = ({ phase }) => phase === 'weights' && engine.dispose();
    const result = await load(source, { ...options, engine, onProgress: ended });
    await engine.dispose();
    return result;
  },

  /** Clears once nobody has a kept file open: the data files that are left. */
  async clearAfterReaders() {
    await untilNobodyReads();
    await cache.clear();
    return this.dataFiles();
  },

  /** Stops a load once `bytes` of the weights have come: the reason that it rejects with, and what is kept. */
  async stop(source, options, bytes) {
    const controller = new AbortController();
    const { reason } = await load(source, {
      ...options,
      signal: controller.signal,
      onProgress: ({ phase, loaded }) => {
        if (phase === 'weights' && loaded >= bytes) controller.abort(new Error('The test stopped it.'));
      },
    });
    return { reason, kept: (await cache.list()).map(({ file }) => file) };
  },

  /** Stops a load after so long, wherever it is by then: the reason that it rejects with, or what it gave. */
  async stopAfter(source, options, milliseconds) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('The test stopped it.')), milliseconds);
    return load(source, { ...options, signal: controller.signal });
  },

  /** Stops a load once `bytes` have come, in an engine of its own: the bytes that stay in use there, and how long it took to stop. */
  async stopInEngine(source, options, bytes) {
    const engine = await createEngine(options);
    const { used } = await engine.memory();
    let begin = 0;
    const controller = new AbortController();
    const { reason } = await load(source, {
      ...options,
      engine,
      signal: controller.signal,
      onProgress: ({ phase, loaded }) => {
        if (phase !== 'weights' || loaded < bytes || begin > 0) return;
        begin = performance.now();
        controller.abort(new Error('The test stopped it.'));
      },
    });
    const milliseconds = performance.now() - begin;
    const left = (await engine.memory()).used - used;
    await engine.dispose();
    return { reason, left, milliseconds };
  },

  list: () => cache.list(),
  delete: (which) => cache.delete(which),
  clear: () => cache.clear(),

  /** Names of the files in which large downloads lie. */
  async dataFiles() {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle('beit-wasm').catch(() => null);
    const names = [];
    if (folder) for await (const name of folder.keys()) names.push(name);
    return names;
  },

  /** Loads, in this thread, where the origin is told to have no room. */
  loadWithoutRoom: (source, options) =>
    withOdd(
      navigator.storage,
      'estimate',
      async () => ({ quota: 5000, usage: 4000 }),
      () => load(source, { ...options, worker: false }),
    ),

  /** The same where the browser does not tell how much room there is, as Safari 16.4 to 16.6. */
  loadWithoutEstimate: (source, options) =>
    withOdd(navigator.storage, 'estimate', undefined, () => load(source, { ...options, worker: false })),

  /** Loads the same files as a drop, a folder's handle, Blobs and a stream: the logits of each. */
  async loadHeld(host) {
    const names = ['config.json', 'model.safetensors'];
    const address = (name) => `${host}/owner/name/resolve/main/${name}`;
    const blobs = {};
    for (const name of names) blobs[name] = await (await fetch(address(name))).blob();
    const drop = new DataTransfer();
    for (const name of names) drop.items.add(new File([blobs[name]], name));
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('held', { create: true });
    for (const name of names) {
      const stream = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await stream.write(blobs[name]);
      await stream.close();
    }
    const stream = async () => (await fetch(address('model.safetensors'))).body;
    const config = JSON.parse(await blobs['config.json'].text());
    return {
      blobs: await load(blobs),
      drop: await load(drop),
      items: await load(drop.items),
      folder: await load(folder),
      stream: await load(await stream(), { config }),
      parts: await load({ 'config.json': textOf(config), 'model.safetensors': await stream() }),
    };
  },

  isolate: (script = '../isolation-worker.js') => isolatePage(script),

  /** Classifies here: labels and what is used. */
  async classify(image, options = {}) {
    const classify = await pipeline('image-classification', null, options);
    const labels = await classify(new URL(image, location.href));
    const info = classify.runtimeInfo();
    await classify.dispose();
    return { labels, info, isolated: crossOriginIsolated };
  },

  /** Hands a bitmap over, and one that stays: [labels of each, widths afterwards]. */
  async classifyBitmaps(image, options) {
    const classify = await pipeline('image-classification', null, options);
    const blob = await (await fetch(image)).blob();
    const [given, lent] = [await createImageBitmap(blob), await createImageBitmap(blob)];
    const labels = [await classify(given, { transfer: true }), await classify(lent)];
    await classify.dispose();
    return { labels, widths: [given.width, lent.width > 0] };
  },

  async classifyInWorker(image) {
    const worker = new Worker('plain-worker.js', { type: 'module' });
    // Firefox loses what is posted before the module runs.
    await new Promise((resolve) => {
      worker.onmessage = resolve;
    });
    try {
      const { port1, port2 } = new MessageChannel();
      worker.postMessage({ image: new URL(image, location.href).href, port: port2 }, [port2]);
      return await new Promise((resolve) => {
        port1.onmessage = ({ data }) => resolve(data);
      });
    } finally {
      worker.terminate();
    }
  },

  async classifyInServiceWorker(image) {
    const registration = await navigator.serviceWorker.register('service-worker.js', { type: 'module' });
    const { active } = await navigator.serviceWorker.ready;
    try {
      return await askedOf(active, image);
    } finally {
      await registration.unregister();
    }
  },
};
