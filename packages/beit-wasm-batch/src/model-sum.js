/** What a checkpoint is, in one number: SHA-256 of its files. */
import { createHash } from 'node:crypto';

const WEIGHTS = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
  'flax_model.msgpack',
];
const ENCODERS = ['encoder.safetensors', 'encoder.pkl'];

/** Returns the sum of a checkpoint, as hexadecimal digits; `tokenizer`: of DALL-E's encoder. Rejects as the source does. */
export async function modelSum(source, { tokenizer = false, signal } = {}) {
  const hash = createHash('sha256');
  const add = async (name) => {
    let text = '';
    let file;
    try {
      file = await source.open(name, signal);
    } catch (error) {
      if (error.code === 'not-found') return null;
      throw error;
    }
    try {
      hash.update(`${name}\n`);
      const isText = name.endsWith('.json');
      for await (const bytes of file.read(0, file.size < 0 ? Number.MAX_SAFE_INTEGER : file.size)) {
        hash.update(bytes);
        if (isText) text += Buffer.from(bytes).toString('latin1');
      }
      await file.finish?.();
    } finally {
      await file.close();
    }
    return text;
  };
  if (!tokenizer) {
    await add('config.json');
    await add('preprocessor_config.json');
  }
  const candidates = source.weightsName ? [source.weightsName] : tokenizer ? ENCODERS : WEIGHTS;
  for (const name of candidates) {
    const text = await add(name);
    if (text === null) continue;
    if (name.endsWith('.index.json')) for (const shard of new Set(Object.values(JSON.parse(text).weight_map)).values()) await add(shard);
    return hash.digest('hex');
  }
  // Under another name, which loading finds: the label has to do.
  return hash.update(source.label).digest('hex');
}
