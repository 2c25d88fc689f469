/**
 * Projects that have the package as npm gives it. Each: name; install: what npm is asked for besides; build: commands, run in the
 * project's folder; serve: the folder of the result; copy: whether worker, core and weights are copied beside it, as README
 * says, and named by `assets`; dev: a development server's command, in place of build and serve, by its port and whether its pages
 * are to be isolated; page: the address that is opened, by the other origin's.
 */
const VITE_HEADERS = `export default { server: { headers: process.env.ISOLATED ? {
  'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' } : {} } };\n`;

export const CASES = [
  {
    name: 'cdn',
    serve: '.',
    page: (foreign) => `cdn.html?library=${encodeURIComponent(`${foreign}node_modules/beit-wasm/dist/index.js`)}`,
  },
  { name: 'vite', install: ['vite@8'], build: [['vite', 'build', '--base', './']], serve: 'dist' },
  {
    name: 'vite-dev',
    install: ['vite@8'],
    files: { 'vite.config.js': VITE_HEADERS },
    dev: (port) => ['vite', '--port', String(port), '--strictPort', '--host', 'localhost'],
  },
  {
    name: 'webpack',
    install: ['webpack@5', 'webpack-cli@6'],
    build: [['webpack', '--mode', 'production', '--entry', './main.js', '-o', 'dist']],
    serve: 'dist',
  },
  {
    name: 'esbuild',
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
];
