// What the package has of web/: few files, made of many. The library is there once: browsers' entry, Node's, the command
// line and the service worker's share it.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { IMPORT_COMMENTS, IMPORT_CALL } from './glue.mjs';
import { root } from './places.mjs';
import { Failure } from './report.mjs';
import { byLines, insertBehind } from './source-maps.mjs';

const web = join(root, 'web');
const dist = join(root, 'dist');

/** Of what is minified, columns of a line: Node prints the whole line from which an error comes that nobody catches. */
const LINE_LIMIT = 500;

/** [the file in dist/, the module of web/]: those share what they have in common, in files of their own, and all that engine.ts uses in ENGINE. */
const ENTRIES = [
  ['index', 'index.ts'],
  ['index.node', 'index.node.ts'],
  ['service-worker', 'service-worker.ts'],
  ['worker', 'worker.ts'],
  ['worker-node', 'worker-node.ts'],
  ['cli/main', 'cli/main.ts'],
];

/** A file by itself, since bundlers that the library's worker is an asset for move it to where it has no neighbours. */
const ENGINE = ['engine', 'engine.ts'];

/** They are fetched by their addresses, in workers too, where there is a GPU to use; none imports of another. */
const GPU = [
  ['gpu', 'gpu/model.ts'],
  ['gpu-extras', 'gpu/extras.ts'],
  ['gpu-tokenizer', 'gpu/tokenizer.ts'],
];

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** What modules of `gpu` call parts of theirs: nothing of WebGPU, of the engine or in a string has these names, so minifying may shorten them. */
const OWN_NAMES =
  'activation activationNumber addLevel addRest after attended attention attentionOutput bare before biases bound buffers Buffers ' +
  'channels checked checkOnce checks classAndMask columns count destroyed draftPass drafts each eachDraft eachKernel encode everywhere ' +
  'extras filled floats free gather group head headChannels headPadded identity inBegin inputs inStride intermediate keepLogits lastNorm ' +
  'layers loadExtras logits make makeWeights matrix MEAN mostImages needed norm normAfter normalized normBefore normOf numbers operand ' +
  'operations ours outBegin output outputs outStride own pack packing parameters pass perRun pipelines pipelinesOf plan planFor pool ' +
  'pooled poolNorm product productDraft productKernel projection queryKeyValue read rest result rows scales smaller startPass ' +
  'startWeights states steps storage stored sums takers target temporary tiles uncaught valid vectors weight widest write writer';

/** Interfaces of `gpu` of which the engine knows the parts by their names. */
const SHARED =
  /interface (?:Config|ModelDescription|AnyShape|GivenInputs|PassInputs|PassCall|PlainTensor|MapWanted|LabelledPixels)\b[^{]*\{\n(.*?)\n\}/gs;

/** What a chunk is minified for that has it: what few use, and what is for Node alone, where its size would else be in the way. */
const SMALL = /^web\/(api\/(training|convert)|platform\/node|platform\/host-node|sources\/(folder-node|cache\/node))/;

/** Files of dist/ of which each is one of the package's chunks. */
const CHUNK = /^chunk-\w+\.js(\.map)?$/;

/** Returns OWN_NAMES, those first that occur most. */
function ownNames() {
  const folder = join(web, 'gpu');
  const text = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
  const names = OWN_NAMES.split(' ');
  const shared = [...text.matchAll(SHARED)].flatMap(([, parts]) => [...parts.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name));
  const wrong = names.find((name) => shared.includes(name));
  if (wrong) throw new Failure(`${wrong} cannot be one of OWN_NAMES: the engine has the name, too.`);
  const count = Object.fromEntries(names.map((name) => [name, text.match(new RegExp(`\\b${name}\\b`, 'g'))?.length ?? 0]));
  return names.sort((a, b) => count[b] - count[a]);
}

/** Modules without types and comments, as which sources stand in source maps; and the one platform that both sides share. */
const asShipped = (transform, compilerOptions) => ({
  name: 'as-shipped',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^#platform$/ }, () => ({ path: join(web, 'platform', 'shared.ts') }));
    onResolve({ filter: /^\.\.\/node\.js$/ }, () => ({ path: '../index.node.js', external: true }));
    onResolve({ filter: /\/wasm\/[^/]+\.js$/ }, ({ path }) => ({ path: `./wasm/${basename(path)}`, external: true }));
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, 'utf8'), { loader: 'ts', target: 'es2022', tsconfigRaw: { compilerOptions } });
      return { contents: code, loader: 'js' };
    });
  },
});

/** What is imported from a module of the engine, in a bundle of which that is no part: its names, and the module behind a `?`. */
const FROM_ENGINE = /\b(import|export)\s*\{([^}]*)\}\s*from\s*"engine\?([^"]+)"/g;

/** Leaves the engine's modules out of a bundle, which imports from them as FROM_ENGINE has it. */
const withoutEngine = (modules) => ({
  name: 'without-engine',
  setup({ onResolve }) {
    onResolve({ filter: /^\.{1,2}\/.*\.js$/ }, ({ path, importer }) => {
      const module = relative(web, join(dirname(importer), path))
        .replaceAll('\\', '/')
        .replace(/\.js$/, '.ts');
      return modules.has(module) ? { path: `engine?${module}`, external: true, sideEffects: false } : undefined;
    });
  },
});

/** Leaves the list of addresses a file by itself, for which package.json has an alias. */
const filesApart = {
  name: 'files-apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/files\.js$/ }, ({ path, importer }) =>
      join(dirname(importer), path) === join(web, 'files.js') ? { path: './files.js', external: true, sideEffects: false } : undefined,
    );
  },
};

/** Runs esbuild. Returns { texts: by the file's name, with maps, outputs: esbuild's account of each }. */
async function esbuild(options, plugins = [], compilerOptions = {}) {
  const { build, transform } = await import('esbuild'); // here: build.mjs is loaded before set-up has installed packages
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    outdir: dist,
    bundle: true,
    chunkNames: 'chunk-[hash]',
    write: false,
    metafile: true,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    external: ['node:*'],
    legalComments: 'none',
    sourcemap: 'external',
    logLevel: 'silent',
    plugins: [...plugins, asShipped(transform, compilerOptions)],
    ...options,
  });
  return { texts: new Map(outputFiles.map(({ path, text }) => [relative(dist, path), text])), outputs: metafile.outputs };
}

const pointsOf = (group) => group.map(([out, module]) => ({ out, in: join(web, module) }));

/**
 * Returns entries, their chunks, and the engine, of which they have nothing: { text, map } by the file's name. The engine is minified, and
 * entries are unless `readable`.
 */
export async function bundleLibrary(entries, { readable = false } = {}) {
  const { outputs } = await esbuild({ entryPoints: pointsOf([ENGINE]) });
  const [{ inputs }] = Object.values(outputs).filter(({ entryPoint }) => entryPoint);
  const modules = new Set(Object.keys(inputs).map((path) => relative(web, join(root, path)).replaceAll('\\', '/')));
  const plugins = [withoutEngine(modules), ...(readable ? [filesApart] : [])];
  const { texts, outputs: made } = await esbuild({ entryPoints: pointsOf(entries), splitting: true, minify: !readable }, plugins);
  /** Of each module of the engine, what is imported from it. */
  const wanted = new Map();
  const files = new Map();
  for (const [name, plain] of texts) {
    if (!name.endsWith('.js')) continue;
    const to = name.includes('/') ? '../engine.js' : './engine.js';
    const text = plain.replace(FROM_ENGINE, (_, verb, names, module) => {
      if (!wanted.has(module)) wanted.set(module, new Set());
      for (const each of names.split(',')) wanted.get(module).add(each.trim().split(/\s+as\s+/)[0]);
      return `${verb} {${names}} from "${to}"`;
    });
    if (text.includes('"engine?')) throw new Failure(`${name} imports from the engine in a way that tools/bundle.mjs does not know.`);
    // Who uses the command line sees sentences, not stacks. The comments are what esbuild writes before what each module has.
    const parts = Object.keys(made[relative(root, join(dist, name))].inputs);
    const small = readable && (name === 'cli/main.js' || parts.some((part) => SMALL.test(part)));
    const shipped = small ? await minified(text) : text.replace(/^\/\/ web\/.*\n/gm, '');
    files.set(name, { text: shipped, map: null });
  }
  for (const name of files.keys()) if (!CHUNK.test(name)) nameAll(files, name);
  files.set('engine.js', await engine(wanted));
  return files;
}

/** Has an entry name what its chunks import, so that who loads it asks for all at once. */
function nameAll(files, entry) {
  const importsOf = (name) => [...(files.get(name)?.text.matchAll(/(?:\bfrom|\bimport)\s*"(\.[^"]+\.js)"/g) ?? [])].map(([, path]) => path);
  const named = new Set(importsOf(entry));
  const lacking = [...named].flatMap((path) => importsOf(basename(path))).filter((path) => !named.has(path) && !entry.includes('/'));
  const file = files.get(entry);
  // By a name that is not used: of an import without one esbuild warns where the other has no side effects.
  file.text = [...new Set(lacking)].map((path, i) => `import * as beside${i} from "${path}";\n`).join('') + file.text;
}

async function minified(text) {
  const { transform } = await import('esbuild');
  return (
    await transform(text, {
      minify: true,
      format: 'esm',
      target: 'es2022',
      legalComments: 'none',
      lineLimit: LINE_LIMIT,
      logLevel: 'silent',
    })
  ).code;
}

/** Returns the engine's file, which exports these names of its modules. */
async function engine(wanted) {
  wanted.set(ENGINE[1], new Set([...(wanted.get(ENGINE[1]) ?? []), 'runs']));
  const names = [...wanted.values()].flatMap((some) => [...some]);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice) throw new Failure(`Two modules of the engine have something named ${twice}: its file cannot export both.`);
  const contents = [...wanted].map(([module, some]) => `export { ${[...some].join(', ')} } from './${module}';`).join('\n');
  const { texts } = await esbuild({
    stdin: { contents, resolveDir: web, sourcefile: join(web, 'exports.js') },
    outfile: join(dist, 'engine.js'),
    outdir: undefined,
    minify: true,
    lineLimit: LINE_LIMIT,
  });
  const text = texts.get('engine.js');
  // Minifying takes the mark away that is wanted here; an annotation needs no column of a source map.
  const [, local] = /([\w$]+) as runs\b/.exec(text) ?? [];
  const parts = text.split(new RegExp(`(?<=[ ,])${local?.replaceAll('$', '\\$')}=`));
  if (parts.length !== 2) throw new Failure('The call by which engine.js begins as a worker cannot be found in it.');
  return { text: parts.join(`${local}=/* @__PURE__ */`), map: texts.get('engine.js.map') };
}

/** Writes the package's scripts with their source maps into dist/. */
export async function bundleScripts() {
  for (const name of readdirSync(dist)) if (CHUNK.test(name)) rmSync(join(dist, name));
  const names = ownNames();
  // The same in all files; nothing else there has names of one letter.
  const mangleCache = Object.fromEntries(names.map((name, i) => [name, '_'.repeat(Math.floor(i / 52)) + LETTERS[i % 52]]));
  const mangleProps = new RegExp(`^(${names.join('|')})$`);
  // Fields that are set where they are declared, too, would be there twice.
  const gpu = await esbuild({ entryPoints: pointsOf(GPU), minify: true, mangleProps, mangleCache }, [], { useDefineForClassFields: false });
  const files = await bundleLibrary(ENTRIES, { readable: true });
  for (const [name, { text, map }] of files) writeScript(name, text, map && JSON.parse(map));
  for (const [name] of GPU) writeScript(`${name}.js`, gpu.texts.get(`${name}.js`).replaceAll('\n', ''), null); // they stand in WGSL only
  // Parcel makes of each file whose address it finds a script that is none of these any more, and cannot have a module in two bundles.
  writeFileSync(join(dist, 'no-files.js'), 'export const FILES = {};\n');
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
  writeFileSync(join(dist, 'index.d.ts'), `/// <reference lib="esnext.disposable" />\n${withTypesOnly(text, await valuesOf('node.js'))}`);
  const values = await valuesOf('library.js', 'teaching.js');
  writeFileSync(
    join(dist, 'service-worker.d.ts'),
    `export type * from './index.js';\nexport { ${values.join(', ')} } from './index.js';\n`,
  );
  for (const name of ['worker', 'isolation-worker']) writeFileSync(join(dist, `${name}.d.ts`), 'export {};\n');
  for (const name of ['engine', 'worker-node', 'index.node', 'cli/main']) rmSync(join(dist, `${name}.d.ts`), { force: true });
}

/** Returns the names of what tsc's modules export when they run. */
async function valuesOf(...modules) {
  const names = await Promise.all(modules.map(async (name) => Object.keys(await import(pathToFileURL(join(dist, name)).href))));
  return [...new Set(names.flat())].sort();
}

/** Returns declarations in which only `values` are exported as such: the plugin exports a class as a value that is exported as a type. */
function withTypesOnly(text, values) {
  return text.replace(/^export \{ (.*) \};$/m, (_, list) => {
    const types = list.split(', ').filter((name) => !values.includes(name));
    return [`export { ${values.join(', ')} };`, ...(types.length > 0 ? [`export type { ${types.join(', ')} };`] : [])].join('\n');
  });
}
