/** Figures for Prometheus, and whether the process is well, on a port. */
import { createServer } from 'node:http';
import { Counter, Gauge, Histogram, collectDefaultMetrics, Registry } from 'prom-client';
import { failure } from './inputs.js';

/**
 * Returns { picture(row), shard(), total(count), port, close() }; without a port nothing is served. `more`: returns further figures. Rejects with
 * invalid-argument where the port cannot be had.
 */
export async function openMetrics(beit, port, more = async () => '') {
  const registry = new Registry();
  const registers = [registry];
  const pictures = new Counter({ name: 'beit_pictures_total', help: 'Pictures that are done.', labelNames: ['status'], registers });
  const seconds = new Histogram({
    name: 'beit_picture_seconds',
    help: 'From reading a picture to its answer.',
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    registers,
  });
  const shards = new Counter({ name: 'beit_shards_total', help: 'Shards that are written.', registers });
  const expected = new Gauge({ name: 'beit_pictures_expected', help: 'Pictures of the whole batch.', registers });
  const figures = {
    picture: ({ status, milliseconds }) => {
      pictures.inc({ status });
      seconds.observe(milliseconds / 1000);
    },
    shard: () => shards.inc(),
    total: (count) => expected.set(count),
    port: null,
    close: async () => undefined,
  };
  if (port === undefined) return figures;
  collectDefaultMetrics({ register: registry });
  const answers = {
    '/health': async () => ['text/plain', 'ok\n'],
    '/metrics': async () => [registry.contentType, `${await registry.metrics()}${await more()}\n`],
  };
  const server = createServer(({ url }, response) => {
    if (!Object.hasOwn(answers, url)) return void response.writeHead(404).end();
    answers[url]().then(
      ([type, text]) => response.writeHead(200, { 'content-type': type }).end(text),
      // Such as a queue that is away, whose connection is closed at the end.
      (error) => response.writeHead(503, { 'content-type': 'text/plain' }).end(`The figures cannot be told (${error.message}).\n`),
    );
  });
  try {
    await new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, resolve);
    });
  } catch (error) {
    const what = `port ${port} cannot be listened on (${error.message}); expected one that is free (--metrics PORT)`;
    throw failure(beit, 'invalid-argument', 'metrics', what, error);
  }
  server.unref();
  return {
    ...figures,
    port: server.address().port,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
