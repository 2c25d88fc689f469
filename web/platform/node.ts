import { mkdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread, Worker, type Transferable as NodeTransferable } from 'node:worker_threads';
import { addressOf } from '../assets.js';
import { failure, mismatch, sentenceOf } from '../base/errors.js';
import { ofEachBuild, scriptOf } from '../core/capabilities.js';
import type { FromWorker, ToWorker } from '../engine/protocol.js';
import { requireNodeCache } from '../sources/cache/node.js';
import { pathSource } from '../sources/folder-node.js';
import { fetchBytes } from '../sources/http/source.js';
import { resolveSource } from '../sources/resolve.js';
import { isHubId } from '../sources/source.js';
import { mayStartThreads, nodeGpu, nodeHost, readNodeAsset } from './host-node.js';
import { nodeHttp } from './http-node.js';
import type { Platform } from './platform.js';
import { findAvif } from './avif.js';
import { findTraining } from './training.js';
import { findSample, noSample, pathInAssets, type SampleName } from './samples.js';
import { attemptWrite, checkModelFolder, FileInParts } from './written-file-node.js';

function pathOfUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw failure('invalid-argument', 'source', `${JSON.stringify(url)} is no file of this machine (${sentenceOf(error)})`, error);
  }
}

const isAddress = (text: string): boolean => /^(https?|data|blob):/i.test(text);

// Joined, for bundlers not to look for a package that need not be there.
const SAMPLES = ['beit', 'wasm', 'samples'].join('-');
const AVIF_FILE = [['beit', 'wasm', 'avif'].join('-'), 'beit-avif.wasm'].join('/');
const TRAINING_MANIFEST = [['beit', 'wasm', 'training'].join('-'), 'package.json'].join('/');

async function sampleAddress(name: SampleName): Promise<URL> {
  if (!findSample(name)) {
    try {
      await import(SAMPLES);
    } catch (error) {
      throw noSample('', error);
    }
  }
  const sample = findSample(name);
  if (!sample) throw noSample('');
  return sample.weights();
}

/** Node, Deno and Bun: paths of this machine besides. */
export const platform: Platform = {
  host: nodeHost,
  // The main thread has a process's event loop, which others wait for; who has made a thread has made it to be busy.
  workerByDefault: isMainThread && mayStartThreads(),

  // It lies beside that of browsers.
  workerScript: (folder) => new URL('worker-node.js', addressOf('engine.js', folder)).href,

  startWorker(script, factory) {
    if (factory) throw mismatch('invalid-argument', 'workerFactory', 'a function', 'none in Node, whose worker is another');
    // What the process was told of its own modules, such as a loader or --input-type, is not for the library's.
    const worker = new Worker(new URL(script), { execArgv: [] });
    let ended = false;
    return {
      post: (message: ToWorker, transfer: Transferable[]) => worker.postMessage(message, transfer as NodeTransferable[]),
      listen: (onMessage: (message: FromWorker) => void, onFailure: (reason: string) => void) => {
        worker.on('message', onMessage);
        worker.on('error', (error) => onFailure(sentenceOf(error)));
        worker.on('messageerror', (error) => onFailure(sentenceOf(error)));
        worker.on('exit', (status) => {
          if (!ended) onFailure(`it exited with status ${status}`);
        });
      },
      // Who waits for its end is to see it, though nobody waits for an answer any more.
      busy: (waiting: boolean) => (waiting || ended ? worker.ref() : worker.unref()),
      terminate: async () => {
        ended = true;
        await worker.terminate();
      },
    };
  },

  async resolveSource(source, options, elsewhere = false) {
    const around = { base: undefined, http: nodeHttp };
    if (source instanceof URL && source.protocol === 'file:') source = source.href;
    if (typeof source !== 'string' || isAddress(source) || elsewhere) return resolveSource(source, options, around);
    const path = /^file:/i.test(source) ? pathOfUrl(source) : source;
    const local = pathSource(path);
    if (local) return local;
    // As in transformers: what is no path of this machine may be a name of the hub.
    if (isHubId(source)) return resolveSource(source, options, around);
    throw failure('not-found', source || 'source', 'there is no such file or folder, nor is it a model of the hub (owner/name)');
  },

  openCache: async (folder) => requireNodeCache(folder),
  persist: async () => true,

  async sample(name, folder) {
    const pathOf = (address: URL): string => dirname(fileURLToPath(address));
    const copied = folder === undefined ? null : pathSource(pathOf(new URL(pathInAssets(name), folder)));
    if (copied) return copied;
    const path = pathOf(await sampleAddress(name));
    const source = pathSource(path);
    if (!source) throw failure('not-found', path, 'the sample checkpoint is not there');
    return source;
  },

  avifModule() {
    try {
      return (findAvif() ?? pathToFileURL(createRequire(import.meta.url).resolve(AVIF_FILE))).href;
    } catch {
      return null; // it is not installed
    }
  },

  trainingBuilds() {
    try {
      const folder = pathToFileURL(createRequire(import.meta.url).resolve(TRAINING_MANIFEST));
      const addressIn = (name: string): string => new URL(name, folder).href;
      return (
        findTraining(({ href }) => href) ??
        ofEachBuild((build) => ({
          script: addressIn(`beit-training-${scriptOf(build)}.js`),
          wasm: addressIn(`beit-training-${build}.wasm`),
        }))
      );
    } catch {
      return null; // it is not installed
    }
  },

  folderToWrite(path) {
    checkModelFolder(path);
    attemptWrite(path, () => mkdirSync(path, { recursive: true }));
    return {
      create(name, bytes) {
        const file = new FileInParts(join(path, name));
        file.begin(bytes);
        return { write: (offset, data) => file.write(offset, data), close: () => file.finish(), abort: () => file.abandon() };
      },
      remove: (name) => attemptWrite(join(path, name), () => rmSync(join(path, name), { force: true })),
    };
  },

  async readImage(address, signal) {
    if (address instanceof URL ? address.protocol !== 'file:' : isAddress(address)) {
      return fetchBytes(new URL(address), signal);
    }
    const path = address instanceof URL || address.startsWith('file:') ? new URL(address) : pathToFileURL(resolve(address));
    try {
      return await readFile(path, { signal: signal ?? undefined });
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') throw failure('not-found', String(address), 'there is no such file', error);
      throw failure('io', String(address), `the file cannot be read (${sentenceOf(error)})`, error);
    }
  },

  readAsset: readNodeAsset,
  findGpu: nodeGpu,
};
