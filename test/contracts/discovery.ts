import { compose, environment } from "ninelives";
import { type ManualClock, recordingSink, seededRandom } from "ninelives/testing";
import { type Discovery, discoveredGroup, type Endpoint } from "ninelives/upstreams";
import { describe, expect, it } from "vitest";

/** A discovery, and a world in which a test moves what there is to find. */
export interface DiscoveryStage {
  readonly discovery: Discovery;
  readonly clock: ManualClock;
  /** Puts these, and only these, where they can be found. */
  set(endpoints: readonly Endpoint[]): void | Promise<void>;
  /** Lets look-ups fail from here on, or no more. */
  fail(fails: boolean): void;
}

type Fact = "follows" | "keeps";

/** What every discovery does, and a group that follows it; `skip` names what one cannot do, and why. */
export function discoveryContract(
  name: string,
  stage: (first: readonly Endpoint[]) => DiscoveryStage | Promise<DiscoveryStage>,
  skip: Readonly<Partial<Record<Fact, string>>> = {},
): void {
  const at = (host: string, more: Partial<Endpoint> = {}): Endpoint => {
    const name = `${host}.example.com:443`;
    return { name, url: `https://${host}.example.com`, weight: 1, priority: 0, ...more };
  };

  /** A group that follows it, with services that say who they are. */
  async function following(first: readonly Endpoint[]) {
    const world = await stage(first);
    const sink = recordingSink();
    const background: Promise<unknown>[] = [];
    const made = discoveredGroup<string, string>({
      discovery: world.discovery,
      service:
        ({ url }) =>
        async (path) =>
          url + path,
    });
    const call = compose(
      environment({
        clock: world.clock,
        random: seededRandom(3),
        sink,
        waitUntil: (work) => background.push(work),
      }),
    ).wrap(made);
    const settled = async () => {
      await Promise.all(background.splice(0));
    };
    const hosts = async (calls = 40) => {
      const answers = new Set<string>();
      for (let made = 0; made < calls; made++)
        answers.add(new URL(await call("/")).hostname.split(".")[0] ?? "");
      return [...answers].sort();
    };
    /** What was found does not hold any more: the next call looks again, and others go by what it found. */
    const later = async () => {
      await world.clock.advance(3_700_000);
      await call("/");
      let done = false;
      const ended = settled().then(() => {
        done = true;
      });
      // No faster than a look-up that really goes somewhere.
      while (!done) {
        await new Promise((resolve) => setTimeout(resolve));
        await world.clock.advance(1);
      }
      await ended;
    };
    return { ...world, group: made, call, hosts, later, sink };
  }

  describe(`${name}, a discovery`, () => {
    it("finds endpoints with their names, weights and priorities, and says how long that holds", async () => {
      const wanted = [at("a", { weight: 3 }), at("b", { priority: 1 })];
      const { discovery, clock } = await stage(wanted);
      const found = await compose(environment({ clock })).wrap(discovery)(undefined);
      const plain = found.endpoints.map(({ url, ...rest }) => ({ ...rest, url: new URL(url).origin }));
      expect(plain.sort((one, other) => one.name.localeCompare(other.name))).toEqual(wanted);
      expect(found.holds).toBeGreaterThan(0);
    });

    it("is followed by a group, whose calls go to all that were found, and by their weights", async () => {
      const { hosts, group, clock, sink } = await following([at("a"), at("b"), at("c", { weight: 0.001 })]);
      expect(await hosts()).toEqual(expect.arrayContaining(["a", "b"]));
      expect(group.state(clock.now()).map(({ name }) => name)).toHaveLength(3);
      expect(sink.of("discovery.changed")).toMatchObject([{ members: 3, added: 3, removed: 0 }]);
    });

    it.skipIf(skip.follows)("is followed as members come and go", async () => {
      const { set, hosts, later, sink } = await following([at("a"), at("b")]);
      expect(await hosts()).toEqual(["a", "b"]);
      await set([at("b"), at("c")]);
      expect(await hosts()).toEqual(["a", "b"]);
      await later();
      expect(await hosts()).toEqual(["b", "c"]);
      expect(sink.of("discovery.changed").at(-1)).toMatchObject({ members: 2, added: 1, removed: 1 });
      await set([at("b", { priority: 1 }), at("c")]);
      await later();
      expect(await hosts()).toEqual(["c"]);
    });

    it.skipIf(skip.keeps)("that fails leaves those that were found, and is asked again", async () => {
      const { fail, set, hosts, later, call, sink } = await following([at("a"), at("b")]);
      expect(await hosts()).toEqual(["a", "b"]);
      fail(true);
      await set([at("c")]);
      await later();
      expect(await hosts()).toEqual(["a", "b"]);
      const { kind, members, retryIn } = sink.of("discovery.failed")[0] ?? {};
      expect([typeof kind, members, retryIn]).toEqual(["string", 2, 5_000]);
      fail(false);
      await later();
      expect(await call("/")).toContain("//c.");
    });

    it.skipIf(skip.keeps)("that finds nobody leaves those that were found", async () => {
      const { set, hosts, later, sink } = await following([at("a")]);
      expect(await hosts()).toEqual(["a"]);
      await set([]);
      await later();
      expect(await hosts()).toEqual(["a"]);
      expect(sink.of("discovery.failed")).not.toEqual([]);
    });

    it.skipIf(skip.keeps)(
      "that fails when it is needed says why, and is asked again by the next call",
      async () => {
        const { fail, call, clock } = await following([at("a")]);
        fail(true);
        const first = call("/").catch((error: unknown) => error);
        await clock.advance(10_000);
        expect(await first).toBeInstanceOf(Error);
        fail(false);
        expect(await call("/")).toContain("//a.");
      },
    );
  });
}
