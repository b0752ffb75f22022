import { AllFailedError, classifyError, isRejected, RejectedError, type Verdict } from "ninelives";
import { describe, expect, it } from "vitest";
import { classifyThrown, judgeValue } from "../../src/core/classify.ts";
import { Context } from "../../src/core/context.ts";
import { kindOf } from "../../src/core/events.ts";

const refused = (kind: string, retryAfter?: number) => new RejectedError(kind, "p", "no", { retryAfter });

describe("RejectedError", () => {
  it("says what refused the call, why, and when to try again", () => {
    const cause = new Error("x");
    const error = new RejectedError("circuit-open", "prices", "circuit prices is open", {
      retryAfter: 300,
      cause,
    });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "RejectedError",
      kind: "circuit-open",
      policy: "prices",
      message: "circuit prices is open",
      retryAfter: 300,
      cause,
    });
  });

  it("says of its call the key, the attempts so far, and what the last of them came to", () => {
    const context = Context.begin({ key: "tenant" });
    const details = (error: RejectedError) => [error.key, error.attempts, error.cause];
    const first = new RejectedError("quota", "quota", "none left", { context });
    expect(details(first)).toEqual(["tenant", 0, undefined]);
    expect("cause" in first).toBe(false);
    context.call.sends++;
    context.call.cause = "down";
    expect(details(new RejectedError("quota", "quota", "none left", { context }))).toEqual([
      "tenant",
      1,
      "down",
    ]);
    const told = new RejectedError("quota", "quota", "none left", { context, cause: "other" });
    expect(details(told)).toEqual(["tenant", 1, "other"]);
    // It tells how things stood then.
    expect(first.attempts).toBe(0);
  });

  it("without details has neither cause nor time", () => {
    const error = refused("timeout");
    expect([error.retryAfter, error.key, error.attempts]).toEqual([undefined, undefined, 0]);
    expect("cause" in error).toBe(false);
  });

  it("leaves the stacks of other errors as they are", () => {
    const limit = (Error as { stackTraceLimit?: number }).stackTraceLimit;
    refused("timeout");
    new AllFailedError([]);
    expect((Error as { stackTraceLimit?: number }).stackTraceLimit).toBe(limit);
    expect(new Error("own").stack).toContain("\n");
  });

  it("works where errors have no limit to their stacks", () => {
    const limited = Error as { stackTraceLimit?: number };
    const limit = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit");
    delete limited.stackTraceLimit;
    try {
      expect(refused("timeout").message).toBe("no");
      expect("stackTraceLimit" in Error).toBe(false);
    } finally {
      if (limit !== undefined) Object.defineProperty(Error, "stackTraceLimit", limit);
    }
  });

  it("makes no stack, which nobody reads and which costs most of an error", () => {
    expect(refused("timeout").stack?.split("\n").length ?? 1).toBe(1);
  });
});

describe("isRejected", () => {
  it.each<[string, unknown, boolean]>([
    ["a rejection", refused("timeout"), true],
    ["one of another realm", { name: "RejectedError", kind: "timeout", message: "no" }, true],
    ["an error", new Error("x"), false],
    ["an error of that name without a kind", Object.assign(new Error("x"), { name: "RejectedError" }), false],
    ["null", null, false],
    ["undefined", undefined, false],
    ["a text", "RejectedError", false],
  ])("of %s", (_, error, expected) => {
    expect(isRejected(error)).toBe(expected);
  });

  it("asks for the kind if one is given", () => {
    expect(isRejected(refused("timeout"), "timeout")).toBe(true);
    expect(isRejected(refused("timeout"), "circuit-open")).toBe(false);
  });
});

describe("AllFailedError", () => {
  it("is an AggregateError with the causes in order, flattened", () => {
    const error = new AllFailedError([1, new AllFailedError([2, 3]), 4]);
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.name).toBe("AggregateError");
    expect(error.errors).toEqual([1, 2, 3, 4]);
    expect(error.message).toBe("all 4 branches failed");
  });

  it("leaves an AggregateError of the service in one piece", () => {
    const theirs = new AggregateError([1, 2]);
    expect(new AllFailedError([theirs]).errors).toEqual([theirs]);
  });
});

describe("classification", () => {
  const failure: Verdict = { kind: "failure", retryable: true };
  const ignored: Verdict = { kind: "ignored", retryable: false };

  it.each<[string, unknown, Verdict]>([
    ["an error", new Error("x"), failure],
    ["nothing", undefined, failure],
    ["a timeout", refused("timeout"), failure],
    ["an open circuit", refused("circuit-open"), ignored],
    ["an open circuit that says when", refused("circuit-open", 70), { ...ignored, retryAfter: 70 }],
    ["a full bulkhead", refused("bulkhead-full"), ignored],
    [
      "refusals in all branches",
      new AllFailedError([refused("circuit-open"), refused("bulkhead-full")]),
      ignored,
    ],
    ["a refusal and a timeout", new AllFailedError([refused("circuit-open"), refused("timeout")]), failure],
    ["a refusal and a failing value", new AllFailedError([refused("circuit-open"), 503]), failure],
    ["a service's own AggregateError", new AggregateError([refused("circuit-open")]), failure],
  ])("of %s", (_, error, verdict) => {
    expect(classifyError(error)).toEqual(verdict);
    expect(classifyThrown({ error })).toEqual(verdict);
  });

  it("takes every value for a success, unless the environment has a classifier of its own", () => {
    expect(classifyThrown({ value: 503 })).toEqual({ kind: "success", retryable: false });
    expect(judgeValue({ classify: classifyThrown }, 503)).toEqual({ kind: "success", retryable: false });
    expect(judgeValue({ classify: () => failure }, 503)).toBe(failure);
  });
});

describe("kindOf", () => {
  it.each<[unknown, string]>([
    [refused("timeout"), "timeout"],
    [new TypeError("x"), "TypeError"],
    [new AllFailedError([]), "AggregateError"],
    [{ kind: "secret" }, "object"],
    [{ name: "RejectedError" }, "RejectedError"],
    [null, "object"],
    [undefined, "undefined"],
    ["text", "string"],
    [5, "number"],
  ])("of %o", (error, kind) => {
    expect(kindOf(error)).toBe(kind);
  });
});
