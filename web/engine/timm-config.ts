/** The config.json of timm's folders on a hub, of transformers' timm_wrapper, too: it names an architecture and has none of its sizes. */
import { mismatch } from '../base/errors.js';

export interface TimmConfig {
  architecture: string;
  label_names?: unknown;
  model_args?: { num_heads?: unknown } | null;
}

/** Returns what a text is where it is timm's config, else null. */
export function timmConfigOf(json: string): TimmConfig | null {
  let config: (Partial<TimmConfig> & { model_type?: unknown }) | null;
  try {
    config = JSON.parse(json);
  } catch {
    return null; // the core says what is wrong with it
  }
  const other = config?.model_type !== undefined && config.model_type !== 'timm_wrapper';
  return typeof config?.architecture === 'string' && !other ? (config as TimmConfig) : null;
}

/** Returns a config that was derived from tensors with what only timm's tells: the labels, and the heads where no table counts them. */
export function withTimm(derived: string, { label_names: names, model_args: given }: TimmConfig): string {
  const config = JSON.parse(derived) as Record<string, unknown>;
  if (typeof given?.num_heads === 'number') config['num_attention_heads'] = given.num_heads;
  const outputs = config['num_labels'];
  if (Array.isArray(names) && typeof outputs === 'number') {
    if (names.length !== outputs)
      throw mismatch('bad-config', 'label_names', `${names.length} labels`, `${outputs}, one for each output of the head`);
    config['id2label'] = Object.fromEntries(names.entries());
  }
  return JSON.stringify(config);
}
