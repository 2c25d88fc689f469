// Fuzzes the readers of bytes that others made, and what is done with what they read: libFuzzer with ASan
// and UBSan, one target after another.
//   npm run fuzz -- [TARGET...] [--bits 32] [--minutes N] [--keep]
//     TARGET      one of the folders of tests/fuzz/corpus; all of them without
//     --bits      of an address: 64 (default), or 32, in which sizes wrap as they do in wasm
//     --minutes   of processor time for each target (default: 10); 0 only with --keep
//     --keep      then makes tests/fuzz/corpus/TARGET anew: the fewest small inputs, seeds among them,
//                 that together reach all that was reached, 200 at most
// What is found goes to build/fuzz/found-TARGET-*, and ends the run of its target with a failure;
// build/native-fuzz/tests/beit_fuzz (native-fuzz-32 where it was found so) --target=TARGET FILE repeats it.
// Inputs that reach something new are collected in build/fuzz/TARGET, from where the next run goes on.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { buildVariant } from './build.mjs';
import { installPrograms, which } from './machine.mjs';
import { root } from './places.mjs';
import { Failure, elapsed, main, run, say, step } from './report.mjs';
import { setUp } from './setup.mjs';

const CORPUS = join(root, 'tests', 'fuzz', 'corpus');
const WORK = join(root, 'build', 'fuzz');

/** Which fixtures a target begins with, besides the inputs that were kept. */
const SEEDS = {
  safetensors: /\.safetensors$/,
  torch_zip: /pytorch_model\.bin$|\.pth$/,
  torch_legacy: /pytorch_model\.bin$|\.pth$/,
  flax_msgpack: /\.msgpack$/,
  pickle: /pytorch_model\.bin$|\.pth$|\.pkl$/,
  config: /\.json$/,
  image: /\.(png|jpe?g|gif|bmp|p[bgp]m|pfm)$/,
  avif: /\.avif$/,
  codecs: /\.(webp|jpe?g|tiff?)$/,
  model: /^config\.json$/,
  tokenizer: /^config\.json$/,
  processor: /^preprocessor_config\.json$/,
  derived: /\.(safetensors|msgpack|pth)$|pytorch_model\.bin$/,
};

// Readers look at heads, tables and text; what is behind them is elements. Longer inputs only cost
// time, and of longer seeds the beginning is taken. DALL-E's pickle has 30 000 bytes.
const MOST_INPUT_BYTES = 32 << 10;
// Of a target's corpus in git: inputs, bytes of each, and what the replay of one may allocate at once.
const MOST_KEPT = 200,
  MOST_KEPT_BYTES = 4 << 10,
  MOST_REPLAY_MEGABYTES = 128;
const LIMITS = ['-timeout=10', '-rss_limit_mb=3000'];

/** Returns CMake's definitions of Clang's two compilers: clang, or the newest clang-N on PATH. */
async function clang() {
  const version = ['', ...Array.from({ length: 16 }, (_, i) => `-${29 - i}`)].find(
    (suffix) => which(`clang${suffix}`) && which(`clang++${suffix}`),
  );
  // Debian's clang brings both programs; the sanitizers' and the fuzzer's runtimes are a package of their own.
  if (version === undefined) await installPrograms({ clang: 'clang', 'clang++': 'libclang-rt-14-dev' });
  return [`-DCMAKE_C_COMPILER=clang${version ?? ''}`, `-DCMAKE_CXX_COMPILER=clang++${version ?? ''}`];
}

/** Returns a folder of a target's fixtures. */
function seedsOf(target) {
  const folder = join(WORK, 'seeds', target);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const fixtures = join(root, 'tests', 'fixtures');
  for (const entry of readdirSync(fixtures, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (!entry.isFile() || !SEEDS[target].test(entry.name)) continue;
    const seed = join(folder, relative(fixtures, path).replaceAll('/', '-'));
    if (target === 'pickle') writeFileSync(seed, firstMember(readFileSync(path)));
    else symlinkSync(path, seed);
  }
  return folder;
}

/** Returns a zip file from its first member's data on, which is PyTorch's pickle; any other as it is. */
function firstMember(bytes) {
  if (bytes.readUInt32BE() !== 0x504b0304) return bytes;
  return bytes.subarray(30 + bytes.readUInt16LE(26) + bytes.readUInt16LE(28));
}

/** Fuzzes one target. Returns what it did, in words. */
async function fuzz(program, target, minutes) {
  const found = join(WORK, target);
  mkdirSync(found, { recursive: true });
  const { status, output } = await run(
    'nice',
    [
      '-n',
      '10',
      program,
      `--target=${target}`,
      `--cpu-seconds=${Math.round(minutes * 60)}`,
      ...LIMITS,
      `-max_len=${MOST_INPUT_BYTES}`,
      '-print_final_stats=1',
      `-artifact_prefix=${join(WORK, `found-${target}-`)}`,
      found,
      join(CORPUS, target),
      seedsOf(target),
    ],
    { log: `fuzz-${target}`, allowFailure: true },
  );
  if (status !== 0) throw new Failure(`${target}:\n${output.trimEnd().split('\n').slice(-60).join('\n')}`);
  const executions = Number(/stat::number_of_executed_units: (\d+)/.exec(output)?.[1]);
  const last = [...output.matchAll(/cov: (\d+) ft: (\d+) corp: (\d+)\/(\S+)/g)].at(-1) ?? [];
  return (
    `${executions} inputs, ${Math.round(executions / (minutes * 60))} a second of processor time, ` +
    `coverage ${last[1]} edges, ${last[2]} features, corpus ${last[3]} inputs of ${last[4]}; nothing found`
  );
}

/** Makes a target's kept corpus anew. Returns how large it is, in words. */
async function keep(program, target) {
  const merged = join(WORK, 'merged', target);
  rmSync(merged, { recursive: true, force: true });
  mkdirSync(merged, { recursive: true });
  // -use_counters=0: an input is kept for an edge that no other takes, not for taking one more often.
  const from = [join(CORPUS, target), join(WORK, target), seedsOf(target)].filter((folder) => existsSync(folder));
  await run(
    program,
    [
      `--target=${target}`,
      '-set_cover_merge=1',
      '-use_counters=0',
      `-max_len=${MOST_KEPT_BYTES}`,
      ...LIMITS,
      `-malloc_limit_mb=${MOST_REPLAY_MEGABYTES}`,
      `-artifact_prefix=${WORK}/left-out-`,
      merged,
      ...from,
    ],
    { log: `fuzz-merge-${target}` },
  );
  const to = join(CORPUS, target);
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  const inputs = readdirSync(merged)
    .map((name) => readFileSync(join(merged, name)))
    .sort((a, b) => a.length - b.length || a.compare(b));
  // Of too many, some of every length.
  const count = Math.min(inputs.length, MOST_KEPT);
  const kept = Array.from({ length: count }, (_, i) => inputs[Math.floor((i * inputs.length) / count)]);
  for (const input of kept) writeFileSync(join(to, createHash('sha256').update(input).digest('hex').slice(0, 16)), input);
  return `${kept.length} of ${inputs.length} inputs, ${kept.reduce((sum, { length }) => sum + length, 0)} bytes`;
}

await main(async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      bits: { type: 'string', default: '64' },
      minutes: { type: 'string', default: '10' },
      keep: { type: 'boolean', default: false },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes >= 0)) throw new Failure(`--minutes takes a number, not ${values.minutes}.`);
  const wrong = positionals.find((name) => !Object.hasOwn(SEEDS, name));
  if (wrong) throw new Failure(`There is no target ${wrong}; there are ${Object.keys(SEEDS).join(', ')}.`);
  const targets = positionals.length > 0 ? positionals : Object.keys(SEEDS);

  const { bits } = values;
  if (bits !== '32' && bits !== '64') throw new Failure(`--bits takes 32 or 64, not ${bits}.`);

  const definitions = await clang();
  if (bits === '32') await installPrograms({ '/usr/lib32/libc.so': 'g++-multilib' }); // headers and libraries; Clang's runtimes are there for both
  const folder = await buildVariant(bits === '32' ? 'native-fuzz-32' : 'native-fuzz', ['beit_fuzz'], {
    ...(await setUp({ native: true })),
    definitions,
  });
  const program = join(folder, 'tests', 'beit_fuzz');
  let failed = 0;
  for (const target of targets) {
    try {
      if (minutes > 0) await step(`fuzz ${target}`, () => fuzz(program, target, minutes));
      if (values.keep) await step(`keep ${target}`, () => keep(program, target));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      say(error.message);
      failed += 1;
    }
  }
  say(`After ${elapsed()}: ${targets.length - failed} of ${targets.length} targets without a finding`);
  return failed > 0 ? 1 : 0;
});
