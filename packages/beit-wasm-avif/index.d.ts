/** What beit-wasm decodes AVIF with once this package has been imported. */
export declare const avif: {
  /** Returns the address of beit-avif.wasm, where this package or the bundler has it. */
  wasm(): URL;
};
