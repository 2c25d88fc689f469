// @ts-check
/** Taking the head along: as a model that transformers reads, as a link, as a project; and the code that goes with it. */
import { part } from '../page/dom.js';
import { literal, showBlocks } from '../page/code.js';
import { download } from '../page/download.js';
import { factsOf } from '../page/sentences.js';
import { ZipFolder } from './zip.js';

/** @import { Lessons } from './lessons.js' */

const FOLDER_NAME = 'mine';

const IN_PYTHON = /** @type {const} */ ([
  'In Python',
  [
    'from transformers import pipeline',
    `classify = pipeline("image-classification", model="${FOLDER_NAME}")`,
    'print(classify("picture.jpg"))',
  ].join('\n'),
]);

export class Saving {
  #root;
  #lessons;
  #join;

  /**
   * @param {HTMLElement} root
   * @param {Lessons} lessons
   * @param {(project: Uint8Array) => void} join takes in what another project holds
   */
  constructor(root, lessons, join) {
    this.#root = root;
    this.#lessons = lessons;
    this.#join = join;
    const on = (/** @type {string} */ name, /** @type {() => Promise<string>} */ work) => {
      const button = part(root, name, HTMLButtonElement);
      button.addEventListener('click', async () => {
        button.disabled = true;
        this.#tell(await work().catch((error) => (error?.name === 'AbortError' ? '' : `That did not work. ${factsOf(error).message}`)));
        button.disabled = false;
      });
    };
    part(root, 'save-folder', HTMLButtonElement).hidden = !('showDirectoryPicker' in window);
    on('save-folder', () => this.#saveFolder());
    on('save-zip', () => this.#saveZip());
    on('share', () => this.#share());
    on('save-project', async () => {
      download(new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (this.#teacher.project())]), 'project.safetensors');
      return 'The project has what the model saw in the pictures, and their classes, but not the pictures: somebody else can join it to theirs.';
    });
    const file = part(root, 'project', HTMLInputElement);
    file.addEventListener('change', async () => {
      const [chosen] = file.files ?? [];
      file.value = '';
      if (!chosen) return;
      try {
        const before = this.#lessons.count;
        this.#join(new Uint8Array(await chosen.arrayBuffer()));
        this.#tell(`${this.#lessons.count - before} pictures have been joined.`);
      } catch (error) {
        this.#tell(`That did not work. ${factsOf(error).message}`);
      }
    });
    const code = part(root, 'code', HTMLDetailsElement);
    code.addEventListener('toggle', () => this.#showCode());
    const link = part(root, 'link', HTMLInputElement);
    link.addEventListener('focus', () => link.select());
  }

  show() {
    part(this.#root, 'keeping', HTMLElement).hidden = !this.#lessons.answering;
    part(this.#root, 'link-part', HTMLElement).hidden = true; // it is of an earlier head
    this.#showCode();
  }

  get #teacher() {
    const { teacher } = this.#lessons;
    if (!teacher) throw new Error('The model is not ready.');
    return teacher;
  }

  get #answering() {
    return this.#lessons.improved ?? this.#teacher;
  }

  /** @param {string} sentence */
  #tell(sentence) {
    part(this.#root, 'saved', HTMLElement).textContent = sentence;
  }

  async #saveFolder() {
    const { showDirectoryPicker } = /** @type {{ showDirectoryPicker(options: object): Promise<FileSystemDirectoryHandle> }} */ (
      /** @type {unknown} */ (window)
    );
    const folder = await showDirectoryPicker({ id: 'beit-wasm-teach', mode: 'readwrite' });
    const files = await this.#answering.save(folder);
    return `${folder.name} has ${files.join(', ')}: transformers reads it, and so does beit-wasm.`;
  }

  async #saveZip() {
    const zip = new ZipFolder();
    await this.#answering.save(zip);
    const blob = zip.toBlob();
    download(blob, `${FOLDER_NAME}.zip`);
    return 'Unpacked, the zip is a folder that transformers reads, and so does beit-wasm.';
  }

  async #share() {
    const address = new URL(location.href);
    address.search = '';
    address.hash = this.#teacher.link();
    const field = part(this.#root, 'link', HTMLInputElement);
    field.value = address.href;
    part(this.#root, 'link-part', HTMLElement).hidden = false;
    const whose = this.#lessons.improved ? ' It is of the head: what was improved is too large for a link.' : '';
    try {
      await navigator.clipboard.writeText(address.href);
      return `The link has been copied.${whose}`;
    } catch {
      field.focus();
      return `It is marked: copy it by the keyboard.${whose}`;
    }
  }

  #showCode() {
    const code = part(this.#root, 'code', HTMLDetailsElement);
    const { fit, base, improved } = this.#lessons;
    if (!code.open) return;
    if (improved) {
      showBlocks(code, [IN_PYTHON, ...blocksOf(improved, base.source)]);
      return;
    }
    if (!fit) return;
    const { layer } = this.#lessons;
    const names = fit.labels.slice(0, 3);
    const options = layer === 'auto' ? '' : `{ layer: ${layer} }`;
    const model = base.source ? ` --model ${base.source}` : '';
    showBlocks(code, [
      IN_PYTHON,
      [
        'On the command line',
        [
          `npx beit classify picture.jpg --model ./${FOLDER_NAME}`,
          '# The same of pictures in folders, one for each class:',
          `npx beit teach pictures${model}${layer === 'auto' ? '' : ` --layer ${layer}`} --out ./${FOLDER_NAME}`,
        ].join('\n'),
      ],
      [
        'In JavaScript',
        [
          "import { Teacher } from 'beit-wasm';",
          ...(base.source ? [] : ["import 'beit-wasm-samples'; // the small model"]),
          '',
          `const teacher = await Teacher.from(${base.source ? literal(base.source) : ''});`,
          '// pictures: Files, <img>, canvases, addresses …',
          ...names.map((name, i) => `await teacher.add(${literal(name)}, pictures${i + 1});`),
          ...(fit.labels.length > names.length ? ['// …'] : []),
          `const { accuracy, interval, confusion, wrong } = await teacher.fit(${options});`,
          'const labels = await teacher.classify(picture);',
        ].join('\n'),
      ],
      ['The fit as JSON', JSON.stringify(fit, null, 2)],
    ]);
  }
}

/**
 * Returns what leads to a model that was trained further.
 * @param {import('./lessons.js').Improved} improved
 * @param {string | null} base
 * @returns {[title: string, text: string][]}
 */
function blocksOf({ epochs, layer, facts }, base) {
  const model = base ? ` --model ${base}` : '';
  const fewer = layer === null ? [] : [`npx beit teach pictures${model} --layer ${layer} --out ./head`];
  const begin = layer === null ? model : ' --model ./head --head new';
  return [
    [
      'On the command line',
      [
        `npx beit classify picture.jpg --model ./${FOLDER_NAME}`,
        '# The same of pictures in folders, one for each class:',
        'npm install beit-wasm-training',
        ...fewer,
        `npx beit train pictures${begin} --method vectors --epochs ${epochs} --out ./${FOLDER_NAME}`,
      ].join('\n'),
    ],
    [
      'In JavaScript',
      [
        "import { train } from 'beit-wasm';",
        "import 'beit-wasm-training';",
        ...(base || layer !== null ? [] : ["import 'beit-wasm-samples'; // the small model"]),
        '',
        ...(layer === null ? [] : ['// head: the files that Teacher saved, of so many layers']),
        '// data: [{ image, label }, …], folder: where the model is to be',
        `const run = train({ ${layer !== null ? "model: head, head: 'new', " : base ? `model: ${literal(base)}, ` : ''}data, method: 'vectors', epochs: ${epochs} });`,
        'for await (const { validation } of run) if (validation?.best) await run.save(folder);',
        'await run.dispose();',
      ].join('\n'),
    ],
    ['The run as JSON', JSON.stringify(facts, null, 2)],
  ];
}
