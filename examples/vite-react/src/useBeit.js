import { pipeline } from 'beit-wasm';
import { useEffect, useState } from 'react';

const LOADING = { run: null, share: 0, error: null };

/**
 * Loads a pipeline and keeps it while the component is there. Returns { run, share, error }: `run` takes a picture and is null until all
 * is loaded, `share` goes from 0 to 1, `error` is a BeitError.
 */
export function useBeit(task, source = null) {
  const [state, setState] = useState(LOADING);
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    let run = null;
    setState(LOADING);
    pipeline(task, source, { signal, onProgress: ({ share }) => signal.aborted || setState((last) => ({ ...last, share })) }).then(
      (loaded) => {
        if (signal.aborted) return void loaded.dispose();
        run = loaded;
        setState({ run, share: 1, error: null });
      },
      (error) => signal.aborted || setState({ ...LOADING, error }),
    );
    return () => {
      controller.abort();
      run?.dispose();
    };
  }, [task, source]);
  return state;
}
