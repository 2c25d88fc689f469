// @ts-check
/**
 * What an encoder's attention comes to, for one query or a mixture of them.
 * Rollout: Abnar & Zuidema 2020, Quantifying Attention Flow in Transformers, section 3.
 */

/** @import { Tensor } from '../library.js' */

/**
 * Returns, for each of T tokens, its weight in a mixture of queries: all patches alike, as a model that
 * averages its patches looks; or the class token alone; or one patch.
 * @param {number} tokens T, the class token first
 * @param {number | 'patches' | 'class'} query a number is a patch
 * @returns {Float32Array}
 */
export function queryOf(tokens, query) {
  const weights = new Float32Array(tokens);
  if (query === 'patches') weights.fill(1 / (tokens - 1), 1);
  else weights[query === 'class' ? 0 : query + 1] = 1;
  return weights;
}

/**
 * Returns the attention (T) that a query pays in one layer, by one head or in the mean of all.
 * @param {Tensor} attention (1, H, T, T)
 * @param {number | 'mean'} head
 * @param {Float32Array} query (T)
 * @returns {Float32Array}
 */
export function attentionOf(attention, head, query) {
  const [, heads = 0, tokens = 0] = attention.dims;
  const chosen = head === 'mean' ? [...Array(heads).keys()] : [head];
  const result = new Float32Array(tokens);
  for (const h of chosen) {
    for (let from = 0; from < tokens; ++from) {
      const weight = (query[from] ?? 0) / chosen.length;
      if (weight === 0) continue;
      const row = (h * tokens + from) * tokens;
      for (let to = 0; to < tokens; ++to) result[to] = (result[to] ?? 0) + weight * (attention.data[row + to] ?? 0);
    }
  }
  return result;
}

/**
 * Returns the rollout (T) of a query over all layers: q·Â_L·…·Â_1 with Â = ½·mean over heads + ½·I, since
 * each layer adds to what it was given. Rows of Â already sum to one. A product of vector and matrix a
 * layer; the T x T product is never needed.
 * @param {readonly Tensor[]} attentions one a layer, (1, H, T, T) each
 * @param {Float32Array} query (T)
 * @returns {Float32Array}
 */
export function rolloutOf(attentions, query) {
  let flow = Float32Array.from(query);
  for (const attention of [...attentions].reverse()) {
    const attended = attentionOf(attention, 'mean', flow);
    flow = flow.map((weight, token) => (weight + (attended[token] ?? 0)) / 2);
  }
  return flow;
}
