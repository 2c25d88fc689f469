/** Arrays of another realm (a frame, a context of a test runner): `instanceof` knows only those of its own. */

type Kind<T> = (abstract new (length: number) => T) & { readonly name: string };

/** Returns whether a value is a typed array of one of these kinds, of whatever realm. */
export function isArrayOf<T>(value: unknown, ...kinds: readonly Kind<T>[]): value is T {
  if (!ArrayBuffer.isView(value)) return false;
  const tag = (value as Partial<Uint8Array>)[Symbol.toStringTag];
  return kinds.some(({ name }) => name === tag);
}

export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return Object.prototype.toString.call(value) === '[object ArrayBuffer]';
}
