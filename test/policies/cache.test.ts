import {
  adaptive,
  type CacheOptions,
  type Classify,
  type Context,
  cache,
  coalesce,
  compose,
  type Duration,
  format,
  parse,
  RejectedError,
  retry,
  timeout,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { type Caller, type Stage, type StageOptions, stage } from "./stage.ts";

const down = new Error("down");
const key = (_: unknown, { key }: Context): string | undefined => key;
type Options = Partial<CacheOptions<unknown, unknown>>;

function cached(options: Options = {}, given: StageOptions = {}) {
  const policy = cache({ key, ttl: 1_000, ...options });
  const discarded: unknown[] = [];
  const background: Promise<unknown>[] = [];
  const staged = stage(policy, {
    discard: (value) => discarded.push(value),
    waitUntil: (work) => background.push(work),
    ...given,
  });
  return { ...staged, policy, discarded, background };
}

/** Makes a call for a key, which the origin answers if it is asked. */
async function ask({ clock, origin, call }: Stage, answer: unknown, of = "a"): Promise<Caller> {
  const before = origin.calls.length;
  const made = call({ key: of });
  if (origin.calls.length > before) origin.last.succeed(answer);
  await clock.advance(0);
  return made;
}

async function askInVain({ clock, origin, call }: Stage, error: unknown = down): Promise<Caller> {
  const made = call({ key: "a" });
  origin.last.fail(error);
  await clock.advance(0);
  return made;
}

const classify: Classify = (outcome) => {
  if ("error" in outcome) return { kind: "failure", retryable: true };
  if (outcome.value === 404) return { kind: "ignored", retryable: false };
  return outcome.value === 503 ? { kind: "failure", retryable: true } : { kind: "success", retryable: false };
};

describe("cache", () => {
  it("gives an answer again until its time is over", async () => {
    const staged = cached();
    const { clock, origin, sink, policy } = staged;
    const answer = { price: 1 };
    expect((await ask(staged, answer)).seen).toEqual({ value: answer });
    await clock.advance(999);
    expect(((await ask(staged, "not asked")).seen as { value: unknown }).value).toBe(answer);
    expect([origin.calls.length, policy.size]).toEqual([1, 1]);
    await clock.advance(1);
    expect((await ask(staged, "new")).seen).toEqual({ value: "new" });
    expect(origin.calls.length).toBe(2);
    expect(sink.types.filter((type) => type.startsWith("cache"))).toEqual([
      "cache.missed",
      "cache.hit",
      "cache.missed",
    ]);
    expect(sink.of("cache.hit")[0]).toMatchObject({ freshness: "fresh", key: "a" });
    expect(clock.pending).toBe(0);
  });

  it("keeps keys apart, and requests that have none out", async () => {
    const staged = cached();
    const { origin, call } = staged;
    await ask(staged, 1, "a");
    await ask(staged, 2, "b");
    expect((await ask(staged, 3, "a")).seen).toEqual({ value: 1 });
    expect((await ask(staged, 3, "b")).seen).toEqual({ value: 2 });
    call();
    call();
    expect(origin.calls.length).toBe(4);
    expect(staged.sink.of("cache.missed").length).toBe(2);
  });

  it("neither answers nor keeps requests that must not be repeated", async () => {
    const staged = cached();
    const { clock, origin, call } = staged;
    await ask(staged, "read");
    const write = call({ key: "a", repeatable: false });
    origin.last.succeed("written");
    await clock.advance(0);
    expect(write.seen).toEqual({ value: "written" });
    expect((await ask(staged, "?")).seen).toEqual({ value: "read" });
  });

  it("never keeps failures, be they thrown, returned, or nobody's", async () => {
    const staged = cached({ staleIfError: "1h" }, { classify });
    expect((await askInVain(staged)).error).toBe(down);
    expect((await ask(staged, 503)).seen).toEqual({ value: 503 });
    expect((await ask(staged, 404)).seen).toEqual({ value: 404 });
    expect([staged.policy.size, staged.origin.calls.length, staged.discarded]).toEqual([0, 3, []]);
  });

  it("calls for each who misses; coalesce inside makes that one call", async () => {
    const apart = cached();
    apart.call({ key: "a" });
    apart.call({ key: "a" });
    expect(apart.origin.calls.length).toBe(2);

    const together = stage(compose(cache({ key, ttl: 1_000 }), coalesce(key)));
    const callers = [together.call({ key: "a" }), together.call({ key: "a" })];
    expect(together.origin.calls.length).toBe(1);
    together.origin.last.succeed("ok");
    await together.clock.advance(0);
    expect(callers.map(({ seen }) => seen)).toEqual([{ value: "ok" }, { value: "ok" }]);
  });

  describe("its ttl", () => {
    it("may be a function of the answer, and 0 keeps the answer out", async () => {
      const ttl = (value: unknown): Duration => (value as { maxAge: Duration }).maxAge;
      const staged = cached({ ttl, staleIfError: "1h" });
      const { clock, origin, policy } = staged;
      await ask(staged, { maxAge: "2s" });
      await clock.advance(1_999);
      await ask(staged, "not asked");
      expect(origin.calls.length).toBe(1);
      await clock.advance(1);
      const last = { maxAge: 0 };
      expect(((await ask(staged, last)).seen as { value: unknown }).value).toBe(last);
      expect(policy.size).toBe(0);
      await ask(staged, { maxAge: 1 });
      expect(origin.calls.length).toBe(3);
    });

    it("is checked when a function gives it", async () => {
      const staged = cached({ ttl: () => "soon" as "1s" });
      expect((await ask(staged, 1)).error).toBeInstanceOf(RangeError);
      expect(staged.policy.size).toBe(0);
    });

    it("may be adaptive", async () => {
      const ttl = adaptive<Duration>("1s");
      const staged = cached({ ttl });
      ttl.set("5s");
      await ask(staged, 1);
      await staged.clock.advance(4_999);
      await ask(staged, 2);
      expect(staged.origin.calls.length).toBe(1);
      expect(() => ttl.set("x" as "1s")).toThrow("cache: ttl must be a duration");
    });
  });

  describe("with staleWhileRevalidate", () => {
    const options: Options = { staleWhileRevalidate: 5_000 };

    it("gives the stale answer at once and fetches a new one in the background, once", async () => {
      const staged = cached(options);
      const { clock, origin, sink, call, background } = staged;
      await ask(staged, "old");
      await clock.advance(1_000);
      const callers = [call({ key: "a" }), call({ key: "a" })];
      await clock.advance(0);
      expect(callers.map(({ seen }) => seen)).toEqual([{ value: "old" }, { value: "old" }]);
      expect([origin.calls.length, background.length]).toEqual([2, 1]);
      expect(sink.of("cache.hit").map(({ freshness }) => freshness)).toEqual([
        "revalidating",
        "revalidating",
      ]);
      origin.last.succeed("new");
      await clock.advance(999);
      expect((await ask(staged, "?")).seen).toEqual({ value: "new" });
      await expect(background[0]).resolves.toBeUndefined();
      expect(origin.calls.length).toBe(2);
      expect(sink.of("request.succeeded").map(({ attempts }) => attempts)).toEqual([1, 0, 0, 0]);
      expect(clock.pending).toBe(0);
    });

    it("no longer than that", async () => {
      const staged = cached(options);
      await ask(staged, "old");
      await staged.clock.advance(6_000);
      expect((await ask(staged, "new")).seen).toEqual({ value: "new" });
      expect(staged.background).toEqual([]);
    });

    it("keeps the stale answer when the fetch fails, and tries again for the next caller", async () => {
      const staged = cached(options, { classify });
      const { clock, origin, discarded, background } = staged;
      await ask(staged, "old");
      await clock.advance(1_000);
      expect((await askInVain(staged)).seen).toEqual({ value: "old" });
      expect((await ask(staged, 503)).seen).toEqual({ value: "old" });
      expect(discarded).toEqual([503]);
      expect((await ask(staged, "new")).seen).toEqual({ value: "old" });
      expect((await ask(staged, "?")).seen).toEqual({ value: "new" });
      expect(origin.calls.length).toBe(4);
      await expect(Promise.all(background)).resolves.toBeDefined();
      expect(clock.pending).toBe(0);
    });

    it("lets another fetch try when one has hung for 30 s", async () => {
      const staged = cached({ staleWhileRevalidate: "1h" });
      const { clock, origin, call } = staged;
      await ask(staged, "old");
      await clock.advance(1_000);
      call({ key: "a" });
      await clock.advance(29_999);
      call({ key: "a" });
      expect(origin.calls.length).toBe(2);
      await clock.advance(1);
      call({ key: "a" });
      expect(origin.calls.length).toBe(3);
      origin.last.succeed("new");
      await clock.advance(0);
      expect((await ask(staged, "?")).seen).toEqual({ value: "new" });
      expect(clock.pending).toBe(0);
    });

    it("drops the stale answer when the new one is not to be kept", async () => {
      let ttl: Duration = "1s";
      const staged = cached({ ...options, ttl: () => ttl });
      await ask(staged, "old");
      await staged.clock.advance(1_000);
      ttl = 0;
      await ask(staged, "new");
      expect([staged.policy.size, staged.discarded]).toEqual([0, ["new"]]);
    });

    it("fetches for nobody in particular: a caller's abort and deadline do not end it", async () => {
      const staged = cached(options);
      const { clock, origin, call } = staged;
      await ask(staged, "old");
      await clock.advance(1_000);
      const controller = new AbortController();
      call({ key: "a", signal: controller.signal, deadline: 10 });
      await clock.advance(0);
      const { signal, deadline, key } = origin.last.context;
      controller.abort();
      await clock.advance(100);
      expect([signal.aborted, deadline, key]).toEqual([false, Infinity, "a"]);
      origin.last.succeed("new");
      await clock.advance(0);
      expect((await ask(staged, "?")).seen).toEqual({ value: "new" });
      expect(clock.pending).toBe(0);
    });

    it("cache > timeout: ends the fetch in time", async () => {
      const policy = compose(cache({ key, ttl: 10, staleWhileRevalidate: 100 }), timeout(50));
      const staged = stage(policy);
      await ask(staged, "old");
      await staged.clock.advance(10);
      staged.call({ key: "a" });
      await staged.clock.advance(49);
      expect(staged.clock.pending).toBe(1);
      await staged.clock.advance(1);
      staged.call({ key: "a" });
      await staged.clock.advance(0);
      expect(staged.origin.calls.length).toBe(3);
      staged.origin.last.succeed("new");
      await staged.clock.advance(0);
      expect(staged.clock.pending).toBe(0);
    });
  });

  describe("with staleIfError", () => {
    const options: Options = { staleIfError: 5_000 };

    it("gives the stale answer when a call fails", async () => {
      const staged = cached(options, { classify });
      const { clock, origin, sink, discarded } = staged;
      await ask(staged, "old");
      await clock.advance(1_000);
      expect((await askInVain(staged)).seen).toEqual({ value: "old" });
      expect((await ask(staged, 503)).seen).toEqual({ value: "old" });
      expect(discarded).toEqual([503]);
      const refusal = new RejectedError("circuit-open", "circuit", "open");
      expect((await askInVain(staged, refusal)).seen).toEqual({ value: "old" });
      expect(sink.of("cache.hit").map(({ freshness }) => freshness)).toEqual(
        Array.from({ length: 3 }, () => "stale-if-error"),
      );
      expect(sink.of("request.succeeded").map(({ degraded }) => degraded)).toEqual([
        undefined,
        true,
        true,
        true,
      ]);
      expect((await ask(staged, 404)).seen).toEqual({ value: 404 });
      expect((await ask(staged, "new")).seen).toEqual({ value: "new" });
      expect(origin.calls.length).toBe(6);
    });

    it("no longer than that, by the time of the failure", async () => {
      const staged = cached(options);
      const { clock, origin, call } = staged;
      await ask(staged, "old");
      await clock.advance(5_999);
      const seen = call({ key: "a" });
      await clock.advance(1);
      origin.last.fail(down);
      await clock.advance(0);
      expect(seen.error).toBe(down);
      expect((await askInVain(staged)).error).toBe(down);
    });

    it("beside staleWhileRevalidate, for what is too old for that", async () => {
      const staged = cached({ staleWhileRevalidate: 1_000, staleIfError: 5_000 });
      await ask(staged, "old");
      await staged.clock.advance(3_000);
      expect((await askInVain(staged)).seen).toEqual({ value: "old" });
      expect(staged.background).toEqual([]);
    });

    it("throws what the caller aborted with all the same", async () => {
      const staged = cached(options);
      const { clock, origin, call } = staged;
      await ask(staged, "old");
      await clock.advance(1_000);
      const controller = new AbortController();
      const seen = call({ key: "a", signal: controller.signal });
      controller.abort("navigated");
      origin.last.fail(down);
      await clock.advance(0);
      expect(seen.error).toBe("navigated");
      expect(staged.sink.of("cache.hit")).toEqual([]);
    });
  });

  it("keeps no more than maximumEntries, and 1000 unless told otherwise", async () => {
    const small = cached({ maximumEntries: 2 });
    for (const name of ["a", "b", "c"]) await ask(small, name, name);
    expect(small.policy.size).toBe(2);
    await ask(small, "again", "a");
    expect(small.origin.calls.length).toBe(4);
    const large = cached();
    for (let call = 0; call <= 1_000; call++) await ask(large, call, `${call}`);
    expect(large.policy.size).toBe(1_000);
  });

  it("can be emptied", async () => {
    const staged = cached();
    const { policy } = staged;
    await ask(staged, 1, "a");
    await ask(staged, 2, "b");
    expect([policy.delete("a"), policy.delete("a"), policy.size]).toEqual([true, false, 1]);
    policy.clear();
    expect(policy.size).toBe(0);
    await ask(staged, 3, "b");
    expect(staged.origin.calls.length).toBe(3);
  });

  describe("of answers that only one can have", () => {
    const textOf = async ({ seen }: Caller) => (seen as { value: Response }).value.text();

    it("clones a Response for each caller", async () => {
      const staged = cached();
      const first = await ask(staged, new Response("hello"));
      const second = await ask(staged, "not asked");
      expect(await textOf(first)).toBe("hello");
      expect(await textOf(second)).toBe("hello");
      expect(staged.origin.calls.length).toBe(1);
    });

    it("discards what it kept when it drops it, unless a caller has it", async () => {
      const staged = cached({
        share: (value) => (typeof value === "string" ? value : { ...(value as object) }),
      });
      const own = { price: 1 };
      const { seen } = await ask(staged, own, "own");
      expect(seen).toEqual({ value: own });
      expect((seen as { value: unknown }).value).not.toBe(own);
      await ask(staged, "shared", "shared");
      staged.policy.clear();
      expect(staged.discarded).toEqual([own]);
    });

    it("rejects who cannot have a copy", async () => {
      let copies = 0;
      const share = (value: unknown) => {
        if (++copies > 1) throw down;
        return value;
      };
      const staged = cached({ share });
      expect((await ask(staged, "ok")).seen).toEqual({ value: "ok" });
      expect((await ask(staged, "?")).error).toBe(down);
    });
  });

  it("retry > cache: a hit is no attempt", async () => {
    const staged = stage(compose(retry(3), cache({ key, ttl: "1m" })));
    await ask(staged, "ok");
    await ask(staged, "?");
    expect(staged.sink.of("request.succeeded").map(({ attempts }) => attempts)).toEqual([1, 0]);
  });

  it.each<[string, unknown, string]>([
    ["key", { ttl: 1 }, "cache: key must be a function, but is undefined"],
    ["ttl", { key }, "cache: ttl must be a duration such as"],
    ["ttl", { key, ttl: "1d" }, 'but is "1d"'],
    [
      "staleWhileRevalidate",
      { key, ttl: 1, staleWhileRevalidate: -1 },
      "cache: staleWhileRevalidate must be a",
    ],
    ["staleIfError", { key, ttl: 1, staleIfError: true }, "cache: staleIfError must be a duration"],
    [
      "maximumEntries",
      { key, ttl: 1, maximumEntries: 0 },
      "cache: maximumEntries must be a whole number of at",
    ],
    ["share", { key, ttl: 1, share: {} }, "cache: share must be a function, but is {}"],
    ["size", { key, ttl: 1, size: 1 }, 'cache has no option "size"; it has key, ttl, staleWhileRevalidate'],
  ])("refuses a bad %s when it is made", (_, options, message) => {
    expect(() => cache(options as never)).toThrow(message);
  });

  it("has a text with names from its scope", () => {
    const text = "cache(byKey, ttl: 1m, staleWhileRevalidate: 10m, staleIfError: 1h, maximumEntries: 50)";
    expect(format(parse(text, { byKey: key }))).toBe(text);
  });
});
