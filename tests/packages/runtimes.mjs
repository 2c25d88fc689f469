/**
 * Projects that run without a page. Each: name, install, files, manifest as project.mjs has them; build: commands before; command: [a program,
 * ...arguments]; says: what its output has where all is right; ci: whether `npm test` runs it.
 */
import { nodeOf } from './project.mjs';

const { platform, arch } = process;

const ANSWER = `import { pipeline } from 'beit-wasm';
const classify = await pipeline('image-classification');
const [{ label }] = await classify('harbour.jpg');
console.log('label:', label);
await classify.dispose();
`;
const ANSWER_COMMONJS = `const { pipeline } = require('beit-wasm');
(async () => {
  const classify = await pipeline('image-classification');
  const [{ label }] = await classify('harbour.jpg');
  console.log('label:', label);
  await classify.dispose();
})();
`;
const SAYS = 'label: harbour';

const TEST = (imports) => `${imports}
import { readFileSync } from 'node:fs';
import { pipeline } from 'beit-wasm';
test('classifies bytes and samples of this realm', async () => {
  const classify = await pipeline('image-classification', null, { worker: false });
  expect((await classify(new Blob([readFileSync('harbour.jpg')])))[0].label).toBe('harbour');
  expect(await classify({ data: new Uint8Array(4 * 4 * 4), width: 4, height: 4 })).toHaveLength(5);
  await classify.dispose();
}, 60_000);
`;

export const RUNTIMES = [
  ...[20, 22, 24].flatMap((version) => {
    const { install, program } = nodeOf(version);
    return [
      { name: `node${version}`, install, files: { 'answer.mjs': ANSWER }, command: [program, 'answer.mjs'], says: SAYS },
      {
        name: `node${version}-require`,
        install,
        files: { 'answer.cjs': ANSWER_COMMONJS },
        command: [program, '--no-warnings', 'answer.cjs'],
        says: SAYS,
      },
    ];
  }),
  {
    name: 'node-permission',
    install: nodeOf(24).install,
    files: { 'answer.mjs': ANSWER },
    command: [nodeOf(24).program, '--permission', '--allow-fs-read=*', 'answer.mjs'],
    says: SAYS,
  },
  {
    name: 'worker-thread',
    files: {
      'answer.mjs': ANSWER,
      'main.mjs': "import { Worker } from 'node:worker_threads';\nnew Worker(new URL('./answer.mjs', import.meta.url));\n",
    },
    command: ['node', 'main.mjs'],
    says: SAYS,
  },
  {
    name: 'deno',
    install: ['deno@2'],
    files: { 'answer.mjs': ANSWER },
    command: ['deno', 'run', '--allow-read', 'answer.mjs'],
    says: SAYS,
  },
  {
    name: 'bun',
    install: [`@oven/bun-${platform}-${arch}@1`],
    files: { 'answer.mjs': ANSWER },
    command: [`@oven/bun-${platform}-${arch}/bin/bun`, 'answer.mjs'],
    says: SAYS,
  },
  {
    name: 'jest',
    install: ['jest@30'],
    files: { 'answer.test.mjs': TEST("import { expect, test } from '@jest/globals';") },
    manifest: { jest: { testMatch: ['**/*.test.mjs'], transform: {} } },
    command: ['node', '--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js'],
    says: '1 passed',
  },
  ...['node', 'jsdom', 'happy-dom'].map((environment) => ({
    name: `vitest-${environment}`,
    install: ['vitest', ...(environment === 'node' ? [] : [environment])],
    files: { 'answer.test.mjs': TEST("import { expect, test } from 'vitest';") },
    command: ['vitest', 'run', '--environment', environment],
    says: '1 passed',
  })),
  // As docs/guides/bundlers.md has it, in the runtime itself.
  {
    name: 'cloudflare-workers',
    install: [`@cloudflare/workerd-${platform}-${arch === 'x64' ? '64' : arch}@1`, 'esbuild@0.28'],
    files: {
      'main.js': `import core from './beit-simd.wasm';
        import picture from './harbour.jpg';
        import weights from './model.safetensors';
        import { samples } from 'beit-wasm-samples';
        import { pipeline } from 'beit-wasm/service-worker';
        const address = 'https://example.com/model/';
        const files = { ...samples.classifier.files, 'model.safetensors': weights };
        async function fetch(url) {
          const file = files[String(url).slice(address.length)];
          return file === undefined ? new Response('', { status: 404 }) : new Response(file === weights ? file : JSON.stringify(file));
        }
        const hexadecimal = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
        export default {
          async test() {
            const sha256 = { 'model.safetensors': hexadecimal(await crypto.subtle.digest('SHA-256', weights)) };
            const classify = await pipeline('image-classification', address, { build: 'simd', wasmBinary: core, cache: false, fetch, sha256 });
            const [{ label }] = await classify(new Blob([picture]));
            console.log('label:', label);
          },
        };\n`,
      'config.capnp': `using Workerd = import "/workerd/workerd.capnp";
        const config :Workerd.Config = (services = [(name = "main", worker = .main)]);
        const main :Workerd.Worker = (
          modules = [
            (name = "main.js", esModule = embed "built.js"),
            (name = "beit-simd.wasm", wasm = embed "node_modules/beit-wasm/dist/wasm/beit-simd.wasm"),
            (name = "model.safetensors", data = embed "node_modules/beit-wasm-samples/weights/classifier/model.safetensors"),
            (name = "harbour.jpg", data = embed "harbour.jpg"),
          ],
          compatibilityDate = "2026-10-01",
        );\n`,
    },
    build: [
      [
        'esbuild',
        'main.js',
        '--bundle',
        '--format=esm',
        '--outfile=built.js',
        '--define:import.meta.url="file:///worker.js"',
        ...['wasm', 'safetensors', 'jpg'].map((ending) => `--external:*.${ending}`),
      ],
    ],
    command: [`@cloudflare/workerd-${platform}-${arch === 'x64' ? '64' : arch}/bin/workerd`, 'test', 'config.capnp'],
    says: SAYS,
  },
  // As serverless tools build: one file, beside the packages that are external.
  ...[
    ['esm', 'mjs', ANSWER],
    ['cjs', 'cjs', ANSWER_COMMONJS],
  ].map(([format, ending, text]) => ({
    name: `lambda-${format}`,
    install: ['esbuild@0.28'],
    files: { [`answer.${ending}`]: text },
    build: [
      [
        'esbuild',
        `answer.${ending}`,
        '--bundle',
        '--platform=node',
        `--format=${format}`,
        '--external:beit-wasm',
        `--outfile=out/index.${ending}`,
      ],
    ],
    command: ['node', `out/index.${ending}`],
    says: SAYS,
  })),
  {
    name: 'lambda-assets',
    install: ['esbuild@0.28'],
    files: {
      'answer.mjs': `import { pathToFileURL } from 'node:url';
        import { configure, pipeline } from 'beit-wasm';
        configure({ assets: pathToFileURL(__dirname + '/beit/').href });
        (async () => {
          const classify = await pipeline('image-classification');
          console.log('label:', (await classify('harbour.jpg'))[0].label);
          await classify.dispose();
        })();\n`,
    },
    build: [['esbuild', 'answer.mjs', '--bundle', '--platform=node', '--format=cjs', '--outfile=out/index.cjs']],
    copies: { 'beit-wasm/dist': 'out/beit', 'beit-wasm-samples/weights': 'out/beit/weights' },
    without: ['beit-wasm', 'beit-wasm-samples'],
    command: ['node', 'out/index.cjs'],
    says: SAYS,
  },
];
