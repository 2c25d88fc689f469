/** What the JavaScript engine can do, found by probes, and what follows for the artefact. */
import { BeitError, kindOf, mismatch, shown } from '../base/errors.js';
import { givenOptions } from '../base/options.js';

/**
 * The builds of the core: 128-bit SIMD; the same with threads; relaxed SIMD (FMA) with threads.
 * @example
 * ```js
 * import { BUILDS, runtimeInfo } from 'beit-wasm';
 *
 * const others = BUILDS.filter((build) => build !== runtimeInfo().build);
 * ```
 */
export const BUILDS = ['simd', 'simd-threads', 'relaxed-threads'] as const;
export type Build = (typeof BUILDS)[number];

/** Returns something of each build, by its name. */
export function ofEachBuild<T>(make: (build: Build) => T): Record<Build, T> {
  return Object.fromEntries(BUILDS.map((build) => [build, make(build)])) as Record<Build, T>;
}

/** Returns the name of a build's script: Emscripten's JavaScript is the same for both builds with threads, and lies in the package once. */
export const scriptOf = (build: Build): 'simd' | 'threads' => (build === 'simd' ? 'simd' : 'threads');

type Feature = 'simd' | 'exceptions' | 'threads' | 'relaxedSimd' | 'table64';

const MODULE_HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** Modules that validate only where the feature exists; the WAT of each is beside it. */
const PROBES: Readonly<Record<Feature, readonly number[]>> = {
  // (module (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt))
  simd: [1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
  // (module (func try catch_all end))
  exceptions: [1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0, 6, 64, 25, 11, 11],
  // (module (memory 1 1 shared) (func i32.const 0 i32.atomic.load drop))
  threads: [1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26, 11],
  // (module (func (result v128)
  //   i32.const 1 i8x16.splat i32.const 2 i8x16.splat i8x16.relaxed_swizzle))
  relaxedSimd: [1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11],
  // (module (table i64 1 funcref))
  table64: [4, 4, 1, 112, 4, 1],
};

/** What a thread of this kind may do, which no probe can tell. */
export interface Host {
  kind: 'browser' | 'node';
  /** Logical processors, or fewer where a container has less time than they have; at least 1. */
  cores: number;
  /** False on a page's main thread, where waiting for other threads is forbidden. */
  mayBlock: boolean;
  /** False where Node's permission model forbids to start threads. */
  workers?: boolean;
}

/** What was found. Plain data. */
export interface Capabilities extends Host {
  simd: boolean;
  exceptions: boolean;
  threads: boolean;
  relaxedSimd: boolean;
  /** Not used as such: an engine that has it (V8 13.3 and newer) compiles matrix kernels in a way that bears taller tiles. */
  table64: boolean;
  sharedMemory: boolean;
  crossOriginIsolated: boolean;
  /** Whether this kind of thread can start others; a service worker cannot. */
  workers: boolean;
}

/**
 * Returns what this thread can do.
 * @example
 * ```js
 * import { detectCapabilities } from 'beit-wasm';
 *
 * const { simd, threads, relaxedSimd } = detectCapabilities({ kind: 'browser', cores: 4, mayBlock: false });
 * ```
 */
export function detectCapabilities(host: Host): Capabilities {
  // Lockdown modes take WebAssembly away altogether.
  const has = (feature: Feature): boolean =>
    typeof WebAssembly === 'object' && WebAssembly.validate(new Uint8Array([...MODULE_HEADER, ...PROBES[feature]]));
  return {
    ...givenOptions(host, 'host'),
    simd: has('simd'),
    exceptions: has('exceptions'),
    threads: has('threads'),
    relaxedSimd: has('relaxedSimd'),
    table64: has('table64'),
    workers: host.workers ?? (host.kind === 'node' || typeof Worker === 'function'),
    sharedMemory: typeof SharedArrayBuffer === 'function',
    // Node has shared memory without isolation, and does not know the word.
    crossOriginIsolated: globalThis.crossOriginIsolated ?? host.kind === 'node',
  };
}

/** What the caller asked for: `auto` lets the probes decide. */
export interface BuildRequest {
  build?: Build | 'auto' | undefined;
  /** A whole number of at least 1, or `auto`: one per logical processor and at most 8, of which as many work as trials find to be enough. */
  threads?: number | 'auto' | undefined;
}

export interface BuildChoice {
  build: Build;
  threads: number;
  /** A sentence: why this artefact and this number of threads. */
  reason: string;
}

// A thread costs a worker (a JavaScript engine of its own and a stack), and one image offers no
// more than about a dozen tiles of rows to share out.
const MOST_THREADS_UNASKED = 8;
const MOST_THREADS = 64;

/**
 * Returns the artefact and threads for a request. Throws invalid-argument for a request that is
 * none, and unsupported, with a sentence that says what is missing, for one that cannot be met.
 * @example
 * ```js
 * import { chooseBuild, runtimeInfo } from 'beit-wasm';
 *
 * const { build, threads, reason } = chooseBuild(runtimeInfo().capabilities, { threads: 2 });
 * ```
 */
export function chooseBuild(can: Capabilities, request: BuildRequest = {}): BuildChoice {
  const { build = 'auto', threads = 'auto' } = givenOptions(request);
  if (build !== 'auto' && !BUILDS.includes(build)) {
    throw mismatch('invalid-argument', 'build', shown(build), `auto, ${BUILDS.join(', ')}`);
  }
  if (threads !== 'auto' && !(Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS)) {
    throw new BeitError('invalid-argument', `threads: got ${kindOf(threads)}, expected auto or a whole number from 1 to ${MOST_THREADS}.`, {
      where: 'threads',
      got: kindOf(threads),
      expected: `auto, 1 to ${MOST_THREADS}`,
    });
  }
  const lacking = whyNothing(can);
  if (lacking) throw unsupported('WebAssembly', lacking);

  const noThreads = whyNoThreads(can);
  const noRelaxed = whyNoRelaxed(can);
  if (build === 'auto') {
    const wanted = threads === 'auto' ? Math.min(can.cores, MOST_THREADS_UNASKED) : threads;
    if (noThreads) {
      if (threads !== 'auto' && threads > 1) throw unsupported(`${threads} threads`, noThreads);
      return { build: 'simd', threads: 1, reason: `One thread with 128-bit SIMD, because ${noThreads}.` };
    }
    if (noRelaxed) {
      const chosen: Build = wanted > 1 ? 'simd-threads' : 'simd';
      return { build: chosen, threads: wanted, reason: `${count(wanted)} with 128-bit SIMD, because ${noRelaxed}.` };
    }
    return { build: 'relaxed-threads', threads: wanted, reason: `${count(wanted)} with relaxed SIMD: the engine has everything.` };
  }
  if (build === 'simd') {
    if (threads !== 'auto' && threads > 1) {
      throw unsupported(`${threads} threads`, 'the build simd, which was asked for, has one thread');
    }
    return { build, threads: 1, reason: 'One thread with 128-bit SIMD, because the build simd was asked for.' };
  }
  if (noThreads) throw unsupported(`The build ${build}`, noThreads);
  if (build === 'relaxed-threads' && noRelaxed) throw unsupported(`The build ${build}`, noRelaxed);
  const chosen = threads === 'auto' ? Math.min(can.cores, MOST_THREADS_UNASKED) : threads;
  return { build, threads: chosen, reason: `${count(chosen)}, because the build ${build} was asked for.` };
}

function unsupported(subject: string, why: string): BeitError {
  return new BeitError('unsupported', `${subject} cannot be used here: ${why}.`, { where: subject, got: why });
}

function count(threads: number): string {
  return threads === 1 ? 'One thread' : `${threads} threads`;
}

function whyNothing(can: Capabilities): string | null {
  if (!can.simd) return 'the engine does not have WebAssembly SIMD';
  if (!can.exceptions) return 'the engine does not have WebAssembly exceptions';
  return null;
}

function whyNoThreads(can: Capabilities): string | null {
  if (!can.threads) return 'the engine does not have WebAssembly threads';
  if (!can.workers) {
    return can.kind === 'node'
      ? "Node's permission model, which --permission has switched on, lets this process start no threads without --allow-worker"
      : 'a service worker cannot start threads';
  }
  if (!can.crossOriginIsolated) {
    return (
      'the page is not cross-origin isolated (it is served without the headers ' +
      'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp), ' +
      'so there is no memory that threads could share'
    );
  }
  if (!can.sharedMemory) {
    return can.kind === 'browser'
      ? 'the page is cross-origin isolated, but the browser has no SharedArrayBuffer (WebKit has a switch that takes it away)'
      : 'there is no SharedArrayBuffer';
  }
  if (!can.mayBlock) return "a page's main thread may not wait for other threads (leave out worker: false)";
  return null;
}

function whyNoRelaxed(can: Capabilities): string | null {
  if (can.relaxedSimd) return null;
  return can.kind === 'node'
    ? 'this Node has relaxed SIMD only with the flag --experimental-wasm-relaxed-simd'
    : 'the engine does not have WebAssembly relaxed SIMD';
}
