import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PolicyEvent } from "../../src/core/events.ts";
import {
  metricsOf,
  type ObservedBatch,
  Observer,
  otherPolicies,
  shardOf,
  Tally,
} from "../../src/observer/index.ts";
import { openMetricsText } from "../../src/telemetry/index.ts";

const start = Date.UTC(2026, 0, 1);
const circuit = fc.constantFrom("db", "search");
const state = fc.constantFrom("closed", "open", "half-open", "disabled", "metrics-only");
const calls = fc.array(
  fc.record({ circuit, state, result: fc.constantFrom("success", "failure", "ignored") }),
  { maxLength: 2 },
);
/** In eighths of a second, whose sums are exact. */
const duration = fc.nat(160).map((eighths) => eighths * 125);
const measures = { duration, attempts: fc.nat(3), circuits: calls, inTime: fc.nat(1) };
const traceId = fc.constantFrom(undefined, "0af7651916cd43dd8448eb211c80319c");
const weight = fc.constantFrom(undefined, 10);

/** What an event may be, in a policy of three, without its time. */
const happening = fc
  .oneof(
    fc.record({
      type: fc.constant("request.succeeded"),
      ...measures,
      degraded: fc.constantFrom(undefined, true),
      traceId,
      weight,
    }),
    fc.record({ type: fc.constant("request.failed"), ...measures, kind: fc.constant("value"), traceId }),
    fc.record({ type: fc.constant("request.aborted"), ...measures }),
    fc.record({
      type: fc.constant("circuit.opened"),
      circuit,
      from: state,
      failureRate: fc.constant(1),
      openFor: fc.nat(60_000),
      reason: fc.constant("failures"),
    }),
    fc.record({ type: fc.constant("circuit.half-opened"), circuit, from: state }),
    fc.record({ type: fc.constant("circuit.closed"), circuit, from: state, openFor: fc.nat(60_000) }),
    fc.record({ type: fc.constant("circuit.rejected"), circuit, retryAfter: fc.nat(9) }),
    fc.record({
      type: fc.constant("circuit.called"),
      circuit,
      state,
      result: fc.constantFrom("success", "failure"),
    }),
    fc.record({
      type: fc.constantFrom("bulkhead.acquired", "bulkhead.rejected"),
      active: fc.nat(9),
      limit: fc.nat(9),
      waited: fc.nat(9),
      queued: fc.nat(9),
    }),
    fc.record({ type: fc.constant("document.applied"), version: fc.nat(3) }),
    fc.record({ type: fc.constant("document.refused"), version: fc.nat(3), reason: fc.constant("bad") }),
    fc.record({ type: fc.constant("rate-limit.changed"), limit: fc.nat(9), from: fc.nat(9) }),
    fc.record({ type: fc.constant("rate-limit.waited"), wait: fc.nat(9), limit: fc.nat(9), per: fc.nat(9) }),
    fc.record({ type: fc.constant("rate-limit.rejected"), retryAfter: fc.nat(9) }),
    fc.record({
      type: fc.constantFrom(
        "retry.attempted",
        "timeout.occurred",
        "fallback.used",
        "hedge.started",
        "cache.hit",
      ),
    }),
  )
  .chain((event) => fc.constantFrom("prices", "orders", "stock").map((policy) => ({ ...event, policy })));

const batches = fc.array(
  fc.record({
    from: fc.constantFrom("aaaa", "bbbb"),
    dropped: fc.nat(3),
    events: fc.array(happening, { maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 12 },
);

/** Batches as they were sent one after the other, a millisecond for each event. */
function sent(
  told: readonly { from: string; dropped: number; events: readonly object[] }[],
): ObservedBatch[] {
  let at = start;
  return told.map(({ from, dropped, events }) => ({
    source: { id: from, kind: "page" },
    dropped,
    events: events.map((event) => ({ ...event, at: ++at }) as unknown as PolicyEvent),
    sentAt: at,
  }));
}

/** All that an observer can be asked for, in whatever order, save when it was told: the telling knows that, not the event. */
function known(observer: Observer, now: number): unknown {
  const { policies, ...state } = observer.getSystemState(now);
  const each = policies.map(({ lastEventAt: _, circuits, ...policy }) => ({
    ...policy,
    circuits: circuits.toSorted((one, other) => one.circuit.localeCompare(other.circuit)),
  }));
  return { ...state, each, metrics: openMetricsText(metricsOf(observer, now)).split("\n").toSorted() };
}

describe("Tally", () => {
  it("tells an observer what it would know of the batches themselves", () => {
    fc.assert(
      fc.property(batches, fc.nat(5), (told, cut) => {
        const [direct, merged] = [new Observer(start), new Observer(start)];
        let tally = new Tally();
        const tell = (now: number): void => {
          for (const [, part] of tally.parts(1)) merged.merge(JSON.parse(JSON.stringify(part)), now);
          tally = new Tally();
        };
        let now = start;
        for (const [index, batch] of sent(told).entries()) {
          now = batch.sentAt;
          direct.fold(batch, now);
          tally.add(batch, now);
          if (index % 6 === cut) tell(now);
        }
        tell(now);
        expect(known(merged, now)).toEqual(known(direct, now));
      }),
    );
  });

  it("leaves a batch as it was, and gives its last 200 events in the observer's time", () => {
    const events = Array.from({ length: 300 }, (_, index) => ({
      type: "cache.missed" as const,
      policy: "prices",
      at: index,
    }));
    const batch = { source: { id: "abcdef", kind: "page" }, sentAt: 1_000, dropped: 0, events };
    const before = structuredClone(batch);
    const tally = new Tally();
    tally.add(batch, start);
    const [[, part] = []] = tally.parts(1);
    expect(batch).toEqual(before);
    expect(part?.events).toBe(300);
    expect(part?.recent).toHaveLength(200);
    expect(part?.recent.at(-1)).toEqual({ ...events[299], at: start - 701, source: "page abcd" });
    expect(new Observer(start).merge(part as never, start).recent).toEqual(part?.recent);
  });

  it("keeps apart what shards have to themselves, and tells one what was dropped", () => {
    const policies = Array.from({ length: 20 }, (_, index) => `policy ${index}`);
    const tally = new Tally();
    const events = policies.map((policy) => ({ type: "cache.missed" as const, policy, at: 0 }));
    tally.add({ source: { id: "abcdef", kind: "page" }, sentAt: 0, dropped: 4, events }, start);
    const parts = tally.parts(3, 2);
    expect(parts.map(([shard]) => shard)).toEqual([0, 1, 2]);
    for (const [shard, part] of parts) {
      const its = policies.filter((policy) => shardOf(policy, 3) === shard);
      expect(part.policies.map(({ policy }) => policy)).toEqual(its);
      expect(part.recent.map(({ policy }) => policy)).toEqual(its);
      expect(part.events).toBe(its.length);
    }
    expect(parts.map(([, { dropped }]) => dropped)).toEqual([6, 0, 0]);
  });

  it("tells of what was dropped though nothing else came", () => {
    const tally = new Tally();
    tally.add({ source: { id: "abcdef", kind: "page" }, sentAt: 0, dropped: 4, events: [] }, start);
    expect(tally.parts(3)).toEqual([[0, { events: 0, dropped: 4, policies: [], whole: [], recent: [] }]]);
  });

  it("is bounded in a flood of changes, which are counted all the same", () => {
    const [direct, merged] = [new Observer(start), new Observer(start)];
    const tally = new Tally();
    for (let round = 0; round < 40; round++) {
      const events = Array.from({ length: 1_000 }, (_, index): PolicyEvent => {
        const stamp = { policy: "prices", at: round * 1_000 + index };
        const circuit = `circuit ${Math.floor(index / 2) % 40}`;
        return index % 2 === 0
          ? {
              ...stamp,
              type: "circuit.opened",
              circuit,
              from: "closed",
              failureRate: 1,
              openFor: 1_000,
              reason: "failures",
            }
          : { ...stamp, type: "circuit.closed", circuit, from: "open", openFor: 1_000 };
      });
      const batch = {
        source: { id: "abcdef", kind: "page" },
        sentAt: round * 1_000 + 999,
        dropped: 0,
        events,
      };
      const now = start + batch.sentAt;
      direct.fold(batch, now);
      tally.add(batch, now);
    }
    const now = start + 40_000;
    const [[, part] = []] = tally.parts(1);
    const text = JSON.stringify(part);
    expect(text.length).toBeLessThan(250_000);
    merged.merge(JSON.parse(text), now);
    const known = (observer: Observer) => {
      const [totals] = observer.totals();
      const circuits = observer.getSystemState(now).policies[0]?.circuits ?? [];
      return [
        totals?.transitions.toSorted(),
        totals?.openings.map(([circuit, { counts, sum }]) => [circuit, counts, sum]).toSorted(),
        circuits.map(({ circuit, state, since, openings }) => [circuit, state, since, openings]).toSorted(),
      ];
    };
    expect(known(merged)).toEqual(known(direct));
  });

  it("keeps of many changes that say the same the first and the last", () => {
    const observer = new Observer(start);
    const tally = new Tally();
    for (let page = 0; page < 500; page++) {
      const event: PolicyEvent = {
        type: "circuit.opened",
        policy: "prices",
        at: page,
        circuit: "db",
        from: "closed",
        failureRate: 1,
        openFor: 1_000,
        reason: "failures",
      };
      tally.add(
        { source: { id: `page${page}`, kind: "page" }, sentAt: page, dropped: 0, events: [event] },
        start + page,
      );
    }
    const [[, part] = []] = tally.parts(1);
    expect(part?.whole).toHaveLength(20);
    observer.merge(part as never, start + 500);
    expect(observer.getSystemState(start + 500).policies[0]?.circuits).toMatchObject([
      { circuit: "db", state: "open", openings: 1, since: start, until: start + 1_499, heardAt: start + 499 },
    ]);
  });

  it("keeps few changes of each circuit where there are many circuits, and no more circuits than an observer does", () => {
    const tally = new Tally();
    const policies = Array.from({ length: 60 }, (_, index) => `policy ${index}`);
    for (let round = 0; round < 30; round++)
      for (const policy of policies) {
        const events = Array.from({ length: 50 }, (_, index): PolicyEvent => {
          const stamp = { policy, at: 0, circuit: `circuit ${index}` };
          return round % 2 === 0
            ? { ...stamp, type: "circuit.half-opened", from: "open" }
            : { ...stamp, type: "circuit.closed", from: "half-open", openFor: 5 };
        });
        tally.add({ source: { id: "abcdef", kind: "page" }, sentAt: 0, dropped: 0, events }, start + round);
      }
    const [[, part] = []] = tally.parts(1);
    expect(part?.whole.length).toBeLessThanOrEqual(10_000);
    expect(
      new Set(
        part?.whole.map((event) => JSON.stringify([event.policy, (event as { circuit?: string }).circuit])),
      ).size,
    ).toBe(2_500);
  });

  it("tells of documents the last that each source told, of so many sources at most", () => {
    const tally = new Tally();
    for (let source = 0; source < 2_500; source++)
      for (let version = 0; version < 25; version++) {
        const event: PolicyEvent = { type: "document.applied", policy: "prices", at: version, version };
        const id = source.toString(36).padStart(4, "0");
        tally.add({ source: { id, kind: "page" }, sentAt: version, dropped: 0, events: [event] }, start);
      }
    const [[, part] = []] = tally.parts(1);
    const told = part?.whole as unknown as { source: string; version: number }[];
    expect(new Set(told.map(({ source }) => source)).size).toBe(2_000);
    expect(told.length).toBeLessThanOrEqual(10_000);
    expect(told.at(-1)).toMatchObject({ source: "page 01xf", version: 24 });
  });

  it("is bounded in a flood of names, and so is who merges it", () => {
    const observer = new Observer(start);
    for (let round = 0; round < 3; round++) {
      const tally = new Tally();
      const events = Array.from({ length: 1_000 }, (_, index) => ({
        type: "circuit.opened" as const,
        policy: `flood ${round}.${index}`,
        at: 0,
        circuit: `flood ${round}.${index}`,
        from: "closed" as const,
        failureRate: 1,
        reason: "forced" as const,
      }));
      tally.add({ source: { id: "abcdef", kind: "page" }, sentAt: 0, dropped: 0, events }, start);
      const [[, part] = []] = tally.parts(1);
      expect(part?.policies).toHaveLength(501);
      const { policies, recent } = observer.merge(part as never, start);
      expect(policies).toContain(otherPolicies);
      if (round > 0) expect(new Set(recent.map(({ policy }) => policy))).toEqual(new Set([otherPolicies]));
    }
    const state = observer.getSystemState(start);
    expect(state.events).toBe(3_000);
    expect(state.policies).toHaveLength(501);
    for (const { circuits } of state.policies) expect(circuits.length).toBeLessThanOrEqual(50);
  });
});
