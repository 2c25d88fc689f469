import { basename, dirname, join } from 'node:path';
import { createEngine } from '../api/engines.js';
import { mismatch } from '../base/errors.js';
import { CONVERSION_TYPES, convertedConfig, type ConversionType } from '../engine/conversion.js';
import { isTokenizerClass } from '../engine/model-names.js';
import { CONFIG_FILE, PROCESSOR_FILE, type Source } from '../sources/source.js';
import { readOptionalText } from '../sources/text.js';
import { oneOf, type CommandSpec } from './arguments.js';
import { openSource } from './downloads.js';
import { ENGINE_OPTIONS, engineOptions } from './engine-options.js';
import { checkModelFolder, FileInParts } from '../platform/written-file-node.js';
import { checkFolder, sameFile, writeTextFile } from './files.js';
import { CLASS_OPTIONS, modelSpec, WEIGHTS_OPTIONS } from './model-options.js';

export const convert: CommandSpec = {
  name: 'convert',
  summary: "writes a checkpoint as one safetensors file with transformers' names",
  operands: { name: 'SOURCE OUT.safetensors', least: 2, most: 2 },
  options: [
    { name: 'dtype', value: CONVERSION_TYPES.join('|'), help: 'the element type to write (default: f32)', parse: oneOf(CONVERSION_TYPES) },
    ...CLASS_OPTIONS,
    ...WEIGHTS_OPTIONS,
    ...ENGINE_OPTIONS.filter(({ name }) => name !== 'dtype'),
  ],
  details: [
    'SOURCE is of any container and naming: a hub id, a URL, a folder or a weights file. config.json is',
    'written beside OUT, and preprocessor_config.json where the source has one; files of these names',
    "there are replaced, but for those of the source itself and for what is no model's. int8 quantises what --dtype int8",
    'computes with whole numbers; vectors are F32 and all else is F16, so a base model takes a quarter of its f32 file.',
  ],
  async run(parsed) {
    const [from, out] = parsed.operands as [string, string];
    const folder = dirname(out);
    if (!out.endsWith('.safetensors'))
      throw mismatch('invalid-argument', 'OUT', JSON.stringify(out), 'a file name that ends with .safetensors');
    checkFolder(folder);
    checkModelFolder(folder, [CONFIG_FILE]);
    const { source, watch } = await openSource(from);
    const dtype = parsed.value<ConversionType>('dtype') ?? 'f32';
    const spec = { ...modelSpec(parsed), dtype: undefined }; // --dtype is that of the file
    const engine = await createEngine(engineOptions(parsed));
    const file = new FileInParts(out);
    try {
      const facts = await engine.convert(
        source,
        spec,
        dtype,
        {
          begin: (names, size, first) => {
            checkTargets(source, [...names, CONFIG_FILE, PROCESSOR_FILE], [out, join(folder, CONFIG_FILE), join(folder, PROCESSOR_FILE)]);
            file.begin(size);
            file.write(0, first);
          },
          write: (offset, data) => file.write(offset, data),
        },
        watch,
      );
      const { className, json, report, bytes } = facts;
      const processor = await readOptionalText(source, PROCESSOR_FILE, null, watch);
      file.finish();
      const written = [`${basename(out)} (${className}, ${dtype}, ${bytes} bytes)`];
      if (!isTokenizerClass(className)) {
        // which has no config of its own
        writeTextFile(join(folder, CONFIG_FILE), convertedConfig(json, facts, dtype, spec.layerNormEps));
        written.push(CONFIG_FILE);
      }
      if (processor !== null) {
        writeTextFile(join(folder, PROCESSOR_FILE), processor);
        written.push(PROCESSOR_FILE);
      }
      console.log(`from ${report.container} with names of ${report.dialect}; wrote ${written.join(', ')}`);
      if (report.unexpected.length > 0) console.log(`left out, since ${className} has no such tensor: ${report.unexpected.join(', ')}`);
      return 0;
    } finally {
      file.abandon();
      await engine.dispose();
    }
  },
};

/** Throws invalid-argument where a file to be written is one of the source's. */
function checkTargets(source: Source, names: readonly string[], targets: readonly string[]): void {
  const description = source.describe();
  if (description?.kind !== 'folder') return;
  for (const target of targets) {
    for (const name of names) {
      if (!sameFile(join(description.folder, name), target)) continue;
      throw mismatch('invalid-argument', 'OUT', `${target}, a file of the source, which would be overwritten`, 'another folder');
    }
  }
}
