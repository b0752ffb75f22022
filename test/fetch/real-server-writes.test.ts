import { describe, expect, it, vi } from "vitest";
import { compose, type Policy } from "../../src/core/policy.ts";
import {
  type FetchCall,
  idempotencyKey,
  idempotentOnly,
  perOrigin,
  rateLimitHints,
  replayBody,
  resilientFetch,
} from "../../src/fetch/index.ts";
import { constant } from "../../src/policies/backoff.ts";
import { retry } from "../../src/policies/retry.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { realOrigin } from "../contracts/real-origin.ts";
import type { Seen, Step } from "../fetch-server/scene.ts";

const thrice = retry({ attempts: 3, backoff: constant(0), jitter: "none" });
const fetchBy = (...policies: Policy<FetchCall, Response>[]) =>
  resilientFetch({ policy: compose(...policies) });

/** By a clock that stands still: what waits, waits until the test says so. */
function patientFetch(...policies: Policy<FetchCall, Response>[]) {
  const clock = new ManualClock();
  return {
    clock,
    fetch: resilientFetch({ environment: { clock, random: () => 0 }, policy: compose(...policies) }),
  };
}

/** So many bytes, in pieces, of which no two are alike. */
function stream(pieces: number, bytes: number): ReadableStream<Uint8Array> {
  let piece = 0;
  return new ReadableStream({
    pull(controller) {
      if (++piece > pieces) controller.close();
      else controller.enqueue(new Uint8Array(bytes).fill(piece));
    },
  });
}

const keys = (seen: readonly Seen[]) => seen.map(({ headers }) => headers["idempotency-key"]);
const bodies = (seen: readonly Seen[]) => seen.map(({ sha256, bytes, whole }) => [sha256, bytes, whole]);
/** Failures that leave it open whether the server did what it was asked to do. */
const troubled: readonly Step[] = [{ status: 503 }, { cut: "before-headers" }];

describe("a real server > a key that is minted", () => {
  it("is one for all attempts of a call, and another for the next", async () => {
    const { url, seen } = await realOrigin([...troubled, {}, { status: 503 }]);
    const fetch = fetchBy(idempotencyKey(), thrice);
    for (const answer of ["3", "5"]) {
      expect(await (await fetch(url(), { method: "POST", body: "5" })).text()).toBe(answer);
    }
    const [first, ...others] = keys(await seen());
    expect(first).toMatch(/^"[0-9a-f]{32}"$/);
    expect(others.slice(0, 2)).toEqual([first, first]);
    expect(others[2]).not.toBe(first);
    expect(others[3]).toBe(others[2]);
    expect(new Set(bodies(await seen()).map(String)).size).toBe(1);
  });

  it("gives way to the caller's own", async () => {
    const { url, seen } = await realOrigin([...troubled]);
    const headers = { "idempotency-key": '"mine"' };
    await fetchBy(idempotencyKey(), thrice)(url(), { method: "POST", headers });
    expect(keys(await seen())).toEqual(['"mine"', '"mine"', '"mine"']);
  });

  it("waits where the server is still at work on it (409), and gives up where it is a bug (422)", async () => {
    const { url, seen } = await realOrigin([
      { cut: "before-headers" },
      { status: 409, headers: { "retry-after": "7" } },
      { status: 201, body: "done" },
      { cut: "before-headers" },
      { status: 422 },
    ]);
    const { clock, fetch } = patientFetch(idempotencyKey(), retry(3));
    const call = fetch(url(), { method: "POST" });
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    await clock.advance(0);
    await vi.waitFor(async () => expect(await seen()).toHaveLength(2));
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    await clock.advance(6_999);
    expect(await seen()).toHaveLength(2);
    await clock.advance(1);
    expect([(await call).status, new Set(keys(await seen())).size]).toEqual([201, 1]);
    const other = fetch(url(), { method: "POST" });
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    await clock.advance(0);
    expect([(await other).status, (await seen()).length]).toEqual([422, 5]);
  });

  it("is worth nothing to who only passes requests on", async () => {
    const { url, seen } = await realOrigin([], { status: 503 });
    const headers = { "idempotency-key": '"theirs"' };
    await fetchBy(idempotentOnly(), thrice)(url(), { method: "POST", headers });
    await fetchBy(idempotentOnly(), thrice)(url());
    expect((await seen()).map(({ method }) => method)).toEqual(["POST", "GET", "GET", "GET"]);
  });
});

describe("a real server > a body that is replayed", () => {
  it.each<[string, (url: string) => [RequestInfo, RequestInit?]]>([
    ["of a Request", (url) => [new Request(url, { method: "PUT", body: new Uint8Array(500_000).fill(5) })]],
    [
      "that streams",
      (url) => [url, { method: "PUT", body: stream(5, 100_000), duplex: "half" } as RequestInit],
    ],
  ])("%s: arrives whole each time", async (_, asks) => {
    const { url, seen } = await realOrigin([...troubled]);
    const response = await fetchBy(replayBody(), thrice)(...asks(url()));
    expect([response.status, await response.text()]).toEqual([200, "3"]);
    const [first, ...others] = bodies(await seen());
    expect(first?.slice(1)).toEqual([500_000, true]);
    expect(others).toEqual([first, first]);
  });

  it("of a Request that is longer than the cap: arrives whole, once", async () => {
    const { url, seen } = await realOrigin([], { status: 503 });
    const request = new Request(url(), { method: "PUT", body: new Uint8Array(500_000).fill(5) });
    expect((await fetchBy(replayBody(100_000), thrice)(request)).status).toBe(503);
    expect((await seen()).map(({ bytes, whole }) => [bytes, whole])).toEqual([[500_000, true]]);
  });

  it("is sent once without it", async () => {
    const { url, seen } = await realOrigin([], { status: 503 });
    await fetchBy(thrice)(new Request(url(), { method: "PUT", body: "5" }));
    expect(await seen()).toHaveLength(1);
  });
});

describe("a real server > the default policy", () => {
  it("lets an upload take its time", async () => {
    const { url, until, release } = await realOrigin([{ hold: "headers" }]);
    const { clock, fetch } = patientFetch(perOrigin());
    const call = fetch(url(), { method: "PUT", body: new Uint8Array(200_000) });
    await until((seen) => expect(seen.map(({ whole }) => whole)).toEqual([true]));
    await clock.advance(3_600_000);
    await release();
    expect(await (await call).text()).toBe("1");
  });

  it("gives up on a GET whose headers do not come, and asks again", async () => {
    const { url, until } = await realOrigin([{ hold: "headers" }]);
    const { clock, fetch } = patientFetch(perOrigin());
    const call = fetch(url());
    await until((seen) => expect(seen).toHaveLength(1));
    await clock.advance(10_000);
    await clock.advance(0);
    expect(await (await call).text()).toBe("2");
    await until((seen) => expect(seen.map(({ end }) => end)).toEqual(["gone", "answered"]));
  });

  it("has a budget: a server that is down gets few repetitions, however many call", async () => {
    const { url, seen } = await realOrigin([], { status: 429 });
    const { clock, fetch } = patientFetch(perOrigin());
    const calls = Array.from({ length: 30 }, (_, index) => fetch(url(`/${index}`)));
    const done = Promise.allSettled(calls);
    await vi.waitFor(async () => expect((await seen()).length).toBeGreaterThanOrEqual(30));
    let settled = false;
    void done.then(() => {
      settled = true;
    });
    await vi.waitFor(async () => {
      await clock.advance(1_000);
      expect(settled).toBe(true);
    });
    // A fifth of the calls, and three that are always free: without a budget it would be 90 requests.
    expect((await seen()).length).toBeLessThanOrEqual(30 + 9);
  });

  it("waits until the rate limit has room again, where the server says so and the page may see it", async () => {
    const headers = { ratelimit: '"default";r=0;t=9' };
    const { url, seen } = await realOrigin([{ status: 429, headers }]);
    const { clock, fetch } = patientFetch(rateLimitHints(), retry(3));
    const call = fetch(url());
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    await clock.advance(8_999);
    expect(await seen()).toHaveLength(1);
    await clock.advance(1);
    expect(await (await call).text()).toBe("2");
  });
});
