/** Weights that are kept in another form: made of what comes at the first load, and read from then on. */
import { tell } from '../base/callbacks.js';
import { BeitError, failure } from '../base/errors.js';
import type { Core } from '../core/core.js';
import { BlobFile } from '../sources/memory.js';
import type { Source } from '../sources/source.js';
import { BlobSink } from './conversion.js';
import type { LoadCallOptions, ModelSpec } from './engine.js';
import { convertModel, loadModel, type Offer, type WeightTaker } from './loader.js';
import { isTokenizerClass, weightsNamesOf } from './model-names.js';
import { partOf } from './progress.js';

// Of a load that also makes what is kept: reading that again from memory is little.
const MAKING = 0.9;

// A checkpoint that its own class cannot be made of may be good for another.
const NOT_FOR_ITS_CLASS: readonly string[] = ['unsupported', 'bad-config', 'missing-tensor', 'wrong-shape', 'wrong-type'];

/** Loads a model as loadModel() does, from what is kept of its weights in another form, where the source asks for that. */
export async function loadKept<Taker extends WeightTaker = never>(
  core: Core,
  source: Source,
  spec: ModelSpec,
  call: LoadCallOptions = {},
  offer?: Offer<Taker>,
): Promise<Awaited<ReturnType<typeof loadModel<Taker>>>> {
  const kept = await inKeptForm(core, source, spec, call);
  return loadModel(core, kept.source, spec, kept.call, offer);
}

/** Returns the source of a load, with weights as they are kept, and what is left of its call. */
async function inKeptForm(
  core: Core,
  source: Source,
  spec: ModelSpec,
  call: LoadCallOptions,
): Promise<{ source: Source; call: LoadCallOptions }> {
  const { kept } = source;
  if (!kept || isTokenizerClass(spec.className)) return { source, call };
  const { signal, onProgress, onWarning } = call;
  if (await kept.find(weightsNamesOf(spec, spec.className), signal, { onWarning })) return { source, call };
  const making = partOf(onProgress, 0, MAKING);
  const sink = new OneFile();
  try {
    // As what its config says, so that loads as other classes find all of it.
    const { configJson, layerNormEps, weights } = spec;
    await convertModel(core, source, { className: 'auto', configJson, layerNormEps, weights }, kept.form, sink, {
      ...call,
      onProgress: making && ((progress) => progress.phase !== 'ready' && making(progress)),
    });
  } catch (error) {
    kept.leave();
    if (!(error instanceof BeitError) || !NOT_FOR_ITS_CLASS.includes(error.code)) throw error;
    tell(onWarning, failure('unsupported', source.label, `it is kept as it comes, not as ${kept.form} (${error.message})`, error));
    return { source, call };
  }
  const name = sink.sources[0]!;
  const made = sink.finish();
  await kept.keep(name, made, signal, { onWarning });
  return { source: withWeights(source, name, made), call: { ...call, onProgress: partOf(onProgress, MAKING, 1) } };
}

/** Takes what is made of one file. */
class OneFile extends BlobSink {
  override begin(sources: readonly string[], bytes: number, first: Uint8Array): void {
    if (sources.length !== 1) throw failure('unsupported', sources.join(', '), 'weights in several files are kept as they come');
    super.begin(sources, bytes, first);
  }
}

function withWeights(source: Source, name: string, weights: Blob): Source {
  return {
    label: source.label,
    weightsName: source.weightsName ?? name,
    describe: () => null,
    open: async (wanted, signal, watch) => (wanted === name ? new BlobFile(name, weights) : source.open(wanted, signal, watch)),
  };
}
