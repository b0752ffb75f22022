import {
  type Adaptive,
  adaptive,
  compose,
  constant,
  type Duration,
  type Policy,
  retry,
  timeout,
} from "ninelives";
import {
  coalesceGets,
  deadlineHeader,
  type FetchCall,
  type HttpCache,
  idempotencyKey,
  idleTimeout,
  replayBody,
  staleIfError,
  traceContext,
} from "ninelives/fetch";
import { describe, expect, it } from "vitest";
import { coalesceGetsOptions } from "../../src/fetch/coalesce-gets.ts";
import { deadlineHeaderOptions } from "../../src/fetch/deadline-header.ts";
import { idempotencyKeyOptions } from "../../src/fetch/idempotency-key.ts";
import { replayBodyOptions } from "../../src/fetch/replay-body.ts";
import { staleIfErrorOptions } from "../../src/fetch/stale-if-error.ts";
import { traceContextOptions } from "../../src/fetch/trace-context.ts";
import { fetchStage } from "./fetch-stage.ts";

const origins = "https://api.test";
const again = retry({ attempts: 2, backoff: constant(0), jitter: "none" });

interface Row<T = never> {
  readonly of: string;
  readonly from: T;
  readonly to: T;
  readonly bad: unknown;
  readonly seen: readonly [before: unknown, after: unknown];
  /** Makes the policy once, and looks at what it does, twice. */
  make(value: Adaptive<T>): () => unknown;
}

const row = <T>(
  of: string,
  from: T,
  to: T,
  bad: unknown,
  seen: Row["seen"],
  make: (value: Adaptive<T>) => () => unknown,
): Row => ({ of, from, to, bad, seen, make }) as Row<T> as unknown as Row;

/** Whether a failure an hour after a good answer of ten bytes is answered by that. */
function standsIn(policyOf: (cache: () => HttpCache) => Policy<FetchCall, Response>): () => Promise<boolean> {
  const entries = new Map<string, Response>();
  const cache: HttpCache = {
    match: async (key) => entries.get(key)?.clone(),
    put: async (key, response) => void entries.set(key, response),
    delete: async (key) => entries.delete(key),
  };
  const work: Promise<unknown>[] = [];
  const at = fetchStage(
    policyOf(() => cache),
    { waitUntil: (each) => void work.push(each) },
  );
  return async () => {
    entries.clear();
    at.script(() => new Response("ten bytes."), 500);
    await (await at.fetch(`${origins}/a`)).text();
    await Promise.all(work);
    await at.clock.advance(3_600_000);
    return (await at.fetch(`${origins}/a`)).status === 200;
  };
}

const rows: readonly Row[] = [
  row<Duration>("staleIfError.within", "1m", "2h", "soon", [false, true], (within) =>
    standsIn((cache) => staleIfError({ cache, shared: false, within })),
  ),
  row("staleIfError.maximumBytes", 5, 10, 0, [false, true], (maximumBytes) =>
    standsIn((cache) => staleIfError({ cache, shared: false, maximumBytes })),
  ),
  row<Duration>("deadlineHeader.margin", 0, "100ms", -1, ["1000", "900"], (margin) => {
    const at = fetchStage(compose(timeout("1s"), deadlineHeader({ origins, margin })));
    return async () => {
      at.script(200);
      await at.fetch(`${origins}/a`);
      return at.received.at(-1)?.headers.get("x-request-timeout-ms");
    };
  }),
  row<Duration>("idempotencyKey.conflictWait", "1s", 300, "soon", [1_000, 300], (conflictWait) => {
    const at = fetchStage(compose(idempotencyKey({ conflictWait }), again));
    return async () => {
      at.script(409, 200);
      const headers = { "idempotency-key": '"k"' };
      const call = at.fetch(`${origins}/a`, { method: "POST", body: "5", headers });
      const before = at.received.length;
      let ms = 0;
      for (; at.received.length === before && ms < 5_000; ms += 100) await at.clock.advance(100);
      await call;
      return ms;
    };
  }),
  row("replayBody.upTo", 3, 10, -1, [1, 2], (upTo) => {
    const at = fetchStage(compose(replayBody({ upTo }), again));
    return async () => {
      const before = at.received.length;
      at.script(503, 200);
      const body = new Blob(["five!"]).stream();
      const call = at.fetch(`${origins}/a`, { method: "PUT", body, duplex: "half" } as RequestInit);
      let over = false;
      const end = call.finally(() => {
        over = true;
      });
      while (!over) {
        // The platform reads a body in turns of its own.
        await new Promise((resolve) => setTimeout(resolve));
        await at.clock.advance(1);
      }
      await end;
      const sent = at.received.length - before;
      if (sent === 1) {
        // What is left of the script.
        await at.fetch(`${origins}/a`);
      }
      return sent;
    };
  }),
  row("coalesceGets.maximumBytes", 5, 10, -1, [2, 1], (maximumBytes) => {
    const at = fetchStage(coalesceGets({ maximumBytes }));
    return async () => {
      const before = at.received.length;
      const calls = [at.fetch(`${origins}/a`), at.fetch(`${origins}/a`)];
      for (let turn = 0; turn < 20; turn++) {
        for (const each of at.received) each.succeed(new Response("ten bytes."));
        await new Promise((resolve) => setTimeout(resolve));
      }
      await Promise.all(calls.map(async (call) => (await call).text()));
      return at.received.length - before;
    };
  }),
  row("traceContext.sampleRate", 1, 0, 2, ["01", "00"], (sampleRate) => {
    const at = fetchStage(traceContext({ origins, sampleRate }));
    return async () => {
      at.script(200);
      await at.fetch(`${origins}/a`);
      return at.received.at(-1)?.headers.get("traceparent")?.slice(-2);
    };
  }),
  row<Duration>("idleTimeout.after", "100ms", "300ms", "soon", [100, 300], (after) => {
    const at = fetchStage(idleTimeout(after));
    return async () => {
      at.script(() => new Response(new ReadableStream()));
      const reader = (await at.fetch(`${origins}/a`)).body?.getReader();
      let over = false;
      reader?.read().catch(() => {
        over = true;
      });
      let ms = 0;
      for (; !over && ms < 5_000; ms += 50) await at.clock.advance(50);
      return ms;
    };
  }),
];

describe("an adaptive value", () => {
  it.each(rows.map((each) => [each.of, each] as const))(
    "%s holds from the next call on",
    async (of, each) => {
      const value = adaptive(each.from) as Adaptive<unknown>;
      const look = each.make(value as never);
      expect(await look()).toEqual(each.seen[0]);
      expect(() => value.set(each.bad)).toThrow(new RegExp(`^${of.replace(".", ": ")} must be .*, but is `));
      value.set(each.to);
      expect(await look()).toEqual(each.seen[1]);
    },
  );

  it("can be any option of HTTP's policies that could change while it runs", () => {
    const tested = new Set(rows.map(({ of }) => of));
    const tables = {
      coalesceGets: coalesceGetsOptions,
      deadlineHeader: deadlineHeaderOptions,
      idempotencyKey: idempotencyKeyOptions,
      replayBody: replayBodyOptions,
      staleIfError: staleIfErrorOptions,
      traceContext: traceContextOptions,
    };
    for (const [name, table] of Object.entries(tables)) {
      for (const [option, { fixed }] of Object.entries(table)) {
        const of = `${name}.${option}`;
        expect([of, tested.has(of)]).toEqual([of, fixed === undefined]);
      }
    }
  });
});
