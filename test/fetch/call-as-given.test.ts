import { afterEach, describe, expect, it, vi } from "vitest";
import type { Context } from "../../src/core/context.ts";
import { definePolicy, identity } from "../../src/core/policy.ts";
import { type FetchCall, type ResilientInit, resilientFetch } from "../../src/fetch/index.ts";
import { constant } from "../../src/policies/backoff.ts";
import { circuitBreaker } from "../../src/policies/circuit-breaker.ts";
import { retry } from "../../src/policies/retry.ts";
import { timeout } from "../../src/policies/timeout.ts";
import { ManualClock } from "../../src/testing/index.ts";

const url = "https://api.test/prices";
const twice = retry({ attempts: 2, backoff: constant("1s"), jitter: "none" });

interface Sent {
  readonly input: FetchCall["input"];
  readonly init: (RequestInit & Record<string, unknown>) | undefined;
}

/** A resilient fetch over an origin that answers with these statuses, one after another. */
function stage(policy: Parameters<typeof resilientFetch>[0], ...statuses: number[]) {
  const clock = new ManualClock();
  const sent: Sent[] = [];
  const fetch = resilientFetch({
    environment: { clock, random: () => 0.5 },
    fetch: (async (input: FetchCall["input"], init?: Sent["init"]) => {
      sent.push({ input, init });
      return new Response(null, { status: statuses[sent.length - 1] ?? 200 });
    }) as typeof globalThis.fetch,
    ...policy,
  });
  return { clock, sent, fetch };
}

describe("resilientFetch > what reaches fetch", () => {
  it("is what was given, where no policy has anything to add", async () => {
    const { sent, fetch } = stage({ policy: identity });
    await fetch(url);
    const request = new Request(url);
    await fetch(request);
    await fetch(url, null as unknown as undefined);
    expect(sent).toEqual([
      { input: url, init: undefined },
      { input: request, init: undefined },
      { input: url, init: undefined },
    ]);
    expect(sent[1]?.input).toBe(request);
  });

  it("has every field that it does not know, untouched", async () => {
    const { sent, fetch } = stage({ policy: timeout("1s") });
    const fields = { cf: { cacheTtl: 5 }, dispatcher: { dispatch() {} }, next: { revalidate: 60 } };
    await fetch(url, {
      ...fields,
      keepalive: true,
      credentials: "include",
      redirect: "manual",
    } as RequestInit);
    const { init } = sent[0] as Sent;
    expect(init).toMatchObject({ keepalive: true, credentials: "include", redirect: "manual" });
    for (const [name, value] of Object.entries(fields)) expect(init?.[name]).toBe(value);
  });

  it("has no resilience", async () => {
    const { sent, fetch } = stage({ policy: identity });
    await fetch(url, { resilience: { key: "tenant" } });
    await fetch(url, { method: "PUT", resilience: { deadline: "5s" } });
    for (const { init } of sent) expect(init === undefined || !("resilience" in init)).toBe(true);
  });

  it("has the caller's signal itself, where nothing else can end the call", async () => {
    const { sent, fetch } = stage({ policy: identity });
    const { signal } = new AbortController();
    await fetch(url, { signal });
    await fetch(new Request(url), { signal: null });
    expect(sent[0]?.init?.signal).toBe(signal);
    expect(sent[1]?.init?.signal).toBe(null);
  });

  it("has what an init inherits", async () => {
    const { sent, fetch } = stage({ policy: timeout("1s") });
    await fetch(url, Object.assign(Object.create({ method: "DELETE" }), { mode: "cors" }) as RequestInit);
    expect(sent[0]?.init).toMatchObject({ method: "DELETE", mode: "cors" });
  });

  it("is a Request where one stands in place of an init", async () => {
    const { sent, fetch } = stage({ policy: timeout("1s") });
    const given = new Request(url, { method: "POST", body: "5", headers: { "x-mine": "1" } });
    await fetch("https://other.test/", given as unknown as RequestInit);
    const { input, init } = sent[0] as Sent;
    const received = new Request(input as Request, init as RequestInit);
    expect([received.url, received.method, received.headers.get("x-mine")]).toEqual([
      "https://other.test/",
      "POST",
      "1",
    ]);
    expect(await received.text()).toBe("5");
  });

  it("is the same again, whatever the caller has changed since", async () => {
    const { clock, sent, fetch } = stage({ policy: twice }, 503, 200);
    const target = new URL(url);
    const headers = new Headers({ page: "1" });
    const init: { method: string; headers: Headers } = { method: "PUT", headers };
    const call = fetch(target, init);
    target.pathname = "/other";
    headers.set("page", "2");
    init.method = "DELETE";
    await clock.advance(1_000);
    await call;
    expect(sent.map(({ input }) => input)).toEqual([url, url]);
    expect(sent.map(({ init: each }) => each?.method)).toEqual(["PUT", "PUT"]);
    expect(sent.map(({ init: each }) => new Headers(each?.headers).get("page"))).toEqual(["1", "1"]);
  });

  it("has headers in full that can be read but once", async () => {
    const { clock, sent, fetch } = stage({ policy: twice }, 503, 200);
    const once = [["idempotency-key", "5"]][Symbol.iterator]() as unknown as HeadersInit;
    const call = fetch(url, { method: "POST", headers: once });
    await clock.advance(1_000);
    await call;
    expect(sent.map(({ init }) => new Headers(init?.headers).get("idempotency-key"))).toEqual(["5", "5"]);
  });

  it("is nothing that was read already: fetch refuses it, and no circuit hears of it", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const refuse = async (input: FetchCall["input"], init?: RequestInit) =>
      new Response(await new Request(input, init).text());
    const fetch = resilientFetch({ policy: circuit, fetch: refuse as typeof globalThis.fetch });
    const used = new Request(url, { method: "PUT", body: "5" });
    await used.text();
    await expect(fetch(used)).rejects.toBeInstanceOf(TypeError);
    const locked = new ReadableStream();
    locked.getReader();
    await expect(
      fetch(url, { method: "PUT", body: locked, duplex: "half" } as RequestInit),
    ).rejects.toBeInstanceOf(TypeError);
    expect(circuit.state).toBe("closed");
  });
});

describe("resilientFetch > what fetch refuses", () => {
  /** Fetch with a network that is down, as browsers tell it. */
  const down = (input: FetchCall["input"], init?: RequestInit) =>
    Promise.resolve().then(() => {
      new Request(input, init);
      throw new TypeError("Failed to fetch");
    });

  it.each<[string, unknown, unknown]>([
    ["a name that no header has", url, { headers: { "no such name": "1" } }],
    ["a value that no header has", url, { headers: { "x-mine": "\n1\u0000" } }],
    ["a method that there is not", url, { method: "BAD METHOD" }],
    ["a method that is forbidden", url, { method: "CONNECT" }],
    ["a GET with a body", url, { body: "5" }],
    ["an URL that is none", "http://[broken", undefined],
    ["what goes over no network", "data:broken", undefined],
  ])("%s is tried once and counts as no failure", async (_, input, init) => {
    vi.stubGlobal("fetch", vi.fn(down));
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const clock = new ManualClock();
    const fetch = resilientFetch({ policy: circuit, environment: { clock } });
    await expect(fetch(input as string, init as ResilientInit)).rejects.toBeInstanceOf(TypeError);
    expect(circuit.state).toBe("closed");
    const patient = resilientFetch({ policy: twice, environment: { clock } });
    const call = expect(patient(input as string, init as ResilientInit)).rejects.toBeInstanceOf(TypeError);
    await clock.advance(5_000);
    await call;
    expect(globalThis.fetch).toHaveBeenCalledTimes(2);
  });

  it.each<[string, string, ResilientInit | undefined]>([
    ["a GET", url, undefined],
    ["a PUT", url, { method: "PUT", body: "5", headers: { "x-mine": "1" } }],
    ["a Request", url, { method: "DELETE", mode: "cors", credentials: "omit" }],
  ])("%s over a network that is down is not that", async (_, input, init) => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const fetch = resilientFetch({ policy: circuit, fetch: down as typeof globalThis.fetch });
    const call = init?.mode ? fetch(new Request(input, init as RequestInit)) : fetch(input, init);
    await expect(call).rejects.toMatchObject({ message: "Failed to fetch" });
    expect(circuit.state).toBe("open");
  });

  it("a relative URL is not that for a fetch that knows what it is relative to", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const lost = () => Promise.reject(new TypeError("Failed to fetch"));
    const fetch = resilientFetch({ policy: circuit, fetch: lost as typeof globalThis.fetch });
    await expect(fetch("/prices")).rejects.toThrow("Failed to fetch");
    expect(circuit.state).toBe("open");
  });

  it("what a fetch throws that is no error goes through", async () => {
    const fetch = resilientFetch({
      policy: identity,
      fetch: (() => Promise.reject(undefined)) as typeof globalThis.fetch,
    });
    await expect(fetch(url)).rejects.toBeUndefined();
  });

  afterEach(() => {
    vi.unstubAllGlobals();
  });
});

describe("resilientFetch > options", () => {
  it("that do not exist are refused", () => {
    expect(() => resilientFetch({ polcy: identity } as object)).toThrow(
      'resilientFetch has no option "polcy"; it has policy, environment, fetch',
    );
    expect(() => resilientFetch({ fetch: 5 as never })).toThrow("there is no fetch to send by");
  });

  it("of a call do not take away what they leave undefined", async () => {
    const keys: unknown[] = [];
    const { fetch, sent, clock } = stage(
      {
        policy: (call) => {
          keys.push(call.repeatable);
          return twice;
        },
      },
      503,
      200,
    );
    const call = fetch(url, { resilience: { repeatable: undefined, key: undefined, deadline: undefined } });
    await clock.advance(1_000);
    await call;
    expect([sent.length, keys]).toEqual([2, [undefined]]);
  });

  it("reach the policies, each of them", async () => {
    const seen: Partial<Context>[] = [];
    const watch = definePolicy("watch", (next) => (request, context) => {
      const { key, priority, repeatable, concurrent, deadline, trace } = context;
      seen.push({ key, priority, repeatable, concurrent, deadline, trace });
      return next(request, context);
    });
    const { clock, fetch } = stage({ policy: watch });
    const trace = { traceId: "1".repeat(32), sampled: true };
    const resilience = {
      key: "tenant",
      priority: -3,
      repeatable: true,
      concurrent: false,
      deadline: "5s",
      trace,
    } as const;
    await fetch(url, { method: "POST", resilience });
    expect(seen).toEqual([{ ...resilience, deadline: clock.now() + 5_000 }]);
    await identity.execute((context) => fetch(url, { resilience: { context } }), { priority: 7 });
    expect(seen[1]?.priority).toBe(7);
  });

  it("take a policy for each request, whose state lives as long as it is chosen", async () => {
    const circuits = { GET: circuitBreaker({ consecutiveFailures: 1 }), PUT: circuitBreaker() };
    const { fetch, sent } = stage(
      { policy: ({ init }) => circuits[init?.method === "PUT" ? "PUT" : "GET"] },
      500,
      200,
    );
    await fetch(url);
    await expect(fetch(url)).rejects.toMatchObject({ kind: "circuit-open" });
    expect((await fetch(url, { method: "PUT" })).status).toBe(200);
    expect(sent).toHaveLength(2);
    expect([circuits.GET.state, circuits.PUT.state]).toEqual(["open", "closed"]);
  });

  it("keep a call within another: its abort ends both", async () => {
    const lost = new Promise<never>(() => {});
    const fetch = resilientFetch({ policy: identity, fetch: (() => lost) as typeof globalThis.fetch });
    const controller = new AbortController();
    const outer = timeout("1m").execute((context) => fetch(url, { resilience: { context } }), {
      signal: controller.signal,
    });
    controller.abort("enough");
    await expect(outer).rejects.toBe("enough");
  });

  it("bring along what the platform's fetch has beside", () => {
    const native = Object.assign(async () => new Response(), { preconnect: () => "connected" });
    const fetch = resilientFetch({ fetch: native as typeof globalThis.fetch });
    expect((fetch as unknown as typeof native).preconnect()).toBe("connected");
  });
});
