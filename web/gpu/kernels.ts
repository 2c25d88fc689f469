/**
 * The kernels, as WGSL. All values are f32. Rows of states and weights are padded with zeros to a multiple of four, so that both operands
 * of a product are read as vec4 along what is summed; weights lie as they do in files, an output a row.
 */

import { RUNS } from './gather.js';

/** A product's tile: `rows` x `columns` outputs a workgroup, 4 x 4 a thread. */
export interface Tile {
  rows: number;
  columns: number;
}

/** Small products need many workgroups to fill a GPU, large ones few reads. */
export const TILES: readonly Tile[] = [
  { rows: 64, columns: 64 },
  { rows: 32, columns: 32 },
];

// vec4 of what is summed that a tile holds at a time, and outputs of a thread each way.
const DEPTH = 4;
const SIDE = 4;

/** Declares a kernel's parameters, whole numbers where nothing else is said, and its buffers, of which the last is written. */
function declare(fields: string, ...buffers: string[]): string {
  const member = (field: string): string => (field.includes(':') ? field : `${field}:u32`);
  const buffer = (text: string, i: number): string =>
    `@group(0)@binding(${i + 1})var<storage,read${i + 1 < buffers.length ? '' : '_write'}>${text.replace(':', ':array<')}>;`;
  return `struct P{${fields.split(' ').map(member).join()}}@group(0)@binding(0)var<uniform>p:P;${buffers.map(buffer).join('')}`;
}

/** How many threads work on what has one for each element. */
export const THREADS = 64;

// Abramowitz and Stegun, 7.1.26: off by 1.5e-7 at most.
const ERF_GELU = `let z=x*0.70710678;let a=abs(z);let t=1/(1+0.3275911*a);
let e=1-((((1.061405429*t-1.453152027)*t+1.421413741)*t-0.284496736)*t+0.254829592)*t*exp(-a*a);
return 0.5*x*(1+sign(z)*e);`;
const TANH_GELU = 'return 0.5*x*(1+tanh(clamp(0.79788456*(x+0.044715*x*x*x),-15,15)));';

/** [the config's name, the function]; a product is told its number, one more than its place. */
const ACTIVATIONS = [
  ['gelu', ERF_GELU],
  ['gelu_new', TANH_GELU],
  ['gelu_pytorch_tanh', TANH_GELU],
  ['relu', 'return max(x,0);'],
  ['silu', 'return x/(1+exp(-x));'],
] as const;

/** Returns the number by which products know an activation; 0 for one that they do not. */
export function activationNumber(name: string): number {
  return 1 + ACTIVATIONS.findIndex(([known]) => known === name);
}

/** How weights are stored. */
export interface Packing {
  /** What holds four of them in WGSL, in how many bytes, and as which vec4f `W[m*p.depth+k]` is read. */
  type: string;
  bytes: number;
  value: string;
  /** Whether it is for all matrices that are one tensor, not only for those of layers. */
  everywhere?: boolean;
  /** Returns rows of `length` weights as they are stored, and what each row is then to be multiplied by. */
  pack(values: Float32Array, length: number): { stored: Float32Array | Int8Array | Uint16Array; scales?: Float32Array };
}

/** Weights as they come. */
export const FLOATS: Packing = {
  type: 'vec4f',
  bytes: 16,
  value: 'W[m*p.depth+k]',
  pack: (stored) => ({ stored }),
};

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/**
 * out = factor * activation(scale * a * weights^T + bias), or that added to what is there. Rows come in runs of `perRun`, which lie `inStride`
 * and `outStride` rows from each other in the two. V has biases, factors and scales, one behind the other.
 */
export function productKernel({ rows, columns }: Tile, { before, valid, operand } = RUNS, { type, value } = FLOATS): string {
  const across = columns / SIDE,
    down = rows / SIDE;
  const threads = across * down;
  const load = (name: string, count: number, first: string, there: string, from: string): string =>
    `for(var i=t;i<${count * DEPTH}u;i+=${threads}u){let r=i/${DEPTH}u;let k=k0+i%${DEPTH}u;var v=vec4f();let m=${first}+r;
${there}&&k<p.depth){v=${from};}${name}[i%${DEPTH}u*${count}u+r]=v;}`;
  return `${declare('rows columns padded depth activation add perRun inStride inBegin outStride outBegin', 'A:vec4f', `W:${type}`, 'V:f32', 'O:f32')}
var<workgroup>As:array<vec4f,${rows * DEPTH}>;
var<workgroup>Ws:array<vec4f,${columns * DEPTH}>;
fn act(x:f32)->f32{switch(p.activation){
${ACTIVATIONS.map(([, code], i) => `case ${i + 1}u:{${code}}`).join('\n')}
default:{return x;}}}
fn put(m:u32,n:u32,sum:f32){
if(m>=p.rows||n>=p.padded){return;}
var v=act(sum*V[2*p.padded+n]+V[n])*V[p.padded+n];
let o=(m/p.perRun*p.outStride+m%p.perRun+p.outBegin)*p.padded+n;
if(p.add!=0){v+=O[o];}
O[o]=select(0.0,v,n<p.columns);
}
@compute@workgroup_size(${across},${down})
fn main(@builtin(workgroup_id)g:vec3u,@builtin(local_invocation_id)l:vec3u,@builtin(local_invocation_index)t:u32){
let m0=g.y*${rows}u;let n0=g.x*${columns}u;
${range(SIDE)
  .map((r) => `var c${r}=vec4f();`)
  .join('')}
for(var k0=0u;k0<p.depth;k0+=${DEPTH}u){
${load('As', rows, 'm0', `${before}if(${valid}`, operand)}
${load('Ws', columns, 'n0', 'if(m<p.columns', value)}
workgroupBarrier();
for(var k=0u;k<${DEPTH}u;k++){
${range(SIDE)
  .map((s) => `let b${s}=Ws[k*${columns}u+${s * across}u+l.x];`)
  .join('')}
${range(SIDE)
  .map((r) => `let a${r}=As[k*${rows}u+${r * down}u+l.y];c${r}+=vec4f(dot(a${r},b0),dot(a${r},b1),dot(a${r},b2),dot(a${r},b3));`)
  .join('\n')}
}
workgroupBarrier();
}
let c=array<vec4f,${SIDE}>(c0,c1,c2,c3);
for(var r=0u;r<${SIDE}u;r++){for(var s=0u;s<${SIDE}u;s++){put(m0+r*${down}u+l.y,n0+s*${across}u+l.x,c[r][s]);}}
}`;
}

/** LayerNorm of each `stride`-th row: gammas, then betas in G. The sums of squares are of differences from the mean. */
export const NORM = `${declare('channels padded stride eps:f32', 'X:f32', 'G:f32', 'Y:f32')}
var<workgroup>part:array<f32,${THREADS}>;
fn total(v:f32,t:u32)->f32{
part[t]=v;workgroupBarrier();
for(var s=${THREADS / 2}u;s>0;s/=2){if(t<s){part[t]+=part[t+s];}workgroupBarrier();}
let sum=part[0];workgroupBarrier();return sum;
}
@compute@workgroup_size(${THREADS})
fn main(@builtin(workgroup_id)g:vec3u,@builtin(local_invocation_index)t:u32){
let x=g.x*p.stride*p.padded;let y=g.x*p.padded;
var s=0.0;for(var c=t;c<p.channels;c+=${THREADS}){s+=X[x+c];}
let mean=total(s,t)/f32(p.channels);
s=0.0;for(var c=t;c<p.channels;c+=${THREADS}){let d=X[x+c]-mean;s+=d*d;}
let f=inverseSqrt(total(s,t)/f32(p.channels)+p.eps);
for(var c=t;c<p.padded;c+=${THREADS}){
var v=0.0;if(c<p.channels){v=(X[x+c]-mean)*f*G[c]+G[p.padded+c];}
Y[y+c]=v;
}
}`;

// Keys and values that a workgroup holds at a time take at most 12 kB of the 16 that every device has.
const ATTENTION_VECTORS = 384;

/** The widest head that attention takes, in vec4. */
export const WIDEST_HEAD = 64;

/**
 * Attention of a query a thread, heads padded to `width` vec4 each, over keys and values in small groups: no array of tokens x tokens is made.
 * The relative position bias of a pair is read from its table (heads, distances) by the difference of two places.
 */
export function attentionKernel(width: number): string {
  const group = Math.min(16, Math.floor(ATTENTION_VECTORS / width));
  return `${declare('tokens heads rows columns biased', 'X:vec4f', 'B:f32', 'O:vec4f')}
const D=${width}u;const G=${group}u;
var<workgroup>K:array<vec4f,D*G>;var<workgroup>V:array<vec4f,D*G>;var<workgroup>place:array<u32,G>;
fn go(n:u32)->u32{let i=n-1;return i/p.columns*(2*p.columns-1)+i%p.columns;}
fn bias(q:u32,far:u32,k:u32,j:u32,h:u32)->f32{
if(p.biased==0){return 0;}
let pairs=(2*p.rows-1)*(2*p.columns-1);
var i=far-place[j];
if(q==0){i=pairs+select(0u,2u,k==0);}else if(k==0){i=pairs+1;}
return B[h*(pairs+3)+i];
}
@compute@workgroup_size(${THREADS})
fn main(@builtin(workgroup_id)g:vec3u,@builtin(local_invocation_index)t:u32){
let h=g.y;let q=g.x*${THREADS}+t;let wide=p.heads*D;let first=g.z*p.tokens;let ok=q<p.tokens;
var far=0u;if(q>0){far=go(q)+(p.rows-1)*(2*p.columns-1)+p.columns-1;}
var Q:array<vec4f,D>;var sums:array<vec4f,D>;var top=-3.0e38;var total=0.0;
if(ok){for(var i=0u;i<D;i++){Q[i]=X[(first+q)*3*wide+h*D+i];}}
for(var k0=0u;k0<p.tokens;k0+=G){
let n=min(G,p.tokens-k0);
for(var i=t;i<n*D;i+=${THREADS}){let r=(first+k0+i/D)*3*wide+h*D+i%D;K[i]=X[r+wide];V[i]=X[r+2*wide];}
if(t<n){var at=0u;if(k0+t>0){at=go(k0+t);}place[t]=at;}
workgroupBarrier();
if(ok){
var s:array<f32,G>;var most=top;
for(var j=0u;j<n;j++){
var d=0.0;for(var i=0u;i<D;i++){d+=dot(Q[i],K[j*D+i]);}
s[j]=d+bias(q,far,k0+j,j,h);most=max(most,s[j]);
}
let f=exp(top-most);top=most;total*=f;for(var i=0u;i<D;i++){sums[i]*=f;}
for(var j=0u;j<n;j++){let e=exp(s[j]-most);total+=e;for(var i=0u;i<D;i++){sums[i]=fma(vec4f(e),V[j*D+i],sums[i]);}}
}
workgroupBarrier();
}
if(ok){for(var i=0u;i<D;i++){O[(first+q)*wide+h*D+i]=sums[i]/total;}}
}`;
}

/** Returns a kernel that has a thread for each of `count` elements, in as many rows of workgroups as it takes. */
export function eachKernel(fields: string, buffers: readonly string[], body: string, functions = ''): string {
  return `${declare(`count ${fields}`, ...buffers)}${functions}
@compute@workgroup_size(${THREADS})
fn main(@builtin(workgroup_id)g:vec3u,@builtin(num_workgroups)w:vec3u,@builtin(local_invocation_index)t:u32){
let i=(g.y*w.x+g.x)*${THREADS}+t;if(i>=p.count){return;}
${body}}`;
}

/** The patches of images (batch, channels, height, width) as rows (batch * patches, padded). */
export const PATCHES = eachKernel(
  'padded height width channels patchHeight patchWidth',
  ['X:f32', 'Y:f32'],
  `let e=i%p.padded;let n=i/p.padded;
let across=p.width/p.patchWidth;let patches=p.height/p.patchHeight*across;
let s=p.patchHeight*p.patchWidth;let c=e/s;
let y=n%patches/across*p.patchHeight+e%s/p.patchWidth;let x=n%patches%across*p.patchWidth+e%p.patchWidth;
var v=0.0;if(c<p.channels){v=X[((n/patches*p.channels+c)*p.height+y)*p.width+x];}
Y[i]=v;`,
);

/** Makes tokens of embedded patches: the class token before them, the mask token (behind it in E) where a patch is masked, positions. */
export const TOKENS = eachKernel(
  'padded tokens positions',
  ['E:f32', 'S:f32', 'M:u32', 'X:f32'],
  `let c=i%p.padded;let token=i/p.padded%p.tokens;let image=i/p.padded/p.tokens;
var v=X[i];
if(token==0){v=E[c];}else if(M[image*(p.tokens-1)+token-1]!=0){v=E[p.padded+c];}
if(p.positions!=0){v+=S[token*p.padded+c];}
X[i]=v;`,
);

/** The mean of an image's patches, without its class token, as one of `rows` rows. */
export const MEAN = eachKernel(
  'padded tokens rows row',
  ['X:f32', 'Y:f32'],
  `let n=i/p.padded;let c=i%p.padded;
var s=0.0;for(var r=1u;r<p.tokens;r++){s+=X[(n*p.tokens+r)*p.padded+c];}
Y[(n*p.rows+p.row)*p.padded+c]=s/f32(p.tokens-1);`,
);
