// What README, the guides and the comments of the API say is tried: code is compiled or run, commands are held against their own tables, links
// and tables against what they name.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { parseArguments } from '../../dist/cli/arguments.js';
import * as library from '../../dist/node.js';
import { blocksOf, documents, linkProblems, textOfDocument } from '../../tools/documents.mjs';
import { root } from './support.mjs';

/** Documents for users; those for who works on the project have commands only. */
// Of the notices the words are others'.
const GUIDES = documents().filter((path) => /^(README\.md|docs\/|packages\/|examples\/)/.test(path) && !path.endsWith('NOTICES.md'));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const blocks = documents().flatMap((path) => blocksOf(textOfDocument(path)).map((block) => ({ ...block, path })));
const guideBlocks = blocks.filter(({ path }) => GUIDES.includes(path));
const placeOf = ({ path, line }) => `${path}:${line}`;

/** The comments of web/ with an @example: { path, line, text }. */
const examples = readdirSync(join(root, 'web'), { recursive: true })
  .filter((name) => name.endsWith('.ts'))
  .flatMap((name) => {
    const text = readFileSync(join(root, 'web', name), 'utf8').replace(/^ *\* ?(?=.*$)/gm, '');
    return blocksOf(text).map((block) => ({ ...block, path: `web/${name}` }));
  });

/** A folder in the project, where its package is found by its own name; it is taken away at the end. */
mkdirSync(join(root, 'build'), { recursive: true });
const folder = mkdtempSync(join(root, 'build', 'documents-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** What a block takes for granted: names that its text speaks of. */
const PRELUDE = `
import type * as library from 'beit-wasm';
declare global {
  const pipeline: typeof library.pipeline;
  const classify: library.ImageClassificationPipeline;
  const segment: library.ImageSegmentationPipeline;
  const extract: library.ImageFeatureExtractionPipeline;
  const predict: library.MaskedImageModelingPipeline;
  const model: library.BeitForImageClassification;
  const processor: library.BeitImageProcessor;
  const pixelValues: library.Tensor;
  const file: File;
  const photo: File;
  const other: File;
  const bytes: Uint8Array;
  const response: Response;
  const drop: { dataTransfer: DataTransfer };
  const fileInput: { files: FileList };
  const bar: HTMLProgressElement;
  const canvas: HTMLCanvasElement;
  const video: HTMLVideoElement;
  function showDirectoryPicker(): Promise<FileSystemDirectoryHandle>;
}
`;
const MODULES =
  "declare module 'https://cdn.jsdelivr.net/npm/beit-wasm/*' { export * from 'beit-wasm'; }\n" +
  ['@bull-board/api', '@bull-board/api/bullMQAdapter', '@bull-board/express', 'express', '@temporalio/activity', '@temporalio/workflow']
    .map((name) => `declare module '${name}';\n`)
    .join('') +
  "declare module '*.wasm' { const module: WebAssembly.Module; export default module; }\n";

const scriptsOf = ({ language, text }) =>
  language === 'html' ? [...text.matchAll(/<script type="module">([\s\S]*?)<\/script>/g)].map(([, script]) => script).join('\n') : text;

test('every block of code is of a kind that is tried', () => {
  // What programs of others read (ini, yaml, python) cannot be tried here.
  for (const block of guideBlocks) assert.match(block.language, /^(js|ts|html|sh|json|text|ini|yaml|python)$/, placeOf(block));
  for (const block of examples) assert.match(block.language, /^(js|ts)$/, placeOf(block));
});

// Where there is no import at all, the text around it, or the block before, has it.
test('code that imports from the package imports all of it that it uses', () => {
  const names = Object.keys(library);
  const missing = [...guideBlocks, ...examples].flatMap((block) => {
    const code = scriptsOf(block);
    const imported = [...code.matchAll(/import \{([^}]*)\} from '(?:beit-wasm|[^']*\/beit-wasm\/dist\/index\.js)'/g)].flatMap(([, list]) =>
      list.match(/\w+/g),
    );
    if (!/^(js|ts|html)$/.test(block.language) || imported.length === 0) return [];
    const used = names.filter((name) => new RegExp(`(?<![.\\w'"])${name}[(.]`).test(code));
    return used.filter((name) => !imported.includes(name)).map((name) => `${placeOf(block)}: ${name}`);
  });
  assert.deepEqual(missing, []);
});

test('code of the guides and of the API type-checks against the declarations of the package', () => {
  const code = [...guideBlocks, ...examples].filter(({ language }) => /^(js|ts|html)$/.test(language));
  assert.ok(code.length > 80, `${code.length} blocks`);
  writeFileSync(join(folder, 'prelude.d.ts'), PRELUDE);
  writeFileSync(join(folder, 'modules.d.ts'), MODULES);
  for (const block of code) writeFileSync(join(folder, `${placeOf(block).replace(/[/:]/g, '-')}.ts`), `${scriptsOf(block)}\nexport {};\n`);
  const compilerOptions = {
    target: 'ES2022',
    module: 'esnext',
    moduleResolution: 'bundler',
    lib: ['ES2022', 'ESNext.Disposable', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
    types: ['node'],
    // As JavaScript is written: nobody says that a field is there.
    strict: true,
    strictNullChecks: false,
    useUnknownInCatchVariables: false,
    skipLibCheck: true,
    noEmit: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const { stdout } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' });
  assert.equal(stdout, '');
});

/** Returns the lines that a block says it prints: in the comment behind a console.log(), or in lines of their own. */
const printedBy = (text) =>
  text.split('\n').flatMap((line) => {
    const [, said] = /^(?:.*console\.log\(.*\);)? *\/\/ (.*)$/.exec(line) ?? [];
    return said === undefined ? [] : [said];
  });

test('blocks that can be run print what they say', async (context) => {
  const runnable = guideBlocks.filter(({ run }) => run);
  assert.ok(runnable.length >= 6, `${runnable.length} blocks`);
  for (const [name, sample] of Object.entries({ photo: 'harbour', other: 'beach' }))
    copyFileSync(join(root, 'demo', 'samples', `${sample}.jpg`), join(folder, `${name}.jpg`));
  symlinkSync(join(root, 'weights', 'embedded', 'classifier'), join(folder, 'checkpoint'));
  const before = process.cwd();
  process.chdir(folder);
  context.after(() => process.chdir(before));
  for (const [i, block] of runnable.entries()) {
    writeFileSync(join(folder, `run-${i}.mjs`), block.text);
    const printed = [];
    context.mock.method(console, 'log', (...values) => {
      printed.push(values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' '));
    });
    await import(pathToFileURL(join(folder, `run-${i}.mjs`)));
    context.mock.restoreAll();
    const expected = printedBy(block.text);
    assert.ok(expected.length > 0, `${placeOf(block)} says nothing of what it prints`);
    assert.deepEqual(
      printed.map((line, at) => (expected[at] === '…' ? '…' : line)),
      expected,
      placeOf(block),
    );
  }
});

/** The commands of a shell's block, each as its words. Enough of a shell's syntax for documents. */
const commandsOf = (text) =>
  text
    .replace(/\\\n/g, ' ')
    .split(/\n|&&/)
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
    .map((line) => [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, plain]) => single ?? double ?? plain));

const expandBraces = (word) => {
  const [, before, choices, behind] = /^(.*)\{(.*)\}(.*)$/.exec(word) ?? [];
  return choices === undefined ? [word] : choices.split(',').map((choice) => before + choice + behind);
};

async function checkBeit([name, ...words]) {
  if (words.includes('--help')) words.length = 0;
  assert.ok(existsSync(join(root, 'web', 'cli', `${name}.ts`)), `beit has no command ${name}`);
  const spec = (await import(`../../dist/cli/${name}.js`))[name];
  if (words.length > 0) parseArguments(spec, words);
}

const SHELL = {
  // What esbuild takes the rows of tests/packages tell.
  npx: (words) => words[0] === 'esbuild' || checkBeit(words[0] === '-p' ? words.slice(3) : words.slice(1)),
  npm([verb, name]) {
    if (verb === 'run') assert.ok(name in manifest.scripts, `there is no script ${name}`);
    else assert.match(verb, /^(install|start|test|create|init|ci)$/);
  },
  cp(words) {
    for (const word of words.filter((each) => each.startsWith('node_modules/')).flatMap(expandBraces)) {
      const [, name, path] = /^node_modules\/(beit-wasm(?:-samples)?)\/(.*)$/.exec(word) ?? [];
      assert.ok(existsSync(join(root, name === 'beit-wasm' ? '' : join('packages', name), path)), `the package does not have ${word}`);
    }
  },
  node: (words) => {
    const script = words.find((word) => !word.startsWith('--'));
    if (script.startsWith('tools/')) assert.ok(existsSync(join(root, script)), `there is no ${script}`);
  },
};
/** Other programs, whose arguments are their own. */
const FOREIGN = /^(mkdir|cd|cmake|emcmake|ninja|deno|bun|curl|python|open|weights\/training\/train\.sh)$/;

test('commands exist, and take the options that they are given', async () => {
  for (const block of blocks.filter(({ language }) => language === 'sh')) {
    for (const [program, ...words] of commandsOf(block.text)) {
      const check = Object.hasOwn(SHELL, program) ? SHELL[program] : undefined;
      if (!check) {
        assert.match(program, FOREIGN, placeOf(block));
        continue;
      }
      try {
        await check(words);
      } catch (error) {
        assert.fail(`${placeOf(block)}: ${[program, ...words].join(' ')}: ${error.message}`);
      }
    }
  }
});

test('JSON is JSON, and headers are those that isolate a page, or a policy', () => {
  for (const block of guideBlocks) {
    if (block.language === 'json') JSON.parse(block.text);
    if (block.language !== 'text') continue;
    const isolates =
      /Cross-Origin-Opener-Policy:? same-origin\b/.test(block.text) && /Cross-Origin-Embedder-Policy:? require-corp\b/.test(block.text);
    assert.ok(isolates || /script-src 'self' 'wasm-unsafe-eval'/.test(block.text), placeOf(block));
  }
});

test('links lead to files and headings that are there', () => {
  assert.deepEqual(linkProblems(), []);
});

test('errors.md has a row for each code, and for nothing else', () => {
  const [, core, more] = /type CoreErrorCode =([^;]*);[\s\S]*type ErrorCode = CoreErrorCode([^;]*);/.exec(
    readFileSync(join(root, 'web/base/errors.ts'), 'utf8'),
  );
  const codes = [...`${core}${more}`.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code);
  assert.ok(codes.length > 15);
  const rows = textOfDocument('docs/guides/errors.md')
    .split('\n')
    .flatMap((line) => /^\| `([a-z-]+)` \| (.+) \| (.+) \|$/.exec(line)?.slice(1, 2) ?? []);
  assert.deepEqual(rows.sort(), codes.sort());
});

test('each guide is in README and in the list of the site', async () => {
  const { guides } = await import('../../docs/.vitepress/guides.mjs');
  const listed = guides.flatMap(({ pages }) => pages);
  const there = readdirSync(join(root, 'docs/guides')).filter((name) => name.endsWith('.md'));
  assert.deepEqual(listed.map((name) => `${name}.md`).sort(), there.sort());
  for (const name of there) assert.ok(textOfDocument('README.md').includes(`](docs/guides/${name})`), name);
});

test('each function and class of the package has an example in its comment', () => {
  const declarations = readFileSync(join(root, 'dist/index.d.ts'), 'utf8');
  const [, names] = /^export \{ (.*) \};$/m.exec(declarations);
  const without = names.split(', ').filter((name) => {
    const [comment] = new RegExp(`/\\*\\*(?:(?!\\*/)[\\s\\S])*\\*/\\s*(?=declare (?:abstract )?(?:class|function|const) ${name}\\b)`).exec(
      declarations,
    ) ?? [''];
    return !comment.includes('@example');
  });
  assert.deepEqual(without, []);
});
