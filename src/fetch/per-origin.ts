import type { Context } from "../core/context.ts";
import type { Chosen } from "../core/description.ts";
import { type Exit, pass, passageOf, through } from "../core/exit.ts";
import { compose, definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { retryBudget } from "../policies/budget.ts";
import { bulkhead } from "../policies/bulkhead.ts";
import { circuitBreaker } from "../policies/circuit-breaker.ts";
import type { CircuitBreakerOptions } from "../policies/circuit-options.ts";
import { type Keyed, keyed } from "../policies/keyed.ts";
import { retry } from "../policies/retry.ts";
import { timeout } from "../policies/timeout.ts";
import { headerOf } from "./repeatable.ts";
import type { FetchCall } from "./resilient-fetch.ts";

/** Characters of a text that is sent in no time. */
const short = 65_536;

/**
 * The policy of `resilientFetch` when it is given none: `standard`, with a circuit and a retry budget for each origin.
 *
 * A drop-in must let live what `fetch` lets live. So its timeouts apply only to requests that may be sent again, have no
 * body but a short text or a form of `URLSearchParams`, and do not accept an event stream: uploads and what waits for
 * events take their time. Say `repeatable: false` in `init.resilience` of a long poll by GET. Remembers 1,000 origins.
 *
 * @param circuit options of each origin's circuit, such as a shared home; its name is the origin
 * @example
 * const fetch = resilientFetch({ policy: compose(rateLimitHints(), perOrigin({ shared: indexedDbStore() })) });
 */
export function perOrigin(circuit: Omit<CircuitBreakerOptions, "name"> = {}): Keyed<FetchCall, Response> {
  // Made to be refused here and now if its options will not do.
  const one = circuitBreaker(circuit).recipe as Chosen<"policy">;
  return Object.assign(
    keyed((origin) => standardFor(origin, circuit)),
    { recipe: { ...one, policy: "perOrigin" } },
  );
}

function standardFor(
  origin: string,
  options: Omit<CircuitBreakerOptions, "name">,
): Policy<FetchCall, Response> {
  const slots = bulkhead(1000);
  const tries = retry({ attempts: 3, budget: retryBudget() });
  const circuit = circuitBreaker({ ...options, name: origin });
  const timed = compose(slots, timeout("30s"), tries, circuit, timeout("10s"));
  const patient = compose(slots, tries, circuit);
  return definePolicyFor<FetchCall, Response>("perOrigin", (next: Service<FetchCall, Response>) => {
    const [inTime, inItsTime] = [passageOf(timed.layer(next)), passageOf(patient.layer(next))];
    function perOrigin(call: FetchCall, context: Context, exit: Exit<Response>): unknown {
      return pass(context.repeatable && isBrief(call) ? inTime : inItsTime, call, context, exit);
    }
    // A timeout lets a caller go early.
    return through(next, () => perOrigin, true);
  });
}

/** Whether a request takes long only when something is wrong. */
function isBrief(call: FetchCall): boolean {
  const body = call.init?.body ?? undefined;
  if (
    typeof body === "string" ? body.length > short : body !== undefined && !(body instanceof URLSearchParams)
  ) {
    return false;
  }
  return headerOf(call, "accept")?.includes("text/event-stream") !== true;
}
