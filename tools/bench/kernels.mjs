// The figures of the kernels: where they lie, and as what the documents show them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../places.mjs';
import { spread } from './statistics.mjs';

const FIGURES = join(root, 'tools', 'bench', 'kernels.json');
const DOCUMENT = join(root, 'ARCHITECTURE.md');
const BEGIN = '<!-- npm run bench:gemm -- --write -->\n';
const END = '<!-- end -->\n';

/** Of four products that base-224 has, the one that documents show. */
const SHOWN = '197 x 768 x 3072';

export const readFigures = () => JSON.parse(readFileSync(FIGURES, 'utf8'));

/** Returns { min, median, max } of rates as they are written down. */
export function summary(rates) {
  return Object.fromEntries(Object.entries(spread(rates)).map(([key, rate]) => [key, Number(rate.toFixed(1))]));
}

/** Returns the block of ARCHITECTURE.md, in Markdown, with its marks. */
export function blockOf({ machine, rounds, rows }) {
  const shown = rows.filter(({ product }) => product === SHOWN);
  const kernels = [...new Set(shown.map(({ kernel }) => kernel))];
  const lines = [...new Set(shown.map(({ variant, place }) => `${variant}, ${place}`))].map((title) => {
    const best = kernels.map((name) => shown.find(({ variant, place, kernel }) => `${variant}, ${place}` === title && kernel === name).max);
    return `| ${[title, ...best.map((rate) => rate.toFixed(0))].join(' | ')} |`;
  });
  return (
    `${BEGIN}\n| GFLOP/s | ${kernels.join(' | ')} |\n|${'---|'.repeat(kernels.length + 1)}\n${lines.join('\n')}\n\n` +
    `${machine}, one thread, ${SHOWN}, the best of ${rounds} readings in turn: what others take of a shared machine only lowers them. ` +
    `All are in [kernels.json](tools/bench/kernels.json).\n${END}`
  );
}

/** Returns what the guide of measurements says of them: on every product, build and place, the faster of ours against XNNPACK's. */
export function sentenceOf({ rows }) {
  const groups = [...new Set(rows.map(keyOf))].map((key) => rows.filter((row) => keyOf(row) === key));
  const range = (ours) => {
    const ratios = groups.map((group) => {
      const best = (wanted) => Math.max(...group.filter(({ kernel }) => wanted(kernel)).map(({ max }) => max));
      return best(ours) / best(isXnnpack);
    });
    return `${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)}`;
  };
  const places = [...new Set(rows.map(({ place }) => place.split(' ')[0]))];
  return (
    `The library's own kernels multiply the matrices of base-224 ${range((kernel) => /^(f32|Strassen)/.test(kernel))} times as fast as XNNPACK's f32 operator, ` +
    `in int8 ${range((kernel) => kernel === 'int8')} times (${places.slice(0, -1).join(', ')} and ${places.at(-1)}, with relaxed and with plain SIMD)`
  );
}

const isXnnpack = (kernel) => kernel.startsWith('XNNPACK');
const keyOf = ({ variant, place, product }) => `${variant}, ${place}, ${product}`;

/** Returns a document in parts: [what is before the block, the block, what is behind it]. */
export function partsOf(text) {
  const begin = text.indexOf(BEGIN),
    end = text.indexOf(END, begin);
  if (begin < 0 || end < 0) throw new Error(`ARCHITECTURE.md has no "${BEGIN.trim()}" with an "${END.trim()}" behind it.`);
  return [text.slice(0, begin), text.slice(begin, end + END.length), text.slice(end + END.length)];
}

/** Writes the figures down, one row a line, and what ARCHITECTURE.md shows of them. */
export function writeFigures(figures) {
  const { rows, ...facts } = figures;
  const head = JSON.stringify(facts, null, 1).slice(0, -2);
  writeFileSync(FIGURES, `${head},\n "rows": [\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(',\n')}\n ]\n}\n`);
  const [before, , behind] = partsOf(readFileSync(DOCUMENT, 'utf8'));
  writeFileSync(DOCUMENT, before + blockOf(figures) + behind);
}
