import {
  type Report as AnyReport,
  type View as AnyView,
  type CircuitBreakerOptions,
  type CircuitState,
  circuitBreaker,
  isRejected,
  type Store,
  sharedBy,
} from "ninelives";
import { ManualClock, seededRandom } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import {
  type CircuitCommand,
  type CircuitRecord,
  command,
  coordinate,
  viewOf,
} from "../../src/state/coordinator.ts";
import type { CircuitReport as Report, CircuitView as View } from "../../src/state/sync.ts";
import { type StageOptions, stage } from "./stage.ts";

const down = new Error("down");
const hasty = { consecutiveFailures: 1, openFor: "1s" } as const;

/** A home in memory, whose ways to it the test can break. */
function home(clock: ManualClock, { pushes = false } = {}) {
  const listeners = new Map<string, (view: View) => void>();
  const staged = {
    reports: [] as Report[],
    record: undefined as CircuitRecord | undefined,
    /** What comes of a report besides its effect. */
    way: "open" as "open" | "cut" | "answers lost" | "silent",
    error: new Error("unreachable") as unknown,
    store: {
      async sync(_: string, said: AnyReport, onNews: (view: AnyView) => void): Promise<AnyView> {
        const report = said as Report;
        staged.reports.push(report);
        listeners.set(report.replica, onNews);
        if (staged.way === "cut") throw staged.error;
        if (staged.way === "silent") return new Promise(() => {});
        const [record, view] = coordinate(staged.record, report, clock.now());
        const news = record.epoch !== staged.record?.epoch;
        staged.record = record;
        if (staged.way === "answers lost") throw staged.error;
        if (pushes && news) staged.push(report.replica);
        return view;
      },
    } satisfies Store,
    push(except?: string): void {
      for (const [replica, listener] of listeners) {
        if (replica !== except) listener(viewOf(staged.record as CircuitRecord));
      }
    },
    command(what: CircuitCommand): void {
      staged.record = command(staged.record, what, clock.now());
    },
  };
  return staged;
}

/** Replicas of one circuit, each with callers and an origin of its own, under one clock. */
function fleet(size: number, options: CircuitBreakerOptions = hasty, homeOptions: { pushes?: boolean } = {}) {
  const clock = new ManualClock();
  const shared = home(clock, homeOptions);
  const replicas = Array.from({ length: size }, (_, index) => {
    const circuit = circuitBreaker({ name: "db", shared: sharedBy(shared.store), ...options });
    const waited: Promise<unknown>[] = [];
    const staging: StageOptions = {
      clock,
      random: seededRandom(index + 1),
      waitUntil: (work) => waited.push(work),
    };
    return { circuit, waited, ...stage(circuit, staging) };
  });
  const each = async (act: (replica: (typeof replicas)[number]) => Promise<unknown>): Promise<void> => {
    for (const replica of replicas) await act(replica);
  };
  return {
    clock,
    shared,
    replicas,
    each,
    /** All have reported once, so that they know the epoch and the home knows them. */
    async meet(): Promise<void> {
      await each(({ succeed }) => succeed());
    },
    /** The fleet's circuit has opened on its own evidence, and its open time has passed. */
    async breakDown(): Promise<void> {
      await each(({ fail }) => fail());
      await each(({ call }) => {
        call();
        return clock.advance(0);
      });
      expect(shared.record?.state).toBe("open");
      await clock.advance(1_000);
    },
  };
}

const [first, second] = [0, 1] as const;
function member<T>(replicas: readonly T[], index: number): T {
  return replicas[index] as T;
}

describe("circuitBreaker with a shared home", () => {
  it("lets no call wait for the home", async () => {
    const { shared, replicas, clock } = fleet(1);
    const { succeed, fail, circuit } = member(replicas, first);
    shared.way = "silent";
    expect((await succeed()).seen).toEqual({ value: "ok" });
    expect((await fail(down)).error).toBe(down);
    expect(circuit.state).toBe("open");
    expect(clock.pending).toBe(0);
  });

  it("reports as calls ride by, at the pace that the home sets, in the background that waitUntil keeps", async () => {
    const { shared, replicas, clock } = fleet(1);
    const { succeed, waited } = member(replicas, first);
    for (let made = 0; made < 100; made++) {
      await succeed();
      await clock.advance(100);
    }
    expect(shared.reports.length).toBe(5);
    expect(waited.length).toBe(5);
    await expect(Promise.all(waited)).resolves.toBeDefined();
    expect(shared.reports.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    expect(shared.record?.counts.ok).toBe(shared.reports.reduce((sum, { ok }) => sum + ok, 0));
    expect(clock.pending).toBe(0);
  });

  it("reports nothing where nobody calls", async () => {
    const { shared, clock } = fleet(1);
    await clock.advance(60_000);
    expect(shared.reports).toEqual([]);
  });

  it("opens in a lone replica at once, and for the fleet with its next report", async () => {
    const { shared, replicas, meet } = fleet(1);
    await meet();
    const { circuit, fail, sink } = member(replicas, first);
    await fail();
    expect(circuit.state).toBe("open");
    expect(shared.record?.state).toBe("open");
    // The fleet opened on its evidence alone: that is told once.
    expect(sink.of("circuit.opened").map(({ reason, from }) => [reason, from])).toEqual([
      ["failures", "closed"],
    ]);
  });

  it("tells of each probe that fails, by whose failure the fleet opened again", async () => {
    const { replicas, clock, meet } = fleet(1);
    await meet();
    const { fail, sink } = member(replicas, first);
    await fail();
    for (let probes = 0; probes < 2; probes++) {
      // Past the open time, which grows, and past the next slot to report.
      for (let seconds = 0; seconds < 8; seconds++) {
        await clock.advance(1_000);
        await fail();
      }
    }
    const told = sink.events
      .map(({ type }) => type)
      .filter((type) => /^circuit.(opened|half-opened|closed)$/.test(type));
    const turns = told.length;
    expect(turns).toBeGreaterThanOrEqual(5);
    expect(told).toEqual(
      Array.from({ length: turns }, (_, turn) => (turn % 2 === 0 ? "circuit.opened" : "circuit.half-opened")),
    );
  });

  it("opens in one replica of three without the fleet, and closes there by itself", async () => {
    const { shared, replicas, clock, meet } = fleet(3);
    await meet();
    const [a, b] = [member(replicas, first), member(replicas, second)];
    await a.fail();
    expect([a.circuit.state, b.circuit.state, shared.record?.state]).toEqual(["open", "closed", "closed"]);
    await clock.advance(1_000);
    expect((await a.succeed()).seen).toEqual({ value: "ok" });
    expect(a.circuit.state).toBe("closed");
  });

  it("opens for all when two of three say so, those too that saw nothing themselves", async () => {
    const { shared, replicas, clock, meet } = fleet(3);
    await meet();
    await member(replicas, first).fail();
    await member(replicas, second).fail();
    expect(shared.record?.state).toBe("open");
    const third = member(replicas, 2);
    await clock.advance(2_000 - 1_000);
    expect(third.circuit.state).toBe("closed");
    await clock.advance(999);
    await third.succeed();
    // Its slot is after those of the two others.
    await clock.advance(21);
    await third.succeed();
    expect(third.circuit.state).not.toBe("closed");
    const calls = third.origin.calls.length;
    const refused = third.call();
    await clock.advance(0);
    expect(isRejected(refused.error, "circuit-open")).toBe(true);
    expect(third.origin.calls.length).toBe(calls);
  });

  it("hears at once of what another did, where the home can push", async () => {
    const { replicas, clock, meet } = fleet(3, hasty, { pushes: true });
    await meet();
    await member(replicas, first).fail();
    await member(replicas, second).fail();
    const third = member(replicas, 2);
    expect(third.circuit.state).toBe("open");
    expect(third.sink.of("circuit.opened")).toEqual([
      expect.objectContaining({
        circuit: "db",
        from: "closed",
        reason: "fleet",
        openFor: 1_000,
        failureRate: 0,
      }),
    ]);
    const refused = third.call();
    await clock.advance(0);
    expect(refused.error).toMatchObject({ kind: "circuit-open", policy: "db" });
    expect(clock.pending).toBe(0);
  });

  it("sends exactly one probe for the whole fleet, and closes for all when it succeeds", async () => {
    const { shared, replicas, clock, each, meet, breakDown } = fleet(4, hasty, { pushes: true });
    await meet();
    await breakDown();
    const before = replicas.map(({ origin }) => origin.calls.length);
    const sent = () => replicas.map(({ origin }, index) => origin.calls.length - (before[index] ?? 0));
    for (let round = 0; round < 30; round++) {
      await each(({ call }) => {
        call();
        return clock.advance(10);
      });
    }
    expect(shared.record?.state).toBe("half-open");
    expect(sent().toSorted()).toEqual([0, 0, 0, 1]);
    const prober = member(replicas, sent().indexOf(1));
    expect(new Set(replicas.map(({ circuit }) => circuit.state))).toEqual(new Set(["half-open"]));
    prober.origin.last.succeed("well");
    await clock.advance(0);
    expect(shared.record?.state).toBe("closed");
    expect(replicas.map(({ circuit }) => circuit.state)).toEqual(["closed", "closed", "closed", "closed"]);
    for (const { sink } of replicas) {
      expect(sink.of("circuit.half-opened")).toEqual([
        expect.objectContaining({ circuit: "db", from: "open" }),
      ]);
      expect(sink.of("circuit.closed")).toEqual([
        expect.objectContaining({ circuit: "db", from: "half-open", openFor: expect.any(Number) }),
      ]);
    }
  });

  it("asks another replica when one's probe failed, and opens again when that fails too", async () => {
    const { shared, replicas, clock, meet, breakDown } = fleet(2, hasty, { pushes: true });
    await meet();
    await breakDown();
    const [a, b] = [member(replicas, first), member(replicas, second)];
    const probeBy = async ({ call, origin }: typeof a): Promise<boolean> => {
      const calls = origin.calls.length;
      for (let made = 0; made < 3 && origin.calls.length === calls; made++) {
        call();
        await clock.advance(500);
      }
      if (origin.calls.length === calls) return false;
      origin.last.fail(down);
      await clock.advance(0);
      return true;
    };
    expect(await probeBy(a)).toBe(true);
    expect(await probeBy(a)).toBe(false);
    expect(shared.record).toMatchObject({ state: "half-open", failers: [expect.any(String)] });
    expect(await probeBy(b)).toBe(true);
    await probeBy(b);
    expect(shared.record).toMatchObject({ state: "open", reason: "probe", openFor: 2_000 });
  });

  describe("a probe", () => {
    async function probing() {
      const staged = fleet(1);
      await staged.meet();
      await staged.breakDown();
      const replica = member(staged.replicas, first);
      replica.call();
      await staged.clock.advance(0);
      const controller = new AbortController();
      const probe = replica.call({ signal: controller.signal });
      await staged.clock.advance(0);
      expect(probe.seen).toBe("nothing yet");
      return { ...staged, ...replica, controller, probe };
    }

    it("is cut off when its permit ends, and has failed", async () => {
      const { clock, call, probe, origin, shared } = await probing();
      const ttl = (shared.record?.permits[0]?.until ?? 0) - (shared.record?.time ?? 0);
      await clock.advance(ttl - 1);
      expect(probe.seen).toBe("nothing yet");
      await clock.advance(1);
      expect(isRejected(probe.error, "timeout")).toBe(true);
      expect(origin.last.context.signal.aborted).toBe(true);
      call();
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });

    it("that its caller aborts leaves its permit to the next call", async () => {
      const { clock, call, origin, controller, probe, circuit } = await probing();
      const calls = origin.calls.length;
      controller.abort("navigated");
      await clock.advance(0);
      expect(probe.error).toBe("navigated");
      call();
      await clock.advance(0);
      expect(origin.calls.length).toBe(calls + 1);
      origin.last.succeed("ok");
      await clock.advance(0);
      call();
      await clock.advance(0);
      expect(circuit.state).toBe("closed");
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });

    it("is the only one while reports go on", async () => {
      const { clock, call, origin, shared } = await probing();
      const calls = origin.calls.length;
      const reports = shared.reports.length;
      for (let made = 0; made < 15; made++) {
        call();
        await clock.advance(100);
      }
      expect(shared.reports.length).toBeGreaterThan(reports);
      expect(origin.calls.length).toBe(calls);
    });

    it("that succeeds slowly has failed", async () => {
      const staged = fleet(1, { ...hasty, slowCall: "100ms" });
      await staged.meet();
      await staged.breakDown();
      const { call, origin, clock } = { ...member(staged.replicas, first), clock: staged.clock };
      call();
      await clock.advance(0);
      call();
      await clock.advance(101);
      origin.last.succeed("late");
      await clock.advance(0);
      call();
      await clock.advance(0);
      expect(staged.shared.record).toMatchObject({ state: "open", reason: "probe" });
    });
  });

  describe("whose home fails", () => {
    it("goes on by itself, says so, and asks less and less often", async () => {
      const { shared, replicas, clock } = fleet(1);
      const { circuit, call, succeed, fail, sink, origin } = member(replicas, first);
      shared.way = "cut";
      shared.error = Object.assign(new Error("no"), { name: "NetworkError" });
      await fail();
      expect(circuit.state).toBe("open");
      const refused = call();
      await clock.advance(0);
      expect(isRejected(refused.error, "circuit-open")).toBe(true);
      await clock.advance(1_000);
      expect((await succeed()).seen).toEqual({ value: "ok" });
      expect(circuit.state).toBe("closed");
      for (let second = 0; second < 58; second++) {
        await clock.advance(1_000);
        await succeed();
      }
      // Half as long again at most, by chance: all others lost it at the same moment.
      for (const [index, { retryIn }] of sink.of("store.failed").entries()) {
        const pause = [2_000, 4_000, 8_000, 16_000, 30_000][index] as number;
        expect(retryIn).toBeGreaterThanOrEqual(pause);
        expect(retryIn).toBeLessThanOrEqual(1.5 * pause);
      }
      expect(sink.of("store.failed").length).toBeGreaterThanOrEqual(4);
      expect(sink.of("store.failed")[0]).toMatchObject({ circuit: "db", kind: "NetworkError" });
      expect(new Set(shared.reports.map(({ seq }) => seq))).toEqual(new Set([1]));
      expect(origin.calls.length).toBe(60);
      expect(clock.pending).toBe(0);
    });

    it.each<[string, unknown, number]>([
      ["overloaded", Object.assign(new Error("busy"), { overloaded: true }), 8_000],
      ["not overloaded", Object.assign(new Error("busy"), { overloaded: false }), 2_000],
      ["nothing at all", undefined, 2_000],
      ["null", null, 2_000],
    ])("and is %s: asks again after a while", async (_, error, retryIn) => {
      const { shared, replicas } = fleet(1);
      const { succeed, sink } = member(replicas, first);
      shared.way = "cut";
      shared.error = error;
      await succeed();
      const [failed, ...more] = sink.of("store.failed").map((event) => event.retryIn / retryIn);
      expect(failed).toBeGreaterThanOrEqual(1);
      expect(failed).toBeLessThanOrEqual(1.5);
      expect(more).toEqual([]);
    });

    it("counts nothing twice when answers are lost", async () => {
      const { shared, replicas, clock, meet } = fleet(2);
      await meet();
      const { succeed } = member(replicas, first);
      await succeed();
      await clock.advance(2_000);
      shared.way = "answers lost";
      for (let made = 0; made < 10; made++) {
        await succeed();
        await clock.advance(1_000);
      }
      shared.way = "open";
      await clock.advance(30_000);
      await succeed();
      await clock.advance(2_000);
      await succeed();
      expect(shared.record?.counts.ok).toBe(12);
    });

    it("half-opens for itself when an open view has outlived its time", async () => {
      const { shared, replicas, clock, meet, breakDown } = fleet(1);
      await meet();
      await breakDown();
      shared.way = "cut";
      const { circuit, call, sink, origin } = member(replicas, first);
      const calls = origin.calls.length;
      call();
      await clock.advance(0);
      expect(origin.calls.length).toBe(calls);
      await clock.advance(10_000);
      const probe = call();
      await clock.advance(0);
      expect(circuit.state).toBe("half-open");
      const refused = call();
      await clock.advance(0);
      expect(isRejected(refused.error, "circuit-open")).toBe(true);
      expect(origin.calls.length).toBe(calls + 1);
      origin.last.succeed("well");
      await clock.advance(0);
      expect(probe.seen).toEqual({ value: "well" });
      expect(circuit.state).toBe("closed");
      expect(sink.types.filter((type) => type.startsWith("circuit")).slice(-3)).toEqual([
        "circuit.half-opened",
        "circuit.rejected",
        "circuit.closed",
      ]);
    });

    it("leaves a circuit that a person holds as it is when a view has outlived its time", async () => {
      const { shared, replicas, clock, meet, breakDown } = fleet(1);
      await meet();
      await breakDown();
      shared.way = "cut";
      const { circuit, succeed } = member(replicas, first);
      circuit.disable();
      await clock.advance(20_000);
      await succeed();
      expect(circuit.state).toBe("disabled");
    });

    it("comes back to it when it answers again", async () => {
      const { shared, replicas, clock } = fleet(1);
      const { succeed, fail, circuit } = member(replicas, first);
      shared.way = "cut";
      await succeed();
      shared.way = "open";
      await clock.advance(3_000);
      await succeed();
      await fail();
      expect([circuit.state, shared.record?.state]).toEqual(["open", "open"]);
    });
  });

  it("takes a home that holds something else under its name for one that failed, and goes on alone", async () => {
    const clock = new ManualClock();
    const lease: AnyView = { kind: "lease", epoch: 9, held: false, remaining: 0, nextSync: 2_000 };
    const heard: ((view: AnyView) => void)[] = [];
    const shared: Store = {
      async sync(_, _report, onNews) {
        heard.push(onNews);
        return lease;
      },
    };
    const circuit = circuitBreaker({ shared: sharedBy(shared) });
    const { succeed, sink } = stage(circuit, { clock });
    expect((await succeed()).seen).toEqual({ value: "ok" });
    expect(sink.of("store.failed")).toEqual([expect.objectContaining({ kind: "TypeError" })]);
    heard[0]?.(lease);
    expect(circuit.state).toBe("closed");
  });

  it("counts a caller's abort as nothing", async () => {
    const { shared, replicas, clock, meet } = fleet(1);
    await meet();
    const { call, succeed, origin } = member(replicas, first);
    const controller = new AbortController();
    const seen = call({ signal: controller.signal });
    controller.abort("navigated");
    origin.last.fail(down);
    await clock.advance(2_000);
    expect(seen.error).toBe("navigated");
    await succeed();
    expect(shared.record?.counts).toEqual({ ok: 0, fail: 0, slow: 0 });
    await clock.advance(2_000);
    await succeed();
    expect(shared.record?.counts).toEqual({ ok: 1, fail: 0, slow: 0 });
  });

  it("says nothing of a report that fails after it was sent again and answered", async () => {
    const clock = new ManualClock();
    const shared = home(clock);
    const hung: (() => void)[] = [];
    const sent: AnyReport[] = [];
    const store: Store = {
      sync(name, report, onNews) {
        sent.push(report);
        if (sent.length > 1) return shared.store.sync(name, report, onNews);
        return new Promise((_, reject) => hung.push(() => reject(down)));
      },
    };
    const { succeed, sink } = stage(circuitBreaker({ shared: sharedBy(store) }), { clock });
    await succeed();
    await clock.advance(5_000);
    await succeed();
    expect(sent[1]).toBe(sent[0]);
    hung[0]?.();
    await clock.advance(2_000);
    await succeed();
    // It hung: that alone is told.
    expect(sink.of("store.failed").map(({ kind, retryIn }) => [kind, retryIn])).toEqual([
      ["timeout", 10_000],
    ]);
    expect(sent.map(({ seq }) => seq)).toEqual([1, 1, 2]);
  });

  describe("that a person commands", () => {
    it.each<[CircuitCommand, CircuitState, boolean]>([
      ["open", "forced-open", false],
      ["disable", "disabled", true],
      ["metrics-only", "metrics-only", true],
    ])("%s holds in all replicas", async (what, state, passes) => {
      const { shared, replicas, clock, meet, each } = fleet(2);
      await meet();
      await member(replicas, second).fail();
      shared.command(what);
      shared.push();
      const before = replicas.map(({ origin }) => origin.calls.length);
      await each(({ fail }) => fail());
      expect(replicas.map(({ circuit }) => circuit.state)).toEqual([state, state]);
      expect(replicas.map(({ origin }, index) => origin.calls.length - (before[index] ?? 0))).toEqual(
        passes ? [1, 1] : [0, 0],
      );
      const opened = member(replicas, first).sink.of("circuit.opened");
      expect(opened).toEqual(passes ? [] : [expect.objectContaining({ reason: "forced" })]);
      if (!passes) expect(opened[0]).not.toHaveProperty("openFor");
      expect(clock.pending).toBe(0);
    });

    it("close closes the circuits of all, those too that opened alone", async () => {
      const { shared, replicas, meet } = fleet(2);
      await meet();
      const { circuit, fail, sink } = member(replicas, first);
      await fail();
      expect([circuit.state, shared.record?.state]).toEqual(["open", "closed"]);
      shared.command("close");
      shared.push();
      expect(circuit.state).toBe("closed");
      expect(sink.of("circuit.closed")).toEqual([expect.objectContaining({ from: "closed" })]);
      expect(member(replicas, second).sink.of("circuit.closed")).toEqual([]);
    });

    it("close leaves a circuit that a person holds in its own replica", async () => {
      const { shared, replicas, meet } = fleet(1);
      await meet();
      const { circuit, call, sink } = member(replicas, first);
      circuit.open();
      shared.command("open");
      shared.push();
      shared.command("close");
      shared.push();
      expect(circuit.state).toBe("forced-open");
      call();
      expect(sink.of("circuit.closed")).toEqual([expect.objectContaining({ openFor: 0 })]);
    });

    it("is not undone by a view of an older epoch that comes late", async () => {
      const { shared, replicas, meet } = fleet(1);
      await meet();
      const before = shared.record;
      shared.command("open");
      shared.push();
      shared.record = before;
      shared.push();
      expect(member(replicas, first).circuit.state).toBe("forced-open");
    });
  });

  it("takes the time of what it heard before the first call from that call's clock", async () => {
    const clock = new ManualClock();
    await clock.advance(500);
    const shared = home(clock);
    const circuit = circuitBreaker({ name: "db", shared: sharedBy(shared.store), ...hasty });
    const { call, fail } = stage(circuitBreaker({ name: "db", shared: sharedBy(shared.store), ...hasty }), {
      clock,
    });
    await fail();
    call();
    await clock.advance(0);
    expect(shared.record?.state).toBe("open");
    await circuit.sync();
    expect(circuit.state).toBe("open");
    const second = stage(circuit, { clock, random: seededRandom(9) });
    const refused = second.call();
    await clock.advance(0);
    expect(isRejected(refused.error, "circuit-open")).toBe(true);
    shared.way = "cut";
    await clock.advance(30_000);
    await second.succeed();
    expect(circuit.state).toBe("closed");
  });

  it("asks the home when told to, before any call, and takes its view", async () => {
    const clock = new ManualClock();
    const shared = home(clock);
    shared.command("open");
    const circuit = circuitBreaker({ name: "db", shared: sharedBy(shared.store) });
    await circuit.sync();
    expect(circuit.state).toBe("forced-open");
    shared.command("disable");
    shared.push();
    expect(circuit.state).toBe("disabled");
    shared.command("open");
    shared.push();
    await expect(circuit.execute(async () => "never")).rejects.toMatchObject({ kind: "circuit-open" });
    shared.way = "cut";
    await expect(circuit.sync()).resolves.toBeUndefined();
  });
});
