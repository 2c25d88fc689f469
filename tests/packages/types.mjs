// What TypeScript makes of the package's declarations, with each version, library of the language's and way to find modules.
const USE = (image) => `import { pipeline, BeitError, type Classification, type SourceLike } from 'beit-wasm';
import { samples } from 'beit-wasm-samples';

export async function use(source: SourceLike): Promise<Classification[]> {
  const classify = await pipeline('image-classification', source, { onProgress: ({ loaded }) => void (loaded * 1) });
  // @ts-expect-error: a number is no image.
  await classify(42);
  // @ts-expect-error: nor is any object.
  await classify({ foo: 1 });
  // @ts-expect-error: a number is no source.
  await pipeline('image-classification', 17);
  const labels = await classify(${image}, { topK: 5 });
  labels satisfies Classification[];
  if (labels.length === 0) throw new BeitError('io', samples.classifier.weights().href);
  return labels;
}
`;

const LIBRARIES = [
  { name: 'dom', lib: ['ES2022', 'DOM'], types: [], image: "document.createElement('canvas')" },
  { name: 'worker', lib: ['ES2022', 'WebWorker'], types: [], image: 'new OffscreenCanvas(1, 1)' },
  { name: 'node', lib: ['ES2022'], types: ['node'], image: "'photo.jpg'" },
];

export const TYPES = ['5.4', '5', 'latest'].map((version) => {
  const uses = LIBRARIES.flatMap((library) => [
    { ...library, module: 'nodenext', moduleResolution: 'nodenext' },
    { ...library, module: 'esnext', moduleResolution: 'bundler' },
  ]);
  return {
    name: `typescript-${version}`,
    install: [`typescript@${version}`, '@types/node@20'],
    files: Object.fromEntries(
      uses.flatMap(({ name, lib, types, image, module, moduleResolution }) => [
        [`${name}-${module}/use.ts`, USE(image)],
        [
          `${name}-${module}/tsconfig.json`,
          JSON.stringify({
            compilerOptions: {
              target: 'ES2022',
              strict: true,
              exactOptionalPropertyTypes: true,
              skipLibCheck: false,
              noEmit: true,
              lib,
              types,
              module,
              moduleResolution,
            },
            include: ['use.ts'],
          }),
        ],
      ]),
    ),
    commands: uses.map(({ name, module }) => ['tsc', '-p', `${name}-${module}`]),
  };
});

/** What publint and are-the-types-wrong find in the packed files. */
export const LINT = {
  name: 'lint',
  install: ['publint@0.3', '@arethetypeswrong/cli@0.18'],
  commands: [
    ['publint', '--strict', 'node_modules/beit-wasm'],
    ['publint', '--strict', 'node_modules/beit-wasm-samples'],
    // CommonJS has the module by require(esm).
    ['attw', '--profile', 'esm-only', 'TARBALL'],
  ],
};
