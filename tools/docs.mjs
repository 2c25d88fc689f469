// `npm run docs`: checks the links of all documents, writes the API reference from the declarations, and builds the site into build/docs. Its
// tools are installed in docs/ alone, since nothing else needs them.
// BEIT_DOCS_BASE   the folder in which a server has the site, such as /beit-wasm/ (default: /)
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join, posix } from 'node:path';
import { linkProblems } from './documents.mjs';
import { root } from './places.mjs';
import { Failure, main, run, say, step, textOf } from './report.mjs';

const docs = join(root, 'docs');
const site = join(root, 'build', 'docs');

function complainOf(problems) {
  if (problems.length > 0) throw new Failure(`Links that lead nowhere:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
}

/** Returns what is wrong with the links of the built pages, anchors included. */
function siteProblems() {
  const pages = new Map(
    readdirSync(site, { recursive: true })
      .filter((name) => name.endsWith('.html'))
      .map((name) => [name.replaceAll('\\', '/'), readFileSync(join(site, name), 'utf8')]),
  );
  const base = process.env.BEIT_DOCS_BASE ?? '/';
  const problems = new Set();
  for (const [page, text] of pages) {
    for (const [, target] of text.matchAll(/<a\b[^>]*\shref="([^"]+)"/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const { pathname, hash } = new URL(target, `http://site${base}${page}`);
      const path = decodeURIComponent(pathname.slice(base.length));
      const file = path === '' || path.endsWith('/') ? posix.join(path, 'index.html') : path;
      if (!existsSync(join(site, file))) problems.add(`${page}: ${target}`);
      else if (hash && pages.has(file) && !pages.get(file).includes(`id="${decodeURIComponent(hash.slice(1))}"`))
        problems.add(`${page}: ${target}`);
    }
  }
  return [...problems];
}

await main(async () => {
  if (!existsSync(join(root, 'dist', 'library.d.ts'))) throw new Failure('There is nothing in dist/ yet: run "npm run build" first.');
  complainOf(linkProblems());
  const lock = textOf(join(docs, 'package-lock.json'));
  const installed = textOf(join(docs, 'node_modules', '.package-lock.json'));
  if (!installed || !sameVersions(lock, installed))
    await step('tools of the documents', () => run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: docs, log: 'docs-install' }));
  const program = (name) => join(docs, 'node_modules', '.bin', name);
  rmSync(join(docs, 'api'), { recursive: true, force: true });
  await step('API reference', () => run(program('typedoc'), ['--options', 'typedoc.json'], { cwd: docs, log: 'docs-api' }));
  await step('site', () => run(program('vitepress'), ['build', '.'], { cwd: docs, log: 'docs-site' }));
  complainOf(siteProblems());
  say(`The site is in ${posix.join('build', 'docs')}; vitepress preview, or any web server, shows it.`);
});

/** Whether what npm has installed is what the lock asks for. */
function sameVersions(lock, installed) {
  const versionsOf = (text) =>
    Object.entries(JSON.parse(text).packages)
      .filter(([path, { optional }]) => path !== '' && !optional)
      .map(([path, { version }]) => `${path} ${version}`)
      .sort()
      .join();
  return versionsOf(lock) === versionsOf(installed);
}
