import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PolicyEvent } from "../../src/core/events.ts";
import {
  type AlertReport,
  mergedAlerts,
  mergedState,
  Observer,
  type ObserverPart,
  otherPolicies,
  shardOf,
  ToldParts,
} from "../../src/observer/index.ts";

const start = Date.UTC(2026, 0, 1);

/** What a shard tells its parent of what it saw. */
function partOf(observer: Observer, now: number): ObserverPart {
  const { since, events, dropped } = observer;
  const snapshot = observer.snapshot(otherPolicies);
  const { policies } = observer.getSystemState(now);
  const reporters = policies.find(({ policy }) => policy === otherPolicies)?.reporters ?? 0;
  const part: ObserverPart = {
    since,
    events,
    dropped,
    policies: policies.filter(({ policy }) => policy !== otherPolicies),
    others: snapshot === undefined ? null : { snapshot, reporters },
    gaps: [],
    alerts: null,
  };
  return JSON.parse(JSON.stringify(part)) as ObserverPart;
}

const call = fc.record({
  /** Seconds since the one before. */
  after: fc.oneof(fc.nat(3), fc.nat(60)),
  policy: fc.oneof(fc.constant(otherPolicies), fc.stringMatching(/^[a-e]{1,2}$/)),
  duration: fc.nat(5_000),
  fails: fc.boolean(),
  shard: fc.nat(3),
});

describe("several observers", () => {
  it("know together exactly what one would, of what they do not tell apart as well", () => {
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 80 }), fc.nat(600), (calls, silence) => {
        const all = new Observer(start);
        const shards = Array.from({ length: 4 }, () => new Observer(start));
        let now = start;
        for (const { after, policy, duration, fails, shard } of calls) {
          now += after * 1_000;
          const circuits = [{ circuit: policy, state: "closed", result: fails ? "failure" : "success" }];
          const measures = { policy, at: now, duration, attempts: 2, circuits };
          const event = fails
            ? { type: "request.failed", kind: "value", ...measures }
            : { type: "request.succeeded", ...measures };
          const source = { id: "abcdef", kind: "page" };
          const batch = { source, sentAt: now, dropped: 1, events: [event as PolicyEvent] };
          const home = policy === otherPolicies ? shard : shardOf(policy, shards.length);
          all.fold(batch, now);
          shards[home]?.fold(batch, now);
        }
        now += silence * 1_000;
        const merged = mergedState(
          shards.map((shard) => partOf(shard, now)),
          now,
        );
        const byName = ({ policies }: Pick<ObserverPart, "policies">) =>
          policies.toSorted((a, b) => (a.policy < b.policy ? -1 : 1));
        const one = JSON.parse(JSON.stringify(all.getSystemState(now)));
        expect(JSON.parse(JSON.stringify(byName(merged)))).toEqual(byName(one));
        expect([merged.events, merged.dropped]).toEqual([one.events, one.dropped]);
      }),
    );
  });

  it("of which one falls silent with calls in its windows, it is asked, and known for absent when it does not answer", () => {
    const observers = [new Observer(start), new Observer(start)];
    const told = new ToldParts(2);
    expect([told.overdue(start), told.absent]).toEqual([[0, 1], { shards: [0, 1], of: 2 }]);
    const batch = { source: { id: "abcdef", kind: "page" }, sentAt: start, dropped: 0 };
    const event = {
      type: "request.succeeded",
      policy: "prices",
      at: start,
      duration: 1,
      attempts: 1,
    } as const;
    observers[0]?.fold({ ...batch, events: [event] }, start);
    for (const [shard, observer] of observers.entries()) told.keep(shard, partOf(observer, start), start);
    expect([told.absent, told.overdue(start + 10_000)]).toEqual([undefined, []]);
    // The other has nothing to tell.
    expect(told.overdue(start + 10_001)).toEqual([0]);
    expect(told.states(start).map(({ policy }) => policy)).toEqual(["prices"]);
    told.lose(0);
    expect([told.has(0), told.heardAt(0), told.absent]).toEqual([false, start, { shards: [0], of: 2 }]);
    expect([told.states(start), told.sums.events, told.state(start).absent]).toEqual([[], 0, told.absent]);
    told.keep(0, partOf(observers[0] as Observer, start), start);
    expect([told.absent, told.state(start)]).toEqual([
      undefined,
      expect.not.objectContaining({ absent: {} }),
    ]);
    // What no window knows is silent rightly.
    expect(told.overdue(start + 900_001)).toEqual([]);
  });

  it("forget a policy that made room for another, and tell which one has no more that did not answer meanwhile", () => {
    const told = new ToldParts(1);
    const part = (...names: string[]): ObserverPart => {
      const observer = new Observer(start);
      const source = { id: "abcdef", kind: "page" };
      const events = names.map((policy) => ({ type: "cache.missed", policy, at: start }) as PolicyEvent);
      observer.fold({ source, sentAt: start, dropped: 0, events }, start);
      return partOf(observer, start);
    };
    const names = () => told.states(start).map(({ policy }) => policy);
    expect(told.keepAll(0, part("a", "b", "c"), start)).toEqual([]);
    told.keep(0, part("d"), start, ["a", "never known"]);
    expect([names(), told.knows("a"), told.knows("d")]).toEqual([["b", "c", "d"], false, true]);
    // One that was forgotten and came again.
    told.keep(0, part("b"), start, ["b"]);
    expect(names()).toEqual(["c", "d", "b"]);
    told.lose(0);
    expect([names(), told.knows("b")]).toEqual([[], false]);
    expect(told.keepAll(0, part("b", "e"), start)).toEqual(["c", "d"]);
    expect(names()).toEqual(["b", "e"]);
  });

  it("share out names evenly", () => {
    const counts = [0, 0, 0, 0];
    for (let name = 0; name < 4_000; name++) {
      const shard = shardOf(`https://host-${name}.example.com`, counts.length);
      counts[shard] = (counts[shard] as number) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  it("tell of each alert once, the firing first", () => {
    const rule = {
      when: "error-rate",
      policy: null,
      above: 0.5,
      for: 0,
      window: "1m",
      minimumRequests: 20,
    } as const;
    const subject = (policy: string, state: "pending" | "firing") => ({
      policy,
      circuit: null,
      state,
      since: 1,
      value: 0.9,
    });
    const report = (name: string, ...subjects: ReturnType<typeof subject>[]): AlertReport => {
      const state = subjects.some((each) => each.state === "firing")
        ? "firing"
        : subjects.length > 0
          ? "pending"
          : "ok";
      return { ...rule, name, state, subjects };
    };
    const merged = mergedAlerts([
      [report("errors", subject("a", "pending"), subject(otherPolicies, "pending")), report("quiet")],
      [report("errors", subject("b", "firing"), subject(otherPolicies, "firing")), report("quiet")],
    ]);
    expect(merged.map(({ name, state }) => [name, state])).toEqual([
      ["errors", "firing"],
      ["quiet", "ok"],
    ]);
    expect(merged[0]?.subjects.map(({ policy, state }) => [policy, state])).toEqual([
      ["b", "firing"],
      [otherPolicies, "firing"],
      ["a", "pending"],
    ]);
    const many = Array.from({ length: 80 }, (_, index) => subject(`x ${index}`, "firing"));
    const more = Array.from({ length: 80 }, (_, index) => subject(`y ${index}`, "firing"));
    expect(
      mergedAlerts([[report("errors", ...many)], [report("errors", ...more)]])[0]?.subjects,
    ).toHaveLength(100);
  });
});
