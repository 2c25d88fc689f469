// @ts-check
/** Pictures that resemble no class: their features lie far from the mean of each, also of their own without them. */

// Distances of pictures to their class spread little: this many spreads above the median is out of the ordinary.
const FAR = 6;
const FEWEST = 10;

/**
 * Returns the places (in the project's order) of pictures that resemble no class, the strangest first; none where there are too few to tell.
 * @param {Uint8Array} project what Teacher.project() returned: a safetensors file of the features
 * @param {number} layer
 * @param {readonly number[]} labels each picture's class
 * @returns {number[]}
 */
export function strangersIn(project, layer, labels) {
  const length = Number(new DataView(project.buffer, project.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(project.subarray(8, 8 + length)));
  const [count, layers, channels] = /** @type {[number, number, number]} */ (header.features.shape);
  if (count < FEWEST) return [];
  // A header is padded to whole floats.
  const values = new Float32Array(project.buffer, project.byteOffset + 8 + length, count * layers * channels);
  const rowOf = (/** @type {number} */ i) => values.subarray((i * layers + layer - 1) * channels, (i * layers + layer) * channels);

  const classes = Math.max(...labels) + 1;
  const sizes = new Float64Array(classes);
  const means = Array.from({ length: classes }, () => new Float64Array(channels));
  for (const [i, label] of labels.entries()) {
    const mean = /** @type {Float64Array} */ (means[label]);
    sizes[label] = (sizes[label] ?? 0) + 1;
    for (const [c, value] of rowOf(i).entries()) mean[c] = (mean[c] ?? 0) + value;
  }
  for (const [k, mean] of means.entries()) for (let c = 0; c < channels; ++c) mean[c] = (mean[c] ?? 0) / Math.max(sizes[k] ?? 0, 1);

  const distances = labels.map((label, i) => {
    const row = rowOf(i);
    let nearest = Infinity;
    for (const [k, mean] of means.entries()) {
      const size = sizes[k] ?? 0;
      const others = k === label ? size - 1 : size;
      if (others < 1) continue;
      let sum = 0;
      for (let c = 0; c < channels; ++c) sum += ((row[c] ?? 0) - (mean[c] ?? 0)) ** 2;
      nearest = Math.min(nearest, Math.sqrt(sum) * (size / others)); // of its own class: to the mean of the others
    }
    return nearest;
  });
  const middle = median(distances);
  const spread = median(distances.map((distance) => Math.abs(distance - middle)));
  return [...distances.keys()]
    .filter((i) => /** @type {number} */ (distances[i]) > middle + FAR * spread)
    .sort((a, b) => /** @type {number} */ (distances[b]) - /** @type {number} */ (distances[a]));
}

/** @param {readonly number[]} values */
function median(values) {
  const sorted = Float64Array.from(values).sort();
  return sorted[sorted.length >> 1] ?? 0;
}
