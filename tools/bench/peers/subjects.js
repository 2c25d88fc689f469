// The subjects of bench:peers, the same in a page and in Node: each loads its model and runs it when told to.
//
// What differs is `place`:
//   library(name)   a module: 'beit-wasm', 'onnxruntime-web' or '@litertjs/core'
//   npm             the address of npm's packages, with / at its end
//   checkpoint      what this library loads: transformers' own files
//   model(file)     what a peer loads: an export's address, or its bytes
//   floats(file)    the reference: input and PyTorch's logits

/** Each returns a function from pixels (1, 3, S, S) to logits. None keeps what it has downloaded: the peers cannot, and ours is told not to. */
const RUNNERS = {
  async 'beit-wasm'({ build, dtype, threads, task, cache = false }, place) {
    const classes = await place.library('beit-wasm');
    const Class = task === 'segmentation' ? classes.BeitForSemanticSegmentation : classes.BeitForImageClassification;
    const model = await Class.fromPretrained(place.checkpoint, {
      build,
      dtype,
      threads,
      cache,
      ...(task === 'segmentation' && { auxiliaryHead: false }),
    });
    return async (data, side) => (await model.forward({ pixelValues: { dims: [1, 3, side, side], data } })).logits.data;
  },

  async 'onnxruntime-web'({ file, threads, optimization = 'all' }, place) {
    const ort = await place.library('onnxruntime-web');
    ort.env.wasm.wasmPaths = `${place.npm}onnxruntime-web/dist/`;
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = 'error';
    const session = await ort.InferenceSession.create(await place.model(file), {
      executionProviders: ['wasm'],
      graphOptimizationLevel: optimization,
    });
    return async (data, side) => (await session.run({ pixel_values: new ort.Tensor('float32', data, [1, 3, side, side]) })).logits.data;
  },

  async 'LiteRT.js'({ file, threads, compatible }, place) {
    const { loadLiteRt, loadAndCompile, Tensor } = await place.library('@litertjs/core');
    const folder = `${place.npm}@litertjs/core/wasm/`;
    await loadLiteRt(compatible ? `${folder}litert_wasm_compat_internal.js` : folder, { threads: threads > 1 });
    const model = await loadAndCompile(await place.model(file), { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
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
export async function measure(subject, { warmUps, passes }, place) {
  const [data, expected] = await Promise.all([place.floats('input.f32'), place.floats('logits.f32')]);
  const side = Math.sqrt(data.length / 3);
  const begin = performance.now();
  const run = await RUNNERS[subject.peer](subject, place);
  const ready = performance.now() - begin;
  const times = [];
  let logits;
  for (let i = 0; i < warmUps + passes; ++i) {
    const start = performance.now();
    logits = await run(data, side);
    times.push(performance.now() - start);
  }
  const largest = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - logits[i])), 0);
  return { ready, first: times[0], times: times.slice(warmUps), largest };
}
