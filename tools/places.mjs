// Folders and the machine's size.
import { homedir, availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where set-up puts tools and third-party sources: outside git, shared by all checkouts. */
export const tools = resolve(process.env.BEIT_TOOLS || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'beit-wasm'));

/** Unpacked third-party sources, one folder each: CMake's BEIT_DEPS_DIR. */
export const sources = join(tools, 'sources');

/** Processes that run at once. */
export const jobs = availableParallelism();
