import {
  AllFailedError,
  type AnyPolicy,
  bulkhead,
  circuitBreaker,
  compose,
  environment,
  orElse,
  RejectedError,
  rateLimit,
  timeout,
} from "ninelives";
import { toResponse } from "ninelives/fetch";
import { ManualClock } from "ninelives/testing";
import { describe, expect, it } from "vitest";

const refused = (kind: string, retryAfter?: number) =>
  new RejectedError(kind, "internal-db.example", "circuit internal-db.example is open", { retryAfter });
const seen = async (error: unknown) => {
  const response = toResponse(error);
  const { type } = await response.json();
  return [response.status, response.headers.get("retry-after"), type.replace("urn:ninelives:problem:", "")];
};
const never = () => new Promise<never>(() => {});

describe("toResponse", () => {
  it.each<[string, RejectedError, [number, string | null]]>([
    ["an open circuit", refused("circuit-open", 1_500), [503, "2"]],
    ["an open circuit that nobody will close", refused("circuit-open"), [503, null]],
    ["a rate limit", refused("rate-limited", 20), [429, "1"]],
    ["a full bulkhead", refused("bulkhead-full"), [503, null]],
    ["a throttle", refused("throttled"), [503, null]],
    ["a timeout", refused("timeout"), [504, null]],
    ["a kind of the user's own", refused("quota", 0), [503, "1"]],
  ])("of %s", async (_, error, [status, retryAfter]) => {
    expect(await seen(error)).toEqual([status, retryAfter, error.kind]);
  });

  it("is a problem (RFC 9457) that nobody keeps", async () => {
    const response = toResponse(refused("circuit-open", 1_500));
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual({
      type: "urn:ninelives:problem:circuit-open",
      title: "circuit open",
      status: 503,
      retryAfter: 1_500,
    });
  });

  it.each([
    refused("timeout"),
    new Error("internal-db.example: wrong password"),
    new AllFailedError([refused("timeout"), new Error("internal-db.example")]),
    Object.assign(new TypeError("fetch failed"), { cause: new Error("internal-db.example") }),
  ])("leaks nothing of the error: %s", async (error) => {
    expect(await toResponse(error).text()).not.toContain("internal-db");
  });

  it("says more of a refusal where it is asked to, and of no other error", async () => {
    const response = toResponse(refused("circuit-open"), { details: true });
    expect(await response.json()).toMatchObject({
      policy: "internal-db.example",
      detail: "circuit internal-db.example is open",
      attempts: 0,
    });
    const other = await toResponse(new Error("secret"), { details: true }).text();
    expect(other).not.toContain("secret");
  });

  it.each<[string, unknown, number]>([
    ["undici's network error", Object.assign(new TypeError("x"), { cause: { code: "ECONNREFUSED" } }), 502],
    ["Chromium's", new TypeError("Failed to fetch"), 502],
    ["Firefox's", new TypeError("NetworkError when attempting to fetch resource."), 502],
    ["Safari's", new TypeError("Load failed"), 502],
    ["workerd's", new Error("Network connection lost."), 502],
    ["workerd's retryable one", Object.assign(new Error("reset"), { retryable: true }), 502],
    ["workerd's overload", Object.assign(new Error("full"), { overloaded: true }), 503],
    ["the platform's timeout", new DOMException("late", "TimeoutError"), 504],
    ["the caller's abort", new DOMException("gone", "AbortError"), 499],
    ["a bug", new TypeError("x is not a function"), 500],
    ["a bug with a cause", new TypeError("x", { cause: null }), 500],
    [
      "an error with a code that is no network's",
      Object.assign(new Error("x"), { cause: { code: "E" } }),
      500,
    ],
    ["a text", "down", 500],
    ["nothing", undefined, 500],
    ["null", null, 500],
  ])("of %s", (_, error, status) => {
    expect(toResponse(error).status).toBe(status);
  });

  it.each<[string, unknown[], [number, string | null, string]]>([
    [
      "were refused",
      [refused("circuit-open", 5_000), refused("rate-limited", 2_000)],
      [503, "2", "all-refused"],
    ],
    ["were refused for unknown time", [refused("bulkhead-full")], [503, null, "all-refused"]],
    ["were late", [refused("timeout"), refused("timeout")], [504, null, "timeout"]],
    ["failed one way or another", [refused("timeout"), refused("circuit-open")], [502, null, "bad-gateway"]],
    [
      "failed or returned failing values",
      [new Error("x"), new Response(null, { status: 503 })],
      [502, null, "bad-gateway"],
    ],
  ])("where all branches %s", async (_, causes, expected) => {
    expect(await seen(new AllFailedError(causes))).toEqual(expected);
  });

  it("answers for what policies really throw", async () => {
    const clock = new ManualClock();
    const within = (policy: AnyPolicy) => compose(environment({ clock }), policy);
    const circuit = circuitBreaker({ openFor: "30s", consecutiveFailures: 1, name: "prices" });
    const policies = {
      late: within(timeout("1s")),
      open: within(circuit),
      full: within(bulkhead(1)),
      often: within(rateLimit({ limit: 1, per: "10s" })),
    };
    await policies.open.execute(() => Promise.reject(new Error("down"))).catch(() => {});
    for (const policy of [policies.full, policies.often]) policy.execute(never).catch(() => {});
    const answers = [policies.late, policies.open, policies.full, policies.often].map((policy) =>
      policy.execute(never).catch(seen),
    );
    const all = orElse(policies.open, policies.full).execute(never).catch(seen);
    await clock.advance(1_000);
    expect(await Promise.all([...answers, all])).toEqual([
      [504, null, "timeout"],
      [503, "30", "circuit-open"],
      [503, null, "bulkhead-full"],
      [429, "10", "rate-limited"],
      [503, "30", "all-refused"],
    ]);
  });
});
