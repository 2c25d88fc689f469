/** What teaches, from the package; in the built site a file of its own, which shares the library with the page. */
export { SegmentationTeacher, Teacher } from '../beit-wasm/dist/index.js';
