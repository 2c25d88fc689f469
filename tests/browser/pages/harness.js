// What browser tests call inside the page. Everything that is returned is plain data.
import '../beit-wasm-samples/index.js';
import * as library from '../beit-wasm/dist/index.js';
import { compare } from '../beit-wasm/dist/cli/compare.js';
import { forwardInputs } from '../beit-wasm/dist/cli/inputs.js';

const { BeitError, createEngine, pipeline, runtimeInfo } = library;

const fixture = (path) => new URL(`../fixtures/${path}`, import.meta.url).href;
const bytesOf = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());

/** Engines of their own stay until the page closes, one for each build: starting one costs time. */
const engines = new Map();
const engineFor = (options) => {
  const key = JSON.stringify(options);
  if (!engines.has(key)) engines.set(key, createEngine(options));
  return engines.get(key);
};

/** Returns what an error is to a user, or throws what is no BeitError. */
function factsOf(error) {
  if (!(error instanceof BeitError)) throw error;
  const { code, message, where, got, expected } = error;
  return { code, message, where, got, expected };
}

const camelCase = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

/** Returns an output by the reference's name: hidden_states.1 is hiddenStates[1]. */
function outputNamed(outputs, name) {
  const [list, index] = name.split('.');
  const value = outputs[camelCase(list)];
  return index === undefined ? value : value?.[Number(index)];
}

/** Returns whether what was computed with weights of 16 bits is the reference's, but for 2e-3 of its length. */
function compareRounded({ data }, reference) {
  const off = Math.hypot(...data.map((value, i) => value - reference.data[i])) / Math.hypot(...reference.data);
  return { pass: off > 0 && off < 2e-3, why: `it is off by ${off}` };
}

globalThis.harness = {
  runtimeInfo: async (options = {}) => runtimeInfo(options),

  /** Runs a reference case, with a dtype of those that round weights too: [{name, pass, why}]. */
  async runCase(path, { dtype, ...options } = {}) {
    const engine = await engineFor(options);
    const folder = fixture(`${path}/`);
    const facts = await (await fetch(`${folder}case.json`)).json();
    const expected = await engine.readTensors(await bytesOf(`${folder}expected.safetensors`));
    const wanted = Object.keys(expected)
      .filter((name) => name.startsWith('out.'))
      .map((name) => name.slice(4));
    const model = await library[facts.class].fromPretrained(folder, { engine, dtype, addPoolingLayer: facts.add_pooling_layer });
    try {
      if (options.device === 'gpu' && model.runtimeInfo().device !== 'gpu') throw new Error(model.runtimeInfo().deviceReason);
      const outputs = await model.forward(forwardInputs(expected, folder), {
        outputHiddenStates: wanted.some((name) => name.startsWith('hidden_states.')),
        outputAttentions: wanted.some((name) => name.startsWith('attentions.')),
        interpolatePosEncoding: facts.interpolate_pos_encoding,
      });
      return wanted.map((name) => {
        const [given, reference] = [outputNamed(outputs, name), expected[`out.${name}`]];
        return { name, ...(dtype === 'f16' ? compareRounded(given, reference) : compare(given, reference, facts)) };
      });
    } finally {
      await model.dispose();
    }
  },

  /** Holds a tokenizer's reference case against its halves with these options: what computed, and [{name, pass, why}]. */
  async runTokenizer(path, options) {
    const engine = await engineFor(options);
    const folder = fixture(`${path}/`);
    const expected = await engine.readTensors(await bytesOf(`${folder}expected.safetensors`));
    const tokenizer = await library.DalleTokenizer.fromPretrained(folder, { engine });
    try {
      const { tokens, logits } = await tokenizer.encodePixels(expected['in.image']);
      const { decoderStats, reconstruction } = await tokenizer.decodeTokens(tokens);
      const outputs = { tokens, token_logits: logits, decoder_stats: decoderStats, reconstruction };
      const facts = { atol: 2e-4, rtol: 1e-3 };
      const devices = Object.values(engine.info.devices).map(({ device }) => device);
      return {
        devices: devices.slice(-2),
        results: Object.entries(outputs).map(([name, given]) => ({ name, ...compare(given, expected[`out.${name}`], facts) })),
      };
    } finally {
      await tokenizer.dispose();
    }
  },

  /** Classifies an image of the site with the embedded checkpoint. */
  async classify(image, options = {}) {
    const classify = await pipeline('image-classification', null, options);
    try {
      const labels = await classify(new URL(`../${image}`, import.meta.url), { topK: null });
      return { labels, info: classify.runtimeInfo() };
    } finally {
      await classify.dispose();
    }
  },

  /** Opens the embedded classifier with these options, for classifyOpened(). */
  async open(options) {
    const warnings = [];
    const classify = await pipeline('image-classification', null, { ...options, onWarning: ({ message }) => warnings.push(message) });
    globalThis.opened = { classify, warnings };
    return classify.runtimeInfo();
  },

  async classifyOpened(image) {
    const { classify, warnings } = globalThis.opened;
    const labels = await classify(new URL(`../${image}`, import.meta.url), { topK: null });
    return { labels, warnings, info: classify.runtimeInfo(), memory: await classify.memory() };
  },

  /** Hands bytes that are no image over, and then an image: [facts of the error, labels]. */
  async classifyDamaged(bytes, image) {
    const classify = await pipeline('image-classification');
    try {
      const error = await classify(Uint8Array.from(bytes)).then(() => null, factsOf);
      const before = (await classify.memory()).used;
      await classify(Uint8Array.from(bytes)).catch(() => undefined);
      const after = (await classify.memory()).used;
      return { error, grown: after - before, labels: await classify(new URL(`../${image}`, import.meta.url)) };
    } finally {
      await classify.dispose();
    }
  },

  /** Loads from a folder of the site, with files replaced: the facts of the error, or null. */
  async loadReplaced(path, replaced) {
    const folder = fixture(`${path}/`);
    const files = {};
    for (const name of ['config.json', 'model.safetensors']) {
      files[name] = replaced[name] === undefined ? await bytesOf(folder + name) : new TextEncoder().encode(replaced[name]);
    }
    const model = await library.BeitForImageClassification.fromPretrained(files).catch(factsOf);
    if (!(model instanceof library.BeitForImageClassification)) return model;
    await model.dispose();
    return null;
  },

  /** Loads from an address of the site: the facts of the error, or null. */
  async loadFrom(address) {
    const url = new URL(address, import.meta.url);
    const model = await library.BeitForImageClassification.fromPretrained(url).catch(factsOf);
    if (!(model instanceof library.BeitForImageClassification)) return model;
    await model.dispose();
    return null;
  },

  /** Stops a load at its first progress in `phase`: what it rejected with, and bytes that it left. */
  async abortLoad(phase, options = {}) {
    const engine = await engineFor(options);
    const { used: before } = await engine.memory();
    const controller = new AbortController();
    const reason = await pipeline('image-classification', null, {
      engine,
      signal: controller.signal,
      onProgress: (progress) => {
        if (progress.phase === phase) controller.abort(new Error('The test stopped it.'));
      },
    }).then(
      () => 'It was not stopped.',
      (error) => error.message,
    );
    const { used: after } = await engine.memory();
    return { reason, left: after - before };
  },

  /** Classifies with the engine that abortLoad() used. */
  async classifyWithSame(image, options = {}) {
    return this.classify(image, { engine: await engineFor(options) });
  },

  /** Stops a pass after its first step; then runs it to its end: both with the same model. */
  async abortForward(image, options = {}) {
    const classify = await pipeline('image-classification', null, options);
    try {
      const address = new URL(`../${image}`, import.meta.url);
      const controller = new AbortController();
      let steps = 0;
      let total = 0;
      const reason = await classify(address, {
        signal: controller.signal,
        onStep: (_, all) => {
          ++steps;
          total = all;
          controller.abort(new Error('The test stopped it.'));
        },
      }).then(
        () => 'It was not stopped.',
        (error) => error.message,
      );
      return { reason, steps, total, labels: await classify(address) };
    } finally {
      await classify.dispose();
    }
  },

  /** Block-wise masks of many seeds, as text. */
  masks: async (options, count) => Array.from({ length: count }, (_, seed) => library.blockMask({ ...options, seed }).data.join('')),

  /**
   * Predicts what is hidden of a canvas with these RGBA samples. `files`: a checkpoint's, as lists of
   * bytes; `tokenizer`: a folder of fixtures.
   */
  async predictMasked(files, tokenizer, { width, height, samples }, call, options = {}) {
    const source = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, Uint8Array.from(bytes)]));
    const predict = await pipeline('masked-image-modeling', source, { ...options, tokenizer: fixture(`${tokenizer}/`) });
    try {
      const canvas = Object.assign(document.createElement('canvas'), { width, height });
      canvas.getContext('2d').putImageData(new ImageData(Uint8ClampedArray.from(samples), width, height), 0, 0);
      const { predictions, trueTokens, accuracy, maskedImage, reconstruction } = await predict(canvas, call);
      return {
        predictions,
        accuracy,
        trueTokens: [...trueTokens.data],
        maskedImage: [...maskedImage.data],
        reconstruction: { ...reconstruction, data: [...reconstruction.data] },
      };
    } finally {
      await predict.dispose();
    }
  },

  /** What the policy must catch, in the page and in a worker: proves that the tests would see it. */
  async breakPolicy() {
    const tried = [];
    try {
      tried.push(new Function('return 1')());
    } catch (error) {
      tried.push(error.name);
    }
    const worker = new Worker(new URL('./eval-worker.js', import.meta.url), { type: 'module' });
    tried.push(
      await new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
      }),
    );
    worker.terminate();
    return tried;
  },
};
