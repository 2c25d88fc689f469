// @ts-check
/** What teaching by strokes is made of, and its styles: both come when it is first wanted. */
import { make } from '../../page/dom.js';
import { loadStyles } from '../../page/styles.js';

const MARKUP = `
  <h2 id="strokes-title">Teach labels</h2>
  <ul class="stroke-labels" data-part="stroke-labels" aria-labelledby="strokes-title"></ul>
  <div class="tools">
    <button type="button" class="button small" data-part="add-label">Add a label</button>
    <button type="button" class="button small" data-part="undo" disabled>Undo</button>
    <button type="button" class="button small" data-part="erase" aria-pressed="false">Erase</button>
    <div class="field grow">
      <label for="brush">Width of the brush</label>
      <input type="range" id="brush" data-part="brush" min="1" max="12" value="4">
    </div>
  </div>
  <p class="strokes-verdict" data-part="strokes-verdict"></p>
  <p class="detail" data-part="strokes-told" role="status"></p>
  <p class="detail">Name what is to be told apart, choose a label, and paint a stroke or two over it. The answer follows every stroke, and the next pictures get it at once. No picture leaves this device.</p>
  <p class="detail muted" id="strokes-hint">By keyboard, in the picture: arrows move the brush, with Shift by less; the space bar puts it down and lifts it; 1 to 9 choose a label, E erases, U takes the last step back.</p>
  <div class="tools">
    <button type="button" class="button small" data-part="save-strokes">Save the project</button>
    <input type="file" id="strokes-project" class="visually-hidden" data-part="open-strokes">
    <label for="strokes-project" class="button small">Open a project</label>
    <button type="button" class="button small" data-part="save-segmenter">Save the model</button>
    <button type="button" class="button small" data-part="clear-strokes">Begin anew</button>
  </div>
  <p class="detail muted" data-part="strokes-kept"></p>
`;

/**
 * Returns a section with all of it, which is in no page yet.
 * @returns {Promise<HTMLElement>}
 */
export async function layOutStrokes() {
  await loadStyles('segment/strokes/strokes.css');
  const section = make('section', { className: 'strokes', id: 'strokes' });
  section.setAttribute('aria-labelledby', 'strokes-title');
  section.innerHTML = MARKUP;
  return section;
}
