import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compose, identity } from "../../src/core/policy.ts";
import { parseRateLimit, rateLimitHints } from "../../src/fetch/index.ts";
import { constant } from "../../src/policies/backoff.ts";
import { circuitBreaker } from "../../src/policies/circuit-breaker.ts";
import { aimdRate } from "../../src/policies/rate-feedback.ts";
import { rateLimit } from "../../src/policies/rate-limit.ts";
import { retry } from "../../src/policies/retry.ts";
import { fetchStage } from "./fetch-stage.ts";

const url = "https://api.test/prices";
/** 6 November 1994, 08:49:37 GMT. */
const now = 784_111_777_000;
const hint = (
  name: string,
  limit: number | undefined,
  remaining: number | undefined,
  resetAfter: number | undefined,
) => ({ name, limit, remaining, resetAfter });

describe("parseRateLimit", () => {
  it.each<[string, HeadersInit, ReturnType<typeof hint>[]]>([
    ["nothing", {}, []],
    ["the draft's form", { ratelimit: '"default";r=50;t=30' }, [hint("default", undefined, 50, 30_000)]],
    [
      "with its policy",
      { ratelimit: '"burst";r=0;t=5', "ratelimit-policy": '"burst";q=100;w=60' },
      [hint("burst", 100, 0, 5_000)],
    ],
    [
      "of many limits",
      {
        ratelimit: '"burst";r=0;t=5, "daily";r=7;t=3600',
        "ratelimit-policy": '"burst";q=100;w=60,"daily";q=1000;w=86400;pk=:cHNzdA==:;qu="requests"',
      },
      [hint("burst", 100, 0, 5_000), hint("daily", 1000, 7, 3_600_000)],
    ],
    [
      "without a time: a window is the longest",
      { ratelimit: '"burst";r=0', "ratelimit-policy": '"burst";q=100;w=60' },
      [hint("burst", 100, 0, 60_000)],
    ],
    [
      "of another policy",
      { ratelimit: '"a";r=0', "ratelimit-policy": '"b";q=1;w=60' },
      [hint("a", undefined, 0, undefined)],
    ],
    [
      "a name with a comma and quotes",
      { ratelimit: '"a, \\"b\\";r=9";r=1;t=2' },
      [hint('a, \\"b\\";r=9', undefined, 1, 2_000)],
    ],
    ["a token for a name", { ratelimit: "default ; r=1 ; t=2" }, [hint("default", undefined, 1, 2_000)]],
    [
      "spaces where they may be",
      { ratelimit: '"a"; r=1; t=2 ,\t"b"; r=3' },
      [hint("a", undefined, 1, 2_000), hint("b", undefined, 3, undefined)],
    ],
    ["the form before", { ratelimit: "limit=100, remaining=50, reset=30" }, [hint("", 100, 50, 30_000)]],
    [
      "the separate headers",
      { "ratelimit-limit": "100", "ratelimit-remaining": "0", "ratelimit-reset": "30" },
      [hint("", 100, 0, 30_000)],
    ],
    [
      "with an X",
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "30" },
      [hint("", undefined, 0, 30_000)],
    ],
    [
      "with two dashes",
      { "x-rate-limit-remaining": "0", "x-rate-limit-reset": "30" },
      [hint("", undefined, 0, 30_000)],
    ],
    [
      "a reset in years",
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1999999999" },
      [hint("", undefined, 0, 86_400_000)],
    ],
    [
      "a fraction",
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "0.5" },
      [hint("", undefined, 0, 500)],
    ],
    [
      "the present form before all others",
      { ratelimit: '"a";r=1', "x-ratelimit-remaining": "0" },
      [hint("a", undefined, 1, undefined)],
    ],
    ["a limit alone", { "x-ratelimit-limit": "100" }, []],
    ["a negative number", { "x-ratelimit-remaining": "-1", "x-ratelimit-reset": "-5" }, []],
    [
      "garbage",
      { ratelimit: "lots", "x-ratelimit-reset": "soon" },
      [hint("lots", undefined, undefined, undefined)],
    ],
    ["a string without an end", { ratelimit: '"default;r=0;t=30' }, []],
    ["something between", { ratelimit: '"default" r=0;t=30' }, []],
    ["more than a day", { ratelimit: '"a";r=0;t=999999999' }, [hint("a", undefined, 0, 86_400_000)]],
  ])("reads %s", (_, headers, hints) => {
    expect(parseRateLimit(new Headers(headers), now)).toEqual(hints);
  });

  it("tells a time since 1970 from one from now, in seconds and in milliseconds", () => {
    const at = 1_800_000_000;
    for (const reset of [`${at + 90}`, `${(at + 90) * 1_000}`, "90"]) {
      const headers = new Headers({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset });
      expect(parseRateLimit(headers, at * 1_000)[0]?.resetAfter).toBe(90_000);
    }
    const past = new Headers({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": `${at - 90}` });
    expect(parseRateLimit(past, at * 1_000)[0]?.resetAfter).toBe(0);
  });

  it("never throws, and what it takes is a number from 0, of milliseconds up to a day", () => {
    const near = fc.stringMatching(/^["a-z=;,rt0-9 .:?\\-]{0,40}$/);
    const name = fc.constantFrom("ratelimit", "ratelimit-policy", "ratelimit-reset", "x-ratelimit-remaining");
    fc.assert(
      fc.property(fc.dictionary(name, near), fc.nat(), (fields, at) => {
        for (const { limit = 0, remaining = 0, resetAfter = 0 } of parseRateLimit(new Headers(fields), at)) {
          expect(Math.min(limit, remaining, resetAfter)).toBeGreaterThanOrEqual(0);
          expect(resetAfter).toBeLessThanOrEqual(86_400_000);
        }
      }),
    );
  });

  it("takes no longer for what is made to take long", () => {
    const long = new Headers({
      ratelimit: `${'"'.repeat(30_001)}${"a=".repeat(10_000)}${",".repeat(10_000)}`,
    });
    expect(parseRateLimit(long, now)).toEqual([]);
  });
});

describe("rateLimitHints", () => {
  const twice = retry({ attempts: 2, backoff: constant("1s"), jitter: "none" });
  const empty = { ratelimit: '"default";r=0;t=20' };
  const answer = (status: number, headers: HeadersInit) => () => new Response(null, { status, headers });

  it.each<[string, number, HeadersInit, number]>([
    ["429", 429, empty, 20_000],
    ["503", 503, empty, 20_000],
    ["403 with nothing left", 403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "20" }, 20_000],
    ["429 that says no more than when", 429, { "ratelimit-reset": "20" }, 20_000],
    [
      "429 until a time since 1970",
      429,
      { date: new Date(1_800_000_000_000).toUTCString(), "x-ratelimit-reset": "1800000020" },
      20_000,
    ],
    ["503 with some left", 503, { ratelimit: '"default";r=5;t=20' }, 1_000],
    ["503 of the longest of two", 503, { ratelimit: '"a";r=0;t=20, "b";r=0;t=3, "c";r=1;t=29' }, 20_000],
    ["429 with a Retry-After, which goes before", 429, { ...empty, "retry-after": "5" }, 5_000],
  ])("makes a retry wait after %s", async (_, status, headers, wait) => {
    const { clock, received, fetch, script } = fetchStage(compose(rateLimitHints(), twice));
    script(answer(status, headers), 200);
    const call = fetch(url);
    await clock.advance(wait - 1);
    expect(received).toHaveLength(1);
    await clock.advance(1);
    expect((await call).status).toBe(200);
  });

  it.each([
    [403, { ratelimit: '"default";r=5;t=20' }],
    [403, { "ratelimit-reset": "20" }],
    [404, empty],
    [401, empty],
  ])("lets %d be, with %j", async (status, headers) => {
    const { clock, received, fetch, script } = fetchStage(compose(rateLimitHints(), twice));
    script(answer(status, headers), 200);
    const call = fetch(url);
    await clock.advance(60_000);
    expect([(await call).status, received.length]).toEqual([status, 1]);
  });

  it("makes a limit pause after the last request that was left", async () => {
    const limit = rateLimit({ limit: 50, feedback: aimdRate() });
    const { clock, received, fetch, script } = fetchStage(compose(rateLimitHints(), limit));
    script(answer(200, empty), 200);
    expect((await fetch(url)).status).toBe(200);
    await expect(fetch(url)).rejects.toMatchObject({ kind: "rate-limited", retryAfter: 20_000 });
    expect([received.length, limit.share]).toEqual([1, 1]);
    await clock.advance(20_000);
    expect((await fetch(url)).status).toBe(200);
  });

  it("keeps a circuit open as long as there is nothing left", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1, openFor: "1s" });
    const { clock, fetch, script } = fetchStage(compose(rateLimitHints(), circuit));
    script(answer(503, empty), 200);
    await fetch(url);
    await clock.advance(19_999);
    await expect(fetch(url)).rejects.toMatchObject({ kind: "circuit-open" });
    await clock.advance(1);
    expect((await fetch(url)).status).toBe(200);
  });

  it("reads a date by the clock of the environment, where the server's is not to be seen", async () => {
    const { clock, received, fetch, script } = fetchStage(compose(rateLimitHints(), twice));
    const at = clock.wall() + 1_800_000_000_000;
    await clock.advance(1_800_000_000_000);
    script(answer(429, { "x-ratelimit-reset": `${at / 1_000 + 20}` }), 200);
    const call = fetch(url);
    await clock.advance(19_999);
    expect(received).toHaveLength(1);
    await clock.advance(1);
    await call;
  });

  it("hears nothing where the server exposes nothing, and nothing of an error", async () => {
    const { received, fetch, script } = fetchStage(compose(rateLimitHints(), identity));
    script(503);
    expect((await fetch(url)).status).toBe(503);
    const lost = fetch(url);
    received[1]?.fail(undefined);
    await expect(lost).rejects.toBeUndefined();
  });
});
