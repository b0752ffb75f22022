import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { type AlertNotice, isAbsent, otherPolicies, shardOf } from "ninelives/observer";
import { ObserverObject, ObserverParent } from "ninelives/workers";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Env } from "../../workers/env.ts";
import { counted, names, type Sharded, send, sharded, shards, until, watch } from "./sharded-observer.ts";
import { toldToOwner } from "./test-worker.ts";

const questions = ["part", "watch", "counted", "others", "getCircuitState", "getPolicyState"] as const;

/** Has shards fail whenever anybody asks them something, until they are healed. */
async function sicken(observed: Sharded, ...numbers: readonly number[]): Promise<() => void> {
  toldToOwner("warn");
  const sick = await Promise.all(
    numbers.map((number) => runInDurableObject(observed.shard(number), (_, { id }) => id.name)),
  );
  const isSick = (object: unknown) =>
    sick.includes((object as { readonly ctx: DurableObjectState }).ctx.id.name);
  const spies = questions.map((name) => {
    const well = ObserverObject.prototype[name] as (...args: unknown[]) => unknown;
    return vi.spyOn(ObserverObject.prototype, name).mockImplementation(function (
      this: unknown,
      ...args: unknown[]
    ) {
      if (isSick(this)) throw new Error("the shard is sick");
      return well.apply(this, args) as never;
    } as never);
  });
  const heal = () => {
    for (const spy of spies) spy.mockRestore();
  };
  onTestFinished(heal);
  return heal;
}

const sickShard = 1;
const absent = { shards: [sickShard], of: shards };
const isSick = (policy: string) => shardOf(policy, shards) === sickShard;
const well = names(20).filter((name) => !isSick(name));
const lost = names(20).filter(isSick);

describe("an observer of several shards, one of them sick", { timeout: 30_000 }, () => {
  it("tells what the others know, and names the one that does not answer", async () => {
    const observed = await sharded();
    await send(observed, names(20));
    expect(await observed.state()).not.toHaveProperty("absent");
    const heal = await sicken(observed, sickShard);
    const state = await observed.state();
    expect(state.absent).toEqual(absent);
    expect(Object.keys(counted(state)).sort()).toEqual([...well].sort());
    expect(lost.every((name) => isAbsent(name, state.absent))).toBe(true);
    expect(well.some((name) => isAbsent(name, state.absent))).toBe(false);
    expect([isAbsent(otherPolicies, state.absent), isAbsent("policy 0", undefined)]).toEqual([true, false]);
    heal();
    expect(await observed.state()).toMatchObject({ events: 20 });
    expect(await observed.state()).not.toHaveProperty("absent");
  });

  it("says of one policy or circuit that nobody knows it only if that is known", async () => {
    const observed = await sharded();
    await send(observed, names(20));
    await sicken(observed, sickShard);
    const { parent } = observed;
    const asked = (question: () => Promise<unknown>) =>
      question().then(
        (answer) => answer,
        (error: Error) => error.message,
      );
    expect(await asked(() => parent.getCircuitState(well[0] as string))).toBe("closed");
    expect(await asked(() => parent.getCircuitState(lost[0] as string))).toBe("the shard is sick");
    expect(await asked(() => parent.getCircuitState("nobody"))).toBe("the shard is sick");
    expect(await asked(() => parent.getErrorRate(lost[0] as string, "1m"))).toBe("the shard is sick");
    expect(await asked(() => parent.getErrorRate(well[0] as string, "1m"))).toBe(0);
  });

  it("has the metrics of the others, and leaves out what would have to be a sum of all", async () => {
    const observed = await sharded();
    await send(observed, names(20));
    const scrape = async () => (await observed.worker.as("viewer", "/metrics")).text();
    expect(await scrape()).toContain("resilience_observer_shards_absent 0\n");
    await sicken(observed, sickShard);
    const text = await scrape();
    for (const name of well) expect(text).toContain(`{policy="${name}",result="success"} 1\n`);
    for (const name of lost) expect(text).not.toContain(`{policy="${name}"`);
    expect(text).toContain("resilience_observer_shards_absent 1\n");
    expect(text).toContain("# TYPE resilience_events_dropped_total counter\n");
    expect(text).not.toMatch(/^resilience_events_dropped_total/m);
  });

  it("lets viewers in all the same, and tells them what it knew when it is back", async () => {
    const observed = await sharded();
    await send(observed, names(20));
    const heal = await sicken(observed, sickShard);
    const viewer = await watch(observed);
    await until(() => expect(viewer.messages).not.toHaveLength(0));
    expect(viewer.messages[0]).toMatchObject({ type: "snapshot", state: { absent, events: well.length } });
    await send(observed, well);
    await until(() => expect(viewer.messages.at(-1)).toMatchObject({ type: "delta", absent }));
    heal();
    // Nobody tells anything: the parent asks by itself.
    await until(() => {
      const last = viewer.messages.at(-1);
      expect(last).toMatchObject({ type: "delta", totals: { events: 20 + well.length } });
      expect(last).not.toHaveProperty("absent");
    });
    const told = viewer.messages.flatMap((message) => (message.type === "delta" ? message.policies : []));
    for (const name of lost) expect(told.map(({ policy }) => policy)).toContain(name);
  });

  it("refuses to answer when no shard does", async () => {
    const observed = await sharded();
    await send(observed, names(3));
    toldToOwner("error");
    await sicken(observed, 0, 1, 2);
    expect((await observed.worker.as("viewer", "/v1/state")).status).toBe(500);
  });
});

describe("the alerts of an observer of several shards", { timeout: 30_000 }, () => {
  const errors = { name: "errors", when: "error-rate", above: 0.5, minimumRequests: 2 };
  const ALERTS = JSON.stringify({ rules: [errors], webhook: { url: "https://chat.test/in" } });

  /** Calls of so many policies, all of which fail. */
  const failing = (policies: readonly string[]) => ({
    version: 1 as const,
    source: { id: "abcdef", kind: "page" as const },
    sentAt: Date.now(),
    dropped: 0,
    events: policies.map((policy) => {
      const measures = { policy, at: 1, duration: 5, attempts: 1 };
      return policy.startsWith("good")
        ? ({ type: "request.succeeded", ...measures } as const)
        : ({ type: "request.failed", kind: "value", ...measures } as const);
    }),
  });

  it("fire in the shard that has the policy, and once for what no shard tells apart", async () => {
    const out: AlertNotice[] = [];
    const fetch = vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => {
      out.push(JSON.parse(String(init?.body)) as AlertNotice);
      return new Response();
    });
    onTestFinished(() => fetch.mockRestore());
    const told = () => out.map(({ policy, status }) => [policy, status]);
    let asked = 0;
    const OBSERVER_PARENT = { getByName: () => ({ lookAtOthers: async () => asked++ }) };
    const objects: Record<string, ObserverObject> = {};
    const inShard = (number: number, act: (shard: ObserverObject) => void) => {
      const name = `alerting/observer.2.${number}`;
      return runInDurableObject(env.OBSERVER.getByName(name), (_, state) => {
        objects[name] ??= new ObserverObject(state, { ALERTS, OBSERVER_PARENT });
        act(objects[name]);
      });
    };
    // Each tells 500 apart. What it does not fails in three of four calls here, and in one of four there.
    await inShard(0, (shard) => {
      shard.ingest(failing(names(500, "good")));
      shard.ingest(failing(["bad 1", "bad 2", "bad 3", "good too"]));
      shard.alarm();
    });
    await inShard(1, (shard) => {
      shard.ingest(failing(["prices", "prices", ...names(499, "good")]));
      shard.ingest(failing(["bad 1", "good too", "good two", "good three"]));
      shard.alarm();
    });
    await until(() => expect(told()).toEqual([["prices", "firing"]]));
    expect(asked).toBe(2);
    const stub = (env.OBSERVER_PARENT as NonNullable<Env["OBSERVER_PARENT"]>).getByName(
      "alerting/observer.2",
    );
    await runInDurableObject(stub, async (_, state) => {
      const OBSERVER = { getByName: (name: string) => objects[name] } as never;
      const parent = new ObserverParent(state, { ALERTS, OBSERVER });
      parent.lookAtOthers();
      expect(await state.storage.getAlarm()).not.toBeNull();
      // Half of the calls fail: in the one shard it is too much, in both together it is not.
      await parent.alarm();
      expect((await parent.state()).alerts).toMatchObject([{ subjects: [{ policy: "prices" }] }]);
      objects["alerting/observer.2.1"]?.ingest(failing(["bad 4"]));
      await parent.alarm();
      await parent.alarm();
      await until(() => expect(told().slice(1)).toEqual([[otherPolicies, "firing"]]));
      expect(out.at(-1)?.value).toBe(5 / 9);
      expect((await parent.state()).alerts).toMatchObject([
        { state: "firing", subjects: [{ policy: "prices" }, { policy: otherPolicies }] },
      ]);
      expect(await state.storage.getAlarm()).not.toBeNull();
      await state.storage.deleteAlarm();
    });
  });

  it("set no alarm at the parent where there are no rules", async () => {
    const stub = (env.OBSERVER_PARENT as NonNullable<Env["OBSERVER_PARENT"]>).getByName("quiet/observer.2");
    await stub.lookAtOthers();
    expect(await runInDurableObject(stub, (_, state) => state.storage.getAlarm())).toBeNull();
  });
});
