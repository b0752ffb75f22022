import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventDetails, EventType, PolicyEvent } from "../../src/core/events.ts";
import {
  metricsOf,
  Observer,
  otherPolicies,
  type PolicySnapshot,
  type PolicyState,
  type WindowName,
  windowSpans,
} from "../../src/observer/index.ts";
import { LatencySketch } from "../../src/state/latency-sketch.ts";
import { type EventBatch, openMetricsText, prometheusText } from "../../src/telemetry/index.ts";

const start = Date.UTC(2026, 0, 1);
const second = 1_000;
const minute = 60_000;

interface Told {
  readonly from?: string;
  readonly policy?: string;
  /** Milliseconds between the event and its sending. */
  readonly age?: number;
}

/** An observer, and one who tells it of events. */
function stage() {
  const observer = new Observer(start);
  let now = start;
  const fold = (events: readonly PolicyEvent[], { from = "abcdef", sentAt = now, dropped = 0 } = {}) => {
    const batch: EventBatch = { version: 1, source: { id: from, kind: "page" }, sentAt, dropped, events };
    return observer.fold(batch, now);
  };
  const tell = <T extends EventType>(type: T, details: EventDetails[T], told: Told = {}) => {
    const { policy = "prices", age = 0, from = "abcdef" } = told;
    const event = { type, policy, at: now - age, ...details } as unknown as PolicyEvent;
    return fold([event], { from });
  };
  return {
    observer,
    fold,
    tell,
    succeed: (duration = 10, told: Told = {}) => tell("request.succeeded", { duration, attempts: 1 }, told),
    fail: (duration = 10, told: Told = {}) =>
      tell("request.failed", { duration, attempts: 1, kind: "value" }, told),
    opened: (told: Told = {}, openFor = 30 * second) =>
      tell(
        "circuit.opened",
        { circuit: "prices", from: "closed", failureRate: 0.5, openFor, reason: "failures" },
        told,
      ),
    halfOpened: (told: Told = {}) => tell("circuit.half-opened", { circuit: "prices", from: "open" }, told),
    closed: (told: Told = {}) =>
      tell("circuit.closed", { circuit: "prices", from: "half-open", openFor: 1 }, told),
    pass: (ms: number) => {
      now += ms;
    },
    get now() {
      return now;
    },
    state: (policy = "prices") => observer.getPolicyState(policy, now),
    window: (name: "1m" | "5m" | "15m" = "1m", policy = "prices") => {
      const found = observer.getPolicyState(policy, now)?.windows[name];
      if (found === undefined) throw new Error(`nobody told of ${policy}`);
      return found;
    },
    circuits: () => observer.getPolicyState("prices", now)?.circuits,
  };
}

describe("Observer > fold", () => {
  const batch = { source: { id: "abcdef", kind: "page" }, sentAt: start, dropped: 0, events: [] };

  it.each([
    ["batch.source must be { id, kind }, but is undefined", { ...batch, source: undefined }],
    ['batch.sentAt must be a time in milliseconds since 1970, but is "now"', { ...batch, sentAt: "now" }],
    ["batch.dropped must be a number of events, but is undefined", { ...batch, dropped: undefined }],
    ["batch.events must be a list of events, but is undefined", { ...batch, events: undefined }],
  ])("says that %s", (message, malformed) => {
    expect(() => new Observer(start).fold(malformed as never, start)).toThrow(
      new TypeError(`fold: ${message}`),
    );
  });

  it("leaves the events of its caller as they are", () => {
    const event = { type: "request.succeeded", policy: "prices", at: 5, duration: 1, attempts: 1 } as const;
    const kept = { ...event };
    new Observer(start).fold({ ...batch, events: [event] }, start);
    expect(event).toEqual(kept);
  });
});

describe("Observer > windows", () => {
  it("counts what it is told of", () => {
    const { tell, succeed, fail, window } = stage();
    succeed();
    fail();
    tell("request.aborted", { duration: 5, attempts: 1 });
    tell("retry.attempted", { attempt: 1, delay: 5, kind: "value" });
    tell("timeout.occurred", { after: 5 });
    tell("circuit.rejected", { circuit: "prices" });
    tell("bulkhead.rejected", { active: 1, limit: 1, queued: 0 });
    tell("fallback.used", { kind: "value" });
    tell("store.failed", { circuit: "prices", kind: "timeout", retryIn: 5 });
    expect(window()).toMatchObject({
      requests: 2,
      failures: 1,
      aborted: 1,
      retries: 1,
      timeouts: 1,
      rejected: 2,
      fallbacks: 1,
      errorRate: 0.5,
    });
  });

  it("says that what it does not know is unknown, which is not zero", () => {
    const { observer, tell, window, now } = stage();
    expect(observer.getPolicyState("prices", now)).toBeUndefined();
    expect(observer.getErrorRate("prices", "1m", now)).toBeNull();
    expect(observer.getCircuitState("prices")).toBeUndefined();
    tell("request.aborted", { duration: 5, attempts: 1 });
    expect(window()).toMatchObject({
      requests: 0,
      errorRate: null,
      p50: null,
      p90: null,
      p99: null,
      p999: null,
    });
    expect(observer.getErrorRate("prices", "1m", now)).toBeNull();
  });

  it.each(["1m", "5m", "15m"] as const)("the window of %s forgets at its length", (name) => {
    const { succeed, pass, window } = stage();
    succeed();
    pass(windowSpans[name] - 5 * second);
    expect(window(name).requests).toBe(1);
    pass(5 * second);
    expect(window(name).requests).toBe(0);
  });

  it("hold the newest calls exactly, none older than their length, and lack a slot of it at most", () => {
    const slots = { "1m": 5 * second, "5m": 30 * second, "15m": 30 * second };
    const gap = fc.oneof(fc.nat(2 * second), fc.nat(20 * second), fc.nat(3 * minute));
    const calls = fc.array(fc.tuple(gap, fc.nat({ max: 100_000 })), { minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(calls, fc.nat(minute), fc.boolean(), (told, silence, restarts) => {
        const observed = stage();
        const seen = told.map(([before, duration]) => {
          observed.pass(before);
          observed.succeed(duration);
          return { at: observed.now, duration };
        });
        observed.pass(silence);
        const { now } = observed;
        const again = new Observer(start);
        again.restore(JSON.parse(JSON.stringify(observed.observer.snapshot("prices"))));
        const { windows } = (restarts ? again : observed.observer).getPolicyState(
          "prices",
          now,
        ) as PolicyState;
        for (const [name, slot] of Object.entries(slots)) {
          const { requests, p50, p99 } = windows[name as WindowName];
          const length = windowSpans[name as WindowName];
          const within = (ms: number) => seen.filter(({ at }) => now - at < ms).length;
          expect(requests).toBeLessThanOrEqual(within(length));
          expect(requests).toBeGreaterThanOrEqual(within(length - slot));
          const sketch = new LatencySketch();
          for (const { duration } of seen.slice(seen.length - requests)) sketch.record(duration);
          expect([p50, p99]).toEqual([sketch.quantile(0.5), sketch.quantile(0.99)]);
        }
      }),
    );
  });

  it("longer windows hold what shorter ones do", () => {
    const { succeed, pass, window } = stage();
    for (let turn = 0; turn < 20; turn++) {
      succeed();
      pass(minute);
    }
    expect([window("1m"), window("5m"), window("15m")].map(({ requests }) => requests)).toEqual([0, 4, 14]);
  });

  it("gives the rate over the time that it was there for", () => {
    const { succeed, pass, window } = stage();
    for (let turn = 0; turn < 10; turn++) {
      pass(second);
      for (let call = 0; call < 3; call++) succeed();
    }
    expect(window("1m").rate).toBeCloseTo(3, 1);
    expect(window("15m").rate).toBeCloseTo(3, 1);
  });

  it("gives the rate of a steady stream, whenever it is asked", () => {
    const { succeed, pass, window } = stage();
    for (let turn = 0; turn < 500; turn++) {
      pass(250);
      succeed();
      if (turn < 40) continue;
      expect(window("1m").rate).toBeGreaterThan(3.7);
      expect(window("1m").rate).toBeLessThan(4.3);
    }
  });

  it("gives no absurd rate in its first second", () => {
    const { succeed, window } = stage();
    succeed();
    expect(window().rate).toBe(1);
  });

  it("tells latencies within 2 %, of calls that reached the service only", () => {
    const { tell, succeed, window } = stage();
    for (let ms = 1; ms <= 100; ms++) succeed(ms);
    tell("request.failed", { duration: 0.02, attempts: 0, kind: "circuit-open" });
    const { p50, p90, p99, p999, requests } = window();
    expect(requests).toBe(101);
    for (const [found, exact] of [
      [p50, 50],
      [p90, 90],
      [p99, 99],
      [p999, 100],
    ] as const)
      expect(Math.abs((found as number) - exact) / exact).toBeLessThanOrEqual(0.02);
  });

  it("draws the last two minutes, oldest first", () => {
    const { succeed, fail, pass, state } = stage();
    succeed(100);
    pass(5 * second);
    fail(50);
    fail(50);
    pass(5 * second);
    const series = state()?.series;
    expect(series?.step).toBe(5 * second);
    expect(series?.requests).toHaveLength(24);
    expect(series?.requests.slice(-3)).toEqual([1, 2, 0]);
    expect(series?.failures.slice(-3)).toEqual([0, 2, 0]);
    expect(series?.p99.slice(-3)).toEqual([expect.any(Number), expect.any(Number), null]);
    pass(2 * minute);
    expect(state()?.series.requests).toEqual(Array.from({ length: 24 }, () => 0));
  });

  it("goes on when its clock goes back", () => {
    const { succeed, pass, window } = stage();
    succeed();
    pass(-30 * second);
    succeed();
    expect(window().requests).toBe(2);
    expect(window().rate).toBeGreaterThan(0);
    pass(10 * minute);
    succeed();
    expect(window().requests).toBe(1);
  });

  it("adds up to what was told, whatever is told", () => {
    const call = fc.record({
      policy: fc.constantFrom("a", "b"),
      failed: fc.boolean(),
      pause: fc.integer({ min: 0, max: 20 * second }),
    });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
        const { succeed, fail, pass, observer, now: _ } = stage();
        let at = start;
        for (const { policy, failed, pause } of calls) {
          pass(pause);
          at += pause;
          failed ? fail(10, { policy }) : succeed(10, { policy });
        }
        for (const { policy, windows } of observer.getSystemState(at).policies) {
          const mine = calls.filter((each) => each.policy === policy);
          expect(windows["15m"].requests).toBe(mine.length);
          expect(windows["15m"].failures).toBe(mine.filter(({ failed }) => failed).length);
        }
        expect(observer.events).toBe(calls.length);
      }),
    );
  });
});

describe("Observer > circuits", () => {
  it("says when a circuit probes by whoever refuses longest, and counts the opening once", () => {
    const { observer, opened, pass, circuits } = stage();
    opened({}, 10 * second);
    pass(5 * second);
    opened({ from: "ghijkl" }, 10 * second);
    pass(second);
    opened({ from: "mnopqr" }, 2 * second);
    expect(circuits()).toEqual([
      expect.objectContaining({ state: "open", since: start, until: start + 15 * second, openings: 1 }),
    ]);
    expect(observer.totals()[0]?.transitions).toEqual([["prices", "open", 1]]);
  });

  it("follows a circuit by its events", () => {
    const { observer, opened, halfOpened, closed, pass, circuits } = stage();
    opened();
    expect(circuits()).toEqual([
      {
        circuit: "prices",
        state: "open",
        since: start,
        until: start + 30 * second,
        reason: "failures",
        openings: 1,
        heardAt: start,
        turns: [],
        timeIn: { open: 0 },
      },
    ]);
    pass(30 * second);
    halfOpened();
    expect(circuits()).toMatchObject([
      { state: "half-open", since: start + 30 * second, until: null, openings: 1 },
    ]);
    pass(second);
    closed();
    pass(5 * second);
    expect(circuits()).toMatchObject([
      {
        state: "closed",
        reason: null,
        openings: 1,
        timeIn: { open: 30 * second, "half-open": second, closed: 5 * second },
      },
    ]);
    expect(observer.getCircuitState("prices")).toBe("closed");
  });

  it("tells what a circuit was in the last quarter of an hour, at most twenty states back", () => {
    const { opened, closed, pass, circuits } = stage();
    opened();
    pass(30 * second);
    closed();
    pass(10 * second);
    opened();
    expect(circuits()?.[0]?.turns).toEqual([
      { state: "open", since: start },
      { state: "closed", since: start + 30 * second },
    ]);
    pass(900 * second);
    closed();
    // What was over before the quarter began is not told.
    expect(circuits()?.[0]?.turns).toEqual([{ state: "open", since: start + 40 * second }]);
    for (let times = 0; times < 30; times++) {
      pass(second);
      if (times % 2 === 0) opened();
      else closed();
    }
    expect(circuits()?.[0]?.turns).toHaveLength(20);
  });

  it("takes an opening without an end for a forced one", () => {
    const { tell, circuits } = stage();
    tell("circuit.opened", { circuit: "prices", from: "closed", failureRate: 0, reason: "forced" });
    expect(circuits()).toMatchObject([{ state: "forced-open", until: null, reason: "forced" }]);
  });

  it("counts a change once that many sources tell of", () => {
    const { opened, circuits, pass, observer } = stage();
    for (const from of ["page", "work", "node"]) {
      opened({ from });
      pass(100);
    }
    expect(circuits()).toMatchObject([{ state: "open", since: start, openings: 1 }]);
    expect(observer.totals()[0]?.transitions).toEqual([["prices", "open", 1]]);
  });

  it("does not go back to a state that another source tells of late", () => {
    const { opened, halfOpened, closed, pass, circuits } = stage();
    opened({ from: "page" });
    pass(500);
    halfOpened({ from: "page" });
    pass(500);
    closed({ from: "page" });
    opened({ from: "work", age: 950 });
    halfOpened({ from: "work", age: 450 });
    expect(circuits()).toMatchObject([{ state: "closed", openings: 1 }]);
  });

  it("learns from a refused call that somebody forced it open, when nobody told of that", () => {
    const { tell, circuits, pass } = stage();
    tell("circuit.rejected", { circuit: "prices", state: "closed" });
    pass(second);
    tell("circuit.rejected", { circuit: "prices", state: "forced-open" });
    expect(circuits()).toMatchObject([
      { state: "forced-open", since: start + second, until: null, reason: "forced", openings: 0 },
    ]);
    expect(circuits()?.[0]?.turns).toEqual([{ state: "closed", since: start }]);
  });

  it("knows a circuit that never changed by the calls through it", () => {
    const { tell, circuits, pass, observer } = stage();
    const through = [{ circuit: "prices", state: "closed", result: "success" }] as const;
    tell("request.succeeded", { duration: 5, attempts: 1, circuits: through });
    pass(3 * second);
    tell("request.aborted", { duration: 5, attempts: 1, circuits: through });
    expect(circuits()).toEqual([
      {
        circuit: "prices",
        state: "closed",
        since: start,
        until: null,
        reason: null,
        openings: 0,
        turns: [],
        heardAt: start + 3 * second,
        timeIn: { closed: 3 * second },
      },
    ]);
    expect(observer.totals()[0]?.transitions).toEqual([]);
  });

  it("takes one that refuses for open, and says when it was last heard of", () => {
    const { tell, circuits, pass } = stage();
    tell("circuit.rejected", { circuit: "prices" });
    pass(second);
    tell("circuit.rejected", { circuit: "prices", state: "half-open" }, { age: 5 * second });
    expect(circuits()).toMatchObject([{ state: "open", since: start, heardAt: start, openings: 0 }]);
    pass(second);
    tell("circuit.rejected", { circuit: "prices", state: "half-open" });
    expect(circuits()).toMatchObject([{ state: "open", heardAt: start + 2 * second }]);
  });

  it("tells fifty apart, and counts calls through others under one name", () => {
    const { tell, circuits, observer } = stage();
    for (let circuit = 0; circuit < 60; circuit++) tell("circuit.rejected", { circuit: `c${circuit}` });
    expect(circuits()).toHaveLength(50);
    const calls = observer.totals()[0]?.calls ?? [];
    expect(calls).toHaveLength(51);
    expect(calls).toContainEqual(["(other)", "open", "rejected", 10]);
  });

  it("says how far those are that follow a document, and who refuses which version, and why", () => {
    const { tell, state, observer, pass, now } = stage();
    tell("bulkhead.acquired", { active: 3, limit: 10, waited: 0 });
    expect(state()).not.toHaveProperty("document");
    tell("document.applied", { version: 1 }, { from: "aaaaaa" });
    tell("document.applied", { version: 1 }, { from: "bbbbbb" });
    tell("document.applied", { version: 9 }, { from: "bbbbbb", policy: otherPolicies });
    pass(second);
    tell("document.refused", { version: 2, reason: "line 1" }, { from: "aaaaaa" });
    tell("document.applied", { version: 2 }, { from: "bbbbbb" });
    const refused = [{ source: "page aaaa", version: 2, reason: "line 1", at: now + second }];
    expect(state()?.document).toEqual({ version: 2, followers: 2, current: 1, refused });
    const again = new Observer(start);
    again.restore(JSON.parse(JSON.stringify(observer.snapshot("prices"))));
    expect(again.getPolicyState("prices", now)?.document).toEqual(state()?.document);
    pass(second);
    // Told late: it was so before the refusal.
    tell("document.applied", { version: 3 }, { from: "aaaaaa", age: 2 * second });
    expect(state()?.document?.refused).toEqual(refused);
    tell("document.applied", { version: 3 }, { from: "aaaaaa" });
    expect(state()?.document).toEqual({ version: 3, followers: 2, current: 1, refused: [] });
    // Of what it knew already, the newer telling holds.
    again.restore(observer.snapshot("prices") as PolicySnapshot);
    expect(again.getPolicyState("prices", now)?.document).toEqual(state()?.document);
    expect(state(otherPolicies)).not.toHaveProperty("document");
  });

  it("remembers fifty followers of a document, and tells of five refusals", () => {
    const { tell, state, pass } = stage();
    for (let number = 0; number < 60; number++) {
      pass(second);
      tell("document.refused", { version: 1, reason: `${number}` }, { from: `${1_000 + number}` });
    }
    expect(state()?.document).toMatchObject({ version: null, followers: 50, current: 0 });
    expect(state()?.document?.refused.map(({ reason }) => reason)).toEqual(["59", "58", "57", "56", "55"]);
  });

  it("says what a policy allows, as last heard", () => {
    const { tell, state, window } = stage();
    expect(state()).toBeUndefined();
    tell("bulkhead.acquired", { active: 3, limit: 10, waited: 0 });
    tell("bulkhead.rejected", { active: 10, limit: 10, queued: 0 });
    tell("bulkhead.acquired", { active: 1, limit: 10, waited: 0 });
    expect(state()?.limits).toEqual({ concurrency: 10, rate: null, per: null });
    tell("limit.changed", { limit: 8, from: 10 });
    tell("rate-limit.changed", { limit: 50, from: 100 });
    expect(state()?.limits).toEqual({ concurrency: 8, rate: 50, per: null });
    tell("rate-limit.rejected", { retryAfter: 5, limit: 40, per: second });
    expect(state()?.limits).toEqual({ concurrency: 8, rate: 40, per: second });
    tell("rate-limit.waited", { wait: 5, limit: 30, per: minute });
    // A limiter of one's own tells no rate.
    tell("rate-limit.waited", { wait: 5 });
    expect(state()?.limits).toEqual({ concurrency: 8, rate: 30, per: minute });
    expect(window().active).toBe(10);
  });

  it("counts what retries and hedges cost, and the load that was shed", () => {
    const { tell, window } = stage();
    tell("request.succeeded", { duration: 5, attempts: 1 });
    tell("request.failed", { duration: 5, attempts: 4, kind: "value" });
    tell("hedge.started", { hedge: 1, after: 5 });
    tell("hedge.started", { hedge: 2, after: 5 });
    tell("hedge.won", { hedge: 2 });
    tell("rate-limit.rejected", { retryAfter: 5 });
    tell("throttle.rejected", { probability: 0.5 });
    tell("rate-limit.waited", { wait: 5 });
    tell("bulkhead.acquired", { active: 2, limit: 2, waited: 40 });
    tell("bulkhead.acquired", { active: 1, limit: 2, waited: 0 });
    expect(window()).toMatchObject({
      attempts: 5,
      amplification: 2.5,
      hedges: 2,
      hedgesWon: 1,
      rejected: 2,
      waits: 2,
    });
  });

  it("takes the cost of retries by the calls that went out, however many were refused", () => {
    const { tell, window } = stage();
    for (let refused = 0; refused < 20; refused++)
      tell("request.failed", { duration: 0, attempts: 0, kind: "circuit-open" });
    expect(window().amplification).toBeNull();
    tell("request.succeeded", { duration: 5, attempts: 3 });
    tell("request.failed", { duration: 5, attempts: 1, kind: "value" });
    expect(window()).toMatchObject({ requests: 22, attempts: 4, amplification: 2 });
  });
});

describe("Observer > clients' clocks", () => {
  it.each([-10 * 365 * 24 * 60 * minute, -minute, 0, minute, 10 * 365 * 24 * 60 * minute])(
    "are not trusted: one that is %d ms off changes nothing",
    (offset) => {
      const { fold, state, now } = stage();
      const sentAt = now + offset;
      const event = { type: "request.succeeded", policy: "prices", duration: 5, attempts: 1 } as const;
      const [observed] = fold([{ ...event, at: sentAt - 300 }], { sentAt });
      expect(observed?.at).toBe(now - 300);
      expect(state()).toMatchObject({ lastEventAt: now, windows: { "1m": { requests: 1 } } });
    },
  );

  it("takes an event of the future for one of now, and an old one for a minute old", () => {
    const { fold, now } = stage();
    const event = { type: "timeout.occurred", policy: "prices", after: 5 } as const;
    const observed = fold([
      { ...event, at: now + 5_000 },
      { ...event, at: 0 },
    ]);
    expect(observed.map(({ at }) => at)).toEqual([now, now - minute]);
  });

  it("says where an event came from by its kind and no more than four letters", () => {
    const { tell } = stage();
    expect(tell("timeout.occurred", { after: 5 }, { from: "abcdefghij" })).toMatchObject([
      { source: "page abcd" },
    ]);
  });
});

describe("Observer > reporters", () => {
  it("counts the sources of the last minute", () => {
    const { succeed, pass, state } = stage();
    succeed(10, { from: "one" });
    pass(30 * second);
    succeed(10, { from: "two" });
    succeed(10, { from: "two" });
    expect(state()?.reporters).toBe(2);
    pass(30 * second);
    expect(state()?.reporters).toBe(1);
  });

  it("still knows them after a restart, and each of those once whom two observers heard", () => {
    const { succeed, pass, observer } = stage();
    succeed(10, { from: "one" });
    pass(30 * second);
    succeed(10, { from: "two" });
    const snapshot = JSON.parse(JSON.stringify(observer.snapshot("prices")));
    const other = stage();
    other.pass(20 * second);
    other.succeed(10, { from: "two" });
    other.succeed(10, { from: "three" });
    const reporters = (seconds: number) =>
      other.observer.getPolicyState("prices", start + seconds * second)?.reporters;
    other.observer.restore(snapshot);
    expect([59, 60, 79, 80, 89, 90].map(reporters)).toEqual([3, 2, 2, 1, 1, 0]);
    const alone = stage();
    alone.succeed(10, { from: "one" });
    alone.observer.restore(alone.observer.snapshot("prices") as PolicySnapshot);
    expect(alone.state()?.reporters).toBe(1);
  });
});

describe("Observer > bounds", () => {
  it("a flood of ten thousand names takes no more room than five hundred", () => {
    const { observer, succeed, window } = stage();
    for (let name = 0; name < 10_000; name++)
      succeed(10, { policy: `flood ${name}`, from: `source ${name}` });
    expect(observer.policies()).toHaveLength(501);
    expect(window("1m", "(other)").requests).toBe(9_500);
    expect(observer.getPolicyState("(other)", start)?.reporters).toBe(1_000);
    const stored = observer.policies().map((policy) => JSON.stringify(observer.snapshot(policy)).length);
    // 500 that were seen once each, and one of many.
    expect(stored.reduce((sum, each) => sum + each)).toBeLessThan(1_000_000);
  });

  it("tells 500 policies apart and puts the others together", () => {
    const { observer, succeed, window } = stage();
    for (let number = 0; number < 600; number++) succeed(10, { policy: `policy ${number}` });
    expect(observer.policies()).toHaveLength(501);
    expect(window("1m", "(other)").requests).toBe(100);
    expect(window("1m", "policy 499").requests).toBe(1);
    succeed(10, { policy: "policy 7" });
    expect(window("1m", "policy 7").requests).toBe(2);
  });

  it("keeps apart what it kept apart when it is restored, in whatever order", () => {
    const { observer, succeed, now } = stage();
    for (let number = 0; number < 600; number++) succeed(10, { policy: `policy ${number}` });
    const snapshots = observer.policies().map((policy) => observer.snapshot(policy) as PolicySnapshot);
    const other = new Observer(start);
    for (const snapshot of snapshots.toReversed()) other.restore(snapshot);
    expect(other.policies().toSorted()).toEqual(observer.policies().toSorted());
    expect(other.getPolicyState("(other)", now)?.windows["1m"].requests).toBe(100);
  });

  it("says of each event under which policy it was counted", () => {
    const { observer, succeed } = stage();
    for (let number = 0; number < 500; number++) succeed(10, { policy: `policy ${number}` });
    expect(succeed(10, { policy: "one more" })).toMatchObject([{ policy: "(other)" }]);
    expect(observer.snapshot("(other)")).toBeDefined();
  });

  it("keeps 2,500 circuits of all policies together, and has room again when a policy is forgotten", () => {
    const { observer, tell, pass, now } = stage();
    const called = (policy: string, circuit: string) =>
      tell("circuit.called", { circuit, state: "closed", result: "success" }, { policy });
    const apart = () =>
      observer
        .policies()
        .reduce((sum, name) => sum + (observer.getPolicyState(name, now)?.circuits.length ?? 0), 0);
    for (let policy = 0; policy < 500; policy++)
      for (let circuit = 0; circuit < 10; circuit++) called(`policy ${policy}`, `circuit ${circuit}`);
    expect(apart()).toBe(2_500);
    const counted = observer
      .totals()
      .flatMap(({ calls }) => calls.map(([circuit, , , count]) => [circuit, count]));
    // Each call counts, and where there was no room for its circuit under a name for all of those.
    expect(counted.reduce((sum, [, count]) => sum + (count as number), 0)).toBe(5_000);
    expect(counted.filter(([circuit]) => circuit === "(other)")).toHaveLength(250);
    pass(windowSpans["15m"] + second);
    called("newcomer", "its own");
    expect(apart()).toBe(2_500 - 10 + 1);
    const restored = new Observer(start);
    for (const name of observer.policies()) restored.restore(observer.snapshot(name) as PolicySnapshot);
    const snapshot = observer.snapshot("newcomer") as PolicySnapshot;
    restored.restore(snapshot);
    expect(restored.getPolicyState("newcomer", now)?.circuits).toHaveLength(1);
  });

  it("keeps 50 circuits of a policy", () => {
    const { tell, circuits } = stage();
    for (let number = 0; number < 60; number++) {
      const circuit = `circuit ${number}`;
      tell("circuit.opened", { circuit, from: "closed", failureRate: 1, openFor: 5, reason: "failures" });
    }
    expect(circuits()).toHaveLength(50);
  });

  it("remembers the last thousand sources", () => {
    const { succeed, state } = stage();
    for (let number = 0; number < 1_200; number++) succeed(10, { from: `source ${number}` });
    expect(state()?.reporters).toBe(1_000);
  });

  it("keeps no more than fifteen minutes, however long it runs", () => {
    const { succeed, pass, observer } = stage();
    for (let turn = 0; turn < 1_000; turn++) {
      succeed();
      pass(5 * second);
    }
    expect(observer.snapshot("prices")?.slots.length).toBeLessThanOrEqual(180);
  });
});

describe("Observer > snapshot", () => {
  it("restores through JSON to the same", () => {
    const { observer, tell, succeed, fail, opened, closed, pass, fold, now: _ } = stage();
    succeed(5);
    pass(7 * second);
    fail(500);
    opened();
    pass(second);
    closed();
    tell("bulkhead.acquired", { active: 1, limit: 10, waited: 0 });
    tell("circuit.rejected", { circuit: "prices" });
    fold([], { dropped: 3 });
    const other = new Observer(start);
    for (const policy of observer.policies())
      other.restore(JSON.parse(JSON.stringify(observer.snapshot(policy))));
    const at = start + 9 * second;
    const { reporters: _lost, ...expected } = observer.getPolicyState("prices", at) ?? { reporters: 0 };
    expect(other.getPolicyState("prices", at)).toMatchObject(expected);
    expect(other.totals()).toEqual(observer.totals());
  });

  it("goes on counting after it was restored", () => {
    const { observer, succeed } = stage();
    succeed();
    const other = new Observer(start);
    other.restore(JSON.parse(JSON.stringify(observer.snapshot("prices"))));
    const event = {
      type: "request.succeeded",
      policy: "prices",
      at: start,
      duration: 5,
      attempts: 1,
    } as const;
    const source = { id: "abc", kind: "page" } as const;
    other.fold({ source, sentAt: start, dropped: 0, events: [event] }, start + second);
    expect(other.getPolicyState("prices", start + second)?.windows["1m"].requests).toBe(2);
  });

  it("is not changed by what comes after it", () => {
    const { observer, succeed, opened } = stage();
    succeed();
    const snapshot = observer.snapshot("prices");
    const before = JSON.stringify(snapshot);
    succeed();
    opened();
    expect(JSON.stringify(snapshot)).toBe(before);
  });

  it("of a policy that nobody told of is nothing", () => {
    expect(stage().observer.snapshot("prices")).toBeUndefined();
  });
});

describe("Observer > the whole system", () => {
  it("sums events and drops", () => {
    const { observer, fold, succeed, now } = stage();
    succeed();
    succeed(10, { policy: "reviews" });
    fold([], { dropped: 7 });
    const state = observer.getSystemState(now);
    expect(state).toMatchObject({ version: 1, at: now, since: start, events: 2, dropped: 7 });
    expect(state.policies.map(({ policy }) => policy)).toEqual(["prices", "reviews"]);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });
});

describe("metricsOf", () => {
  it("gives what was counted, by policy", () => {
    const { observer, tell, succeed, opened, fold } = stage();
    succeed();
    succeed();
    tell("request.succeeded", { duration: 10, attempts: 1, degraded: true });
    tell("request.failed", {
      duration: 10,
      attempts: 1,
      kind: "value",
      circuits: [{ circuit: "prices", state: "closed", result: "failure" }],
      inTime: 3,
    });
    tell("retry.attempted", { attempt: 1, delay: 5, kind: "value" });
    tell("timeout.occurred", { after: 5 });
    tell("circuit.rejected", { circuit: "prices" });
    tell("hedge.started", { hedge: 1, after: 5 });
    opened();
    tell("circuit.closed", { circuit: "prices", from: "half-open", openFor: 7 * second });
    opened();
    fold([], { dropped: 4 });
    const samples = prometheusText(metricsOf(observer, start))
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(samples.filter((line) => !/_bucket|_sum|_count/.test(line))).toEqual([
      'resilience_requests_total{policy="prices",result="success"} 2',
      'resilience_requests_total{policy="prices",result="degraded"} 1',
      'resilience_requests_total{policy="prices",result="failure"} 1',
      'resilience_requests_total{policy="prices",result="aborted"} 0',
      'resilience_retries_total{policy="prices"} 1',
      'resilience_timeout_operations_total{policy="prices",result="success"} 3',
      'resilience_timeout_operations_total{policy="prices",result="timeout"} 1',
      'resilience_rejections_total{policy="prices"} 1',
      'resilience_fallbacks_total{policy="prices"} 0',
      'resilience_hedges_total{policy="prices",result="won"} 0',
      'resilience_hedges_total{policy="prices",result="lost"} 1',
      'resilience_circuit_breaker_calls_total{policy="prices",circuit="prices",state="closed",result="failure"} 1',
      'resilience_circuit_breaker_calls_total{policy="prices",circuit="prices",state="open",result="rejected"} 1',
      'resilience_circuit_breaker_state_transitions_total{policy="prices",circuit="prices",to="closed"} 1',
      'resilience_circuit_breaker_state_transitions_total{policy="prices",circuit="prices",to="open"} 2',
      'resilience_circuit_breaker_open{policy="prices",circuit="prices"} 1',
      "resilience_events_dropped_total 4",
      "resilience_observer_shards_absent 0",
    ]);
    expect(samples).toEqual(
      expect.arrayContaining([
        'resilience_request_duration_seconds_bucket{policy="prices",le="0.01"} 4',
        'resilience_request_duration_seconds_count{policy="prices"} 4',
        'resilience_retry_attempts_bucket{policy="prices",le="1"} 4',
        'resilience_retry_attempts_sum{policy="prices"} 4',
        'resilience_circuit_breaker_open_duration_seconds_bucket{policy="prices",circuit="prices",le="5"} 0',
        'resilience_circuit_breaker_open_duration_seconds_bucket{policy="prices",circuit="prices",le="10"} 1',
        'resilience_circuit_breaker_open_duration_seconds_sum{policy="prices",circuit="prices"} 7',
      ]),
    );
  });

  it("has every family from the beginning", () => {
    const names = metricsOf(new Observer(start), start).map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        "resilience_circuit_breaker_state_transitions_total",
        "resilience_circuit_breaker_calls_total",
        "resilience_circuit_breaker_open_duration_seconds",
        "resilience_timeout_operations_total",
        "resilience_retry_attempts",
      ]),
    );
  });

  it("leads from a bucket to the trace of its last call", () => {
    const { observer, fold, now } = stage();
    const call = { type: "request.succeeded", policy: "prices", at: now, attempts: 1 } as const;
    fold([
      { ...call, duration: 20, traceId: "0af7651916cd43dd8448eb211c80319c" },
      { ...call, duration: 21, traceId: "4bf92f3577b34da6a3ce929d0e0e4736" },
      { ...call, duration: 3_000 },
    ]);
    const lines = openMetricsText(metricsOf(observer, start)).split("\n");
    expect(lines).toContain(
      `resilience_request_duration_seconds_bucket{policy="prices",le="0.025"} 2 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 0.021 ${now / 1_000}`,
    );
    expect(lines.filter((line) => line.includes("trace_id"))).toHaveLength(1);
  });

  it("says that a circuit refuses only where it does", () => {
    const { observer, fold, now } = stage();
    const call = { type: "request.succeeded", policy: "prices", at: now, attempts: 1, duration: 1 } as const;
    const states = ["closed", "open", "half-open", "forced-open", "disabled", "metrics-only"] as const;
    fold(
      states.map((state) => ({ ...call, circuits: [{ circuit: state, state, result: "success" as const }] })),
    );
    const text = prometheusText(metricsOf(observer, start));
    const refuses = states.filter((state) =>
      text.includes(`resilience_circuit_breaker_open{policy="prices",circuit="${state}"} 1`),
    );
    expect(refuses).toEqual(["open", "half-open", "forced-open"]);
  });

  it("counts on when a window has forgotten", () => {
    const { observer, succeed, pass } = stage();
    succeed();
    pass(60 * minute);
    succeed();
    expect(prometheusText(metricsOf(observer, start))).toContain('result="success"} 2');
  });
});
