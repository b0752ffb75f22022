import type { Service } from "ninelives";
import { otherPolicies } from "ninelives/observer";
import { type Attributes, DeliveryError, type EventBatch, otlp } from "ninelives/telemetry";
import { json, only, text, texts } from "./configured.ts";
import type { Env } from "./env.ts";

type Deliver = Service<EventBatch, unknown>;

/** Where batches go on to. */
export interface Export {
  /** What the observer calls it, among the policies. */
  readonly name: string;
  readonly deliver: Deliver;
}

/** What `EXPORTS` says of one. */
type Chosen = Readonly<Record<string, unknown>>;

interface Kind {
  readonly options: readonly string[];
  readonly delivery: (chosen: Chosen, at: string, env: Env) => Deliver;
}

/** Bytes of a message of a queue: 128 kB, with room for what the platform adds. */
const largestMessage = 120_000;
/** Bytes of an index of a point. */
const longestIndex = 96;
/** Points that one invocation may write. */
const mostPoints = 25;

/** Takes nothing, and no key above all, to where an answer redirects. Of `redirect: "error"` workerd knows nothing. */
const staying: typeof fetch = (url: RequestInfo | URL, init?: RequestInit) =>
  fetch(url, { ...init, redirect: "manual" });

const kinds: Readonly<Record<string, Kind>> = {
  otlp: {
    options: ["url", "headers", "resource"],
    delivery: ({ url, headers, resource }, at) =>
      otlp({
        url: placeOf(url, `${at}.url`),
        headers: texts(headers, `${at}.headers`),
        resource: texts(resource, `${at}.resource`) satisfies Attributes,
        fetch: staying,
      }),
  },
  webhook: {
    options: ["url", "headers"],
    delivery: ({ url, headers }, at) => {
      const address = placeOf(url, `${at}.url`);
      const init = {
        method: "POST",
        headers: { "content-type": "application/json", ...texts(headers, `${at}.headers`) },
      };
      return async (batch, { signal }) => {
        const response = await staying(address, { ...init, body: JSON.stringify(batch), signal });
        await response.body?.cancel();
        if (!response.ok) throw DeliveryError.of(response);
      };
    },
  },
  queue: {
    options: ["binding"],
    delivery: ({ binding }, at, env) => {
      const queue = bound<Queue<EventBatch>>(env, binding, "sendBatch", at);
      return async (batch) => {
        for (const body of inMessages(batch)) await queue.send(body);
      };
    },
  },
  analytics: {
    options: ["binding"],
    delivery: ({ binding }, at, env) => {
      const dataset = bound<AnalyticsEngineDataset>(env, binding, "writeDataPoint", at);
      return async (batch) => {
        for (const point of pointsOf(batch)) dataset.writeDataPoint(point);
      };
    },
  },
};

/**
 * Reads where batches go on to, beside the observer.
 *
 * `EXPORTS` is JSON: a list of `{ "to": "otlp", "url", "headers", "resource" }`, `{ "to": "webhook", "url", "headers" }`,
 * `{ "to": "queue", "binding" }` and `{ "to": "analytics", "binding" }`. It is a secret, as its headers may be.
 *
 * @throws TypeError that says what is wrong; it never quotes a header
 */
export function readExports(env: Env): readonly Export[] {
  if (env.EXPORTS === undefined || env.EXPORTS.trim() === "") return [];
  const list = json(env.EXPORTS, "EXPORTS");
  if (!Array.isArray(list)) throw new TypeError("EXPORTS must be a list");
  const seen = new Map<string, number>();
  return list.map((chosen: Chosen | null, index) => {
    const at = `EXPORTS[${index}]`;
    const to = chosen?.to;
    if (typeof to !== "string" || !Object.hasOwn(kinds, to))
      throw new TypeError(`${at}.to must be one of ${Object.keys(kinds).join(", ")}`);
    const { options, delivery } = kinds[to] as Kind;
    const count = (seen.get(to) ?? 0) + 1;
    seen.set(to, count);
    return {
      name: count === 1 ? `export ${to}` : `export ${to} ${count}`,
      deliver: delivery(only(chosen, at, ["to", ...options]), at, env),
    };
  });
}

/** What batches are posted to. @throws TypeError that does not quote it: there may be a key in it */
function placeOf(value: unknown, option: string): string {
  const url = text(value, option);
  if (/^https?:$/.test(URL.parse(url)?.protocol ?? "")) return url;
  throw new TypeError(`${option} must be an http(s) URL`);
}

/** A batch in as many parts as it takes to make each small enough. */
function inMessages(batch: EventBatch): EventBatch[] {
  const { events } = batch;
  if (events.length < 2 || new TextEncoder().encode(JSON.stringify(batch)).byteLength <= largestMessage)
    return [batch];
  const half = events.length >> 1;
  const parts = [
    { ...batch, events: events.slice(0, half) },
    { ...batch, events: events.slice(half), dropped: 0 },
  ];
  return parts.flatMap(inMessages);
}

/** Calls, failures, attempts, and the sum and the maximum of durations. */
type Sums = readonly [calls: number, failures: number, attempts: number, sum: number, most: number];

const noSums: Sums = [0, 0, 0, 0, 0];

/** A point a policy, with its name and the source. Those of the fewest calls, where there are too many, add up to `(other)`. */
function pointsOf({ source, events }: EventBatch): AnalyticsEngineDataPoint[] {
  const sums = new Map<string, Sums>();
  for (const event of events) {
    if (event.type !== "request.succeeded" && event.type !== "request.failed") continue;
    const { type, policy, attempts, duration, weight = 1 } = event;
    const failures = type === "request.failed" ? weight : 0;
    const own: Sums = [weight, failures, weight * attempts, weight * duration, duration];
    sums.set(policy, added(sums.get(policy) ?? noSums, own));
  }
  const all = [...sums].sort(([, [one]], [, [other]]) => other - one);
  const apart = all.length > mostPoints ? all.slice(0, mostPoints - 1) : all;
  const rest = all.slice(apart.length).map(([, each]) => each);
  const told = rest.length === 0 ? apart : [...apart, [otherPolicies, rest.reduce(added)] as const];
  return told.map(([policy, doubles]) => ({
    indexes: [within(policy, longestIndex)],
    blobs: [policy, source.kind],
    doubles: [...doubles],
  }));
}

/** A text cut to so many bytes of UTF-8, by whole characters. */
function within(text: string, most: number): string {
  const bytes = new Uint8Array(most);
  return text.slice(0, new TextEncoder().encodeInto(text, bytes).read);
}

function added(one: Sums, other: Sums): Sums {
  return [
    one[0] + other[0],
    one[1] + other[1],
    one[2] + other[2],
    one[3] + other[3],
    Math.max(one[4], other[4]),
  ];
}

function bound<T>(env: Env, binding: unknown, method: string, at: string): T {
  const name = text(binding, `${at}.binding`);
  const found = (env as unknown as Record<string, Record<string, unknown> | undefined>)[name];
  if (typeof found?.[method] === "function") return found as T;
  throw new TypeError(`${at}.binding: there is no such binding as ${name}`);
}
