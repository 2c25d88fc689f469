// What the package has of web/: few files, made of many. The library is there once: browsers' entry, Node's, the command
// line and the service worker's share it.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { IMPORT_COMMENTS, IMPORT_CALL } from './glue.mjs';
import { root } from './places.mjs';
import { Failure } from './report.mjs';
import { byLines, insertBehind } from './source-maps.mjs';

const web = join(root, 'web');
const dist = join(root, 'dist');

/** [the file in dist/, the module of web/]. Those of a group share what they have in common, in files of their own. */
const GROUPS = [
  [
    ['index', 'index.ts'],
    ['index.node', 'index.node.ts'],
    ['service-worker', 'service-worker.ts'],
    ['worker-node', 'worker-node.ts'],
    ['cli/main', 'cli/main.ts'],
  ],
  // Bundlers move it to where it has no neighbours.
  [['worker', 'worker.ts']],
  // It is fetched by its address, in workers too, where there is a GPU to use.
  [['gpu', 'gpu/model.ts']],
];

/** Files of dist/ of which each is one of the package's chunks. */
const CHUNK = /^chunk-\w+\.js(\.map)?$/;

/** Modules without types and comments, as which sources stand in source maps; and the one platform that both sides share. */
const asShipped = (transform) => ({
  name: 'as-shipped',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^#platform$/ }, () => ({ path: join(web, 'platform', 'shared.ts') }));
    onResolve({ filter: /^\.\.\/node\.js$/ }, () => ({ path: '../index.node.js', external: true }));
    onResolve({ filter: /\/wasm\/[^/]+\.js$/ }, ({ path }) => ({ path: `./wasm/${basename(path)}`, external: true }));
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, 'utf8'), { loader: 'ts', target: 'es2022', tsconfigRaw: '{}' });
      return { contents: code, loader: 'js' };
    });
  },
});

/** Of several files of a group: those with which the library's size is decided. The others are read as they are, and need no source maps. */
const isMinified = (name, inputs) => name === 'cli/main.js' || inputs.some((input) => input.endsWith('web/engine/local.ts'));

/** Returns what becomes of a group: { text, map } by the file's name; with `readable` map is null for what is not minified then. */
export async function bundle(group, { readable = false } = {}) {
  const { build, transform } = await import('esbuild'); // here: build.mjs is loaded before set-up has installed packages
  const { outputFiles, metafile } = await build({
    entryPoints: group.map(([out, module]) => ({ out, in: join(web, module) })),
    absWorkingDir: root,
    outdir: dist,
    bundle: true,
    splitting: group.length > 1,
    chunkNames: 'chunk-[hash]',
    write: false,
    metafile: true,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    external: ['node:*'],
    legalComments: 'none',
    minify: !readable,
    sourcemap: 'external',
    logLevel: 'silent',
    plugins: [asShipped(transform)],
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [relative(dist, path), text]));
  const files = new Map();
  for (const [name, plain] of texts) {
    if (!name.endsWith('.js')) continue;
    const map = texts.get(`${name}.map`);
    if (!readable) {
      files.set(name, { text: plain, map });
    } else if (isMinified(name, Object.keys(metafile.outputs[relative(root, join(dist, name))].inputs))) {
      const inline = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}\n`;
      const options = { minify: true, format: 'esm', target: 'es2022', sourcemap: 'external', legalComments: 'none', logLevel: 'silent' };
      const minified = await transform(plain + inline, options);
      files.set(name, { text: minified.code, map: minified.map });
    } else {
      const text = plain.replace(/^\/\/ web\/.*\n/gm, ''); // which esbuild writes before what each module has
      files.set(name, { text, map: null });
    }
  }
  return files;
}

/** Writes the package's scripts with their source maps into dist/. */
export async function bundleScripts() {
  for (const name of readdirSync(dist)) if (CHUNK.test(name)) rmSync(join(dist, name));
  for (const group of GROUPS) {
    for (const [name, { text, map }] of await bundle(group, { readable: group.length > 1 }))
      writeScript(name, text, map && JSON.parse(map));
  }
}

function writeScript(name, script, written) {
  if (written === null) {
    rmSync(join(dist, `${name}.map`), { force: true }); // of tsc's module
    return void writeFileSync(
      join(dist, name),
      script.replaceAll(IMPORT_CALL, (call) => call + IMPORT_COMMENTS),
    );
  }
  const { text, map } = insertBehind(script, byLines(written), IMPORT_CALL, IMPORT_COMMENTS);
  // Who uses the command line sees sentences, not stacks, and so does a page of what happens in its worker, whose map would
  // hold once more the sources that the library's has (200 kB), and on a GPU. Some entries have nothing but names of what is in other files.
  if (['cli/main.js', 'worker.js', 'gpu.js'].includes(name) || map.sources.length === 0) return void writeFileSync(join(dist, name), text);
  map.sources = map.sources.map((source) => source.replace(/^(\.\.\/)+/, '').replace(/\.ts$/, '.js'));
  writeFileSync(join(dist, name), `${text}//# sourceMappingURL=${basename(name)}.map\n`);
  writeFileSync(join(dist, `${name}.map`), JSON.stringify(map));
}

/** Writes the declarations of all that the entries export as one file. */
export async function bundleTypes() {
  const [{ rollup }, { dts }] = await Promise.all([import('rollup'), import('rollup-plugin-dts')]);
  const bundle = await rollup({
    input: join(dist, 'index.d.ts'),
    plugins: [dts()],
    onwarn: ({ message }) => {
      throw new Failure(`The declarations cannot be put into one file: ${message}`);
    },
  });
  const { output } = await bundle.generate({ format: 'es', indent: '\t' });
  await bundle.close();
  const text = output[0].code.replace(/^( {4})+/gm, (spaces) => '\t'.repeat(spaces.length / 4));
  // Symbol.dispose is in no library of the language that projects name as a rule.
  writeFileSync(join(dist, 'index.d.ts'), `/// <reference lib="esnext.disposable" />\n${text}`);
  writeFileSync(join(dist, 'service-worker.d.ts'), "export * from './index.js';\n");
  for (const name of ['worker', 'isolation-worker']) writeFileSync(join(dist, `${name}.d.ts`), 'export {};\n');
  for (const name of ['worker-node', 'index.node', 'cli/main']) rmSync(join(dist, `${name}.d.ts`), { force: true });
}
