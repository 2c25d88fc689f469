// @ts-check
/** Starts the page. */
import { ClassifyPanel } from './classify.js';
import { Model } from './model.js';
import { followRuntime } from './runtime.js';
import { readSettings } from './settings.js';

const model = new Model(readSettings(location.search));
followRuntime(model);
new ClassifyPanel(model);
// Loading begins at once: the first answer comes as soon as it can.
void model.load();
