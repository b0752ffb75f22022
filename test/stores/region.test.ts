import { ManualClock } from "ninelives/testing";
import { describe, expect, it, vi } from "vitest";
import type { RegionRecord } from "../../src/state/region.ts";
import type { CircuitReport, CircuitView } from "../../src/state/sync.ts";
import { durableObjectStore } from "../../src/stores/durable-object.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { Region, RootLostError } from "../../src/stores/region.ts";
import { deaf, report } from "../contracts/store.ts";

type Root = (report: CircuitReport) => Promise<CircuitView>;

/** A region's home in this process, and what it kept. */
function homeOf(root: Root, { name = "west", clock = new ManualClock() } = {}) {
  const kept: { record?: RegionRecord; reports: number } = { reports: 0 };
  const start = () =>
    new Region({
      name,
      record: kept.record,
      keep: (record, atOnce) => {
        if (atOnce) kept.record = record;
      },
      root: (each) => {
        kept.reports++;
        return root(each);
      },
      environment: { clock, random: () => 0.5 },
    });
  return { kept, clock, start };
}

/** A root in memory, by the clock of the test. */
function rootIn(clock: ManualClock): Root {
  const store = memoryStore({ clock: { now: () => clock.wall() } });
  return (each) => store.sync("prices", each, deaf) as Promise<CircuitView>;
}

describe("Region", () => {
  it("lets one report carry what the root is to know; the others are answered meanwhile", async () => {
    const clock = new ManualClock();
    let answer: (view: CircuitView) => void = () => {};
    const told: CircuitReport[] = [];
    const root = rootIn(clock);
    const { start } = homeOf(
      (each) => {
        told.push(each);
        return told.length === 1 ? root(each) : new Promise((resolve) => (answer = resolve));
      },
      { clock },
    );
    const region = start();
    const { epoch } = await region.sync(report());
    await clock.advance(2_000);
    const carrier = region.sync(report({ seq: 2, epoch }));
    const other = await region.sync(report({ replica: "two", epoch }));
    expect(other).toMatchObject({ state: "closed", epoch });
    expect(told).toHaveLength(2);
    answer(await root(told[1] as CircuitReport));
    expect(await carrier).toMatchObject({ state: "closed", epoch });
    expect(clock.pending).toBe(0);
  });

  it("keeps all that come before the root's first word waiting for that, and asks once", async () => {
    const clock = new ManualClock();
    const home = homeOf(rootIn(clock), { clock });
    const region = home.start();
    const replicas = Array.from({ length: 20 }, (_, number) => `replica ${number}`);
    const views = await Promise.all(replicas.map((replica) => region.sync(report({ replica }))));
    expect(views.every(({ state }) => state === "closed")).toBe(true);
    expect(home.kept.reports).toBe(1);
  });

  it("waits for its root no longer than 2 s, and takes no answer after that", async () => {
    const clock = new ManualClock();
    const { start } = homeOf(() => new Promise(() => {}), { clock });
    const waiting = start().sync(report());
    const lost = expect(waiting).rejects.toBeInstanceOf(RootLostError);
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    await clock.advance(2_000);
    await lost;
    expect(clock.pending).toBe(0);
  });

  it("sends what it stored before again when it was restarted meanwhile", async () => {
    const clock = new ManualClock();
    const root = rootIn(clock);
    const told: CircuitReport[] = [];
    const home = homeOf(
      (each) => {
        told.push(each);
        return told.length === 2 ? new Promise(() => {}) : root(each);
      },
      { clock },
    );
    const first = home.start();
    const { epoch } = await first.sync(report());
    // For a minute a home may follow one that was lost, and counts nothing.
    await clock.advance(60_000);
    void first.sync(report({ seq: 2, epoch, ok: 7 }));
    await vi.waitFor(() => expect(told).toHaveLength(2));
    await home.start().sync(report({ seq: 3, epoch, ok: 1 }));
    expect(told[2]).toEqual(told[1]);
    expect(told[1]).toMatchObject({ ok: 7, seq: 2 });
  });

  it("answers the carrier too with what the root said before, when that does not answer", async () => {
    const clock = new ManualClock();
    const root = rootIn(clock);
    const home = homeOf((each) => (home.kept.reports === 2 ? new Promise(() => {}) : root(each)), { clock });
    const region = home.start();
    const { epoch } = await region.sync(report());
    await clock.advance(2_000);
    const carrier = region.sync(report({ seq: 2, epoch }));
    await clock.advance(2_000);
    expect(await carrier).toMatchObject({ state: "closed", epoch });
    expect(region.record.lost).toBe(1);
  });

  it("decides nothing that it could not store", async () => {
    const clock = new ManualClock();
    const root = rootIn(clock);
    const region = new Region({
      name: "west",
      record: undefined,
      keep: (_, atOnce) => {
        if (atOnce) throw new Error("superseded");
      },
      root,
      environment: { clock },
    });
    await expect(region.sync(report())).rejects.toThrow("superseded");
    expect(region.record.seq).toBe(0);
  });
});

describe("durableObjectStore with a region", () => {
  it("reports on circuits to the region's object, on limits and leases to the root", async () => {
    const asked: string[] = [];
    const store = durableObjectStore(
      {
        getByName: (id) => ({
          sync: async () => {
            asked.push(id);
            return { kind: "limiter", epoch: 1, share: 0, ttl: 0, fleet: 1, nextSync: 1 };
          },
          relay: async (name, region) => {
            asked.push(`${id}: ${name} in ${region}`);
            return { epoch: 1, state: "closed", reason: "fleet", remaining: 0, openFor: 0, nextSync: 1 };
          },
        }),
      },
      { region: "weur" },
    );
    await store.sync("prices", report(), deaf);
    await store.sync("prices", { ...report(), kind: "circuit" }, deaf);
    await store.sync(
      "prices:limit",
      { kind: "limiter", replica: "a", seq: 1, epoch: 0, demand: 0, lease: 0 },
      deaf,
    );
    expect(asked).toEqual(["prices@weur: prices in weur", "prices@weur: prices in weur", "prices:limit"]);
  });

  it.each(["", "r".repeat(65), 7 as never])("refuses the region %j", (region) => {
    const namespace = {
      getByName: () => ({ sync: async () => ({}) as never, relay: async () => ({}) as never }),
    };
    expect(() => durableObjectStore(namespace, { region })).toThrow(
      "durableObjectStore: region must be a text of 1 to 64 characters, but is",
    );
  });
});
