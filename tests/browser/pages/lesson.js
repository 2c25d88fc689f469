/** Teaches stripes across and along, and returns all numbers that come of it. */
export async function lesson(teacher, engine) {
  const draw = (along, seed) => ({
    width: 40,
    height: 40,
    channels: 3,
    data: Uint8Array.from({ length: 4800 }, (_, i) => {
      const place = along ? Math.floor(i / 3) % 40 : Math.floor(i / 120);
      return (Math.floor((place + seed) / (3 + (seed % 3))) % 2) * (120 + 9 * (seed % 7)) + ((seed * 37 + (i % 3) * 29) % 80);
    }),
  });
  for (const along of [false, true]) {
    const images = Array.from({ length: 6 }, (_, i) => draw(along, 10 * i + (along ? 3 : 0)));
    await teacher.add(along ? 'along' : 'across', images);
  }
  const fit = await teacher.fit();
  const project = teacher.project();
  const header = Number(new DataView(project.buffer).getBigUint64(0, true));
  const features = new Float32Array(project.slice(8 + header).buffer);
  const examples = {
    features: features.slice(0, 12 * 128),
    labels: Int32Array.from({ length: 12 }, (_, i) => i % 3),
    bursts: Int32Array.from({ length: 12 }, (_, i) => i >> 1),
    channels: 128,
    classes: 3,
  };
  const head = await engine.fitHead(examples);
  const bits = (values) => [...new Uint8Array(values.buffer, values.byteOffset, values.byteLength)];
  const answer = await teacher.classify(draw(true, 55));
  return { fit, answer, bits: [features, head.weight, head.bias, head.scores].map(bits), loss: head.loss };
}
