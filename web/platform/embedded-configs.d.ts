/** The small files of the checkpoints that ship with the package, by name: the build makes this module of them. */
import type { EmbeddedName } from '../assets.js';

declare const configs: Record<EmbeddedName, Record<string, string>>;
export default configs;
