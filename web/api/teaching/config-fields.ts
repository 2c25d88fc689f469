/** Returns fields by the names that transformers' JSON has for them; `plain` makes of a value what is written. */
export function configFields(fields: Readonly<Record<string, unknown>>, plain: (value: unknown) => unknown): Record<string, unknown> {
  const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [snake(name), plain(value)]));
}
