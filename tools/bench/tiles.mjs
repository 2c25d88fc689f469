// `node tools/bench/tiles.mjs`: tiles of tiles.cpp in Chromium, without and with V8's --wasm-revectorize in turn, by the processor time of
// the page's thread: what others take of a shared machine matters little. Linux only.
//   node tools/bench/tiles.mjs [TILE...] [--build relaxed|plain] [--rounds N] [--shape ROWSxINPUTSxOUTPUTS] [--trace]
//     TILE      such as t6x1 (6 rows, one panel of eight columns), t6x2_joins (see tiles.cpp) or i4x2 (of 16-bit integers); default: all
//     --trace   prints what V8 joins of one product, and why not
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import puppeteer from 'puppeteer-core';
import { BROWSERS } from '../../tests/browser/support/browsers.mjs';
import { root } from '../places.mjs';
import { Failure, main, run, say } from '../report.mjs';
import { setUp } from '../setup.mjs';
import { spread } from './statistics.mjs';

const BUILDS = { relaxed: ['-msimd128', '-mrelaxed-simd'], plain: ['-msimd128'] };
const REPEATS = 4; // products a reading, about 0.1 s
const WARM_UPS = 3;

async function compile(build, { env }) {
  const folder = mkdtempSync(join(tmpdir(), 'beit-tiles-'));
  const file = join(folder, 'tiles.wasm');
  const options = ['-O3', '-std=c++20', ...BUILDS[build], '-sSTANDALONE_WASM', '--no-entry', '-sINITIAL_MEMORY=64MB', `-I${root}`];
  await run('em++', [...options, join(root, 'tools', 'bench', 'tiles.cpp'), '-o', file], { env, log: 'tiles' });
  const bytes = readFileSync(file);
  rmSync(folder, { recursive: true });
  return bytes;
}

/** Nanoseconds that a process's first thread has run. */
const ranOf = (pid) => Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]);

/** Opens the module in a page of a browser of its own. Returns { multiply(tile, shape, repeats): seconds, names, sum, close }. */
async function open(bytes, flags, trace) {
  const { names, options } = BROWSERS.chromium;
  const browser = await puppeteer.launch({
    ...options,
    executablePath: process.env[names[0]] ?? names[1],
    headless: true,
    dumpio: trace,
    args: [...options.args, `--js-flags=${flags}`],
  });
  const page = await browser.newPage();
  await page.goto('about:blank');
  const tiles = await page.evaluate(async (base64) => {
    const binary = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const imports = new Proxy({}, { get: () => new Proxy({}, { get: () => () => 0 }) });
    const { exports } = (await WebAssembly.instantiate(binary, imports)).instance;
    globalThis.tiles = exports;
    exports._initialize?.();
    exports.fill();
    return Object.keys(exports).filter((name) => /^[ti]\d+x\d+/.test(name));
  }, bytes.toString('base64'));
  const system = await browser.target().createCDPSession();
  // Of all of the browser's renderers: those of its own pages, and the one in reserve, have nothing to do.
  const ran = async () => {
    const { processInfo } = await system.send('SystemInfo.getProcessInfo');
    return processInfo.filter(({ type }) => type === 'renderer').reduce((sum, { id }) => sum + ranOf(id), 0);
  };
  return {
    tiles,
    async multiply(tile, shape, repeats) {
      const before = await ran();
      await page.evaluate(
        (name, [m, k, n], times) => {
          for (let i = 0; i < times; ++i) globalThis.tiles[name](m, k, n);
        },
        tile,
        shape,
        repeats,
      );
      return ((await ran()) - before) / 1e9;
    },
    sum: ([m, , n]) =>
      page.evaluate(
        (count) => new Float32Array(globalThis.tiles.memory.buffer, globalThis.tiles.result(), count).reduce((a, b) => a + b * b),
        m * n,
      ),
    close: () => browser.close(),
  };
}

await main(async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      build: { type: 'string', default: 'relaxed' },
      rounds: { type: 'string', default: '7' },
      shape: { type: 'string', default: '197x768x3072' },
      trace: { type: 'boolean', default: false },
    },
  });
  if (!Object.hasOwn(BUILDS, values.build))
    throw new Failure(`There is no build ${values.build}; there are ${Object.keys(BUILDS).join(', ')}.`);
  const shape = values.shape.split('x').map(Number);
  const [rows, inputs, outputs] = shape;
  if (!(rows <= 197 && inputs <= 3072 && outputs <= 3072 && inputs * outputs <= 3072 * 768 && outputs % 16 === 0))
    throw new Failure(`--shape takes at most 197x768x3072 or 197x3072x768, with whole panels, not ${values.shape}.`);
  const bytes = await compile(values.build, await setUp({ native: false, browsers: true }));
  const hosts = new Map();
  try {
    if (values.trace) hosts.set('traced', await open(bytes, '--wasm-revectorize --trace-wasm-revectorize', true));
    else {
      hosts.set('as shipped', await open(bytes, '--no-wasm-revectorize', false));
      hosts.set('joined', await open(bytes, '--wasm-revectorize', false));
    }
    const { tiles: known } = [...hosts.values()][0];
    const wrong = positionals.find((name) => !known.includes(name));
    if (wrong) throw new Failure(`There is no tile ${wrong}; there are ${known.join(', ')}.`);
    const wanted = positionals.length > 0 ? positionals : known;
    const rates = new Map();
    const expected = {}; // by what is multiplied
    for (let round = -WARM_UPS; round < Number(values.rounds); ++round)
      for (const tile of wanted)
        for (const [how, host] of hosts) {
          const seconds = await host.multiply(tile, shape, REPEATS);
          const key = `${tile.padEnd(12)} ${how}`;
          if (round >= 0) rates.set(key, [...(rates.get(key) ?? []), (2 * rows * inputs * outputs * REPEATS) / seconds / 1e9]);
          if (round > 0) continue;
          const sum = await host.sum(shape);
          if (!(sum > 0) || sum !== (expected[tile[0]] ??= sum))
            throw new Failure(`${key}: the sum of squares is ${sum}, expected ${expected[tile[0]]}.`);
        }
    say(`${values.build}, ${values.shape}, GFLOP/s of processor time, one thread: median (least to most of ${values.rounds})`);
    for (const [key, all] of rates) {
      const { min, median, max } = spread(all);
      say(`  ${key.padEnd(24)} ${median.toFixed(1).padStart(6)} (${min.toFixed(1)} to ${max.toFixed(1)})`);
    }
  } finally {
    for (const host of hosts.values()) await host.close();
  }
});
