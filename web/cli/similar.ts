import { numberFrom, usageError, wholeNumber, type CommandSpec } from './arguments.js';
import { batchPackage, library } from './batch.js';
import { openSource } from './downloads.js';

export const similar: CommandSpec = {
  name: 'similar',
  summary: 'finds the nearest pictures of a batch of features, and duplicates (package beit-wasm-batch)',
  operands: { name: '[PICTURE…]', least: 0, most: Infinity },
  options: [
    { name: 'in', value: 'FOLDER', help: 'what beit batch --task features has written', required: true },
    { name: 'model', value: 'SOURCE', help: 'that of the batch, for pictures that it has not (default: by the name in it)' },
    { name: 'count', value: 'N', help: 'how many pictures (default: 10)', parse: wholeNumber(100_000) },
    {
      name: 'duplicates',
      value: 'SHARE',
      help: 'groups of pictures whose vectors are at least so similar, 0 to 1',
      parse: numberFrom(0, 1),
    },
    { name: 'html', value: 'FILE', writes: 'file', help: 'write a page that shows them' },
    { name: 'json', help: 'print JSON' },
  ],
  details: ['Similarity is the cosine of the angle between vectors. All are compared.'],
  async run(parsed) {
    const duplicates = parsed.value<number>('duplicates');
    if ((duplicates === undefined) === (parsed.operands.length === 0))
      throw usageError('Either pictures or the option --duplicates are to be given; see beit similar --help.');
    for (const name of ['count', 'model'])
      if (duplicates !== undefined && parsed.value(name) !== undefined)
        throw usageError(`The option --${name} is for pictures; --duplicates compares all that the batch has.`);
    const { runSimilar } = await batchPackage();
    await runSimilar(library, {
      set: parsed.value('in'),
      pictures: parsed.operands,
      count: parsed.value('count'),
      duplicates,
      html: parsed.value('html'),
      json: parsed.flag('json'),
      openModel: async (name: string) => {
        const { source, watch } = await openSource(parsed.value<string>('model') ?? name);
        return { source, load: watch };
      },
    });
    return 0;
  },
};
