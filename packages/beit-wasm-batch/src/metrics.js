/** Figures for Prometheus, and whether the process is well, on a port. */
import { createServer } from 'node:http';
import { Counter, Gauge, Histogram, collectDefaultMetrics, Registry } from 'prom-client';

/** Returns { picture(row), shard(), total(count), port, close() }; without a port nothing is served. `more`: returns further figures. */
export async function openMetrics(port, more = async () => '') {
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
  const server = createServer(async (request, response) => {
    if (request.url === '/health') response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
    else if (request.url === '/metrics')
      response.writeHead(200, { 'content-type': registry.contentType }).end(`${await registry.metrics()}${await more()}\n`);
    else response.writeHead(404).end();
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
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
