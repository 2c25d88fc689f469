/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The key of the method that `using` calls. Engines without explicit resource management get a
 * symbol of the same description, so that the classes need no second form.
 */
export const disposeSymbol: typeof Symbol.dispose = Symbol.dispose ?? (Symbol.for('Symbol.dispose') as typeof Symbol.dispose);
