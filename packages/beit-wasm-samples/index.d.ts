export interface Sample {
  /** Returns the address of model.safetensors, where this package or the bundler has it. */
  weights(): URL;
  /** The small files beside it, by their names. */
  files: Readonly<Record<'config.json' | 'preprocessor_config.json', object>>;
}

/** What `pipeline(task)` of beit-wasm uses once this package has been imported. */
export declare const samples: Readonly<Record<'classifier' | 'segmentation', Sample>>;
