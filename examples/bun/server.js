// Names what pictures show:   curl --data-binary @photo.jpg http://localhost:8000
import { BeitError, pipeline } from 'beit-wasm';

const MODEL = process.env.MODEL ?? null; // for photographs microsoft/beit-base-patch16-224

const classify = await pipeline('image-classification', MODEL, { cache: './models' });

Bun.serve({
  port: Number(process.env.PORT ?? 8000),
  async fetch(request) {
    try {
      return Response.json(await classify(await request.blob(), { topK: 3 }));
    } catch (error) {
      if (!(error instanceof BeitError)) throw error;
      return Response.json({ code: error.code, message: error.message }, { status: 422 });
    }
  },
});
