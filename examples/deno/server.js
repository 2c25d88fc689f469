// Names what pictures show:   curl --data-binary @photo.jpg http://localhost:8000
import { BeitError, pipeline } from 'beit-wasm';

const MODEL = Deno.env.get('MODEL') ?? null; // for photographs microsoft/beit-base-patch16-224

const classify = await pipeline('image-classification', MODEL);

Deno.serve({ port: Number(Deno.env.get('PORT') ?? 8000) }, async (request) => {
  try {
    return Response.json(await classify(await request.blob(), { topK: 3 }));
  } catch (error) {
    if (!(error instanceof BeitError)) throw error;
    return Response.json({ code: error.code, message: error.message }, { status: 422 });
  }
});
