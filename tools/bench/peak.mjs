// What this machine's cores do at most with 128-bit vectors in WebAssembly: arithmetic between registers in
// independent chains, no memory. A module is written by hand here, since it has to be nothing else.

const V128 = 0x7b,
  I32 = 0x7f,
  F32 = 0x7d;
const simd = (...opcode) => [0xfd, ...opcode];
const get = (local) => [0x20, local];
const set = (local) => [0x21, local];

/** The accumulators and x fit the 15 vector registers that V8 has to give on x86. */
const CHAINS = 14;
const TURNS = 8;
const LOCAL = { count: 0, x: 1, first: 2 };

const MUL = simd(0xe6, 0x01),
  ADD = simd(0xe4, 0x01),
  MADD = simd(0x85, 0x02);
const DOT = simd(0xba, 0x01),
  ADD_I32 = simd(0xae, 0x01);

/** One step of a chain, and the multiplications and additions in it. */
const KINDS = {
  'fused multiply-add': { step: (chain) => [...get(chain), ...get(LOCAL.x), ...get(LOCAL.x), ...MADD], operations: 8 },
  'multiply, add': { step: (chain) => [...get(chain), ...get(LOCAL.x), ...MUL, ...get(LOCAL.x), ...ADD], operations: 8 },
  'dot product of 16 bits, add': { step: (chain) => [...get(chain), ...get(LOCAL.x), ...DOT, ...get(LOCAL.x), ...ADD_I32], operations: 16 },
};

/** Which kind a product of this library's builds is made of. */
export function kindOf(build, dtype) {
  if (dtype === 'int8') return 'dot product of 16 bits, add';
  return build.startsWith('relaxed') ? 'fused multiply-add' : 'multiply, add';
}

function leb(value) {
  const bytes = [];
  do {
    bytes.push((value & 127) | (value > 127 ? 128 : 0));
    value >>>= 7;
  } while (value > 0);
  return bytes;
}

const vector = (items) => [...leb(items.length), ...items.flat()];
const section = (id, bytes) => [id, ...leb(bytes.length), ...bytes];

/** Returns a module with run(turns): TURNS x CHAINS steps a turn. */
function moduleOf({ step }) {
  const chains = Array.from({ length: CHAINS }, (_, i) => LOCAL.first + i);
  const turn = Array.from({ length: TURNS }, () => chains.map((chain) => [...step(chain), ...set(chain)])).flat(2);
  const half = new Uint8Array(new Float32Array(4).fill(0.5).buffer);
  const body = [
    ...vector([[...leb(1 + CHAINS), V128]]),
    ...simd(0x0c),
    ...half,
    ...set(LOCAL.x),
    0x03,
    0x40,
    ...turn, // loop
    ...get(LOCAL.count),
    0x41,
    1,
    0x6b,
    0x22,
    LOCAL.count,
    0x0d,
    0,
    0x0b, // while (--count)
    ...get(chains[0]),
    ...chains.slice(1).flatMap((chain) => [...get(chain), ...ADD]),
    ...simd(0x1f, 0),
    0x0b,
  ];
  return new WebAssembly.Module(
    Uint8Array.from([
      0x00,
      0x61,
      0x73,
      0x6d,
      1,
      0,
      0,
      0,
      ...section(1, vector([[0x60, 1, I32, 1, F32]])),
      ...section(3, vector([[0]])),
      ...section(7, vector([[3, 0x72, 0x75, 0x6e, 0, 0]])), // "run"
      ...section(10, vector([[...leb(body.length), ...body]])),
    ]),
  );
}

/** Returns the most GFLOP/s (for whole numbers: of as many operations) of one thread, by kind; null where the engine lacks it. */
export function measurePeaks(rounds = 15) {
  const peaks = {};
  for (const [name, kind] of Object.entries(KINDS)) {
    let run;
    try {
      ({ run } = new WebAssembly.Instance(moduleOf(kind)).exports);
    } catch {
      peaks[name] = null;
      continue;
    }
    const turns = 500;
    for (let i = 0; i < 3000; ++i) run(turns); // until V8 runs its fast code
    let best = 0;
    for (let round = 0; round < rounds; ++round) {
      const begin = performance.now();
      for (let i = 0; i < 1000; ++i) run(turns);
      best = Math.max(best, (1000 * turns * TURNS * CHAINS * kind.operations) / (performance.now() - begin) / 1e6);
    }
    peaks[name] = best;
  }
  return peaks;
}
