// The library as bundlers have it that know no import.meta.url, or that move its modules away from its files.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { ASSETS } from '../../dist/assets.js';
import { root, temporaryFolder } from './support.mjs';

const call = promisify(execFile);
const dist = join(root, 'dist');

async function bundled(entry, options) {
  const { outputFiles } = await build({ entryPoints: [join(dist, entry)], bundle: true, write: false, logLevel: 'silent', ...options });
  return outputFiles[0].text;
}

/** Runs a script in a process of its own, in a folder without a package.json. Returns what it prints. */
async function run(text, args, flags = []) {
  const folder = mkdtempSync(join(tmpdir(), 'beit-bundled-'));
  try {
    writeFileSync(join(folder, 'bundle.cjs'), text);
    return (await call(process.execPath, [...flags, join(folder, 'bundle.cjs'), ...args])).stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('all addresses of files are in one place, and the worker is told them', () => {
  const scripts = readdirSync(dist).filter((file) => /^(index|service-worker|files|chunk-\w+)\.js$/.test(file));
  const named = scripts.flatMap((file) => readFileSync(join(dist, file), 'utf8').match(/new URL\([^)]*import\.meta\.url\)/g) ?? []);
  assert.deepEqual(named.sort(), ASSETS.map((path) => `new URL('./${path}', import.meta.url)`).sort());
  assert.doesNotMatch(readFileSync(join(dist, 'engine.js'), 'utf8'), /import\.meta/);
  assert.deepEqual(JSON.parse(readFileSync(join(dist, 'assets.json'), 'utf8')).files, ASSETS);
});

test('a script that is no module can be loaded, and says what it lacks when it is used', async () => {
  const text = await bundled('index.js', { format: 'iife', globalName: 'beit' });
  const out = await run(
    `${text}
    if (beit.softmax([1, 1])[0] !== 0.5) throw new Error('softmax');
    beit.createEngine({ worker: false }).then(() => console.log('no error'), (error) => console.log(error.name, error.code, error.message));`,
    [],
  );
  assert.match(out, /^BeitError unsupported .*no import\.meta\.url.*the option assets.*\.\n$/);
});

test('a CommonJS bundle for Node answers with a copy of the files', async (context) => {
  const text = await bundled('index.node.js', { format: 'cjs', platform: 'node' });
  const copy = temporaryFolder(context);
  cpSync(dist, copy, { recursive: true });
  cpSync(join(root, 'packages/beit-wasm-samples/weights'), join(copy, 'weights'), { recursive: true });
  const out = await run(
    `${text}
    const library = module.exports;
    library.configure({ assets: process.argv[2] });
    library.pipeline('image-classification').then(async (classify) => {
      console.log((await classify(process.argv[3]))[0].label);
      await classify.dispose();
    });`,
    [pathToFileURL(copy).href, join(root, 'demo/samples/harbour.jpg')],
  );
  assert.equal(out, 'harbour\n');
});

test("a process that Node's permission model lets start no threads has one, and says so", async () => {
  const flag = Number(process.versions.node.split('.')[0]) >= 23 ? '--permission' : '--experimental-permission';
  const out = await run(
    `import(process.argv[2]).then(async ({ createEngine }) => {
    const engine = await createEngine();
    console.log(JSON.stringify(engine.info));
    await engine.dispose();
  });`,
    [pathToFileURL(join(dist, 'index.node.js')).href],
    [flag, '--allow-fs-read=*', '--no-warnings'],
  );
  const { build: name, threads, reason } = JSON.parse(out);
  assert.deepEqual([name, threads], ['simd', 1]);
  assert.match(reason, /--allow-worker/);
});

test("options for all calls are known by name, and a call's own go first", async () => {
  const { configure, runtimeInfo } = await import('../../dist/node.js');
  assert.throws(() => configure({ asets: '/beit/' }), { name: 'BeitError', code: 'invalid-argument', message: /asets.*assets/ });
  configure({ build: 'simd-threads', threads: 2, token: 'x' });
  assert.deepEqual([runtimeInfo().build, runtimeInfo().threads, runtimeInfo({ threads: 1 }).threads], ['simd-threads', 2, 1]);
  assert.deepEqual(configure({ build: undefined, threads: undefined, token: undefined }), {});
});
