// Writes the demo, the built package and its checkpoints to build/site: plain files for any web server,
// in any sub-folder. Run `npm run build` before.
import { main, say } from './report.mjs';
import { buildSite } from './site.mjs';

await main(async () => say(`The site is in ${await buildSite()}`));
