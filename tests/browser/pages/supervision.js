// What browser tests of engines that end by themselves call inside the page. Everything that is returned is plain data.
import '../beit-wasm-samples/index.js';
import { BeitForImageClassification, createEngine, pipeline } from '../beit-wasm/dist/index.js';

/** What is done in place of starting a worker of that name. */
const instead = new Map();
/** Every worker of an engine, the latest last. */
const workers = [];
globalThis.Worker = class extends Worker {
  constructor(address, options) {
    instead.get(options.name)?.();
    super(address, options);
    if (options.name === 'beit-wasm engine') workers.push(this);
  }
};

const ENDS = {
  // As the system does where memory is short: the page gets no event.
  terminate: () => workers.at(-1).terminate(),
  // See supervision.test.mjs: the worker closes itself.
  close: () => new BroadcastChannel('beit-test-close').postMessage(null),
};

const factsOf = ({ name, code, message }) => ({ name, code, message });
const codeOf = (promise) =>
  promise.then(
    () => 'none',
    (error) => factsOf(error).code,
  );

globalThis.harness = {
  /** Ends the worker in the middle of a pass, and calls again. */
  async lose(end, image, options) {
    const address = new URL(image, location.href);
    const classify = await pipeline('image-classification', null, options);
    const expected = await classify(address);
    const { model } = classify;
    const pixelValues = { dims: [32, 3, 128, 128], data: new Float32Array(32 * 3 * 128 * 128) };
    let done = 0;
    const steps = [];
    const running = model.forward(
      { pixelValues },
      {
        onStep: (step, total) => {
          steps.push([step, total]);
          if (step === 1) ENDS[end]();
        },
      },
    );
    const waiting = codeOf(model.memory());
    const begin = performance.now();
    const lost = await running.then(() => null, factsOf);
    done = performance.now() - begin;
    const later = await codeOf(model.memory());
    const again = await classify(address);
    const result = { lost, waiting: await waiting, later, usable: model.usable, expected, again, engines: workers.length, done, steps };
    await classify.dispose();
    return result;
  },

  /** Whether an engine can be used whose worker's thread hears of nothing for so long from the moment on at which its heart is known. */
  async busy(script, milliseconds) {
    let known;
    const engine = await createEngine({
      workerFactory: () => {
        const worker = new Worker(`${script}?busy=${milliseconds}`, { type: 'module', name: 'beit-wasm engine' });
        known = new Promise((resolve) => {
          worker.addEventListener('message', ({ data }) => data.type === 'heart' && resolve());
        });
        return worker;
      },
    });
    await known;
    await engine.memory();
    await engine.dispose();
    return true;
  },

  /** Creates an engine where starting workers of that name throws. */
  async refuse(name, options) {
    instead.set(name, () => {
      throw new DOMException('not from here', 'SecurityError');
    });
    try {
      return await createEngine(options).then(async (engine) => void (await engine.dispose()), factsOf);
    } finally {
      instead.delete(name);
    }
  },

  /** Loads and runs with listeners that throw: how many outputs there are, and what was reported. */
  async throwing(source, options) {
    const heard = [];
    const hear = (event) => {
      event.preventDefault();
      heard.push(event.error?.message);
    };
    addEventListener('error', hear);
    const oops = () => {
      throw new Error('oops');
    };
    const model = await BeitForImageClassification.fromPretrained(source, { ...options, onProgress: oops });
    const { logits } = await model.forward(
      { pixelValues: { dims: [1, 3, 128, 128], data: new Float32Array(3 * 128 * 128) } },
      { onStep: oops },
    );
    await model.dispose();
    removeEventListener('error', hear);
    return { outputs: logits.data.length, heard };
  },
};
