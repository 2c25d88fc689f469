/** The kernels of DALL-E's tokenizer that nothing else has. Reference: map_pixels and unmap_pixels of the DALL-E repository. */
import type { Kit } from './contract.js';

export interface TokenizerKernels {
  /** The 3 x 7 x 7 numbers of 0 to 1, moved away from both, around each pixel as rows, padded. */
  WINDOWS: string;
  /** Tokens as rows of a table, with biases. */
  EMBED: string;
  /** A map at twice its size. */
  DOUBLE: string;
  /** Of each row, the place of the first of its largest. */
  LARGEST: string;
  /** The pixels of 0 to 1, by channel, that a decoder's rows stand for. */
  PICTURE: string;
}

export const tokenizerKernels = ({ eachKernel }: Kit): TokenizerKernels => ({
  WINDOWS: eachKernel(
    'width height',
    ['X:f32', 'Y:f32'],
    `let e=i%148;let n=i/148;
let y=n/p.width+e%49/7-3;let x=n%p.width+e%7-3;
var v=0.0;if(e<147&&y<p.height&&x<p.width){v=0.8*X[(e/49*p.height+y)*p.width+x]+0.1;}
Y[i]=v;`,
  ),
  EMBED: eachKernel(
    'padded',
    ['X:f32', 'B:f32', 'T:u32', 'Y:f32'],
    `let c=i%p.padded;
Y[i]=X[T[i/p.padded]*p.padded+c]+B[c];`,
  ),
  DOUBLE: eachKernel(
    'padded width',
    ['X:f32', 'Y:f32'],
    `let n=i/p.padded;
Y[i]=X[(n/p.width/2*(p.width/2)+n%p.width/2)*p.padded+i%p.padded];`,
  ),
  LARGEST: eachKernel(
    'padded columns',
    ['X:f32', 'Y:f32'],
    `let o=i*p.padded;
var best=0u;for(var c=1u;c<p.columns;c++){if(X[o+c]>X[o+best]){best=c;}}
Y[i]=f32(best);`,
  ),
  PICTURE: eachKernel(
    'padded pixels row',
    ['X:f32', 'Y:f32'],
    `let x=X[min(i%p.row,p.pixels-1)*p.padded+i/p.row];
Y[i]=clamp((1/(1+exp(-x))-0.1)/0.8,0,1);`,
  ),
});
