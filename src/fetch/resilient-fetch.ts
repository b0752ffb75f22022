import type { CallOptions, Context } from "../core/context.ts";
import { type EnvironmentOptions, environment } from "../core/environment.ts";
import { compose, type Policy } from "../core/policy.ts";
import { keyed } from "../policies/keyed.ts";
import { standard } from "../policies/presets.ts";
import { classifyHttp } from "./classify.ts";

/** One call of `fetch`, as policies that look at requests see it. */
export interface FetchCall {
  readonly input: Parameters<typeof fetch>[0];
  readonly init: RequestInit | undefined;
}

export interface ResilientFetchOptions {
  /** Default: `standard`, with a circuit of its own for each origin. */
  readonly policy?: Policy<FetchCall, Response>;
  /** The name and the sink of its events, a clock, `waitUntil`. */
  readonly environment?: Omit<EnvironmentOptions, "discard">;
  /** What sends. Default: the global `fetch` at the time when this is made. */
  readonly fetch?: typeof fetch;
}

/** What `init` of a resilient fetch takes beside `fetch`'s own. */
export interface ResilientInit extends RequestInit {
  readonly resilience?: Pick<
    CallOptions,
    "deadline" | "key" | "repeatable" | "concurrent" | "trace" | "context"
  >;
}

/** RFC 9110, section 9.2.1. */
const safe = ["GET", "HEAD", "OPTIONS", "TRACE"];
/** RFC 9110, section 9.2.2. */
const idempotent = [...safe, "PUT", "DELETE"];

/**
 * Makes a `fetch` that survives: the same function to its caller, with policies inside.
 *
 * Responses come back as they are, whatever their status, and errors as the platform threw them; what a policy refuses
 * is a `RejectedError`. Only idempotent methods are sent again, and others that bear an `Idempotency-Key`, and only with
 * a body that can be sent twice; `init.resilience.repeatable` decides otherwise. Only safe methods are hedged or raced;
 * `init.resilience.concurrent` decides otherwise.
 *
 * @example
 * const fetch = resilientFetch({ policy: parse("timeout(5s) + retry(3) + circuitBreaker") });
 * const response = await fetch("https://api.example.com/prices");
 */
export function resilientFetch(options: ResilientFetchOptions = {}): typeof fetch {
  const send = options.fetch ?? globalThis.fetch;
  const policy = compose(
    environment({ classify: classifyHttp, ...options.environment }),
    options.policy ?? keyed((origin) => standard({ name: origin })),
  );
  const call = policy.wrap(({ input, init }: FetchCall, { signal }: Context) =>
    // Called without a receiver: browsers refuse a `fetch` that is a method of something else.
    send(input, { ...init, signal }),
  );
  const originOf = origins();
  return (input, init?: ResilientInit) => {
    const request = typeof input === "object" && "method" in input ? input : undefined;
    try {
      return call(
        { input, init },
        {
          // As for fetch, null takes the request's own signal away.
          signal: init?.signal === undefined ? request?.signal : init.signal,
          key: originOf(request?.url ?? input),
          repeatable: isRepeatable(request, init),
          concurrent: safe.includes(methodOf(request, init)),
          ...init?.resilience,
        },
      );
    } catch (error) {
      // A header or a method that fetch itself would refuse: as fetch does, by the promise.
      return Promise.reject(error);
    }
  };
}

function methodOf(request: Request | undefined, init: RequestInit | undefined): string {
  return (init?.method ?? request?.method ?? "GET").toUpperCase();
}

function isRepeatable(request: Request | undefined, init: RequestInit | undefined): boolean {
  const method = methodOf(request, init);
  const given = init?.headers ?? request?.headers;
  // Made for an idempotent request too: it refuses what fetch would refuse.
  const headers = given === undefined ? undefined : new Headers(given);
  if (!idempotent.includes(method) && headers?.has("idempotency-key") !== true) return false;
  const body = init?.body ?? undefined;
  if (body === undefined) return request === undefined || request.body === null;
  // Node also takes what can be iterated but once; not every browser's streams can be iterated.
  return !(body instanceof ReadableStream || Symbol.asyncIterator in Object(body));
}

/**
 * Tells the origin of a URL, which in a page may be relative; what is no URL is left for `fetch` to refuse.
 *
 * To parse a URL costs more than all policies together, and most calls go where the call before went.
 */
function origins(): (input: FetchCall["input"]) => string {
  let start = "";
  let known = "";
  return (input) => {
    if (input instanceof URL) return input.origin;
    const url = String(input);
    if (start !== "" && url.startsWith(start) && isEnd(url[start.length])) return known;
    const base = (globalThis as { readonly location?: { readonly href: string } }).location?.href;
    if (!URL.canParse(url, base)) return "";
    const { origin } = new URL(url, base);
    // What stands before the path of an absolute URL decides its origin.
    start = /^https?:\/\/[^/?#\\]+/i.exec(url)?.[0] ?? "";
    known = origin;
    return origin;
  };
}

/** Whether a host ends here: at the end of the URL, or where its path, query or fragment begins. */
function isEnd(character: string | undefined): boolean {
  return character === undefined || character === "/" || character === "?" || character === "#";
}
