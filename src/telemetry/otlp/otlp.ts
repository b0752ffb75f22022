import { known } from "../../core/check.ts";
import { quote, refuse } from "../../core/duration.ts";
import { callable } from "../../core/options.ts";
import type { Service } from "../../core/policy.ts";
import type { EventBatch } from "../batch-format.ts";
import { isRecord } from "../event-schema.ts";
import { DeliveryError } from "../over-http.ts";
import { logsOf } from "./logs.ts";
import { metricsOf } from "./metrics.ts";
import { tracesOf } from "./traces.ts";
import { type Attributes, resourceOf } from "./wire.ts";

export type Signal = "metrics" | "traces" | "logs";

export interface OtlpOptions {
  /** Where the collector is: signals go to `<url>/v1/metrics`, `/v1/traces` and `/v1/logs`. */
  readonly url: string;
  /** Such as an API key. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent. Default all three. */
  readonly signals?: readonly Signal[];
  /** What the events come from; `service.name` should be among it. */
  readonly resource?: Attributes;
  /** Hears of records that the collector took the request for and did not keep. */
  readonly onRejected?: (signal: Signal, count: number, message: string) => void;
  /** Default: the global `fetch` at each call. */
  readonly fetch?: typeof fetch;
}

const signals: readonly Signal[] = ["metrics", "traces", "logs"];
/** Senders whose last batch is remembered. */
const mostSenders = 10_000;

/** A batch that was tried. */
interface Begun {
  /** When the batch before it was made: its counts are those since then. */
  readonly since: number;
  /** Signals that the collector has. */
  readonly taken: Set<Signal>;
}

/**
 * Sends batches to an OpenTelemetry collector: metrics of what calls came to, spans of attempts that are traced, logs of
 * what is worth one.
 *
 * It is what `batch` delivers to, and fails as `overHttp` does: what may pass is tried again by the batch's own policy,
 * and then only those signals that were not taken.
 *
 * Source: OTLP 1.9 over HTTP with JSON.
 *
 * @throws TypeError for options that will not do
 * @throws DeliveryError when the collector does not take a signal
 * @example
 * const sink = batch({
 *   deliver: otlp({ url: "https://otel.example.com", resource: { "service.name": "shop" } }),
 *   source: "node",
 * });
 */
export function otlp(options: OtlpOptions): Service<EventBatch, void> {
  check(options);
  const chosen = options.signals ?? signals;
  const base = options.url.replace(/\/+$/, "");
  /** When the last batch of a sender was made: its counts are those since then. */
  const before = new Map<string, number>();
  const begun = new WeakMap<EventBatch, Begun>();

  /** What a batch comes with at its first try stays so: another one, which is sent meanwhile, begins where it ends. */
  function begin(batch: EventBatch): Begun {
    const { source, sentAt, events } = batch;
    const last = before.get(source.id);
    const since = Math.min(sentAt, last ?? events.reduce((first, { at }) => Math.min(first, at), sentAt));
    before.delete(source.id);
    if (before.size >= mostSenders) before.delete(before.keys().next().value as string);
    before.set(source.id, Math.max(sentAt, last ?? 0));
    return { since, taken: new Set() };
  }

  return async function otlp(batch, { signal: ending }) {
    const resource = resourceOf(batch, options.resource ?? {});
    const known = begun.get(batch) ?? begin(batch);
    begun.set(batch, known);
    const { since, taken } = known;
    const bodies = {
      metrics: () => metricsOf(batch, resource, since),
      traces: () => tracesOf(batch, resource),
      logs: () => logsOf(batch, resource),
    };
    const sending = chosen
      .filter((signal) => !taken.has(signal))
      .map(async (signal) => {
        const body = bodies[signal]();
        if (body !== undefined) await send(signal, body, ending);
        taken.add(signal);
      });
    const failed = (await Promise.allSettled(sending)).find(({ status }) => status === "rejected");
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
  };

  async function send(signal: Signal, body: object, ending: AbortSignal): Promise<void> {
    const fetch = options.fetch ?? globalThis.fetch;
    const response = await fetch(`${base}/v1/${signal}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...options.headers },
      body: JSON.stringify(body),
      signal: ending,
    });
    if (!response.ok) {
      await response.body?.cancel().catch(() => {});
      throw DeliveryError.of(response);
    }
    const partial = partialOf(await response.text().catch(() => ""));
    if (partial !== undefined) options.onRejected?.(signal, partial.count, partial.message);
  }
}

function check(options: OtlpOptions): void {
  known(options, "otlp", ["url", "headers", "signals", "resource", "onRejected", "fetch"]);
  const { url, headers = {}, signals: chosen = signals, resource = {}, onRejected, fetch } = options;
  if (!URL.canParse(url)) refuse("otlp: url", "the URL of a collector", url, TypeError);
  if (!Array.isArray(chosen)) refuse("otlp: signals", `a list of ${signals.join(", ")}`, chosen, TypeError);
  for (const signal of chosen)
    if (!signals.includes(signal))
      throw new TypeError(`otlp: signals must be of ${signals.join(", ")}, but one is ${quote(signal)}`);
  // There may be a key among them, so that they are not quoted.
  if (!isRecord(headers) || Object.values(headers).some((value) => typeof value !== "string"))
    throw new TypeError("otlp: headers must be an object of texts");
  if (!isRecord(resource)) refuse("otlp: resource", "an object of attributes", resource, TypeError);
  if (onRejected !== undefined) callable(onRejected, "otlp: onRejected");
  if (fetch !== undefined) callable(fetch, "otlp: fetch");
}

/** What a collector says that it did not keep. That is never sent again. */
function partialOf(text: string): { readonly count: number; readonly message: string } | undefined {
  let answer: { partialSuccess?: Record<string, unknown> } | null;
  try {
    answer = JSON.parse(text);
  } catch {
    return undefined;
  }
  const partial = answer?.partialSuccess;
  if (typeof partial !== "object" || partial === null) return undefined;
  const { rejectedDataPoints, rejectedSpans, rejectedLogRecords, errorMessage } = partial;
  const count = Number(rejectedDataPoints ?? rejectedSpans ?? rejectedLogRecords ?? 0);
  const message = typeof errorMessage === "string" ? errorMessage : "";
  return count > 0 || message !== "" ? { count, message } : undefined;
}
