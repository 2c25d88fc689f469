// A user's page in strict TypeScript, with DOM's library and nothing else.
import {
  BeitError,
  BeitForImageClassification,
  BeitImageProcessor,
  BeitModel,
  blockMask,
  cache,
  createEngine,
  type DalleTokenizer,
  isolatePage,
  OutOfMemoryError,
  pipeline,
  runtimeInfo,
  type CachedFile,
  type Classification,
  type MaskedImagePrediction,
  type PatchMask,
  type Progress,
  type RawImage,
  type Source,
  type Tensor,
} from '../../../dist/index.js';

export async function labels(file: File, canvas: HTMLCanvasElement, frame: VideoFrame, signal: AbortSignal): Promise<Classification[]> {
  const onProgress = ({ phase, loaded, total }: Progress): void => console.log(phase, loaded / total);
  const classify = await pipeline('image-classification', 'microsoft/beit-base-patch16-224', {
    dtype: 'f32',
    threads: 'auto',
    build: 'auto',
    worker: true,
    signal,
    onProgress,
  });
  const several: Classification[][] = await classify([file, canvas, frame], { topK: 3, signal });
  const one: Classification[] = await classify('https://example.org/a.png');
  classify[Symbol.dispose]();
  await classify.dispose();
  return [...one, ...several.flat()];
}

export async function states(source: Source, pixels: Float32Array): Promise<Tensor[]> {
  const engine = await createEngine({ threads: 2 });
  const model = await BeitModel.fromPretrained(source, { engine, addPoolingLayer: false });
  const { lastHiddenState, poolerOutput, hiddenStates } = await model.forward(
    { pixelValues: { dims: [1, 3, 224, 224], data: pixels } },
    { outputHiddenStates: true },
  );
  const size: number = model.config.imageSize.height + model.estimate.weights;
  console.log(size, poolerOutput?.dims, model.loading.unexpected, runtimeInfo().reason);
  return [lastHiddenState, ...(hiddenStates ?? [])];
}

export async function loss(files: FileList, image: ImageData): Promise<number> {
  const processor = await BeitImageProcessor.fromPretrained(files);
  const model = await BeitForImageClassification.fromPretrained({ 'config.json': new Uint8Array(), 'model.safetensors': new Uint8Array() });
  try {
    const output = await model.forward({ ...(await processor.preprocess(image)), labels: { dims: [1], data: Int32Array.of(3) } });
    return output.loss?.data[0] ?? 0;
  } catch (error) {
    if (error instanceof BeitError && error.code === 'wrong-shape') return NaN;
    throw error;
  }
}

export async function hidden(file: File, tokenizer: DalleTokenizer): Promise<RawImage | undefined> {
  const mask: PatchMask = blockMask({ height: 14, width: 14, ratio: 0.4, seed: 7 });
  const predict = await pipeline('masked-image-modeling', 'microsoft/beit-base-patch16-224-pt22k', { tokenizer });
  const found: MaskedImagePrediction = await predict(file, { mask, pictures: true });
  const again = await pipeline('masked-image-modeling', file, { tokenizer: { encoder: file, decoder: 'https://example.org/decoder.pkl' } });
  console.log(
    found.accuracy?.toFixed(3),
    found.predictions.map(({ token, probability }) => token * probability),
    again.tokenizer?.vocabSize,
  );
  const segment = await pipeline('image-segmentation', file, { taps: 'original' });
  console.log((await segment(file)).legend.length);
  return found.reconstruction;
}

export async function kept(event: DragEvent, stream: ReadableStream<Uint8Array>): Promise<string> {
  if ((await isolatePage('isolation-worker.js')) === 'reloading' || !event.dataTransfer) return '';
  const dropped = await pipeline('image-classification', event.dataTransfer, {
    cache: false,
    maximumMemory: 2 ** 30,
    restart: false,
    onWarning: ({ code }) => console.log(code === 'quota' || code === 'engine-lost'),
  });
  await dropped.dispose();
  const classify = await pipeline(
    'image-classification',
    { 'model.safetensors': stream },
    { retry: { attempts: 2 }, sha256: {}, offline: true },
  ).catch((error: unknown) => (error instanceof OutOfMemoryError ? error.needed - error.available : null));
  const files: CachedFile[] = await cache.list();
  return `${typeof classify} ${await cache.delete('owner/name')} ${files.map(({ source, bytes }) => `${source} ${bytes}`).join()}`;
}

export function mistakes(model: BeitModel): void {
  // @ts-expect-error: no such task
  void pipeline('image-to-poem');
  // @ts-expect-error: only masked images need a tokenizer
  void pipeline('image-classification', null, { tokenizer: 'x' });
  // @ts-expect-error: no such build
  void createEngine({ build: 'avx' });
  // @ts-expect-error: an array is no Float32Array
  void model.forward({ pixelValues: { dims: [1], data: [1] } });
  // @ts-expect-error: no such code
  console.log(new BeitError('odd', 'No.'));
}
