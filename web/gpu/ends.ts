/** What passes end in, but for a classifier's logits: the heads of the other classes, and maps on the way. */
import type { End, Filler, Kit } from './contract.js';
import type { Gpu } from './device.js';
import { outputPlanes } from './planes.js';
import { makeHead } from './segmentation.js';
import { BACKBONE, MASKED, padded, SEGMENTER } from './shape.js';

/** Returns what follows from a model's class, to be filled. */
export function makeEnd(kit: Kit, gpu: Gpu, filler: Filler): End {
  const { shape, matrix, normOf } = filler;
  const { className, hiddenSize: channels, numHiddenLayers, outIndices, vocabSize, numLabels, reshapeHiddenStates, taps } = shape;
  const segmenter = className === SEGMENTER;
  const counted = (index: number): number => (!segmenter ? index : taps === 'original' ? index + 1 : index - 1);
  const stages = [...new Set(outIndices)].map(counted).sort((a, b) => a - b);
  if (segmenter) {
    const head = makeHead(kit, gpu, filler);
    return {
      layers: stages.at(-1)!,
      finish: () => head.finish(),
      after(writer, index) {
        const level = stages.indexOf(index);
        if (level >= 0) head.addLevel(writer, level);
      },
      rest(writer) {
        const logits = head.addRest(writer);
        if (!writer.inputs.keepLogits) outputPlanes(kit, writer, 'logits', logits.values, logits, numLabels, 0);
        return logits;
      },
    };
  }
  if (className === BACKBONE) {
    if (stages.length === 0) stages.push(numHiddenLayers);
    return {
      layers: stages.at(-1)!,
      // Rows of channels, or of pixels.
      floats: (tokens) => stages.length * padded(tokens) * padded(channels),
      after(writer, index) {
        const { states, grid, inputs, output } = writer;
        const stage = stages.indexOf(index);
        if (stage < 0) return;
        const name = `feature_maps.${stage}`;
        if (reshapeHiddenStates) outputPlanes(kit, writer, name, states, grid, channels, 1);
        else output(name, states, [inputs.batch, 1 + grid.height * grid.width, channels]);
      },
    };
  }
  const headNorm = className === MASKED ? normOf('layernorm') : null;
  const head = className === MASKED ? matrix('lm_head', vocabSize, channels) : null;
  return {
    layers: numHiddenLayers,
    rest({ buffers, states, normalized, grid, inputs: { batch }, lastNorm, norm, product, output, pooled }) {
      const patches = grid.height * grid.width;
      let [final, other] = [states, normalized];
      for (const vectors of [lastNorm, headNorm]) {
        if (!vectors) continue;
        norm(vectors, final, other);
        [final, other] = [other, final];
      }
      if (head) {
        const logits = buffers.floats(batch * patches * padded(head.outputs));
        product(head, final, logits, batch * patches, { perRun: patches, inStride: 1 + patches, inBegin: 1 });
        output('logits', logits, [batch, patches, head.outputs]);
      } else {
        output('last_hidden_state', final, [batch, 1 + patches, channels]);
        if (shape.pool) output('pooler_output', pooled(), [batch, channels]);
      }
      return null;
    },
  };
}
