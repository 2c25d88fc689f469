/** The two files of a build, where this package or the bundler has them. */
export interface TrainingFiles {
  script(): URL;
  wasm(): URL;
}

/** What beit-wasm trains with once this package has been imported. */
export declare const training: {
  readonly simd: TrainingFiles;
  readonly 'simd-threads': TrainingFiles;
  readonly 'relaxed-threads': TrainingFiles;
};
