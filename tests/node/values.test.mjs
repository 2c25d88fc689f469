// Functions of values only: tensors, scores, the safetensors writer, pixels, scheduling.
import assert from 'node:assert/strict';
import test from 'node:test';
import { rank, scoreFunctionOf, sigmoid, softmax } from '../../dist/engine/tasks/classification.js';
import { colorOf, legendOf, paletteOf } from '../../dist/engine/tasks/segmentation.js';
import { compare } from '../../dist/cli/compare.js';
import { checkRawImage, withoutAlpha } from '../../dist/engine/pixels.js';
import { writeSafetensors } from '../../dist/base/safetensors-writer.js';
import { kindOf, shown } from '../../dist/base/errors.js';
import { similarity } from '../../dist/base/vectors.js';
import { abortable, yieldToEventLoop } from '../../dist/base/scheduling.js';
import { checkTensor, concatenate } from '../../dist/base/tensors.js';

test('softmax is stable and sums to one', () => {
  const scores = softmax([1e4, 1e4 - 1, -1e4]);
  assert.ok(Math.abs(scores[0] - 1 / (1 + Math.exp(-1))) < 1e-15);
  assert.ok(Math.abs(scores.reduce((a, b) => a + b) - 1) < 1e-15);
  assert.equal(scores[2], 0);
});

test('sigmoid is stable at both ends', () => {
  assert.deepEqual([...sigmoid([0, 1000, -1000])], [0.5, 1, 0]);
  assert.ok(Math.abs(sigmoid([-2])[0] - 1 / (1 + Math.exp(2))) < 1e-16);
});

test('the score function follows the reference', () => {
  assert.equal(scoreFunctionOf(null, 10), 'softmax');
  assert.equal(scoreFunctionOf('single_label_classification', 10), 'softmax');
  assert.equal(scoreFunctionOf('multi_label_classification', 10), 'sigmoid');
  assert.equal(scoreFunctionOf('regression', 1), 'none');
  assert.equal(scoreFunctionOf('regression', 3), 'none');
  assert.equal(scoreFunctionOf(null, 1), 'sigmoid');
});

test('rank gives the best first, ties by id, and checks topK', () => {
  const labels = ['a', 'b', 'c'];
  assert.deepEqual(rank([1, 3, 3], labels, 2, 'none'), [
    { label: 'b', score: 3 },
    { label: 'c', score: 3 },
  ]);
  assert.equal(rank([1, 2, 3], labels, null, 'softmax').length, 3);
  assert.equal(rank([1, 2, 3], labels, 99, 'softmax').length, 3);
  for (const bad of [0, -1, 1.5, NaN, '2']) assert.throws(() => rank([1], labels, bad, 'none'), { code: 'invalid-argument' });
});

test('what are no numbers is refused', () => {
  for (const none of [null, undefined, 5, 'abc', { length: 2 }, ['1', '2'], new DataView(new ArrayBuffer(4)), BigInt64Array.of(1n)]) {
    for (const call of [softmax, sigmoid, (x) => rank(x, [], null, 'none'), (x) => similarity(x, [1]), (x) => similarity([1], x)])
      assert.throws(() => call(none), { code: 'wrong-type' }, `${call} of ${none}`);
  }
  assert.deepEqual([...softmax({ length: 2, 0: 1, 1: 1 })], [0.5, 0.5]);
  assert.throws(() => rank([1], [], null, 'softmx'), { code: 'invalid-argument', message: /got "softmx"/ });
});

test('a value of any kind can be told of', () => {
  const itself = {};
  itself.self = itself;
  const told = [undefined, null, NaN, 1n, Symbol('s'), itself, { big: 1n }, [1], 'x'.repeat(99), new Headers()].map((value) => [
    shown(value),
    kindOf(value),
  ]);
  assert.deepEqual(told.slice(0, -2), [
    ['undefined', 'undefined'],
    ['null', 'null'],
    ['NaN', 'NaN'],
    ['1', '1'],
    ['symbol', 'symbol'],
    ['object', 'Object'],
    ['object', 'Object'],
    ['[1]', 'Array'],
  ]);
  assert.equal(told.at(-2)[1], 'a text');
  assert.equal(told.at(-1)[1], 'Headers');
});

test('checkTensor names what does not fit', () => {
  checkTensor('x', { dims: [2, 3], data: new Float32Array(6) }, [Float32Array]);
  checkTensor('x', { dims: [], data: new Float32Array(1) }, [Float32Array]);
  assert.throws(() => checkTensor('x', { dims: [2, 3], data: new Float32Array(5) }, [Float32Array]), /x: got 5 elements, expected 6/);
  assert.throws(() => checkTensor('x', { dims: [6], data: new Int8Array(6) }, [Float32Array]), { code: 'wrong-type' });
  assert.throws(() => checkTensor('x', { dims: [-6], data: new Float32Array(6) }, [Float32Array]), { code: 'wrong-shape' });
  assert.throws(() => checkTensor('x', undefined, [Float32Array]), { code: 'wrong-shape' });
});

test('concatenate joins along the batch', () => {
  const a = { dims: [1, 2], data: Float32Array.of(1, 2) };
  const b = { dims: [2, 2], data: Float32Array.of(3, 4, 5, 6) };
  assert.deepEqual(concatenate('x', [a, b]), { dims: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
  assert.throws(() => concatenate('x', [a, { dims: [1, 3], data: new Float32Array(3) }]), { code: 'wrong-shape' });
});

test('writeSafetensors writes what the format says', () => {
  const file = writeSafetensors({ a: { dims: [2], data: Float32Array.of(1, -2) }, b: { dims: [3], data: Uint8Array.of(7, 8, 9) } });
  const size = Number(new DataView(file.buffer).getBigUint64(0, true));
  assert.equal(size % 8, 0);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + size))), {
    a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    b: { dtype: 'U8', shape: [3], data_offsets: [8, 11] },
  });
  assert.deepEqual([...new Float32Array(file.slice(8 + size, 16 + size).buffer)], [1, -2]);
  assert.deepEqual([...file.subarray(16 + size)], [7, 8, 9]);
  assert.throws(() => writeSafetensors({ a: { dims: [3], data: new Float32Array(2) } }), { code: 'wrong-shape' });
  assert.throws(() => writeSafetensors(null), { code: 'invalid-argument', message: /^tensors: got null, expected an object of tensors/ });
  assert.throws(() => writeSafetensors({ a: null }), { code: 'wrong-type' });
  assert.throws(() => writeSafetensors({ a: { dims: 2, data: new Float32Array(2) } }), { code: 'wrong-shape' });
});

test('alpha is dropped only for three channels', () => {
  const rgba = { width: 2, height: 1, channels: 4, data: Uint8Array.of(1, 2, 3, 0, 4, 5, 6, 255) };
  assert.deepEqual(withoutAlpha(rgba, 3), { width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) });
  assert.equal(withoutAlpha(rgba, 4), rgba);
});

test('checkRawImage refuses what does not fit', () => {
  const image = { width: 2, height: 1, channels: 3, data: new Uint8Array(6) };
  checkRawImage('image', image);
  assert.throws(() => checkRawImage('image', { ...image, height: 2 }), /image\.data: got 6 samples, expected 12/);
  assert.throws(() => checkRawImage('image', { ...image, width: 0 }), { code: 'invalid-argument' });
  assert.throws(() => checkRawImage('image', { ...image, data: [1, 2] }), { code: 'wrong-type' });
});

test('compare follows |a-b| <= atol + rtol |b|', () => {
  const tensor = (...data) => ({ dims: [data.length], data: Float32Array.from(data) });
  const tolerance = { atol: 0.1, rtol: 0.1 };
  assert.deepEqual(compare(tensor(1, 10), tensor(1, 11), tolerance), { pass: true, largest: 1, why: '' });
  assert.equal(compare(tensor(1, 10), tensor(1, 11.3), tolerance).pass, false);
  assert.equal(compare(tensor(NaN), tensor(1), tolerance).pass, false);
  assert.equal(compare(tensor(1), tensor(NaN), tolerance).pass, false);
  assert.equal(compare(tensor(Infinity), tensor(Infinity), tolerance).pass, true);
  assert.match(compare(tensor(1, 2), tensor(1, 2, 3), tolerance).why, /shape is \[2\], expected \[3\]/);
  assert.match(compare(undefined, tensor(1), tolerance).why, /does not give/);
  assert.equal(compare({ dims: [], data: Float32Array.of(2) }, tensor(2), tolerance).pass, true);
});

test('a legend and a palette of every class id', () => {
  const labels = Uint16Array.of(7, 65535, 7, 0, 300, 65535, 7, 0);
  const counts = new Uint32Array(65536);
  for (const id of labels) ++counts[id];
  const legend = legendOf({ height: 2, width: 4, labels, counts, scores: null }, ['sky', 'sea']);
  assert.deepEqual(
    legend.map(({ id, label, share }) => [id, label, share]),
    [
      [7, 'LABEL_7', 3 / 8],
      [0, 'sky', 2 / 8],
      [65535, 'LABEL_65535', 2 / 8],
      [300, 'LABEL_300', 1 / 8],
    ],
  );
  assert.ok(legend.every(({ id, color }) => String(color) === String(colorOf(id))));
  const bytes = new Uint8Array(paletteOf(65536, 128).buffer);
  for (const id of labels) assert.deepEqual([...bytes.subarray(id * 4, id * 4 + 4)], [...colorOf(id), 128]);
});

test('abortable rejects at once and hands the late value over', async () => {
  const controller = new AbortController();
  let finish;
  const late = [];
  const promise = abortable(
    new Promise((resolve) => {
      finish = resolve;
    }),
    controller.signal,
    (value) => late.push(value),
  );
  controller.abort(new Error('enough'));
  await assert.rejects(promise, /enough/);
  finish(5);
  await yieldToEventLoop();
  assert.deepEqual(late, [5]);
});
