/** What is measured: the same thing done by us and by each peer that can do it. */

import * as ffetch from "@fetchkit/ffetch";
import * as alfred from "@git-stunts/alfred";
import * as cockatiel from "cockatiel";
import ky from "ky";
import {
  adaptive,
  adaptiveLimit,
  bulkhead,
  cache,
  chaos,
  circuitBreaker,
  coalesce,
  compose,
  type Duration,
  definePolicy,
  environment,
  fallback,
  hedge,
  identity,
  keyed,
  orElse,
  type Policy,
  race,
  rateLimit,
  retry,
  standard,
  throttle,
  timeout,
} from "ninelives";
import { resilientFetch } from "ninelives/fetch";
import { memorySink } from "ninelives/telemetry";
import Opossum from "opossum";
import pRetry from "p-retry";

import { floors } from "./floors.ts";
import { leastFetch, leastFetchName } from "./least-fetch.ts";
import type { Contestant, Section } from "./measure.ts";

const answer = { ok: true };
const service = async (): Promise<{ ok: boolean }> => answer;

const forever = (): Promise<never> => new Promise(() => {});

/** Nobody comes near these limits: what is measured is what the policies cost while all is well. */
const plenty = 1_000_000;
/** A million a second is not out of reach here. */
const more = 1_000_000_000;
const long = 30_000;
/** Short, because the timers of some peers stay, with all that hangs on them, until they fire. */
const shorter = 2_000;

const bare: Contestant = { name: "bare call", call: service };

const ours = (policy: Policy<undefined, { ok: boolean }>, name = "ninelives"): Contestant => {
  const call = policy.wrap<undefined, { ok: boolean }>(service);
  return { name, call: () => call(undefined) };
};

const cockatiels = (
  policy: { execute(operation: typeof service): Promise<unknown> },
  name = "cockatiel",
): Contestant => ({
  name,
  call: () => policy.execute(service),
});

const alfreds = (policy: alfred.Policy, name = "alfred"): Contestant => ({
  name,
  // Its timers stay until they fire.
  most: 200,
  call: () => policy.execute(service),
});

const opossums = (timeout: number | false): Contestant => {
  const breaker = new Opossum(service, { timeout, capacity: plenty });
  return { name: "opossum", call: () => breaker.fire() };
};

const cockatielBreaker = (breaker: cockatiel.IBreaker = new cockatiel.ConsecutiveBreaker(5)) =>
  cockatiel.circuitBreaker(cockatiel.handleAll, { halfOpenAfter: long, breaker });
const cockatielRetry = () =>
  cockatiel.retry(cockatiel.handleAll, { maxAttempts: 2, backoff: new cockatiel.ExponentialBackoff() });
const cockatielTimeout = () => cockatiel.timeout(shorter, cockatiel.TimeoutStrategy.Aggressive);
const cockatielBulkhead = () => cockatiel.bulkhead(plenty, 0);

const alfredBreaker = () => alfred.Policy.circuitBreaker({ threshold: 5, duration: long });
const alfredRetry = () => alfred.Policy.retry({ retries: 2, backoff: "exponential", delay: 100 });
const alfredTimeout = () => alfred.Policy.timeout(shorter);
const alfredBulkhead = () => alfred.Policy.bulkhead({ limit: plenty });

const oursStack = () => compose(retry(3), circuitBreaker(), timeout(shorter), bulkhead(plenty));

/** The least that a policy can be which hears how a call ended. */
const throughThen = definePolicy(
  "then",
  (next) => (request, context) =>
    next(request, context).then(
      (value) => value,
      (error: unknown) => {
        throw error;
      },
    ),
);

/** The same, of which every value that a call reads may change while it runs. */
const oursAdaptive = () =>
  compose(
    retry({ attempts: adaptive(3), maximumDelay: adaptive<Duration>("30s") }),
    circuitBreaker({
      failureRate: adaptive(0.5),
      window: adaptive<Duration | number>(100),
      minimumCalls: adaptive(20),
    }),
    timeout(adaptive<Duration>(shorter)),
    bulkhead({ limit: adaptive(plenty) }),
  );

/** A call by a caller who catches what is thrown. */
const caught = ({ name, call }: Contestant): Contestant => ({
  name,
  call: async () => {
    try {
      return await call();
    } catch (error) {
      return error;
    }
  },
});

export async function sections(): Promise<Section[]> {
  return [
    floors(service),
    {
      title: "circuit breaker",
      contestants: [
        bare,
        ours(circuitBreaker()),
        cockatiels(cockatielBreaker()),
        cockatiels(
          cockatielBreaker(new cockatiel.CountBreaker({ threshold: 0.5, size: 100 })),
          "cockatiel (count window)",
        ),
        opossums(false),
        alfreds(alfredBreaker()),
      ],
    },
    {
      title: "retry",
      contestants: [
        bare,
        ours(retry(3)),
        cockatiels(cockatielRetry()),
        alfreds(alfredRetry()),
        { name: "p-retry", call: () => pRetry(service, { retries: 2 }) },
      ],
    },
    {
      title: "timeout",
      contestants: [bare, ours(timeout(shorter)), cockatiels(cockatielTimeout()), alfreds(alfredTimeout())],
    },
    {
      title: "bulkhead",
      contestants: [bare, ours(bulkhead(plenty)), cockatiels(cockatielBulkhead()), alfreds(alfredBulkhead())],
    },
    {
      title: "rate limit",
      contestants: [bare, ours(rateLimit({ limit: more })), alfreds(alfred.Policy.rateLimit({ rate: more }))],
    },
    {
      title: "fallback",
      contestants: [
        bare,
        ours(fallback(answer)),
        cockatiels(cockatiel.fallback(cockatiel.handleAll, answer)),
      ],
    },
    {
      title: "hedge",
      contestants: [
        bare,
        ours(hedge({ after: shorter })),
        alfreds(alfred.Policy.hedge({ delay: shorter, maxHedges: 1 })),
      ],
    },
    {
      title: "what no peer has",
      contestants: [
        bare,
        ours(throttle(), "ninelives throttle"),
        ours(adaptiveLimit(), "ninelives adaptiveLimit"),
        ours(
          keyed(() => circuitBreaker()),
          "ninelives keyed, circuitBreaker",
        ),
        ours(
          coalesce(() => "key"),
          "ninelives coalesce, alone each time",
        ),
        ours(cache({ key: () => "key", ttl: "1h" }), "ninelives cache, a hit"),
        ours(chaos({ fault: "down", rate: 0 }), "ninelives chaos, at rate 0"),
      ],
    },
    {
      title: "breaker > timeout",
      contestants: [
        bare,
        ours(compose(circuitBreaker(), timeout(shorter))),
        cockatiels(cockatiel.wrap(cockatielBreaker(), cockatielTimeout())),
        opossums(shorter),
        alfreds(alfredBreaker().wrap(alfredTimeout())),
      ],
    },
    {
      title: "retry > breaker > timeout > bulkhead",
      contestants: [
        bare,
        ours(oursStack()),
        ours(compose(environment({ sink: memorySink() }), oursStack()), "ninelives, events into a ring"),
        ours(oursAdaptive(), "ninelives, options that may change"),
        cockatiels(
          cockatiel.wrap(cockatielRetry(), cockatielBreaker(), cockatielTimeout(), cockatielBulkhead()),
        ),
        alfreds(alfredRetry().wrap(alfredBreaker()).wrap(alfredTimeout()).wrap(alfredBulkhead())),
        opossums(shorter),
      ],
    },
    {
      title: "standard: bulkhead > timeout > retry > breaker > timeout",
      contestants: [
        bare,
        ours(standard()),
        cockatiels(
          cockatiel.wrap(
            cockatielBulkhead(),
            cockatielTimeout(),
            cockatielRetry(),
            cockatielBreaker(),
            cockatielTimeout(),
          ),
        ),
        alfreds(
          alfredBulkhead()
            .wrap(alfredTimeout())
            .wrap(alfredRetry())
            .wrap(alfredBreaker())
            .wrap(alfredTimeout()),
        ),
      ],
    },
    await refusals(),
    refusalsThrough(),
    refusalsByBulkhead(),
    {
      title: "first of two against one after the other",
      contestants: [
        bare,
        ours(race(identity, identity), "ninelives race"),
        ours(orElse(identity, identity), "ninelives orElse"),
        { name: "Promise.any", call: () => Promise.any([service(), service()]) },
        alfreds(alfred.Policy.noop().race(alfred.Policy.noop()), "alfred race"),
      ],
    },
    fetches(),
    {
      // Last: it is a kind of policy that ours are not, which the compiler would remember.
      title: "a call before any policy",
      contestants: [
        bare,
        ours(identity, "ninelives: the call and its context"),
        ours(throughThen, "the same and one then"),
      ],
    },
  ];
}

function opened() {
  const circuit = circuitBreaker();
  circuit.open();
  return circuit;
}

/** A circuit that opened by itself and says when to come back. */
async function tripped() {
  const circuit = circuitBreaker({ consecutiveFailures: 1, openFor: "1h" });
  await circuit.execute(() => Promise.reject(new Error("down"))).catch(() => {});
  return circuit;
}

async function trippedAlfred() {
  const breaker = alfred.Policy.circuitBreaker({ threshold: 1, duration: 3_600_000 });
  await breaker.execute(() => Promise.reject(new Error("down"))).catch(() => {});
  return breaker;
}

async function refusals(): Promise<Section> {
  const isolated = cockatielBreaker();
  isolated.isolate();
  const opossum = new Opossum(service, { timeout: false });
  opossum.open();
  return {
    title: "refusal by an open circuit",
    contestants: [
      caught(bare),
      caught(ours(await tripped())),
      caught(cockatiels(isolated)),
      caught({ name: "opossum", call: () => opossum.fire() }),
      caught(alfreds(await trippedAlfred())),
    ],
  };
}

function refusalsThrough(): Section {
  const isolated = cockatielBreaker();
  isolated.isolate();
  return {
    title: "refusal through retry > breaker > timeout > bulkhead",
    contestants: [
      caught(bare),
      caught(ours(compose(retry(3), opened(), timeout(shorter), bulkhead(plenty)))),
      caught(
        cockatiels(
          cockatiel.wrap(
            // Else it would wait and try the open circuit again.
            cockatiel.retry(
              cockatiel.handleWhen((error) => !(error instanceof cockatiel.IsolatedCircuitError)),
              { maxAttempts: 2 },
            ),
            isolated,
            cockatielTimeout(),
            cockatielBulkhead(),
          ),
        ),
      ),
    ],
  };
}

/** One call holds the only slot for ever. */
function refusalsByBulkhead(): Section {
  const ourBulkhead = bulkhead(1);
  const cockatielsBulkhead = cockatiel.bulkhead(1, 0);
  const alfredsBulkhead = alfred.Policy.bulkhead({ limit: 1 });
  const opossum = new Opossum(forever, { timeout: false, capacity: 1 });
  void ourBulkhead.execute(forever);
  void cockatielsBulkhead.execute(forever);
  void alfredsBulkhead.execute(forever);
  void opossum.fire();
  return {
    title: "refusal by a full bulkhead",
    contestants: [
      caught(bare),
      caught(ours(ourBulkhead)),
      caught(cockatiels(cockatielsBulkhead)),
      caught(alfreds(alfredsBulkhead)),
      caught({ name: "opossum (capacity)", call: () => opossum.fire() }),
    ],
  };
}

function fetches(): Section {
  const response = new Response(null, { status: 204 });
  const stub = async (): Promise<Response> => response;
  const url = "https://api.example.com/prices?of=boots";
  const least = leastFetch(stub);
  const standardFetch = resilientFetch({ fetch: stub });
  const smaller = resilientFetch({ fetch: stub, policy: compose(retry(3), timeout(shorter)) });
  const kyFetch = ky.create({ fetch: stub, timeout: shorter, retry: 2 });
  const ffetchFetch = ffetch.default({ fetchHandler: stub, timeout: shorter, retries: 2 });
  return {
    title: "fetch (a stub answers)",
    contestants: [
      { name: "bare call", call: () => stub() },
      { name: leastFetchName, call: () => least(url) },
      { name: "ninelives resilientFetch", call: () => standardFetch(url) },
      { name: "ninelives resilientFetch, retry > timeout", call: () => smaller(url) },
      { name: "ky, retry and timeout", most: 200, call: () => kyFetch(url) },
      { name: "ffetch, retry and timeout", most: 200, call: () => ffetchFetch(url) },
    ],
  };
}

/** How many events the second of `emitters` makes in a call. */
export const eventsPerCall = 10;

/** The same call with no event and with some, into a ring: the difference is what they cost. */
export function emitters(): Section {
  const emitting = (events: number): Contestant => {
    const emit = definePolicy("emit", (next) => (request, context) => {
      for (let event = 0; event < events; event++) context.emit({ type: "timeout.occurred", after: event });
      return next(request, context);
    });
    return ours(compose(environment({ sink: memorySink() }), emit), `ninelives, ${events} events`);
  };
  return { title: "an event into a ring", contestants: [emitting(0), emitting(eventsPerCall)] };
}

/** What a policy keeps for as long as it lives. */
export const instances: Readonly<Record<string, () => unknown>> = {
  "circuit breaker": () => circuitBreaker(),
  "circuit breaker (cockatiel, count window)": () =>
    cockatielBreaker(new cockatiel.CountBreaker({ threshold: 0.5, size: 100 })),
  "circuit breaker (cockatiel, consecutive)": () => cockatielBreaker(),
  "circuit breaker (alfred)": () => alfredBreaker(),
  "retry > breaker > timeout > bulkhead": () => oursStack(),
  "retry > breaker > timeout > bulkhead (cockatiel)": () =>
    cockatiel.wrap(cockatielRetry(), cockatielBreaker(), cockatielTimeout(), cockatielBulkhead()),
};
