/**
 * What a row has besides its answer, and what the answers of each task are as columns. A kind is `text`, `int`, `float`, `bytes`,
 * `texts`, `ints`, `floats` (lists of any length) or `vector` and `int vector` (all of one length).
 */
const FACTS = [
  { name: 'path', kind: 'text' },
  { name: 'sha256', kind: 'text' },
  { name: 'width', kind: 'int' },
  { name: 'height', kind: 'int' },
  { name: 'status', kind: 'text' },
  { name: 'error_code', kind: 'text' },
  { name: 'error_message', kind: 'text' },
  { name: 'milliseconds', kind: 'float' },
];

/** Returns the columns of rows, each { name, kind, values, length }; a row without an answer has null. `length`: of a vector. */
export function columnsOf(answers, rows, vectorLength) {
  return [...FACTS, ...answers].map(({ name, kind }) => {
    const values = rows.map((row) => row[name] ?? null);
    const length = kind.endsWith('vector') ? (values.find((value) => value !== null)?.length ?? vectorLength) : undefined;
    return { name, kind, values, length };
  });
}
