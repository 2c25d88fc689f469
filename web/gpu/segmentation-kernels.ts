/** The kernels of the segmentation head and of its labels. Maps are rows (height * width, padded channels) of one image. */
import type { Kit } from './contract.js';
import { halvingKernel } from './planes.js';

/** The two rows or columns of a smaller map between which one lies, and its share of the second. Reference: torch, align_corners=False. */
const PAIR = `fn pair(at:u32,small:u32,large:u32)->vec3f{
let e=f32(small-1);let q=max(0,(f32(at)+0.5)*(f32(small)/f32(large))-0.5);let f=min(floor(q),e);return vec3f(f,min(f+1,e),q-f);}`;

/** By what they do; `LABELS` writes labels as floats, and their scores behind them. */
export interface SegmentationKernels {
  WIDEN: string;
  MAXIMUM: string;
  MEANS: string;
  LABELS: string;
}

export function segmentationKernels(kit: Kit): SegmentationKernels {
  const { eachKernel } = kit;
  const WIDEN = eachKernel(
    'padded width height smallWidth smallHeight taps down relu',
    ['X:vec4f', 'Y:vec4f'],
    `let x=i/p.padded%p.width;let y=i/p.padded/p.width+p.down-p.taps/2;
var v=Y[i];
if(y<p.height){
let r=pair(y,p.smallHeight,p.height);let above=u32(r.x)*p.smallWidth;let below=u32(r.y)*p.smallWidth;
for(var t=0u;t<p.taps;t++){
let at=x+t-p.taps/2;if(at>=p.width){continue;}
let s=pair(at,p.smallWidth,p.width);let a=u32(s.x);let b=u32(s.y);
let n=p.taps*p.padded;let o=t*p.padded+i%p.padded;
v+=mix(mix(X[(above+a)*n+o],X[(above+b)*n+o],s.z),mix(X[(below+a)*n+o],X[(below+b)*n+o],s.z),r.z);
}}
Y[i]=select(v,max(v,vec4f()),p.relu!=0);`,
    PAIR,
  );
  const MEANS = eachKernel(
    'padded width height scale',
    ['X:f32', 'Y:f32'],
    `let x=i/p.padded%p.scale;let y=i/p.padded/p.scale;
let left=x*p.width/p.scale;let right=((x+1)*p.width+p.scale-1)/p.scale;
let top=y*p.height/p.scale;let bottom=((y+1)*p.height+p.scale-1)/p.scale;
var s=0.0;for(var a=top;a<bottom;a++){for(var b=left;b<right;b++){s+=X[(a*p.width+b)*p.padded+i%p.padded];}}
Y[i]=s/f32((bottom-top)*(right-left));`,
  );
  const LABELS = eachKernel(
    'width height smallWidth smallHeight labels padded row scores',
    ['X:f32', 'Y:f32'],
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
Y[i]=f32(best);
if(p.scores!=0){Y[p.count+i]=1/total;}`,
    PAIR,
  );
  return { WIDEN, MAXIMUM: halvingKernel(kit), MEANS, LABELS };
}
