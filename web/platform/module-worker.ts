/** Workers of a page, wherever their script is, and why one has not come. */

// Who waits for a worker hears of its failure this late at most.
const ANSWER_LIMIT_MS = 3000;

/**
 * Starts a script, a module, as a worker. A page starts workers of its own origin only: a script of another one (a CDN's, or
 * a bundler's public path) is imported by a Blob, which its server (CORS) and the page's policy (worker-src blob:, and its
 * origin in script-src) must allow. Imported by a call, since a policy's worker-src holds for what a worker's script names as well.
 */
export function startModuleWorker(script: string, name: string): Worker {
  if (isOwn(script)) return new Worker(script, { type: 'module', name });
  const blob = URL.createObjectURL(
    new Blob([`import(${JSON.stringify(script)}).catch((error) => setTimeout(() => { throw error; }));`], { type: 'text/javascript' }),
  );
  try {
    return new Worker(blob, { type: 'module', name });
  } finally {
    // The worker has its address by now, but Firefox and WebKit ask for what it names somewhat later.
    setTimeout(() => URL.revokeObjectURL(blob), 60_000);
  }
}

function isOwn(script: string): boolean {
  return new URL(script).origin === globalThis.location.origin;
}

/** Returns why a worker's script could not be loaded, as far as its server tells, and what to do. */
export async function whyNotLoaded(script: string): Promise<string> {
  const found = `its script ${script} could not be loaded`;
  const signal = typeof AbortSignal.timeout === 'function' ? AbortSignal.timeout(ANSWER_LIMIT_MS) : null;
  let response: Response;
  try {
    response = await fetch(script, { signal });
  } catch {
    return `${found}: its server does not answer${isOwn(script) ? '' : ", or does not let this page's origin read it (Access-Control-Allow-Origin)"}`;
  }
  await response.body?.cancel().catch(() => undefined);
  const isPage = /^text\/html\b/i.test(response.headers.get('content-type') ?? '');
  if (!response.ok || isPage)
    return `${found}: ${isPage && response.ok ? 'there is a web page in its place' : `the server answers with status ${response.status}`}; ${advice(script)}`;
  if (isOwn(script) && globalThis.crossOriginIsolated && !response.headers.get('cross-origin-embedder-policy')) {
    return `${found}: it is served without Cross-Origin-Embedder-Policy: require-corp, which an isolated page asks of its workers' scripts, too`;
  }
  return `${found}: it is there, so the page's policy may forbid it (Content-Security-Policy: worker-src 'self'${isOwn(script) ? '' : ` blob:; script-src ${new URL(script).origin}`})`;
}

function advice(script: string): string {
  // Vite up to 7 moves a module of node_modules there, and not what lies beside it.
  if (/\/\.vite\/deps/.test(script))
    return "Vite has moved the library, which optimizeDeps: { exclude: ['beit-wasm'] } in its config prevents";
  return "the bundler has not carried it along: copy the package's folder dist, and weights/ of beit-wasm-samples beside its files if you use that, to where the page is served from, and name it by the option assets";
}
