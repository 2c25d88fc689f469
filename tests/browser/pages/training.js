// What train.test.mjs has learned in Node and in a page.
export const picture = (number) => ({
  image: { width: 40, height: 40, channels: 3, data: Uint8Array.from({ length: 4800 }, (_, i) => (i * (number + 3) * 7) >> 4) },
  label: ['cat', 'dog'][number % 2],
});

export const pictures = Array.from({ length: 10 }, (_, i) => picture(i));

/** Trains; returns the losses, and what `finish` makes of the run. */
export async function learn(train, options, finish = () => null) {
  const run = train({
    data: pictures,
    method: 'vectors',
    epochs: 2,
    batch: 4,
    validation: 0.4,
    seed: 5,
    build: 'simd-threads',
    ...options,
  });
  const losses = [];
  for await (const { loss, validation } of run) losses.push(loss, validation?.loss ?? null);
  const finished = await finish(run);
  await run.dispose();
  return { losses, finished };
}
