import { describe, expect, it } from "vitest";
import { Circuit, type CircuitRules, type CircuitState } from "../../src/state/circuit.ts";
import { CountWindow, failed, failedSlowly, slow } from "../../src/state/window.ts";

const usual: CircuitRules = {
  consecutiveFailures: Infinity,
  failureRate: 0.5,
  slowCallRate: 0.5,
  minimumCalls: 4,
  openFor: 1_000,
  maximumOpenFor: 8_000,
  probes: 1,
  successesToClose: 1,
};

/** A circuit whose time the test sets. */
function circuitAt(rules: Partial<CircuitRules> = {}, size = 10) {
  const time = { at: 0, now: () => time.at };
  const circuit = new Circuit({ ...usual, ...rules }, new CountWindow(size));
  return {
    circuit,
    time,
    ok: (epoch = circuit.epoch) => circuit.record(epoch, 0, time),
    slow: (epoch = circuit.epoch) => circuit.record(epoch, slow, time),
    fail: (epoch = circuit.epoch) => circuit.record(epoch, failed, time),
    admit: () => circuit.admit(time),
    open() {
      circuit.open("failures", time);
    },
    halfOpen() {
      circuit.open("failures", time);
      time.at += circuit.openFor;
      circuit.admit(time);
    },
  };
}

type Staged = ReturnType<typeof circuitAt>;

const reach: Record<CircuitState, (staged: Staged) => void> = {
  closed: () => {},
  open: (staged) => staged.open(),
  "half-open": (staged) => staged.halfOpen(),
  "forced-open": ({ circuit, time }) => circuit.force("forced-open", time),
  disabled: ({ circuit, time }) => circuit.force("disabled", time),
  "metrics-only": ({ circuit, time }) => circuit.force("metrics-only", time),
};

const events = {
  "a success": (staged: Staged) => staged.ok(),
  "a slow success": (staged: Staged) => staged.slow(),
  "a failure": (staged: Staged) => staged.fail(),
  "an end that tells nothing": ({ circuit }: Staged) => circuit.release(circuit.epoch),
  "a call before its time": ({ circuit, time }: Staged) => circuit.admit(time),
  "a call after its time": ({ circuit, time }: Staged) => {
    time.at += 1_000;
    return circuit.admit(time);
  },
  close: ({ circuit, time }: Staged) => circuit.close(time),
  reset: ({ circuit, time }: Staged) => circuit.reset(time),
  "openUntil(500)": ({ circuit, time }: Staged) => circuit.openUntil(500, "fleet", time),
} as const;

describe("Circuit", () => {
  it.each<[CircuitState, keyof typeof events, unknown, CircuitState]>([
    ["closed", "a success", false, "closed"],
    ["closed", "a slow success", false, "closed"],
    ["closed", "a failure", true, "open"],
    ["closed", "an end that tells nothing", undefined, "closed"],
    ["closed", "a call before its time", true, "closed"],
    ["closed", "close", undefined, "closed"],
    ["closed", "openUntil(500)", undefined, "open"],
    ["open", "a success", false, "open"],
    ["open", "a slow success", false, "open"],
    ["open", "a failure", false, "open"],
    ["open", "an end that tells nothing", undefined, "open"],
    ["open", "a call before its time", false, "open"],
    ["open", "a call after its time", true, "half-open"],
    ["open", "close", undefined, "closed"],
    ["open", "reset", undefined, "closed"],
    ["open", "openUntil(500)", undefined, "open"],
    ["half-open", "a success", true, "closed"],
    ["half-open", "a slow success", true, "open"],
    ["half-open", "a failure", true, "open"],
    ["half-open", "an end that tells nothing", undefined, "half-open"],
    ["half-open", "a call before its time", false, "half-open"],
    ["half-open", "a call after its time", true, "half-open"],
    ["half-open", "close", undefined, "closed"],
    ["half-open", "openUntil(500)", undefined, "open"],
    ["forced-open", "a success", false, "forced-open"],
    ["forced-open", "a failure", false, "forced-open"],
    ["forced-open", "an end that tells nothing", undefined, "forced-open"],
    ["forced-open", "a call after its time", false, "forced-open"],
    ["forced-open", "close", undefined, "closed"],
    ["disabled", "a success", false, "disabled"],
    ["disabled", "a failure", false, "disabled"],
    ["disabled", "a call before its time", true, "disabled"],
    ["disabled", "reset", undefined, "closed"],
    ["metrics-only", "a success", false, "metrics-only"],
    ["metrics-only", "a failure", false, "metrics-only"],
    ["metrics-only", "a call before its time", true, "metrics-only"],
    ["metrics-only", "close", undefined, "closed"],
  ])("%s, %s: says %s and is %s", (from, event, says, to) => {
    const staged = circuitAt({ consecutiveFailures: 1 });
    reach[from](staged);
    expect(staged.circuit.state).toBe(from);
    expect(events[event](staged)).toBe(says);
    expect(staged.circuit.state).toBe(to);
  });

  it.each<[string, Partial<CircuitRules>, string, CircuitState, string]>([
    ["too few calls", {}, "fff", "closed", ""],
    ["the minimum of calls, all failed", {}, "ffff", "open", "failures"],
    ["a rate below the limit", {}, "sssff", "closed", ""],
    ["a rate at the limit", {}, "ssff", "open", "failures"],
    ["a success that completes the minimum", {}, "fffs", "closed", ""],
    ["slow calls below the limit", {}, "sssll", "closed", ""],
    ["slow calls at the limit", {}, "ssll", "open", "slow-calls"],
    ["slow failures, which count as both", { failureRate: 2 }, "ssbb", "open", "slow-calls"],
    ["rules that never open", { failureRate: 2, slowCallRate: 2 }, "bbbbbbbb", "closed", ""],
    ["failures in a row", { consecutiveFailures: 3, failureRate: 2 }, "fff", "open", "failures"],
    ["failures that a success interrupts", { consecutiveFailures: 3, failureRate: 2 }, "ffsff", "closed", ""],
    [
      "failures that a slow success interrupts",
      { consecutiveFailures: 3, failureRate: 2 },
      "fflf",
      "closed",
      "",
    ],
  ])("on %s", (_, rules, calls, state, reason) => {
    const { circuit, time } = circuitAt(rules);
    for (const call of calls) {
      if (call === "s") circuit.record(circuit.epoch, 0, time);
      else if (call === "l") circuit.record(circuit.epoch, slow, time);
      else if (call === "f") circuit.record(circuit.epoch, failed, time);
      else circuit.record(circuit.epoch, failedSlowly, time);
    }
    expect(circuit.state).toBe(state);
    if (state === "open") expect(circuit.reason).toBe(reason);
  });

  it("tells its rates, which are 0 when nothing was counted", () => {
    const { circuit, ok, fail, slow } = circuitAt({ minimumCalls: 100 });
    expect([circuit.failureRate, circuit.window.slowCalls / (circuit.window.calls || 1)]).toEqual([0, 0]);
    ok();
    ok();
    fail();
    slow();
    expect([circuit.failureRate, circuit.window.slowCalls / (circuit.window.calls || 1)]).toEqual([
      0.25, 0.25,
    ]);
  });

  it("ignores what a call tells that began in another epoch", () => {
    const { circuit, ok, fail, open, time } = circuitAt({ consecutiveFailures: 1 });
    const before = circuit.epoch;
    open();
    circuit.close(time);
    expect(circuit.epoch).toBe(before + 2);
    expect(fail(before)).toBe(false);
    expect(ok(before)).toBe(false);
    expect(circuit.window.calls).toBe(0);
    expect(circuit.state).toBe("closed");
  });

  it("ignores a success from before it opened while it probes", () => {
    const { circuit, ok, halfOpen } = circuitAt();
    const before = circuit.epoch;
    halfOpen();
    expect(ok(before)).toBe(false);
    expect(circuit.state).toBe("half-open");
  });

  it("begins anew after it closes: neither the window nor the row of failures lasts", () => {
    const { circuit, ok, fail, halfOpen } = circuitAt({ consecutiveFailures: 3, failureRate: 2 });
    fail();
    fail();
    halfOpen();
    ok();
    expect(circuit.window.calls).toBe(0);
    fail();
    fail();
    expect(circuit.state).toBe("closed");
  });

  describe("half-open", () => {
    it("admits as many probes as the rules say and no more", () => {
      const { circuit, time, admit, open } = circuitAt({ probes: 2 });
      open();
      time.at = 1_000;
      expect([admit(), admit(), admit()]).toEqual([true, true, false]);
      circuit.release(circuit.epoch);
      expect([admit(), admit()]).toEqual([true, false]);
    });

    it("closes after as many successes as the rules say", () => {
      const { circuit, ok, admit, halfOpen } = circuitAt({ successesToClose: 2 });
      halfOpen();
      expect(ok()).toBe(false);
      expect(admit()).toBe(true);
      expect(ok()).toBe(true);
      expect(circuit.state).toBe("closed");
    });

    it("forgets its successes when a probe fails", () => {
      const { circuit, time, ok, fail, admit, halfOpen } = circuitAt({ successesToClose: 2 });
      halfOpen();
      ok();
      admit();
      fail();
      expect([circuit.state, circuit.reason]).toEqual(["open", "probe"]);
      time.at += circuit.openFor;
      admit();
      expect(ok()).toBe(false);
    });

    it("has all its permits again when it half-opens again", () => {
      const { circuit, time, fail, admit, halfOpen } = circuitAt({ probes: 2 });
      halfOpen();
      admit();
      fail();
      time.at += circuit.openFor;
      expect([admit(), admit(), admit()]).toEqual([true, true, false]);
    });

    it("gives a hung probe's permit to another call after one open time, not before", () => {
      const { time, admit, halfOpen } = circuitAt();
      halfOpen();
      time.at += 999;
      expect(admit()).toBe(false);
      time.at += 1;
      expect([admit(), admit()]).toEqual([true, false]);
    });

    it("gets no permit back from a call whose permit went to another", () => {
      const { circuit, time, admit, halfOpen } = circuitAt();
      halfOpen();
      const hung = circuit.epoch;
      time.at += 1_000;
      admit();
      circuit.release(hung);
      expect(admit()).toBe(false);
    });

    it("still hears what a call tells whose permit went to another", () => {
      const { circuit, time, ok, fail, admit, halfOpen } = circuitAt({ successesToClose: 2 });
      halfOpen();
      const hung = circuit.epoch;
      time.at += 1_000;
      admit();
      expect(ok(hung)).toBe(false);
      expect(admit()).toBe(false);
      expect(fail(hung)).toBe(true);
      expect(circuit.state).toBe("open");
    });

    it("keeps to its number of probes when a probe ends that a fleet sent", () => {
      const { circuit, time, halfOpen, admit } = circuitAt({ successesToClose: 3 });
      halfOpen();
      circuit.release(circuit.epoch);
      circuit.release(circuit.epoch);
      expect([admit(), admit()]).toEqual([true, false]);
      expect(time.at).toBe(1_000);
    });

    it("keeps its progress when the rules change", () => {
      const { circuit, ok, admit, halfOpen } = circuitAt({ successesToClose: 2 });
      halfOpen();
      ok();
      circuit.rules.successesToClose = 3;
      admit();
      expect(ok()).toBe(false);
      admit();
      expect(ok()).toBe(true);
    });
  });

  describe("the open time", () => {
    it("doubles with each probe that fails, up to the maximum", () => {
      const { circuit, time, fail, admit, open } = circuitAt();
      open();
      const times = [circuit.openFor];
      for (let round = 0; round < 4; round++) {
        time.at += circuit.openFor;
        admit();
        fail();
        times.push(circuit.openFor);
      }
      expect(times).toEqual([1_000, 2_000, 4_000, 8_000, 8_000]);
    });

    it("doubles when it opens within one open time of closing, and is short again later", () => {
      const { circuit, time, open } = circuitAt();
      open();
      circuit.close(time);
      time.at += 1_000;
      open();
      expect(circuit.openFor).toBe(2_000);
      circuit.close(time);
      time.at += 2_001;
      open();
      expect(circuit.openFor).toBe(1_000);
    });

    it("is never shorter than the rules' own, whatever their maximum", () => {
      const { circuit, fail, halfOpen } = circuitAt({ maximumOpenFor: 10 });
      halfOpen();
      fail();
      expect(circuit.openFor).toBe(1_000);
    });

    it("admits nobody before it is over", () => {
      const { time, admit, open } = circuitAt();
      open();
      time.at = 999;
      expect(admit()).toBe(false);
      time.at = 1_000;
      expect(admit()).toBe(true);
    });

    it.each<[CircuitState, number]>([
      ["open", 400],
      ["half-open", 1_000],
      ["forced-open", Infinity],
    ])("tells how long a refused call should wait: %s, %d ms", (state, wait) => {
      const staged = circuitAt();
      reach[state](staged);
      if (state === "open") staged.time.at += 600;
      expect(staged.circuit.retryAfter(staged.time)).toBe(wait);
    });

    it("asks nobody to wait less than nothing", () => {
      const { circuit, time, open } = circuitAt();
      open();
      time.at = 5_000;
      expect(circuit.retryAfter(time)).toBe(0);
    });

    it("is measured from when it left the closed state, through failed probes and commands", () => {
      const { circuit, time, fail, admit, open } = circuitAt();
      time.at = 100;
      open();
      time.at = 1_100;
      admit();
      fail();
      expect(circuit.openedFor(time)).toBe(1_000);
      circuit.force("forced-open", time);
      circuit.openUntil(10, "fleet", time);
      time.at = 2_100;
      expect(circuit.openedFor(time)).toBe(2_000);
    });

    it.each<[string, (staged: Staged) => void]>([
      ["a fleet", ({ circuit, time }) => circuit.openUntil(10, "fleet", time)],
      ["a person", ({ circuit, time }) => circuit.force("forced-open", time)],
    ])("is measured from when %s opened it, too", (_, opens) => {
      const staged = circuitAt();
      staged.time.at = 700;
      opens(staged);
      staged.time.at = 1_000;
      expect(staged.circuit.openedFor(staged.time)).toBe(300);
    });

    it("of what a fleet decided counts from when it is told", () => {
      const { circuit, time, admit } = circuitAt();
      circuit.openUntil(500, "fleet", time);
      expect(circuit.reason).toBe("fleet");
      time.at = 400;
      circuit.openUntil(500, "fleet", time);
      time.at = 899;
      expect(admit()).toBe(false);
      time.at = 900;
      expect(admit()).toBe(true);
    });
  });

  it("counts when it only measures, and never opens", () => {
    const { circuit, time, ok, fail } = circuitAt({ consecutiveFailures: 1 });
    circuit.force("metrics-only", time);
    ok();
    for (let call = 0; call < 3; call++) fail();
    expect(circuit.failureRate).toBe(0.75);
    expect(circuit.state).toBe("metrics-only");
  });

  it("counts nothing when it is disabled", () => {
    const { circuit, time, ok, fail } = circuitAt();
    circuit.force("disabled", time);
    ok();
    fail();
    expect(circuit.window.calls).toBe(0);
  });

  it("remembers after close that it was open, and not after reset", () => {
    const { circuit, time, open } = circuitAt();
    open();
    circuit.close(time);
    open();
    expect(circuit.reopenings).toBe(1);
    circuit.reset(time);
    expect(circuit.reopenings).toBe(0);
    open();
    expect(circuit.reopenings).toBe(0);
  });

  describe("snapshot", () => {
    it.each<CircuitState>(["closed", "open", "forced-open", "disabled", "metrics-only"])(
      "restores a circuit that is %s, under another clock",
      (state) => {
        const staged = circuitAt();
        staged.ok();
        reach[state](staged);
        staged.time.at += 300;
        const json = JSON.parse(JSON.stringify(staged.circuit.snapshot(staged.time)));
        const other = circuitAt();
        other.time.at = 77_000;
        other.circuit.restore(json, other.time);
        expect(other.circuit.state).toBe(state);
        expect(other.circuit.snapshot(other.time)).toEqual(json);
        if (state === "open") expect(other.circuit.retryAfter(other.time)).toBe(700);
      },
    );

    it("of a half-open circuit restores one that half-opens at the next call", () => {
      const staged = circuitAt();
      staged.halfOpen();
      const other = circuitAt();
      other.circuit.restore(staged.circuit.snapshot(staged.time), other.time);
      expect(other.circuit.state).toBe("open");
      expect(other.admit()).toBe(true);
      expect(other.circuit.state).toBe("half-open");
    });

    it("remembers how often it opened again", () => {
      const staged = circuitAt();
      staged.halfOpen();
      staged.fail();
      const other = circuitAt();
      other.circuit.restore(staged.circuit.snapshot(staged.time), other.time);
      expect(other.circuit.openFor).toBe(2_000);
    });

    it("remembers the failures in a row, of which one more opens it", () => {
      const staged = circuitAt({ consecutiveFailures: 3 });
      staged.fail();
      staged.fail();
      const other = circuitAt({ consecutiveFailures: 3 });
      other.circuit.restore(JSON.parse(JSON.stringify(staged.circuit.snapshot(staged.time))), other.time);
      expect(other.circuit.state).toBe("closed");
      other.fail();
      expect(other.circuit.state).toBe("open");
    });

    it("may be of old, when none told the failures in a row", () => {
      const { circuit, time, fail } = circuitAt({ consecutiveFailures: 2 });
      fail();
      const { consecutiveFailures, ...old } = circuit.snapshot(time);
      expect(consecutiveFailures).toBe(1);
      circuit.restore(old, time);
      fail();
      expect(circuit.state).toBe("closed");
    });

    it("leaves out what is too old to tell anything", () => {
      const { circuit, time, fail } = circuitAt();
      fail();
      time.at = 120_001;
      expect(circuit.snapshot(time).window).toEqual({ calls: 0, failures: 0, slowCalls: 0 });
    });

    it("says of an open circuit whose time is over that nothing remains", () => {
      const { circuit, time, open } = circuitAt();
      open();
      time.at = 9_000;
      expect(circuit.snapshot(time).remaining).toBe(0);
    });
  });
});

describe("a circuit whose failures ask to wait", () => {
  it.for([
    { asks: "less than openFor", asked: 2_000, lasts: 2_000, openFor: 5_000 },
    { asks: "more than openFor", asked: 6_000, lasts: 6_000, openFor: 5_000 },
    { asks: "more than maximumOpenFor", asked: 60_000, lasts: 8_000, openFor: 5_000 },
    { asks: "hardly at all", asked: 3, lasts: 1_000, openFor: 5_000 },
    { asks: "nothing", asked: undefined, lasts: 5_000, openFor: 5_000 },
  ])("stays open for $lasts ms when the failure that opens it asks $asks", ({ asked, lasts, openFor }) => {
    const { circuit, time } = circuitAt({ consecutiveFailures: 1, openFor });
    expect(circuit.record(circuit.epoch, failed, time, asked)).toBe(true);
    expect([circuit.openFor, circuit.retryAfter(time)]).toEqual([lasts, lasts]);
    time.at = lasts - 1;
    expect(circuit.admit(time)).toBe(false);
    time.at = lasts;
    expect(circuit.admit(time)).toBe(true);
  });

  it("stays open for what a failed probe asks, and by the rules when the next one asks nothing", () => {
    const staged = circuitAt();
    staged.halfOpen();
    staged.circuit.record(staged.circuit.epoch, failed, staged.time, 3_000);
    expect(staged.circuit.openFor).toBe(3_000);
    staged.time.at += 3_000;
    staged.admit();
    staged.fail();
    expect(staged.circuit.openFor).toBe(4_000);
  });
});
