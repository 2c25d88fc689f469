// Passes of one model on a GPU, in a process of its own: prints JSON with the sentence on what computes, and in milliseconds the time to a
// loaded model and of each pass, by the number of images in it (none where the processor computes).
//   gpu-child.mjs FOLDER DTYPE PASSES DEVICE      DEVICE: auto, or gpu for software adapters, too
import { BeitForImageClassification } from '../../dist/node.js';

const WARM_UPS = 3;
const BATCHES = [1, 8];

const [folder, dtype, passes, device] = process.argv.slice(2);
const begin = performance.now();
const model = await BeitForImageClassification.fromPretrained(folder, { dtype, device, build: 'simd', worker: false });
const ready = performance.now() - begin;
const { numChannels, imageSize } = model.config;
const { device: on, deviceReason } = model.runtimeInfo();
const times = {};
for (const batch of on === 'gpu' ? BATCHES : []) {
  const dims = [batch, numChannels, imageSize.height, imageSize.width];
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => Math.sin(i / 97));
  times[batch] = [];
  for (let i = -WARM_UPS; i < Number(passes); ++i) {
    const start = performance.now();
    await model.forward({ pixelValues: { dims, data } });
    if (i >= 0) times[batch].push(performance.now() - start);
  }
}
// What was lost in a pass has gone to the processor.
const lost = model.runtimeInfo().device !== on;
const { gpu } = await model.memory();
const text = JSON.stringify({ on, deviceReason, lost, ready, gpu, times });
// WebGPU's thread would keep the process.
process.stdout.write(text, () => process.exit(0));
