import { known } from "../core/check.ts";
import { type Classify, classifyThrown } from "../core/classify.ts";
import { systemClock } from "../core/clock.ts";
import { refuse } from "../core/duration.ts";
import { callable, flag } from "../core/options.ts";
import type { Service } from "../core/policy.ts";
import { parseRetryAfter, serverTime } from "../core/retry-after.ts";
import type { EventBatch, Receipt, RejectedEvent } from "./batch-format.ts";

export interface OverHttpOptions {
  /** The collector's `/v1/events`. */
  readonly url: string;
  /** An ingest key, which can only ingest. */
  readonly key?: string;
  /** Whether large batches are compressed where the platform can; events repeat themselves, so a tenth is left. Default true. */
  readonly compress?: boolean;
  /**
   * Hears of events that the collector did not take, and why not; the sink counts them as dropped. Of a batch that was refused
   * for good, as one with a wrong key is, it hears of all.
   */
  readonly onRejected?: (rejected: readonly RejectedEvent[], batch: EventBatch) => void;
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

  /**
   * @param retryAfter the answer's `Retry-After`, in seconds or as a date
   * @param now milliseconds since 1970, by the clock that a date is compared with
   */
  constructor(status: number, retryAfter: string | null = null, now: number = systemClock.wall()) {
    super(`the collector answered ${status}`);
    this.status = status;
    // OTLP's rule, which fits any collector: these pass, the others do not.
    this.retryable = status === 429 || status === 502 || status === 503 || status === 504;
    this.retryAfter = parseRetryAfter(retryAfter, now);
  }

  /** The error that an answer stands for. Its date is compared with the collector's own clock, where that is to be seen. */
  static of({ status, headers }: Pick<Response, "status" | "headers">): DeliveryError {
    return new DeliveryError(status, headers.get("retry-after"), serverTime(headers, systemClock));
  }
}

/**
 * What a delivery means: a collector says itself whether it may be asked again, and when.
 *
 * @example
 * const policy = compose(environment({ classify: classifyDelivery }), retry(3), timeout("10s"));
 */
export const classifyDelivery: Classify = (outcome) => {
  const error = "error" in outcome ? outcome.error : undefined;
  if (!(error instanceof DeliveryError)) return classifyThrown(outcome);
  return { kind: "failure", retryable: error.retryable, retryAfter: error.retryAfter };
};

/** Bytes that browsers let out after the page is gone, all requests together, with room for other senders. */
const keepaliveBytes = 60_000;
/** Of them, what a page may send at the moment that it hides. The rest is for what is under way then. */
export const farewellBytes = 45_000;
/** Bytes below which compressing costs more than it saves. */
const worthCompressing = 2_000;

/**
 * Sends batches to a collector over HTTP, also from a page that is being closed.
 *
 * It gives the collector's receipt back, if that says something, by which `batch` counts events that were not taken.
 *
 * @throws TypeError for options that will not do
 * @throws DeliveryError when the collector does not take a batch
 */
export function overHttp(options: OverHttpOptions): Service<EventBatch, Receipt | undefined> {
  check(options);
  /** Bytes under way that are to outlive the page. */
  let underWay = 0;
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
    const { byteLength } = body;
    const most = isHidden() ? keepaliveBytes : keepaliveBytes - farewellBytes;
    const keepalive = underWay + byteLength < most;
    const init = { method: "POST", headers, body, keepalive, signal };
    if (keepalive) underWay += byteLength;
    try {
      const response = await send(options.url, init);
      if (!response.ok) throw await refusal(response, batch, options);
      const receipt = await receiptOf(response);
      if (receipt !== undefined && receipt.rejected.length > 0) options.onRejected?.(receipt.rejected, batch);
      return receipt;
    } finally {
      if (keepalive) underWay -= byteLength;
    }
  };
}

function check(options: OverHttpOptions): void {
  known(options, "overHttp", ["url", "key", "compress", "onRejected", "fetch"]);
  const { url, key, compress, onRejected, fetch } = options;
  // In a page it may be a path; elsewhere fetch itself says at each call that it takes none.
  if (typeof url !== "string" || !URL.canParse(url, "https://page.invalid"))
    refuse("overHttp: url", "the URL of a collector", url, TypeError);
  // It is nobody's to read, so it is not quoted.
  if (key !== undefined && !(typeof key === "string" && /^[\x20-\x7e]+$/.test(key)))
    throw new TypeError("overHttp: key must be a text that a header can hold");
  if (compress !== undefined) flag(compress, "overHttp: compress");
  if (onRejected !== undefined) callable(onRejected, "overHttp: onRejected");
  if (fetch !== undefined) callable(fetch, "overHttp: fetch");
}

/** The error that an answer stands for; of what no repetition mends, `onRejected` is told why. */
async function refusal(
  response: Response,
  batch: EventBatch,
  { onRejected }: OverHttpOptions,
): Promise<DeliveryError> {
  const error = DeliveryError.of(response);
  const { detail } = (await jsonOf(response)) as { readonly detail?: unknown };
  if (!error.retryable) {
    const reason = typeof detail === "string" ? `${error.message}: ${detail}` : error.message;
    onRejected?.(
      batch.events.map((_, index) => ({ index, reason })),
      batch,
    );
  }
  return error;
}

/** What a collector says of a batch that it took; nothing where it says nothing that we understand. */
async function receiptOf(response: Response): Promise<Receipt | undefined> {
  const receipt = (await jsonOf(response)) as Receipt;
  return Array.isArray(receipt.rejected) ? receipt : undefined;
}

/** The object that an answer holds; an empty one where there is none. A body that breaks nobody minds. */
async function jsonOf(response: Response): Promise<object> {
  if (/\bjson\b/.test(response.headers.get("content-type") ?? "")) {
    return Object(await response.json().catch(() => undefined));
  }
  await response.body?.cancel().catch(() => {});
  return {};
}

/** Whether a page is perhaps being closed; elsewhere never. */
export function isHidden(): boolean {
  const { document } = globalThis as { document?: { readonly visibilityState: string } };
  return document?.visibilityState === "hidden";
}

/** A page that is being closed has no time for it: what is asynchronous may never happen. */
function canCompress(): boolean {
  return typeof CompressionStream === "function" && !isHidden();
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
