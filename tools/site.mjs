// The demo as a site. While it is worked on, serve.mjs serves the folders of the project as they stand;
// what visitors get is what buildSite() writes: the same, in few files.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { bundleLibrary } from './bundle.mjs';
import { root } from './places.mjs';
import { Failure } from './report.mjs';

/** The package of the small checkpoints. */
const SAMPLES = join(root, 'packages', 'beit-wasm-samples');

/** The package of the builds that train. */
const TRAINING = join(root, 'packages', 'beit-wasm-training');

/** [address, folder], looked through in this order. Addresses end with a slash or are empty. */
export const SITE = [
  ['beit-wasm/dist/', join(root, 'dist')],
  ['beit-wasm/weights/', join(root, 'weights')],
  ['beit-wasm-samples/', SAMPLES],
  ['beit-wasm-training/', TRAINING],
  ['', join(root, 'demo')],
];

/** Where buildSite() writes to, unless it is told otherwise. */
export const BUILT_SITE = join(root, 'build', 'site');

/**
 * What a page and its workers may do, as a Content-Security-Policy: the library needs nothing beyond
 * this. blob: and data: are images that a person has chosen; https: is where a person's checkpoints are.
 * `connect`: other origins that checkpoints may come from.
 */
export const policy = (connect = []) =>
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
  `img-src 'self' blob: data:; style-src 'self'; connect-src ${["'self'", 'https:', ...connect].join(' ')}`;

/** Headers that make a page cross-origin isolated, which SharedArrayBuffer, and so threads, ask for. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** Files of demo/ that are bundled, or that only its types need. */
const NOT_COPIED = /\.(js|d\.ts)$|^tsconfig\.json$/;

/** What not every visitor needs: of three artefacts one, checkpoints, and what trains. The page itself is ./ */
const LATER = /\/wasm\/|\/weights\/|^beit-wasm-training\/|\/trainer\.js$|^improvement-|^index\.html$/;

/**
 * Writes the site: plain files for any web server, in any sub-folder. A module graph (the page; the library and
 * its worker, with what they share) becomes few files, since a request costs a browser more than what a module says;
 * tabs that are not seen at first stay files of their own. Returns its folder.
 */
export async function buildSite(to = BUILT_SITE) {
  const dist = join(root, 'dist');
  if (!existsSync(join(dist, 'index.js'))) throw new Failure('There is nothing in dist/ yet: run "npm run build" first.');
  const esbuild = await import('esbuild'); // here: this file is loaded before set-up has installed packages
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });

  cpSync(join(root, 'demo'), to, { recursive: true, filter: (path) => !NOT_COPIED.test(basename(path)) });
  removeEmpty(to);
  for (const file of filesIn(to).filter((name) => name.endsWith('.css'))) {
    const { code } = await esbuild.transform(readFileSync(join(to, file), 'utf8'), { loader: 'css', minify: true });
    writeFileSync(join(to, file), code);
  }
  cpSync(join(dist, 'wasm'), join(to, 'beit-wasm', 'dist', 'wasm'), { recursive: true });
  cpSync(join(SAMPLES, 'weights'), join(to, 'beit-wasm-samples', 'weights'), {
    recursive: true,
    filter: (path) => !path.endsWith('.json'), // index.js has them
  });
  for (const checkpoint of checkpoints()) {
    cpSync(checkpoint, join(to, 'beit-wasm', relative(root, checkpoint)), { recursive: true });
  }

  const common = { bundle: true, format: 'esm', target: 'es2022', minify: true, legalComments: 'none', logLevel: 'silent' };
  // At its own address, from which it finds the artefacts and the engine, which is the page's and its worker's. What only the tab Teach needs,
  // and of that what trains, are files that come with neither.
  const library = await bundleLibrary([
    ['index', 'library.ts'],
    ['teacher', 'teaching.ts'],
    ['trainer', 'training.ts'],
  ]);
  const scripts = [...library].map(([name, { text }]) => [name, text]);
  for (const [name, text] of scripts) writeFileSync(join(to, 'beit-wasm', 'dist', name), text);
  await esbuild.build({ ...common, entryPoints: [join(SAMPLES, 'index.js')], outdir: join(to, 'beit-wasm-samples') });
  await esbuild.build({ ...common, entryPoints: [join(TRAINING, 'index.js')], outdir: join(to, 'beit-wasm-training') });
  for (const file of readdirSync(TRAINING).filter((name) => /^beit-training-.*\.(js|wasm)$/.test(name)))
    cpSync(join(TRAINING, file), join(to, 'beit-wasm-training', file));
  const { metafile } = await esbuild.build({
    ...common,
    keepNames: true,
    entryPoints: [join(root, 'demo', 'main.js')],
    outdir: to,
    splitting: true,
    metafile: true,
    plugins: [keepLibrary],
    chunkNames: '[name]-[hash]',
  });

  const main = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint?.endsWith('main.js'))[1];
  const needed = main.imports.filter(({ kind, external }) => kind === 'import-statement' && !external).map(({ path }) => basename(path));
  const page = join(to, 'index.html');
  const [, index] = scripts.find(([name]) => name === 'index.js');
  const shared = scripts.map(([name]) => name).filter((name) => name !== 'index.js' && index.includes(`"./${name}"`));
  writeFileSync(page, withPreloads(readFileSync(page, 'utf8'), [...shared.map((name) => `beit-wasm/dist/${name}`), ...needed]));
  writeServiceWorker(to);
  return to;
}

/** Writes the service worker with the list of what it keeps at first, and marks the page as built. */
function writeServiceWorker(to) {
  const files = filesIn(to).filter((file) => !LATER.test(file));
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(join(to, file)));
  const version = hash.digest('hex').slice(0, 12);
  const worker = readFileSync(join(root, 'demo', 'service-worker.js'), 'utf8')
    .replace("const VERSION = 'development'", `const VERSION = '${version}'`)
    .replace('const FILES = /** @type {string[]} */ ([])', `const FILES = ${JSON.stringify(['./', ...files])}`);
  writeFileSync(join(to, 'service-worker.js'), worker);
  const page = join(to, 'index.html');
  writeFileSync(
    page,
    readFileSync(page, 'utf8').replace(
      '<meta charset="utf-8">',
      `<meta charset="utf-8">\n  <meta name="site-version" content="${version}">`,
    ),
  );
}

/** Returns the files of a folder and of those in it, relative to it, with slashes, sorted. */
function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).replaceAll('\\', '/'))
    .sort();
}

/** The page imports the library and the samples as a user does, from the folders that npm would unpack. */
const keepLibrary = {
  name: 'keep-library',
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/teaching\.js$/ }, () => ({ path: './beit-wasm/dist/teacher.js', external: true }));
    onResolve({ filter: /\/training\.js$/ }, () => ({ path: './beit-wasm/dist/trainer.js', external: true }));
    onResolve({ filter: /\/library\.js$/ }, () => ({ path: './beit-wasm/dist/index.js', external: true }));
    onResolve({ filter: /\/beit-wasm-(samples|training)\/index\.js$/ }, ({ path }) => ({
      path: path.replace(/^(\.\.\/)*/, './'),
      external: true,
    }));
  },
};

/** Returns the page with links that let a browser fetch these modules at once, not one after another. */
function withPreloads(html, modules) {
  const links = modules.map((module) => `<link rel="modulepreload" href="${module}">`);
  return html.replace('<!-- preload -->', links.join('\n  '));
}

/** Returns the folders of the embedded checkpoints that are in no package. */
function checkpoints() {
  // The others are links into that package.
  const folders = readdirSync(join(root, 'weights/embedded'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map(({ name }) => join(root, 'weights/embedded', name)).filter((folder) => existsSync(join(folder, 'config.json')));
}

/** Takes folders away in which nothing is left. */
function removeEmpty(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    removeEmpty(path);
    if (readdirSync(path).length === 0) rmSync(path, { recursive: true });
  }
}
