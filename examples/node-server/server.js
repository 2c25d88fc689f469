// Names what pictures show:   curl --data-binary @photo.jpg http://localhost:8000
// MODEL=microsoft/beit-base-patch16-224 npm start   takes a model for photographs, kept in ./models.
import { createServer } from 'node:http';
import { BeitError, createPool } from 'beit-wasm';

const MOST_BYTES = 20e6;
const LIMIT_MS = 30_000;
const { MODEL = null, PORT = '8000', ENGINES } = process.env;

const pool = await createPool({ engines: ENGINES && Number(ENGINES) });
const classify = await pool.pipeline('image-classification', MODEL, { cache: './models' });

// Who comes when so many wait is told to come again: an answer that comes too late is of no use.
const MOST_WAITING = Number(process.env.MOST_WAITING ?? 8 * pool.engines);
const figures = { waiting: 0, answers: {}, seconds: 0 };

/** Returns the bytes of a request; throws a status for those that are too many. */
async function bodyOf(request) {
  if (Number(request.headers['content-length'] ?? 0) > MOST_BYTES) throw 413;
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw 413;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Returns [status, answer, headers] to a picture. */
async function answerTo(request, signal) {
  if (request.method !== 'POST') return [405, { message: 'Send a picture by POST.' }, { allow: 'POST' }];
  // Its body is not even read.
  if (figures.waiting >= MOST_WAITING) return [503, { message: 'Too many wait already.' }, { 'retry-after': '1', 'connection': 'close' }];
  ++figures.waiting;
  try {
    return [200, await classify(await bodyOf(request), { topK: 3, signal })];
  } catch (error) {
    if (error === 413) return [413, { message: `A picture has at most ${MOST_BYTES} bytes.` }, { connection: 'close' }];
    if (signal.aborted) return [503, { message: 'It took too long.' }, { 'retry-after': '1' }];
    if (!(error instanceof BeitError)) throw error;
    return [error.code === 'bad-image' ? 422 : 500, { code: error.code, message: error.message }];
  } finally {
    --figures.waiting;
  }
}

/** The figures for Prometheus. */
function metrics() {
  const lines = Object.entries(figures.answers).map(([status, count]) => `answers_total{status="${status}"} ${count}`);
  return [...lines, `answer_seconds_sum ${figures.seconds}`, `waiting ${figures.waiting}`, ''].join('\n');
}

const server = createServer(async (request, response) => {
  if (request.url === '/health') return response.end('ok\n');
  if (request.url === '/metrics') return response.end(metrics());
  const began = performance.now();
  // The work ends with who asked for it.
  const gone = new AbortController();
  response.on('close', () => gone.abort(new Error('The connection was closed.')));
  const timer = setTimeout(() => gone.abort(new DOMException('It took too long.', 'TimeoutError')), LIMIT_MS);
  const [status, answer, headers] = await answerTo(request, gone.signal).catch((error) => [500, { message: String(error) }]);
  clearTimeout(timer);
  figures.answers[status] = (figures.answers[status] ?? 0) + 1;
  figures.seconds += (performance.now() - began) / 1000;
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(`${JSON.stringify(answer)}\n`);
});
// A body that comes slowly holds a place no longer than this.
server.requestTimeout = LIMIT_MS;
server.headersTimeout = 10_000;
server.listen(Number(PORT), () => console.log(`Send pictures to http://localhost:${PORT}`));

// What has begun is answered, nothing new is taken.
process.once('SIGTERM', () => server.close(() => pool.dispose()));
