// Runs the benchmark of the kernels in a browser.
import { dirname } from 'node:path';
import { launch } from '../../tests/browser/support/browsers.mjs';
import { start } from '../serve.mjs';

const PATIENCE_MS = 600000;

/** Runs `program`, a module that Emscripten made, in a page of its own. Returns { place, output }. */
export async function runInBrowser(name, program, args) {
  const page = `<!doctype html><script>
    var Module = { arguments: ${JSON.stringify(args)}, lines: [], print: (line) => Module.lines.push(line), onExit: (status) => { Module.status = status; } };
    </script><script src="beit_gemm_bench.cjs"></script>`;
  const server = await start({
    folders: [['', `${dirname(program)}/`]],
    policy: "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'",
    before(path, _, response, headers) {
      if (path !== 'page') return false;
      response.writeHead(200, { ...headers, 'Content-Type': 'text/html' }).end(page);
      return true;
    },
  });
  const host = await launch(name);
  try {
    const tab = await host.browser.newPage();
    tab.setDefaultTimeout(PATIENCE_MS);
    await tab.goto(`${server.url}page`);
    await tab.waitForFunction(() => globalThis.Module?.status !== undefined);
    const version = /\d+/.exec(await host.browser.version())[0];
    const output = await tab.evaluate(() => globalThis.Module.lines.join('\n'));
    return { place: `${name[0].toUpperCase()}${name.slice(1)} ${version}`, output };
  } finally {
    await host.close();
    await server.close();
  }
}
