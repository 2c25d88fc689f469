/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The keys of the methods that `using` and `await using` call. Engines without explicit resource management get
 * symbols of the same descriptions, so that the classes need no second form.
 */
export const disposeSymbol: typeof Symbol.dispose = Symbol.dispose ?? (Symbol.for('Symbol.dispose') as typeof Symbol.dispose);
export const asyncDisposeSymbol: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for('Symbol.asyncDispose') as typeof Symbol.asyncDispose);

/** What holds memory until its dispose(). Only this class has these methods: a bundler keeps every class that has a key of a variable. */
export abstract class DisposableObject {
  /** Gives the memory back. */
  abstract dispose(): Promise<void>;

  /** dispose() for `using`: begins it and does not wait. */
  [disposeSymbol](): void {
    void this.dispose();
  }

  /** dispose() for `await using`, which waits. */
  [asyncDisposeSymbol](): Promise<void> {
    return this.dispose();
  }
}
