// The demo's attention rollout against the definition, as products of whole matrices.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { attentionOf, queryOf, rolloutOf } from '../../demo/classify/rollout.js';

const [LAYERS, HEADS, TOKENS] = [3, 2, 5];

/** Attention of one layer, (1, H, T, T): rows that sum to one. */
function attention(seed) {
  const data = Float32Array.from({ length: HEADS * TOKENS * TOKENS }, (_, i) => 1 + Math.sin(seed * 100 + i * 7.3));
  for (let row = 0; row < HEADS * TOKENS; ++row) {
    const values = data.subarray(row * TOKENS, (row + 1) * TOKENS);
    const sum = values.reduce((a, b) => a + b, 0);
    values.forEach((value, i) => {
      values[i] = value / sum;
    });
  }
  return { dims: [1, HEADS, TOKENS, TOKENS], data };
}

const layers = Array.from({ length: LAYERS }, (_, layer) => attention(layer));
const at = ({ data }, head, from, to) => data[(head * TOKENS + from) * TOKENS + to];
const range = [...Array(TOKENS).keys()];

/** Abnar & Zuidema's R = Â_L · … · Â_1, in double precision. */
function reference() {
  let rollout = range.map((i) => range.map((j) => Number(i === j)));
  for (const layer of layers) {
    const step = range.map((i) => range.map((j) => (at(layer, 0, i, j) + at(layer, 1, i, j)) / 2 / 2 + Number(i === j) / 2));
    rollout = range.map((i) => range.map((j) => range.reduce((sum, k) => sum + step[i][k] * rollout[k][j], 0)));
  }
  return rollout;
}

describe('attention rollout', () => {
  it('is a row of the product of all layers', () => {
    const wanted = reference();
    for (const token of range) {
      const query = new Float32Array(TOKENS);
      query[token] = 1;
      const got = rolloutOf(layers, query);
      got.forEach((value, i) =>
        assert.ok(Math.abs(value - wanted[token][i]) < 1e-6, `${token}, ${i}: ${value}, wanted ${wanted[token][i]}`),
      );
    }
  });

  it('sums to one, whatever it is asked from', () => {
    for (const query of ['patches', 'class', 0, 3]) {
      const sum = rolloutOf(layers, queryOf(TOKENS, query)).reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(sum - 1) < 1e-6, `${query}: ${sum}`);
    }
  });

  it('of one layer is that layer, by head or in the mean', () => {
    const query = queryOf(TOKENS, 2);
    assert.deepEqual(
      [...attentionOf(layers[1], 1, query)],
      range.map((to) => at(layers[1], 1, 3, to)),
    );
    attentionOf(layers[1], 'mean', query).forEach((value, to) => {
      assert.ok(Math.abs(value - (at(layers[1], 0, 3, to) + at(layers[1], 1, 3, to)) / 2) < 1e-7);
    });
  });
});
