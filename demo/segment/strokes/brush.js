// @ts-check
/** A brush over a picture: by a pointer, by touch, or with the keyboard. Points are in the picture's pixels. */
import { announce, contextOf, make } from '../../page/dom.js';

/** @import { Frame } from '../../pictures/frame.js' */

/** @typedef {[x: number, y: number]} Point */
/** @typedef {{ points: readonly (readonly [number, number])[], width: number, color: string }} Drawn a stroke as it is seen */

const SHARE_A_STEP = 1 / 32;
const FINER = 4;

export class Brush {
  /** Of the picture. */
  #size = { width: 0, height: 0 };
  /** Its width as a share of the picture's longer side. */
  share = 0.04;
  color = 'rgb(255 255 255)';
  /** @type {Drawn[]} */
  #strokes = [];
  /** The stroke that is under way. @type {Point[] | null} */
  #points = null;
  /** Where the keyboard is. @type {Point} */
  #at = [0, 0];
  #canvas;
  #does;

  /**
   * @param {Frame} frame
   * @param {object} does
   * @param {(points: Point[], width: number) => void} does.stroke called when a stroke is done
   * @param {(key: string) => boolean} does.key called with keys that do not move the brush; whether it was one
   */
  constructor(frame, does) {
    this.#does = does;
    const canvas = (this.#canvas = make('canvas', { className: 'brush', tabIndex: 0, hidden: true }));
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-label', 'Picture to paint on');
    canvas.setAttribute('aria-describedby', 'strokes-hint');
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('pointerup', () => this.#up());
    canvas.addEventListener('pointercancel', () => this.#cancel());
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('blur', () => this.#cancel());
    canvas.addEventListener('focus', () => this.#draw());
    frame.element.append(canvas);
  }

  /** The width in the picture's pixels. */
  get width() {
    return Math.max(this.share * Math.max(this.#size.width, this.#size.height), 1);
  }

  /**
   * Takes a picture of this size; null: there is none to paint on.
   * @param {{ width: number, height: number } | null} size
   */
  take(size) {
    this.#points = null;
    this.#canvas.hidden = size === null;
    if (!size) return;
    const { width, height } = size;
    if (width !== this.#size.width || height !== this.#size.height) this.#at = [width / 2, height / 2];
    this.#size = { width, height };
  }

  /**
   * Shows these strokes.
   * @param {Drawn[]} strokes
   */
  show(strokes) {
    this.#strokes = strokes;
    this.#draw();
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#points = [this.#place(event)];
    this.#draw();
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (!this.#points || !this.#canvas.hasPointerCapture(event.pointerId)) return;
    // A fast stroke has fewer events than places.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length > 0 ? events : [event]) this.#points.push(this.#place(one));
    this.#draw();
  }

  #up() {
    const points = this.#points;
    if (!points) return;
    this.#points = null;
    this.#at = points.at(-1) ?? this.#at;
    this.#does.stroke(points, this.width);
    this.#draw();
  }

  #cancel() {
    this.#points = null;
    this.#draw();
  }

  /**
   * @param {PointerEvent} event
   * @returns {Point}
   */
  #place({ clientX, clientY }) {
    const box = this.#canvas.getBoundingClientRect();
    return this.#within([((clientX - box.left) / box.width) * this.#size.width, ((clientY - box.top) / box.height) * this.#size.height]);
  }

  /**
   * @param {Point} point
   * @returns {Point}
   */
  #within([x, y]) {
    const { width, height } = this.#size;
    return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { width, height } = this.#size;
    const step = (Math.max(width, height) * SHARE_A_STEP) / (event.shiftKey ? FINER : 1);
    /** @type {Readonly<Record<string, Point>>} */
    const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const way = ways[event.key];
    if (way) {
      this.#at = this.#within([this.#at[0] + way[0], this.#at[1] + way[1]]);
      this.#points?.push(this.#at);
      const [across, down] = [this.#at[0] / width, this.#at[1] / height].map((share) => Math.round(share * 100));
      announce(`${across} % from the left, ${down} % from above${this.#points ? ', painting' : ''}.`);
    } else if (event.key === ' ') {
      if (this.#points) this.#up();
      else {
        this.#points = [this.#at];
        announce('The brush is down.');
      }
    } else if (event.key === 'Escape' && this.#points) {
      this.#cancel();
      announce('The brush is lifted, and nothing was painted.');
    } else if (!this.#does.key(event.key)) {
      return;
    }
    event.preventDefault();
    this.#draw();
  }

  #draw() {
    const canvas = this.#canvas;
    if (canvas.hidden || this.#size.width === 0) return;
    const box = canvas.getBoundingClientRect();
    const [width, height] = [box.width, box.height].map((side) => Math.max(1, Math.round(side * devicePixelRatio)));
    Object.assign(canvas, { width, height });
    const context = contextOf(canvas);
    const scale = canvas.width / this.#size.width;
    context.scale(scale, canvas.height / this.#size.height);
    context.lineCap = context.lineJoin = 'round';
    for (const stroke of this.#strokes) line(context, stroke, scale);
    if (this.#points) line(context, { points: this.#points, width: this.width, color: this.color }, scale);
    if (!canvas.matches(':focus-visible')) return;
    for (const [style, thick] of /** @type {const} */ ([
      ['#000', 5],
      ['#fff', 2.5],
    ])) {
      context.strokeStyle = style;
      context.lineWidth = (thick * devicePixelRatio) / scale;
      context.beginPath();
      context.arc(this.#at[0], this.#at[1], Math.max(this.width / 2, (6 * devicePixelRatio) / scale), 0, 7);
      context.stroke();
    }
  }
}

/**
 * Draws a stroke with an edge that is seen on any picture.
 * @param {CanvasRenderingContext2D} context
 * @param {Drawn} stroke
 * @param {number} scale
 */
function line(context, { points, width, color }, scale) {
  const [first] = points;
  if (!first) return;
  context.beginPath();
  context.moveTo(...first);
  for (const point of points.length > 1 ? points : [first]) context.lineTo(...point);
  for (const [style, thick] of /** @type {const} */ ([
    ['#fff', width + (3 * devicePixelRatio) / scale],
    [color, width],
  ])) {
    context.strokeStyle = style;
    context.lineWidth = thick;
    context.stroke();
  }
}
