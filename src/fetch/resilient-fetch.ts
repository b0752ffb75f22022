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
  readonly resilience?: Pick<CallOptions, "deadline" | "key" | "repeatable" | "context">;
}

/** RFC 9110, section 9.2.2. */
const idempotent = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"];

/**
 * Makes a `fetch` that survives: the same function to its caller, with policies inside.
 *
 * Responses come back as they are, whatever their status, and errors as the platform threw them; what a policy refuses
 * is a `RejectedError`. Only idempotent methods are sent again, and others that bear an `Idempotency-Key`, and only with
 * a body that can be sent twice; `init.resilience.repeatable` decides otherwise.
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
  return (input, init?: ResilientInit) => {
    const request = typeof input === "object" && "method" in input ? input : undefined;
    try {
      return call(
        { input, init },
        {
          // As for fetch, null takes the request's own signal away.
          signal: init?.signal === undefined ? request?.signal : init.signal,
          key: originOf(request?.url ?? String(input)),
          repeatable: isRepeatable(request, init),
          ...init?.resilience,
        },
      );
    } catch (error) {
      // A header or a method that fetch itself would refuse: as fetch does, by the promise.
      return Promise.reject(error);
    }
  };
}

function isRepeatable(request: Request | undefined, init: RequestInit | undefined): boolean {
  const method = (init?.method ?? request?.method ?? "GET").toUpperCase();
  const headers = new Headers(init?.headers ?? request?.headers);
  if (!idempotent.includes(method) && !headers.has("idempotency-key")) return false;
  const body = init?.body ?? undefined;
  if (body === undefined) return request === undefined || request.body === null;
  // Node also takes what can be iterated but once; not every browser's streams can be iterated.
  return !(body instanceof ReadableStream || Symbol.asyncIterator in Object(body));
}

/** The origin of a URL, which in a page may be relative; what is no URL is left for `fetch` to refuse. */
function originOf(url: string): string {
  const base = (globalThis as { readonly location?: { readonly href: string } }).location?.href;
  return URL.canParse(url, base) ? new URL(url, base).origin : "";
}
