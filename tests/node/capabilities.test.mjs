import assert from 'node:assert/strict';
import test from 'node:test';
import { chooseBuild, detectCapabilities } from '../../dist/core/capabilities.js';

const everything = {
  kind: 'browser',
  cores: 4,
  mayBlock: true,
  simd: true,
  exceptions: true,
  threads: true,
  relaxedSimd: true,
  table64: true,
  sharedMemory: true,
  crossOriginIsolated: true,
  workers: true,
};
const notIsolated = { ...everything, sharedMemory: false, crossOriginIsolated: false };
// As WebKit answers where its SharedArrayBuffer is switched off.
const notShared = { ...everything, sharedMemory: false };
const plainSimd = { ...everything, relaxedSimd: false };
const node20 = { ...plainSimd, kind: 'node' };
const page = { ...everything, mayBlock: false };

const choices = [
  ['everything', everything, {}, 'relaxed-threads', 4, /relaxed SIMD/],
  ['many cores', { ...everything, cores: 64 }, {}, 'relaxed-threads', 8, /8 threads/],
  ['one thread wanted, with FMA', everything, { threads: 1 }, 'relaxed-threads', 1, /One thread/],
  ['more threads than cores', everything, { threads: 16 }, 'relaxed-threads', 16, /16 threads/],
  ['no relaxed SIMD', plainSimd, {}, 'simd-threads', 4, /does not have WebAssembly relaxed SIMD/],
  ['no relaxed SIMD, one thread wanted', plainSimd, { threads: 1 }, 'simd', 1, /relaxed/],
  ['Node 20', node20, {}, 'simd-threads', 4, /--experimental-wasm-relaxed-simd/],
  ['a page that is not isolated', notIsolated, {}, 'simd', 1, /cross-origin isolated.*Cross-Origin-Opener-Policy/],
  [
    'an isolated page of a browser without SharedArrayBuffer',
    notShared,
    {},
    'simd',
    1,
    /page is cross-origin isolated, but .*no SharedArrayBuffer/,
  ],
  ['a Node without SharedArrayBuffer', { ...notShared, kind: 'node' }, {}, 'simd', 1, /because there is no SharedArrayBuffer/],
  ['a page without a worker', page, {}, 'simd', 1, /main thread may not wait/],
  ['no threads at all', { ...everything, threads: false }, {}, 'simd', 1, /WebAssembly threads/],
  ['build simd asked for', everything, { build: 'simd' }, 'simd', 1, /asked for/],
  ['build simd-threads asked for', everything, { build: 'simd-threads' }, 'simd-threads', 4, /asked for/],
  ['relaxed-threads asked for', everything, { build: 'relaxed-threads', threads: 2 }, 'relaxed-threads', 2, /asked for/],
];

for (const [name, can, request, build, threads, reason] of choices) {
  test(`chooses ${build} with ${threads} for: ${name}`, () => {
    const choice = chooseBuild(can, request);
    assert.deepEqual([choice.build, choice.threads], [build, threads]);
    assert.match(choice.reason, reason);
    assert.match(choice.reason, /\.$/);
  });
}

const refusals = [
  ['threads without isolation', notIsolated, { threads: 2 }, 'unsupported', /cross-origin isolated/],
  ['a threaded build without isolation', notIsolated, { build: 'simd-threads' }, 'unsupported', /page is not cross-origin isolated/],
  ['threads without SharedArrayBuffer', notShared, { threads: 2 }, 'unsupported', /^(?!.*not cross-origin isolated).*no SharedArrayBuffer/],
  ['relaxed in Node 20', node20, { build: 'relaxed-threads' }, 'unsupported', /--experimental-wasm-relaxed-simd/],
  ['relaxed in an old browser', plainSimd, { build: 'relaxed-threads' }, 'unsupported', /relaxed SIMD/],
  ['two threads of the single-threaded build', everything, { build: 'simd', threads: 2 }, 'unsupported', /one thread/],
  ['no SIMD', { ...everything, simd: false }, {}, 'unsupported', /does not have WebAssembly SIMD/],
  ['no exceptions', { ...everything, exceptions: false }, {}, 'unsupported', /exceptions/],
  ['an unknown build', everything, { build: 'avx' }, 'invalid-argument', /"avx".*simd-threads/],
  ['no thread', everything, { threads: 0 }, 'invalid-argument', /whole number/],
  ['half a thread', everything, { threads: 1.5 }, 'invalid-argument', /1\.5/],
  ['threads as text', everything, { threads: '2' }, 'invalid-argument', /whole number/],
];

for (const [name, can, request, code, sentence] of refusals) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => chooseBuild(can, request),
      (error) => {
        assert.equal(error.code, code);
        assert.match(error.message, sentence);
        return true;
      },
    );
  });
}

test('probes answer for this Node', () => {
  const can = detectCapabilities({ kind: 'node', cores: 2, mayBlock: true });
  assert.equal(can.simd, true);
  assert.equal(can.exceptions, true);
  assert.equal(can.threads, true);
  assert.equal(can.sharedMemory, true);
  assert.equal(can.crossOriginIsolated, true);
  const flag = process.execArgv.includes('--experimental-wasm-relaxed-simd');
  if (Number(process.versions.node.split('.')[0]) < 21) assert.equal(can.relaxedSimd, flag);
  else assert.equal(can.relaxedSimd, true);
  assert.equal(can.table64, parseFloat(process.versions.v8) >= 13.3);
});
