import { describe, expect, it } from "vitest";
import type { CircuitState, PolicyEvent } from "../../src/core/events.ts";
import { type AlertRule, Alerts, checkRules, Observer } from "../../src/observer/index.ts";

const start = Date.UTC(2026, 0, 1);
const second = 1_000;
const minute = 60_000;

/** Rules over an observer that a test feeds. */
function stage(...rules: AlertRule[]) {
  const observer = new Observer(start);
  const alerts = new Alerts(checkRules(rules));
  let now = start;
  const tell = (events: readonly object[]) =>
    observer.fold(
      {
        source: { id: "abcdef", kind: "page" },
        sentAt: now,
        dropped: 0,
        events: events.map((event) => ({ policy: "prices", at: now, ...event }) as PolicyEvent),
      },
      now,
    );
  const look = () => alerts.evaluate(observer.getSystemState(now).policies, now);
  return {
    alerts,
    tell,
    /** Calls that ended so, each after 10 ms and one attempt if nothing else is said. */
    calls: (failed: number, of: number, more: object = {}) =>
      tell(
        Array.from({ length: of }, (_, index) => ({
          type: index < failed ? "request.failed" : "request.succeeded",
          kind: "value",
          duration: 10,
          attempts: 1,
          ...more,
        })),
      ),
    circuit: (to: "open" | "half-open" | "closed" | "forced-open", policy = "prices") => {
      const circuit = { circuit: "prices", from: "closed" as CircuitState, policy };
      if (to === "closed") return tell([{ type: "circuit.closed", openFor: 1, ...circuit }]);
      if (to === "half-open") return tell([{ type: "circuit.half-opened", ...circuit }]);
      const openFor = to === "open" ? { openFor: 30 * second } : {};
      return tell([{ type: "circuit.opened", failureRate: 1, reason: "failures", ...openFor, ...circuit }]);
    },
    pass: (ms: number) => {
      now += ms;
    },
    look,
    /** What is told now, in short. */
    told: () => look().map(({ status, policy, circuit, value }) => [status, policy, circuit, value]),
    states: () => alerts.reports().map(({ state }) => state),
  };
}

const errors: AlertRule = { name: "errors", when: "error-rate", above: 0.5, for: "30s", minimumRequests: 4 };

describe("Alerts", () => {
  it("fires when it has been too much for as long as the rule says, and tells it once", () => {
    const { calls, pass, told, states } = stage(errors);
    expect([told(), states()]).toEqual([[], ["ok"]]);
    calls(3, 4);
    expect([told(), states()]).toEqual([[], ["pending"]]);
    pass(29 * second);
    expect(told()).toEqual([]);
    pass(second);
    expect([told(), states()]).toEqual([[["firing", "prices", null, 0.75]], ["firing"]]);
    pass(second);
    expect([told(), states()]).toEqual([[], ["firing"]]);
  });

  it("tells once that it is resolved, and may fire again", () => {
    const { calls, pass, told, states } = stage({ ...errors, for: 0 });
    calls(4, 4);
    expect(told()).toEqual([["firing", "prices", null, 1]]);
    calls(0, 12);
    expect([told(), states()]).toEqual([[["resolved", "prices", null, 0.25]], ["ok"]]);
    expect(told()).toEqual([]);
    pass(2 * minute);
    calls(4, 4);
    expect(told()).toEqual([["firing", "prices", null, 1]]);
  });

  it("does not fire for what went by before it was told, nor tells that it is resolved", () => {
    const { calls, pass, told } = stage(errors);
    calls(4, 4);
    told();
    calls(0, 12);
    pass(10 * second);
    expect(told()).toEqual([]);
    pass(50 * second);
    calls(4, 4);
    expect(told()).toEqual([]);
  });

  it("says nothing of too few calls", () => {
    const { calls, told, states } = stage({ ...errors, for: 0 });
    calls(3, 3);
    expect([told(), states()]).toEqual([[], ["ok"]]);
  });

  it("goes on firing while nobody calls, until nothing is known any more", () => {
    const { calls, pass, told, states } = stage({ ...errors, for: 0 });
    calls(4, 4);
    told();
    pass(14 * minute);
    expect([told(), states()]).toEqual([[], ["firing"]]);
    pass(2 * minute);
    expect([told(), states()]).toEqual([[["resolved", "prices", null, null]], ["ok"]]);
  });

  it.each<[AlertRule, object, number]>([
    [{ name: "slow", when: "latency", above: "1s", minimumRequests: 1 }, { duration: 2_000 }, 2_000],
    [{ name: "storm", when: "amplification", above: 1.5, minimumRequests: 1 }, { attempts: 3 }, 3],
  ])("%o fires", (rule, more, about) => {
    const { calls, look } = stage(rule);
    calls(0, 4);
    expect(look()).toEqual([]);
    calls(0, 40, more);
    const [notice] = look();
    expect(notice).toMatchObject({ status: "firing", alert: rule.name, when: rule.when });
    expect(Math.abs((notice?.value as number) / about - 1)).toBeLessThan(0.1);
  });

  it("a circuit that half-opens and opens again was open all along", () => {
    const { circuit, pass, told } = stage({ name: "open", when: "circuit-open", for: "1m" });
    circuit("open");
    pass(30 * second);
    told();
    circuit("half-open");
    told();
    circuit("open");
    pass(29 * second);
    expect(told()).toEqual([]);
    pass(second);
    expect(told()).toEqual([["firing", "prices", "prices", null]]);
    circuit("closed");
    expect(told()).toEqual([["resolved", "prices", "prices", null]]);
  });

  it("a circuit that somebody forced open counts as open", () => {
    const { circuit, told } = stage({ name: "open", when: "circuit-open" });
    circuit("forced-open");
    expect(told()).toEqual([["firing", "prices", "prices", null]]);
  });

  it("knows since when a circuit is open though it looked later", () => {
    const { circuit, pass, told } = stage({ name: "open", when: "circuit-open", for: "1m" });
    circuit("open");
    pass(minute);
    expect(told()).toEqual([["firing", "prices", "prices", null]]);
  });

  it("a circuit that nobody told of for a quarter of an hour is not known to be open", () => {
    const { circuit, calls, pass, told } = stage({ name: "open", when: "circuit-open" });
    circuit("open");
    expect(told()).toHaveLength(1);
    pass(15 * minute);
    calls(0, 1);
    expect(told()).toEqual([]);
    pass(second);
    expect(told()).toEqual([["resolved", "prices", "prices", null]]);
  });

  it("watches each policy by itself, or only the one it names", () => {
    const { circuit, told } = stage(
      { name: "all", when: "circuit-open" },
      { name: "one", when: "circuit-open", policy: "reviews" },
    );
    circuit("open", "prices");
    expect(told()).toEqual([["firing", "prices", "prices", null]]);
    circuit("open", "reviews");
    expect(told()).toEqual([
      ["firing", "reviews", "prices", null],
      ["firing", "reviews", "prices", null],
    ]);
  });

  it("keeps at most a hundred subjects a rule apart", () => {
    const { alerts, circuit, look } = stage({ name: "open", when: "circuit-open" });
    for (let index = 0; index < 150; index++) circuit("open", `policy ${index}`);
    expect(look()).toHaveLength(100);
    expect(look()).toHaveLength(0);
    expect(alerts.reports()[0]?.subjects).toHaveLength(100);
  });

  it("survives a restart without telling again, and forgets rules that are no more", () => {
    const { alerts, circuit, pass, tell, ...first } = stage({ name: "open", when: "circuit-open" });
    circuit("open");
    expect(first.told()).toHaveLength(1);
    const kept = JSON.parse(JSON.stringify(alerts.snapshot()));
    const same = stage({ name: "open", when: "circuit-open" });
    same.alerts.restore(kept);
    same.circuit("open");
    expect([same.told(), same.states()]).toEqual([[], ["firing"]]);
    const other = stage({ name: "other", when: "circuit-open", for: "1m" });
    other.alerts.restore(kept);
    expect(other.states()).toEqual(["ok"]);
  });

  it.each<[AlertRule, (given: ReturnType<typeof stage>) => void, string, string]>([
    [
      errors,
      ({ calls }) => calls(3, 4),
      "Firing: errors. prices: the error rate of the last 1m, 0.75, is above 0.50",
      "Resolved: errors. prices: the error rate of the last 1m, 0.19, is no longer above 0.50",
    ],
    [
      { name: "slow", when: "latency", above: 5, minimumRequests: 1 },
      ({ calls }) => calls(0, 4),
      "Firing: slow. prices: the latency of the last 1m, 10 ms, is above 5 ms",
      "Resolved: slow. prices: the latency of the last 1m is not known any more",
    ],
    [
      { name: "open", when: "circuit-open" },
      ({ circuit }) => circuit("open"),
      "Firing: open. prices: the circuit prices has not been closed for 0 s",
      "Resolved: open. prices: the circuit prices is not open any more as far as anybody tells, after 5 s",
    ],
  ])("%o says what it found in a sentence", (rule, happen, firing, resolved) => {
    const staged = stage({ ...rule, for: 0 });
    happen(staged);
    expect(staged.look().map(({ text }) => text)).toEqual([firing]);
    staged.pass(5 * second);
    if (rule.when === "latency") staged.pass(15 * minute);
    else if (rule.when === "error-rate") staged.calls(0, 12);
    else staged.circuit("closed");
    expect(staged.look().map(({ text }) => text)).toEqual([resolved]);
  });
});

describe("checkRules", () => {
  it("fills in what is left open", () => {
    expect(
      checkRules([
        { name: "errors", when: "error-rate", above: 0.5 },
        { name: "open", when: "circuit-open", for: "2m", policy: "prices" },
        { name: "slow", when: "latency", above: "2s", window: "5m", minimumRequests: 1 },
      ]),
    ).toEqual([
      {
        name: "errors",
        when: "error-rate",
        policy: null,
        above: 0.5,
        for: 0,
        window: "1m",
        minimumRequests: 20,
      },
      {
        name: "open",
        when: "circuit-open",
        policy: "prices",
        above: null,
        for: 120_000,
        window: null,
        minimumRequests: null,
      },
      { name: "slow", when: "latency", policy: null, above: 2_000, for: 0, window: "5m", minimumRequests: 1 },
    ]);
  });

  it.each<[unknown, string]>([
    ["all", 'rules must be a list, but is "all"'],
    [Array.from({ length: 51 }, () => null), "rules must be a list of at most 50 rules, but is 51"],
    [
      [null],
      "rules[0] must be an object with name, when, policy, above, for, window, minimumRequests, but is null",
    ],
    [[{ name: "a", when: "circuit-open", over: 1 }], 'rules[0] has no option "over"'],
    [
      [{ name: "a", when: "rain" }],
      'rules[0].when must be one of circuit-open, error-rate, latency, amplification, but is "rain"',
    ],
    [[{ when: "circuit-open" }], "rules[0].name must be a text of 1 to 150 characters, but is undefined"],
    [
      [{ name: "a", when: "circuit-open", policy: 7 }],
      "rules[0].policy must be a text of 1 to 150 characters, but is 7",
    ],
    [[{ name: "a", when: "circuit-open", for: "soon" }], "rules[0].for must be a duration"],
    [
      [{ name: "a", when: "circuit-open", above: 1 }],
      "rules[0].above must be left out with circuit-open, but is 1",
    ],
    [
      [{ name: "a", when: "circuit-open", window: "1m" }],
      'rules[0].window must be left out with circuit-open, but is "1m"',
    ],
    [[{ name: "a", when: "error-rate" }], "rules[0].above must be given, but is undefined"],
    [
      [{ name: "a", when: "error-rate", above: 50 }],
      "rules[0].above must be a number from 0 to 1, but is 50",
    ],
    [[{ name: "a", when: "latency", above: "slow" }], "rules[0].above must be a duration"],
    [
      [{ name: "a", when: "amplification", above: 0.5 }],
      "rules[0].above must be a number from 1 to 1000, but is 0.5",
    ],
    [
      [{ name: "a", when: "error-rate", above: 1, window: "2m" }],
      'rules[0].window must be one of 1m, 5m, 15m, but is "2m"',
    ],
    [
      [{ name: "a", when: "error-rate", above: 1, minimumRequests: 0 }],
      "rules[0].minimumRequests must be a whole number of at least 1, but is 0",
    ],
    [
      [
        { name: "a", when: "circuit-open" },
        { name: "a", when: "circuit-open" },
      ],
      'rules[1].name must be a name of its own, but is "a"',
    ],
  ])("refuses %j", (rules, message) => {
    expect(() => checkRules(rules as AlertRule[])).toThrow(message);
  });
});
