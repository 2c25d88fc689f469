// Emscripten's JavaScript after tools/glue.mjs, as tools read it that bundle it or carry it along.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import vm from 'node:vm';
import { build } from 'esbuild';
import { scriptOf } from '../../dist/core/capabilities.js';
import { mendGlue } from '../../tools/glue.mjs';
import { BUILDS, root } from './support.mjs';

const textOf = (name) => readFileSync(join(root, 'dist/wasm', `beit-${name}.js`), 'utf8');

for (const name of new Set(BUILDS.map(scriptOf))) {
  test(`${name}: nothing is awaited at the top, no worker is made of options by name, and no module of Node is asked for by name`, () => {
    const text = textOf(name);
    // As webpack's minifier reads it: a script, but for what it knows of modules.
    const script = text.replaceAll('import.meta.url', '""').replace(/export\s*(default \w+|\{[^}]*\});?/, '');
    assert.doesNotThrow(() => new vm.Script(script));
    assert.doesNotMatch(text, /new Worker\(\s*new URL\(/);
    assert.doesNotMatch(text, /beit-[a-z-]+\.wasm/); // which bundlers would carry along once more
    assert.doesNotMatch(text, /import\(\s*["']/);
  });
}

test('both builds with threads want the same of their script, and give it the same', () => {
  for (const folder of ['dist/wasm/beit', 'packages/beit-wasm-training/beit-training']) {
    const [one, other] = ['simd', 'relaxed'].map(
      (name) => new WebAssembly.Module(readFileSync(join(root, `${folder}-${name}-threads.wasm`))),
    );
    for (const namesIn of [WebAssembly.Module.imports, WebAssembly.Module.exports]) {
      const namesOf = (module) => namesIn(module).map(({ kind, name }) => `${kind} ${name}`);
      assert.deepEqual(namesOf(one).sort(), namesOf(other).sort(), folder);
    }
  }
});

test("the service worker's entry can be bundled for browsers", async () => {
  const { outputFiles, warnings } = await build({
    entryPoints: [join(root, 'dist/service-worker.js')],
    bundle: true,
    format: 'esm',
    write: false,
    logLevel: 'silent',
  });
  assert.deepEqual(warnings, []);
  assert.equal(outputFiles.length, 1);
});

test('what Emscripten writes otherwise is noticed', () => {
  assert.throws(() => mendGlue('export default 1;', { threads: false }), /does not have Node's require\(\) once/);
});
