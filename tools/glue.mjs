// Emscripten's JavaScript made fit for bundlers, which read it though they need not: as an asset, as a module that a
// development server sends, or as a part of the service worker's entry.
import { Failure } from './report.mjs';

/** A specifier that only Node has: hidden from those that would look for it. */
const hidden = (name) => `import(["${name}"].join())`;

/** The beginning of an import() that says nothing to bundlers, and what they want to read behind it to leave it to the engine. */
export const IMPORT_CALL = /\bimport\((?!\/\*)/g;
export const IMPORT_COMMENTS = '/* webpackIgnore: true *//* @vite-ignore */';

/** Returns a script whose import() calls are all for the engine: bundlers leave them as they are. Minifying takes such comments away. */
const withImportComments = (text) => text.replaceAll(IMPORT_CALL, (call) => call + IMPORT_COMMENTS);

/** [what, of threaded artefacts only, the text of Emscripten 3.1.69, what stands for it] */
const MENDINGS = [
  // webpack's minifier takes a .js asset for a script, in which nothing may be awaited at the top.
  [
    'the end that starts threads',
    true,
    /if \(isNode\) isPthread = \(await import\('worker_threads'\)\)\.workerData === 'em-pthread';\s*(?:\/\/[^\n]*\n)?isPthread && createCore\(\);/,
    `if (isNode) ${hidden('worker_threads')}.then(({ workerData }) => workerData === 'em-pthread' && createCore());\nelse if (isPthread) createCore();`,
  ],
  // Vite refuses a worker whose options are not written out; a page never makes this one.
  [
    'the worker of a thread',
    true,
    /new Worker\(new URL\("beit-[a-z-]+\.js",import\.meta\.url\),workerOptions\)/,
    '((Thread) => new Thread(new URL(_scriptName),workerOptions))(Worker)',
  ],
  // Webpack and esbuild look for the module.
  ["Node's require()", false, /await import\("module"\)/, `await ${hidden('module')}`],
  // The caller knows where the file is. A bundler would carry it along once more, and its name is not the same in each build.
  [
    "the wasm's address",
    false,
    /function findWasmBinary\(\)\{if\(Module\["locateFile"\]\)\{var f="[^"]+";if\(!isDataURI\(f\)\)\{return locateFile\(f\)\}return f\}return new URL\("[^"]+",import\.meta\.url\)\.href\}/,
    'function findWasmBinary(){return locateFile("beit.wasm")}',
  ],
  // Where there is no memory, malloc() gives 0, and a text would be written over what lies there. C++ makes a second copy of it: there is
  // room for both, or nothing is written.
  [
    'the room for a text',
    false,
    /var base=_malloc\(4\+length\+1\);/,
    'var base=_malloc(2*length+64);if(!base)throw Object.assign(new RangeError("no memory for a text"),{needed:2*length+64});_free(base);base=_malloc(4+length+1);',
  ],
];

/** Returns an artefact's JavaScript as bundlers can read it. Fails where Emscripten writes it otherwise. */
export function mendGlue(text, { threads }) {
  let mended = text;
  for (const [what, threaded, from, to] of MENDINGS) {
    if (threaded && !threads) continue;
    if (mended.split(from).length !== 2)
      throw new Failure(`Emscripten's JavaScript does not have ${what} once, as tools/glue.mjs expects.`);
    mended = mended.replace(from, () => to);
  }
  return mended;
}

/** Returns an artefact's JavaScript in half of its bytes: the rest is white space and long names. */
export async function minifyGlue(text) {
  const { transform } = await import('esbuild'); // here: build.mjs is loaded before set-up has installed packages
  return withImportComments((await transform(text, { format: 'esm', target: 'es2022', minify: true })).code);
}
