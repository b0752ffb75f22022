import type { EventType } from "ninelives";

/** What stands before the dot of a type. */
type Kind<T> = T extends `${infer K}.${string}` ? K : never;

/** All there are, so that the compiler misses one that has no word. */
const kinds: Readonly<Record<Kind<EventType>, string>> = {
  request: "requests",
  retry: "retries",
  timeout: "timeouts",
  circuit: "circuits",
  store: "shared stores",
  bulkhead: "bulkheads",
  limit: "adaptive limits",
  "rate-limit": "rate limits",
  throttle: "throttles",
  hedge: "hedges",
  fallback: "fallbacks",
  cache: "caches",
  call: "shared calls",
  discovery: "discovery",
  member: "members",
  lease: "leases",
  document: "documents",
  span: "spans",
  chaos: "chaos",
};

/** What the log can be narrowed to: the beginning of a type, and what it is called. */
export const eventKinds: readonly (readonly [prefix: string, label: string])[] = [
  ["notable", "all notable"],
  ["", "everything"],
  ...Object.entries(kinds).map(([kind, label]) => [`${kind}.`, label] as const),
];
