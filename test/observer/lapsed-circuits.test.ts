import { describe, expect, it } from "vitest";
import type { CircuitState, EventDetails, PolicyEvent } from "../../src/core/events.ts";
import {
  Alerts,
  checkRules,
  mergedState,
  metricsOf,
  type ObservedBatch,
  Observer,
  type ObserverPart,
  otherPolicies,
  Tally,
} from "../../src/observer/index.ts";
import { prometheusText } from "../../src/telemetry/index.ts";

const start = Date.UTC(2026, 0, 1);
const second = 1_000;
const minute = 60_000;

const opening: EventDetails["circuit.opened"] = {
  circuit: "prices",
  from: "closed",
  failureRate: 1,
  openFor: 30 * second,
  reason: "failures",
};

interface Told {
  readonly policy?: string;
  readonly circuit?: string;
}

/** The ways by which what pages tell comes to an observer. */
const ways = { "batch by batch": false, "as a tally, each second": true };

/** An observer that several pages tell, each of which has a circuit of its own under the same name. */
function stage(tallied = false) {
  let observer = new Observer(start);
  let tally = new Tally();
  let now = start;
  const merge = (): void => {
    for (const [, part] of tally.parts(1)) observer.merge(JSON.parse(JSON.stringify(part)), now);
    tally = new Tally();
  };
  const tell = (from: string, details: object, { policy = "prices" }: Told = {}): void => {
    const event = { policy, at: now, ...details } as unknown as PolicyEvent;
    const batch: ObservedBatch = {
      source: { id: from, kind: "page" },
      sentAt: now,
      dropped: 0,
      events: [event],
    };
    if (tallied) tally.add(batch, now);
    else observer.fold(batch, now);
  };
  return {
    opened: (from: string, told?: Told) => tell(from, { type: "circuit.opened", ...opening }, told),
    closed: (from: string) =>
      tell(from, { type: "circuit.closed", circuit: "prices", from: "half-open", openFor: 1 }),
    halfOpened: (from: string) =>
      tell(from, { type: "circuit.half-opened", circuit: "prices", from: "open" }),
    rejected: (from: string, state: CircuitState = "open") =>
      tell(from, { type: "circuit.rejected", circuit: "prices", state }),
    forced: (from: string) =>
      tell(from, { type: "circuit.opened", ...opening, openFor: undefined, reason: "forced" }),
    called: (from: string, state: CircuitState = "closed", { circuit = "prices", ...told }: Told = {}) => {
      const circuits = [{ circuit, state, result: "success" }];
      tell(from, { type: "request.succeeded", duration: 5, attempts: 1, circuits }, told);
    },
    /** Lets time pass, with what a page does each second. */
    pass: (ms: number, each: () => void = () => {}) => {
      for (const end = now + ms; now < end; ) {
        merge();
        now += Math.min(second, end - now);
        each();
      }
      merge();
    },
    restart: () => {
      const snapshot = JSON.parse(JSON.stringify(observer.snapshot("prices")));
      observer = new Observer(now);
      observer.restore(snapshot);
    },
    get circuit() {
      return observer.getPolicyState("prices", now)?.circuits[0];
    },
    get observer() {
      return observer;
    },
    get now() {
      return now;
    },
  };
}

describe.each(Object.entries(ways))("a circuit that one page opened, told %s", (_, tallied) => {
  it("is closed again a minute after anybody told of the opening, while others' calls pass", () => {
    const told = stage(tallied);
    told.opened("gone");
    told.pass(59 * second, () => told.called("alive"));
    expect(told.circuit).toMatchObject({ state: "open", reason: "failures" });
    told.pass(60 * minute, () => told.called("alive"));
    expect(told.circuit).toMatchObject({
      state: "closed",
      since: start + minute,
      until: null,
      reason: "unconfirmed",
      openings: 1,
      timeIn: { open: minute, closed: 59 * minute + 59 * second },
    });
    expect(told.observer.getCircuitState("prices")).toBe("closed");
    expect(prometheusText(metricsOf(told.observer, told.now))).toContain(
      'resilience_circuit_breaker_open{policy="prices",circuit="prices"} 0',
    );
  });

  it("stays open as long as that page refuses calls, or probes", () => {
    const told = stage(tallied);
    told.opened("there");
    told.pass(5 * minute, () => {
      told.called("alive");
      if (told.now % (50 * second) === 0) told.rejected("there");
    });
    expect(told.circuit).toMatchObject({ state: "open", since: start });
    told.halfOpened("there");
    told.pass(5 * minute, () => {
      told.called("alive");
      if (told.now % (50 * second) === 0) told.called("there", "half-open");
    });
    expect(told.circuit).toMatchObject({ state: "half-open", since: start + 5 * minute });
    told.pass(2 * minute, () => told.called("alive"));
    expect(told.circuit).toMatchObject({ state: "closed", reason: "unconfirmed" });
  });

  it("counts as closing when that page tells so after all", () => {
    const told = stage(tallied);
    told.opened("slow");
    told.pass(3 * minute, () => told.called("alive"));
    told.closed("slow");
    told.closed("alive");
    told.pass(second);
    expect(told.circuit).toMatchObject({
      state: "closed",
      since: start + 3 * minute,
      reason: null,
      openings: 1,
    });
    expect(told.circuit?.timeIn).toEqual({ open: minute, closed: 2 * minute + second });
    const [totals] = told.observer.totals();
    expect(totals?.transitions).toEqual([
      ["prices", "closed", 1],
      ["prices", "open", 1],
    ]);
    expect(totals?.openings).toHaveLength(1);
  });

  it("is open again when that page comes back", () => {
    const told = stage(tallied);
    told.opened("asleep");
    told.pass(2 * minute, () => told.called("alive"));
    told.rejected("asleep");
    told.pass(second);
    expect(told.circuit).toMatchObject({
      state: "open",
      since: start + 2 * minute,
      reason: null,
      openings: 1,
    });
  });

  it("stays open while nobody calls: silence is no sign of health", () => {
    const told = stage(tallied);
    told.opened("gone");
    told.pass(10 * minute);
    expect(told.circuit).toMatchObject({ state: "open" });
  });

  it("stays forced open, whoever's calls pass", () => {
    const told = stage(tallied);
    told.forced("gone");
    told.pass(60 * minute, () => told.called("alive"));
    expect(told.circuit).toMatchObject({ state: "forced-open", since: start });
  });

  it("is closed also where the observer was restarted meanwhile", () => {
    const told = stage(tallied);
    told.opened("gone");
    told.pass(40 * second, () => told.called("alive"));
    told.restart();
    told.pass(19 * second, () => told.called("alive"));
    expect(told.circuit).toMatchObject({ state: "open" });
    told.pass(second, () => told.called("alive"));
    expect(told.circuit).toMatchObject({ state: "closed", since: start + minute, reason: "unconfirmed" });
  });
});

describe("a circuit that one page opened", () => {
  it("is open until the time that its opening was to last", () => {
    const told = stage();
    const openFor = 5 * minute;
    const event = { type: "circuit.opened", policy: "prices", at: start, ...opening, openFor } as PolicyEvent;
    told.observer.fold(
      { source: { id: "gone", kind: "page" }, sentAt: start, dropped: 0, events: [event] },
      start,
    );
    told.pass(4 * minute + 59 * second, () => told.called("alive"));
    expect(told.circuit).toMatchObject({ state: "open" });
    told.pass(second, () => told.called("alive"));
    expect(told.circuit).toMatchObject({ state: "closed", since: start + 5 * minute });
  });

  it("is closed by calls through what somebody switched off as well", () => {
    const told = stage();
    told.opened("gone");
    told.pass(2 * minute, () => told.called("alive", "disabled"));
    expect(told.circuit).toMatchObject({ state: "closed", reason: "unconfirmed" });
  });

  it("resolves the alert on it", () => {
    const told = stage();
    const alerts = new Alerts(checkRules([{ name: "open", when: "circuit-open" }]));
    const statuses = (): string[] =>
      alerts.evaluate(told.observer.getSystemState(told.now).policies, told.now).map(({ status }) => status);
    told.opened("gone");
    expect(statuses()).toEqual(["firing"]);
    told.pass(2 * minute, () => told.called("alive"));
    expect(statuses()).toEqual(["resolved"]);
  });

  it("is closed for the parent of shards of which one heard of the opening and the other of calls, whichever comes first", () => {
    const told = { policy: otherPolicies };
    const [one, other] = [stage(), stage()];
    one.pass(second);
    one.opened("gone", told);
    one.pass(3 * minute);
    const states = (): (string | undefined)[] => {
      const parts = [one, other].map(({ observer }): ObserverPart => {
        const snapshot = observer.snapshot(otherPolicies);
        const others = snapshot === undefined ? null : { snapshot, reporters: 0 };
        return { since: start, events: 0, dropped: 0, policies: [], others, gaps: [], alerts: null };
      });
      return [parts, parts.toReversed()].map(
        (each) => mergedState(each, one.now).policies[0]?.circuits[0]?.state,
      );
    };
    expect(states()).toEqual(["open", "open"]);
    other.called("alive", "closed", told);
    other.pass(59 * second, () => other.called("alive", "closed", told));
    expect(states()).toEqual(["open", "open"]);
    other.pass(2 * minute, () => other.called("alive", "closed", told));
    expect(states()).toEqual(["closed", "closed"]);
  });
});

describe("a circuit of which nobody told for a quarter of an hour", () => {
  const gauge = ({ observer, now }: ReturnType<typeof stage>): string | undefined =>
    /^resilience_circuit_breaker_open\{.*/m.exec(prometheusText(metricsOf(observer, now)))?.[0];

  it("is in no gauge any more, since nobody knows whether it is open", () => {
    const told = stage();
    told.opened("gone");
    told.pass(15 * minute);
    expect(gauge(told)).toMatch(/ 1$/);
    told.pass(1);
    expect(gauge(told)).toBeUndefined();
  });

  it("stays in it when a person forced it open", () => {
    const told = stage();
    told.forced("gone");
    told.pass(60 * minute);
    expect(gauge(told)).toMatch(/ 1$/);
  });
});

describe("circuits of one name in several policies", () => {
  it("are as bad as the worst of them, whichever was heard of first", () => {
    const told = stage();
    told.called("a", "closed", { policy: "calm" });
    told.called("a", "half-open", { policy: "probing" });
    expect(told.observer.getCircuitState("prices")).toBe("half-open");
    told.opened("a", { policy: "down" });
    told.called("a", "disabled", { policy: "off" });
    expect(told.observer.getCircuitState("prices")).toBe("open");
    expect(told.observer.getCircuitState("unheard of")).toBeUndefined();
  });
});
