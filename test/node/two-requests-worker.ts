/**
 * A Worker whose policies stand at module scope, so that its requests share them; `two-requests.test.ts` runs it in a
 * workerd of its own.
 */
import {
  adaptiveLimit,
  bulkhead,
  type Context,
  coalesce,
  compose,
  environment,
  hedge,
  isRejected,
  type Policy,
  type PolicyEvent,
  rateLimit,
  retry,
  timeout,
} from "ninelives";
import { coalesceGets, type FetchCall } from "ninelives/fetch";

const happened: PolicyEvent["type"][] = [];
/** Calls that have reached their service. */
let begun = 0;
const sink = { emit: ({ type }: PolicyEvent) => void happened.push(type) };
const told = (policy: Policy<void, unknown>) => compose(environment({ sink }), policy);

const queue = { queue: 5, maximumWait: "5s" } as const;
const compartments = {
  bulkhead: bulkhead({ limit: 1, ...queue }),
  adaptiveLimit: adaptiveLimit({ initial: 1, maximum: 1, ...queue }),
  impatient: bulkhead({ limit: 1, queue: 5, maximumWait: "100ms" }),
};
const policies: Readonly<Record<string, Policy<void, unknown>>> = {
  ...compartments,
  "timeout > bulkhead": compose(timeout("200ms"), bulkhead({ limit: 1, ...queue })),
  "timeout > coalesce": compose(
    timeout("5s"),
    coalesce(() => "key"),
  ),
  "short timeout > coalesce": compose(
    timeout("200ms"),
    coalesce(() => "key"),
  ),
  rateLimit: rateLimit({ limit: 1, per: "300ms", maximumWait: "5s" }),
  timeout: timeout("200ms"),
  retry: retry({ attempts: 2, jitter: "none" }),
  hedge: hedge("50ms"),
};
const wrapped = Object.fromEntries(Object.entries(policies).map(([name, policy]) => [name, told(policy)]));

const gets = compose(environment({ sink }), timeout("5s"), coalesceGets());

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a call may wait for before it ends. */
type Condition = (policy: string, since: readonly PolicyEvent["type"][]) => boolean;
const conditions: Readonly<Record<string, Condition>> = {
  at_once: () => true,
  queued: (policy) => compartments[policy as keyof typeof compartments].queued > 0,
  coalesced: (_, since) => since.includes("call.coalesced"),
  hedged: (_, since) => since.includes("hedge.started"),
  rejected: (_, since) => since.includes("bulkhead.rejected"),
  never: () => false,
};

async function answer(request: Request): Promise<object> {
  const { pathname, searchParams } = new URL(request.url);
  const policy = decodeURIComponent(pathname.slice(1));
  const ended = conditions[searchParams.get("until") ?? "at_once"] as Condition;
  const from = happened.length;
  const { signal } = new AbortController();
  let calls = 0;
  const work = async (context: Context): Promise<string> => {
    calls++;
    begun++;
    // Timers and I/O are the request's own, and so is its signal: a call that ran in another request would end with that.
    do {
      await wait(20);
      context.signal.throwIfAborted();
    } while (!ended(policy, happened.slice(from)));
    if (searchParams.has("fails")) throw new Error("down");
    return "done";
  };
  const get = async (): Promise<string> => {
    const send = gets.wrap(async (_: FetchCall, context) => new Response(await work(context)));
    return (await send({ input: "https://api.test/", init: undefined }, { signal })).text();
  };
  const call =
    policy === "coalesceGets" ? get() : (wrapped[policy] as Policy<void, unknown>).execute(work, { signal });
  return call.then(
    (value) => ({ value, calls }),
    (error: unknown) => ({ error: isRejected(error) ? error.kind : String(error), calls }),
  );
}

// biome-ignore lint/style/noDefaultExport: the platform wants the handler there
export default {
  /** `/<policy>?until=<condition>&fails` makes a call; `/` tells how many calls have reached their service. */
  async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname === "/") return Response.json(begun);
    return Response.json(await answer(request));
  },
};
