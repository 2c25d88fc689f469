// @ts-check
/** Styles that come with what needs them. */
import { make } from './dom.js';

/**
 * Resolves when a style sheet of this page's is there.
 * @param {string} path
 */
export async function loadStyles(path) {
  const styles = make('link', { rel: 'stylesheet', href: new URL(path, document.baseURI).href });
  await new Promise((resolve, reject) => {
    styles.addEventListener('load', resolve);
    styles.addEventListener('error', () => reject(new Error(`${styles.href} did not come.`)));
    document.head.append(styles);
  });
}
