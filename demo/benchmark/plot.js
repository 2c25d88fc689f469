// @ts-check
/** Times as a plot: a bar to the median, a whisker from the fastest to the slowest. */
import { duration } from '../page/format.js';
import { draw } from '../page/svg.js';

/** @import { Timing } from './measure.js' */

const ROW = 34;
const NAMES = 150;
const VALUES = 80;
// Narrower than this, bars say nothing.
const LEAST_WIDTH = 300;

/**
 * Returns the plot. Its text says the same as the table beside it.
 * @param {readonly Timing[]} timings
 * @param {number} room how wide it may be, in pixels
 * @returns {SVGSVGElement}
 */
export function plotOf(timings, room) {
  const width = Math.max(room, LEAST_WIDTH);
  const most = Math.max(...timings.map(({ slowest }) => slowest));
  const x = (/** @type {number} */ milliseconds) => NAMES + (milliseconds / most) * (width - NAMES - VALUES);
  const best = Math.min(...timings.map(({ median }) => median));
  const height = timings.length * ROW + 8;
  const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', class: 'times-plot' });
  const title = draw('title', {});
  title.textContent = `Median time of a pass: ${timings.map(nameAndTime).join('; ')}.`;
  svg.append(title);
  for (const [row, timing] of timings.entries()) {
    const { build, threads, gpu, median, fastest, slowest } = timing;
    const middle = row * ROW + ROW / 2 + 4;
    const name = draw('text', { x: NAMES - 12, y: middle, class: 'name' });
    name.textContent = gpu ? 'GPU' : `${build}, ${threads}`;
    const bar = draw('rect', {
      x: NAMES,
      y: middle - 9,
      width: Math.max(x(median) - NAMES, 1),
      height: 18,
      rx: 4,
      class: median === best ? 'time best' : 'time',
    });
    const whisker = draw('path', {
      d: `M${x(fastest)} ${middle}H${x(slowest)}M${x(fastest)} ${middle - 5}v10M${x(slowest)} ${middle - 5}v10`,
      class: 'whisker',
    });
    const value = draw('text', { x: x(slowest) + 8, y: middle, class: 'value' });
    value.textContent = duration(median);
    svg.append(name, bar, whisker, value);
  }
  return svg;
}

/** @param {Timing} timing */
function nameAndTime({ build, threads, gpu, median }) {
  return gpu ? `the GPU, ${duration(median)}` : `${build} with ${threads === 1 ? 'one thread' : `${threads} threads`}, ${duration(median)}`;
}
