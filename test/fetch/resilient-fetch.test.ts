import { afterEach, describe, expect, it, vi } from "vitest";
import { compose, definePolicyFor, identity, type Policy } from "../../src/core/policy.ts";
import { type FetchCall, type ResilientFetchOptions, resilientFetch } from "../../src/fetch/index.ts";
import { answer } from "../../src/policies/answer.ts";
import { constant } from "../../src/policies/backoff.ts";
import { circuitBreaker } from "../../src/policies/circuit-breaker.ts";
import { hedge } from "../../src/policies/hedge.ts";
import { keyed } from "../../src/policies/keyed.ts";
import { retry } from "../../src/policies/retry.ts";
import { timeout } from "../../src/policies/timeout.ts";
import { ManualClock, recordingSink } from "../../src/testing/index.ts";

const url = "https://api.test/prices";
const thrice = retry({ attempts: 3, backoff: constant("1s"), jitter: "none" });

interface Call {
  readonly input: RequestInfo | URL;
  readonly init: RequestInit;
  succeed(response: Response): void;
  fail(error: unknown): void;
}

/** A resilient fetch over an origin that the test plays. */
function stage(policy?: Policy<FetchCall, Response>, options: ResilientFetchOptions = {}) {
  const clock = new ManualClock();
  const sink = recordingSink();
  const calls: Call[] = [];
  const answers: (() => Response)[] = [];
  const origin = (input: RequestInfo | URL, init: RequestInit = {}) =>
    new Promise<Response>((succeed, fail) => {
      calls.push({ input, init, succeed, fail });
      const { signal } = init;
      signal?.addEventListener("abort", () => fail(signal.reason));
      const next = answers.shift();
      if (next !== undefined) succeed(next());
    });
  const fetch = resilientFetch({
    fetch: origin as typeof globalThis.fetch,
    environment: { name: "shop", clock, sink, random: () => 0.5 },
    ...(policy !== undefined && { policy }),
    ...options,
  });
  /** Answers the next calls at once. */
  const script = (...statuses: number[]) => {
    for (const status of statuses) answers.push(() => new Response(`${status}`, { status }));
  };
  return { clock, sink, calls, fetch: fetch as (...args: [unknown, unknown?]) => Promise<Response>, script };
}

const statusOf = (call: Promise<Response>) => call.then(({ status }) => status);

describe("resilientFetch", () => {
  it("hands on what it was given, and the same response object back", async () => {
    const { calls, fetch } = stage();
    const headers = { "x-mine": "1" };
    const call = fetch(url, { method: "PUT", headers, body: "5", cache: "no-store" });
    expect(calls[0]?.input).toBe(url);
    expect(calls[0]?.init).toMatchObject({ method: "PUT", headers, body: "5", cache: "no-store" });
    const response = new Response("ok");
    calls[0]?.succeed(response);
    expect(await call).toBe(response);
    expect(response.bodyUsed).toBe(false);
  });

  it.each([404, 500, 503])("returns the status %d and throws it not", async (status) => {
    const { fetch, script } = stage(identity);
    script(status);
    expect(await statusOf(fetch(url))).toBe(status);
  });

  it("throws errors as the platform threw them", async () => {
    const { calls, fetch } = stage(identity);
    const call = fetch(url);
    const lost = new TypeError("Failed to fetch");
    calls[0]?.fail(lost);
    await expect(call).rejects.toBe(lost);
  });

  it("takes a Request or a URL as fetch does", async () => {
    const { calls, fetch, script } = stage();
    script(200, 200);
    const request = new Request(url, { method: "DELETE" });
    await fetch(request);
    await fetch(new URL(url));
    expect(calls.map(({ input }) => input)).toEqual([request, url]);
  });

  it.each<[string, unknown, unknown]>([
    ["a bad deadline", url, { resilience: { deadline: "soon" } }],
    ["a misspelt option", url, { resilience: { dedline: "1s" } }],
  ])("rejects and does not throw at %s", async (_, input, init) => {
    const { fetch, script } = stage();
    script(200);
    let call: Promise<Response> | undefined;
    expect(() => {
      call = fetch(input, init);
    }).not.toThrow();
    await expect(call).rejects.toBeInstanceOf(Error);
  });

  it.each<[string, unknown, unknown]>([
    ["headers that are none", url, { headers: 5 }],
    ["a method that is no text", url, { method: Symbol("GET") }],
    ["a URL that is no text", Symbol("url"), undefined],
  ])("leaves %s for fetch to refuse, in its own words, by the promise", async (_, input, init) => {
    const refused = new TypeError("in its own words");
    const { fetch } = stage(timeout("1s"), {
      fetch: () => {
        throw refused;
      },
    });
    await expect(fetch(input, init)).rejects.toBe(refused);
  });

  it("sends by the global fetch of the time when it was made, without a receiver", async () => {
    let receiver: unknown = "none";
    vi.stubGlobal("fetch", async function (this: unknown) {
      receiver = this;
      return new Response("global");
    });
    const fetch = resilientFetch();
    vi.stubGlobal("fetch", () => Promise.reject(new Error("the later one")));
    expect(await (await fetch(url)).text()).toBe("global");
    expect(receiver).toBeUndefined();
  });

  it("leaves no timer behind", async () => {
    const { clock, fetch, script } = stage();
    script(200, 500, 200);
    await fetch(url);
    const call = fetch(url);
    await clock.advance(1_000);
    await call;
    expect(clock.pending).toBe(0);
  });

  afterEach(() => {
    vi.unstubAllGlobals();
  });
});

describe("resilientFetch > retry", () => {
  it.each([408, 425, 429, 500, 502, 503, 504])("sends again after %d", async (status) => {
    const { clock, calls, fetch, script } = stage(thrice);
    script(status, 200);
    const call = statusOf(fetch(url));
    await clock.advance(1_000);
    expect([await call, calls.length]).toEqual([200, 2]);
  });

  it.each([200, 204, 304, 400, 401, 404, 409, 422, 501, 505])(
    "does not send again after %d",
    async (status) => {
      const { clock, calls, fetch } = stage(thrice);
      const call = statusOf(fetch(url));
      calls[0]?.succeed(new Response(null, { status }));
      await clock.advance(60_000);
      expect([await call, calls.length]).toEqual([status, 1]);
    },
  );

  it("returns the last failing response when attempts end", async () => {
    const { clock, calls, fetch } = stage(thrice);
    const call = fetch(url);
    const responses = [503, 502, 500].map((status) => new Response("broken", { status }));
    for (const [index, response] of responses.entries()) {
      calls[index]?.succeed(response);
      await clock.advance(1_000);
    }
    expect(await call).toBe(responses[2]);
    expect(await responses[2]?.text()).toBe("broken");
  });

  it("cancels the body of a response that it goes past, and of no other (T17)", async () => {
    const { clock, calls, fetch } = stage(thrice);
    const cancelled: number[] = [];
    const streaming = (status: number) =>
      new Response(new ReadableStream({ cancel: () => void cancelled.push(status) }), { status });
    const call = fetch(url);
    calls[0]?.succeed(streaming(503));
    await clock.advance(1_000);
    calls[1]?.succeed(streaming(502));
    await clock.advance(1_000);
    calls[2]?.succeed(streaming(500));
    expect((await call).status).toBe(500);
    expect(cancelled).toEqual([503, 502]);
  });

  it.each([
    ["429", 429],
    ["503", 503],
  ])("waits as long as Retry-After of a %s says", async (_, status) => {
    const { clock, calls, fetch } = stage(thrice);
    const call = statusOf(fetch(url));
    calls[0]?.succeed(new Response(null, { status, headers: { "retry-after": "20" } }));
    await clock.advance(19_999);
    expect(calls).toHaveLength(1);
    await clock.advance(1);
    calls[1]?.succeed(new Response("ok"));
    expect(await call).toBe(200);
  });

  it("waits no longer than its maximum for a huge Retry-After", async () => {
    const { clock, calls, fetch } = stage(retry({ attempts: 2, maximumDelay: "30s" }));
    const call = statusOf(fetch(url));
    calls[0]?.succeed(new Response(null, { status: 503, headers: { "retry-after": "99999999" } }));
    await clock.advance(30_000);
    calls[1]?.succeed(new Response("ok"));
    expect(await call).toBe(200);
  });
});

describe("resilientFetch > what may be sent twice", () => {
  const stream = () => new ReadableStream({ start: (controller) => controller.close() });
  const key = { "idempotency-key": "5" };
  async function* chunks() {
    yield new Uint8Array(1);
  }

  it.each<[string, unknown, unknown, number]>([
    ["GET", url, undefined, 2],
    ["get", url, { method: "get" }, 2],
    ["HEAD", url, { method: "HEAD" }, 2],
    ["OPTIONS", url, { method: "OPTIONS" }, 2],
    ["PUT", url, { method: "PUT", body: "5" }, 2],
    ["DELETE", url, { method: "DELETE" }, 2],
    ["POST", url, { method: "POST", body: "5" }, 1],
    ["POST without a body", url, { method: "POST" }, 1],
    ["PATCH", url, { method: "PATCH", body: "5" }, 1],
    ["POST with an Idempotency-Key", url, { method: "POST", body: "5", headers: key }, 2],
    ["POST with the key among Headers", url, { method: "POST", headers: new Headers(key) }, 2],
    ["POST by decision of the caller", url, { method: "POST", resilience: { repeatable: true } }, 2],
    ["GET against it", url, { resilience: { repeatable: false } }, 1],
    ["a stream (T17)", url, { method: "PUT", body: stream(), duplex: "half" }, 1],
    ["a stream with a key", url, { method: "POST", body: stream(), headers: key, duplex: "half" }, 1],
    ["an async iterable", url, { method: "PUT", body: chunks(), duplex: "half" }, 1],
    ["a form", url, { method: "PUT", body: new FormData() }, 2],
    ["parameters", url, { method: "PUT", body: new URLSearchParams("a=b") }, 2],
    ["bytes", url, { method: "PUT", body: new Uint8Array(1) }, 2],
    ["a blob", url, { method: "PUT", body: new Blob(["5"]) }, 2],
    ["a Request", new Request(url), undefined, 2],
    ["a Request to PUT with a body", new Request(url, { method: "PUT", body: "5" }), undefined, 1],
    ["a Request whose body init replaces", new Request(url, { method: "PUT", body: "5" }), { body: "6" }, 2],
    ["a Request to POST", new Request(url, { method: "POST" }), undefined, 1],
    ["a Request to POST with a key", new Request(url, { method: "POST", headers: key }), undefined, 2],
    ["a Request whose method init replaces", new Request(url), { method: "POST" }, 1],
  ])("%s", async (_, input, init, sends) => {
    const { clock, calls, fetch, script } = stage(thrice);
    script(503, 200);
    const call = fetch(input, init);
    await clock.advance(1_000);
    await call;
    expect(calls).toHaveLength(sends);
  });
});

describe("resilientFetch > hedge", () => {
  const key = { "idempotency-key": "5" };

  it.each<[string, unknown, unknown, number]>([
    ["GET", url, undefined, 2],
    ["HEAD", url, { method: "head" }, 2],
    ["OPTIONS", url, { method: "OPTIONS" }, 2],
    ["a Request", new Request(url), undefined, 2],
    ["PUT", url, { method: "PUT", body: "5" }, 1],
    ["DELETE", new Request(url, { method: "DELETE" }), undefined, 1],
    ["POST with an Idempotency-Key", url, { method: "POST", body: "5", headers: key }, 1],
    ["PUT by decision of the caller", url, { method: "PUT", resilience: { concurrent: true } }, 2],
    ["GET against it", url, { resilience: { concurrent: false } }, 1],
    ["GET that must not be repeated", url, { resilience: { repeatable: false } }, 1],
  ])("%s", async (_, input, init, sends) => {
    const { clock, calls, fetch } = stage(hedge("100ms"));
    const call = fetch(input, init);
    await clock.advance(100);
    expect(calls).toHaveLength(sends);
    const response = new Response("ok");
    calls.at(-1)?.succeed(response);
    expect(await call).toBe(response);
    // The one that lost is aborted.
    if (sends === 2) expect(calls[0]?.init.signal?.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });
});

describe("resilientFetch > abort", () => {
  it("ends at once with the caller's reason, as it is", async () => {
    const { clock, calls, fetch } = stage(thrice);
    const controller = new AbortController();
    const call = fetch(url, { signal: controller.signal });
    const reason = { why: "navigated away" };
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(calls[0]?.init.signal?.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("ends during the wait for another attempt, which is not made", async () => {
    const { clock, calls, fetch, script } = stage(thrice);
    script(503);
    const controller = new AbortController();
    const call = fetch(url, { signal: controller.signal });
    await clock.advance(500);
    controller.abort();
    await expect(call).rejects.toBe(controller.signal.reason);
    await clock.advance(60_000);
    expect([calls.length, clock.pending]).toEqual([1, 0]);
  });

  it("sends nothing when the signal is aborted already", async () => {
    const { calls, fetch } = stage();
    const signal = AbortSignal.abort("never mind");
    await expect(fetch(url, { signal })).rejects.toBe("never mind");
    expect(calls).toHaveLength(0);
  });

  it("hears the signal of a Request, and of init before it", async () => {
    const { fetch } = stage();
    const [inner, outer] = [new AbortController(), new AbortController()];
    const call = fetch(new Request(url, { signal: inner.signal }));
    inner.abort();
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
    const other = fetch(new Request(url, { signal: inner.signal }), { signal: outer.signal });
    outer.abort("outer");
    await expect(other).rejects.toBe("outer");
  });

  it("hears no signal when init says null", async () => {
    const { calls, fetch } = stage();
    const controller = new AbortController();
    const call = fetch(new Request(url, { signal: controller.signal }), { signal: null });
    controller.abort();
    calls[0]?.succeed(new Response("ok"));
    expect(await statusOf(call)).toBe(200);
  });

  it("leaves the body of a response to the caller's signal", async () => {
    const { calls, fetch } = stage(timeout("1s"));
    const controller = new AbortController();
    const call = fetch(url, { signal: controller.signal });
    calls[0]?.succeed(new Response(new ReadableStream()));
    await call;
    expect(calls[0]?.init.signal?.aborted).toBe(false);
    controller.abort();
    expect(calls[0]?.init.signal?.aborted).toBe(true);
  });

  it("bounds the call by its deadline", async () => {
    const { clock, calls, fetch } = stage(identity);
    const call = fetch(url, { resilience: { deadline: "2s" } });
    const rejected = expect(call).rejects.toMatchObject({ kind: "timeout" });
    await clock.advance(2_000);
    await rejected;
    expect(calls[0]?.init.signal?.aborted).toBe(true);
  });
});

describe("resilientFetch > circuits", () => {
  const sensitive = () => circuitBreaker({ name: "prices", consecutiveFailures: 2 });

  it.each([400, 401, 403, 404, 409, 422, 429])(
    "%d neither trips nor resets a circuit (T18)",
    async (status) => {
      const { fetch, script } = stage(sensitive());
      script(500, status, status, 200);
      for (let call = 0; call < 3; call++) await fetch(url);
      expect(await statusOf(fetch(url))).toBe(200);
      script(500, status, 500);
      for (let call = 0; call < 3; call++) await fetch(url);
      await expect(fetch(url)).rejects.toMatchObject({ kind: "circuit-open", policy: "prices" });
    },
  );

  it("keeps a circuit for each origin by default", async () => {
    const { calls, fetch, script } = stage();
    script(...Array.from({ length: 20 }, () => 500));
    for (let call = 0; call < 20; call++) await fetch(url, { resilience: { repeatable: false } });
    await expect(fetch(`${url}/other?path`)).rejects.toMatchObject({
      kind: "circuit-open",
      policy: "https://api.test",
    });
    expect(calls).toHaveLength(20);
    script(200, 200);
    expect(await statusOf(fetch("https://other.test/"))).toBe(200);
    expect(await statusOf(fetch("https://api.test:8443/"))).toBe(200);
  });

  it("tells origins apart, however alike and in whatever order", async () => {
    const keys: (string | undefined)[] = [];
    const seen = definePolicyFor<FetchCall, Response>("seen", (next) => (call, context) => {
      keys.push(context.key);
      return next(call, context);
    });
    const { fetch, script } = stage(seen);
    const urls: [string | URL, string][] = [
      ["https://a.test/x", "https://a.test"],
      ["https://a.test", "https://a.test"],
      ["https://a.test?x", "https://a.test"],
      ["https://a.test.evil/x", "https://a.test.evil"],
      ["https://a.test#x", "https://a.test"],
      ["https://a.test:81/x", "https://a.test:81"],
      ["https://a.test:443/x", "https://a.test"],
      ["https://a.test@b.test/x", "https://b.test"],
      ["HTTPS://A.test/x", "https://a.test"],
      ["https://a.test\\@b.test", "https://a.test"],
      [new URL("https://c.test/x"), "https://c.test"],
      ["http://a.test/x", "http://a.test"],
    ];
    for (const [each] of urls) {
      script(200);
      await fetch(each);
    }
    expect(keys).toEqual(urls.map(([, origin]) => origin));
  });

  it("names the origin, and never more of the URL, in events", async () => {
    const { sink, fetch, script } = stage();
    script(200);
    await fetch("https://me:secret@api.test/path?token=secret#there");
    expect(sink.events.length).toBeGreaterThan(0);
    for (const { policy, key } of sink.events) expect([policy, key]).toEqual(["shop", "https://api.test"]);
    expect(JSON.stringify(sink.events)).not.toMatch(/secret|path|there/);
  });

  it("goes by the caller's own key where it says one", async () => {
    const { sink, fetch, script } = stage();
    script(200);
    await fetch(url, { resilience: { key: "tenant-7" } });
    expect(new Set(sink.events.map(({ key }) => key))).toEqual(new Set(["tenant-7"]));
  });

  it("lets fetch itself refuse what is no URL", async () => {
    const { calls, fetch } = stage(keyed(() => identity));
    const call = fetch("http://[broken");
    const refused = new TypeError("Invalid URL");
    calls[0]?.fail(refused);
    await expect(call).rejects.toBe(refused);
  });
});

describe("resilientFetch > other policies", () => {
  it("answers by policies of requests and responses", async () => {
    const stale = new Response("stale");
    const { fetch, calls } = stage(compose(identity, answer<Response>(stale)));
    expect(await (await fetch(url)).text()).toBe("stale");
    expect(calls).toHaveLength(0);
  });

  it("goes by a classifier of its own where it is given one", async () => {
    const { fetch, calls } = stage(thrice, {
      environment: { classify: () => ({ kind: "success", retryable: false }) },
    });
    const call = fetch(url);
    calls[0]?.succeed(new Response(null, { status: 503 }));
    expect((await call).status).toBe(503);
  });
});
