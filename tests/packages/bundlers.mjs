/**
 * Projects that have the package as npm gives it. Each: name; install: what npm is asked for besides; files: what the project has beside
 * tests/packages/page; build: commands, run in its folder; serve: the folder of the result; copy: whether worker, core and weights are
 * copied beside it, as the guide says, and named by `assets`; dev: a development server's command, in place of build and serve, by its port;
 * page: the address that is opened, by the other origin's; policy: a Content-Security-Policy; worker: false where the core runs in
 * the thread that asks; ci: whether `npm test` runs it. What else a bundler needs is in files, as docs/guides/bundlers.md shows it.
 */
import { nodeOf } from './project.mjs';

const viteConfig = (config = '') => `export default { ${config} server: { headers: process.env.ISOLATED ? {
  'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' } : {} } };\n`;

const VITE = [5, 6, 7, 8].flatMap((version) => [
  {
    name: `vite${version}`,
    ci: version === 8,
    install: [`vite@${version}`],
    build: [['vite', 'build', '--base', './']],
    serve: 'dist',
  },
  {
    name: `vite${version}-dev`,
    ci: version === 8,
    install: [`vite@${version}`],
    files: { 'vite.config.js': viteConfig(version < 8 ? "optimizeDeps: { exclude: ['beit-wasm', 'beit-wasm-samples'] }," : '') },
    dev: (port) => ['vite', '--port', String(port), '--strictPort', '--host', 'localhost'],
  },
]);

const GUIDE_POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' data:";

const NEXT_FILES = {
  'next.config.mjs': "export default { output: 'export' };\n",
  'app/layout.jsx': `export const metadata = { title: 'beit-wasm in Next', icons: { icon: 'data:,' } };
    export default function Layout({ children }) { return <html lang="en"><body>{children}</body></html>; }\n`,
  'app/page.jsx': `'use client';
    import { useEffect } from 'react';
    import 'beit-wasm-samples';
    import * as library from 'beit-wasm';
    import { answer } from '../answer.js';
    export default function Page() {
      useEffect(() => { globalThis.answered = answer(library); }, []);
      return <p>Classifies</p>;
    }\n`,
  // Rendered by Node when the site is built.
  'app/server/page.jsx': `import { softmax } from 'beit-wasm';
    export default function Page() { return <p>{String(softmax([1, 1])[0])}</p>; }\n`,
};

const SVELTE_FILES = {
  'svelte.config.js': "import adapter from '@sveltejs/adapter-static';\nexport default { kit: { adapter: adapter() } };\n",
  'vite.config.js': "import { sveltekit } from '@sveltejs/kit/vite';\nexport default { plugins: [sveltekit()] };\n",
  'src/app.html': `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>beit-wasm in SvelteKit</title><link rel="icon" href="data:,">
    %sveltekit.head%</head><body>%sveltekit.body%</body></html>\n`,
  'src/routes/+layout.js': 'export const prerender = true;\n',
  'src/routes/+page.svelte': `<script>
    import { onMount } from 'svelte';
    import 'beit-wasm-samples';
    import * as library from 'beit-wasm';
    import { answer } from '../../answer.js';
    onMount(() => { globalThis.answered = answer(library); });
  </script>\n`,
};

// What docs/guides/bundlers.md has of angular.json.
const ANGULAR_ASSETS = [
  { glob: '{engine,gpu,gpu-extras,gpu-tokenizer}.js', input: 'node_modules/beit-wasm/dist', output: 'beit' },
  { glob: '**/*', input: 'node_modules/beit-wasm/dist/wasm', output: 'beit/wasm' },
  { glob: '**/*', input: 'node_modules/beit-wasm-samples/weights', output: 'beit/weights' },
];

const ANGULAR_FILES = {
  'angular.json': JSON.stringify({
    version: 1,
    projects: {
      project: {
        projectType: 'application',
        root: '',
        sourceRoot: 'src',
        architect: {
          build: {
            builder: '@angular/build:application',
            options: {
              outputPath: { base: 'built', browser: '' },
              index: 'src/index.html',
              browser: 'src/main.ts',
              tsConfig: 'tsconfig.json',
              assets: ANGULAR_ASSETS,
            },
          },
        },
      },
    },
  }),
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      target: 'ES2022',
      module: 'preserve',
      strict: true,
      skipLibCheck: true,
      allowJs: true,
      lib: ['ES2022', 'DOM'],
      types: [],
    },
    files: ['src/main.ts'],
  }),
  'src/index.html':
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>beit-wasm in Angular</title><link rel="icon" href="data:,"></head><body><app-root></app-root></body></html>\n',
  'src/main.ts': `import { Component, provideZonelessChangeDetection } from '@angular/core';
    import { bootstrapApplication } from '@angular/platform-browser';
    import 'beit-wasm-samples';
    import * as library from 'beit-wasm';
    import { answer } from '../answer.js';
    @Component({ selector: 'app-root', template: 'Classifies' })
    class App { constructor() { (globalThis as { answered?: unknown }).answered = answer(library); } }
    bootstrapApplication(App, { providers: [provideZonelessChangeDetection()] });\n`,
};

/** A version of Angular, built by this Node or one that it wants. */
const angular = (name, version, typescript, node) => ({
  name,
  install: [
    ...['build', 'cli', 'common', 'compiler', 'compiler-cli', 'core', 'platform-browser'].map((part) => `@angular/${part}@${version}`),
    'rxjs@7',
    'tslib@2',
    `typescript@${typescript}`,
    ...(node?.install ?? []),
  ],
  files: ANGULAR_FILES,
  build: [node ? [node.program, 'node_modules/@angular/cli/bin/ng.js', 'build'] : ['ng', 'build']],
  serve: 'built',
  ready: true,
  page: () => '?assets=beit',
});

export const BUNDLERS = [
  { name: 'cdn', ci: true, serve: '.', page: (foreign) => `cdn.html?from=${encodeURIComponent(`${foreign}node_modules/`)}` },
  {
    name: 'import-map',
    serve: '.',
    page: () => 'import-map.html',
    policy: "default-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; img-src data:",
  },
  { name: 'classic-page', serve: '.', page: () => 'classic.html' },
  ...VITE,
  { name: 'vite-policy', install: ['vite@8'], build: [['vite', 'build', '--base', './']], serve: 'dist', policy: GUIDE_POLICY },
  {
    name: 'webpack',
    ci: true,
    install: ['webpack@5', 'webpack-cli@6'],
    build: [['webpack', '--mode', 'production', '--entry', './main.js', '-o', 'dist']],
    serve: 'dist',
  },
  {
    name: 'esbuild',
    ci: true,
    install: ['esbuild@0.28'],
    build: [['esbuild', 'main.js', '--bundle', '--format=esm', '--outfile=dist/main.js']],
    serve: 'dist',
    copy: true,
  },
  {
    name: 'esbuild-iife',
    install: ['esbuild@0.28'],
    build: [['esbuild', 'main.js', '--bundle', '--outfile=dist/main.js']],
    serve: 'dist',
    copy: true,
  },
  {
    name: 'rollup',
    install: ['rollup@4', '@rollup/plugin-node-resolve@16'],
    build: [['rollup', 'main.js', '-p', 'node-resolve={browser:true}', '-o', 'dist/main.js']],
    serve: 'dist',
    copy: true,
  },
  {
    name: 'rollup-assets',
    install: ['rollup@4', '@rollup/plugin-node-resolve@16', '@web/rollup-plugin-import-meta-assets@2'],
    files: {
      'rollup.config.mjs': `import resolve from '@rollup/plugin-node-resolve';
        import { importMetaAssets } from '@web/rollup-plugin-import-meta-assets';
        export default { input: 'main.js', output: { dir: 'dist' }, plugins: [resolve({ browser: true }), importMetaAssets()] };\n`,
    },
    build: [['rollup', '-c']],
    serve: 'dist',
  },
  {
    name: 'parcel',
    install: ['parcel@2'],
    build: [['parcel', 'build', 'index.html', '--public-url', './', '--dist-dir', 'dist', '--no-cache']],
    serve: 'dist',
    copy: true,
  },
  ...['--turbopack', '--webpack'].map((bundler) => ({
    name: bundler === '--webpack' ? 'next-webpack' : 'next',
    ci: bundler === '--turbopack',
    install: ['next@16', 'react@19', 'react-dom@19'],
    files: NEXT_FILES,
    build: [['next', 'build', bundler]],
    serve: 'out',
    ready: true,
  })),
  {
    name: 'sveltekit',
    install: ['@sveltejs/kit', '@sveltejs/adapter-static', '@sveltejs/vite-plugin-svelte', 'svelte@5', 'vite@8'],
    files: SVELTE_FILES,
    build: [['vite', 'build']],
    serve: 'build',
  },
  angular('angular20', 20, '5.9'),
  angular('angular22', 22, '6.0', nodeOf('22.23')),
  {
    name: 'webpack-background',
    install: ['webpack@5', 'webpack-cli@6'],
    build: [
      [
        'webpack',
        '--mode',
        'production',
        '--target',
        'webworker',
        '--entry',
        './background.js',
        '-o',
        '.',
        '--output-filename',
        'background-built.js',
      ],
    ],
    serve: '.',
    page: () => 'background.html?type=classic',
    worker: false,
  },
  {
    name: 'esbuild-background',
    install: ['esbuild@0.28'],
    build: [['esbuild', 'background.js', '--bundle', '--format=esm', '--outfile=background-built.js']],
    serve: '.',
    page: () => 'background.html',
    copy: true,
    worker: false,
  },
];
