import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { circuitBreaker } from "ninelives";
import {
  type CircuitView,
  durableObjectStore,
  type RegionRecord,
  regionName,
} from "ninelives/stores/durable-object";
import { describe, expect, it } from "vitest";
import type { CircuitReport } from "../../src/state/sync.ts";
import type { CircuitObject } from "../../workers/objects/circuit-object.ts";
import { deaf, report, rules } from "../contracts/store.ts";

let made = 0;
const fresh = () => `regional circuit ${++made}`;
const vote = { seq: 2, open: true, fail: 9 };

/** Replicas report to the objects of their regions, all under one root. */
const regionsOf = (name: string) => ({
  report: (region: string, each: Partial<CircuitReport> = {}) =>
    durableObjectStore(env.CIRCUITS, { region }).sync(name, report(each), deaf) as Promise<CircuitView>,
  root: env.CIRCUITS.getByName(name),
  region: (region: string) => env.CIRCUITS.getByName(regionName(name, region)),
});

/** What a region's home keeps, changed as it stands in its storage: a test does not wait for slots to come. */
const change = (
  object: DurableObjectStub<CircuitObject>,
  makes: (record: RegionRecord) => RegionRecord,
): Promise<void> =>
  runInDurableObject(object, async (_, state) => {
    state.storage.kv.put("region", makes(state.storage.kv.get<RegionRecord>("region") as RegionRecord));
  }).then(() => evictDurableObject(object));

const due = (record: RegionRecord): RegionRecord => ({ ...record, dueAt: 0 });

describe("CircuitObject of a region", () => {
  it("speaks for its replicas: regions together open the circuit, and each hears of it", async () => {
    const fleet = regionsOf(fresh());
    const { epoch } = await fleet.report("weur");
    await fleet.report("enam", { replica: "two" });
    await change(fleet.region("weur"), due);
    expect(await fleet.report("weur", { ...vote, epoch })).toMatchObject({ state: "closed" });
    await change(fleet.region("enam"), due);
    expect(await fleet.report("enam", { ...vote, replica: "two", epoch })).toMatchObject({ state: "open" });
    expect(await fleet.root.view()).toMatchObject({ state: "open" });
    await change(fleet.region("weur"), due);
    expect(await fleet.report("weur", { seq: 3, epoch })).toMatchObject({ state: "open" });
  });

  it("survives its eviction: what it was told counts once, and the permit is handed to one", async () => {
    const name = fresh();
    const fleet = regionsOf(name);
    const brief = { ...rules, openFor: 0 };
    const { epoch } = await fleet.report("weur", { rules: brief });
    await change(fleet.region("weur"), due);
    const opened = await fleet.report("weur", { ...vote, epoch, rules: brief });
    expect(opened.epoch).toBeGreaterThan(epoch);
    const probers = (from: number) =>
      Promise.all(
        Array.from({ length: 10 }, (_, number) =>
          fleet.report("weur", {
            replica: `prober ${from + number}`,
            epoch: opened.epoch,
            wantsProbe: true,
            rules: brief,
          }),
        ),
      );
    const first = await probers(0);
    await change(fleet.region("weur"), due);
    const views = [...first, ...(await probers(10))];
    await change(fleet.region("weur"), due);
    views.push(...(await probers(20)));
    expect(new Set(views.flatMap(({ permit }) => permit?.id ?? [])).size).toBe(1);
    expect(views.filter(({ permit }) => permit !== undefined)).toHaveLength(1);
    expect(await fleet.root.view()).toMatchObject({ state: "half-open" });
  });

  it("is what a person's command reaches by the root", async () => {
    const fleet = regionsOf(fresh());
    const { epoch } = await fleet.report("weur");
    await fleet.root.command("open");
    await change(fleet.region("weur"), due);
    expect(await fleet.report("weur", { seq: 2, epoch })).toMatchObject({ state: "forced-open" });
  });

  it("asks the root only now and then, however many report to it", async () => {
    const fleet = regionsOf(fresh());
    await Promise.all(
      Array.from({ length: 50 }, (_, number) => fleet.report("weur", { replica: `replica ${number}` })),
    );
    const { seq } = await runInDurableObject(
      fleet.region("weur"),
      (_, state) => state.storage.kv.get<RegionRecord>("region") as RegionRecord,
    );
    expect(seq).toBeLessThanOrEqual(3);
  });

  it("lets nobody speak for a region who comes by another way", async () => {
    const fleet = regionsOf(fresh());
    const region = { name: "weur", size: 1_000, votes: 1_000, failing: 0, calls: 0 };
    await fleet.root.sync(report());
    await fleet.root.sync(report({ ...vote, replica: "two", epoch: 1, region }));
    expect(await fleet.root.view()).toMatchObject({ state: "closed" });
  });

  it("says where the root should be when its Worker has no such binding", async () => {
    const object = fleetless();
    await runInDurableObject(object, (instance) => {
      Object.assign(instance as unknown as { env: object }, { env: {} });
      expect(() => (instance as CircuitObject).relay("prices", "weur", report())).toThrow("binding CIRCUITS");
    });
  });

  it("serves a circuit breaker as any home does", async () => {
    const circuit = circuitBreaker({
      name: fresh(),
      shared: durableObjectStore(env.CIRCUITS, { region: "weur" }),
    });
    await circuit.sync();
    await expect(circuit.execute(async () => "served")).resolves.toBe("served");
    expect(circuit.state).toBe("closed");
  });
});

const fleetless = () => env.CIRCUITS.getByName(regionName(fresh(), "weur"));
