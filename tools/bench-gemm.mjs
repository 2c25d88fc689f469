// `npm run bench:gemm`: the speed of the matrix kernels alone, one thread, in turn with XNNPACK's.
//   npm run bench:gemm -- [VARIANT...] [--places node,chromium,firefox] [--rounds N] [--write]
//     VARIANT    default: simd relaxed-threads; native ones run outside of Node
//     --places   where wasm runs (default: node)
//     --write    into tools/bench/kernels.json and the table of ARCHITECTURE.md
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { summary, writeFigures } from './bench/kernels.mjs';
import { ARTEFACTS, NATIVE, buildVariant } from './build.mjs';
import { nodeFlags } from './node-flags.mjs';
import { Failure, main, run, say } from './report.mjs';
import { setUp } from './setup.mjs';

const PLACES = ['node', 'chromium', 'firefox'];

/** Returns { place, output } of one run of the benchmark. */
async function measure(variant, where, program, rounds) {
  if (where === 'node') {
    return {
      place: `Node ${process.versions.node.split('.')[0]}`,
      output: (await run(process.execPath, [...nodeFlags, `${program}.cjs`, rounds])).output,
    };
  }
  if (NATIVE.includes(variant)) return { place: 'native', output: (await run(program, [rounds])).output };
  const { runInBrowser } = await import('./bench/gemm-in-browser.mjs'); // here: set-up may still have to install what it imports
  return runInBrowser(where, `${program}.cjs`, [rounds]);
}

function show(variant, place, rows) {
  say(`\n${variant}, ${place}, one thread: best (median, worst)`);
  for (const product of new Set(rows.map((row) => row.product))) {
    const shown = rows.filter((row) => row.product === product);
    say(product);
    for (const { kernel, min, median, max } of shown) {
      say(
        `  ${kernel.padEnd(16)} ${max.toFixed(1).padStart(6)} GFLOP/s (${median.toFixed(1)}, ${min.toFixed(1)}), ${(max / shown[0].max).toFixed(2)} times ${shown[0].kernel}`,
      );
    }
  }
}

await main(async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      places: { type: 'string', default: 'node' },
      rounds: { type: 'string', default: '25' },
      write: { type: 'boolean', default: false },
    },
  });
  const variants = positionals.length > 0 ? positionals : ['simd', 'relaxed-threads'];
  const known = [...ARTEFACTS, ...NATIVE];
  const places = values.places.split(',');
  for (const [what, given, all] of [
    ['variant', variants, known],
    ['place', places, PLACES],
  ]) {
    const wrong = given.find((name) => !all.includes(name));
    if (wrong) throw new Failure(`There is no ${what} ${wrong}; there are ${all.join(', ')}.`);
  }
  if (!(Number(values.rounds) >= 1)) throw new Failure(`--rounds takes a number above 0, not ${values.rounds}.`);
  const environment = await setUp({
    native: variants.some((name) => NATIVE.includes(name)),
    browsers: places.some((name) => name !== 'node'),
  });
  const all = [];
  for (const variant of variants) {
    const program = join(await buildVariant(variant, ['beit_gemm_bench'], environment), 'tests', 'beit_gemm_bench');
    for (const where of NATIVE.includes(variant) ? ['native'] : places) {
      const { place, output } = await measure(variant, where, program, values.rounds);
      const lines = output
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line));
      const rows = lines.map(({ product, kernel, rates }) => ({ variant, place, product, kernel, ...summary(rates) }));
      show(variant, place, rows);
      all.push(...rows);
    }
  }
  if (values.write) writeFigures({ machine: cpus()[0].model.trim(), rounds: Number(values.rounds), rows: all });
});
