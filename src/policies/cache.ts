import type { Adaptive, Changeable, Tunable } from "../core/adaptive.ts";
import { judgeValue } from "../core/classify.ts";
import { Context } from "../core/context.ts";
import { degrade } from "../core/degrade.ts";
import type { Duration } from "../core/duration.ts";
import { callable, count, duration, settings, type Table } from "../core/options.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { start } from "../core/start.ts";
import { type Entry, ExpiringEntries } from "../state/expiring-entries.ts";
import { copyOf, type KeyOf, type Share } from "./share.ts";

/** How long an answer is fresh. */
export type Lifetime<Res> = Duration | Adaptive<Duration> | ((value: Res, context: Context) => Duration);

export interface CacheOptions<Req, Res> {
  /** What a request asks for; requests for which it is undefined go past the cache. */
  readonly key: KeyOf<Req>;
  /** How long an answer is fresh, or a function of the answer that says so; 0 keeps it out of the cache. */
  readonly ttl: Lifetime<Res>;
  /** How long after that it is still given at once, while it is fetched anew in the background. Default 0. */
  readonly staleWhileRevalidate?: Tunable<Duration>;
  /** How long after `ttl` it is given when fetching it anew fails. Default 0. */
  readonly staleIfError?: Tunable<Duration>;
  /** Answers that are kept; past it the one that was used longest ago is dropped. Default 1000. */
  readonly maximumEntries?: Changeable<number>;
  /** Makes a copy for each caller. Default: clones a Response, gives anything else as it is. */
  readonly share?: Share<Res>;
}

/** A cache can also be emptied. */
export interface Cache<in Req = unknown, in Res = unknown> extends Policy<Req, Res> {
  /** Answers that are kept, stale ones among them. */
  readonly size: number;
  /** Forgets an answer; says whether there was one. */
  delete(key: string): boolean;
  clear(): void;
}

const table = {
  key: { check: callable<KeyOf<never>>, required: true, fixed: true },
  ttl: { check: lifetimeOf, required: true, contextless: true, duration: true },
  staleWhileRevalidate: { check: duration, initial: 0 },
  staleIfError: { check: duration, initial: 0 },
  maximumEntries: { check: count(), initial: 1000, contextless: true },
  share: { check: callable<Share<never>>, initial: copyOf, fixed: true },
} as const;

/** @internal The options of `cache`, for tools. */
export const cacheOptions: Table = table;

/** Milliseconds that one fetch has to renew an answer before another may try: as long as `waitUntil` lasts on Workers. */
const lease = 30_000;

/** An answer that is kept. */
interface Kept<Res> {
  readonly value: Res;
  /** Whether a caller got it and not a copy of it. */
  given: boolean;
  readonly discard: (value: unknown) => void;
}

/**
 * Gives an answer again for a while, without calling.
 *
 * Failures are never kept, nor is the answer to a request that must not be repeated. Callers that miss at the same time
 * each call: put `coalesce` inside where they should not. One fetch at a time renews a stale answer, or another one after
 * 30 s; it belongs to no caller, so put a timeout inside.
 *
 * @example
 * const prices = cache({ key: (url: string) => url, ttl: "1m", staleWhileRevalidate: "10m", staleIfError: "1h" });
 */
export function cache<Req = unknown, Res = unknown>(chosen: CacheOptions<Req, Res>): Cache<Req, Res> {
  const { read, recipe } = settings("cache", chosen, table);
  const { key: keyOf, share = copyOf } = chosen;
  const entries = new ExpiringEntries<Kept<Res>>(drop);

  /** Keeps an answer, unless it is not to be. */
  function keep(key: string, value: Res, context: Context): Kept<Res> | undefined {
    const { clock, discard } = context.environment;
    const ttl = read.ttl(context)(value, context);
    if (ttl === 0) {
      entries.delete(key);
      return undefined;
    }
    const kept = { value, given: false, discard };
    entries.set(key, kept, clock.now() + ttl, read.maximumEntries(context));
    return kept;
  }

  function give(kept: Kept<Res>): Res {
    const copy = share(kept.value);
    kept.given ||= copy === kept.value;
    return copy;
  }

  const policy = definePolicyFor<Req, Res>(recipe, (next: Service<Req, Res>) => {
    function fetchAnew(key: string, request: Req, context: Context): Promise<Res> {
      /** What the cache has for a call that failed. */
      function lastKnown(): Kept<Res> | undefined {
        if (context.leg.aborted) return undefined;
        const entry = entries.get(key, context.environment.clock.now(), read.staleIfError(context));
        if (entry === undefined) return undefined;
        degrade(context);
        context.emit({ type: "cache.hit", freshness: "stale-if-error" });
        return entry.value;
      }
      return next(request, context).then(
        (value) => {
          const { kind } = judgeValue(context.environment, value);
          if (kind === "success") {
            const kept = keep(key, value, context);
            return kept === undefined ? value : give(kept);
          }
          const stale = kind === "failure" ? lastKnown() : undefined;
          if (stale === undefined) return value;
          context.environment.discard(value);
          return give(stale);
        },
        (error: unknown) => {
          const stale = lastKnown();
          if (stale === undefined) throw error;
          return give(stale);
        },
      );
    }

    function revalidate(
      key: string,
      entry: Entry<Kept<Res>>,
      request: Req,
      { environment, key: host }: Context,
    ): void {
      const { clock } = environment;
      // A lease, and no flag: what was cut off with its request, as on Workers, must not leave the answer stale for good.
      if (clock.now() < entry.leasedUntil) return;
      entry.leasedUntil = clock.now() + lease;
      const context = Context.begin({ key: host }).within(environment);
      const work = start(next, request, context)
        .then((value) => {
          const succeeded = judgeValue(environment, value).kind === "success";
          const kept = succeeded ? keep(key, value, context) : undefined;
          if (kept === undefined) environment.discard(value);
        })
        .catch(() => {
          // The stale answer stands; the next call that finds it tries again.
        })
        .then(() => {
          entry.leasedUntil = -Infinity;
        });
      environment.waitUntil(work);
    }

    return function cache(request, context) {
      const key = context.repeatable ? keyOf(request, context) : undefined;
      if (key === undefined) return next(request, context);
      const now = context.environment.clock.now();
      const revalidatesFor = read.staleWhileRevalidate(context);
      const entry = entries.get(key, now, Math.max(revalidatesFor, read.staleIfError(context)));
      if (entry === undefined || now - entry.staleAt >= revalidatesFor) {
        context.emit({ type: "cache.missed" });
        return fetchAnew(key, request, context);
      }
      const fresh = now < entry.staleAt;
      context.emit({ type: "cache.hit", freshness: fresh ? "fresh" : "revalidating" });
      const answer = new Promise<Res>((resolve) => resolve(give(entry.value)));
      if (!fresh) revalidate(key, entry, request, context);
      return answer;
    };
  });
  return Object.defineProperties(
    Object.assign(policy, {
      delete: (key: string) => entries.delete(key),
      clear: () => entries.clear(),
    }),
    { size: { get: () => entries.size, enumerable: true } },
  ) as Cache<Req, Res>;
}

/** An answer is no longer kept: if it was only ever copied, nobody has it. */
function drop({ value, given, discard }: Kept<unknown>): void {
  if (!given) discard(value);
}

function lifetimeOf(
  ttl: Exclude<Lifetime<never>, Adaptive<Duration>>,
  option: string,
): (value: unknown, context: Context) => number {
  if (typeof ttl === "function") return (value, context) => duration(ttl(value as never, context), option);
  const ms = duration(ttl, option);
  return () => ms;
}
