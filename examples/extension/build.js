// Makes the folder dist, which a browser loads as it is.
import { cpSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });
cpSync('static', 'dist', { recursive: true });
for (const [from, to] of [
  ['beit-wasm/dist/wasm', 'wasm'],
  ['beit-wasm-samples/weights', 'weights'],
])
  cpSync(`node_modules/${from}`, `dist/beit/${to}`, { recursive: true });
await build({ entryPoints: ['background.js'], outdir: 'dist', bundle: true, format: 'esm', logLevel: 'warning' });
