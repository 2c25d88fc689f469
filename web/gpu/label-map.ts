/** The labels of a segmentation's pixels at any size, found where the logits are. */
import type { FeatureMap, Kit, LabelledPixels, MapWanted } from './contract.js';
import { USE, type Gpu } from './device.js';
import { segmentationKernels } from './segmentation-kernels.js';
import { padded } from './shape.js';

// Read back at a time: 8 MB of labels, and as much of scores.
const MOST_PIXELS = 2 ** 21;

/** Returns the label of each pixel at a size: that of the largest logit, resized bilinearly, the first of equals. Some rows at a time. */
export async function labelPixels(
  kit: Kit,
  gpu: Gpu,
  { height, width, values }: FeatureMap,
  labels: number,
  { size, scores: withScores }: MapWanted,
  signal: AbortSignal | null | undefined,
): Promise<LabelledPixels> {
  const { eachDraft, pipelinesOf, encode } = kit;
  const code = segmentationKernels(kit).LABELS;
  const wanted = size ?? { height, width };
  const band = Math.min(wanted.height, Math.max(1, Math.floor(MOST_PIXELS / wanted.width)));
  const result = {
    ...wanted,
    labels: new Uint16Array(wanted.height * wanted.width),
    scores: withScores ? new Float32Array(wanted.height * wanted.width) : null,
  };
  const buffers = new kit.Buffers(gpu);
  try {
    const bytes = 4 * band * wanted.width * (withScores ? 2 : 1);
    const [found, read] = await gpu.checked(() => [
      buffers.make(bytes, USE.storage | USE.source),
      buffers.make(bytes, USE.read | USE.target),
    ]);
    for (let row = 0; row < wanted.height; row += band) {
      if (signal?.aborted) throw signal.reason;
      const count = Math.min(band, wanted.height - row) * wanted.width;
      const parameters = [wanted.width, wanted.height, width, height, labels, padded(labels), row, withScores ? 1 : 0];
      const draft = eachDraft(code, count, parameters, [values, found!]);
      const steps = [draft, { from: found!, at: 0, bytes: 4 * count * (withScores ? 2 : 1) }];
      const pipelines = await pipelinesOf(gpu, steps);
      await gpu.checked(() => gpu.device.queue.submit([encode(gpu.device, buffers.bound(steps, pipelines), read!)]));
      await read!.mapAsync(1);
      const range = read!.getMappedRange();
      result.labels.set(new Float32Array(range, 0, count), row * wanted.width);
      result.scores?.set(new Float32Array(range, 4 * count, count), row * wanted.width);
      read!.unmap();
    }
    return result;
  } finally {
    buffers.destroy();
  }
}
