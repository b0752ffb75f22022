import type { Tunable } from "../core/adaptive.ts";
import type { Trace } from "../core/call.ts";
import { Context } from "../core/context.ts";
import { kindOf } from "../core/events.ts";
import { between, settings, type Table } from "../core/options.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { start } from "../core/start.ts";
import { type Origins, originCheck, urlOf } from "./origins.ts";
import { methodOf } from "./repeatable.ts";
import type { FetchCall } from "./resilient-fetch.ts";
import { hexadecimal } from "./trace-id.ts";
import { incomingTrace, traceparent } from "./traceparent.ts";
import { headersOf, withHeaders } from "./with-headers.ts";

export interface TraceContextOptions {
  /** Which origins are told, beside the page's own. Default none. */
  readonly origins?: Origins;
  /** Which share of the traces that begin here is marked as sampled. Default 1. */
  readonly sampleRate?: Tunable<number>;
}

const table = {
  origins: { check: originCheck, initial: [], fixed: true, named: true },
  sampleRate: { check: between(0, 1), initial: 1 },
} as const;

/** @internal The options of `traceContext`, for tools. */
export const traceContextOptions: Table = table;

/**
 * Makes each attempt a span of a distributed trace, and tells the server by `traceparent` (W3C Trace Context).
 *
 * The trace is the one that the request's own `traceparent` names, else the call's `trace`, else that of the call that
 * this one is a part of, else a new one. Its id stays over all attempts, each of which has a span id of its own; a
 * `tracestate` is passed on as it is. Stands innermost, inside the retry: outside, all attempts share one span. From the
 * first attempt on every event of the call bears the ids, whatever the origin, and `span.ended` tells of each attempt.
 *
 * @throws TypeError or RangeError for options that will not do
 * @example
 * const policy = compose(standard(), traceContext({ origins: "https://api.example.com" }));
 */
export function traceContext(options: TraceContextOptions = {}): Policy<FetchCall, Response> {
  const { read, recipe } = settings("traceContext", options, table);
  const listed = originCheck(options.origins ?? [], "traceContext: origins");
  const itself = {};
  return definePolicyFor<FetchCall, Response>(recipe, (next: Service<FetchCall, Response>) => {
    /** The trace of a call, at its first attempt. */
    function traceOf(call: FetchCall, context: Context): Trace {
      const found = incomingTrace({ headers: headersOf(call) }) ?? context.trace;
      if (found !== undefined) return { ...found, parentId: found.spanId };
      const { random } = context.environment;
      return { traceId: hexadecimal(32, random), sampled: random() < read.sampleRate(context) };
    }

    return function traceContext(call: FetchCall, context: Context): Promise<Response> {
      const first = context.isNewTo(itself);
      const { span: around } = context.environment;
      const known = first || context.trace === undefined ? traceOf(call, context) : context.trace;
      const before = around === undefined ? known : { ...around, parentId: around.spanId };
      const span = { ...before, spanId: hexadecimal(16, context.environment.random) };
      context.call.trace = span;
      const sent = listed(urlOf(call)?.origin ?? "") ? withTrace(call, span) : call;
      return context.observed ? reported(next, sent, context, span) : next(sent, context);
    };
  });
}

function withTrace(call: FetchCall, span: Trace & { readonly spanId: string }): FetchCall {
  return withHeaders(call, (headers) => {
    headers.set("traceparent", traceparent(span, span.spanId));
    // What stands beside a traceparent that is none belongs to no trace.
    if (span.state === undefined) headers.delete("tracestate");
    else headers.set("tracestate", span.state);
  });
}

/** Calls, and tells how the attempt ended, under its own span whatever was sent since. */
function reported(
  next: Service<FetchCall, Response>,
  call: FetchCall,
  context: Context,
  span: Trace,
): Promise<Response> {
  const { environment, key, sends: resends } = context;
  const { clock } = environment;
  const began = clock.now();
  const { parentId, sampled } = span;
  const tell = (outcome: { readonly status: number } | { readonly kind: string }): void => {
    const duration = clock.now() - began;
    const parent = parentId === undefined ? {} : { parentId };
    const url = urlOf(call);
    const where = url === undefined ? {} : { host: url.hostname, port: portOf(url) };
    Context.begin({ trace: span, key })
      .within(environment)
      .emit({
        type: "span.ended",
        ...parent,
        sampled,
        duration,
        resends,
        method: methodOf(call),
        ...where,
        ...outcome,
      });
  };
  return start(next, call, context).then(
    (response) => {
      tell({ status: response.status });
      return response;
    },
    (error: unknown) => {
      tell({ kind: kindOf(error) });
      throw error;
    },
  );
}

function portOf({ port, protocol }: URL): number {
  if (port !== "") return Number(port);
  return protocol === "http:" ? 80 : 443;
}
