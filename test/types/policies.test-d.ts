// Checked by `npm run types`; nothing runs.
import {
  type AnyPolicy,
  answer,
  bulkhead,
  type Context,
  circuitBreaker,
  compose,
  definePolicy,
  definePolicyFor,
  environment,
  fallback,
  identity,
  keyed,
  orElse,
  type Policy,
  type PolicyEvent,
  parse,
  policy,
  type RetryOptions,
  race,
  retry,
  type Service,
  standard,
  timeout,
  type Wrapped,
} from "ninelives";
import { scriptedService } from "ninelives/testing";

/** Fails to compile unless both types are the same. */
function same<A>() {
  return <B>(_: B, ...__: [A] extends [B] ? ([B] extends [A] ? [] : [never]) : [never]): void => {};
}

interface Query {
  readonly sql: string;
}
interface Row {
  readonly id: number;
}

declare const rows: Service<Query, Row[]>;
declare const http: Service<Request, Response>;
declare const signed: Policy<Request, Response>;
declare const byLength: Policy<string, Row[]>;
declare const jittery: Policy<Query, Row[]>;

// Policies that look at neither request nor response go around any service, which keeps its types.
const queried = retry().wrap(rows);
same<Wrapped<Query, Row[]>>()(queried);
const fetched = compose(retry(), timeout("1s"), circuitBreaker(), bulkhead(1)).wrap(http);
same<Wrapped<Request, Response>>()(fetched);
same<Policy<unknown, unknown>>()(compose(retry(), timeout("1s")));
same<Policy<unknown, unknown>>()(orElse(retry(), race(identity, standard())));
const scripted = retry().wrap(scriptedService());
same<Wrapped<void, unknown>>()(scripted);
same<Promise<number>>()(retry().execute(async () => 5));
same<Promise<string>>()(standard().execute(async ({ signal }) => String(signal.aborted)));

// Those that do narrow what they are joined with.
same<Policy<Request, Response>>()(compose(retry(), signed, environment({})));
same<Policy<Request, Response>>()(orElse(signed, identity));
const raced = race(signed, timeout(5)).wrap(http);
same<Wrapped<Request, Response>>()(raced);
same<Policy<unknown, number>>()(answer(5));
same<Policy<string, number>>()(answer((request: string) => request.length));
same<Policy<string, number>>()(answer(async (request: string) => request.length));
same<Policy<unknown, string>>()(fallback("stale"));
const eachHost: AnyPolicy = keyed((name) => circuitBreaker({ name }));
same<AnyPolicy>()(eachHost);
same<Policy<Request & Query, Response & Row[]>>()(compose(signed, jittery));

// What a policy adds to itself stays on it.
same<number>()(bulkhead(1).queued);
same<AnyPolicy>()(keyed(() => retry()).of("a"));
same<boolean>()(circuitBreaker().state === "half-open");

// A text has the types that its reader gives it.
same<Policy<unknown, unknown>>()(parse("retry"));
same<Policy<Request, Response>>()(
  parse<Request, Response>("retry | cached", { cached: fallback(new Response()) }),
);
same<Policy<Query, Row[]>>()(policy<Query, Row[]>`${jittery} + retry(${3})`);

// An event says by its type what it holds.
export function told(event: PolicyEvent): string {
  switch (event.type) {
    case "retry.attempted":
      same<number>()(event.delay);
      return event.kind;
    case "circuit.opened":
      same<number | undefined>()(event.openFor);
      return event.circuit;
    default:
      same<string>()(event.policy);
      return event.type;
  }
}

// A layer hands on the request and context that it got.
same<AnyPolicy>()(definePolicy("mine", (next) => (request, context) => next(request, context)));
same<Policy<string, number>>()(
  definePolicyFor<string, number>("mine", (next) => (request, context) => next(request, context)),
);

export const refused = [
  // @ts-expect-error a policy for requests over HTTP does not go around a query
  () => signed.wrap(rows),
  // @ts-expect-error nor does it run an operation, which has no request
  () => signed.execute(async () => new Response()),
  // @ts-expect-error nor does a chain that it is part of
  () => compose(retry(), signed).wrap(rows),
  // @ts-expect-error nor does one branch of several
  () => orElse(signed, retry()).wrap(rows),
  // @ts-expect-error a number is no answer for a service that gives rows
  () => compose(retry(), fallback(5)).wrap(rows),
  // @ts-expect-error an answer that reads a text does not know what to do with a query
  () => orElse(retry(), byLength).wrap(rows),
  // @ts-expect-error operations of a policy that answers with a text give a text
  () => fallback("stale").execute(async () => 5),
  // @ts-expect-error a function is no policy
  () => compose(retry(), () => {}),
  // @ts-expect-error a layer that looks at neither may not make a response of its own
  () => definePolicy("five", () => async () => 5),
  // @ts-expect-error a service takes the request that the policy was defined for
  () => definePolicyFor<string, number>("mine", (next) => (_, context) => next(5, context)),
  // @ts-expect-error a duration has a unit that exists
  () => timeout("5d"),
  // @ts-expect-error a duration in text has a number
  () => timeout("soon"),
  // @ts-expect-error an option that does not exist is refused
  () => retry({ tries: 3 }),
  // @ts-expect-error a bulkhead needs its limit
  () => bulkhead({}),
  // @ts-expect-error options are read-only
  (options: RetryOptions) => (options.attempts = 5),
  // @ts-expect-error a window is a number of calls or a text with a unit: a bare number is no time
  () => circuitBreaker({ window: { ms: 5 } }),
  // @ts-expect-error contexts are made by the chain alone
  (...args: ConstructorParameters<typeof Context>) => args,
  // @ts-expect-error what a call needs comes first
  () => retry().wrap(rows)(),
  // @ts-expect-error options of a call are known
  () => retry().wrap(rows)({ sql: "" }, { timeout: 5 }),
];
