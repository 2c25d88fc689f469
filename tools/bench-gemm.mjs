// `npm run bench:gemm`: the speed of the matrix kernels alone, in turn with XNNPACK's, in Node.
//   npm run bench:gemm -- [VARIANT...]     default: simd relaxed-threads
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ARTEFACTS, NATIVE, buildVariant } from './build.mjs';
import { nodeFlags } from './node-flags.mjs';
import { Failure, main, say } from './report.mjs';
import { setUp } from './setup.mjs';

await main(async (names) => {
  const variants = names.length ? names : ['simd', 'relaxed-threads'];
  const known = [...ARTEFACTS, ...NATIVE];
  const wrong = variants.find((name) => !known.includes(name));
  if (wrong) throw new Failure(`There is no variant ${wrong}; there are ${known.join(', ')}.`);
  const environment = await setUp({ native: variants.some((name) => NATIVE.includes(name)) });
  for (const variant of variants) {
    const program = join(await buildVariant(variant, ['beit_gemm_bench'], environment), 'tests', 'beit_gemm_bench');
    say(`\n${variant}, one thread, median (min to max)`);
    const [command, args] = NATIVE.includes(variant) ? [program, []] : [process.execPath, [...nodeFlags, `${program}.cjs`]];
    if (spawnSync(command, args, { stdio: 'inherit' }).status !== 0) throw new Failure(`The benchmark of ${variant} failed.`);
  }
});
