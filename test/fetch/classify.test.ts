import { describe, expect, it } from "vitest";
import type { Verdict } from "../../src/core/classify.ts";
import { RejectedError } from "../../src/core/errors.ts";
import { classifyHttp } from "../../src/fetch/index.ts";

const success: Verdict = { kind: "success", retryable: false };
const passing: Verdict = { kind: "failure", retryable: true };
const lasting: Verdict = { kind: "failure", retryable: false };
const neutral: Verdict = { kind: "ignored", retryable: false };
const of = (status: number, headers: HeadersInit = {}) =>
  classifyHttp({ value: new Response(null, { status, headers }) });

describe("classifyHttp", () => {
  it.each<[number, Verdict]>([
    [200, success],
    [204, success],
    [304, success],
    [302, success],
    [400, neutral],
    [401, neutral],
    [403, neutral],
    [404, neutral],
    [409, neutral],
    [418, neutral],
    [499, neutral],
    [408, passing],
    [425, passing],
    [500, passing],
    [501, lasting],
    [502, passing],
    [503, passing],
    [504, passing],
    [505, lasting],
    [599, passing],
  ])("of the status %d", (status, verdict) => {
    expect(of(status)).toEqual(verdict);
  });

  it("tells 429 apart: it may pass, and is no failure of the service (T18)", () => {
    expect(of(429)).toMatchObject({ kind: "ignored", retryable: true });
    expect(of(429, { "retry-after": "7" })).toMatchObject({ retryAfter: 7_000 });
  });

  it.each([500, 502, 503])("hands on Retry-After of %d", (status) => {
    expect(of(status, { "retry-after": "7" })).toEqual({ ...passing, retryAfter: 7_000 });
    expect(of(status, { "retry-after": "later" })).toEqual(passing);
  });

  it("compares a date with the server's own clock, where it says", () => {
    const headers = { date: "Sun, 06 Nov 1994 08:49:00 GMT", "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT" };
    expect(of(503, headers)).toMatchObject({ retryAfter: 37_000 });
    const later = new Date(Date.now() + 60_000).toUTCString();
    const wait = of(503, { "retry-after": later }).retryAfter;
    expect(wait).toBeGreaterThan(50_000);
    expect(wait).toBeLessThanOrEqual(60_000);
  });

  it.each<[string, unknown, Verdict]>([
    ["a network error", new TypeError("Failed to fetch"), passing],
    ["something thrown that is no error", "down", passing],
    ["nothing", undefined, passing],
    ["a timeout", new RejectedError("timeout", "timeout", "late"), passing],
    ["an open circuit", new RejectedError("circuit-open", "prices", "open"), neutral],
    ["workerd's overload", Object.assign(new Error("full"), { overloaded: true }), lasting],
  ])("of %s", (_, error, verdict) => {
    expect(classifyHttp({ error })).toEqual(verdict);
  });

  it.each([undefined, null, "text", { status: 500 }, 503])(
    "takes %j for a success: it is no response",
    (value) => {
      expect(classifyHttp({ value })).toEqual(success);
    },
  );

  it("knows a response of another realm or another fetch", () => {
    const foreign = { status: 503, headers: new Headers({ "retry-after": "1" }), body: null };
    expect(classifyHttp({ value: foreign })).toEqual({ ...passing, retryAfter: 1_000 });
  });
});
