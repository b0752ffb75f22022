import type { Trace } from "../core/call.ts";
import type { Context } from "../core/context.ts";
import { kindOf } from "../core/events.ts";
import { as, settings, type Table } from "../core/options.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { start } from "../core/start.ts";
import { type Origins, originCheck, urlOf } from "./origins.ts";
import { methodOf } from "./repeatable.ts";
import type { FetchCall } from "./resilient-fetch.ts";
import { isZero } from "./traceparent.ts";
import { withHeaders } from "./with-headers.ts";

/** What is needed of a span of `@opentelemetry/api`. */
export interface OpenTelemetrySpan {
  spanContext(): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number };
  setAttribute(key: string, value: string | number): unknown;
  setStatus(status: { code: number }): unknown;
  end(): void;
}

/** What is needed of `@opentelemetry/api`: its `trace`, `context` and `propagation` will do. */
export interface OpenTelemetryApi<C> {
  readonly trace: {
    getTracer(name: string): {
      startSpan(
        name: string,
        options: { kind: number; attributes: Record<string, string | number> },
        context: C,
      ): OpenTelemetrySpan;
    };
    setSpan(context: C, span: OpenTelemetrySpan): C;
  };
  readonly context: { active(): C; with<R>(context: C, run: () => R): R };
  readonly propagation: {
    inject(
      context: C,
      carrier: Headers,
      setter: { set(carrier: Headers, key: string, value: string): void },
    ): void;
  };
}

export interface OpenTelemetryOptions<C> {
  /** `{ trace, context, propagation }` of `@opentelemetry/api`. */
  readonly api: OpenTelemetryApi<C>;
  /** Which origins get the headers of the propagator, beside the page's own. Default none. */
  readonly origins?: Origins;
}

/** Two policies, for the two places where spans begin. */
export interface OpenTelemetry {
  /** Outermost: a span for the call as a whole, the parent of its attempts. */
  readonly call: Policy<FetchCall, Response>;
  /** Innermost: a client span for each attempt. Does without the other. */
  readonly attempt: Policy<FetchCall, Response>;
}

const table = {
  api: { check: as<unknown>(), required: true, fixed: true, named: true },
  origins: { check: originCheck, initial: [], fixed: true },
} as const;

/** @internal The options of `openTelemetry`, for tools. */
export const openTelemetryOptions: Table = table;

/** What `SpanKind` and `SpanStatusCode` of the API are, as numbers. */
const internal = 0;
const client = 2;
const failed = 2;

/** Others are `_OTHER`, so that nobody can make ever more of them. */
const methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

const setter = { set: (headers: Headers, key: string, value: string): void => headers.set(key, value) };

/** The call's place in its trace, with the library's own context, which carries more than ids. */
interface Entered<C> extends Trace {
  readonly parent: C;
}

/**
 * Makes spans of calls and attempts by `@opentelemetry/api`, which you hand in: nothing is imported.
 *
 * The spans and their attributes are those of the semantic conventions for HTTP clients, `http.request.resend_count`
 * among them; `url.full` is left out, since URLs hold secrets. The events of a call bear the ids of its spans, too. Where
 * calls wait in a queue, `call` must stand outside of it: it takes note of who the caller is before the wait.
 *
 * @throws TypeError for origins that are none
 * @example
 * const spans = openTelemetry({ api: { trace, context, propagation }, origins: "https://api.example.com" });
 * const policy = compose(spans.call, standard(), spans.attempt);
 */
export function openTelemetry<C>(options: OpenTelemetryOptions<C>): OpenTelemetry {
  const { api } = options;
  const listed = originCheck(options.origins ?? [], "openTelemetry: origins");
  const itself = {};

  /** The context that a span's parent is in: for a call's first span the one that is active now. */
  function parentOf(context: Context): C {
    const { trace } = context;
    if (!context.isNewTo(itself) && trace !== undefined && "parent" in trace)
      return (trace as Entered<C>).parent;
    return api.context.active();
  }

  function spanned(
    next: Service<FetchCall, Response>,
    call: FetchCall,
    context: Context,
    kind: typeof internal | typeof client,
  ): Promise<Response> {
    const url = urlOf(call);
    const parent = parentOf(context);
    const attributes = attributesOf(call, url);
    if (kind === client && context.sends > 0) attributes["http.request.resend_count"] = context.sends;
    const method = String(attributes["http.request.method"]);
    const name = method === "_OTHER" ? "HTTP" : method;
    const span = api.trace.getTracer("ninelives").startSpan(name, { kind, attributes }, parent);
    const within = api.trace.setSpan(parent, span);
    enter(context, span, kind === internal ? within : parent);
    const tells = kind === client && listed(url?.origin ?? "");
    const sent = tells
      ? withHeaders(call, (headers) => api.propagation.inject(within, headers, setter))
      : call;
    return api.context
      .with(within, () => start(next, sent, context))
      .then(
        (response) => {
          span.setAttribute("http.response.status_code", response.status);
          if (response.status >= 400) fail(span, String(response.status));
          span.end();
          return response;
        },
        (error: unknown) => {
          fail(span, kindOf(error));
          span.end();
          throw error;
        },
      );
  }

  const layer =
    (kind: typeof internal | typeof client) =>
    (next: Service<FetchCall, Response>): Service<FetchCall, Response> =>
      function openTelemetry(call, context) {
        return spanned(next, call, context, kind);
      };
  const { recipe } = settings("openTelemetry", options, table);
  return {
    call: definePolicyFor<FetchCall, Response>({ ...recipe, policy: "openTelemetry.call" }, layer(internal)),
    attempt: definePolicyFor<FetchCall, Response>(
      { ...recipe, policy: "openTelemetry.attempt" },
      layer(client),
    ),
  };
}

/** Stamps the call's events from now on; where no SDK is installed spans have no ids. */
function enter<C>(context: Context, span: OpenTelemetrySpan, parent: C): void {
  const { traceId, spanId, traceFlags } = span.spanContext();
  if (isZero(traceId)) return;
  const entered: Entered<C> = { traceId, spanId, sampled: (traceFlags & 1) === 1, parent };
  context.call.trace = entered;
}

function attributesOf(call: FetchCall, url: URL | undefined): Record<string, string | number> {
  const method = methodOf(call);
  const attributes: Record<string, string | number> = {
    "http.request.method": methods.includes(method) ? method : "_OTHER",
  };
  if (url === undefined) return attributes;
  attributes["server.address"] = url.hostname;
  attributes["server.port"] = Number(url.port) || (url.protocol === "http:" ? 80 : 443);
  return attributes;
}

function fail(span: OpenTelemetrySpan, type: string): void {
  span.setAttribute("error.type", type);
  // The leg that another one beat did nothing wrong.
  if (type !== "lost-race") span.setStatus({ code: failed });
}
