import { problem } from "./problem.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Reads a request's body, which may have at most so many bytes, also one that is packed when it is unpacked.
 *
 * @returns its text, or an answer that says what is wrong with it
 */
export async function bodyText(
  request: Request,
  most: number,
  tooLarge: () => Response,
): Promise<string | Response> {
  const { headers, body } = request;
  const length = headers.get("content-length");
  if (Number(length) > most) return tooLarge();
  const encoding = headers.get("content-encoding");
  // The platform cuts what is longer than it says.
  if (body === null || (encoding === null && length !== null)) return request.text();
  if (encoding !== null && encoding.toLowerCase() !== "gzip") {
    return problem({
      status: 415,
      type: "unsupported-encoding",
      detail: "a body is sent as it is, or packed with gzip",
      headers: { "accept-encoding": "gzip" },
    });
  }
  const plain = encoding === null ? body : body.pipeThrough(new DecompressionStream("gzip"));
  let bytes = 0;
  const bounded = new TransformStream<Bytes, Bytes>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes <= most) controller.enqueue(chunk);
      else controller.error(new RangeError("too large"));
    },
  });
  try {
    return await new Response(plain.pipeThrough(bounded)).text();
  } catch (error) {
    if (bytes > most) return tooLarge();
    if (encoding === null) throw error;
    return problem({ status: 400, type: "bad-encoding", detail: "the body is no gzip" });
  }
}
