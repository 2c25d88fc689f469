/**
 * SHA-256 (FIPS 180-4) in pieces: WebCrypto has it for whole buffers only, and a checkpoint is never held whole. What hashes a block
 * is a module of 3 kB that is put together here, since files are read in threads that have no core, and before there is one.
 */

type Code = readonly (number | Code)[];

/** A number from 0 to 8191, signed or not. */
const leb = (value: number): Code => (value < 64 ? [value] : [(value & 127) | 128, value >> 7]);

// Instructions: each takes what those before it have left, and leaves its value for those that follow.
const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const tee = (local: number): Code => [0x22, local];
const int = (value: number): Code => [0x41, leb(value)];
const load = (address: number): Code => [int(0), 0x28, 2, leb(address)];
const store = (address: number): Code => [0x36, 2, leb(address)];
const [ADD, AND, XOR, ROTATE, LESS]: [number, number, number, number, number] = [0x6a, 0x71, 0x73, 0x78, 0x49];
const loadVector = (address: number): Code => [0xfd, 0x00, 0, leb(address)];
const storeVector = (address: number): Code => [0xfd, 0x0b, 0, leb(address)];
const XOR_4: Code = [0xfd, 0x51];
const vector = (code: number): Code => [0xfd, leb(code)];
const [LEFT_4, RIGHT_4, ADD_4, RIGHT_2] = [vector(0xab), vector(0xad), vector(0xae), vector(0xcd)];
const shuffle = (...bytes: number[]): Code => [0xfd, 0x0d, bytes];
const SWAP = shuffle(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
/** Words of two vectors, the second's from 4 on. */
const pick = (...words: number[]): Code => shuffle(...words.flatMap((word) => [0, 1, 2, 3].map((byte) => 4 * word + byte)));
/** Begins again while the condition holds. */
const repeat = (body: Code, condition: Code): Code => [0x03, 0x40, body, condition, 0x0d, 0, 0x0b];
/** The exclusive or of a local that is shifted by each number of bits. */
const mixed = (local: number, xor: Code, ...shifts: [number, Code][]): Code =>
  shifts.map(([bits, shift], i) => [get(local), int(bits), shift, i > 0 ? xor : []]);
const rotations = (local: number, ...bits: number[]): Code => mixed(local, [XOR], ...bits.map((by): [number, Code] => [by, [ROTATE]]));

const times = <Value>(count: number, make: (i: number) => Value): Value[] => Array.from({ length: count }, (_, i) => make(i));

// What lies where in the module's memory. It begins with the constants of the 64 rounds.
const STATE = 256;
/** Sixteen words of the schedule, with the constants of their rounds. */
const WORDS = 288;
const INPUT = 1 << 16;
const INPUT_BYTES = 1 << 16;
const BLOCK = 64;

// Locals. The arguments are where the first block begins and where the last one ends.
const BEGIN = 0;
const END = 1;
/** a to h */
const FIRST = 2;
/** a ^ b of this round, and of the one before: b ^ c. */
const BOTH = 10;
/** Where the constants of the next 16 rounds are. */
const ROUND = 12;
/** Four vectors of the schedule. */
const PARTS = 13;
const SPARE = 17;
const ZERO = 18;

function round(i: number): Code {
  const [a = 0, b = 0, , d = 0, e = 0, f = 0, g = 0, h = 0] = times(8, (role) => FIRST + ((role - i) & 7));
  const now = BOTH + (i & 1);
  return [
    [get(h), rotations(e, 6, 11, 25), ADD, get(g), get(e), get(f), get(g), XOR, AND, XOR, ADD, load(WORDS + 4 * i), ADD, tee(h)],
    [get(d), ADD, set(d)],
    [get(h), rotations(a, 2, 13, 22), ADD, get(b), get(a), get(b), XOR, tee(now), get(now ^ 1), AND, XOR, ADD, set(h)],
  ];
}

/** The next four words of the schedule in place of its oldest: the last two follow from the first. */
function schedule(i: number): Code {
  const [oldest = 0, second = 0, third = 0, latest = 0] = times(4, (part) => PARTS + ((i + part) & 3));
  const low = mixed(SPARE, XOR_4, [7, RIGHT_4], [25, LEFT_4], [18, RIGHT_4], [14, LEFT_4], [3, RIGHT_4]);
  // Of a word that is there twice, a shift of both is a rotation in the lower one.
  const high = mixed(SPARE, XOR_4, [17, RIGHT_2], [19, RIGHT_2], [10, RIGHT_4]);
  return [
    [get(oldest), get(second), pick(1, 2, 3, 4), set(SPARE), low],
    [get(oldest), ADD_4, get(third), get(latest), pick(1, 2, 3, 4), ADD_4, set(oldest)],
    [get(latest), get(latest), pick(2, 2, 3, 3), set(SPARE), high, get(ZERO), pick(0, 2, 4, 4), get(oldest), ADD_4, set(oldest)],
    [get(oldest), get(oldest), pick(0, 0, 1, 1), set(SPARE), get(ZERO), high, pick(0, 0, 4, 6), get(oldest), ADD_4, set(oldest)],
  ];
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const words = times(4, (i) => [int(0), get(PARTS + i), get(ROUND), loadVector(16 * i), ADD_4, storeVector(WORDS + 16 * i)]);
  const unlessLast = (code: Code): Code => [get(ROUND), int(192), LESS, 0x04, 0x40, code, 0x0b];
  const block: Code = [
    times(8, (i) => [load(STATE + 4 * i), set(FIRST + i)]),
    times(4, (i) => [get(BEGIN), loadVector(16 * i), get(ZERO), SWAP, set(PARTS + i)]),
    [get(FIRST + 1), get(FIRST + 2), XOR, set(BOTH + 1), int(0), set(ROUND)],
    repeat(
      [words, times(16, (i) => [i % 4 === 0 ? unlessLast(schedule(i / 4)) : [], round(i)]), get(ROUND), int(64), ADD, tee(ROUND)],
      [int(256), LESS],
    ),
    times(8, (i) => [int(0), load(STATE + 4 * i), get(FIRST + i), ADD, store(STATE + 4 * i)]),
  ];
  const body = [2, 11, 0x7f, 6, 0x7b, repeat([block, get(BEGIN), int(BLOCK), ADD, tee(BEGIN)], [get(END), LESS]), 0x0b];
  const sized = (code: Code): Code => [leb(code.flat(Infinity as 1).length), code];
  const sections: Code = [
    [1, sized([1, 0x60, 2, 0x7f, 0x7f, 0])],
    [3, sized([1, 0])],
    [5, sized([1, 1, 2, 2])],
    [7, sized([2, 1, 0x6d, 2, 0, 1, 0x66, 0, 0])], // "m" and "f"
    [10, sized([1, sized(body)])],
  ];
  return new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...(sections.flat(Infinity as 1) as number[])]);
}

/** The first 32 bits of the fractional part. */
const fraction = (value: number): number => ((value % 1) * 2 ** 32) | 0;

type HashBlocks = (begin: number, end: number) => void;

/** What the module does, at half its speed: some hosts compile nothing while they run, as Cloudflare Workers. */
function plainBlocks(buffer: ArrayBuffer): HashBlocks {
  const input = new DataView(buffer);
  const constants = new Int32Array(buffer, 0, 64);
  const state = new Int32Array(buffer, STATE, 8);
  const words = new Int32Array(64);
  const turned = (word: number, by: number): number => (word >>> by) | (word << (32 - by));
  return (begin, end) => {
    for (let at = begin; at < end; at += BLOCK) {
      for (let i = 0; i < 16; ++i) words[i] = input.getInt32(at + 4 * i);
      for (let i = 16; i < 64; ++i) {
        const low = words[i - 15]!;
        const high = words[i - 2]!;
        words[i] =
          (words[i - 16]! +
            (turned(low, 7) ^ turned(low, 18) ^ (low >>> 3)) +
            words[i - 7]! +
            (turned(high, 17) ^ turned(high, 19) ^ (high >>> 10))) |
          0;
      }
      let a = state[0]!,
        b = state[1]!,
        c = state[2]!,
        d = state[3]!,
        e = state[4]!,
        f = state[5]!,
        g = state[6]!,
        h = state[7]!;
      for (let i = 0; i < 64; ++i) {
        const first = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + (g ^ (e & (f ^ g))) + constants[i]! + words[i]!) | 0;
        const second = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g;
        g = f;
        f = e;
        e = (d + first) | 0;
        d = c;
        c = b;
        b = a;
        a = (first + second) | 0;
      }
      [a, b, c, d, e, f, g, h].forEach((word, i) => {
        state[i]! += word;
      });
    }
  };
}

/** Made with the first bytes. What a hash has of it are its state and the block that is not whole yet, and only while it takes bytes. */
let machine: ReturnType<typeof makeMachine> | null = null;

function compiled(): { m: { buffer: ArrayBuffer }; f: HashBlocks } {
  try {
    return new WebAssembly.Instance(new WebAssembly.Module(moduleBytes())).exports as { m: WebAssembly.Memory; f: HashBlocks };
  } catch {
    const buffer = new ArrayBuffer(INPUT + INPUT_BYTES);
    return { m: { buffer }, f: plainBlocks(buffer) };
  }
}

function makeMachine(): { memory: Uint8Array; hashBlocks: HashBlocks; start: Uint8Array } {
  const { m, f } = compiled();
  const primes = times(310, (i) => i + 2).filter((n) => !times(n - 2, (i) => i + 2).some((divisor) => n % divisor === 0));
  const words = new Int32Array(m.buffer);
  primes.forEach((prime, i) => {
    words[i] = fraction(Math.cbrt(prime));
    if (i < 8) words[STATE / 4 + i] = fraction(Math.sqrt(prime));
  });
  const memory = new Uint8Array(m.buffer);
  return { memory, hashBlocks: f, start: memory.slice(STATE, WORDS) };
}

export class Sha256 {
  private state: Uint8Array | null = null;
  private readonly rest = new Uint8Array(BLOCK);
  /** Bytes so far. */
  private length = 0;

  /** Takes the next bytes. */
  update(bytes: Uint8Array): void {
    const { memory, hashBlocks, start } = (machine ??= makeMachine());
    memory.set(this.state ?? start, STATE);
    for (let position = 0; position < bytes.length; ) {
      const held = this.length % BLOCK;
      const piece = bytes.subarray(position, position + INPUT_BYTES - held);
      memory.set(this.rest.subarray(0, held), INPUT);
      memory.set(piece, INPUT + held);
      position += piece.length;
      this.length += piece.length;
      const end = INPUT + held + piece.length;
      const whole = end - (end % BLOCK);
      if (whole > INPUT) hashBlocks(INPUT, whole);
      this.rest.set(memory.subarray(whole, end));
    }
    this.state = memory.slice(STATE, WORDS);
  }

  /** Returns the hash as 64 hexadecimal digits. Nothing may be added afterwards. */
  digest(): string {
    const padding = new Uint8Array(((119 - (this.length % BLOCK)) % BLOCK) + 9);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, BigInt(this.length) * 8n);
    this.update(padding);
    return [...new Uint32Array(this.state!.buffer, 0, 8)].map((word) => word.toString(16).padStart(8, '0')).join('');
  }
}
