import { compose, environment, timeout } from "ninelives";
import { ManualClock, recordingSink } from "ninelives/testing";
import { type Discovery, DiscoveryError, discoveredGroup } from "ninelives/upstreams";
import { describe, expect, it } from "vitest";

/** A group whose discovery does what the test says, at the moment that it is asked. */
function stage(options: { readonly lookUpTimeout?: "10ms" } = {}) {
  const clock = new ManualClock();
  const sink = recordingSink();
  const scene = {
    looks: 0,
    find: (() => new Promise(() => {})) as Discovery,
  };
  const group = discoveredGroup<string, string>({
    ...options,
    discovery: (_, context) => {
      scene.looks++;
      return scene.find(undefined, context);
    },
    service:
      ({ url }) =>
      async (path) =>
        url + path,
  });
  const call = compose(environment({ clock, sink })).wrap(group);
  const failed = (calls: number) =>
    Promise.all(Array.from({ length: calls }, () => call("/").catch((error: unknown) => error)));
  return { clock, sink, scene, group, call, failed };
}

const found: Discovery = async () => ({
  endpoints: [{ name: "a", url: "https://a.test", weight: 1, priority: 0 }],
  holds: 60_000,
});

/** A look-up that takes so long, unless it is ended before. */
const late =
  (clock: ManualClock, ms: number): Discovery =>
  (_, { signal }) =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      clock.setTimer(() => resolve(found(undefined, undefined as never)), ms);
    });

describe("discoveredGroup, while nobody has been found", () => {
  it("fails at once after a look-up that failed, and looks again when that is due", async () => {
    const { clock, sink, scene, call, failed } = stage();
    scene.find = () => Promise.reject(new DiscoveryError("the resolver answered 500"));
    const first = failed(1);
    await clock.advance(1_000);
    expect(await first).toMatchObject([{ message: "the resolver answered 500" }]);
    // It was tried twice.
    expect(scene.looks).toBe(2);
    const others = await failed(100);
    expect(others[0]).toMatchObject({ cause: { message: "the resolver answered 500" } });
    expect(others.every((each) => each instanceof DiscoveryError)).toBe(true);
    expect(scene.looks).toBe(2);
    expect(sink.of("discovery.failed")).toMatchObject([{ members: 0, retryIn: 5_000 }]);
    scene.find = found;
    await clock.advance(5_000);
    expect(await call("/")).toBe("https://a.test/");
    expect(scene.looks).toBe(3);
    expect(clock.pending).toBe(0);
  });

  it("has one call wait for a look-up that is due, and fails the others meanwhile", async () => {
    const { clock, scene, failed } = stage();
    const first = failed(1);
    await clock.advance(5_000);
    expect(await first).toMatchObject([{ kind: "timeout" }]);
    expect(scene.looks).toBe(2);
    await clock.advance(5_000);
    const one = failed(1);
    expect((await failed(100)).every((each) => each instanceof DiscoveryError)).toBe(true);
    expect(scene.looks).toBe(3);
    await clock.advance(5_000);
    expect(await one).toMatchObject([{ kind: "timeout" }]);
    expect(scene.looks).toBe(4);
  });

  it("finds out that look-ups fail though no caller has the patience to wait for that", async () => {
    const { clock, scene, group, sink } = stage();
    const hasty = compose(environment({ clock, sink }), timeout("1s")).wrap(group);
    const first = hasty("/").catch((error: unknown) => error);
    await clock.advance(1_000);
    expect(await first).toMatchObject({ kind: "timeout" });
    await clock.advance(4_000);
    expect(sink.of("discovery.failed")).toMatchObject([{ kind: "timeout" }]);
    expect(await hasty("/").catch((error: unknown) => error)).toBeInstanceOf(DiscoveryError);
    expect(scene.looks).toBe(2);
  });

  it("waits for the second try of a look-up, however short each may be", async () => {
    const { clock, scene, call } = stage({ lookUpTimeout: "10ms" });
    const answer = call("/");
    await clock.advance(10);
    scene.find = found;
    await clock.advance(100);
    expect(await answer).toBe("https://a.test/");
    expect(scene.looks).toBe(2);
  });

  it("goes by what a look-up finds after its caller has gone", async () => {
    const { clock, scene, call } = stage();
    scene.find = late(clock, 1_500);
    const caller = new AbortController();
    const gone = call("/", { signal: caller.signal }).catch((error: unknown) => error);
    await clock.advance(100);
    caller.abort("gone");
    expect(await gone).toBe("gone");
    await clock.advance(1_400);
    expect(await call("/")).toBe("https://a.test/");
    expect(scene.looks).toBe(1);
  });

  it("has Workers wait for a look-up whose caller has gone", async () => {
    const { clock, scene, group } = stage();
    scene.find = late(clock, 500);
    const background: Promise<unknown>[] = [];
    const call = compose(environment({ clock, waitUntil: (work) => background.push(work) })).wrap(group);
    const caller = new AbortController();
    const gone = call("/", { signal: caller.signal }).catch((error: unknown) => error);
    caller.abort("gone");
    await gone;
    expect(background).toHaveLength(1);
    await clock.advance(500);
    await Promise.all(background);
    expect(group.state(clock.now())).toHaveLength(1);
  });
});
