import {
  type AlertReport,
  type CircuitReport,
  type LiveMessage,
  type ObservedEvent,
  type PolicyState,
  shardOf,
  type WindowState,
} from "ninelives/observer";
import { describe, expect, it } from "vitest";
import { begunToFire, silenceOf } from "../../web/alert-words.ts";
import { commandOf, missingIn, objection, overrideWords } from "../../web/change.ts";
import { badgeOf, phase } from "../../web/circuit-words.ts";
import { eventKinds } from "../../web/event-kinds.ts";
import { appended, caughtUp, emptyLog, rowsOf } from "../../web/event-log.ts";
import { figures, latency, percent, plural, rate, span, timeOfDay, unknown } from "../../web/format.ts";
import { ailing } from "../../web/health.ts";
import { type Grouping, groupOf, listed, type Wish } from "../../web/listing.ts";
import {
  allPolicies,
  emptyModel,
  gapsWithin,
  isHeard,
  knownPolicies,
  perSecond,
  received,
  seriesOf,
  whyUnknown,
} from "../../web/model.ts";
import { circuitsOfOthers, hasCircuit, othersWords, withOwnCircuits } from "../../web/own-circuits.ts";
import { bare, boundsOf, quoted } from "../../web/parameters.ts";
import { band, outcomesOf, roundUp, watchedFrom } from "../../web/parts/outcomes.ts";
import { excerpt, placeIn } from "../../web/place-in-text.ts";
import { href, readRoute } from "../../web/route.ts";
import { sentence } from "../../web/sentence.ts";
import { byTrouble, heldOrder, refuses, trouble, worstCircuit } from "../../web/trouble.ts";

const plain = (text: string) => text.replaceAll("\u202f", " ");

const quiet: WindowState = {
  requests: 0,
  failures: 0,
  aborted: 0,
  rate: 0,
  errorRate: null,
  p50: null,
  p90: null,
  p99: null,
  p999: null,
  amplification: null,
  attempts: 0,
  retries: 0,
  timeouts: 0,
  rejected: 0,
  fallbacks: 0,
  hedges: 0,
  hedgesWon: 0,
  active: 0,
};

const circuit = (state: CircuitReport["state"], since = 0): CircuitReport => ({
  circuit: "c",
  state,
  since,
  until: null,
  reason: null,
  openings: 0,
  heardAt: since,
  timeIn: {},
});

const refusal = (version: number) => ({ source: "node 7c1e", version, reason: "line 1", at: 0 });

const policy = (name: string, more: Partial<PolicyState> & { errorRate?: number } = {}): PolicyState => {
  const seen = { ...quiet, errorRate: more.errorRate ?? null };
  return {
    policy: name,
    lastEventAt: 1,
    reporters: 1,
    windows: { "1m": seen, "5m": quiet, "15m": quiet },
    circuits: [],
    limits: { concurrency: null, rate: null },
    series: { step: 5_000, requests: [], failures: [], rejected: [], p50: [], p99: [] },
    ...more,
  };
};

const stamp = { policy: "products", at: 1_000, source: "worker a01b" };
const succeeded: ObservedEvent = { type: "request.succeeded", duration: 12, attempts: 1, ...stamp };
const refused: ObservedEvent = { type: "circuit.rejected", circuit: "products", ...stamp };
const opened: ObservedEvent = {
  type: "circuit.opened",
  circuit: "products",
  from: "closed",
  failureRate: 0.62,
  openFor: 10_000,
  reason: "failures",
  ...stamp,
};

describe("format", () => {
  it("never shows the unknown as zero", () => {
    for (const format of [rate, percent, latency]) {
      expect(format(null)).toBe(unknown);
      expect(format(0)).toContain("0");
    }
  });

  it.each([
    [0, "0"],
    [0.001, "<0.01"],
    [0.42, "0.42"],
    [12.44, "12.4"],
    [10, "10"],
    [99.97, "100"],
    [840, "840"],
    [1_234, "1,234"],
    [12_345, "12.3k"],
    [999_600, "1M"],
    [2_500_000, "2.5M"],
  ])("writes %d with at most three figures: %s", (value, text) => {
    expect(figures(value)).toBe(text);
  });

  it.each([
    [0, "0 %"],
    [0.0001, "<0.1 %"],
    [0.042, "4.2 %"],
    [0.5, "50 %"],
    [0.9999, ">99.9 %"],
    [1, "100 %"],
  ])("says neither none nor all where that is not so: %d is %s", (ratio, text) => {
    expect(plain(percent(ratio))).toBe(text);
  });

  it.each([
    [0.02, "<0.1 ms"],
    [8.26, "8.3 ms"],
    [120.4, "120 ms"],
    [1_240, "1.24 s"],
    [30_000, "30 s"],
  ])("writes a latency of %d as %s", (ms, text) => {
    expect(plain(latency(ms))).toBe(text);
  });

  it.each([
    [-5, "0 s"],
    [12_400, "12 s"],
    [125_000, "2 min 5 s"],
    [3_600_000, "1 h"],
    [11_520_000, "3 h 12 min"],
    [100_000_000, "1 d 3 h"],
  ])("says a length of %d as %s", (ms, text) => {
    expect(plain(span(ms))).toBe(text);
  });

  it("knows nothing of a window in which nobody told of a policy", () => {
    const told = policy("a", { lastEventAt: 1_000 });
    expect([60_999, 61_000].map((now) => isHeard(told, 60_000, now))).toEqual([true, false]);
    expect(isHeard(policy("never called", { lastEventAt: 0 }), 60_000, 1)).toBe(false);
    const zero = [0, 0];
    const series = { step: 5_000, requests: zero, failures: zero, rejected: zero, p50: [], p99: [] };
    const drawn = (now: number) => seriesOf({ ...told, series }, now).requests;
    expect([drawn(10_999), drawn(11_000)]).toEqual([zero, []]);
  });

  it("counts in words", () => {
    expect([plural(1, "retry", "retries"), plural(0, "call")]).toEqual(["1 retry", "0 calls"]);
  });
});

describe("trouble", () => {
  it("puts open before half-open before many errors before the rest, and equals by name", () => {
    const sorted = byTrouble(
      [
        policy("calm"),
        policy("angry", { errorRate: 0.4 }),
        policy("probing", { circuits: [circuit("half-open")] }),
        policy("b open", { circuits: [circuit("open")] }),
        policy("a forced", { circuits: [circuit("forced-open")] }),
        policy("also calm", { circuits: [circuit("closed")], errorRate: 0.01 }),
      ],
      "1m",
      0,
    );
    expect(sorted.map((each) => each.policy)).toEqual([
      "a forced",
      "b open",
      "probing",
      "angry",
      "also calm",
      "calm",
    ]);
  });

  it("shows the worst of several circuits", () => {
    expect(worstCircuit([circuit("closed"), circuit("open"), circuit("half-open")], 0)?.state).toBe("open");
    expect(worstCircuit([], 0)).toBeUndefined();
  });

  it("takes an open circuit of which nobody was heard for a minute for no trouble", () => {
    const open = circuit("open");
    expect([refuses(open, 60_000), refuses(open, 60_001)]).toEqual([true, false]);
    expect(refuses({ ...open, until: 90_000 }, 60_001)).toBe(true);
    expect(refuses(circuit("forced-open"), 60_001)).toBe(true);
    const known = [policy("calm"), policy("was open", { circuits: [open] })];
    expect(byTrouble(known, "1m", 60_000)[0]?.policy).toBe("was open");
    expect(trouble(known[1] as PolicyState, "1m", 60_001)).toBeLessThan(1);
    expect(worstCircuit([open, circuit("half-open", 60_000)], 60_001)?.state).toBe("half-open");
  });

  it("says so of a circuit of which nobody was heard for a minute", () => {
    const open = policy("a", { circuits: [circuit("open")] });
    expect([badgeOf(open, 60_000), badgeOf(open, 60_001)]).toEqual(["open", "unheard"]);
    expect(plain(phase(open.circuits[0], 120_000))).toBe("was open · nothing heard of it for 2 min");
    expect(plain(phase(circuit("closed"), 60_000))).toBe("calls pass · closed for 1 min");
    expect(plain(phase(circuit("closed"), 61_000))).toBe("nothing heard of it for 1 min 1 s");
  });

  it("does not say that calls pass where nobody told of a circuit", () => {
    const other = policy("(other)");
    expect([badgeOf(other, 1), phase(undefined, 1)]).toEqual(["no-circuit", "nobody has told of a circuit"]);
    expect(badgeOf(policy("a", { lastEventAt: 0 }), 1)).toBe("unknown");
  });

  it("says which alerts began to fire, each once", () => {
    const subject = { policy: "a", circuit: null, state: "firing", since: 0, value: 1 } as const;
    const rule = { name: "errors", when: "error-rate", policy: null, above: 0.1, for: 0 } as const;
    const report = (...subjects: AlertReport["subjects"]): AlertReport[] => [
      { ...rule, window: "1m", minimumRequests: 1, state: "ok", subjects },
    ];
    const pending = { ...subject, state: "pending" } as const;
    const circuit = { ...subject, policy: "b", circuit: "c" };
    expect(begunToFire(null, report(pending))).toBe("");
    expect(begunToFire(report(pending), report(subject))).toMatch(
      /^Alert fires: errors for a, since [\d:]+$/,
    );
    expect(begunToFire(report(subject), report({ ...subject, value: 2 }))).toBe("");
    expect(begunToFire(report(subject), report(subject, circuit))).toMatch(/errors for b, circuit c, since/);
    expect(begunToFire(report(), report(subject, circuit))).toMatch(/errors for a, since .*, and 1 more$/);
    expect(begunToFire(report(subject), report())).toBe("");
  });

  it("says for how long nothing was heard of what an alert is about, where the rule's window knows nothing of it", () => {
    const told = policy("a", { lastEventAt: 1_000, circuits: [circuit("half-open", 1_000)] });
    const silence = (name: string | null, now: number, state: PolicyState | undefined = told) =>
      plain(silenceOf({ window: name === null ? "1m" : null }, { circuit: name }, state, now));
    expect([60_999, 241_000].map((now) => silence(null, now))).toEqual(["", "nothing heard for 4 min"]);
    expect([61_000, 61_001].map((now) => silence("c", now))).toEqual(["", "nothing heard for 1 min"]);
    expect(silence("c", 900_000, policy("a", { circuits: [circuit("forced-open")] }))).toBe("");
    expect(plain(silenceOf({ window: "1m" }, { circuit: null }, undefined, 900_000))).toBe("");
  });

  it("lists as one wants: by what, together by the beginning of their names, and only those searched", () => {
    const rated = (name: string, rate: number) =>
      policy(name, { windows: { "1m": { ...quiet, rate }, "5m": quiet, "15m": quiet } });
    const all = [
      rated("shop.b", 3),
      rated("api/a", 2),
      rated("shop.a", 1),
      policy("idle", { lastEventAt: 0 }),
    ];
    const names = (wish: Partial<Wish>) =>
      listed(all, { search: "", sorting: "name", grouping: "none", window: "1m", ...wish }, 0).map(
        (each) => each.policy,
      );
    expect(names({})).toEqual(["api/a", "idle", "shop.a", "shop.b"]);
    expect(names({ sorting: "rate" })).toEqual(["shop.b", "api/a", "shop.a", "idle"]);
    expect(names({ sorting: "rate", grouping: "name" })).toEqual(["shop.b", "shop.a", "api/a", "idle"]);
    expect(names({ search: " SHOP " })).toEqual(["shop.a", "shop.b"]);
  });

  it("groups by what names begin with, by the key that they end with, or by the state of the worst circuit", () => {
    const grouped = (name: string, grouping: Grouping) => groupOf(policy(name), grouping, 0);
    for (const name of ["shop", "shop.prices", "shop/prices", "shop:prices", "shop[acme]"])
      expect(grouped(name, "name")).toBe("shop");
    expect(grouped("shop.prices[acme]", "key")).toBe("acme");
    expect(grouped("shop[eu:acme]", "key")).toBe("eu:acme");
    expect(grouped("tenant:acme", "key")).toBe("acme");
    expect(grouped("shop.prices", "key")).toBe("no key");
    expect(groupOf(policy("a", { circuits: [circuit("half-open")] }), "state", 0)).toBe("half-open");
  });

  it("says in words what needs a look, the worst first, and counts what is too much to name", () => {
    const all = [
      policy("calm", { circuits: [circuit("closed")] }),
      policy("failing", { errorRate: 0.25 }),
      policy("open", { circuits: [circuit("open")] }),
      policy("forced", { circuits: [circuit("forced-open")] }),
      policy("probing", { circuits: [circuit("half-open")] }),
      policy("refused", { document: { version: 2, followers: 4, current: 3, refused: [refusal(3)] } }),
      // Whoever refused what others have left behind them may be gone since.
      policy("outdated", { document: { version: 2, followers: 4, current: 3, refused: [refusal(1)] } }),
    ];
    expect(ailing(all, "1m", 0)).toEqual({
      first: [
        { policy: "forced", words: "is forced open" },
        { policy: "open", words: "refuses calls" },
        { policy: "probing", words: "probes whether its service is back" },
      ],
      more: 2,
    });
    expect(ailing(all.slice(5), "1m", 0)).toEqual({
      first: [{ policy: "refused", words: "has its document refused" }],
      more: 0,
    });
    expect(plain(ailing(all.slice(0, 2), "1m", 0).first[0]?.words ?? "")).toBe("fails 25 % of its calls");
    expect(ailing([], "1m", 0)).toEqual({ first: [], more: 0 });
  });

  it("holds an order, with what is new at its end and without what is gone", () => {
    expect(heldOrder(["new", "b", "a"], ["a", "gone", "b"])).toEqual(["a", "b", "new"]);
  });
});

describe("model", () => {
  const state = {
    version: 1,
    at: 5_000,
    since: 1_000,
    events: 3,
    dropped: 0,
    policies: [policy("a")],
  } as const;
  const snapshot: LiveMessage = { type: "snapshot", state, events: [succeeded, opened] };
  const delta: LiveMessage = {
    type: "delta",
    at: 6_000,
    totals: { events: 9, dropped: 2 },
    policies: [policy("b"), policy("a", { reporters: 7 })],
    events: [refused],
    skipped: 4,
  };

  it("replaces the policies that a delta holds and keeps the others", () => {
    const model = received(
      received(emptyModel, snapshot, 4_000),
      { ...delta, policies: [policy("b")] },
      5_500,
    );
    expect([...model.policies.keys()]).toEqual(["a", "b"]);
    expect(received(model, delta, 6_000).policies.get("a")?.reporters).toBe(7);
    expect(model.observer).toEqual({ since: 1_000, events: 9, dropped: 2 });
    expect([model.skew, model.receivedAt, model.skipped]).toEqual([500, 5_500, 4]);
  });

  it("forgets a policy that made room for others, and knows it again when it is told of", () => {
    const both = received(received(emptyModel, snapshot, 4_000), delta, 5_500);
    const without = received(
      both,
      { ...delta, policies: [policy("c")], forgotten: ["a", "never known"] },
      6_000,
    );
    expect([...without.policies.keys()]).toEqual(["b", "c"]);
    expect([...received(without, delta, 6_500).policies.keys()].toSorted()).toEqual(["a", "b", "c"]);
  });

  it("skips a message that it does not know", () => {
    expect(received(emptyModel, { type: "newer" } as unknown as LiveMessage, 1)).toBe(emptyModel);
  });

  it("shows no event twice after the connection broke", () => {
    const once = received(emptyModel, snapshot, 4_000);
    expect(received(once, snapshot, 9_000).log.next).toBe(2);
  });

  it("knows nothing of the policies of a shard that does not answer, and forgets none of them", () => {
    const [prices, stock] = [policy("prices"), policy("stock")];
    const of = 2;
    const shards = [shardOf("prices", of)];
    expect(shardOf("stock", of)).not.toBe(shards[0]);
    const state = { version: 1, at: 1, since: 0, events: 0, dropped: 0 } as const;
    const before = received(
      emptyModel,
      { type: "snapshot", state: { ...state, policies: [prices, stock] }, events: [] },
      1,
    );
    const absent = { shards, of };
    const lost = received(
      before,
      { type: "snapshot", state: { ...state, policies: [stock], absent }, events: [] },
      2,
    );
    expect(
      allPolicies(lost).map((each) => [each.policy, each.lastEventAt, each.windows["1m"].errorRate]),
    ).toEqual([
      ["stock", 1, null],
      ["prices", 0, null],
    ]);
    expect(knownPolicies(lost)).toEqual([stock]);
    expect(whyUnknown(lost, "prices")).toBe("unknown: its shard of the observer does not answer");
    expect(whyUnknown(lost, "stock")).toBe("no calls seen yet");
    const delta = {
      type: "delta",
      at: 3,
      totals: { events: 0, dropped: 0 },
      events: [],
      skipped: 0,
    } as const;
    expect(received(before, { ...delta, policies: [], absent }, 3).absent).toEqual(absent);
    expect(knownPolicies(received(lost, { ...delta, policies: [prices] }, 3))).toEqual([prices, stock]);
  });

  it("tells of the times that the observer may have missed as long as a window holds them", () => {
    const gaps = [
      { from: 1_000, to: 2_000 },
      { from: 60_000, to: 61_000 },
    ];
    const delta = {
      type: "delta",
      at: 3,
      totals: { events: 0, dropped: 0 },
      policies: [],
      events: [],
      skipped: 0,
    } as const;
    const told = received(emptyModel, { ...delta, gaps }, 3);
    expect(gapsWithin(received(told, delta, 4), 2_000)).toEqual([gaps[1]]);
  });

  it("lists a policy that nobody called yet", () => {
    const document = { name: "new", text: "retry(3)", version: 0, updatedAt: null, updatedBy: null };
    const model = { ...received(emptyModel, snapshot, 1), documents: new Map([["new", document]]) };
    expect(allPolicies(model).map((each) => [each.policy, each.lastEventAt > 0])).toEqual([
      ["a", true],
      ["new", false],
    ]);
  });

  it("counts a circuit for the document that it is named after, and not for the policy that told of it", () => {
    const named = (name: string, state: CircuitReport["state"]) => ({ ...circuit(state), circuit: name });
    const documents = new Map([
      ["prices", { text: "bulkhead(200) + timeout(5s) + retry(3)" }],
      ["prices.canary", { text: "circuitBreaker" }],
      ["prices.search", { text: "timeout(1s) + hedge(after: 300ms)" }],
    ]);
    const told = policy("prices", {
      circuits: [named("prices.canary", "forced-open"), named("prices[acme]", "closed")],
    });
    const known = (states: PolicyState[]) => withOwnCircuits(states, documents);
    const [prices, canary] = known([told, policy("prices.canary", { lastEventAt: 0 })]) as [
      PolicyState,
      PolicyState,
    ];
    expect([badgeOf(prices, 0), badgeOf(canary, 0)]).toEqual(["closed", "forced-open"]);
    expect(ailing([prices, canary], "1m", 0).first).toEqual([
      { policy: "prices.canary", words: "is forced open" },
    ]);
    const others = circuitsOfOthers(told, documents);
    expect(others.map((each) => each.circuit)).toEqual(["prices.canary"]);
    expect(othersWords(others, 0)).toBe("prices.canary is forced open");
    expect(othersWords([...others, named("prices.us", "half-open")], 0)).toBe(
      "prices.canary is forced open, 1 more not closed",
    );
    expect(othersWords([named("prices.us", "closed"), named("prices.eu", "open")], 60_001)).toBe("");
    // Nobody is to be offered a circuit to command that there is not.
    expect(hasCircuit(prices, documents)).toBe(false);
    expect(hasCircuit(policy("prices.search"), documents)).toBe(false);
    expect(hasCircuit(policy("prices.canary"), documents)).toBe(true);
    expect(hasCircuit(policy("prices", { circuits: [named("prices", "closed")] }), documents)).toBe(true);
    expect(hasCircuit(canary, null)).toBe(false);
    const alone = [policy("a", { circuits: [named("b", "open")] })];
    expect(withOwnCircuits(alone, null)).toBe(alone);
  });

  it("takes a rate over what the window really covers", () => {
    expect(perSecond({ ...quiet, requests: 20, rate: 2 }, 5, 60_000)).toBe(0.5);
    expect(perSecond(quiet, 30, 60_000)).toBe(0.5);
  });
});

describe("event log", () => {
  it("does not let the everyday push out the news", () => {
    const log = appended(appended(emptyLog, [opened]), new Array<ObservedEvent>(2_000).fill(succeeded));
    expect(log.news.map(({ event }) => event)).toEqual([opened]);
    expect(log.routine.length).toBeLessThan(500);
  });

  it("makes alike events of five seconds one row, which keeps its place", () => {
    const other = { ...refused, at: 1_900, source: "page 3f9c" };
    const log = appended(emptyLog, [refused, opened, other]);
    const rows = rowsOf(log, { text: "", type: "notable", policy: "" }, sentence);
    expect(rows.map(({ event, times, at, sources }) => [event.type, times, at, sources.length])).toEqual([
      ["circuit.opened", 1, 1_000, 1],
      ["circuit.rejected", 2, 1_000, 2],
    ]);
  });

  it("filters by words, type and policy", () => {
    const log = appended(emptyLog, [succeeded, refused, opened, { ...opened, policy: "prices", at: 2_000 }]);
    const types = (filter: object) =>
      rowsOf(log, { text: "", type: "", policy: "", ...filter }, sentence).map(({ event }) => event.type);
    expect(types({ text: "OPENED after" })).toEqual(["circuit.opened", "circuit.opened"]);
    expect(types({ type: "request." })).toEqual(["request.succeeded"]);
    expect(types({ policy: "prices" })).toEqual(["circuit.opened"]);
    expect(types({ type: "notable" })).not.toContain("request.succeeded");
    const limited: ObservedEvent = { type: "rate-limit.rejected", retryAfter: 1, ...stamp };
    const every = appended(log, [limited]);
    const [prefix] = eventKinds.find(([, label]) => label === "rate limits") ?? [];
    const rows = rowsOf(every, { text: "", type: prefix ?? "?", policy: "" }, sentence);
    expect(rows.map(({ event }) => event.type)).toEqual(["rate-limit.rejected"]);
  });

  it("keeps what it knows when a snapshot brings nothing new", () => {
    const log = appended(emptyLog, [opened]);
    expect(caughtUp(log, [opened])).toBe(log);
  });
});

describe("charts", () => {
  const series = {
    step: 5_000,
    requests: [10, 4],
    failures: [6, 2],
    rejected: [9, 1],
    p50: [null, null],
    p99: [null, null],
  };

  it("stacks outcomes that add up to the requests, and fills up the newest point", () => {
    expect(outcomesOf(series, 12_500)).toEqual([
      { answered: 4, failed: 0, refused: 6 },
      { answered: 4, failed: 0, refused: 5 },
    ]);
  });

  it.each([
    [0, 1],
    [1.2, 1.5],
    [7, 8],
    [11, 15],
    [100, 100],
    [1_900, 2_000],
  ])("rounds %d up to %d", (value, top) => {
    expect(roundUp(value)).toBe(top);
  });

  it("knows nothing of the time before the observer began", () => {
    const series = { step: 5_000, requests: [0, 0, 0, 7], failures: [], rejected: [], p50: [], p99: [] };
    expect([0, 99_000, 106_000, 119_999].map((since) => watchedFrom(series, 116_000, since))).toEqual([
      0, 0, 1, 3,
    ]);
    expect(watchedFrom(series, 116_000, null)).toBe(4);
  });

  it("draws bands", () => {
    const same = (value: number) => value;
    expect(band([0, 0], [1, 2], same, same)).toBe("M0 1L1 2L1 0L0 0Z");
    expect(band([], [], same, same)).toBe("");
  });
});

describe("addresses", () => {
  it.each(["shop page", "a/b?c#d", "ünïcode"])("leads to the policy %j and back", (name) => {
    expect(readRoute(href({ view: "policy", policy: name }))).toEqual({ view: "policy", policy: name });
  });

  it.each(["", "#/", "#/nowhere", "#/policy/"])("takes %j for the overview", (hash) => {
    expect(readRoute(hash)).toEqual({ view: "overview" });
  });

  it("survives an address that is badly encoded", () => {
    expect(readRoute("#/policy/%E0%A4")).toEqual({ view: "policy", policy: "%E0%A4" });
  });
});

describe("a change", () => {
  const parameter = {
    path: "prices/retry.attempts",
    value: "3",
    given: true,
    default: "3",
    kind: "whole",
    version: 0,
  } as const;
  const how = { version: 4, expiresIn: "15m", dryRun: true };

  it("is one command for what it would do and for doing it", () => {
    const written = { of: "parameter", parameter, value: "5" } as const;
    expect(commandOf(written, { name: "prices" }, how)).toEqual({
      name: "parameter.write",
      args: { path: "prices/retry.attempts", value: "5", version: 4, expiresIn: "15m", dryRun: true },
    });
    expect(
      commandOf({ of: "text", text: "retry(5)" }, { name: "prices" }, { ...how, dryRun: false }),
    ).toEqual({
      name: "policy.set",
      args: { name: "prices", text: "retry(5)", version: 4, expiresIn: "15m" },
    });
    const forGood = { version: 4, expiresIn: "", dryRun: false };
    expect(commandOf({ of: "version", to: 2 }, { name: "prices" }, forGood)).toEqual({
      name: "policy.rollback",
      args: { name: "prices", to: 2, version: 4 },
    });
  });

  it("says that a value is by default which one side does not give, unless its policy may be missing", () => {
    const change = { path: "retry.backoff", before: "exponential(100ms)", after: null };
    expect(missingIn([change])).toBe("by default");
    expect(missingIn([{ path: "structure", before: "retry", after: "timeout" }, change])).toBe(unknown);
  });

  it("says what it means for the override that holds", () => {
    const preview = { applies: true, text: "retry(5)", version: 4, changes: [], errors: [] };
    const until = 1_800_000_000_000;
    expect(overrideWords(preview)).toBeUndefined();
    expect(overrideWords({ ...preview, ends: { version: 3, until } })).toBe(
      `It ends the override of version 3, which would hold until ${timeOfDay(until)}.`,
    );
    expect(overrideWords({ ...preview, until })).toBe(
      `The override holds on until ${timeOfDay(until)}. What comes back then is changed, too.`,
    );
  });

  it("hears what the server objects without what is plain beside a field", () => {
    expect(objection("text: line 1, column 9: found a comma")).toBe("line 1, column 9: found a comma");
    expect(objection("value: attempts must be a whole number")).toBe("attempts must be a whole number");
  });

  it("says what a value may be", () => {
    const attempts = { ...parameter, minimum: 1, unit: "calls" } as const;
    expect(boundsOf(attempts)).toBe("a whole number · at least 1 · in calls · 3 by default");
    const jitter = {
      ...parameter,
      kind: "choice",
      choices: ["none", "full"],
      minimum: 0,
      maximum: 1,
    } as const;
    expect(boundsOf({ ...jitter, default: '"full"' })).toBe(
      "one of none, full · or 0 to 1 · full by default",
    );
    const openFor = { ...parameter, kind: "duration", unit: "ms", minimum: 0, default: null } as const;
    expect(boundsOf(openFor)).toBe("a duration such as 250ms or 5s");
    expect(boundsOf({ ...openFor, exclusiveMinimum: true })).toBe(
      "a duration such as 250ms or 5s · more than 0",
    );
  });

  it("puts the quotes around a choice that one need not write", () => {
    expect([bare('"full"'), bare("3")]).toEqual(["full", "3"]);
    expect(quoted({ choices: ["full"] }, "full")).toBe('"full"');
    expect(quoted({ choices: ["full"] }, "0.5")).toBe("0.5");
    expect(quoted({}, "5s")).toBe("5s");
  });
});

describe("the place of a problem", () => {
  it("is found by line and column", () => {
    const place = placeIn(
      "retry(3) +\n  timeot(1s)",
      "line 2, column 3: there is no policy timeot",
    ) as number;
    expect("retry(3) +\n  timeot(1s)".slice(place, place + 6)).toBe("timeot");
    expect(excerpt("retry(3) +\n  timeot(1s)", place)).toBe("  timeot(1s)\n  ^");
  });

  it("is nowhere when the message names none", () => {
    expect(placeIn("retry(3)", "the version is 4")).toBeUndefined();
  });

  it("is shown in the middle of a long line", () => {
    const text = `${"a".repeat(100)}!${"b".repeat(100)}`;
    const [shown = "", mark = ""] = excerpt(text, 100).split("\n");
    expect(shown[mark.length - 1]).toBe("!");
    expect(shown.length).toBeLessThan(70);
  });
});
