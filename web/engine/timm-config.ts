/** The config.json of timm's folders on a hub, of transformers' timm_wrapper, too: it names an architecture and has none of its sizes. */
import { mismatch } from '../base/errors.js';
import { CONFIG_FILE } from '../sources/source.js';

/** What timm calls pretrained_cfg; older files have its fields and `labels` at their top. */
interface PretrainedConfig {
  label_names?: unknown;
  labels?: unknown;
  label_descriptions?: unknown;
  input_size?: unknown;
  interpolation?: unknown;
  crop_pct?: unknown;
  crop_mode?: unknown;
  mean?: unknown;
  std?: unknown;
}

export interface TimmConfig extends PretrainedConfig {
  architecture: string;
  model_args?: { num_heads?: unknown } | null;
  pretrained_cfg?: PretrainedConfig | null;
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

/** Returns the names of the outputs as timm's CustomDatasetInfo has them: a name's description where there is one. */
function labelsOf(config: TimmConfig): unknown[] | null {
  const inner = config.pretrained_cfg ?? config;
  const names = config.label_names ?? inner.label_names ?? inner.labels;
  if (!Array.isArray(names)) return null;
  const told = config.label_descriptions ?? inner.label_descriptions;
  const descriptions = new Map(typeof told === 'object' && told !== null ? Object.entries(told) : []);
  return names.map((name: unknown) => descriptions.get(String(name)) ?? name);
}

/** Returns a config that was derived from tensors with what only timm's tells: the labels, and the heads where no table counts them. */
export function withTimm(derived: string, timm: TimmConfig): string {
  const config = JSON.parse(derived) as Record<string, unknown>;
  const heads = timm.model_args?.num_heads;
  if (typeof heads === 'number') config['num_attention_heads'] = heads;
  const labels = labelsOf(timm),
    outputs = config['num_labels'];
  if (labels && typeof outputs === 'number') {
    if (labels.length !== outputs)
      throw mismatch('bad-config', 'label_names', `${labels.length} labels`, `${outputs}, one for each output of the head`);
    config['id2label'] = Object.fromEntries(labels.entries());
  }
  return JSON.stringify(config);
}

const DEFAULT_CROP_PCT = 0.875;
const isSide = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value > 0;

/** Returns the preprocessor_config.json of what timm's create_transform makes for evaluation (resolve_data_config, defaults and all). */
export function timmProcessorOf(timm: TimmConfig): string {
  const { input_size: size = [3, 224, 224], interpolation, crop_pct: given, crop_mode: mode, mean, std } = timm.pretrained_cfg ?? timm;
  const [, height, width] = Array.isArray(size) ? (size as unknown[]) : [];
  if (!isSide(height) || !isSide(width)) throw mismatch('bad-config', 'input_size', JSON.stringify(size), 'channels, height and width');
  const share = given ?? DEFAULT_CROP_PCT;
  if (typeof share !== 'number' || !(share > 0)) throw mismatch('bad-config', 'crop_pct', JSON.stringify(share), 'a number above 0');
  const squash = mode === 'squash';
  if (!squash && ((mode ?? 'center') !== 'center' || height !== width)) {
    throw mismatch(
      'unsupported',
      CONFIG_FILE,
      `crop_mode ${String(mode ?? 'center')} to ${height} x ${width}`,
      'center to a square, or squash',
    );
  }
  return JSON.stringify({
    image_processor_type: 'TimmWrapperImageProcessor',
    size: squash ? { height: Math.floor(height / share), width: Math.floor(width / share) } : { shortest_edge: Math.floor(height / share) },
    crop_size: { height, width },
    resample: interpolation === 'random' ? 'bilinear' : (interpolation ?? 'bicubic'),
    ...(mean ? { image_mean: mean } : {}),
    ...(std ? { image_std: std } : {}),
  });
}
