// The guides in the order in which the site lists them, by the names of their files.
export const guides = [
  { title: 'Begin', pages: ['getting-started', 'bundlers', 'threads', 'gpu', 'from-transformers-js', 'from-python'] },
  {
    title: 'Use',
    pages: ['sources', 'checkpoints', 'pictures', 'batches', 'many-machines', 'teach', 'fine-tuning', 'models', 'command-line'],
  },
  { title: 'In production', pages: ['memory', 'int8', 'errors', 'measurements', 'demo'] },
];
