import { describe, expect, it, vi } from "vitest";
import { pushesBack, type Verdict } from "../../src/core/classify.ts";
import { RejectedError } from "../../src/core/errors.ts";
import { classifyHttp } from "../../src/fetch/index.ts";

const success: Verdict = { kind: "success", retryable: false };
const passing: Verdict = { kind: "failure", retryable: true };
const lasting: Verdict = { kind: "failure", retryable: false };
const waiting: Verdict = { kind: "ignored", retryable: true, pushback: false };
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
    [408, waiting],
    [425, waiting],
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

  it.each([
    ["429", { value: new Response(null, { status: 429 }) }, true],
    ["408", { value: new Response(null, { status: 408 }) }, false],
    ["503", { value: new Response(null, { status: 503 }) }, false],
    [
      "503 that says when",
      { value: new Response(null, { status: 503, headers: { "retry-after": "1" } }) },
      true,
    ],
  ])("takes %s for a wish for fewer calls, or not", (_, outcome, wish) => {
    expect(pushesBack(classifyHttp(outcome))).toBe(wish);
  });

  it("tells 429 apart: it may pass, and is no failure of the service (T18)", () => {
    expect(of(429)).toMatchObject({ kind: "ignored", retryable: true });
    expect(of(429, { "retry-after": "7" })).toMatchObject({ retryAfter: 7_000 });
  });

  it.each([403, 413])("takes %d for one that may pass when it says when (RFC 9110, 15.5.14)", (status) => {
    expect(of(status)).toEqual(neutral);
    expect(of(status, { "retry-after": "7" })).toEqual({
      kind: "ignored",
      retryable: true,
      retryAfter: 7_000,
    });
  });

  it.each([400, 401, 404, 409, 422])("takes %d for one that will not pass, whatever it says", (status) => {
    expect(of(status, { "retry-after": "7" })).toEqual(neutral);
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
    ["workerd's lost connection", Object.assign(new Error("lost"), { retryable: true }), passing],
    ["workerd's internal error", new Error("internal error; reference = 1"), passing],
    [
      "a reset object of workerd's",
      Object.assign(new Error("killed"), { durableObjectReset: true }),
      passing,
    ],
    ["workerd's overload", Object.assign(new Error("full"), { overloaded: true, retryable: true }), lasting],
    ["what workerd would not retry", Object.assign(new Error("no"), { retryable: false }), lasting],
    ["a timeout of the platform's", new DOMException("late", "TimeoutError"), passing],
    ["somebody else's abort", new DOMException("gone", "AbortError"), neutral],
    ["a refusal by the page's policy", new DOMException("no", "NotAllowedError"), neutral],
    ["one of another realm", { name: "SecurityError" }, neutral],
    ["null", null, passing],
  ])("of %s", (_, error, verdict) => {
    expect(classifyHttp({ error })).toEqual(verdict);
  });

  it.each([
    "ECONNREFUSED",
    "ECONNRESET",
    "EPIPE",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ETIMEDOUT",
    "UND_ERR_SOCKET",
    "UND_ERR_CONNECT_TIMEOUT",
    "UND_ERR_HEADERS_TIMEOUT",
  ])("of undici's %s: it may pass", (code) => {
    expect(classifyHttp({ error: new TypeError("fetch failed", { cause: { code } }) })).toEqual(passing);
  });

  it.each([
    "CERT_HAS_EXPIRED",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "HPE_INVALID_CONSTANT",
    "UND_ERR_INVALID_ARG",
    "UND_ERR_HEADERS_OVERFLOW",
    "UND_ERR_DESTROYED",
    "UND_ERR_CLOSED",
  ])("of undici's %s: it will not", (code) => {
    expect(classifyHttp({ error: new TypeError("fetch failed", { cause: { code } }) })).toEqual(lasting);
    expect(classifyHttp({ error: Object.assign(new Error("failed"), { code }) })).toEqual(lasting);
  });

  it("of a browser's TypeError while the device is offline: it says nothing of the service", () => {
    vi.stubGlobal("navigator", { onLine: false });
    try {
      expect(classifyHttp({ error: new TypeError("Failed to fetch") })).toEqual(waiting);
      expect(classifyHttp({ error: new Error("no network error") })).toEqual(passing);
      vi.stubGlobal("navigator", { onLine: true });
      expect(classifyHttp({ error: new TypeError("Failed to fetch") })).toEqual(passing);
    } finally {
      vi.unstubAllGlobals();
    }
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
