// SHA-256 as pages have it: the vectors of FIPS 180-4, and any lengths and pieces beside Node's own.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { Sha256 as Compiled } from '../../dist/core/sha256.js';

/** As hosts have it that compile nothing while they run. */
async function whereNothingIsCompiled() {
  const { Module } = WebAssembly;
  let refused = 0;
  WebAssembly.Module = class {
    constructor() {
      ++refused;
      throw new WebAssembly.CompileError('Wasm code generation disallowed by embedder');
    }
  };
  try {
    const { Sha256 } = await import('../../dist/core/sha256.js?plain');
    new Sha256().update(new Uint8Array(1));
    assert.equal(refused, 1);
    return Sha256;
  } finally {
    WebAssembly.Module = Module;
  }
}
const Plain = await whereNothingIsCompiled();

test('a module hashes where one can be made', () => {
  const { Instance } = WebAssembly;
  let made = 0;
  WebAssembly.Instance = class extends Instance {
    constructor(...args) {
      super(...args);
      ++made;
    }
  };
  try {
    new Compiled().update(new Uint8Array(1));
    assert.equal(made, 1);
  } finally {
    WebAssembly.Instance = Instance;
  }
});

/** The sum of bytes that come in pieces of these lengths, again and again. */
function sumOf(bytes, pieces = [bytes.length], Sha256 = Compiled) {
  const ours = new Sha256();
  for (let at = 0, i = 0; at < bytes.length; ++i) {
    const piece = bytes.subarray(at, at + pieces[i % pieces.length]);
    ours.update(piece);
    at += piece.length;
  }
  return ours.digest();
}

/** Numbers below `bound` that are the same in each run. */
function numbers(seed) {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

const below = numbers(7);
const bytes = Uint8Array.from({ length: 400_000 }, () => below(256));
const expected = (length) => createHash('sha256').update(bytes.subarray(0, length)).digest('hex');

test('the vectors of FIPS 180-4', () => {
  for (const [text, sum] of [
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ['abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq', '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1'],
    ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
  ]) {
    for (const Sha256 of [Compiled, Plain]) assert.equal(sumOf(new TextEncoder().encode(text), undefined, Sha256), sum, text.slice(0, 60));
  }
});

test('every length of three blocks, at once and byte by byte', () => {
  for (let length = 0; length <= 192; ++length) {
    const part = bytes.subarray(0, length);
    const sums = [Compiled, Plain].flatMap((Sha256) => [sumOf(part, undefined, Sha256), sumOf(part, [1], Sha256)]);
    assert.deepEqual(sums, Array(4).fill(expected(length)), `${length} bytes`);
  }
});

test('any length in any pieces, those longer than what is hashed at a time, too', () => {
  for (let i = 0; i < 100; ++i) {
    const length = below(bytes.length);
    const pieces = Array.from({ length: 5 }, () => 1 + below(i % 2 ? 150 : 150_000));
    const sum = sumOf(bytes.subarray(0, length), pieces, i % 4 < 2 ? Compiled : Plain);
    assert.equal(sum, expected(length), `${length} bytes in pieces of ${pieces}`);
  }
});

test('sums at the same time do not see each other, nor pieces that are empty', () => {
  const sums = Array.from({ length: 3 }, () => new Compiled());
  const lengths = [100_000, 65_535, 300];
  for (let at = 0; at < lengths[0]; at += 97) {
    for (const [i, sum] of sums.entries()) {
      sum.update(bytes.subarray(Math.min(at, lengths[i]), Math.min(at + 97, lengths[i])));
      sum.update(new Uint8Array(0));
    }
  }
  assert.deepEqual(
    sums.map((sum) => sum.digest()),
    lengths.map(expected),
  );
});

test('bytes of shared memory', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(1000));
  shared.set(bytes.subarray(0, 1000));
  assert.equal(sumOf(shared, [300]), expected(1000));
});
