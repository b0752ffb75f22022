import { isRejected } from "ninelives";
import type { TallyPart } from "ninelives/observer";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Telling, type Told } from "../../workers/telling.ts";
import { toldToOwner } from "./test-worker.ts";

const batch = (policy = "prices", events = 1) => ({
  source: { id: "abcdef", kind: "page" },
  sentAt: 0,
  dropped: 0,
  events: Array.from({ length: events }, () => ({ type: "cache.missed" as const, policy, at: 0 })),
});

/** A telling, and an observer that the test plays by hand. */
function stage(shards = 1) {
  const heard: (Told & {
    readonly events: number;
    readonly dropped: number;
    answer(error?: unknown): void;
  })[] = [];
  const telling = new Telling(
    shards,
    (told) =>
      new Promise((resolve, reject) => {
        const { events, dropped } = JSON.parse(told.part) as TallyPart;
        const answer = (error?: unknown) => (error === undefined ? resolve() : reject(error));
        heard.push({ ...told, events, dropped, answer });
      }),
  );
  const hears = (count: number) => vi.waitFor(() => expect(heard).toHaveLength(count), { timeout: 10_000 });
  return { telling, heard, hears };
}

/** Moves the wall clock, and leaves timers alone. */
function clock() {
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  return (ms: number) => vi.setSystemTime(Date.now() + ms);
}

const refusal = async (taking: Promise<void>) => {
  const error = await taking.catch((reason: unknown) => reason);
  return isRejected(error) ? [error.kind, error.retryAfter] : error;
};

describe("Telling", () => {
  it("tells a batch at once, and its sender waits for what came of that", async () => {
    const { telling, heard, hears } = stage();
    let taken = false;
    const taking = telling.take(batch()).then(() => {
      taken = true;
    });
    await hears(1);
    expect(taken).toBe(false);
    heard[0]?.answer();
    await taking;
    await Promise.all([telling.take(batch()), hears(2).then(() => heard[1]?.answer())]);
    expect(heard.map(({ events }) => events)).toEqual([1, 1]);
  });

  it("adds up what comes meanwhile, and tells it together", async () => {
    const { telling, heard, hears } = stage();
    const leading = telling.take(batch());
    await telling.take(batch("prices", 2));
    await telling.take(batch("orders", 3));
    await hears(1);
    heard[0]?.answer();
    await leading;
    await hears(2);
    expect(heard[1]?.events).toBe(5);
    heard[1]?.answer();
  });

  it("tells again under the same id what no answer came to", async () => {
    const { telling, heard, hears } = stage();
    const taking = telling.take(batch());
    await hears(1);
    heard[0]?.answer(new Error("connection lost"));
    await hears(2);
    heard[1]?.answer();
    await taking;
    expect(heard[1]).toMatchObject({ id: heard[0]?.id, part: heard[0]?.part });
  });

  it("does not ask an observer again that has too much to do, and its sender hears of it", async () => {
    const { telling, heard, hears } = stage();
    const taking = telling.take(batch());
    await hears(1);
    const overloaded = Object.assign(new Error("overloaded"), { overloaded: true });
    heard[0]?.answer(overloaded);
    await expect(taking).rejects.toBe(overloaded);
    expect(heard).toHaveLength(1);
  });

  it("counts what senders believe to be told as dropped when no shard took it, and tells of that next", async () => {
    const told = toldToOwner("warn");
    const { telling, heard, hears } = stage();
    const leading = telling.take(batch());
    await telling.take(batch("prices", 7));
    await hears(1);
    heard[0]?.answer();
    await leading;
    await hears(2);
    heard[1]?.answer(Object.assign(new Error("overloaded"), { overloaded: true }));
    await vi.waitFor(() => expect(told).toHaveLength(1));
    const next = telling.take(batch());
    await hears(3);
    expect(heard[2]).toMatchObject({ events: 1, dropped: 7 });
    heard[2]?.answer();
    await next;
  });

  it("tells a healthy shard how many events another one did not take", async () => {
    toldToOwner("warn");
    const { telling, heard, hears } = stage(2);
    const two = { ...batch(), events: [...batch("a", 2).events, ...batch("b", 3).events] };
    const taking = telling.take(two);
    await hears(2);
    heard[0]?.answer(Object.assign(new Error("overloaded"), { overloaded: true }));
    heard[1]?.answer();
    await hears(3);
    heard[2]?.answer();
    await taking;
    expect(heard[0]?.shard).not.toBe(heard[1]?.shard);
    expect(heard[2]).toMatchObject({ shard: heard[1]?.shard, events: 0, dropped: heard[0]?.events });
  });

  it("asks senders to come back later when the observer is slow", async () => {
    const pass = clock();
    const { telling, heard, hears } = stage();
    const leading = telling.take(batch());
    await hears(1);
    pass(1_001);
    expect(await refusal(telling.take(batch()))).toEqual(["bulkhead-full", 1_000]);
    expect(heard).toHaveLength(1);
    heard[0]?.answer();
    await leading;
  });

  it("keeps a thousand batches, and asks for later with the next", async () => {
    const { telling, heard, hears } = stage();
    const leading = telling.take(batch());
    await hears(1);
    for (let count = 0; count < 1_000; count++) await telling.take(batch());
    expect(await refusal(telling.take(batch()))).toEqual(["bulkhead-full", 1_000]);
    heard[0]?.answer();
    await leading;
    await hears(2);
    expect(heard[1]?.events).toBe(1_000);
    heard[1]?.answer();
  });

  it("has another batch lead when the one that was to tell was cut off", async () => {
    const pass = clock();
    const { telling, heard, hears } = stage();
    const cut = telling.take(batch());
    await telling.take(batch("prices", 2));
    await hears(1);
    pass(15_001);
    const leading = telling.take(batch());
    await hears(2);
    expect(heard[1]?.events).toBe(3);
    heard[1]?.answer();
    await leading;
    heard[0]?.answer();
    await cut;
  });

  it("counts what the one left that was cut off as dropped, when its successor is refused", async () => {
    toldToOwner("warn");
    const pass = clock();
    const { telling, heard, hears } = stage();
    const cut = telling.take(batch());
    await telling.take(batch("prices", 2));
    await hears(1);
    pass(15_001);
    const leading = telling.take(batch());
    await hears(2);
    const overloaded = Object.assign(new Error("overloaded"), { overloaded: true });
    heard[1]?.answer(overloaded);
    await expect(leading).rejects.toBe(overloaded);
    const next = telling.take(batch());
    await hears(3);
    expect(heard[2]).toMatchObject({ events: 1, dropped: 2 });
    heard[2]?.answer();
    heard[0]?.answer();
    await Promise.all([next, cut]);
  });

  it("refuses at once while nothing comes back, and says when to try again", async () => {
    const { telling, heard, hears } = stage();
    const taking = telling.take(batch());
    for (let count = 1; count <= 3; count++) {
      await hears(count);
      heard[count - 1]?.answer(new Error("gone"));
    }
    await expect(taking).rejects.toThrow("gone");
    const [kind, retryAfter] = (await refusal(telling.take(batch()))) as [string, number];
    expect(kind).toBe("circuit-open");
    expect(retryAfter).toBeGreaterThan(0);
    expect(heard).toHaveLength(3);
  });
});
