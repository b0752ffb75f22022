import { describe, expect, it, vi } from "vitest";
import { compose, type Policy } from "../../src/core/policy.ts";
import { deadlineHeader, type FetchCall, resilientFetch, traceContext } from "../../src/fetch/index.ts";
import { constant } from "../../src/policies/backoff.ts";
import { circuitBreaker } from "../../src/policies/circuit-breaker.ts";
import { hedge } from "../../src/policies/hedge.ts";
import { retry } from "../../src/policies/retry.ts";
import { timeout } from "../../src/policies/timeout.ts";
import { ManualClock, recordingSink } from "../../src/testing/index.ts";
import { addresses, realOrigin } from "../contracts/real-origin.ts";
import type { Seen, Step } from "../fetch-server/scene.ts";

/** Pages, unlike Node and workerd, see only those headers of other origins that the server shows them. */
const inPage = "document" in globalThis;
/** Chromium streams uploads over HTTP/2 alone. */
const streamsUploads = !inPage;

const thrice = retry({ attempts: 3, backoff: constant(0), jitter: "none" });
const megabytes = (count: number) => new Uint8Array(count * 1_000_000).fill(7);

/** By the clock of the platform, since the server has no other. */
function fetchBy(policy?: Policy<FetchCall, Response>) {
  const sink = recordingSink();
  const environment = { sink, random: () => 0 };
  return { sink, fetch: resilientFetch({ environment, ...(policy !== undefined && { policy }) }) };
}

/** By a clock that stands still: what waits, waits until the test says so. */
function patientFetch(policy: Policy<FetchCall, Response>) {
  const clock = new ManualClock();
  return { clock, fetch: resilientFetch({ environment: { clock, random: () => 0 }, policy }) };
}

const ends = (seen: readonly Seen[]) => seen.map(({ end }) => end);
const bodies = (seen: readonly Seen[]) => seen.map(({ sha256, whole }) => [sha256, whole]);

const failures: readonly [name: string, step: Step][] = [
  ["a reset before the headers", { cut: "before-headers" }],
  ["an end before the headers", { cut: "before-headers", by: "end" }],
  ["a reset within the headers", { cut: "in-headers" }],
  ["an end within the headers", { cut: "in-headers", by: "end" }],
  ["a 503", { status: 503 }],
  ["a 429", { status: 429 }],
];

describe("a real server > what may be sent twice", () => {
  it.each(failures)("%s, then 200: the caller sees the 200", async (_, step) => {
    const { url, seen } = await realOrigin([step]);
    const { fetch } = fetchBy();
    const response = await fetch(url());
    expect([response.status, await response.text()]).toEqual([200, "2"]);
    expect(await seen()).toHaveLength(2);
  });

  it.each(failures)("%s: a PUT is sent again, whole", async (_, step) => {
    const { url, seen } = await realOrigin([step]);
    const { fetch } = fetchBy();
    const body = megabytes(3);
    const response = await fetch(url(), { method: "PUT", body });
    expect([response.status, await response.text()]).toEqual([200, "2"]);
    const [first, second] = await seen();
    expect([second?.bytes, second?.whole]).toEqual([3_000_000, true]);
    expect(second?.sha256).toBe(first?.sha256);
  });

  it.each(failures)("%s: a POST is sent once", async (_, step) => {
    const { url, seen } = await realOrigin([step], step);
    const { fetch } = fetchBy();
    await fetch(url(), { method: "POST", body: "5" }).catch(() => {});
    expect(await seen()).toHaveLength(1);
  });

  it.each(failures)("%s: a POST with a key is sent again, with the same key", async (_, step) => {
    const { url, seen } = await realOrigin([step]);
    const { fetch } = fetchBy();
    const init = { method: "POST", body: "5", headers: { "idempotency-key": '"k1"' } };
    expect(await (await fetch(url(), init)).text()).toBe("2");
    const both = await seen();
    expect(both.map(({ headers }) => headers["idempotency-key"])).toEqual(['"k1"', '"k1"']);
    expect(bodies(both)[1]).toEqual(bodies(both)[0]);
  });

  it("tries no more often than the policy says, and hands on the last answer", async () => {
    const { url, seen } = await realOrigin([], { status: 502 });
    const { fetch, sink } = fetchBy(thrice);
    const response = await fetch(url());
    expect([response.status, await response.text()]).toEqual([502, "3"]);
    expect([(await seen()).length, sink.of("retry.attempted").length]).toEqual([3, 2]);
  });

  it("tries again where nobody listens, and throws what the platform threw", async () => {
    const { fetch, sink } = fetchBy(thrice);
    const ours = await fetch(addresses().refused).catch((error: Error) => error);
    const theirs = await globalThis.fetch(addresses().refused).catch((error: Error) => error);
    expect([ours instanceof Error, `${ours}`.replace(/reference = .*/, "")]).toEqual([
      true,
      `${theirs}`.replace(/reference = .*/, ""),
    ]);
    expect(sink.of("retry.attempted")).toHaveLength(2);
  });

  it("survives a kept connection that the server drops", async () => {
    const { url, until } = await realOrigin([{ keepAlive: true }, { cut: "before-headers" }]);
    const { fetch } = fetchBy();
    expect(await (await fetch(url())).text()).toBe("1");
    const response = await fetch(url());
    expect([response.status, await response.text()]).toEqual([200, "3"]);
    await until((seen) => expect(ends(seen)).toEqual(["answered", "cut", "answered"]));
  });
});

describe("a real server > bodies", () => {
  it("a body that ends half-way is the caller's to see, and is not asked for again", async () => {
    const { url, seen } = await realOrigin([{ bytes: 1_000, cut: "in-body" }]);
    const { fetch } = fetchBy();
    const response = await fetch(url());
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    expect(ends(await seen())).toEqual(["cut"]);
  });

  it("a response that is retried past lets go of its connection", async () => {
    const { url, until } = await realOrigin([{ status: 503, bytes: 1_000_000, hold: "body" }]);
    const { fetch } = fetchBy();
    expect(await (await fetch(url())).text()).toBe("2");
    await until((seen) => expect(ends(seen)).toEqual(["gone", "answered"]));
  });

  it("a body slower than the attempt's timeout arrives whole: the timeout ends at the headers", async () => {
    const { url, seen, release } = await realOrigin([{ bytes: 100_000, hold: "body" }]);
    const { clock, fetch } = patientFetch(compose(thrice, timeout("1s")));
    const response = await fetch(url());
    await clock.advance(60_000);
    await release();
    expect((await response.bytes()).length).toBe(100_000);
    expect(ends(await seen())).toEqual(["answered"]);
  });

  it("a big download streams through", async () => {
    const { url, seen, release } = await realOrigin([{ bytes: 8_000_000, hold: "body" }]);
    const { fetch } = fetchBy();
    const reader = ((await fetch(url())).body as ReadableStream<Uint8Array>).getReader();
    let came = (await reader.read()).value?.length ?? 0;
    expect([came > 0, ends(await seen())]).toEqual([true, ["open"]]);
    await release();
    for (let next = await reader.read(); !next.done; next = await reader.read()) came += next.value.length;
    expect(came).toBe(8_000_000);
  });

  it.runIf(streamsUploads)("an upload that streams is sent once, though it fails", async () => {
    const { url, seen } = await realOrigin([], { status: 503 });
    const { fetch } = fetchBy();
    let pulled = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (++pulled > 50) controller.close();
        else controller.enqueue(new Uint8Array(100_000).fill(pulled));
      },
    });
    const init = { method: "PUT", body, duplex: "half" };
    expect((await fetch(url(), init)).status).toBe(503);
    expect((await seen()).map(({ bytes, whole }) => [bytes, whole])).toEqual([[5_000_000, true]]);
  });

  it("an upload that the server refuses early is refused", async () => {
    const { url, seen } = await realOrigin([{ status: 413, early: true }]);
    const { fetch } = fetchBy();
    // Whether the refusal or the loss of the connection comes first is the platform's affair.
    const outcome = await fetch(url(), { method: "POST", body: megabytes(5) }).then(
      ({ status }) => status,
      () => 413,
    );
    expect(outcome).toBe(413);
    expect(await seen()).toHaveLength(1);
  });
});

describe("a real server > time", () => {
  it("headers that do not come in time are given up, and asked for again", async () => {
    const { url, until } = await realOrigin([{ hold: "headers" }]);
    const { clock, fetch } = patientFetch(compose(thrice, timeout("1s")));
    const call = fetch(url());
    await until((seen) => expect(ends(seen)).toEqual(["open"]));
    await clock.advance(1_000);
    expect(await (await call).text()).toBe("2");
    await until((seen) => expect(ends(seen)).toEqual(["gone", "answered"]));
  });

  it("headers that come late but in time are waited for", async () => {
    const { url, until, release } = await realOrigin([{ hold: "headers" }]);
    const { clock, fetch } = patientFetch(compose(thrice, timeout("1s")));
    const call = fetch(url());
    await until((seen) => expect(ends(seen)).toEqual(["open"]));
    await clock.advance(999);
    await release();
    expect(await (await call).text()).toBe("1");
    await until((seen) => expect(ends(seen)).toEqual(["answered"]));
  });

  it("a deadline ends the call, and the server hears of it", async () => {
    const { url, until } = await realOrigin([], { hold: "headers" });
    const { clock, fetch } = patientFetch(thrice);
    const call = fetch(url(), { resilience: { deadline: "2s" } } as RequestInit);
    const refused = expect(call).rejects.toMatchObject({ kind: "timeout" });
    await until((seen) => expect(seen).toHaveLength(1));
    await clock.advance(2_000);
    await refused;
    await until((seen) => expect(ends(seen)).toEqual(["gone"]));
  });

  it("a hedge wins over headers that are slow, and the loser lets go", async () => {
    const { url, until } = await realOrigin([{ hold: "headers" }]);
    const { clock, fetch } = patientFetch(hedge({ after: "100ms" }));
    // Of two equal requests that its cache could answer Chromium sends the second when the first has been answered.
    const call = fetch(url(), { cache: "no-store" });
    await until((seen) => expect(seen).toHaveLength(1));
    await clock.advance(100);
    expect(await (await call).text()).toBe("2");
    await until((seen) => expect(ends(seen)).toEqual(["gone", "answered"]));
  });
});

describe("a real server > abort", () => {
  it("during the wait for another attempt sends no other", async () => {
    const { url, seen } = await realOrigin([], { status: 503, headers: { "retry-after": "20" } });
    const { clock, fetch } = patientFetch(retry(3));
    const controller = new AbortController();
    const call = fetch(url(), { signal: controller.signal });
    const aborted = expect(call).rejects.toBe("enough");
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    controller.abort("enough");
    await aborted;
    await clock.advance(60_000);
    expect([(await seen()).length, clock.pending]).toEqual([1, 0]);
  });

  it("in the second attempt ends the second connection", async () => {
    const { url, until } = await realOrigin([{ cut: "before-headers" }], { hold: "headers" });
    const { fetch } = fetchBy(thrice);
    const controller = new AbortController();
    const call = fetch(url(), { signal: controller.signal });
    const aborted = expect(call).rejects.toBe("enough");
    await until((seen) => expect(seen).toHaveLength(2));
    controller.abort("enough");
    await aborted;
    await until((seen) => expect(ends(seen)).toEqual(["cut", "gone"]));
  });

  it("counts as no failure of the server", async () => {
    const { url, until } = await realOrigin([{ hold: "headers" }]);
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const { fetch } = fetchBy(circuit);
    const controller = new AbortController();
    const call = fetch(url(), { signal: controller.signal }).catch(() => {});
    await until((seen) => expect(seen).toHaveLength(1));
    controller.abort();
    await call;
    expect(circuit.state).toBe("closed");
    expect(await (await fetch(url())).text()).toBe("2");
  });
});

describe("a real server > being asked to wait", () => {
  it.each([
    ["429", 429],
    ["503", 503],
  ])("Retry-After of a %s is kept to", async (_, status) => {
    const { url, seen } = await realOrigin([{ status, headers: { "retry-after": "7" } }]);
    const { clock, fetch } = patientFetch(retry(3));
    const call = fetch(url());
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    await clock.advance(6_999);
    expect(await seen()).toHaveLength(1);
    await clock.advance(1);
    expect(await (await call).text()).toBe("2");
  });

  it("Retry-After as a date is compared with the server's own clock", async () => {
    const headers = {
      date: "Fri, 31 Dec 1999 23:59:59 GMT",
      "retry-after": "Sat, 01 Jan 2000 00:00:06 GMT",
    };
    const { url, seen } = await realOrigin([{ status: 503, headers }]);
    const { clock, fetch } = patientFetch(retry(3));
    const call = fetch(url());
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    await clock.advance(6_999);
    expect(await seen()).toHaveLength(1);
    await clock.advance(1);
    expect(await (await call).text()).toBe("2");
  });

  it.runIf(inPage)("a Retry-After that CORS hides counts as none", async () => {
    const { url } = await realOrigin([{ status: 503, headers: { "retry-after": "7" }, hidden: true }]);
    const { fetch } = fetchBy(thrice);
    expect(await (await fetch(url())).text()).toBe("2");
  });

  it("a storm of 429 stops at the door: each call comes back once, after the time that it was told", async () => {
    const told = Array.from({ length: 40 }, () => ({ status: 429, headers: { "retry-after": "5" } }));
    const { url, seen } = await realOrigin(told);
    const { clock, fetch } = patientFetch(retry(3));
    const calls = told.map((_, index) => fetch(url(`/${index}`)));
    await vi.waitFor(() => expect(clock.pending).toBe(40), { timeout: 5_000 });
    await clock.advance(4_999);
    expect(await seen()).toHaveLength(40);
    await clock.advance(1);
    const responses = await Promise.all(calls);
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    await Promise.all(responses.map((response) => response.text()));
    if (!inPage) expect(await seen()).toHaveLength(80);
    expect(clock.pending).toBe(0);
  });

  it("a server that never stops saying 429 gets no more than the attempts, and its answer is handed on", async () => {
    const { url, seen } = await realOrigin([], { status: 429, headers: { "retry-after": "0" } });
    const sent = vi.fn<typeof fetch>((input, init) => fetch(input, init));
    const patient = resilientFetch({ fetch: sent, environment: { random: () => 0 }, policy: thrice });
    const calls = Array.from({ length: 20 }, async (_, index) => (await patient(url(`/${index}`))).status);
    expect(new Set(await Promise.all(calls))).toEqual(new Set([429]));
    expect(sent).toHaveBeenCalledTimes(60);
    // A browser's cache, raced by calls for one URL, may ask for it once more below fetch.
    if (!inPage) expect(await seen()).toHaveLength(60);
  });
});

describe("a real server > circuits", () => {
  it("a server that resets all connections is left alone after some", async () => {
    const { url, seen } = await realOrigin([], { cut: "before-headers" });
    const { fetch } = fetchBy(circuitBreaker({ name: "prices", consecutiveFailures: 3 }));
    for (let call = 0; call < 3; call++) await expect(fetch(url())).rejects.not.toHaveProperty("kind");
    await expect(fetch(url())).rejects.toMatchObject({ kind: "circuit-open", policy: "prices" });
    expect(await seen()).toHaveLength(3);
  });

  it("stays open as long as Retry-After says, then lets one probe through", async () => {
    const { url, seen } = await realOrigin([{ status: 503, headers: { "retry-after": "90" } }]);
    const { clock, fetch } = patientFetch(circuitBreaker({ consecutiveFailures: 1, openFor: "10s" }));
    expect((await fetch(url())).status).toBe(503);
    await clock.advance(89_999);
    await expect(fetch(url())).rejects.toMatchObject({ kind: "circuit-open" });
    await clock.advance(1);
    expect(await (await fetch(url())).text()).toBe("2");
    expect(await seen()).toHaveLength(2);
  });

  it("answers that the caller brought about open nothing", async () => {
    const { url, seen } = await realOrigin([], { status: 404 });
    const { fetch } = fetchBy(circuitBreaker({ consecutiveFailures: 1 }));
    for (let call = 0; call < 5; call++) expect((await fetch(url())).status).toBe(404);
    expect(await seen()).toHaveLength(5);
  });
});

describe("a real server > what each attempt tells it", () => {
  it("how long it has left, which is less each time", async () => {
    const { origin } = addresses();
    const { url, seen } = await realOrigin([{ status: 503 }, { status: 503 }]);
    const waiting = retry({ attempts: 3, backoff: constant("1s"), jitter: "none" });
    const { clock, fetch } = patientFetch(
      compose(timeout("10s"), waiting, timeout("9s"), deadlineHeader({ dialect: "envoy", origins: origin })),
    );
    const call = fetch(url());
    for (let attempt = 1; attempt < 3; attempt++) {
      // The wait for the next attempt comes on top of the deadline of the whole call.
      await vi.waitFor(async () => expect(await seen()).toHaveLength(attempt));
      await vi.waitFor(() => expect(clock.pending).toBe(2));
      await clock.advance(1_000);
    }
    expect(await (await call).text()).toBe("3");
    const told = (await seen()).map(({ headers }) => headers["x-envoy-expected-rq-timeout-ms"]);
    expect(told).toEqual(["9000", "9000", "8000"]);
  });

  it("one trace, and a span of its own", async () => {
    const { origin } = addresses();
    const { url, seen } = await realOrigin([{ status: 503 }, { cut: "before-headers" }]);
    const fetch = resilientFetch({ policy: compose(thrice, traceContext({ origins: origin })) });
    expect(await (await fetch(url())).text()).toBe("3");
    const told = (await seen()).map(({ headers }) => (headers.traceparent ?? "").split("-"));
    expect(new Set(told.map(([, trace]) => trace)).size).toBe(1);
    expect(new Set(told.map(([, , span]) => span)).size).toBe(3);
  });

  it("nothing of either, where its origin is not listed", async () => {
    const { other } = addresses();
    const { url, seen } = await realOrigin();
    const told = compose(
      timeout("10s"),
      deadlineHeader({ origins: other }),
      traceContext({ origins: other }),
    );
    await fetchBy(told).fetch(url());
    const [{ headers } = {}] = await seen();
    expect(Object.keys(headers ?? {}).filter((name) => /timeout|deadline|trace/.test(name))).toEqual([]);
  });

  it("nothing of either to another origin that it redirects to, but what the platform sends on", async () => {
    const { origin } = addresses();
    const views = [];
    for (const fetch of [
      fetchBy(traceContext({ origins: origin })).fetch,
      (url: string) =>
        globalThis.fetch(url, { headers: { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` } }),
    ]) {
      const scene = await realOrigin();
      await scene.set([{ status: 302, headers: { location: scene.elsewhere("/there") } }]);
      await fetch(scene.url());
      views.push((await scene.seen()).map(({ path, headers }) => [path, "traceparent" in headers]));
    }
    expect(views[0]).toEqual(views[1]);
  });
});
