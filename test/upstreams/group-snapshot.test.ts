import { compose, environment } from "ninelives";
import { ManualClock, seededRandom } from "ninelives/testing";
import { discoveredGroup, type Group, type GroupSnapshot, group } from "ninelives/upstreams";
import { describe, expect, it } from "vitest";

const names = ["a", "b"];
const json = <T>(value: T): T => JSON.parse(JSON.stringify(value));

/** Two replicas, of which some fail, with clock and origin of their own: a process. */
function replicas(make: (service: (name: string) => () => Promise<string>) => Group<string, string>) {
  const clock = new ManualClock();
  const failing = new Set<string>();
  const called: string[] = [];
  const service = (name: string) => async () => {
    called.push(name);
    if (failing.has(name)) throw new Error(`${name} is down`);
    return name;
  };
  const made = make(service);
  const around = environment({ clock, random: seededRandom(3) });
  const call = compose(around).wrap(made);
  return {
    clock,
    failing,
    group: made,
    check: () => compose(around).execute((context) => made.check("/healthz", context)),
    /** The members that got one of so many calls. */
    async calls(times: number): Promise<string[]> {
      called.length = 0;
      for (let each = 0; each < times; each++) await call("q").catch(() => {});
      return [...new Set(called)].sort();
    },
    states: () => made.state(clock.now()).map(({ name, state }) => `${name} ${state}`),
  };
}

const configured = () =>
  replicas((service) =>
    group({ members: names.map((name) => ({ name, service: service(name) })), unhealthyAfter: 1 }),
  );
const found = () =>
  replicas((service) =>
    discoveredGroup({
      discovery: async () => ({
        endpoints: names.map((name) => ({ name, url: `https://${name}.test`, weight: 1, priority: 0 })),
        holds: 60_000,
      }),
      service: ({ name }) => service(name),
    }),
  );

/** What a process kept whose replica `a` failed until it was left out, ten seconds ago. */
async function kept(): Promise<GroupSnapshot> {
  const before = configured();
  before.failing.add("a");
  await before.calls(100);
  await before.clock.advance(10_000);
  return json(before.group.snapshot(before.clock.now()));
}

describe("group", () => {
  it("tells who is left out and for how much longer, by durations", async () => {
    expect(await kept()).toEqual({
      members: {
        a: { out: 20_000, ejections: 1, healthy: true },
        b: { out: 0, ejections: 0, healthy: true },
      },
    });
  });

  it.each([
    ["configured", configured],
    ["found while it runs", found],
  ])("%s: a new process calls nobody who is still left out, and remembers how often", async (_, make) => {
    const next = make();
    await next.clock.advance(7e6);
    next.group.restore(await kept(), next.clock.now());
    expect(await next.calls(50)).toEqual(["b"]);
    await next.clock.advance(20_000);
    expect(await next.calls(50)).toEqual(["a", "b"]);
    // The second time in short order takes twice as long.
    next.failing.add("a");
    await next.calls(100);
    expect(next.group.snapshot(next.clock.now()).members.a).toEqual({
      out: 60_000,
      ejections: 2,
      healthy: true,
    });
  });

  it("found while it runs: goes on from a snapshot that comes when its members are known", async () => {
    const next = found();
    expect(next.group.snapshot(0)).toEqual({ members: {} });
    await next.calls(1);
    next.group.restore(await kept(), next.clock.now());
    expect(await next.calls(50)).toEqual(["b"]);
  });

  it("keeps what checks said, until another one says otherwise", async () => {
    const before = configured();
    before.failing.add("b");
    await before.check();
    const next = configured();
    next.group.restore(json(before.group.snapshot(before.clock.now())), next.clock.now());
    expect(next.states()).toEqual(["a in", "b unhealthy"]);
    await next.check();
    expect(next.states()).toEqual(["a in", "b in"]);
  });

  it("leaves a member as it is that the snapshot does not name, and one out that is no more", async () => {
    const { members } = await kept();
    const next = configured();
    next.group.restore({ members: { gone: members.a as never } }, 0);
    expect(next.states()).toEqual(["a in", "b in"]);
  });

  it.each([
    [undefined, "restore: members must be an object"],
    [{ members: { a: undefined } }, "restore: members.a.healthy must be true or false"],
    [{ members: { a: { out: -1, ejections: 0, healthy: true } } }, "restore: members.a.out must be a number"],
    [{ members: { a: { out: 1, ejections: 0.5, healthy: true } } }, "restore: members.a.ejections must be"],
    [
      { members: { a: { out: 9, ejections: 1, healthy: true }, b: {} } },
      "restore: members.b.healthy must be",
    ],
  ])("refuses %j, and stays as it was", (bad, message) => {
    for (const next of [configured(), found()])
      expect(() => next.group.restore(bad as never, 0)).toThrow(message);
    const next = configured();
    expect(() => next.group.restore(bad as never, 0)).toThrow(message);
    expect(next.states()).toEqual(["a in", "b in"]);
  });
});
