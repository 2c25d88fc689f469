/** What a caller may have of each layer besides: hidden states, attentions, and the means of patches. */
import type { Kit, PassWriter, Recorder } from './contract.js';
import { padded, type ModelShape } from './shape.js';

/** Returns what writes down outputs of these names. */
export function recorderOf({ eachKernel }: Kit, shape: ModelShape, names: string): Recorder {
  const { hiddenSize: channels, numHiddenLayers, numAttentionHeads: heads, headPadded } = shape;
  const [hidden, attentions, means] = ['hidden_states', 'attentions', 'pooled_states'].map((name) => names.includes(name));
  const wide = padded(channels);
  const rows = 1 + numHiddenLayers;
  // A row of scores a thread.
  const PROBABILITIES = eachKernel(
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
  const MEANS = eachKernel(
    'padded tokens rows row',
    ['X:f32', 'Y:f32'],
    `let first=i/p.padded*p.tokens;let c=i%p.padded;
var s=0.0;for(var r=1u;r<p.tokens;r++){s+=X[(first+r)*p.padded+c];}
Y[(i/p.padded*p.rows+p.row)*p.padded+c]=s/f32(p.tokens-1);`,
  );
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
      each(MEANS, batch * wide, [wide, tokens, rows, index], states, pooled);
      if (index < numHiddenLayers) return;
      const normalized = buffers.floats(batch * rows * wide);
      norm(buffers.filled(new Float32Array(2 * wide).fill(1, 0, wide)), pooled, normalized, batch * rows);
      output('pooled_states', normalized, [batch, rows, channels]);
    },
    attended({ buffers, grid: { height, width }, inputs: { batch }, each, output }, index, queryKeyValue, table) {
      if (!attentions) return;
      const tokens = 1 + height * width;
      const probabilities = buffers.floats(batch * heads * tokens * padded(tokens));
      const parameters = [tokens, heads, headPadded / 4, height, width, table ? 1 : 0, padded(tokens)];
      each(PROBABILITIES, batch * heads * tokens, parameters, queryKeyValue, table ?? buffers.floats(4), probabilities);
      output(`attentions.${index}`, probabilities, [batch, heads, tokens, tokens]);
    },
  };
}
