import type { Trace } from "../core/call.ts";
import { judgeValue } from "../core/classify.ts";
import { Context } from "../core/context.ts";
import type { Joined, Recipe } from "../core/description.ts";
import { kindOf } from "../core/events.ts";
import { between } from "../core/options.ts";
import { compose, definePolicy, orElse, type Policy, race, type Service } from "../core/policy.ts";
import { start } from "../core/start.ts";
import type { FetchCall } from "./resilient-fetch.ts";
import { hexadecimal } from "./trace-id.ts";
import { incomingTrace } from "./traceparent.ts";
import { headersOf } from "./with-headers.ts";

export interface PolicySpansOptions {
  /** Which share of the traces that begin here is sampled. Default 1. */
  readonly sampleRate?: number;
}

/** What has no time of its own, or makes spans itself. */
const spanless = ["environment", "identity", "traceContext", "openTelemetry"];
const joins = { "+": compose, "|": orElse, "&": race };

/**
 * Gives each policy of a policy a span of its own: the same policies, with the same state.
 *
 * A span is the child of that of the policy around it; the outermost ones belong to the trace that the request's own
 * `traceparent` names, else to the call's `trace`, else to a new one, and attempts that `traceContext` makes spans of to the
 * innermost. `span.ended` tells of each, with the policy's name as `layer`, so that nothing is told without a sink.
 *
 * @throws TypeError or RangeError for a rate that will not do
 * @example
 * const policy = compose(environment({ sink }), policySpans(standard()), traceContext());
 */
export function policySpans<Req, Res>(
  policy: Policy<Req, Res>,
  { sampleRate = 1 }: PolicySpansOptions = {},
): Policy<Req, Res> {
  between(0, 1)(sampleRate, "policySpans: sampleRate");
  const roots: Roots = { sampleRate, known: new WeakMap() };
  return spanned(policy as Policy, roots) as Policy<Req, Res>;
}

/** Where the outermost spans of a call belong: to the same trace at each attempt, and not to the attempt before. */
interface Roots {
  readonly sampleRate: number;
  readonly known: WeakMap<object, Trace>;
}

function spanned(policy: Policy, roots: Roots): Policy {
  const { recipe } = policy;
  if (isJoined(recipe)) {
    const parts = (recipe.parts as readonly Policy[]).map((part) => spanned(part, roots));
    return joins[recipe.operator](...parts);
  }
  const name = nameOf(recipe);
  return spanless.includes(name) ? policy : compose(policySpan(name, roots), policy);
}

/** A span of what goes through the policy that follows. */
function policySpan(name: string, roots: Roots): Policy {
  const recipe = { policy: "policySpan", given: { name }, table: { name: {} } };
  return definePolicy(recipe, <Q, S>(next: Service<Q, S>) => {
    return function policySpan(request: Q, context: Context): Promise<S> {
      const { environment, key } = context;
      const { clock, random } = environment;
      if (!context.observed) return next(request, context);
      const around = environment.span ?? traceOf(request, context, roots);
      const span = { ...around, parentId: around.spanId, spanId: hexadecimal(16, random) };
      const began = clock.now();
      const tell = (kind?: string): void => {
        if (!span.sampled) return;
        const { parentId, sampled } = span;
        const duration = clock.now() - began;
        Context.begin({ trace: span, key })
          .within(environment)
          .emit({
            type: "span.ended",
            sampled,
            duration,
            resends: 0,
            layer: name,
            ...(parentId !== undefined && { parentId }),
            ...(kind !== undefined && { kind }),
          });
      };
      return start(next, request, context.within({ ...environment, span })).then(
        (value) => {
          tell(judgeValue(environment, value).kind === "failure" ? "value" : undefined);
          return value;
        },
        (error: unknown) => {
          tell(kindOf(error));
          throw error;
        },
      );
    };
  });
}

/** The trace that a call belongs to, which from here on all of its events bear. */
function traceOf(request: unknown, context: Context, { sampleRate, known }: Roots): Trace {
  const { call, environment, trace } = context;
  const { random } = environment;
  const before = known.get(call);
  if (before !== undefined) return before;
  const named = isFetchCall(request) ? incomingTrace({ headers: headersOf(request) }) : trace;
  const found = named ?? trace ?? { traceId: hexadecimal(32, random), sampled: random() < sampleRate };
  known.set(call, found);
  call.trace ??= found;
  return found;
}

function isFetchCall(request: unknown): request is FetchCall {
  return typeof request === "object" && request !== null && "input" in request;
}

function isJoined(recipe: Recipe): recipe is Joined {
  return typeof recipe === "object" && "parts" in recipe;
}

function nameOf(recipe: Recipe): string {
  if (typeof recipe === "string") return recipe;
  return "policy" in recipe ? recipe.policy : "policy";
}
