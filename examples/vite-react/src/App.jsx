import 'beit-wasm-samples';
import { useEffect, useState } from 'react';
import { useBeit } from './useBeit.js';

const MODEL = null; // the small model of drawn scenes; for photographs 'microsoft/beit-base-patch16-224'

export function App() {
  const { run, share, error } = useBeit('image-classification', MODEL);
  const [picture, setPicture] = useState(null);
  const [answer, setAnswer] = useState({ labels: [] });

  useEffect(() => {
    if (!run || !picture) return;
    const controller = new AbortController();
    run(picture.file, { topK: 3, signal: controller.signal }).then(
      (labels) => setAnswer({ labels }),
      (failure) => controller.signal.aborted || setAnswer({ labels: [], failure }),
    );
    return () => controller.abort();
  }, [run, picture]);

  const choose = ({ target }) => {
    const [file] = target.files;
    if (!file) return;
    if (picture) URL.revokeObjectURL(picture.url);
    setPicture({ file, url: URL.createObjectURL(file) });
  };

  return (
    <main>
      <h1>What is in this picture?</h1>
      <p>
        <input type="file" accept="image/*" aria-label="Picture" onChange={choose} />
      </p>
      {!run && !error && <progress aria-label="Loading" max="1" value={share} />}
      <p role="status">{(error ?? answer.failure)?.message ?? (picture ? '' : 'Choose a picture. It does not leave this device.')}</p>
      {picture && <img src={picture.url} alt="" />}
      <ul>
        {answer.labels.map(({ label, score }) => (
          <li key={label}>
            <span>{label}</span> <span>{(score * 100).toFixed(1)} %</span>
          </li>
        ))}
      </ul>
    </main>
  );
}
