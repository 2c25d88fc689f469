// @ts-check
/** What the tab is made of, and its styles: both come when it is first opened. */
import { loadStyles } from '../page/styles.js';

const MARKUP = `
  <div class="card teach-classes">
    <div class="teach-head">
      <h2 id="classes-title">Classes</h2>
      <p class="detail muted" data-part="kept"></p>
    </div>
    <p class="detail">Give each class some pictures. There is nothing to press then: the head learns with every picture, and answers at once. No picture leaves this device.</p>
    <ul class="classes" data-part="classes" aria-labelledby="classes-title"></ul>
    <p class="choose">
      <button type="button" class="button small" data-part="add-class">Add a class</button>
      <button type="button" class="button small" data-part="add-other">Add “something else”</button>
      <input type="file" id="teach-folder" class="visually-hidden" data-part="folder" multiple webkitdirectory aria-describedby="teach-folder-hint">
      <label for="teach-folder" class="button small">Folder of folders</label>
      <button type="button" class="button small" data-part="clear">Begin anew</button>
    </p>
    <p class="detail muted" id="teach-folder-hint">Each folder in the folder becomes a class of its name. Files and folders can be dropped here, too: on a class, or beside them.</p>
    <p class="detail" data-part="told" role="status"></p>
    <div class="field">
      <label for="teach-base">Taught on</label>
      <select id="teach-base" data-part="base"></select>
    </div>
    <p class="detail muted" data-part="base-hint"></p>
  </div>

  <div class="teach-side">
    <div class="card" data-part="results">
      <h2>What it sees</h2>
      <div data-part="notice"></div>
      <div class="stage" data-part="stage"><p class="stage-text" data-part="stage-text">Choose a picture above, or switch the live camera on</p></div>
      <p class="choose">
        <button type="button" class="button small" data-part="camera" aria-pressed="false">Live camera</button>
        <span class="detail muted" data-part="answer-time"></span>
      </p>
      <p class="detail" data-part="waiting">Give two classes a picture each: then it answers here.</p>
      <ol class="labels" data-part="labels" aria-label="Answer"></ol>
    </div>

    <div class="card" data-part="judgement" hidden>
      <h2>How good it is</h2>
      <p class="teach-verdict" data-part="verdict"></p>
      <p class="detail muted" data-part="verdict-detail"></p>
      <p class="choose" data-part="looks">
        <button type="button" class="button small" data-part="show-wrong"></button>
        <button type="button" class="button small" data-part="show-strangers"></button>
      </p>
      <div data-part="confusion-part">
        <h3 id="confusion-title">What was taken for what</h3>
        <div class="scroll" tabindex="0" role="region" aria-labelledby="confusion-title"><table class="confusion" data-part="confusion" aria-labelledby="confusion-title"></table></div>
        <p class="detail muted">A row is what the pictures show, a column what they were taken for. Choose a number to see its pictures: the wrong ones are often those in the wrong class.</p>
      </div>
      <div class="field">
        <label for="teach-layer">Layer that the head stands on</label>
        <select id="teach-layer" data-part="layer"></select>
      </div>
      <p class="detail muted" data-part="layer-text"></p>
    </div>

    <div class="card" data-part="improve" id="teach-improve" hidden>
      <h2>Improve it</h2>
      <p class="detail">The head reads what the model makes of a picture. To improve it, the model itself learns from your pictures, on this device: its biases, norms and scales, which is nearly as good as all of it. Some pictures are set apart to tell whether it helps.</p>
      <p class="detail muted" data-part="improve-hint"></p>
      <div class="improve-body" data-part="improve-body"></div>
      <p class="choose"><button type="button" class="button small primary" data-part="improve-begin">Improve</button></p>
    </div>

    <div class="card" data-part="keeping" hidden>
      <h2>Take it with you</h2>
      <p class="choose">
        <button type="button" class="button small" data-part="save-folder">Save as a folder</button>
        <button type="button" class="button small" data-part="save-zip">Save as a zip</button>
        <button type="button" class="button small" data-part="share">Share as a link</button>
      </p>
      <p class="choose">
        <button type="button" class="button small" data-part="save-project">Save the project</button>
        <input type="file" id="teach-project" class="visually-hidden" data-part="project">
        <label for="teach-project" class="button small">Join a project</label>
      </p>
      <p class="detail" data-part="saved" role="status"></p>
      <p class="detail" data-part="link-part" hidden><label for="teach-link">The link is the classifier: whoever opens it has it, without a server.</label> <input type="text" id="teach-link" data-part="link" readonly></p>
      <details class="code" data-part="code"><summary>As code: Python, the command line, JavaScript</summary></details>
      <p class="detail muted">It answers with one of these classes whatever a picture shows. Where that matters, fill “something else” with pictures of all that may come.</p>
    </div>
  </div>

  <dialog class="gallery" data-part="gallery" aria-labelledby="gallery-title">
    <h2 id="gallery-title" data-part="gallery-title"></h2>
    <p class="detail muted" data-part="gallery-hint"></p>
    <ul class="gallery-list" data-part="gallery-list" aria-labelledby="gallery-title"></ul>
    <p class="choose"><button type="button" class="button small" data-part="gallery-more">Show more</button></p>
    <div class="row">
      <button type="button" class="button small" data-part="gallery-all">Choose all</button>
      <div class="field grow"><label for="gallery-to">Move the chosen to</label><select id="gallery-to" data-part="gallery-to"></select></div>
      <button type="button" class="button small" data-part="gallery-move">Move</button>
      <button type="button" class="button small" data-part="gallery-remove">Remove</button>
      <button type="button" class="button small primary" data-part="gallery-close">Close</button>
    </div>
  </dialog>
`;

/**
 * Fills the tab.
 * @param {HTMLElement} root
 */
export async function layOut(root) {
  await loadStyles('teach/teach.css');
  root.innerHTML = MARKUP;
}
