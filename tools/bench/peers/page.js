// One subject of bench:peers in a page of its own: loads the model, and runs it when told to.
const floats = async (name) => new Float32Array(await (await fetch(`/model/${name}`)).arrayBuffer());

/** Each returns a function from pixels (1, 3, S, S) to logits. */
const SUBJECTS = {
  async 'beit-wasm'({ build, dtype, threads }) {
    const { BeitForImageClassification } = await import('/beit-wasm/dist/index.js');
    const model = await BeitForImageClassification.fromPretrained(new URL('/checkpoint/', location.href), { build, dtype, threads });
    return async (data, side) => (await model.forward({ pixelValues: { dims: [1, 3, side, side], data } })).logits.data;
  },

  async 'onnxruntime-web'({ file, threads }) {
    const ort = await import('/npm/onnxruntime-web/dist/ort.wasm.min.mjs');
    ort.env.wasm.wasmPaths = '/npm/onnxruntime-web/dist/';
    ort.env.wasm.numThreads = threads;
    const session = await ort.InferenceSession.create(`/model/${file}`, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' });
    return async (data, side) => (await session.run({ pixel_values: new ort.Tensor('float32', data, [1, 3, side, side]) })).logits.data;
  },

  async 'LiteRT.js'({ file, threads, compatible }) {
    const { loadLiteRt, loadAndCompile, Tensor } = await import('/npm/@litertjs/core/dist/index.js');
    const folder = '/npm/@litertjs/core/wasm/';
    await loadLiteRt(compatible ? `${folder}litert_wasm_compat_internal.js` : folder, { threads: threads > 1 });
    const model = await loadAndCompile(`/model/${file}`, { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
    return async (data, side) => {
      const input = new Tensor(data, [1, 3, side, side]);
      const outputs = await model.run(input);
      const logits = Float32Array.from(outputs[0].toTypedArray());
      input.delete();
      for (const output of outputs) output.delete();
      return logits;
    };
  },
};

/** Returns { ready, first, times, largest }: milliseconds, and the largest difference to PyTorch's logits. */
globalThis.measure = async (subject, { warmUps, passes }) => {
  const [data, expected] = await Promise.all([floats('input.f32'), floats('logits.f32')]);
  const side = Math.sqrt(data.length / 3);
  const begin = performance.now();
  const run = await SUBJECTS[subject.peer](subject);
  const ready = performance.now() - begin;
  const times = [];
  let logits;
  for (let i = 0; i < warmUps + passes; ++i) {
    const start = performance.now();
    logits = await run(data, side);
    times.push(performance.now() - start);
  }
  const largest = Math.max(...expected.map((value, i) => Math.abs(value - logits[i])));
  return { ready, first: times[0], times: times.slice(warmUps), largest };
};
