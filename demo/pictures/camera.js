// @ts-check
/** The camera: opening it, saying why not, and taking a picture with it. */
import { byId, contextOf, make } from '../page/dom.js';

/** @type {Readonly<Record<string, string>>} */
const REASONS = {
  NotAllowedError: 'The camera may not be used: allow it for this page in the address bar, then try again.',
  NotFoundError: 'No camera was found: connect one, then try again.',
  NotReadableError: 'The camera is used by another program: close that, then try again.',
};

/**
 * Shows the camera's picture in `video` and returns what ends it. Rejects with an error whose message is
 * a sentence with a way out.
 * @param {HTMLVideoElement} video
 * @returns {Promise<() => void>}
 */
export async function openCamera(video) {
  if (!navigator.mediaDevices) throw new Error('This browser gives no camera to a page without https: choose a picture instead.');
  /** @type {MediaStream} */
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: 'environment', width: { ideal: 640 }, height: { ideal: 480 } },
    });
  } catch (error) {
    const { name, message } = /** @type {Error} */ (error);
    throw new Error(REASONS[name] ?? `The camera cannot be opened (${message}): choose a picture instead.`);
  }
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
    if (video.srcObject === stream) video.srcObject = null;
  };
  try {
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    stop();
    throw error;
  }
  return stop;
}

/**
 * Wires the camera's dialog to its button: `take` gets the picture.
 * @param {(file: File) => void} take
 */
export function watchCamera(take) {
  const dialog = byId('camera', HTMLDialogElement);
  const video = byId('camera-view', HTMLVideoElement);
  const problem = byId('camera-problem', HTMLElement);
  const shutter = byId('camera-take', HTMLButtonElement);
  /** @type {(() => void) | null} */
  let stop = null;
  /** Another with each opening and closing: a camera that comes for an earlier one goes at once. */
  let turn = 0;

  byId('camera-open', HTMLButtonElement).addEventListener('click', async () => {
    problem.hidden = true;
    shutter.disabled = true;
    dialog.showModal();
    const mine = ++turn;
    try {
      const close = await openCamera(video);
      if (mine !== turn) return close();
      stop = close;
      shutter.disabled = false;
    } catch (error) {
      if (mine !== turn) return;
      problem.textContent = /** @type {Error} */ (error).message;
      problem.hidden = false;
    }
  });
  shutter.addEventListener('click', async () => {
    const canvas = make('canvas', { width: video.videoWidth, height: video.videoHeight });
    contextOf(canvas).drawImage(video, 0, 0);
    const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ resolve) => canvas.toBlob(resolve, 'image/png'));
    dialog.close();
    if (blob) take(new File([blob], 'camera.png', { type: 'image/png' }));
  });
  byId('camera-close', HTMLButtonElement).addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    ++turn;
    stop?.();
    stop = null;
  });
  // Nobody sees what the camera sees.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') dialog.close();
  });
}
