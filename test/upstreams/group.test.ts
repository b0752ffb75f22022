import { describe, expect, it } from "vitest";
import { adaptive } from "../../src/core/adaptive.ts";
import { environment } from "../../src/core/environment.ts";
import { isRejected } from "../../src/core/errors.ts";
import { type AnyPolicy, compose, identity } from "../../src/core/policy.ts";
import { constant } from "../../src/policies/backoff.ts";
import { bulkhead } from "../../src/policies/bulkhead.ts";
import { circuitBreaker } from "../../src/policies/circuit-breaker.ts";
import { hedge } from "../../src/policies/hedge.ts";
import { retry } from "../../src/policies/retry.ts";
import { timeout } from "../../src/policies/timeout.ts";
import { ManualClock, type ScriptedService, scriptedService, seededRandom } from "../../src/testing/index.ts";
import { type Group, type GroupOptions, group, type MemberOptions } from "../../src/upstreams/index.ts";

type Reply = { readonly status: number };
const ok: Reply = { status: 200 };
const bad: Reply = { status: 500 };

interface Setting {
  readonly members?: Readonly<Record<string, Partial<MemberOptions<string, Reply>>>>;
  readonly options?: Partial<GroupOptions<string, Reply>>;
  readonly policy?: AnyPolicy;
}

function setting({ members = { a: {}, b: {} }, options = {}, policy = identity }: Setting = {}) {
  const clock = new ManualClock();
  const origins: Record<string, ScriptedService<string, Reply>> = {};
  const made: Group<string, Reply> = group({
    members: Object.entries(members).map(([name, more]) => {
      const service = scriptedService<string, Reply>();
      origins[name] = service;
      return { name, service, ...more };
    }),
    ...options,
  });
  const events: object[] = [];
  const surroundings = environment({
    clock,
    sink: {
      emit: (event) => {
        if (event.type.startsWith("member.")) events.push(event);
      },
    },
    random: seededRandom(7),
    classify: (outcome) => {
      const failed = "error" in outcome || ((outcome.value as Reply | undefined)?.status ?? 200) >= 500;
      return failed ? { kind: "failure", retryable: true } : { kind: "success", retryable: false };
    },
  });
  const call = compose(surroundings, policy).wrap(made);
  const origin = (name: string) => origins[name] as ScriptedService<string, Reply>;
  const states = () => Object.fromEntries(made.state(clock.now()).map(({ name, state }) => [name, state]));
  /** How many calls each origin saw. */
  const seen = () =>
    Object.fromEntries(Object.entries(origins).map(([name, { calls }]) => [name, calls.length]));
  /** Makes so many calls, one after the other; each takes `ms` and gives what `answer` says of the member. */
  async function calls(times: number, answer: (name: string) => Reply = () => ok, ms = () => 0) {
    for (let index = 0; index < times; index++) {
      const before = seen();
      const answered = call("q");
      const [name] = Object.entries(seen()).find(([name, count]) => count > (before[name] ?? 0)) ?? [""];
      await clock.advance(ms());
      origin(name).last.succeed(answer(name));
      await answered;
    }
  }
  const probe = (answers: Readonly<Record<string, Reply>>) => {
    const checked = compose(surroundings).execute((context) => made.check("/healthz", context));
    for (const [name, answer] of Object.entries(answers)) origin(name).last.succeed(answer);
    return checked;
  };
  return { clock, group: made, call, origin, states, seen, calls, probe, events };
}

describe("group", () => {
  it("sends a call to the one member that it has, with its request", async () => {
    const { call, origin } = setting({ members: { a: {} } });
    const answered = call("question");
    expect(origin("a").last.request).toBe("question");
    origin("a").last.succeed(ok);
    expect(await answered).toBe(ok);
  });

  it("gives each member the share of its weight while all are alike", async () => {
    const { calls, seen } = setting({ members: { stable: { weight: 9 }, canary: { weight: 1 } } });
    await calls(2_000);
    const { canary = 0 } = seen();
    expect(canary).toBeGreaterThan(150);
    expect(canary).toBeLessThan(250);
  });

  it("follows a weight that is turned, and calls nobody of weight 0", async () => {
    const weight = adaptive(0);
    const { calls, seen } = setting({ members: { stable: {}, canary: { weight } } });
    await calls(50);
    expect(seen()).toEqual({ stable: 50, canary: 0 });
    weight.set(1);
    await calls(50);
    expect(seen().canary).toBeGreaterThan(10);
    expect(() => weight.set(-1)).toThrow(/weight of canary.*-1/);
  });

  describe("with an adaptive list of members", () => {
    const service = (name: string) => async () => name as unknown as Reply;
    const member = (name: string, more: Partial<MemberOptions<string, Reply>> = {}) => ({
      name,
      service: service(name),
      ...more,
    });

    function listed(first: readonly MemberOptions<string, Reply>[], options: object = {}) {
      const clock = new ManualClock();
      const members = adaptive(first);
      const made = group<string, Reply>({ members, ...options });
      const call = compose(environment({ clock, random: seededRandom(5) })).wrap(made);
      const names = async (calls: number) => {
        const counts: Record<string, number> = {};
        for (let index = 0; index < calls; index++) {
          const name = String(await call("q"));
          counts[name] = (counts[name] ?? 0) + 1;
        }
        return counts;
      };
      return { clock, members, group: made, names };
    }

    it("goes by the list as it is now", async () => {
      const { members, names, clock, group } = listed([member("a"), member("b")]);
      expect(Object.keys(await names(50)).sort()).toEqual(["a", "b"]);
      members.set([member("b"), member("c", { priority: 1 }), member("d", { weight: 0 })]);
      expect(await names(50)).toEqual({ b: 50 });
      expect(group.state(clock.now()).map(({ name }) => name)).toEqual(["b", "c", "d"]);
    });

    it("keeps what it knows of those that stay, also where they get another service", async () => {
      const { members, names, clock, group } = listed([member("a"), member("b")]);
      const down = async () => {
        throw new Error("down");
      };
      members.set([member("a", { service: down }), member("b")]);
      for (let calls = 0; calls < 40; calls++) await names(1).catch(() => {});
      expect(group.state(clock.now())[0]).toMatchObject({ name: "a", state: "ejected" });
      members.set([member("a", { weight: 5 }), member("b"), member("c")]);
      expect(group.state(clock.now())[0]).toMatchObject({ name: "a", state: "ejected" });
      expect(Object.keys(await names(50)).sort()).toEqual(["b", "c"]);
    });

    it("counts only those that are there for how many may be left out", async () => {
      const { members, names, clock, group } = listed([member("a"), member("b")], { maximumEjectedRatio: 0 });
      const down = async () => {
        throw new Error("down");
      };
      members.set([member("a", { service: down }), member("b")]);
      for (let calls = 0; calls < 40; calls++) await names(1).catch(() => {});
      members.set([member("b", { service: down }), member("c")]);
      for (let calls = 0; calls < 40; calls++) await names(1).catch(() => {});
      expect(group.state(clock.now())).toMatchObject([
        { name: "b", state: "ejected" },
        { name: "c", state: "in" },
      ]);
    });

    it("lets one that comes start slowly, and not those that were there first", async () => {
      const { members, names, clock } = listed([member("a"), member("b")], { slowStart: "100s" });
      const { a = 0 } = await names(1_000);
      expect(a).toBeGreaterThan(400);
      members.set([member("a"), member("b"), member("c")]);
      expect((await names(2_000)).c).toBeLessThan(200);
      await clock.advance(100_000);
      expect((await names(2_000)).c).toBeGreaterThan(500);
    });

    it("refuses a list that will not do, and keeps the one that it has", async () => {
      const { members, names } = listed([member("a")]);
      expect(() => members.set([])).toThrow("group: members must be a list of at least one");
      expect(() => members.set([member("a"), member("a")])).toThrow("two members have the same name");
      expect(() => members.set([member("b", { weight: -1 })])).toThrow("weight of b must be a number");
      expect(await names(5)).toEqual({ a: 5 });
    });
  });

  it("refuses calls while every weight is 0", async () => {
    const { call, seen } = setting({ members: { a: { weight: 0 } } });
    await expect(call("q")).rejects.toSatisfy((error) => isRejected(error, "no-member"));
    expect(seen()).toEqual({ a: 0 });
  });

  it("prefers the member with fewer calls under way", async () => {
    const { call, seen, origin } = setting();
    const all = Array.from({ length: 100 }, () => call("q"));
    const { a = 0, b = 0 } = seen();
    expect(Math.abs(a - b)).toBeLessThanOrEqual(4);
    for (const name of ["a", "b"]) for (const each of origin(name).calls) each.succeed(ok);
    await Promise.all(all);
    expect(
      setting()
        .group.state(0)
        .map(({ inFlight }) => inFlight),
    ).toEqual([0, 0]);
  });

  it("prefers the faster member", async () => {
    const { clock, call, origin, seen } = setting();
    for (let index = 0; index < 100; index++) {
      const slow = seen().a ?? 0;
      const answered = call("q");
      const name = (seen().a ?? 0) > slow ? "a" : "b";
      await clock.advance(name === "a" ? 100 : 10);
      origin(name).last.succeed(ok);
      await answered;
    }
    // Drawn twice in one of four calls.
    expect(seen().b).toBeGreaterThan(65);
    expect(seen().a).toBeGreaterThan(10);
  });

  it("counts a call as under way until it is answered or given up", async () => {
    const { clock, call, group, origin } = setting({ members: { a: {} }, policy: timeout("1s") });
    const inFlight = () => group.state(0)[0]?.inFlight;
    const late = call("q").catch(() => {});
    expect(inFlight()).toBe(1);
    await clock.advance(1_000);
    await late;
    expect(inFlight()).toBe(0);
    origin("a").last.succeed(ok);
    await clock.advance(0);
    expect([inFlight(), clock.pending]).toEqual([0, 0]);
  });

  it("calls those of a higher number only when none of a lower one is well", async () => {
    const { calls, seen, states } = setting({ members: { main: {}, spare: { priority: 1 } } });
    await calls(20);
    expect(seen()).toEqual({ main: 20, spare: 0 });
    await calls(5, () => bad);
    expect(states()).toEqual({ main: "ejected", spare: "in" });
    await calls(10);
    expect(seen()).toEqual({ main: 25, spare: 10 });
  });

  it("leaves a member out after five failures in a row, and takes it in again after 30 s", async () => {
    const { clock, calls, seen, states, events } = setting();
    const broken = (name: string) => (name === "a" ? bad : ok);
    await calls(40, broken);
    expect(events).toMatchObject([
      { type: "member.ejected", member: "a", outFor: 30_000, reason: "failures" },
    ]);
    expect(seen().a).toBe(5);
    expect(states()).toEqual({ a: "ejected", b: "in" });
    await clock.advance(30_000);
    expect(states()).toEqual({ a: "in", b: "in" });
    await calls(40);
    expect(seen().a).toBeGreaterThan(10);
  });

  it("leaves out one that fails far more often than the others, though never five times in a row", async () => {
    const members = Object.fromEntries(["a", "b", "c", "d", "e"].map((name) => [name, {}]));
    const { calls, states, clock, events } = setting({ members });
    let count = 0;
    const unlucky = (name: string) => (name === "c" && ++count % 3 !== 0 ? bad : ok);
    await calls(900, unlucky);
    expect(Object.values(states())).toEqual(["in", "in", "in", "in", "in"]);
    await clock.advance(10_000);
    await calls(1);
    expect(states()).toEqual({ a: "in", b: "in", c: "ejected", d: "in", e: "in" });
    expect(events).toMatchObject([
      { type: "member.ejected", member: "c", outFor: 30_000, reason: "success-rate" },
    ]);
  });

  it("tries all when none is left", async () => {
    const { calls, seen, states } = setting({ members: { a: {} } });
    await calls(5, () => bad);
    expect(states()).toEqual({ a: "ejected" });
    await calls(3);
    expect(seen()).toEqual({ a: 8 });
  });

  it("learns nothing from calls that their callers gave up", async () => {
    const { call, clock, states } = setting({ members: { a: {} } });
    for (let index = 0; index < 6; index++) {
      const controller = new AbortController();
      const gone = call("q", { signal: controller.signal }).catch(() => {});
      controller.abort();
      await clock.advance(0);
      void gone;
    }
    expect(states()).toEqual({ a: "in" });
  });

  it("gives one that comes back a tenth of its share, and more by and by", async () => {
    const { clock, calls, seen } = setting({ options: { slowStart: "100s" } });
    await calls(40, (name) => (name === "a" ? bad : ok));
    await clock.advance(30_000);
    await calls(400);
    const early = (seen().a ?? 0) - 5;
    expect(early).toBeLessThan(80);
    expect(early).toBeGreaterThan(10);
    await clock.advance(100_000);
    await calls(400);
    expect((seen().a ?? 0) - 5 - early).toBeGreaterThan(140);
  });

  it("retry > group: sends each attempt to another member, and to another priority after that", async () => {
    const policy = retry({ attempts: 4, backoff: constant(0) });
    const { clock, call, seen, origin } = setting({
      members: { a: {}, b: {}, spare: { priority: 1 } },
      policy,
    });
    for (const name of ["a", "b", "spare"]) origin(name).script(...Array(2).fill(() => bad));
    const answered = call("q");
    await clock.advance(0);
    expect(await answered).toBe(bad);
    const { a = 0, b = 0, spare } = seen();
    expect([Math.min(a, b), a + b, spare]).toEqual([1, 3, 1]);
  });

  it("hedge > group: asks another member", async () => {
    const { clock, call, seen, origin } = setting({ policy: hedge("100ms") });
    const answered = call("q");
    await clock.advance(100);
    expect(seen()).toEqual({ a: 1, b: 1 });
    origin("a").last.succeed(ok);
    expect(await answered).toBe(ok);
    expect(clock.pending).toBe(0);
  });

  it("goes to the next member at once when one's own policy refuses, once for each", async () => {
    const circuit = circuitBreaker({ name: "a" });
    const { clock, call, seen, origin } = setting({
      members: { a: { policy: circuit }, b: { policy: bulkhead(1) } },
    });
    circuit.open();
    const first = call("q", { repeatable: false });
    await clock.advance(0);
    expect(seen()).toEqual({ a: 0, b: 1 });
    await expect(call("q")).rejects.toSatisfy(
      (error) => isRejected(error, "circuit-open") || isRejected(error, "bulkhead-full"),
    );
    origin("b").last.succeed(ok);
    expect(await first).toBe(ok);
  });

  it("checks each member when it is asked to, and leaves out what fails three times", async () => {
    const { calls, seen, states, probe, events } = setting();
    for (let round = 0; round < 3; round++) {
      expect(states()).toEqual({ a: "in", b: "in" });
      await probe({ a: bad, b: ok });
    }
    expect(states()).toEqual({ a: "unhealthy", b: "in" });
    const { a } = seen();
    await calls(10);
    expect(seen().a).toBe(a);
    await probe({ a: ok, b: ok });
    expect(states()).toEqual({ a: "in", b: "in" });
    expect(events).toMatchObject([
      { type: "member.unhealthy", member: "a" },
      { type: "member.healthy", member: "a" },
    ]);
  });

  it("takes no answer within a second for a check that failed, but learns nothing when it is given up", async () => {
    const { clock, group, states } = setting({ members: { a: {} }, options: { unhealthyAfter: 1 } });
    const given = new AbortController();
    const within = compose(environment({ clock }));
    const dropped = within.execute((context) => group.check("q", context), { signal: given.signal });
    given.abort();
    await dropped.catch(() => {});
    expect(states()).toEqual({ a: "in" });
    const checked = within.execute((context) => group.check("q", context));
    await clock.advance(1_000);
    await checked;
    expect([states(), clock.pending]).toEqual([{ a: "unhealthy" }, 0]);
  });

  it.each<[object, RegExp]>([
    [{ members: [] }, /at least one/],
    [{}, /members/],
    [{ members: [{ name: "a", service: 5 }] }, /service of a.*5/],
    [{ members: [{ name: 5, service: async () => ok }] }, /name of a member.*5/],
    [{ members: [{ name: "a", service: async () => ok, weight: -1 }] }, /weight of a.*-1/],
    [{ members: [{ name: "a", service: async () => ok, priority: -1 }] }, /priority of a.*-1/],
    [{ members: [{ name: "a", service: async () => ok, port: 1 }] }, /"port"/],
    [{ members: [{ name: "a", service: async () => ok }], failures: 1 }, /"failures"/],
    [{ members: [{ name: "a", service: async () => ok }], ejectFor: "soon" }, /ejectFor.*"soon"/],
    [
      {
        members: [
          { name: "a", service: async () => ok },
          { name: "a", service: async () => ok },
        ],
      },
      /same name/,
    ],
  ])("refuses %o", (options, message) => {
    expect(() => group(options as GroupOptions<string, Reply>)).toThrow(message);
  });
});
