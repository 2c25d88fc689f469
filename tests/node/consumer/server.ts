// A user's server, and a worker of theirs, in strict TypeScript that knows no DOM.
import { pipeline, type ImageInput, type SourceLike } from '../../../dist/index.js';

export async function label(source: SourceLike, image: ImageInput): Promise<string | undefined> {
  const classify = await pipeline('image-classification', source, { assets: '/beit/', threads: 1 });
  await classify(new Uint8Array());
  await classify({ width: 1, height: 1, channels: 3, data: new Uint8Array(3) });
  const [first] = await classify(image);
  return first?.label;
}

export async function mistakes(): Promise<void> {
  const classify = await pipeline('image-classification');
  // @ts-expect-error: no image
  await classify(42);
  // @ts-expect-error: no image
  await classify({ foo: 1 });
  // @ts-expect-error: no source
  await pipeline('image-classification', 17);
}
