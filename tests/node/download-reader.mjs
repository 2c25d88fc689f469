// A program for resume.test.mjs: reads a checkpoint's weights, and says "reached" once it has so many bytes of them.
import { nodeHttp } from '../../dist/platform/http-node.js';
import { hubSource } from '../../dist/sources/http/source.js';

const { options, until } = JSON.parse(process.argv[2]);
const say = (text) => process.stdout.write(`${text}\n`);
try {
  const file = await hubSource('owner/name', options, nodeHttp).open('model.safetensors');
  let bytes = 0;
  for await (const chunk of file.read(0, Infinity)) {
    bytes += chunk.length;
    if (bytes >= until) say('reached');
  }
  await file.finish?.();
  await file.close();
  say(JSON.stringify({ bytes }));
} catch ({ code, message }) {
  say(JSON.stringify({ code, message }));
}
