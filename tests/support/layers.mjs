// Which folder may use which, for TypeScript and C++ alike, and what a look at the import and include lines finds against it.
import { readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { root } from '../../tools/places.mjs';

/** Rows for layers of which each may use all that follow. */
const inOrder = (...layers) => layers.map((layer, i) => [layer, layers.slice(i + 1)]);

const MODELS_USE = ['src/model/', 'src/layers/', 'src/parameters/', 'src/kernels/', 'src/base/'];

/**
 * [layer, those it may use beside itself]. A layer is a folder or a file; a file belongs to the longest that its path
 * begins with. So web/ is what lies in that folder itself: the entries.
 */
export const LAYERS = [
  ...inOrder(
    'web/cli/',
    'web/',
    'web/wasm/',
    'web/api/training/',
    'web/api/teaching/',
    'web/api/pipelines/',
    'web/api/',
    'web/platform/',
    'web/assets.ts',
    'web/files.ts',
    'web/engine/',
    'web/gpu/',
    'web/sources/',
    'web/core/',
    'web/base/',
  ),
  // As src/CMakeLists.txt links them.
  [
    'bindings/',
    [
      'src/registry',
      'src/training/',
      'src/dalle/',
      'src/beit/',
      'src/model/',
      'src/layers/',
      'src/parameters/',
      'src/kernels/',
      'src/codecs/',
      'src/avif/',
      'src/teaching/',
      'src/image/',
      'src/base/',
      'weights/',
    ],
  ],
  ['src/registry', ['src/dalle/', 'src/beit/', 'src/model/', 'src/layers/', 'src/parameters/', 'src/kernels/', 'src/base/']],
  ['src/training/', ['src/beit/', ...MODELS_USE, 'src/image/']],
  ['src/dalle/', MODELS_USE],
  ['src/beit/', MODELS_USE],
  ['src/model/', ['src/layers/', 'src/parameters/', 'src/kernels/', 'src/base/']],
  ['src/layers/', ['src/parameters/', 'src/kernels/', 'src/base/']],
  ['weights/', ['src/parameters/', 'src/kernels/gemm/quantization', 'src/base/']],
  ['src/parameters/', ['src/base/']],
  ['src/kernels/gemm/quantization', ['src/kernels/', 'src/base/']],
  ['src/kernels/', ['src/kernels/gemm/quantization', 'src/base/']],
  ['src/avif/', ['src/image/', 'src/base/']],
  ['src/codecs/', ['src/image/', 'src/base/']],
  ['src/teaching/', ['src/base/']],
  ['src/image/', ['src/base/']],
  ['src/base/', []],
];

/** What runs in browsers, and so may not reach a module of Node. */
const BROWSER_ENTRIES = ['web/index.ts', 'web/service-worker.ts', 'web/worker.ts', 'web/isolation-worker.ts'];

/** Returns the texts of all files that have a layer, by their paths. */
export function readFiles() {
  const files = new Map();
  for (const top of new Set(LAYERS.map(([layer]) => layer.split('/')[0]))) {
    for (const entry of readdirSync(join(root, top), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.(ts|h|cpp)$/.test(entry.name)) continue;
      const path = join(entry.parentPath ?? entry.path, entry.name);
      files.set(posix.relative(root.replaceAll('\\', '/'), path.replaceAll('\\', '/')), readFileSync(path, 'utf8'));
    }
  }
  return files;
}

const ALIASES = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).imports;

/** Returns what a module's specifier may lead to: with an alias of package.json, one file for each condition. */
function targetsOf(from, specifier) {
  if (!specifier.startsWith('#')) return [posix.join(posix.dirname(from), specifier)];
  return Object.values(ALIASES[specifier] ?? {}).map((target) => target.replace('./dist/', 'web/'));
}

/** Returns { uses: Map from each path to the paths it names, lost: sentences of what leads nowhere }. */
function graphOf(files) {
  const uses = new Map();
  const lost = [];
  for (const [path, text] of files) {
    const found = new Set();
    const take = (written, candidates) => {
      const target = candidates.find((candidate) => files.has(candidate));
      if (target) found.add(target);
      else lost.push(`${path} names ${written}, which is no file`);
    };
    if (path.endsWith('.ts')) {
      for (const [, specifier] of text.matchAll(/\b(?:from|import)\s*\(?\s*'([.#][^']*)'/g)) {
        const targets = targetsOf(path, specifier);
        if (targets.length === 0) lost.push(`${path} names ${specifier}, which package.json does not`);
        for (const target of targets) take(specifier, [target.replace(/\.js$/, '.ts'), target.replace(/\.js$/, '.d.ts')]);
      }
    } else {
      for (const [, name] of text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
        const beside = posix.join(posix.dirname(path), name);
        // Others' headers are in no folder of ours.
        if (layerOf(name) || files.has(beside)) take(name, [name, beside]);
      }
    }
    uses.set(path, [...found]);
  }
  return { uses, lost };
}

/** Returns the row of a path's layer; undefined where it has none. */
export function layerOf(path) {
  return LAYERS.filter(([layer]) => path.startsWith(layer)).sort(([a], [b]) => b.length - a.length)[0];
}

/** Returns a sentence for each line that names a layer which its own may not use or that leads nowhere, and for files of no layer. */
export function wrongWays(files) {
  const { uses, lost } = graphOf(files);
  const wrong = [...uses].flatMap(([path, targets]) => {
    const row = layerOf(path);
    if (!row) return [`${path} belongs to no layer`];
    const [layer, allowed] = row;
    const may = (target) => [layer, ...allowed].includes(layerOf(target)?.[0]);
    return targets.filter((target) => !may(target)).map((target) => `${path} uses ${target}, and ${layer} may not`);
  });
  return [...lost, ...wrong];
}

/** Returns each circle that a walk along the lines comes upon, as "a -> b -> a". */
export function circles(files) {
  const { uses } = graphOf(files);
  const found = [];
  const done = new Set();
  const walk = (path, way) => {
    const begin = way.indexOf(path);
    if (begin >= 0) found.push([...way.slice(begin), path].join(' -> '));
    if (begin >= 0 || done.has(path)) return;
    for (const target of uses.get(path)) walk(target, [...way, path]);
    done.add(path);
  };
  for (const path of uses.keys()) walk(path, []);
  return found;
}

/** Returns the modules that a browser loads and that name one of Node's. */
export function nodeInBrowsers(files) {
  const { uses } = graphOf(files);
  const reached = new Set(BROWSER_ENTRIES);
  for (const path of reached) {
    // Of the platform's two a browser has browser.ts.
    const next = uses.get(path).filter((target) => target !== 'web/platform/node.ts' || !/'#platform'/.test(files.get(path)));
    for (const target of next) reached.add(target);
  }
  return [...reached].filter((path) => /\b(?:from|import)\s*\(?\s*'node:/.test(files.get(path)));
}
