import { known } from "../core/check.ts";
import type { Service } from "../core/policy.ts";
import type { EventBatch } from "./batch-format.ts";

export interface OverHttpOptions {
  /** The collector's `/v1/events`. */
  readonly url: string;
  /** An ingest key, which can only ingest. */
  readonly key?: string;
  /** Whether large batches are compressed where the platform can; events repeat themselves, so a tenth is left. Default true. */
  readonly compress?: boolean;
  /** Default: the global `fetch` at each call. */
  readonly fetch?: typeof fetch;
}

/** A collector did not take a batch. */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  readonly status: number;
  readonly retryable: boolean;
  /** Milliseconds that the collector asked to wait, a day at most. */
  readonly retryAfter: number | undefined;

  /** @param retryAfter the answer's `Retry-After`, which counts where it is in seconds */
  constructor(status: number, retryAfter?: string | null) {
    super(`the collector answered ${status}`);
    this.status = status;
    // OTLP's rule, which fits any collector: these pass, the others do not.
    this.retryable = status === 429 || status === 502 || status === 503 || status === 504;
    this.retryAfter = /^\d+$/.test(retryAfter ?? "")
      ? Math.min(Number(retryAfter) * 1_000, longestWait)
      : undefined;
  }
}

/** Milliseconds: nobody is made to wait longer than a day by a header. */
const longestWait = 86_400_000;
/** Bytes that browsers let out after the page is gone, with room for other senders. */
export const keepaliveLimit = 60_000;
/** Bytes below which compressing costs more than it saves. */
const worthCompressing = 2_000;

/** Sends batches to a collector over HTTP, also from a page that is being closed. */
export function overHttp(options: OverHttpOptions): Service<EventBatch, void> {
  known(options, "overHttp", ["url", "key", "compress", "fetch"]);
  return async function overHttp(batch, { signal }) {
    const send = options.fetch ?? globalThis.fetch;
    let body: Uint8Array<ArrayBuffer> = new TextEncoder().encode(
      JSON.stringify(batch),
    ) as Uint8Array<ArrayBuffer>;
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (options.key !== undefined) headers.authorization = `Bearer ${options.key}`;
    if (options.compress !== false && body.byteLength >= worthCompressing && canCompress()) {
      body = await gzip(body);
      headers["content-encoding"] = "gzip";
    }
    const keepalive = body.byteLength < keepaliveLimit;
    const init = { method: "POST", headers, body, keepalive, signal };
    const response = await send(options.url, init);
    // Nobody reads the body, so nobody minds if it breaks.
    await response.body?.cancel().catch(() => {});
    if (!response.ok) throw new DeliveryError(response.status, response.headers.get("retry-after"));
  };
}

/** A page that is being closed has no time for it: what is asynchronous may never happen. */
function canCompress(): boolean {
  const { document } = globalThis as { document?: { readonly visibilityState: string } };
  return typeof CompressionStream === "function" && document?.visibilityState !== "hidden";
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
