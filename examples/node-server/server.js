// Names what pictures show:   curl --data-binary @photo.jpg http://localhost:8000
// MODEL=microsoft/beit-base-patch16-224 npm start   takes a model for photographs, kept in ./models.
import { createServer } from 'node:http';
import { BeitError, pipeline } from 'beit-wasm';

const MOST_BYTES = 20e6;
const { MODEL = null, PORT = '8000' } = process.env;

const classify = await pipeline('image-classification', MODEL, { cache: './models' });

/** Returns the status and the answer to the bytes of a picture. */
async function answerTo(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) return [413, { message: `A picture has at most ${MOST_BYTES} bytes.` }];
    chunks.push(chunk);
  }
  try {
    return [200, await classify(Buffer.concat(chunks), { topK: 3 })];
  } catch (error) {
    if (!(error instanceof BeitError)) throw error;
    return [422, { code: error.code, message: error.message }];
  }
}

const server = createServer(async (request, response) => {
  const [status, answer] = await answerTo(request).catch((error) => [500, { message: String(error) }]);
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(answer)}\n`);
});
server.listen(Number(PORT), () => console.log(`Send pictures to http://localhost:${PORT}`));
