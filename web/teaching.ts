/** Teaching: apart from the library, which the demo page has without it at first. */
export {
  Teacher,
  type AddOptions,
  type FitOptions,
  type Lesson,
  type ReopenOptions,
  type SaveOptions,
  type TaughtClassifyOptions,
  type TeacherOptions,
} from './api/teaching/teacher.js';
export type { SaveTarget } from './api/teaching/save.js';
export type { TaughtFit, WrongPicture } from './api/teaching/judgement.js';
export type { FileToWrite, FolderToWrite } from './platform/platform.js';
