import type { Tunable } from "../core/adaptive.ts";
import { judgeValue } from "../core/classify.ts";
import { Context } from "../core/context.ts";
import { degrade } from "../core/degrade.ts";
import type { Duration } from "../core/duration.ts";
import { count, duration, flag, settings, type Table } from "../core/options.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { start } from "../core/start.ts";
import { timeout } from "../policies/timeout.ts";
import { keptOf, standIn, stored } from "./kept-response.ts";
import { urlOf } from "./origins.ts";
import { readAtMost } from "./read-at-most.ts";
import { requestOf } from "./repeatable.ts";
import type { FetchCall } from "./resilient-fetch.ts";

/** What is needed of a `Cache` of the Cache API. */
export interface HttpCache {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<unknown>;
  delete(url: string): Promise<unknown>;
}

export interface StaleIfErrorOptions {
  /**
   * Where answers are kept: the name of a cache, or a function that opens one. Default `caches.default` on Workers, else
   * the cache `ninelives`; where there is no Cache API nothing is kept.
   */
  readonly cache?: string | (() => HttpCache | Promise<HttpCache>);
  /** How long after it went stale an answer may stand in for a failure, at most. Default `"24h"`. */
  readonly within?: Tunable<Duration>;
  /** Bytes of an answer that is kept at most. Default 1000000. */
  readonly maximumBytes?: Tunable<number>;
  /** Whether others than the one who asked get what is kept. Default: on Workers, whose cache is a data centre's. */
  readonly shared?: boolean;
}

const table = {
  cache: { check: checkCache, fixed: true, named: true },
  within: { check: duration, initial: "24h" },
  maximumBytes: { check: count(), initial: 1_000_000 },
  shared: { check: flag, fixed: true },
} as const;

/** @internal The options of `staleIfError`, for tools. */
export const staleIfErrorOptions: Table = table;

/** RFC 9110, section 9.2.1. */
const safe = ["GET", "HEAD", "OPTIONS", "TRACE"];
/** A cache that does not answer must not hold a call up that has failed already. */
const inTime = timeout("1s");

/**
 * Answers a GET that fails with what the Cache API kept of an earlier one (RFC 5861).
 *
 * Kept is each good answer that may be: not what is `no-store`, personal, or sets cookies, and never beyond what its own
 * `stale-if-error` or `must-revalidate` say. The caller gets its Response untouched and at once, while at most
 * `maximumBytes` of it are copied in the background (`waitUntil`). A stand-in is a new Response, with its `Age`, and a
 * `Cache-Status` (RFC 9211) that says so. A write to a URL, or its 404 or 410, makes what was kept of it void. Stands
 * outside the retry and the circuit, so that it hears of their failures too.
 *
 * @throws TypeError or RangeError for options that will not do
 * @example
 * const policy = compose(staleIfError({ within: "1h" }), standard());
 */
export function staleIfError(options: StaleIfErrorOptions = {}): Policy<FetchCall, Response> {
  const { read, recipe } = settings("staleIfError", options, table);
  return definePolicyFor<FetchCall, Response>(recipe, (next: Service<FetchCall, Response>) => {
    /** Keeps a good answer, or what can be copied of it in time, without keeping its reader waiting. */
    function keep(call: FetchCall, url: string, response: Response, open: Opener, context: Context): void {
      const { environment } = context;
      const shared = read.shared(context) ?? platformCaches()?.default !== undefined;
      const kept = keptOf(call, response, shared, read.within(context) / 1_000, environment.clock.wall());
      const most = read.maximumBytes(context);
      if (kept === undefined || response.bodyUsed || Number(response.headers.get("content-length")) > most)
        return;
      const { body } = response.clone();
      environment.waitUntil(
        quietly(async () => {
          const beginning = await readAtMost(body, most);
          if ("bytes" in beginning) await (await open()).put(url, stored(beginning.bytes, response, kept));
          // Not waited for: it is over only when the caller has read its own copy.
          else beginning.reader.cancel().catch(() => {});
        }),
      );
    }

    async function lastKnown(
      call: FetchCall,
      url: string,
      open: Opener,
      context: Context,
    ): Promise<Response | undefined> {
      const { environment, key } = context;
      // A call of its own, since the one that failed may have no time left; and nobody's news.
      const own = Context.begin({ key }).within({ ...environment, sink: undefined });
      const find = async () => (await open()).match(url);
      const found = await inTime.execute(find, own).catch(() => undefined);
      const response = found && standIn(call, found, environment.clock.wall());
      if (response === undefined) return undefined;
      degrade(context);
      context.emit({ type: "cache.hit", freshness: "stale-if-error" });
      return response;
    }

    return function staleIfError(call: FetchCall, context: Context): Promise<Response> {
      const open = opener(options.cache);
      const at = urlOf(call);
      if (open === undefined || at === undefined) return next(call, context);
      at.hash = "";
      const url = at.href;
      const method = (call.init?.method ?? requestOf(call)?.method ?? "GET").toUpperCase();
      const { environment } = context;
      const forget = () => environment.waitUntil(quietly(async () => (await open()).delete(url)));
      return start(next, call, context).then(
        async (response) => {
          const { kind } = judgeValue(environment, response);
          if (method !== "GET") {
            if (kind === "success" && !safe.includes(method)) forget();
            return response;
          }
          if (kind === "success") keep(call, url, response, open, context);
          if (response.status === 404 || response.status === 410) forget();
          if (kind !== "failure" || context.aborted) return response;
          const stale = await lastKnown(call, url, open, context);
          if (stale === undefined) return response;
          environment.discard(response);
          return stale;
        },
        async (error: unknown) => {
          const stale =
            method !== "GET" || context.aborted ? undefined : await lastKnown(call, url, open, context);
          if (stale === undefined) throw error;
          return stale;
        },
      );
    };
  });
}

type Opener = () => Promise<HttpCache>;

interface PlatformCaches {
  /** Cloudflare's own, of the data centre. */
  readonly default?: HttpCache;
  open(name: string): Promise<HttpCache>;
}

function platformCaches(): PlatformCaches | undefined {
  return (globalThis as { readonly caches?: PlatformCaches }).caches;
}

/** How to get at the cache, now that it is needed; nothing where there is none. */
function opener(cache: StaleIfErrorOptions["cache"]): Opener | undefined {
  if (typeof cache === "function") return async () => cache();
  const caches = platformCaches();
  if (caches === undefined) return undefined;
  return async () => (cache === undefined && caches.default) || caches.open(cache ?? "ninelives");
}

function checkCache(cache: NonNullable<StaleIfErrorOptions["cache"]>, option: string): typeof cache {
  if (typeof cache === "function" || (typeof cache === "string" && cache !== "")) return cache;
  throw new TypeError(`${option} must be the name of a cache or a function that opens one`);
}

/** A cache that fails (a full disk, a private window) is no reason for a call to fail. */
async function quietly(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch {
    // What was kept before stands until it is too old.
  }
}
