// Sets up what is missing to build and test: programs from apt, Emscripten, third-party sources, npm
// packages. Run again, it does nothing in under a second.
//   node tools/setup.mjs [--native] [--browsers]
//     --native     also what the native tests need
//     --browsers   also Chromium and Firefox
// BEIT_TOOLS      where tools and sources go (default: ~/.cache/beit-wasm)
// BEIT_DEPS_DIR   a folder that has the sources already: see cmake/dependencies.cmake
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages, installPrograms, pythonPath, which } from './machine.mjs';
import { root, sources, tools } from './places.mjs';
import { elapsed, main, probe, run, say, step } from './report.mjs';

const EMSCRIPTEN_AT_LEAST = [3, 1, 69];  // older ones lack the relaxed SIMD intrinsics that XNNPACK uses

/**
 * Returns { env, depsDir }: the environment in which emcc can be run, and the folder of the sources
 * ('' where CMake is to fetch them itself).
 */
export async function setUp({ native = false, browsers = false } = {}) {
  mkdirSync(tools, { recursive: true });
  await installPrograms({
    cmake: 'cmake', ninja: 'ninja-build', patch: 'patch', python3: 'python3',
    ...(native ? { 'g++': 'g++', gcc: 'gcc' } : {}),
    ...(browsers ? { chromium: 'chromium', 'firefox-esr': 'firefox-esr' } : {}),
  });
  const env = await emscripten();
  const depsDir = await fetchSources(native);
  await installPackages();
  return { env, depsDir };
}

async function emscripten() {
  const python = { EMSDK_PYTHON: await pythonPath() };
  const found = await emscriptenVersion(process.env.PATH, {});
  if (found && !isOlder(found, EMSCRIPTEN_AT_LEAST)) return python;
  const prefix = join(tools, 'emscripten');
  const env = {
    ...python,
    EM_CONFIG: join(prefix, 'emscripten.config'),
    PATH: join(prefix, 'usr', 'share', 'emscripten') + delimiter + process.env.PATH,
  };
  const installed = await emscriptenVersion(env.PATH, env);
  if (installed && !isOlder(installed, EMSCRIPTEN_AT_LEAST)) return env;
  await installPrograms({ 'apt-get': 'apt', patchelf: 'patchelf', xz: 'xz-utils' });
  await step(`Emscripten into ${prefix}`, async () => {
    await run('bash', [join(root, 'tools', 'install-emscripten.sh'), prefix], { log: 'emscripten' });
  });
  return env;
}

async function emscriptenVersion(path, env) {
  if (!which('emcc', path)) return null;
  const text = await probe('emcc', ['--version'], { env: { ...env, PATH: path } });
  return text?.match(/(\d+)\.(\d+)\.(\d+)/)?.slice(1).map(Number) ?? null;
}

function isOlder(version, least) {
  const at = version.findIndex((part, i) => part !== least[i]);
  return at >= 0 && version[at] < least[at];
}

async function fetchSources(native) {
  if (process.env.BEIT_DEPS_DIR) return process.env.BEIT_DEPS_DIR;
  if (!existsSync('/usr/share/keyrings/debian-archive-keyring.gpg')) return '';  // not Debian
  const names = ['xnnpack', 'pthreadpool', 'fxdiv', 'catch2', 'libstb', 'yyjson', ...(native ? ['cpuinfo'] : [])];
  const missing = names.filter((name) => !existsSync(join(sources, name, '.sha256')));
  const fetchAll = () => run('bash', [join(root, 'tools', 'fetch-sources.sh'), sources, ...names], { log: 'sources' });
  if (missing.length === 0) {
    await fetchAll();  // only compares sums, so that a raised pin is noticed
  } else {
    await installPrograms({ xz: 'xz-utils' });
    await step(`sources: ${missing.join(', ')}`, async () => { await fetchAll(); });
  }
  return sources;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async (options) => {
    say('Set-up');
    await setUp({ native: options.includes('--native'), browsers: options.includes('--browsers') });
    say(`Ready after ${elapsed()}`);
  });
}
