/**
 * The projects of examples/, built and started by their own scripts. Each: name; example: its folder; kind: a page, a server, or an extension;
 * install: what npm is asked for besides; serve: the folder of the built page, or dev: its server's command by its port; programs: where a
 * program of its scripts lies, if npm does not link it; ci: whether `npm test` runs it.
 */
const { platform, arch } = process;

export const EXAMPLES = [
  { name: 'example-cdn', example: 'cdn', ci: true, kind: 'page', serve: '.' },
  { name: 'example-vite-react', example: 'vite-react', ci: true, kind: 'page', serve: 'dist' },
  { name: 'example-next', example: 'next', kind: 'page', dev: (port) => ['next', 'start', '-p', String(port)] },
  { name: 'example-node-server', example: 'node-server', ci: true, kind: 'server' },
  { name: 'example-deno', example: 'deno', kind: 'server' },
  {
    name: 'example-bun',
    example: 'bun',
    kind: 'server',
    install: [`@oven/bun-${platform}-${arch}@1`],
    programs: { bun: `@oven/bun-${platform}-${arch}/bin/bun` },
  },
  { name: 'example-extension', example: 'extension', kind: 'extension' },
];
