// Sets up what is missing to build and test: programs from apt, Emscripten, third-party sources, npm
// packages. Run again, it does nothing in under a second.
//   node tools/setup.mjs [--native] [--browsers]
//     --native     also what the native tests need
//     --browsers   also Chromium, Firefox and WebKit
// BEIT_TOOLS      where tools and sources go (default: ~/.cache/beit-wasm)
// BEIT_DEPS_DIR   a folder that has the sources already: see cmake/dependencies.cmake
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages, installPrograms, packagesAreInstalled, pythonPath, which } from './machine.mjs';
import { root, sources, tools } from './places.mjs';
import { Failure, elapsed, main, probe, run, say, step, textOf } from './report.mjs';

const EMSCRIPTEN_AT_LEAST = [3, 1, 69]; // older ones lack the relaxed SIMD intrinsics that XNNPACK uses

// What leads the package webgpu to the software adapter that comes with Chromium.
const VULKAN = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/libvulkan.so.1`;

/**
 * Returns { env, compiler, depsDir }: the environment in which emcc can be run, which one that is, and
 * the folder of the sources ('' where CMake is to fetch them itself).
 *
 * apt comes first, and once, since only one may run at a time (`programs` are others that it is to install, as installPrograms()
 * takes them); then all downloads do at the same time. `withPackages`
 * is called as soon as the packages from npm have come, while the others still do; not where they were there already.
 */
export async function setUp({ native = false, browsers = false, programs = {}, withPackages } = {}) {
  mkdirSync(tools, { recursive: true });
  const own = { prefix: join(tools, 'emscripten') };
  const missing = missingSources(native);
  await installPrograms({
    cmake: 'cmake',
    ninja: 'ninja-build',
    patch: 'patch',
    python3: 'python3',
    ...(native ? { 'g++': 'g++', gcc: 'gcc' } : {}),
    ...(browsers ? BROWSERS : {}),
    ...programs,
    ...(which('emcc') || isInstalled(own) ? {} : FOR_EMSCRIPTEN),
    ...(missing.length > 0 ? { xz: 'xz-utils', bzip2: 'bzip2' } : {}),
  });
  own.env = { EMSDK_PYTHON: await pythonPath() };
  const onPath = await emcc(own.env);
  if (!onPath && !isInstalled(own)) await installPrograms(FOR_EMSCRIPTEN); // the one on PATH is too old

  const downloads = [
    ...(onPath || isInstalled(own) ? [] : [['Emscripten', () => installEmscripten(own)]]),
    ...(missing.length > 0 ? [[`sources of ${missing.join(', ')}`, () => fetchSources(native)]] : []),
    ...(packagesAreInstalled()
      ? []
      : [
          [
            'packages from npm',
            async () => {
              await installPackages();
              await withPackages?.();
            },
          ],
        ]),
  ];
  if (downloads.length > 0) {
    await step(`downloads: ${downloads.map(([what]) => what).join('; ')}`, () => all(downloads.map(([, download]) => download())));
  }
  // What is there already: these only compare revisions and sums, so that a raised pin is noticed.
  if (!onPath) await installEmscripten(own);
  if (missing.length === 0) await fetchSources(native);
  return { ...(onPath ?? (await installedEmcc(own))), depsDir: depsDir() };
}

/** WebKit comes as a library with a small browser, which needs a screen: Xvfb is one of memory. */
const BROWSERS = {
  chromium: 'chromium',
  'firefox-esr': 'firefox-esr',
  [VULKAN]: 'libvulkan1',
  WebKitWebDriver: 'webkit2gtk-driver',
  Xvfb: 'xvfb',
};

/** Waits for all, and only then throws what the first failed with: others may still write files. */
async function all(promises) {
  const failed = (await Promise.allSettled(promises)).find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
}

/** What install-emscripten.sh runs. */
const FOR_EMSCRIPTEN = { 'apt-get': 'apt', patchelf: 'patchelf', xz: 'xz-utils' };

function isInstalled({ prefix }) {
  return textOf(join(prefix, '.done')) !== null;
}

async function installEmscripten({ prefix }) {
  await run('bash', [join(root, 'tools', 'install-emscripten.sh'), prefix], { log: 'emscripten' });
}

/** Returns the emcc that installEmscripten() put into `prefix`. */
async function installedEmcc({ prefix, env }) {
  const installed = await emcc({
    ...env,
    EM_CONFIG: join(prefix, 'emscripten.config'),
    PATH: join(prefix, 'usr', 'share', 'emscripten') + delimiter + process.env.PATH,
  });
  if (!installed) throw new Failure(`Emscripten in ${prefix} does not run; remove that folder and try again.`);
  return installed;
}

/** Returns the emcc that `env` leads to, if it is new enough; else null. */
async function emcc(env) {
  const program = which('emcc', env.PATH ?? process.env.PATH);
  const version = program && (await probe('emcc', ['--version'], { env }))?.match(/(\d+)\.(\d+)\.(\d+)/);
  if (!version || isOlder(version.slice(1).map(Number), EMSCRIPTEN_AT_LEAST)) return null;
  return { env, compiler: `${program} ${version[0]}` };
}

function isOlder(version, least) {
  const at = version.findIndex((part, i) => part !== least[i]);
  return at >= 0 && version[at] < least[at];
}

const sourceNames = (native) => [
  'xnnpack',
  'pthreadpool',
  'fxdiv',
  'catch2',
  'eigen3',
  'libstb',
  'yyjson',
  'libwebp',
  'libjpeg-turbo',
  'dav1d',
  ...(native ? ['cpuinfo'] : []),
];

/** Returns the folder of the sources; '' where this is not Debian and CMake fetches them. */
function depsDir() {
  if (process.env.BEIT_DEPS_DIR) return process.env.BEIT_DEPS_DIR;
  return existsSync('/usr/share/keyrings/debian-archive-keyring.gpg') ? sources : '';
}

function missingSources(native) {
  if (depsDir() !== sources) return [];
  return sourceNames(native).filter((name) => !existsSync(join(sources, name, '.sha256')));
}

async function fetchSources(native) {
  if (depsDir() !== sources) return;
  await run('bash', [join(root, 'tools', 'fetch-sources.sh'), sources, ...sourceNames(native)], { log: 'sources' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async (options) => {
    say('Set-up');
    await setUp({ native: options.includes('--native'), browsers: options.includes('--browsers') });
    say(`Ready after ${elapsed()}`);
  });
}
