/** Teaching: apart from the library, which the demo page has without it at first. */
export {
  Teacher,
  type AddOptions,
  type FitOptions,
  type Lesson,
  type ReopenOptions,
  type TaughtClassifyOptions,
  type TeacherOptions,
} from './api/teaching/teacher.js';
export {
  SegmentationTeacher,
  type ReopenSegmentationOptions,
  type SegmentationTeacherOptions,
  type StrokeLesson,
} from './api/teaching/segmentation-teacher.js';
export type { FusedMap } from './api/teaching/fused-map.js';
export type { Stroke } from './api/teaching/strokes.js';
export type { SaveOptions, SaveTarget } from './api/teaching/save.js';
export type { StrokeFit, TaughtFit, WrongPicture, WrongStroke } from './api/teaching/judgement.js';
export type { FileToWrite, FolderToWrite } from './platform/platform.js';
