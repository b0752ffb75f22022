import type { CallOptions } from "../core/call.ts";
import { known } from "../core/check.ts";
import { byChoice } from "../core/choice.ts";
import type { Classify } from "../core/classify.ts";
import { systemClock } from "../core/clock.ts";
import type { Context } from "../core/context.ts";
import { type EnvironmentOptions, environment } from "../core/environment.ts";
import { type Exit, through } from "../core/exit.ts";
import { compose, definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { callerError, classifierBy } from "./classify.ts";
import { perOrigin } from "./per-origin.ts";
import { isRefused } from "./refusal.ts";
import { canReplay, isRecord, isRequest, isSafe, mayRepeat, methodOf, requestOf } from "./repeatable.ts";

/** The platform's own, whatever fields its `RequestInit` has. */
type PlatformInit = NonNullable<Parameters<typeof fetch>[1]>;

/** One call of `fetch`, as policies that look at requests see it. */
export interface FetchCall {
  /** A text, or a Request. */
  readonly input: Parameters<typeof fetch>[0];
  /** Its own copy, and its own copy of the headers: what the caller changes later does not reach a second attempt. */
  readonly init: PlatformInit | undefined;
  /** Whether its caller, or a policy that knows, said that it may be sent again, or must not. */
  readonly repeatable?: boolean | undefined;
}

export interface ResilientFetchOptions {
  /**
   * A policy, or a function that chooses one for each call; state lives in the policy, so it has to choose among the
   * same ones. Default `perOrigin()`.
   */
  readonly policy?: Policy<FetchCall, Response> | ((call: FetchCall) => Policy<FetchCall, Response>);
  /** The name and the sink of its events, a clock, `waitUntil`, a judge of outcomes. Default the platform's. */
  readonly environment?: Omit<EnvironmentOptions, "discard">;
  /** What sends. Default the global `fetch` at the time when this is made. */
  readonly fetch?: typeof fetch;
}

const said = ["deadline", "key", "priority", "repeatable", "concurrent", "trace", "context"] as const;

/** What `init` of a resilient fetch takes beside `fetch`'s own. */
export interface ResilientInit extends PlatformInit {
  readonly resilience?: Pick<CallOptions, (typeof said)[number]> | undefined;
}

/** As `fetch` is, with all that the platform's `fetch` has beside. */
export type ResilientFetch = Pick<typeof fetch, keyof typeof fetch> &
  ((input: FetchCall["input"], init?: ResilientInit) => Promise<Response>);

/**
 * Makes a `fetch` that survives: the same function to its caller, with policies inside.
 *
 * Responses come back as they are, whatever their status, and errors as the platform threw them; what a policy refuses
 * is a `RejectedError`. Only idempotent methods are sent again, and others that bear an `Idempotency-Key`, or when
 * `init.resilience.repeatable` says so; and only with a body that can be sent twice. Only safe methods are hedged or
 * raced, unless `init.resilience.concurrent` says otherwise.
 *
 * @throws TypeError for an option that does not exist, or will not do
 * @example
 * const fetch = resilientFetch({ policy: parse("timeout(5s) + retry(3) + circuitBreaker") });
 * const response = await fetch("https://api.example.com/prices");
 */
export function resilientFetch(options: ResilientFetchOptions = {}): ResilientFetch {
  known(options, "resilientFetch", ["policy", "environment", "fetch"]);
  const { policy = perOrigin(), environment: surroundings = {}, fetch: native = globalThis.fetch } = options;
  if (typeof native !== "function") throw new TypeError("resilientFetch: there is no fetch to send by");
  const judge = classifierBy(surroundings.clock ?? systemClock);
  /** The errors that are about the call and not about the network. */
  let refusals: WeakSet<object> | undefined;
  const classify: Classify = (outcome) =>
    refusals !== undefined && "error" in outcome && refusals.has(outcome.error as object)
      ? callerError
      : judge(outcome);

  function send(call: FetchCall, context: Context): Promise<Response> {
    const { input, init } = call;
    // Called without a receiver: browsers refuse a `fetch` that is a method of something else.
    return native(input, context.parent === undefined ? init : within(context.signal, call));
  }

  function hear(error: unknown, call: FetchCall): void {
    if ((error as Partial<Error> | undefined)?.name !== "TypeError") return;
    if (!isRefused(call, options.fetch === undefined)) return;
    refusals ??= new WeakSet();
    refusals.add(error as object);
  }

  const call = compose(
    environment({ classify, ...surroundings }),
    typeof policy === "function" ? definePolicyFor("chosen", byChoice(policy)) : policy,
    heardBy(hear),
  ).wrap(send);
  const originOf = origins();

  function fetch(input: FetchCall["input"], init?: ResilientInit): Promise<Response> {
    try {
      const { resilience } = init ?? {};
      if (resilience !== undefined) known(resilience, "init.resilience", said);
      const given = taken(input, init, resilience?.repeatable);
      if (given === undefined) return native(input, init);
      const request = requestOf(given);
      const method = methodOf(given);
      return call(given, {
        signal: given.init?.signal === undefined ? request?.signal : given.init.signal,
        key: resilience?.key ?? originOf(request?.url ?? (given.input as string)),
        repeatable: mayRepeat(given, method) && canReplay(given),
        concurrent: resilience?.concurrent ?? isSafe(method),
        priority: resilience?.priority,
        deadline: resilience?.deadline,
        trace: resilience?.trace,
        context: resilience?.context,
      });
    } catch (error) {
      // What is wrong with a call, fetch says by the promise.
      return Promise.reject(error);
    }
  }
  return Object.assign(fetch, native);
}

/** Lets somebody hear of what `fetch` throws before any policy does. */
function heardBy(hear: (error: unknown, call: FetchCall) => void): Policy<FetchCall, Response> {
  return definePolicyFor<FetchCall, Response>("heard", (next: Service<FetchCall, Response>) =>
    through(
      next,
      (inner) =>
        function heard(call: FetchCall, context: Context, exit: Exit<Response>): unknown {
          return inner(call, context, {
            succeed: (response) => exit.succeed(response),
            fail(error) {
              hear(error, call);
              return exit.fail(error);
            },
          });
        },
    ),
  );
}

/** The init of a call whose signal is this one. */
function within(signal: AbortSignal, call: FetchCall): PlatformInit | undefined {
  const { init } = call;
  const own = init?.signal === undefined ? requestOf(call)?.signal : init.signal;
  return signal === own ? init : { ...init, signal };
}

/**
 * A call as it is now: fetch reads all it was given at once, and so must a call that may be made again.
 *
 * Nothing for a call that cannot be read, or whose body was: fetch will refuse it, in its own words.
 */
function taken(
  input: FetchCall["input"],
  init: ResilientInit | undefined,
  repeatable: boolean | undefined,
): FetchCall | undefined {
  try {
    const target = isRequest(input) ? input : `${input}`;
    const given: FetchCall = isRequest(init)
      ? // As good for fetch as an init, with fields that no copy would get.
        { input: new Request(target, init), init: undefined, repeatable }
      : { input: target, init: copyOf(init), repeatable };
    methodOf(given);
    return isSpent(given) ? undefined : given;
  } catch {
    return undefined;
  }
}

function copyOf(init: ResilientInit | undefined): PlatformInit | undefined {
  if (init == null) return undefined;
  const own: { -readonly [K in keyof PlatformInit]: PlatformInit[K] } = {};
  // What it inherits too, as fetch reads it.
  for (const name in init) {
    if (name !== "resilience") own[name as keyof PlatformInit] = init[name as keyof PlatformInit] as never;
  }
  const { headers } = own;
  // What can be iterated, perhaps but once, is read.
  if (headers !== undefined) own.headers = isRecord(headers) ? { ...headers } : new Headers(headers);
  return own;
}

function isSpent(call: FetchCall): boolean {
  const body = call.init?.body ?? undefined;
  return body === undefined
    ? requestOf(call)?.bodyUsed === true
    : body instanceof ReadableStream && body.locked;
}

/**
 * Tells the origin of a URL, which in a page may be relative; what is no URL is left for `fetch` to refuse.
 *
 * To parse a URL costs more than all policies together, and most calls go where the call before went.
 */
function origins(): (url: string) => string {
  let start = "";
  let known = "";
  return (url) => {
    if (start !== "" && url.startsWith(start) && isEnd(url[start.length])) return known;
    const { document, location } = globalThis as Page;
    const base = document?.baseURI ?? location?.href;
    if (!URL.canParse(url, base)) return "";
    const { origin } = new URL(url, base);
    // What stands before the path of an absolute URL decides its origin.
    start = /^https?:\/\/[^/?#\\]+/i.exec(url)?.[0] ?? "";
    known = origin;
    return origin;
  };
}

/** What a relative URL is relative to. */
interface Page {
  readonly document?: { readonly baseURI: string };
  readonly location?: { readonly href: string };
}

/** Whether a host ends here: at the end of the URL, or where its path, query or fragment begins. */
function isEnd(character: string | undefined): boolean {
  return character === undefined || character === "/" || character === "?" || character === "#";
}
