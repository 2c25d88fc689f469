// What stands in the project's Markdown: blocks of code, headings, links. For the tests of documents and for `npm run docs`.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { root } from './places.mjs';

/** Folders of docs/ that hold no text of ours: the API reference is generated. */
const NOT_OURS = /^docs\/(node_modules|api|\.vitepress)\//;

/** Returns the paths of all documents, from the root. */
export function documents() {
  const folders = ['docs', 'examples', 'packages', 'weights'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => posix.join(folder, name.replaceAll('\\', '/'))),
  );
  return [...readdirSync(root), ...folders]
    .filter((path) => path.endsWith('.md') && !NOT_OURS.test(path) && !/node_modules/.test(path))
    .sort();
}

export const textOfDocument = (path) => readFileSync(join(root, path), 'utf8');

/** Returns the fenced blocks of a text: { language, run, line, text }. `run`: its fence says so. */
export function blocksOf(text) {
  const blocks = [];
  let block = null;
  text.split('\n').forEach((line, i) => {
    const [, fence, words] = /^\s*(`{3,})(.*)$/.exec(line) ?? [];
    if (!fence) return void block?.lines.push(line);
    if (block) {
      blocks.push({ ...block, text: `${block.lines.join('\n')}\n` });
      block = null;
    } else {
      const [language, ...more] = words.trim().split(/\s+/);
      block = { language, run: more.includes('run'), line: i + 2, lines: [] };
    }
  });
  return blocks;
}

const withoutCode = (text) => text.replace(/^\s*(`{3,})[\s\S]*?^\s*\1\s*$/gm, '').replace(/`[^`\n]*`/g, '');

/** Returns the anchors of a text's headings, as GitHub and VitePress make them of plain words. */
export function anchorsOf(text) {
  return text
    .replace(/^\s*(`{3,})[\s\S]*?^\s*\1\s*$/gm, '')
    .split('\n')
    .filter((line) => /^#+ /.test(line))
    .map((line) =>
      line
        .replace(/^#+ /, '')
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .trim()
        .toLowerCase()
        .replaceAll(' ', '-'),
    );
}

/** Returns what is wrong with the links of the documents: a sentence for each that leads nowhere, or from docs/ to where the site has nothing. */
export function linkProblems(paths = documents()) {
  const problems = [];
  for (const path of paths) {
    for (const [, image, target] of withoutCode(textOfDocument(path)).matchAll(/(!?)\[[^\]]*\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file, anchor] = target.split('#');
      const to = file ? relative(root, join(root, dirname(path), file)).replaceAll('\\', '/') : path;
      if (!existsSync(join(root, to))) problems.push(`${path}: there is no ${to}`);
      else if (anchor && !anchorsOf(textOfDocument(to)).includes(anchor)) problems.push(`${path}: ${to} has no heading #${anchor}`);
      if (path.startsWith('docs/') && !to.startsWith('docs/') && !image) problems.push(`${path}: the site does not have ${to}`);
    }
  }
  return problems;
}
