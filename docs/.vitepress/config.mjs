// The site of the guides and the API reference: `npm run docs`.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { guides } from './guides.mjs';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const titleOf = (name) => /^# (.*)$/m.exec(read(`../guides/${name}.md`))[1];

const sidebar = guides.map(({ title, pages }) => ({
  text: title,
  items: pages.map((name) => ({ text: titleOf(name), link: `/guides/${name}` })),
}));
sidebar.find(({ text }) => text === 'In production').items.push({ text: 'Performance: what was tried', link: '/performance' });

/** [folder of docs/api, its title]: what TypeDoc has written before. */
const REFERENCE = [
  ['functions', 'Functions'],
  ['classes', 'Classes'],
  ['variables', 'Values'],
  ['interfaces', 'Interfaces'],
  ['type-aliases', 'Types'],
];
const api = REFERENCE.map(([folder, text]) => {
  const path = fileURLToPath(new URL(`../api/${folder}`, import.meta.url));
  const names = existsSync(path) ? readdirSync(path).sort() : [];
  const items = names.map((name) => ({ text: name.replace(/\.md$/, ''), link: `/api/${folder}/${name.replace(/\.md$/, '')}` }));
  return { text, collapsed: folder !== 'functions' && folder !== 'classes', items };
});

export default {
  title: 'beit-wasm',
  description: 'BEiT in web pages and in Node: classify, segment, compare and complete pictures.',
  lang: 'en',
  base: process.env.BEIT_DOCS_BASE ?? '/',
  outDir: '../build/docs',
  cacheDir: '../build/docs-cache',
  srcExclude: ['node_modules/**'],
  cleanUrls: false,
  lastUpdated: false,
  themeConfig: {
    nav: [
      { text: 'Guides', link: '/guides/getting-started' },
      { text: 'API', link: '/api/' },
    ],
    sidebar: { '/guides/': sidebar, '/performance': sidebar, '/api/': api },
    outline: [2, 3],
    search: { provider: 'local' },
  },
};
