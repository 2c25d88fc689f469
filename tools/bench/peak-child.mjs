// Prints what one thread of this machine does at most, as JSON: a process of its own has the flags of Node that a build may need.
import { measurePeaks } from './peak.mjs';

console.log(JSON.stringify(measurePeaks()));
