// @ts-check
/** Hiding patches of a picture: by painting, or with the keyboard. */
import { announce, contextOf } from '../page/dom.js';

/** @import { PatchMask } from '../library.js' */
/** @import { Region } from '../pictures/view.js' */
/** @import { Frame } from '../pictures/frame.js' */

const PIXELS_A_PATCH = 24;
const HIDDEN = '#171a19';
const HATCH = '#4a514d';
const GRID = 'rgb(255 255 255 / .28)';

const WHOLE = { left: 0, top: 0, width: 1, height: 1 };

export class MaskEditor {
  /** @type {PatchMask} */
  mask = { height: 0, width: 0, data: new Uint8Array() };
  /** @type {() => Region} */
  #region = () => WHOLE;
  #frame;
  #changed;
  /** What painting makes of a patch, while a button is down. @type {0 | 1 | null} */
  #paint = null;
  /** Where the keyboard is. */
  #at = 0;
  /** The last patch that was painted, to which the next is joined. @type {[row: number, column: number] | null} */
  #from = null;

  /**
   * @param {Frame} frame
   * @param {() => void} changed called when a stroke is done
   */
  constructor(frame, changed) {
    this.#frame = frame;
    this.#changed = changed;
    const { element, image } = frame;
    image.addEventListener('load', () => this.draw());
    element.classList.add('masking');
    element.tabIndex = 0;
    element.setAttribute('role', 'application');
    element.setAttribute('aria-label', 'Patches of the picture');
    element.setAttribute('aria-describedby', 'mask-hint');
    element.addEventListener('pointerdown', (event) => this.#down(event));
    element.addEventListener('pointermove', (event) => this.#move(event));
    for (const name of /** @type {const} */ (['pointerup', 'pointercancel'])) element.addEventListener(name, () => this.#up());
    element.addEventListener('keydown', (event) => this.#key(event));
    for (const name of /** @type {const} */ (['focus', 'blur'])) element.addEventListener(name, () => this.draw());
  }

  /**
   * Takes another mask, of a model that sees this part of the picture that is shown.
   * @param {PatchMask} mask
   * @param {() => Region} region
   */
  take(mask, region) {
    this.mask = { ...mask, data: mask.data.slice() };
    this.#region = region;
    this.#at = Math.min(this.#at, mask.data.length - 1);
    this.draw();
  }

  /** Draws the grid and what is hidden. */
  draw() {
    const { height, width, data } = this.mask;
    const { overlay, element } = this.#frame;
    if (data.length === 0) return;
    const region = this.#region();
    overlay.width = Math.round((width * PIXELS_A_PATCH) / region.width);
    overlay.height = Math.round((height * PIXELS_A_PATCH) / region.height);
    overlay.hidden = false;
    const context = contextOf(overlay);
    context.translate(region.left * overlay.width, region.top * overlay.height);
    context.lineWidth = 1;
    for (const [patch, hidden] of data.entries()) {
      const [x, y] = [(patch % width) * PIXELS_A_PATCH, Math.floor(patch / width) * PIXELS_A_PATCH];
      if (hidden) hatch(context, x, y);
      context.strokeStyle = GRID;
      context.strokeRect(x + 0.5, y + 0.5, PIXELS_A_PATCH, PIXELS_A_PATCH);
    }
    if (!element.matches(':focus-visible')) return;
    const [x, y] = [(this.#at % width) * PIXELS_A_PATCH, Math.floor(this.#at / width) * PIXELS_A_PATCH];
    for (const [style, line] of /** @type {const} */ ([
      ['#000', 5],
      ['#fff', 2.5],
    ])) {
      context.strokeStyle = style;
      context.lineWidth = line;
      context.strokeRect(x + 2, y + 2, PIXELS_A_PATCH - 4, PIXELS_A_PATCH - 4);
    }
  }

  /**
   * Returns the row and the column of the patch under the pointer, or null.
   * @param {PointerEvent} event
   * @returns {[number, number] | null}
   */
  #under({ clientX, clientY }) {
    const { height, width } = this.mask;
    const box = this.#frame.element.getBoundingClientRect();
    const region = this.#region();
    const column = Math.floor((((clientX - box.left) / box.width - region.left) / region.width) * width);
    const row = Math.floor((((clientY - box.top) / box.height - region.top) / region.height) * height);
    return row >= 0 && row < height && column >= 0 && column < width ? [row, column] : null;
  }

  /** @param {PointerEvent} event */
  #down(event) {
    const place = this.#under(event);
    if (!place || event.button !== 0) return;
    this.#frame.element.setPointerCapture(event.pointerId);
    this.#paint = this.mask.data[place[0] * this.mask.width + place[1]] ? 0 : 1;
    this.#from = place;
    this.#line(place, place);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (this.#paint === null) return;
    const place = this.#under(event);
    // A fast stroke has few events: patches between two of them belong to it.
    if (place) this.#line(this.#from ?? place, place);
    this.#from = place;
  }

  #up() {
    if (this.#paint === null) return;
    this.#paint = null;
    this.#changed();
  }

  /**
   * @param {[number, number]} from
   * @param {[number, number]} to
   */
  #line([fromRow, fromColumn], [row, column]) {
    const steps = Math.max(Math.abs(row - fromRow), Math.abs(column - fromColumn), 1);
    for (let step = 0; step <= steps; ++step) {
      const y = Math.round(fromRow + ((row - fromRow) * step) / steps);
      const x = Math.round(fromColumn + ((column - fromColumn) * step) / steps);
      this.mask.data[y * this.mask.width + x] = this.#paint ?? 0;
    }
    this.#at = row * this.mask.width + column;
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { width, height, data } = this.mask;
    if (data.length === 0) return;
    let [row, column] = [Math.floor(this.#at / width), this.#at % width];
    switch (event.key) {
      case 'ArrowLeft':
        column = Math.max(column - 1, 0);
        break;
      case 'ArrowRight':
        column = Math.min(column + 1, width - 1);
        break;
      case 'ArrowUp':
        row = Math.max(row - 1, 0);
        break;
      case 'ArrowDown':
        row = Math.min(row + 1, height - 1);
        break;
      case ' ':
        data[this.#at] = data[this.#at] ? 0 : 1;
        this.#changed();
        break;
      default:
        return;
    }
    event.preventDefault();
    this.#at = row * width + column;
    this.draw();
    announce(`Row ${row + 1}, column ${column + 1}: ${data[this.#at] ? 'hidden' : 'shown'}.`);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 */
function hatch(context, x, y) {
  context.fillStyle = HIDDEN;
  context.fillRect(x, y, PIXELS_A_PATCH, PIXELS_A_PATCH);
  context.strokeStyle = HATCH;
  context.beginPath();
  for (let offset = PIXELS_A_PATCH / 4; offset < 2 * PIXELS_A_PATCH; offset += PIXELS_A_PATCH / 2) {
    const [start, end] = [Math.max(offset - PIXELS_A_PATCH, 0), Math.min(offset, PIXELS_A_PATCH)];
    context.moveTo(x + start, y + offset - start);
    context.lineTo(x + end, y + offset - end);
  }
  context.stroke();
}
