import type { ObservedEvent } from "ninelives/observer";
import { describe, expect, it } from "vitest";
import { sentence, toneOf, weightOf } from "../../web/sentence.ts";

const plain = (text: string) => text.replaceAll("\u202f", " ");

const stamp = { policy: "products", at: 1_000, source: "worker a01b" };
const succeeded: ObservedEvent = { type: "request.succeeded", duration: 12, attempts: 1, ...stamp };
const opened: ObservedEvent = {
  type: "circuit.opened",
  circuit: "products",
  from: "closed",
  failureRate: 0.62,
  openFor: 10_000,
  reason: "failures",
  ...stamp,
};

describe("sentence", () => {
  it.each<[ObservedEvent, string]>([
    [
      opened,
      "circuit products opened after too many failures, with 62 % of its window failed: refuses for 10 s",
    ],
    [
      { ...opened, reason: "probe" },
      "circuit products opened again because its probe failed: refuses for 10 s",
    ],
    [{ ...succeeded, attempts: 3 }, "products answered in 12 ms, at attempt 3"],
    [{ ...succeeded, degraded: true }, "products answered in 12 ms, in the place of a service that failed"],
    [
      { type: "circuit.closed", circuit: "products", from: "half-open", openFor: 61_000, ...stamp },
      "circuit products closed after 1 min 1 s: calls pass again",
    ],
    [
      { type: "circuit.closed", circuit: "products", from: "forced-open", openFor: 0, ...stamp },
      "circuit products closed: calls pass again",
    ],
    [
      { type: "circuit.called", circuit: "c", state: "open", result: "failure", ...stamp },
      "a late call through circuit c failed",
    ],
    [
      { type: "rate-limit.rejected", retryAfter: 1_500, ...stamp },
      "products refused a call over its rate: the next one may come in 1.5 s",
    ],
    [
      { type: "rate-limit.waited", wait: 40, ...stamp },
      "a call of products waits 40 ms for its turn under the rate limit",
    ],
    [
      { type: "rate-limit.changed", limit: 5, from: 10, ...stamp },
      "products lets its rate down to 5, from 10",
    ],
    [
      { type: "throttle.rejected", probability: 0.3, ...stamp },
      "products refused a call to spare its service, as it does with 30 % of them now",
    ],
    [
      { type: "limit.changed", limit: 12, from: 10, ...stamp },
      "products lets its limit up to 12 calls at once, from 10",
    ],
    [
      { type: "hedge.started", hedge: 1, after: 80, ...stamp },
      "products sent hedge 1 after 80 ms without an answer",
    ],
    [{ type: "hedge.won", hedge: 1, ...stamp }, "hedge 1 of products brought the answer"],
    [
      { type: "call.coalesced", waiting: 2, ...stamp },
      "2 calls of products now share the answer of one under way",
    ],
    [
      { type: "cache.hit", freshness: "stale-if-error", ...stamp },
      "products answered from its cache, with an old one because the service failed",
    ],
    [{ type: "cache.hit", freshness: "fresh", ...stamp }, "products answered from its cache"],
    [{ type: "cache.missed", ...stamp }, "products has no answer in its cache"],
    [
      { type: "chaos.injected", chaos: "latency", ...stamp },
      "chaos hit a call of products: it was made slow",
    ],
    [
      { type: "lease.acquired", lease: "nightly", token: 4, ...stamp },
      "products got the lease nightly, as holder number 4",
    ],
    [
      { type: "lease.lost", lease: "nightly", token: 4, reason: "expired", ...stamp },
      "products holds the lease nightly no more: it was not renewed in time",
    ],
    [
      { type: "span.ended", sampled: true, duration: 31, resends: 1, status: 503, ...stamp },
      "products sent attempt 2, which took 31 ms and got 503",
    ],
    [
      { type: "span.ended", sampled: true, duration: 31, resends: 0, kind: "timeout", ...stamp },
      "products sent attempt 1, which took 31 ms: no answer came in time",
    ],
  ])("says %j in words", (event, words) => {
    expect(plain(sentence(event))).toBe(words);
  });

  it("says that a forced circuit waits for a person", () => {
    const { openFor: _, ...forced } = { ...opened, reason: "forced" as const };
    expect(sentence(forced)).toBe("circuit products was forced open: refuses until someone closes it");
  });

  it("has words for what it does not know", () => {
    const newer = { type: "sentinel.acted", ...stamp } as unknown as ObservedEvent;
    expect(sentence(newer)).toBe("products told of sentinel.acted, which this page has no words for");
    expect([weightOf(newer), toneOf(newer)]).toEqual(["notable", "plain"]);
  });

  it("looks as bad as it is severe, and good where a circuit closed", () => {
    const closed: ObservedEvent = {
      type: "circuit.closed",
      circuit: "c",
      from: "half-open",
      openFor: 1,
      ...stamp,
    };
    expect([weightOf(succeeded), weightOf({ ...succeeded, degraded: true })]).toEqual(["routine", "notable"]);
    expect([opened, closed, succeeded].map(toneOf)).toEqual(["bad", "good", "plain"]);
  });
});
