// The package as npm packs it, in a project of its own.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from '../../tools/places.mjs';
import { run } from '../../tools/report.mjs';

/** Packs both packages. Returns { tarballs, remove }. */
export async function pack() {
  const folder = mkdtempSync(join(tmpdir(), 'beit-packed-'));
  mkdirSync(join(root, 'build', 'logs'), { recursive: true });
  await run('npm', ['pack', '--ignore-scripts', '--include-workspace-root', '--workspaces', '--pack-destination', folder], {
    cwd: root,
    log: 'packages',
  });
  return {
    tarballs: readdirSync(folder).map((name) => join(folder, name)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/**
 * Makes an empty folder a project that has the packages, with the files of an example if one is named, with `files`, and what it installs
 * besides. Returns its folder.
 */
export async function makeProject({ name, install = [], files = {}, manifest = {}, example }, tarballs) {
  const folder = mkdtempSync(join(tmpdir(), `beit-${name}-`));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'project', private: true, type: 'module', ...manifest }));
  if (example) cpSync(join(root, 'examples', example), folder, { recursive: true, filter: (path) => !path.endsWith('node_modules') });
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  cpSync(join(root, 'demo', 'samples', 'harbour.jpg'), join(folder, 'harbour.jpg'));
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs, ...install], {
    cwd: folder,
    log: `packages-${name}`,
  });
  return folder;
}

/** Returns a program of a project, which npm has linked or which has its path. */
export const programOf = (folder, name) => join(folder, 'node_modules', name.includes('/') ? name : join('.bin', name));

/** Returns a version of Node: the package that holds the program itself, with no script to run when it is installed, and the program. */
export function nodeOf(version) {
  const { platform, arch } = process;
  return { install: [`node-${platform}-${arch}@${version}`], program: `node-${platform}-${arch}/bin/node` };
}
