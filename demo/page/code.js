// @ts-check
/** The call that a tab makes, as code to copy, and what came back, as JSON. */
import { announce, make } from './dom.js';

/** @import { ModelOptions } from '../library.js' */
/** @import { Chosen } from '../models/model.js' */

/**
 * @typedef {{ task: string, name: string, result: string, options: Record<string, unknown>, source?: string, more?: Record<string, unknown> }} Call
 *   name: of the pipeline; result: of what it returns; source: where none of the package can do the task; more: options of pipeline()
 */

// More numbers than these are for programs: maps of pixels.
const MOST_NUMBERS = 1000;

/**
 * Fills a details element.
 * @param {HTMLDetailsElement} root
 * @param {{ call: Call, chosen: Chosen | null, options: ModelOptions, result: unknown }} shown
 */
export function showCode(root, { call, chosen, options, result }) {
  showBlocks(root, [
    ['The call', codeOf(call, chosen, options)],
    ['Its result as JSON', JSON.stringify(result, plain, 2)],
  ]);
}

/**
 * Fills a details element with texts to copy.
 * @param {HTMLDetailsElement} root
 * @param {ReadonlyArray<readonly [title: string, text: string]>} blocks
 */
export function showBlocks(root, blocks) {
  root.replaceChildren(
    /** @type {HTMLElement} */ (root.querySelector('summary')),
    ...blocks.flatMap(([title, text]) => block(title, text)),
  );
}

/**
 * @param {string} title
 * @param {string} text
 */
function block(title, text) {
  const code = make('pre', { tabIndex: 0 }, make('code', { textContent: text }));
  code.setAttribute('role', 'region');
  code.setAttribute('aria-label', title);
  const copy = make('button', { type: 'button', className: 'button small', textContent: 'Copy', ariaLabel: `Copy: ${title}` });
  copy.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      copy.textContent = 'Copied';
      copy.ariaLabel = `Copied: ${title}`;
      announce('Copied.');
    } catch {
      // Marked, it can be copied by hand.
      getSelection()?.selectAllChildren(code);
      announce('It is marked: copy it by the keyboard.');
    }
  });
  return [code, make('p', { className: 'choose' }, copy)];
}

/**
 * @param {Call} call
 * @param {Chosen | null} chosen
 * @param {ModelOptions} options
 */
function codeOf({ task, name, result, options: callOptions, source, more }, chosen, options) {
  const image = Object.keys(callOptions).length > 0 ? `picture, ${literal(callOptions)}` : 'picture';
  const use = [
    '// picture: a File, an <img>, a canvas, an address …',
    `const ${result} = await ${name}(${image});`,
    `await ${name}.dispose();`,
  ];
  if (chosen?.link)
    return [
      "import { Teacher } from 'beit-wasm';",
      ...(chosen.link.includes('base=beit-wasm-samples') ? ["import 'beit-wasm-samples'; // the small model"] : []),
      '',
      '// link: the address that this page was opened with',
      `const ${name} = await Teacher.fromLink(link);`,
      ...use,
    ].join('\n');
  const given = chosen ? (typeof chosen.source === 'string' ? literal(chosen.source) : 'files') : source && literal(source);
  const opening = { ...options, ...(chosen?.keepAs && { keepAs: chosen.keepAs }), ...(chosen ? {} : more) };
  const parts = [
    literal(task),
    ...(given ? [given] : []),
    ...(Object.keys(opening).length > 0 ? [...(given ? [] : ['null']), literal(opening)] : []),
  ];
  return [
    "import { pipeline } from 'beit-wasm';",
    ...(given ? [] : ["import 'beit-wasm-samples'; // the small model"]),
    '',
    ...(given === 'files' ? ['// files: those that were chosen, such as a FileList'] : []),
    `const ${name} = await pipeline(${parts.join(', ')});`,
    ...use,
  ].join('\n');
}

/**
 * As JavaScript is written.
 * @param {unknown} value
 * @returns {string}
 */
export function literal(value) {
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (Symbol.iterator in value) return `[${[.../** @type {Iterable<unknown>} */ (value)].map(literal).join(', ')}]`;
  return `{ ${Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${key}: ${literal(item)}`)
    .join(', ')} }`;
}

/**
 * Typed arrays as lists, but for maps of pixels, which are left out.
 * @param {string} _
 * @param {unknown} value
 */
function plain(_, value) {
  if (!ArrayBuffer.isView(value) || value instanceof DataView) return value;
  const list = /** @type {Float32Array} */ (value);
  return list.length > MOST_NUMBERS ? undefined : Array.from(list);
}
