// @ts-check
/** The Teach tab: pictures of one's own classes in, a classifier out, with every picture anew. */
import { runtimeInfo } from '../library.js';
import { embeddedFiles } from '../models/embedded.js';
import { Model } from '../models/model.js';
import { isCheckpoint } from '../models/dropped-files.js';
import { announce, make, part } from '../page/dom.js';
import { Notice } from '../page/notice.js';
import { filesOf, keepForOffline } from '../page/offline.js';
import { LoadingTeller, WAITING } from '../page/progress.js';
import { explainLoading, explainPicture } from '../page/sentences.js';
import { Cards, DRAGGED } from './cards.js';
import { chosenFiles, droppedFiles, sortFound } from './folders.js';
import { Gallery } from './gallery.js';
import { Improving } from './improving.js';
import { Judgement, verdictOf, wrongFirst } from './judgement.js';
import { Keep, REASONS } from './keep.js';
import { layOut } from './layout.js';
import { Lessons } from './lessons.js';
import { Preview } from './preview.js';
import { Saving } from './saving.js';
import { Teacher } from './teaching.js';

/** @import { Checkpoints } from '../models/checkpoints.js' */
/** @import { Pictures } from '../pictures/pictures.js' */
/** @import { Found } from './folders.js' */
/** @import { State } from './keep.js' */
/** @import { Class } from './lessons.js' */

/** @typedef {{ root: HTMLElement, checkpoints: Checkpoints, pictures: Pictures }} Parts */

const OTHER = 'something else';

/** Which checkpoints can be taught on. @type {readonly { source: string | null, name: string, hint: string }[]} */
const BASES = [
  {
    source: null,
    name: 'the small model of this page',
    hint: 'It knows drawings, and learns others well; of photographs it has seen none. For those take the large one, before the first picture.',
  },
  {
    source: 'microsoft/beit-base-patch16-224-pt22k-ft22k',
    name: 'BEiT base, which knows photographs',
    hint: 'It was trained on photographs of 21,841 kinds: about 410 MB to download, once. A picture takes it a second or less.',
  },
];

/**
 * Makes the tab.
 * @param {Parts} parts
 */
export async function openTeachPanel(parts) {
  await layOut(parts.root);
  // Only now: a tab that does not come would have the place, and nobody could keep anything.
  const keep = await Keep.open();
  const kept = typeof keep === 'string' ? null : await keep.read();
  if (kept === 'unread') return new TeachPanel(parts, kept, null);
  return new TeachPanel(parts, keep, kept);
}

class TeachPanel {
  #root;
  #checkpoints;
  #active = false;
  #lessons = new Lessons();
  #model;
  #notice;
  #teller = new LoadingTeller();
  #cards;
  #gallery;
  #judgement;
  #preview;
  #saving;
  #improving;
  /** What the teacher is opened with. @type {Uint8Array | null} */
  #project = null;
  #keepReason = '';
  #shown = false;
  #offline = false;
  /** Nobody sees what the camera sees. */
  #hide = () => {
    if (document.visibilityState === 'hidden') this.#preview.stop();
  };

  /**
   * @param {Parts} parts
   * @param {Keep | keyof typeof REASONS} keep
   * @param {{ state: State, project: Uint8Array, packs: Map<number, Blob | null> } | null} kept
   */
  constructor({ root, checkpoints, pictures }, keep, kept) {
    this.#root = root;
    this.#checkpoints = checkpoints;
    const lessons = this.#lessons;
    this.#model = new Model({ task: 'be taught', settings: checkpoints.settings, open: (source, options) => this.#open(source, options) });
    this.#notice = new Notice(part(root, 'notice', HTMLElement), {
      stop: () => this.#model.stop(),
      takeWayOut: (way) => {
        if (way === 'restart') void this.#restart();
        else void this.#model.load();
      },
    });
    this.#preview = new Preview(root, lessons, pictures, (sentence) => this.#tell(sentence));
    this.#gallery = new Gallery(root, lessons);
    this.#judgement = new Judgement(root, lessons, (title, ids) => this.#gallery.open(title, ids));
    const { settings } = checkpoints;
    this.#improving = new Improving(root, lessons, { options: () => settings.options, keeps: typeof keep !== 'string' });
    this.#saving = new Saving(root, lessons, (project) => this.#joinProject(project));
    this.#cards = new Cards(part(root, 'classes', HTMLElement), lessons, {
      record: (one) => void this.#preview.record(one),
      stopRecording: (one) => this.#preview.stopRecording(one),
      shoot: (one) => void this.#preview.shoot(one),
      take: (one, files) => this.#take(one, files),
      open: (one, chosen) =>
        this.#gallery.open(`${one.name}, the wrong ones first`, withChosen(wrongFirst(lessons, one.name), chosen), chosen),
    });
    if (typeof keep === 'string') this.#keepReason = REASONS[keep];
    else lessons.keepIn(keep);
    this.#offerBases(kept?.state.base ?? null);
    if (kept) {
      lessons.restore(kept.state, kept.packs);
      this.#project = kept.project;
    } else {
      lessons.add();
      lessons.add();
    }
    this.#wire(pictures);
  }

  /** @param {Pictures} pictures */
  #wire(pictures) {
    const root = this.#root;
    const lessons = this.#lessons;
    this.#model.addEventListener('change', () => this.#follow());
    lessons.addEventListener('change', () => this.#changed());
    lessons.addEventListener('fit', () => this.#fitted());
    lessons.addEventListener('answers', () => {
      this.#saving.show();
      this.#preview.look();
    });
    lessons.addEventListener('judged', () => this.#judgement.showStrangers());
    lessons.addEventListener('kept', () => this.#tellKept());
    lessons.addEventListener('failed', () => this.#notice.problem(explainPicture(lessons.error)));
    pictures.addEventListener('change', () => this.#active && this.#preview.picture());
    pictures.addEventListener('refused', () => this.#active && this.#tell(pictures.refusal));
    part(root, 'add-class', HTMLButtonElement).addEventListener('click', () => this.#addClass());
    part(root, 'add-other', HTMLButtonElement).addEventListener('click', () => {
      this.#cards.focus(lessons.named(OTHER) ?? this.#addClass(OTHER));
      this.#tell('Fill it with pictures of all that may come and is none of the classes: an empty room, other things, other people.');
    });
    part(root, 'clear', HTMLButtonElement).addEventListener('click', async () => {
      if (lessons.count > 0 && !confirm(`Forget all ${lessons.count} pictures and what was learnt from them?`)) return;
      await Promise.all([this.#improving.forget(), lessons.clear()]);
      this.#tell('');
      this.#project = null;
      await this.#model.load(); // what was kept may have been what could not be opened
    });
    const folder = part(root, 'folder', HTMLInputElement);
    folder.addEventListener('change', () => {
      const found = chosenFiles(folder.files);
      folder.value = '';
      this.#takeFound(found);
    });
    root.addEventListener('dragover', (event) => event.preventDefault());
    root.addEventListener('drop', async (event) => {
      const data = event.dataTransfer;
      // What is dropped on the stage is looked at, a checkpoint is for the tab Models: the page takes both.
      if (event.defaultPrevented || !data) return;
      if (!data.types.includes(DRAGGED)) {
        const onStage = /** @type {HTMLElement} */ (event.target).closest('[data-part="stage"]');
        if (onStage || !data.types.includes('Files') || [...data.files].some(isCheckpoint)) return;
      }
      event.preventDefault();
      if (!data.types.includes(DRAGGED)) this.#takeFound(await droppedFiles(data));
    });
  }

  activate() {
    this.#active = true;
    document.addEventListener('visibilitychange', this.#hide);
    this.#changed();
    this.#tellKept();
    this.#preview.picture();
    void this.#improving.restore();
    if (this.#model.state.kind !== 'ready') void this.#model.load();
  }

  deactivate() {
    this.#active = false;
    document.removeEventListener('visibilitychange', this.#hide);
    this.#preview.stop();
  }

  /**
   * Opens the teacher, with what it knows already.
   * @param {import('../library.js').SourceLike | null} source
   * @param {import('../library.js').ModelOptions} options
   */
  async #open(source, { dtype: _, ...options }) {
    const project = this.#project;
    if (!project) return Teacher.from(source, options);
    // Its checkpoint by the name that was chosen here: on another host the small one has another address.
    return Teacher.open(project, { ...options, ...(source !== null && { source }) });
  }

  async #restart() {
    this.#project = this.#lessons.end() ?? this.#project;
    await this.#model.restart();
  }

  #follow() {
    const { state } = this.#model;
    const lessons = this.#lessons;
    switch (state.kind) {
      case 'loading': {
        if (!state.progress) this.#teller = new LoadingTeller();
        const { text, share } = state.waiting ? WAITING : this.#teller.tell(state.progress);
        this.#notice.busy(text, share);
        break;
      }
      case 'ready':
        this.#notice.clear();
        this.#project = null;
        lessons.begin(state.use);
        break;
      case 'stopped':
        this.#notice.problem({ sentence: 'Loading was cancelled.', wayOut: 'load', calm: true });
        break;
      case 'failed':
        this.#notice.problem(explainLoading(state.error));
        break;
      case 'idle':
      case 'absent':
        break;
    }
  }

  /** @param {State['base'] | null} kept */
  #offerBases(kept) {
    const select = part(this.#root, 'base', HTMLSelectElement);
    const bases = [...BASES];
    const { chosen } = this.#checkpoints.models.classify;
    for (const other of [typeof chosen?.source === 'string' && !chosen.link ? { source: chosen.source, name: chosen.name } : null, kept]) {
      if (other && !bases.some(({ source }) => source === other.source)) bases.push({ source: other.source, name: other.name, hint: '' });
    }
    select.replaceChildren(...bases.map(({ name }, i) => make('option', { value: String(i), textContent: name })));
    const choose = (/** @type {number} */ i) => {
      const { source, name, hint } = /** @type {typeof BASES[number]} */ (bases[i]);
      select.value = String(i);
      this.#lessons.base = { source, name };
      part(this.#root, 'base-hint', HTMLElement).textContent = hint;
      this.#model.chosen = source === null ? null : { source, name };
    };
    choose(
      Math.max(
        bases.findIndex(({ source }) => source === (kept?.source ?? null)),
        0,
      ),
    );
    select.addEventListener('change', () => {
      choose(Number(select.value));
      this.#lessons.end();
      this.#project = null;
      void this.#model.restart();
    });
  }

  #changed() {
    if (this.#shown || !this.#active) return;
    // Pictures come faster than anybody looks.
    this.#shown = true;
    requestAnimationFrame(() => {
      this.#shown = false;
      this.#cards.show();
      this.#tellKept();
      this.#improving.show();
      part(this.#root, 'base', HTMLSelectElement).disabled = this.#lessons.count > 0 || this.#lessons.waiting > 0;
      part(this.#root, 'results', HTMLElement).toggleAttribute('aria-busy', this.#lessons.waiting > 0);
    });
  }

  #fitted() {
    const lessons = this.#lessons;
    this.#judgement.show();
    this.#saving.show();
    this.#improving.show();
    this.#preview.look();
    const { fit } = lessons;
    if (!fit) return;
    if (!this.#offline) {
      this.#offline = true;
      const { build } = runtimeInfo(this.#checkpoints.settings.options);
      const wasm = [...filesOf('beit-wasm/dist/wasm/beit', build), 'beit-wasm/dist/wasm/beit-teaching.wasm'];
      void keepForOffline([...wasm, ...(lessons.base.source === null ? embeddedFiles('classify') : [])]).catch(() => undefined);
    }
    if (lessons.waiting === 0) {
      const total = `${lessons.count} pictures of ${fit.labels.length} classes.`;
      announce(`${total} ${verdictOf(fit)}`);
    }
  }

  #tellKept() {
    const { keepProblem, kept, count } = this.#lessons;
    const state = kept ? 'Kept on this device.' : 'Keeping it …';
    part(this.#root, 'kept', HTMLElement).textContent =
      this.#keepReason || (keepProblem ? `It could not be kept on this device: ${keepProblem}` : count > 0 ? state : '');
  }

  /** @param {string} sentence */
  #tell(sentence) {
    part(this.#root, 'told', HTMLElement).textContent = sentence;
  }

  /** @param {string} [name] */
  #addClass(name) {
    const made = this.#lessons.add(name);
    this.#cards.show();
    this.#cards.focus(made);
    return made;
  }

  /**
   * @param {Class} one
   * @param {readonly File[]} files
   */
  #take(one, files) {
    this.#lessons.take(
      one,
      files.map((image) => ({ image })),
    );
  }

  /** @param {readonly Found[]} found */
  #takeFound(found) {
    const lessons = this.#lessons;
    const { classes, loose, leftOut } = sortFound(found);
    if (classes.size === 0) {
      this.#tell(
        loose.length > 0
          ? 'Drop pictures on the class that they show. Folders may be dropped anywhere: each becomes a class.'
          : 'There are no pictures in that folder.',
      );
      return;
    }
    // Those to begin with, which nobody has used.
    for (const one of [...lessons.classes]) {
      if (/^Class \d+$/.test(one.name) && one.ids.length === 0 && one.waiting === 0 && !classes.has(one.name)) lessons.drop(one);
    }
    let count = 0;
    for (const [name, files] of classes) {
      count += files.length;
      this.#take(lessons.named(name) ?? lessons.add(name), files);
    }
    const left = leftOut > 0 ? ` ${leftOut} that the folder sets apart for judging are left out.` : '';
    this.#tell(`${count} pictures of ${classes.size} ${classes.size === 1 ? 'class' : 'classes'}.${left}`);
  }

  /** @param {Uint8Array} project */
  #joinProject(project) {
    const { teacher } = this.#lessons;
    if (!teacher) throw new Error('The model is not ready.');
    teacher.join(project);
    this.#lessons.begin(teacher);
  }
}

/**
 * Returns the pictures with the chosen one first.
 * @param {readonly number[]} ids
 * @param {number | null} chosen
 */
function withChosen(ids, chosen) {
  return chosen === null ? ids : [chosen, ...ids.filter((id) => id !== chosen)];
}
