// Builds. Without names: the release, that is the three wasm artefacts and the TypeScript, into dist/.
//   node tools/build.mjs [VARIANT...]      VARIANT: see cmake/variant.cmake; also `typescript`
// BEIT_WERROR=1   warnings of our own files are errors, as in CI: not for a stranger's newer compiler, which may know more of them
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleScripts, bundleTypes } from './bundle.mjs';
import { mendGlue, minifyGlue } from './glue.mjs';
import { jobs, root } from './places.mjs';
import { Failure, elapsed, main, run, say, step, textOf } from './report.mjs';
import { setUp } from './setup.mjs';

export const ARTEFACTS = ['simd-threads', 'relaxed-threads', 'simd'];
export const NATIVE = ['native', 'native-asan', 'native-tsan'];

/**
 * Builds targets of one variant in build/VARIANT, with other than the machine's compilers where
 * `definitions` of CMake say so. Returns that folder. A folder that was configured otherwise is made anew.
 * In the `background` it takes what others leave of the processors.
 */
export async function buildVariant(variant, targets, { env, depsDir, compiler, definitions = [] }, { background = false } = {}) {
  const folder = join(root, 'build', variant);
  const configure = [
    'cmake',
    '-S',
    root,
    '-B',
    folder,
    '-G',
    'Ninja',
    `-DBEIT_VARIANT=${variant}`,
    `-DBEIT_DEPS_DIR=${depsDir}`,
    ...(process.env.BEIT_WERROR ? ['-DBEIT_WERROR=ON'] : []),
    ...definitions,
  ];
  const wasm = !variant.startsWith('native');
  if (wasm) configure.unshift('emcmake');
  const stamp = join(folder, '.configured');
  const wanted = JSON.stringify([configure, wasm && compiler]);
  await step(`build ${variant}`, async (progress) => {
    if (textOf(stamp) !== wanted) {
      rmSync(folder, { recursive: true, force: true });
      await run(configure[0], configure.slice(1), { env, log: `configure-${variant}` });
      writeFileSync(stamp, wanted);
    }
    const { output } = await run('ninja', ['-C', folder, '-j', String(jobs), ...targets], {
      env,
      log: `build-${variant}`,
      background,
      onOutput(text) {
        const [, done, all] = /.*\[(\d+)\/(\d+)\]/s.exec(text) ?? [];
        if (all && done !== all) progress(`${done} of ${all} steps`);
      },
    });
    const steps = output.match(/\[(\d+)\/\d+\]/g)?.length ?? 0;
    return steps === 0 ? 'nothing to do' : `${steps} steps`;
  });
  return folder;
}

/** Builds one artefact into dist/wasm. */
export async function buildArtefact(variant, environment, targets = []) {
  // The modules that are fetched on demand are for all: they have the flags of `simd`, and are made with it.
  const withModules = variant === 'simd';
  const wanted = [
    'beit_artefact',
    ...(withModules ? ['beit_codecs_artefact', 'beit_avif_artefact', 'beit_teaching_artefact'] : []),
    ...targets,
  ];
  const folder = await buildVariant(variant, wanted, environment);
  const to = join(root, 'dist', 'wasm');
  mkdirSync(to, { recursive: true });
  if (withModules) {
    place(join(folder, 'wasm', 'beit-codecs.wasm'), to);
    place(join(folder, 'wasm', 'beit-teaching.wasm'), to);
    place(join(folder, 'wasm', 'beit-avif.wasm'), join(root, 'packages', 'beit-wasm-avif'));
  }
  await placeArtefact(folder, 'beit', variant, to);
  return folder;
}

/** Builds the artefact that trains into packages/beit-wasm-training. */
export async function buildTraining(variant, environment) {
  const folder = await buildVariant(variant, ['beit_training_artefact'], environment);
  await placeArtefact(folder, 'beit-training', variant, join(root, 'packages', 'beit-wasm-training'));
}

/** Puts an artefact in a folder: PREFIX-VARIANT.wasm, and the script that starts it, which both variants with threads have in common. */
async function placeArtefact(folder, prefix, variant, to) {
  const made = join(folder, 'wasm', `${prefix}-${variant}`);
  place(`${made}.wasm`, to);
  const threads = variant.endsWith('-threads');
  const glue = mendGlue(readFileSync(`${made}.js`, 'utf8'), { threads });
  writeFileSync(join(to, `${prefix}-${threads ? 'threads' : variant}.js`), await minifyGlue(glue));
}

/** Copies a file to a folder, and tells its size. */
function place(file, folder) {
  const to = join(folder, basename(file));
  copyFileSync(file, to);
  say(`    ${relative(root, to)}: ${(statSync(to).size / 1e6).toFixed(2)} MB`);
}

/** Compiles web/ into dist/: its modules one by one, which the project's tests import, and the few files that the package has. */
export async function buildTypeScript() {
  await step('build typescript', compileTypeScript);
}

/** The same without a line on the screen. */
export async function compileTypeScript() {
  // What was compiled from a file that is gone must not stay.
  for (const name of existsSync(join(root, 'dist')) ? readdirSync(join(root, 'dist')) : []) {
    if (name !== 'wasm') rmSync(join(root, 'dist', name), { recursive: true });
  }
  await run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', join(root, 'web', 'tsconfig.json')], { log: 'typescript' });
  await Promise.all([listAssets(), bundleScripts(), bundleTypes()]);
  const cli = join(root, 'dist', 'cli', 'main.js');
  if (existsSync(cli)) chmodSync(cli, 0o755);
}

/** Writes assets.json, the list of what a script has to copy. */
async function listAssets() {
  const dist = join(root, 'dist');
  const { ASSETS } = await import(`${pathToFileURL(join(dist, 'assets.js'))}?${Date.now()}`);
  writeFileSync(join(dist, 'assets.json'), `${JSON.stringify({ folder: 'dist', files: ASSETS }, null, 2)}\n`);
}

/** Builds all that the packages hold. */
export async function buildRelease(environment) {
  await buildTypeScript();
  for (const variant of ARTEFACTS) {
    await buildArtefact(variant, environment);
    await buildTraining(variant, environment);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async (names) => {
    const known = [...ARTEFACTS, ...NATIVE, 'typescript'];
    const wrong = names.find((name) => !known.includes(name));
    if (wrong) throw new Failure(`There is nothing named ${wrong} to build; there are ${known.join(', ')}.`);
    const environment = await setUp({ native: names.some((name) => NATIVE.includes(name)) });
    if (names.length === 0) await buildRelease(environment);
    for (const name of names) {
      if (name === 'typescript') await buildTypeScript();
      else if (ARTEFACTS.includes(name)) {
        await buildArtefact(name, environment, ['beit_tests']);
        await buildTraining(name, environment);
      } else await buildVariant(name, ['beit_tests'], environment);
    }
    say(`Done after ${elapsed()}`);
  });
}
