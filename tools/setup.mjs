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
import { Failure, elapsed, main, probe, run, say, step, textOf } from './report.mjs';

const EMSCRIPTEN_AT_LEAST = [3, 1, 69];  // older ones lack the relaxed SIMD intrinsics that XNNPACK uses

/**
 * Returns { env, compiler, depsDir }: the environment in which emcc can be run, which one that is, and
 * the folder of the sources ('' where CMake is to fetch them itself).
 */
export async function setUp({ native = false, browsers = false } = {}) {
  mkdirSync(tools, { recursive: true });
  await installPrograms({
    cmake: 'cmake', ninja: 'ninja-build', patch: 'patch', python3: 'python3',
    ...(native ? { 'g++': 'g++', gcc: 'gcc' } : {}),
    ...(browsers ? { chromium: 'chromium', 'firefox-esr': 'firefox-esr' } : {}),
  });
  const { env, compiler } = await emscripten();
  const depsDir = await fetchSources(native);
  await installPackages();
  return { env, compiler, depsDir };
}

async function emscripten() {
  const python = { EMSDK_PYTHON: await pythonPath() };
  const onPath = await emcc(python);
  if (onPath) return onPath;
  const prefix = join(tools, 'emscripten');
  const env = {
    ...python,
    EM_CONFIG: join(prefix, 'emscripten.config'),
    PATH: join(prefix, 'usr', 'share', 'emscripten') + delimiter + process.env.PATH,
  };
  const install = () => run('bash', [join(root, 'tools', 'install-emscripten.sh'), prefix], { log: 'emscripten' });
  if (textOf(join(prefix, '.done'))) {
    await install();  // only compares its revision
  } else {
    await installPrograms({ 'apt-get': 'apt', patchelf: 'patchelf', xz: 'xz-utils' });
    await step(`Emscripten into ${prefix}`, async () => { await install(); });
  }
  const installed = await emcc(env);
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

async function fetchSources(native) {
  if (process.env.BEIT_DEPS_DIR) return process.env.BEIT_DEPS_DIR;
  if (!existsSync('/usr/share/keyrings/debian-archive-keyring.gpg')) return '';  // not Debian
  const names = ['xnnpack', 'pthreadpool', 'fxdiv', 'catch2', 'eigen3', 'libstb', 'yyjson', ...(native ? ['cpuinfo'] : [])];
  const missing = names.filter((name) => !existsSync(join(sources, name, '.sha256')));
  const fetchAll = () => run('bash', [join(root, 'tools', 'fetch-sources.sh'), sources, ...names], { log: 'sources' });
  if (missing.length === 0) {
    await fetchAll();  // only compares sums, so that a raised pin is noticed
  } else {
    await installPrograms({ xz: 'xz-utils', bzip2: 'bzip2' });
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
