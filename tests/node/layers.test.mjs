// Folders are layers: an import or include line in the wrong direction fails here.
import assert from 'node:assert/strict';
import test from 'node:test';
import { circles, LAYERS, layerOf, nodeInBrowsers, readFiles, wrongWays } from '../support/layers.mjs';

const files = readFiles();

/** The project's files with others besides, or with lines put before what they say. */
const withLines = (added) => new Map([...files, ...Object.entries(added).map(([path, text]) => [path, text + (files.get(path) ?? '')])]);

test('every layer of the table has files, and every layer that one may use is in it', () => {
  const names = LAYERS.map(([layer]) => layer);
  const used = new Set([...files.keys()].map((path) => layerOf(path)?.[0]));
  assert.deepEqual(
    names.filter((layer) => !used.has(layer)),
    [],
  );
  assert.deepEqual(
    LAYERS.flatMap(([, allowed]) => allowed).filter((layer) => !names.includes(layer)),
    [],
  );
});

test('no line goes the wrong way', () => {
  assert.deepEqual(wrongWays(files), []);
});

test('no files use each other in a circle', () => {
  assert.deepEqual(circles(files), []);
});

test('what browsers load has no module of Node in it', () => {
  assert.deepEqual(nodeInBrowsers(files), []);
});

test('lines in the wrong direction are found', () => {
  const wrong = (added) => wrongWays(withLines(added));
  assert.deepEqual(wrong({ 'web/base/odd.ts': "import type { Engine } from '../engine/engine.js';\n" }), [
    'web/base/odd.ts uses web/engine/engine.ts, and web/base/ may not',
  ]);
  assert.deepEqual(wrong({ 'web/sources/http/retry.ts': "export { platform } from '#platform';\n" }), [
    'web/sources/http/retry.ts uses web/platform/node.ts, and web/sources/ may not',
    'web/sources/http/retry.ts uses web/platform/browser.ts, and web/sources/ may not',
  ]);
  assert.deepEqual(wrong({ 'web/api/odd.ts': "export const late = () => import('../library.js');\n" }), [
    'web/api/odd.ts uses web/library.ts, and web/api/ may not',
  ]);
  assert.deepEqual(wrong({ 'src/base/odd.h': '#include "weights/reading/checkpoint.h"\n' }), [
    'src/base/odd.h uses weights/reading/checkpoint.h, and src/base/ may not',
  ]);
  assert.deepEqual(wrong({ 'src/kernels/activation.h': '#include "src/beit/config.h"\n' }), [
    'src/kernels/activation.h uses src/beit/config.h, and src/kernels/ may not',
  ]);
  assert.deepEqual(wrong({ 'src/odd.h': '#include "src/base/result.h"\n' }), ['src/odd.h belongs to no layer']);
  assert.deepEqual(wrong({ 'web/base/odd.ts': "import './gone.js';\n" }), ['web/base/odd.ts names ./gone.js, which is no file']);
});

test('circles are found, and modules of Node', () => {
  assert.deepEqual(
    circles(
      withLines({
        'web/base/odd.ts': "import './odder.js';\n",
        'web/base/odder.ts': "import './odd.js';\n",
      }),
    ),
    ['web/base/odd.ts -> web/base/odder.ts -> web/base/odd.ts'],
  );
  assert.deepEqual(
    circles(withLines({ 'src/base/odd.h': '#include "src/base/odder.h"\n', 'src/base/odder.h': '#include "src/base/odd.h"\n' })),
    ['src/base/odd.h -> src/base/odder.h -> src/base/odd.h'],
  );
  assert.deepEqual(nodeInBrowsers(withLines({ 'web/core/sha256.ts': "import { createHash } from 'node:crypto';\n" })), [
    'web/core/sha256.ts',
  ]);
});
