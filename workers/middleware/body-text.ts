import { problem } from "./problem.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Reads a request's body, also one that is packed, which may unpack to at most so many bytes.
 *
 * @returns its text, or an answer that says what is wrong with it
 */
export async function bodyText(
  request: Request,
  most: number,
  tooLarge: () => Response,
): Promise<string | Response> {
  const encoding = request.headers.get("content-encoding");
  if (encoding === null || request.body === null) return request.text();
  if (encoding.toLowerCase() !== "gzip") {
    return problem({
      status: 415,
      type: "unsupported-encoding",
      detail: "a body is sent as it is, or packed with gzip",
      headers: { "accept-encoding": "gzip" },
    });
  }
  const unpacked = request.body.pipeThrough(new DecompressionStream("gzip"));
  let bytes = 0;
  const bounded = new TransformStream<Bytes, Bytes>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes <= most) controller.enqueue(chunk);
      else controller.error(new RangeError("too large"));
    },
  });
  try {
    return await new Response(unpacked.pipeThrough(bounded)).text();
  } catch {
    return bytes > most
      ? tooLarge()
      : problem({ status: 400, type: "bad-encoding", detail: "the body is no gzip" });
  }
}
