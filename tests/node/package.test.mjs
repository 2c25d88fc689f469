// The package as npm makes it, installed in an empty folder, as its user has it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { ASSETS } from '../../dist/assets.js';
import { BUILDS, root } from './support.mjs';
import { scriptOf } from '../../dist/core/capabilities.js';

const call = promisify(execFile);
const sample = join(root, 'demo/samples/harbour.jpg');

describe('the package', () => {
  let folder;
  let files;
  let listed;
  let alone;
  let withSamples, withAvif;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'beit-package-'));
    const { stdout } = await call('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: root });
    const [packed] = JSON.parse(stdout);
    listed = packed.files;
    files = listed.map(({ path }) => path);
    writeFileSync(join(folder, 'package.json'), '{"name": "empty", "private": true, "type": "module"}');
    await call('npm', ['install', '--offline', '--no-audit', '--no-fund', packed.filename], { cwd: folder });
    writeFileSync(
      join(folder, 'alone.mjs'),
      "import { pipeline } from 'beit-wasm';\nawait pipeline('image-segmentation').catch(({ code, message }) => console.log(code, message));\n",
    );
    alone = (await call(process.execPath, ['alone.mjs'], { cwd: folder })).stdout;
    const samples = await call('npm', ['pack', '--json', '--workspace', 'beit-wasm-samples', '--pack-destination', folder], { cwd: root });
    [withSamples] = JSON.parse(samples.stdout);
    const avif = await call('npm', ['pack', '--json', '--workspace', 'beit-wasm-avif', '--pack-destination', folder], { cwd: root });
    [withAvif] = JSON.parse(avif.stdout);
    await call('npm', ['install', '--offline', '--no-audit', '--no-fund', withSamples.filename, withAvif.filename], { cwd: folder });
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('holds what runs, and nothing of how it is made', () => {
    for (const build of BUILDS) {
      assert.ok(files.includes(`dist/wasm/beit-${scriptOf(build)}.js`), build);
      assert.ok(files.includes(`dist/wasm/beit-${build}.wasm`), build);
    }
    for (const file of [
      'dist/wasm/beit-codecs.wasm',
      'LICENSE',
      'README.md',
      'THIRD-PARTY-NOTICES.md',
      'package.json',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/index.node.js',
      'dist/cli/main.js',
      ...ASSETS.map((path) => `dist/${path}`),
    ]) {
      assert.ok(files.includes(file), file);
    }
    assert.deepEqual(
      files.filter((file) => !/^dist\/|^[^/]+$/.test(file)),
      [],
    );
  });

  it('is small: its files, the core, and what a page takes of one function', async () => {
    assert.ok(files.length <= 60, `${files.length} files`);
    const bytes = listed.reduce((sum, { size }) => sum + size, 0);
    assert.ok(bytes <= 3.5e6, `${bytes} bytes`);
    // What a page fetches for a GPU: for classification, for all classes of BEiT, and for DALL-E's tokenizer besides.
    const [main, extras, tokenizer] = ['gpu', 'gpu-extras', 'gpu-tokenizer'].map(
      (name) => gzipSync(readFileSync(join(root, 'dist', `${name}.js`))).length,
    );
    assert.ok(main <= 10_240 && main + extras <= 18_000 && tokenizer <= 4_300, `${main}, ${extras} and ${tokenizer} bytes`);
    for (const { path, size } of listed.filter(({ path: name }) => name.endsWith('.wasm')))
      assert.ok(size <= 750_000, `${path}: ${size} bytes`);
    const {
      outputFiles: [{ text }],
    } = await build({
      stdin: { contents: "export { softmax } from 'beit-wasm';", resolveDir: folder },
      bundle: true,
      format: 'esm',
      minify: true,
      write: false,
      logLevel: 'silent',
    });
    assert.ok(text.length <= 16_000, `softmax alone takes ${text.length} characters`);
  });

  it('has what it names: source maps beside scripts, sources in the maps, and one declaration of everything', () => {
    const textOf = (file) => readFileSync(join(folder, 'node_modules/beit-wasm', file), 'utf8');
    for (const file of files.filter((path) => /\.(js|ts)$/.test(path))) {
      const [, map] = /^\/\/# sourceMappingURL=(\S+)/m.exec(textOf(file)) ?? [];
      if (map) assert.ok(files.includes(`dist/${map}`), file);
    }
    const maps = files.filter((path) => path.endsWith('.map'));
    assert.equal(maps.length, 1, 'the rest is not minified');
    for (const map of maps) {
      const { sources, sourcesContent } = JSON.parse(textOf(map));
      assert.equal(sourcesContent.length, sources.length, map);
      for (const [i, content] of sourcesContent.entries()) assert.ok(content.length > 0, `${map}: ${sources[i]}`);
    }
    assert.match(textOf('dist/index.d.ts'), /declare function pipeline</);
    assert.doesNotMatch(textOf('dist/index.d.ts'), /^\s*(import|export)\b.* from '/m); // examples in comments do
  });

  it('declares as values what there is when it runs, of each entry', async () => {
    const valuesIn = (file, pattern) =>
      [...readFileSync(join(folder, 'node_modules/beit-wasm/dist', file), 'utf8').matchAll(pattern)].flatMap(([, list]) =>
        list.split(', '),
      );
    writeFileSync(
      join(folder, 'names.mjs'),
      `import * as index from 'beit-wasm';
      import * as worker from 'beit-wasm/service-worker';
      console.log(JSON.stringify([index, worker].map((entry) => Object.keys(entry).sort())));`,
    );
    const [index, worker] = JSON.parse((await call(process.execPath, ['names.mjs'], { cwd: folder })).stdout);
    assert.deepEqual(valuesIn('index.d.ts', /^export \{ (.*) \};$/gm).sort(), index);
    assert.deepEqual(valuesIn('service-worker.d.ts', /^export \{ (.*) \} from '.\/index.js';$/gm).sort(), worker);
  });

  it('shows where in its sources an error comes from', async () => {
    writeFileSync(join(folder, 'fail.mjs'), "import { blockMask } from 'beit-wasm';\nblockMask({ height: -1 });\n");
    const { stderr } = await call(process.execPath, ['--enable-source-maps', 'fail.mjs'], { cwd: folder }).catch((error) => error);
    const [, line] = /web\/engine\/tasks\/block-mask\.js:(\d+)/.exec(stderr) ?? [];
    const maps = files.filter((path) => path.endsWith('.map'));
    const [content] = maps.flatMap((path) => {
      const { sources, sourcesContent } = JSON.parse(readFileSync(join(folder, 'node_modules/beit-wasm', path), 'utf8'));
      return sourcesContent.filter((_, i) => sources[i].endsWith('/block-mask.js'));
    });
    assert.match(content.split('\n')[line - 1], /mismatch\(|throw |failure\(/, stderr);
  });

  it('says what to install where no checkpoint is named and there is none, and finds it then', async () => {
    assert.match(alone, /^not-found source: got none, .*"npm install beit-wasm-samples".*\.\n$/);
    const { samples } = await import('beit-wasm-samples');
    for (const [name, { weights, files: small }] of Object.entries(samples)) {
      const listedFiles = withSamples.files.map(({ path }) => path);
      assert.ok(listedFiles.includes(`weights/${name}/model.safetensors`), name);
      for (const [file, value] of Object.entries(small)) {
        assert.deepEqual(JSON.parse(readFileSync(new URL(file, weights()), 'utf8')), value, `${name}/${file}`);
        assert.ok(listedFiles.includes(`weights/${name}/${file}`), file);
      }
    }
  });

  it('names its classes in sentences', async () => {
    writeFileSync(
      join(folder, 'names.mjs'),
      `import { BeitImageProcessor } from 'beit-wasm';
      const processor = await BeitImageProcessor.fromJSON('{}', { worker: false });
      await processor.dispose();
      await processor.preprocess({ data: new Uint8Array(3), width: 1, height: 1 }).catch(({ message }) => console.log(message));`,
    );
    const { stdout } = await call(process.execPath, ['names.mjs'], { cwd: folder });
    assert.equal(stdout, 'This BeitImageProcessor has been disposed of.\n');
  });

  it('has a command that classifies', async () => {
    const { stdout } = await call(join(folder, 'node_modules/.bin/beit'), ['classify', '--json', '--top-k', '2', sample], { cwd: folder });
    const [{ labels }] = JSON.parse(stdout);
    assert.equal(labels.length, 2);
    assert.ok(labels[0].score > labels[1].score && labels[0].score <= 1, JSON.stringify(labels));
  });

  it('can be imported by its name, and answers as the command does', async () => {
    writeFileSync(
      join(folder, 'use.mjs'),
      `
      import { pipeline } from 'beit-wasm';
      const classify = await pipeline('image-classification');
      console.log(JSON.stringify(await classify(process.argv[2], { topK: 2 })));
      await classify.dispose();
    `,
    );
    const { stdout } = await call(process.execPath, ['use.mjs', sample], { cwd: folder });
    const command = await call(join(folder, 'node_modules/.bin/beit'), ['classify', '--json', '--top-k', '2', sample], { cwd: folder });
    const labels = JSON.parse(stdout);
    const expected = JSON.parse(command.stdout)[0].labels;
    assert.deepEqual(
      labels.map(({ label }) => label),
      expected.map(({ label }) => label),
    );
    labels.forEach(({ score }, i) => assert.ok(Math.abs(score - expected[i].score) < 1e-4));
  });

  it('reads AVIF with the package that has the decoder, which is within 0.6 MB', async () => {
    const module = withAvif.files.find(({ path }) => path === 'beit-avif.wasm');
    assert.ok(module.size <= 600_000, `${module.size} bytes`);
    for (const file of ['LICENSE', 'THIRD-PARTY-NOTICES.md', 'README.md', 'index.js', 'index.d.ts'])
      assert.ok(
        withAvif.files.some(({ path }) => path === file),
        file,
      );
    const picture = join(root, 'tests/fixtures/avif/444.avif');
    const { stdout } = await call(join(folder, 'node_modules/.bin/beit'), ['classify', '--json', picture], { cwd: folder });
    assert.equal(JSON.parse(stdout)[0].labels.length, 5);
  });

  it('has a command that segments', async () => {
    const { stdout } = await call(join(folder, 'node_modules/.bin/beit'), ['segment', '--json', sample], { cwd: folder });
    const { legend } = JSON.parse(stdout);
    assert.ok(legend.length > 1 && legend.every(({ label }) => !label.startsWith('LABEL_')), stdout);
  });

  it('says what to install for batches', async () => {
    for (const words of [
      ['batch', '--task', 'classify', '--input', sample, '--output', 'out'],
      ['worker', '--queue', 'redis://localhost'],
    ]) {
      const failed = await call(join(folder, 'node_modules/.bin/beit'), words, { cwd: folder }).catch((error) => error);
      assert.equal(failed.code, 2);
      assert.match(failed.stderr, /^beit: This command needs the package beit-wasm-batch, [^\n]*"npm install beit-wasm-batch"[^\n]*\n$/);
    }
  });

  it('says in one sentence what is wrong with an image, with status 1', async () => {
    const failed = await call(join(folder, 'node_modules/.bin/beit'), ['classify', 'no-such.png'], { cwd: folder }).then(
      () => null,
      (error) => error,
    );
    assert.equal(failed?.code, 1);
    assert.match(failed.stderr, /^[^\n]*no-such\.png[^\n]*\n$/);
  });
});
