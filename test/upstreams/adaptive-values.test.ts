import { type Adaptive, adaptive, compose, type Duration, environment } from "ninelives";
import { ManualClock, recordingSink, seededRandom } from "ninelives/testing";
import {
  type Discovery,
  discoveredGroup,
  discoveredGroupOptions,
  type GroupOptions,
  group,
  groupOptions,
} from "ninelives/upstreams";
import { describe, expect, it } from "vitest";

type Options = Partial<GroupOptions<string, string>>;

/** A group of members that fail when they are told to, and what becomes of it. */
function stage(names: readonly string[], options: Options, priorities: readonly number[] = []) {
  const clock = new ManualClock();
  const down = new Set<string>();
  const silent = new Set<string>();
  const seen: string[] = [];
  const made = group<string, string>({
    members: names.map((name, index) => ({
      name,
      priority: priorities[index] ?? 0,
      service: async () => {
        seen.push(name);
        if (silent.has(name)) await new Promise<never>(() => {});
        if (down.has(name)) throw new Error("down");
        return name;
      },
    })),
    ...options,
  });
  const surroundings = environment({ clock, random: seededRandom(5) });
  const call = compose(surroundings).wrap(made);
  return {
    clock,
    down,
    silent,
    seen,
    async calls(times: number) {
      for (let index = 0; index < times; index++) await call("q").catch(() => {});
    },
    check: () => surroundings.execute((context) => made.check("q", context)),
    /** Those that are not called. */
    out: () =>
      made
        .state(clock.now())
        .filter(({ state }) => state !== "in")
        .map(({ name }) => name),
    /** Milliseconds until all are in. */
    async backAfter(): Promise<number> {
      for (let ms = 0; ms < 100_000; ms += 100) {
        if (made.state(clock.now()).every(({ state }) => state === "in")) return ms;
        await clock.advance(100);
      }
      return Number.POSITIVE_INFINITY;
    },
  };
}

const two = (options: Options) => stage(["a", "b"], options, [0, 1]);

/** How many failures in a row it takes. */
async function failuresToEject(options: Options): Promise<number> {
  const at = two(options);
  at.down.add("a");
  while (at.out().length === 0) await at.calls(1);
  return at.seen.length;
}

/** How long the nth ejection in short order lasts. */
async function ejection(number: number, options: Options): Promise<number> {
  const at = two({ consecutiveFailures: 1, ...options });
  at.down.add("a");
  for (let index = 1; ; index++) {
    await at.calls(1);
    const ms = await at.backAfter();
    if (index === number) return ms;
  }
}

/** Who is left out after as many calls of five members, of whom one always fails. */
async function compared(options: Options): Promise<readonly string[]> {
  const at = stage(["a", "b", "c", "d", "e"], {
    consecutiveFailures: 10_000,
    comparedCalls: 5,
    comparedMembers: 3,
    deviations: 1,
    compareEvery: 1_000,
    ...options,
  });
  at.down.add("a");
  for (let turn = 0; turn < 2; turn++) {
    await at.calls(100);
    await at.clock.advance(2_000);
  }
  await at.calls(1);
  return at.out();
}

async function checked(
  options: Options,
  answers: readonly ("ok" | "down" | "silent")[],
): Promise<readonly string[]> {
  const at = stage(["a"], { unhealthyAfter: 1, ...options });
  for (const answer of answers) {
    // What is set when it has been made is set now.
    await undefined;
    at.down[answer === "down" ? "add" : "delete"]("a");
    at.silent[answer === "silent" ? "add" : "delete"]("a");
    const done = at.check();
    await at.clock.advance(300);
    if (answer !== "silent") await done;
  }
  return at.out();
}

/** How long the first call waits for a look-up that never ends, and after what time the next one is due. */
async function lookedUp(options: {
  lookUpTimeout?: Adaptive<Duration>;
  lookUpAgainAfter?: Adaptive<Duration>;
}) {
  const clock = new ManualClock();
  const sink = recordingSink();
  const discovery: Discovery = () => new Promise(() => {});
  const made = discoveredGroup<string, string>({ discovery, service: () => async () => "", ...options });
  const call = compose(environment({ clock, sink, random: () => 0 })).wrap(made);
  let over = false;
  await undefined;
  call("q").catch(() => {
    over = true;
  });
  let ms = 0;
  for (; !over && ms < 60_000; ms += 100) await clock.advance(100);
  const failed = sink.events.find(({ type }) => type === "discovery.failed");
  return [ms, (failed as { retryIn?: number } | undefined)?.retryIn];
}

interface Row<T = never> {
  readonly of: string;
  readonly from: T;
  readonly to: T;
  readonly bad: unknown;
  readonly seen: readonly [before: unknown, after: unknown];
  look(value: Adaptive<T>): unknown;
}

const row = <T>(
  of: string,
  from: T,
  to: T,
  bad: unknown,
  seen: Row["seen"],
  look: (value: Adaptive<T>) => unknown,
): Row => ({ of, from, to, bad, seen, look }) as Row<T> as unknown as Row;

const rows: readonly Row[] = [
  row("group.consecutiveFailures", 2, 4, 0, [2, 4], (consecutiveFailures) =>
    failuresToEject({ consecutiveFailures }),
  ),
  row<Duration>("group.ejectFor", "1s", "3s", "soon", [1_000, 3_000], (ejectFor) =>
    ejection(1, { ejectFor }),
  ),
  row<Duration>("group.maximumEjectFor", 1_500, "1800ms", -1, [1_500, 1_800], (maximumEjectFor) =>
    ejection(2, { ejectFor: "1s", maximumEjectFor }),
  ),
  row("group.maximumEjectedRatio", 0.1, 1, 2, [1, 3], async (maximumEjectedRatio) => {
    const at = stage(["a", "b", "c"], { consecutiveFailures: 1, maximumEjectedRatio });
    for (const name of ["a", "b", "c"]) at.down.add(name);
    await at.calls(30);
    return at.out().length;
  }),
  row<Duration>("group.compareEvery", "1h", "1s", "soon", [[], ["a"]], (compareEvery) =>
    compared({ compareEvery }),
  ),
  row("group.comparedMembers", 6, 5, 0, [[], ["a"]], (comparedMembers) => compared({ comparedMembers })),
  row("group.comparedCalls", 1_000, 10, 0.5, [[], ["a"]], (comparedCalls) => compared({ comparedCalls })),
  row("group.deviations", 3, 1.5, -1, [[], ["a"]], (deviations) => compared({ deviations })),
  row<Duration>("group.slowStart", 0, "1h", -1, [true, false], async (slowStart) => {
    const at = stage(["a", "b"], { consecutiveFailures: 1, ejectFor: "1s", slowStart });
    at.down.add("a");
    while (at.out().length === 0) await at.calls(1);
    at.down.clear();
    await at.backAfter();
    const before = at.seen.length;
    await at.calls(200);
    return at.seen.slice(before).filter((name) => name === "a").length > 50;
  }),
  row<Duration>("group.checkTimeout", "200ms", "1s", "soon", [["a"], []], (checkTimeout) =>
    checked({ checkTimeout }, ["silent"]),
  ),
  row("group.unhealthyAfter", 1, 2, 0, [["a"], []], (unhealthyAfter) =>
    checked({ unhealthyAfter }, ["down"]),
  ),
  row("group.healthyAfter", 1, 2, 0, [[], ["a"]], (healthyAfter) =>
    checked({ healthyAfter }, ["down", "ok"]),
  ),
  // It is tried twice, and waits for the second time.
  row<Duration>(
    "discoveredGroup.lookUpTimeout",
    500,
    "1s",
    -1,
    [
      [1_000, 5_000],
      [2_000, 5_000],
    ],
    (lookUpTimeout) => lookedUp({ lookUpTimeout }),
  ),
  row<Duration>(
    "discoveredGroup.lookUpAgainAfter",
    "1s",
    "2s",
    -1,
    [1_000, 2_000],
    async (lookUpAgainAfter) => (await lookedUp({ lookUpAgainAfter }))[1],
  ),
];

describe("an adaptive value", () => {
  it.each(rows.map((each) => [each.of, each] as const))("%s holds from when it is set", async (of, each) => {
    expect(await each.look(adaptive(each.from))).toEqual(each.seen[0]);
    const value = adaptive(each.from) as Adaptive<unknown>;
    // It is set when the policy is made already, but before what is looked at has happened.
    const later = new Promise<void>((resolve) => {
      queueMicrotask(() => {
        expect(() => value.set(each.bad)).toThrow(
          new RegExp(`^${of.replace(".", ": ")} must be .*, but is `),
        );
        value.set(each.to);
        resolve();
      });
    });
    const seen = each.look(value as never);
    await later;
    expect(await seen).toEqual(each.seen[1]);
  });

  it("can be any option of a group that could change while it runs", () => {
    const tested = new Set(rows.map(({ of }) => of));
    const others = ["group.members", "discoveredGroup.discovery", "discoveredGroup.service"];
    const tables = { group: groupOptions, discoveredGroup: discoveredGroupOptions };
    for (const [name, table] of Object.entries(tables)) {
      for (const option of Object.keys(table)) {
        const of = `${name}.${option}`;
        expect([of, tested.has(of)]).toEqual([of, !others.includes(of)]);
      }
    }
  });
});
