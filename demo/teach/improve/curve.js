// @ts-check
/** How a model gets better, as two plots: accuracy and loss of the pictures set apart, against the head's line. */
import { percent } from '../../page/format.js';
import { draw } from '../../page/svg.js';

/** @import { Facts } from './run.js' */

const HEIGHT = 132;
const LEFT = 54;
const RIGHT = 10;
const TOP = 24;
const BOTTOM = 22;
const LEAST_WIDTH = 240;

/**
 * @typedef {object} Plotted
 * @property {string} title
 * @property {number[]} values of the points
 * @property {number} line the head's
 * @property {number} low of the axis
 * @property {number} high
 * @property {(value: number) => string} say
 */

/**
 * Returns the plots. Their texts say what is to be seen in them.
 * @param {Facts} facts with a head that has been judged
 * @param {number} room how wide they may be, in pixels
 */
export function curvesOf(facts, room) {
  const { points, head, best } = facts;
  if (!head) return [];
  const accuracies = points.map(({ accuracy }) => accuracy);
  const losses = points.map(({ loss }) => loss);
  const high = Math.min(Math.max(head.accuracy, ...accuracies) + 0.05, 1);
  const low = Math.max(Math.min(head.accuracy, ...accuracies, high - 0.1) - 0.05, 0);
  const most = Math.max(head.loss, ...losses, 0.1);
  return [
    plot({ title: 'Right of those set apart', values: accuracies, line: head.accuracy, low, high, say: percent }, facts, room, best),
    plot(
      { title: 'Loss, lower is better', values: losses, line: head.loss, low: 0, high: most * 1.08, say: (value) => value.toFixed(2) },
      facts,
      room,
      best,
    ),
  ];
}

/**
 * @param {Plotted} plotted
 * @param {Facts} facts
 * @param {number} room
 * @param {Facts['best']} best
 * @returns {SVGSVGElement}
 */
function plot({ title, values, line, low, high, say }, { points, steps }, room, best) {
  const width = Math.max(room, LEAST_WIDTH);
  const x = (/** @type {number} */ step) => LEFT + (step / Math.max(steps, 1)) * (width - LEFT - RIGHT);
  const y = (/** @type {number} */ value) => TOP + ((high - value) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  const svg = draw('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', class: 'curve' });
  const last = values.at(-1);
  const text = draw('title', {});
  text.textContent =
    `${title}: the head ${say(line)}` +
    (last === undefined ? '.' : `, the trained model ${say(last)} after ${points.at(-1)?.step} of ${steps} steps.`);
  const label = (/** @type {string} */ words, /** @type {Record<string, string | number>} */ where) => {
    const element = draw('text', where);
    element.textContent = words;
    return element;
  };
  svg.append(
    text,
    label(title, { x: 0, y: 12, class: 'title' }),
    draw('path', { d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${width - RIGHT}`, class: 'axis' }),
    label(say(high), { x: LEFT - 6, y: TOP + 4, class: 'tick end' }),
    label(say(low), { x: LEFT - 6, y: HEIGHT - BOTTOM, class: 'tick end' }),
    label('0', { x: LEFT, y: HEIGHT - 6, class: 'tick' }),
    label(`${steps} steps`, { x: width - RIGHT, y: HEIGHT - 6, class: 'tick end' }),
    draw('path', { d: `M${LEFT} ${y(line)}H${width - RIGHT}`, class: 'head' }),
  );
  if (values.length > 0) {
    svg.append(
      draw('path', { d: points.map(({ step }, i) => `${i === 0 ? 'M' : 'L'}${x(step)} ${y(values[i] ?? 0)}`).join(''), class: 'trained' }),
    );
    for (const [i, { step }] of points.entries())
      svg.append(
        draw('circle', {
          cx: x(step),
          cy: y(values[i] ?? 0),
          r: step === best?.step ? 5 : 2.5,
          class: step === best?.step ? 'dot best' : 'dot',
        }),
      );
  }
  return svg;
}
