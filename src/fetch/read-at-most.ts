/** A body that was read whole, or what there is of one that is too large: the beginning, and who reads on. */
export type Beginning =
  | { readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly chunks: readonly Uint8Array[]; readonly reader: ReadableStreamDefaultReader<Uint8Array> };

/** Reads a body to its end, unless it has more bytes than `most`: then it stops at the chunk that is one too many. */
export async function readAtMost(body: ReadableStream<Uint8Array> | null, most: number): Promise<Beginning> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (body === null) return { bytes: new Uint8Array(0) };
  const reader = body.getReader();
  while (size <= most) {
    const { done, value } = await reader.read();
    if (done) return { bytes: joined(chunks, size) };
    chunks.push(value);
    size += value.byteLength;
  }
  return { chunks, reader };
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
