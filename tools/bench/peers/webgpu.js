// Has this library and onnxruntime-web run one model on the WebGPU of one page, in turn.
const counts = { dispatches: 0, submits: 0 };
for (const [type, method, name] of [
  [GPUComputePassEncoder, 'dispatchWorkgroups', 'dispatches'],
  [GPUQueue, 'submit', 'submits'],
]) {
  const original = type.prototype[method];
  type.prototype[method] = function (...args) {
    ++counts[name];
    return original.apply(this, args);
  };
}

async function counted(work) {
  const before = { ...counts };
  const logits = await work();
  return { logits, dispatches: counts.dispatches - before.dispatches, submits: counts.submits - before.submits };
}

const floats = async (url) => new Float32Array(await (await fetch(url)).arrayBuffer());

const length = (values) => Math.hypot(...values);

/** How far logits are from PyTorch's, as a share of those' length. */
const off = (given, expected) => length(given.map((value, i) => value - expected[i])) / length(expected);

/** Returns { device, ours, theirs }, each with times, dispatches, submits and error; times are in milliseconds, a pass of each by turns. */
globalThis.race = async ({ task, warmUps, passes }) => {
  const [input, expected] = await Promise.all(['input', 'logits'].map((name) => floats(`/${task}/model/${name}.f32`)));
  const side = Math.sqrt(input.length / 3);
  const dims = [1, 3, side, side];
  const ort = await import('/npm/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs');
  Object.assign(ort.env.wasm, { wasmPaths: '/npm/onnxruntime-web/dist/', numThreads: 1 });
  ort.env.logLevel = 'error';
  const session = await ort.InferenceSession.create(`/${task}/model/model.onnx`, { executionProviders: ['webgpu'] });
  const { BeitForImageClassification } = await import('/beit-wasm/dist/index.js');
  const model = await BeitForImageClassification.fromPretrained(`/${task}/checkpoint/`, { device: 'gpu', worker: false, build: 'simd' });
  const runs = {
    ours: async () => (await model.forward({ pixelValues: { dims, data: input } })).logits.data,
    theirs: async () => (await session.run({ pixel_values: new ort.Tensor('float32', input, dims) })).logits.data,
  };
  const results = {};
  for (const [name, run] of Object.entries(runs)) {
    for (let i = 0; i < warmUps; ++i) await run();
    const { logits, ...made } = await counted(run);
    results[name] = { ...made, error: off(logits, expected), times: [] };
  }
  for (let pass = 0; pass < passes; ++pass) {
    for (const [name, run] of Object.entries(runs)) {
      const begin = performance.now();
      await run();
      results[name].times.push(performance.now() - begin);
    }
  }
  const { device, deviceReason } = model.runtimeInfo();
  if (device !== 'gpu') throw new Error(deviceReason);
  return { device: deviceReason, ...results };
};
