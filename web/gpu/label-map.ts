/** The labels of a segmentation's pixels at any size, found where the logits are. */
import type { FeatureMap, Kit, LabelledPixels, MapWanted } from './contract.js';
import { USE, type Gpu } from './device.js';
import { PAIR } from './segmentation.js';
import { padded } from './shape.js';

// Read back at a time: 8 MB of labels, and as much of scores.
const MOST_PIXELS = 2 ** 21;

/** Returns the label of each pixel at a size: that of the largest logit, resized bilinearly, the first of equals. Some rows at a time. */
export async function labelPixels(
  kit: Kit,
  gpu: Gpu,
  { height, width, values }: FeatureMap,
  labels: number,
  { size, scores: withScores }: MapWanted,
  signal: AbortSignal | null | undefined,
): Promise<LabelledPixels> {
  const { eachDraft, pipelinesOf, encode } = kit;
  const code = kit.eachKernel(
    'width height smallWidth smallHeight labels padded row scores',
    ['X:f32', 'Y:u32'],
    `let r=pair(p.row+i/p.width,p.smallHeight,p.height);let s=pair(i%p.width,p.smallWidth,p.width);
let above=u32(r.x)*p.smallWidth;let below=u32(r.y)*p.smallWidth;
let o=vec4u(above+u32(s.x),above+u32(s.y),below+u32(s.x),below+u32(s.y))*p.padded;
let f=vec4f((1-r.z)*(1-s.z),(1-r.z)*s.z,r.z*(1-s.z),r.z*s.z);
var best=0u;var top=-3.0e38;var total=0.0;
for(var l=0u;l<p.labels;l++){
let v=dot(f,vec4f(X[o.x+l],X[o.y+l],X[o.z+l],X[o.w+l]));
let higher=v>top;let most=select(top,v,higher);
if(p.scores!=0){total=total*exp(top-most)+exp(v-most);}
if(higher){best=l;top=v;}
}
Y[i]=best;
if(p.scores!=0){Y[p.count+i]=bitcast<u32>(1/total);}`,
    PAIR,
  );
  const wanted = size ?? { height, width };
  const band = Math.min(wanted.height, Math.max(1, Math.floor(MOST_PIXELS / wanted.width)));
  const result = {
    ...wanted,
    labels: new Uint16Array(wanted.height * wanted.width),
    scores: withScores ? new Float32Array(wanted.height * wanted.width) : null,
  };
  const buffers = new kit.Buffers(gpu);
  try {
    const bytes = 4 * band * wanted.width * (withScores ? 2 : 1);
    const [found, read] = await gpu.checked(() => [
      buffers.make(bytes, USE.storage | USE.source),
      buffers.make(bytes, USE.read | USE.target),
    ]);
    for (let row = 0; row < wanted.height; row += band) {
      if (signal?.aborted) throw signal.reason;
      const count = Math.min(band, wanted.height - row) * wanted.width;
      const parameters = [wanted.width, wanted.height, width, height, labels, padded(labels), row, withScores ? 1 : 0];
      const draft = eachDraft(code, count, parameters, [values, found!]);
      const steps = [draft, { from: found!, at: 0, bytes: 4 * count * (withScores ? 2 : 1) }];
      const pipelines = await pipelinesOf(gpu, steps);
      await gpu.checked(() => gpu.device.queue.submit([encode(gpu.device, buffers.bound(steps, pipelines), read!)]));
      await read!.mapAsync(1);
      const range = read!.getMappedRange();
      result.labels.set(new Uint32Array(range, 0, count), row * wanted.width);
      result.scores?.set(new Float32Array(range, 4 * count, count), row * wanted.width);
      read!.unmap();
    }
    return result;
  } finally {
    buffers.destroy();
  }
}
