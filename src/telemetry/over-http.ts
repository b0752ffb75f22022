import type { Service } from "../core/policy.ts";
import type { EventBatch } from "./batch-format.ts";

export interface OverHttpOptions {
  /** The collector's `/v1/events`. */
  readonly url: string;
  /** An ingest key, which can only ingest. */
  readonly key?: string;
  /** Default: the global `fetch` at each call. */
  readonly fetch?: typeof fetch;
}

/** A collector did not take a batch. */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  readonly status: number;
  readonly retryable: boolean;

  constructor(status: number) {
    super(`the collector answered ${status}`);
    this.status = status;
    // OTLP's rule, which fits any collector: these pass, the others do not.
    this.retryable = status === 429 || status === 502 || status === 503 || status === 504;
  }
}

/** Bytes that browsers let out after the page is gone, with room for other senders. */
const keepaliveLimit = 60_000;

/** Sends batches to a collector over HTTP, also from a page that is being closed. */
export function overHttp(options: OverHttpOptions): Service<EventBatch, void> {
  return async function overHttp(batch, { signal }) {
    const send = options.fetch ?? globalThis.fetch;
    const body = new TextEncoder().encode(JSON.stringify(batch));
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (options.key !== undefined) headers.authorization = `Bearer ${options.key}`;
    const keepalive = body.byteLength < keepaliveLimit;
    const init = { method: "POST", headers, body, keepalive, signal };
    const response = await send(options.url, init);
    // Nobody reads the body, so nobody minds if it breaks.
    await response.body?.cancel().catch(() => {});
    if (!response.ok) throw new DeliveryError(response.status);
  };
}
