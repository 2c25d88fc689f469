/** Whether a body that is called text/html is a web page. */

// More than any page has before its first tag.
const HEAD_BYTES = 512;

/** Returns whether a file that begins so is a web page: neither JSON nor any kind of weights does. */
export function isPage(head: Uint8Array): boolean {
  const text = new TextDecoder().decode(head).replace(/^\s+/, '');
  return /^<(!doctype\b|!--|\?xml\b|[a-z][a-z0-9-]*[\s/>])/i.test(text);
}

/** Returns the first bytes of a body, and a body that still has them. */
export async function peek(body: ReadableStream<Uint8Array>): Promise<{ head: Uint8Array; rest: ReadableStream<Uint8Array> }> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < HEAD_BYTES) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
  }
  const head = new Uint8Array(Math.min(length, HEAD_BYTES));
  let filled = 0;
  for (const chunk of chunks) {
    const part = chunk.subarray(0, head.length - filled);
    head.set(part, filled);
    filled += part.length;
  }
  const rest = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = chunks.shift();
        if (chunk) return controller.enqueue(chunk);
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return { head, rest };
}
