// @ts-check
/** Starts the page: what the first answer needs at once, the other tabs when they are first seen. */
import { ClassifyPanel } from './classify/panel.js';
import { runtimeInfo } from './library.js';
import { Checkpoints } from './models/checkpoints.js';
import { isCheckpoint } from './models/dropped-files.js';
import { embeddedFiles } from './models/embedded.js';
import { followRuntime } from './models/runtime.js';
import { byId, part } from './page/dom.js';
import { Notice } from './page/notice.js';
import { filesOf, keepForOffline } from './page/offline.js';
import { explainTab } from './page/sentences.js';
import { Settings } from './page/settings.js';
import { Tabs } from './page/tabs.js';
import { watchCamera } from './pictures/camera.js';
import { watchForFiles } from './pictures/intake.js';
import { Pictures } from './pictures/pictures.js';
import { showSamples } from './pictures/samples.js';
import './beit-wasm-samples/index.js';

/** @import { TaskName } from './models/checkpoints.js' */

/** @typedef {{ activate(): void, deactivate(): void }} Panel */

const OFFLINE_AFTER_MS = 2000;

const link = new URLSearchParams(location.search);
const checkpoints = new Checkpoints(new Settings(location.search));
const pictures = new Pictures();
const { models } = checkpoints;
const rootOf = (/** @type {string} */ name) => byId(`panel-${name}`, HTMLElement);

/** Each makes its panel when the tab is first chosen. @type {Record<string, () => Promise<Panel> | Panel>} */
const makers = {
  classify: () => new ClassifyPanel({ root: rootOf('classify'), model: models.classify, pictures }),
  segment: async () => {
    const { SegmentPanel } = await import('./segment/panel.js');
    return new SegmentPanel({ root: rootOf('segment'), model: models.segment, pictures });
  },
  teach: async () => {
    const { openTeachPanel } = await import('./teach/panel.js');
    return openTeachPanel({ root: rootOf('teach'), checkpoints, pictures });
  },
  mask: async () => {
    const { MaskPanel } = await import('./masking/panel.js');
    return new MaskPanel({ root: rootOf('mask'), model: models.mask, pictures });
  },
  models: async () => {
    const { ModelsPanel } = await import('./models/panel.js');
    return new ModelsPanel(rootOf('models'), checkpoints);
  },
  benchmark: async () => {
    const { BenchmarkPanel } = await import('./benchmark/panel.js');
    return new BenchmarkPanel(rootOf('benchmark'), checkpoints);
  },
};

/** Those that are there, and those whose scripts are on their way: null for one that does not come. @type {Map<string, Promise<Panel | null> | Panel>} */
const panels = new Map();
/** Another with each choice of a tab. */
let choices = 0;

/** @param {string} name */
function panelOf(name) {
  let panel = panels.get(name);
  if (!panel) {
    const made = makers[name]?.() ?? { activate() {}, deactivate() {} };
    panels.set(name, (panel = made instanceof Promise ? arrived(name, made) : made));
  }
  return panel;
}

const modelsPanel = async () => /** @type {import('./models/panel.js').ModelsPanel | null} */ (await panelOf('models'));

/**
 * @param {string} name
 * @param {string | null} before
 */
async function open(name, before) {
  const choice = ++choices;
  byId('intake', HTMLElement).hidden = name === 'models' || name === 'benchmark';
  // One that is still on its way has not been activated, and will not be.
  const left = before === null ? undefined : panels.get(before);
  if (left && !(left instanceof Promise)) left.deactivate();
  const panel = panelOf(name);
  // Without a promise in between, the first tab begins in this very turn.
  const ready = panel instanceof Promise ? await panel : panel;
  if (choice === choices) ready?.activate();
}

/**
 * Waits for a tab's script; until then nothing in the tab takes a click, which nobody would hear. Returns
 * null, with a sentence in the tab, where the script does not come: chosen again, the tab asks for it again.
 * @param {string} name
 * @param {Promise<Panel>} made
 */
async function arrived(name, made) {
  const root = rootOf(name);
  root.inert = true;
  part(root, 'notice', HTMLElement).replaceChildren(); // what was said when it did not come the last time
  try {
    const panel = await made;
    panels.set(name, panel);
    return panel;
  } catch (error) {
    panels.delete(name);
    const notice = new Notice(part(root, 'notice', HTMLElement), { stop: () => undefined, takeWayOut: () => location.reload() });
    notice.problem(explainTab(error));
    return null;
  } finally {
    root.inert = false;
  }
}

/** Takes the picture and the model that the address names: ?image=… and ?model=… */
async function followLink() {
  const [image, model] = [link.get('image'), link.get('model')];
  if (image) void import('./page/links.js').then(({ takeLinkedPicture }) => takeLinkedPicture(image, pictures));
  if (!model) return;
  const seen = location.hash;
  location.hash = 'models';
  const panel = await modelsPanel();
  panel?.takeSource(model, (task) => {
    // To the tab that uses it, unless somebody has gone elsewhere, or the link names one.
    if (location.hash === '#models') location.hash = seen || task;
  });
}

followRuntime(checkpoints);
for (const [task, model] of Object.entries(models)) {
  model.addEventListener('change', function keep() {
    if (model.state.kind !== 'ready' || model.chosen) return;
    model.removeEventListener('change', keep);
    const { build } = runtimeInfo(checkpoints.settings.options);
    const files = embeddedFiles(/** @type {TaskName} */ (task));
    // After the first answer, which it would slow down.
    setTimeout(() => keepForOffline([...filesOf('beit-wasm/dist/wasm/beit', build), ...files]).catch(() => undefined), OFFLINE_AFTER_MS);
  });
}
// A link that is a classifier: opened later, it is as if the page began with it.
const taught = () => location.hash.startsWith('#beit=');
if (taught()) models.classify.chosen = { source: location.hash, name: 'the one of the link', link: location.hash };
addEventListener('hashchange', () => taught() && location.reload());
// Loading begins before anything else is done: the first answer comes as soon as it can.
if (!link.has('model') && (!location.hash || location.hash === '#classify')) void models.classify.load();
void followLink(); // before the tabs look at the address
new Tabs(/** @type {HTMLElement} */ (document.querySelector('[role="tablist"]')), open);
showSamples(byId('samples', HTMLUListElement), pictures, !link.has('image'));
watchCamera((file) => pictures.take({ file, name: file.name }));
watchForFiles({
  input: byId('file', HTMLInputElement),
  refuse: (sentence) => pictures.refuse(sentence),
  async take(files) {
    const [file] = files;
    if (files.some(isCheckpoint)) {
      location.hash = 'models';
      (await modelsPanel())?.takeFiles(files);
    } else if (file) {
      pictures.take({ file, name: file.name });
    }
  },
});
