/** What a caller may have of each layer besides: hidden states, attentions, and the means of patches. */
import type { Check, Kit, PassWriter, Recorder } from './contract.js';
import type { Gpu } from './device.js';
import { padded, type ModelShape } from './shape.js';
import type { Buffers } from './steps.js';

/** Attention's probabilities: a row of scores a thread. */
const probabilities = (eachKernel: Kit['eachKernel']): string =>
  eachKernel(
    'tokens heads width rows columns biased padded',
    ['X:vec4f', 'B:f32', 'O:f32'],
    `let q=i%p.tokens;let h=i/p.tokens%p.heads;let first=i/p.tokens/p.heads*p.tokens;
let wide=p.heads*p.width;let x=(first+q)*3*wide+h*p.width;let o=i*p.padded;
let across=2*p.columns-1;let pairs=(2*p.rows-1)*across;
var top=-3.0e38;
for(var k=0u;k<p.tokens;k++){
let y=((first+k)*3+1)*wide+h*p.width;
var d=0.0;for(var c=0u;c<p.width;c++){d+=dot(X[x+c],X[y+c]);}
if(p.biased!=0){
var n=pairs+select(select(1u,0u,q==0),2u,q+k==0);
if(q>0&&k>0){n=((q-1)/p.columns+p.rows-1-(k-1)/p.columns)*across+(q-1)%p.columns+p.columns-1-(k-1)%p.columns;}
d+=B[h*(pairs+3)+n];
}
O[o+k]=d;top=max(top,d);
}
var total=0.0;
for(var k=0u;k<p.tokens;k++){let e=exp(O[o+k]-top);O[o+k]=e;total+=e;}
for(var k=0u;k<p.tokens;k++){O[o+k]/=total;}`,
  );

/** Returns what is tried of a GPU before its attentions are handed out. `width`: of a head, in vec4. */
function attentionChecks({ eachKernel, eachDraft, attention }: Kit, buffers: Buffers, width: number): Check[] {
  const [, { parameters, buffers: bound }, , expected] = attention(buffers, width);
  const [tokens, heads, ...rest] = parameters as number[];
  const row = padded(tokens!);
  const sizes = [tokens!, heads!, width, ...rest, row];
  const to = buffers.floats(expected.length);
  return [['attentions', eachDraft(probabilities(eachKernel), expected.length / row, sizes, [...bound.slice(0, 2), to]), expected]];
}

/** Returns what writes down outputs of these names. Rejects where a GPU is wrong in attentions that are wanted. */
export async function recorderOf(kit: Kit, gpu: Gpu, shape: ModelShape, names: string): Promise<Recorder> {
  const { eachKernel, MEAN, checkOnce } = kit;
  const { hiddenSize: channels, numHiddenLayers, numAttentionHeads: heads, headPadded } = shape;
  const [hidden, attentions, means] = ['hidden_states', 'attentions', 'pooled_states'].map((name) => names.includes(name));
  const wide = padded(channels);
  const rows = 1 + numHiddenLayers;
  const PROBABILITIES = probabilities(eachKernel);
  if (attentions) {
    const width = headPadded / 4;
    const wrong = await checkOnce(gpu, `attentions ${width}`, (buffers) => attentionChecks(kit, buffers, width));
    if (wrong) throw new Error(wrong);
  }
  let pooled: GPUBuffer;
  return {
    floats(tokens) {
      const scores = attentions ? heads * tokens * padded(tokens) : 0;
      const vectors = (hidden ? rows * tokens : 0) + (means ? rows : 0);
      return [scores, numHiddenLayers * scores + vectors * wide];
    },
    after({ buffers, states, grid, inputs: { batch }, each, norm, output }: PassWriter, index) {
      const tokens = 1 + grid.height * grid.width;
      if (hidden) output(`hidden_states.${index}`, states, [batch, tokens, channels]);
      if (!means) return;
      if (index === 0) pooled = buffers.floats(batch * rows * wide);
      each(MEAN, batch * wide, [wide, tokens, rows, index], states, pooled);
      if (index < numHiddenLayers) return;
      const normalized = buffers.floats(batch * rows * wide);
      norm(buffers.filled(new Float32Array(2 * wide).fill(1, 0, wide)), pooled, normalized, batch * rows);
      output('pooled_states', normalized, [batch, rows, channels]);
    },
    attended({ buffers, grid: { height, width }, inputs: { batch }, each, output }, index, queryKeyValue, table) {
      if (!attentions) return;
      const tokens = 1 + height * width;
      const scores = buffers.floats(batch * heads * tokens * padded(tokens));
      const parameters = [tokens, heads, headPadded / 4, height, width, table ? 1 : 0, padded(tokens)];
      each(PROBABILITIES, batch * heads * tokens, parameters, queryKeyValue, table ?? buffers.floats(4), scores);
      output(`attentions.${index}`, scores, [batch, heads, tokens, tokens]);
    },
  };
}
