// What set-up takes from apt and npm.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root } from './places.mjs';
import { Failure, probe, run, step, textOf } from './report.mjs';

/** Returns the path of a program on PATH, or null. */
export function which(program, path = process.env.PATH ?? '') {
  for (const folder of path.split(delimiter)) {
    if (folder && existsSync(join(folder, program))) return join(folder, program);
  }
  return null;
}

/**
 * Installs what is missing. `wanted` maps a program, or a file by its whole path, to the Debian package that has it. Where all
 * programs are on PATH, apt is not touched; where they are not and cannot be installed, a Failure says
 * which are missing.
 */
export async function installPrograms(wanted) {
  const missing = Object.entries(wanted).filter(([program]) => !(program.startsWith('/') ? existsSync(program) : which(program)));
  if (missing.length === 0) return;
  const packages = missing.map(([, name]) => name);
  const what = packages.join(', ');
  if (!which('apt-get')) {
    throw new Failure(
      `These programs are needed and not on PATH: ${missing.map(([program]) => program).join(', ')}. Install them (Debian's names: ${what}).`,
    );
  }
  const sudo = process.getuid() === 0 ? [] : ['sudo'];
  if (sudo.length > 0 && !which('sudo')) {
    throw new Failure(
      `Installing ${what} needs root and there is no sudo: run "apt-get install ${packages.join(' ')}" as root once, then this command again.`,
    );
  }
  await step(`apt: ${what}`, async () => {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    const apt = [...sudo, 'apt-get'];
    await run(apt[0], [...apt.slice(1), 'update', '-qq'], { env, log: 'apt-update' });
    await run(apt[0], [...apt.slice(1), 'install', '-y', '-qq', '--no-install-recommends', ...packages], { env, log: 'apt-install' });
  });
}

const PACKAGES = join(root, 'node_modules', '.beit-lock');

function lockSum() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** Returns whether node_modules is what package-lock.json says. */
export function packagesAreInstalled() {
  return textOf(PACKAGES) === lockSum();
}

/** Installs the locked development packages. */
export async function installPackages() {
  // npm ci empties the folder that a link leads to, which is another checkout's.
  if (lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink())
    throw new Failure('node_modules is a link, and its packages are not those of package-lock.json: run npm ci where it leads to.');
  // --ignore-scripts: no package needs its install script.
  await run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], { log: 'npm-ci' });
  writeFileSync(PACKAGES, lockSum());
}

/** Returns the path of the Python that `python3` leads to: a version manager's shim costs 40 ms a call. */
export async function pythonPath() {
  return (await probe('python3', ['-c', 'import sys; print(sys.executable)']))?.trim() || 'python3';
}
